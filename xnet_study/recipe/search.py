"""Search for a recipe: train many short networks, and keep a record of each.

    python -m xnet_study.recipe.search run [--population DIR]    trials that have no row yet
    python -m xnet_study.recipe.search table                     the record, best first
    python -m xnet_study.recipe.search costs                     core-seconds per image by size

A trial is a network of width 16, trained on data/'s training subset with settings that differ from
the quick profile's in some way. A finished trial appends one row to ``results/recipe.csv``; one
that was killed leaves nothing behind and is begun anew. Each trial has a fresh process
(`os.execv`), so that none inherits anything of another, and trials can be added while one runs.

What a trial may cost is given in epochs of 228 images of the whole training, of which it does a
share: quick was, before Muon, ``stages=(Stage(104, 75), Stage(200, 25))``. Its cost is measured as
the process's own processor time, which does not count while others have the machine.

Scores are macro F1 of pooled counts: each picture is brought to 200 pixels, normalised, filled up
to a square by reflection, and scored within its own borders **at 200 pixels**, where `evaluate`
scores at the picture's own size. It is the same for all trials, and a hundredth of the work.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study import real
from xnet_study.ablations.common import command
from xnet_study.ablations.reinitialise import dead_filters
from xnet_study.recipe import batches
from xnet_study.recipe.learning import make_loss, make_optimizer
from xnet_study.recipe.settings import (
    CORE_SECONDS,
    Settings,
    Stage,
    Trial,
    nominal_cost,
    step_views,
)
from xnet_study.recipe.trials import TRIALS
from xnet_tf import dataset, metrics, preprocessing, runs
from xnet_tf.backend import keras
from xnet_tf.files import save_table, write_atomically
from xnet_tf.model import build_xnet

WIDTHS = (16, 32, 64, 128)
SCORED_SIZE = 200

REESTIMATION_STEPS = 60
"""Batches from which batch normalisation's moments are estimated anew for averaged weights."""


def build(settings: Settings, steps: int) -> keras.Model:
    """Build and compile a network, in float32, open in size."""
    model = build_xnet((None, None, 1), filters=WIDTHS, l2=settings.l2)
    for layer in _layers(model, keras.layers.BatchNormalization):
        layer.momentum = settings.bn_momentum
    model.compile(make_optimizer(settings, steps), make_loss(settings.loss))
    return model


def fit(trial: Trial, data: dataset.Dataset) -> tuple[keras.Model, float]:
    """Train a network; return it and the core-seconds that it took, compiling included."""
    keras.utils.set_random_seed(trial.seed)
    views = step_views(trial)
    started = time.process_time()
    model = build(trial.settings, len(views))
    iterators = batches.by_stage(trial, data)
    model.make_train_function()
    for step, stage in enumerate(views):
        loss = float(model.train_function(iterators[stage])["loss"])
        if step % max(1, len(views) // 20) == 0:
            spent = time.process_time() - started
            print(f"  step {step}/{len(views)}, size {stage.size}, ", end="")
            print(f"loss {loss:.3f}, {spent:.0f} core-seconds", flush=True)
    if trial.settings.ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)
        reestimate(model, trial, views[-1], data)
    return model, time.process_time() - started


def reestimate(model: keras.Model, trial: Trial, stage: Stage, data: dataset.Dataset) -> None:
    """Give batch normalisation the moments that belong to averaged weights."""
    again = dataclasses.replace(trial.settings, stages=(stage,), mixed=False)
    again = dataclasses.replace(trial, settings=again, seed=trial.seed + 1000)
    shown = batches.by_stage(again, data)[stage]
    for step, (images, _) in zip(range(REESTIMATION_STEPS), shown, strict=False):
        for layer in _layers(model, keras.layers.BatchNormalization):
            layer.momentum = step / (step + 1)
        model(images, training=True)


def score(model: keras.Model, arrays: dataset.Arrays) -> np.ndarray:
    """Return confusion counts ``(N, 3, 3)`` of pictures within their own borders."""
    images, truths = arrays.unpadded
    size = arrays.images.shape[1]
    prepared = [
        # Normalised before it is filled up, as `segment` does it; it has its size already.
        preprocessing.fit_square(preprocessing.prepare(image), size, lambda same, *_: same)
        for image in images
    ]
    predicted = model.predict(np.stack(prepared), batch_size=12, verbose=0).argmax(-1)
    pairs = zip(truths, predicted, strict=True)
    return np.stack([metrics.confusion(t, p[: t.shape[0], : t.shape[1]]) for t, p in pairs])


def real_scores(model: keras.Model) -> dict[str, float]:
    """Return macro F1 on the two real radiographs, which nothing is chosen by."""
    scored = {name: real.scores(m["hand"], m["mask"]) for name, _, m in real.segmented(model)}
    return {f"real {name}": round(found["macro F1"], 4) for name, found in scored.items()}


def record_path() -> Path:
    """Return where the rows of finished trials are."""
    return runs.REPOSITORY / "results" / "recipe.csv"


def record() -> pd.DataFrame:
    """Return the rows of finished trials."""
    if not record_path().exists():
        return pd.DataFrame(columns=["trial", "share", "seed"])
    return pd.read_csv(record_path(), dtype={"share": str, "code": str})


def pending() -> Trial | None:
    """Return the first trial without a row."""
    done = set(record()[["trial", "share", "seed"]].itertuples(index=False, name=None))
    return next((trial for trial in TRIALS if trial.key not in done), None)


def run(trial: Trial, population: Path) -> None:
    """Do one trial and append its row.

    Args:
        trial: to be done.
        population: folder of further simulated subjects, of which ``choice`` is scored.

    Raises:
        InputError: if there is no such population.
    """
    name, share, seed = trial.key
    data, choice = dataset.load(), dataset.load(population / "choice")
    print(f"{_now()} {name}, share {share}, seed {seed}", flush=True)
    model, core_seconds = fit(trial, data)
    subsets = {"validation": (data, "validation"), "choice": (choice, "all")}
    counts = {k: score(model, batches.read(*v, SCORED_SIZE)) for k, v in subsets.items()}
    scores = {k: round(float(metrics.macro_f1(v.sum(axis=0))), 4) for k, v in counts.items()}
    by_class = metrics.f1(counts["choice"].sum(axis=0)).round(4)
    convolutions = _layers(model, keras.layers.Conv2D)[:-1]
    row = {
        **{"trial": name, "share": share, "seed": seed, "code": _code()},
        "images": len(step_views(trial)) * trial.settings.batch_size,
        "core_seconds": round(core_seconds, 1),
        "cost": round(nominal_cost(trial.settings), 3),
        **scores,
        **dict(zip(("choice_open", "choice_soft", "choice_bone"), by_class, strict=True)),
        **real_scores(model),
        "dead": sum(int(dead_filters(layer).sum()) for layer in convolutions),
        "date": _now(),
        "settings": json.dumps(trial.settings.described()),
    }
    kept = runs.root() / "recipe" / "counts" / f"{name}-{share}-{seed}.npz"
    write_atomically(kept, lambda path: np.savez_compressed(path, **counts))
    save_table(pd.concat([record(), pd.DataFrame([row])], ignore_index=True), record_path())
    print(f"{_now()} {name}: {scores}, {core_seconds:.0f} core-seconds", flush=True)


def _layers(model: keras.Model, kind: type) -> list:
    return [layer for layer in model.layers if isinstance(layer, kind)]


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M")


def _code() -> str:
    """Return the checkout's commit; without one, the package's version."""
    asked = ["git", "-C", str(runs.REPOSITORY), "rev-parse", "--short=7", "HEAD"]
    try:
        return subprocess.run(asked, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return metadata.version("xnet-tf")


def costs() -> None:
    """Measure processor time per image at each size, five images a step."""
    data = dataset.load()
    for size in CORE_SECONDS:
        trial = Trial("costs", Settings(stages=(Stage(size, 50),)), 1.0)
        model, (iterator,) = build(trial.settings, 1000), batches.by_stage(trial, data).values()
        model.make_train_function()
        steps = max(10, 40 * 64 // size)
        for step in range(steps + 8):
            if step == 8:  # compiled by then
                started = time.process_time()
            model.train_function(iterator)
        per_image = (time.process_time() - started) / steps / trial.settings.batch_size
        print(size, round(per_image, 5), flush=True)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "table", "costs"))
    parser.add_argument("--population", type=Path, default=runs.population(), metavar="DIR")
    options = parser.parse_args()
    if options.what == "costs":
        costs()
    elif options.what == "table":
        rows = record().sort_values(["share", "choice"], ascending=False)
        print(rows.drop(columns=["date"]).to_string(index=False, max_colwidth=120))
    elif trial := pending():
        run(trial, options.population)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


if __name__ == "__main__":
    command(main)
