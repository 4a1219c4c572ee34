"""The paper's own width, and the authors' own settings, on the same images.

    python -m xnet_study.ablations.width [--population DIR] [--profile quick] [--seeds 1]

Beside the profile's network stand one as wide as the paper's, by the same recipe, and one of the
profile's width by the authors' settings (RMSprop, their augmentation, their penalty). All see
equally many images, in the same sizes. The wide one takes hours; it resumes when called again.

Writes ``results/width.csv``: per network, set and score the value of pooled pixels, its interval by
subject, and how far it lies above the profile's network, paired by subject;
``results/width-history.csv``: learning curves by images seen and by core-seconds, which are steps
times what a step costs on this machine; and ``results/width.json``, what all this was made from.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import time

import numpy as np
import pandas as pd

from xnet_study.ablations import common, seeds
from xnet_tf import pipeline, profiles, runs, training
from xnet_tf.files import save_table
from xnet_tf.profiles import Profile

LEARNING = ("optimizer", "learning_rate", "schedule", "augmentation", "l2")
"""Fields of a profile that are the authors' settings."""


def networks(profile: Profile) -> dict[str, Profile]:
    """Return the profiles of the networks, the given one first, by their names in the table."""
    paper = profiles.get("paper")
    authors = {name: getattr(paper, name) for name in LEARNING}
    wide = {"filters": paper.filters, "precision": "auto"}
    return {
        f"width {profile.filters[0]}": profile,
        f"width {paper.filters[0]}": dataclasses.replace(
            profile, name=f"{profile.name}-width{paper.filters[0]}", **wide
        ),
        f"width {profile.filters[0]}, authors' settings": dataclasses.replace(
            profile, name=f"{profile.name}-authors", **authors
        ),
    }


def step_costs(profile: Profile, steps: int = 5) -> dict[int, float]:
    """Measure the core-seconds of a training step at each image size of a profile."""
    model = training.build_model(training.settle_precision(profile), steps_per_epoch=100)
    costs = {}
    for size in {size for size, _, _ in profile.phases}:
        rng = np.random.default_rng(1)
        images = rng.uniform(-1, 1, (profile.batch_size, size, size, 1)).astype("float32")
        labels = rng.integers(0, 3, images.shape[:3]).astype("uint8")
        model.train_on_batch(images, labels)  # compiled by now
        started = time.process_time()
        for _ in range(steps):
            model.train_on_batch(images, labels)
        costs[size] = (time.process_time() - started) / steps
    return costs


def curve(
    profile: Profile, history: pd.DataFrame, steps: int, costs: dict[int, float]
) -> pd.DataFrame:
    """Place a training's epochs by images seen and by core-seconds.

    Args:
        profile: of the training.
        history: its ``history.csv``.
        steps: of an epoch.
        costs: core-seconds of a step, by image size.

    Returns:
        Columns ``epoch, images, core_seconds, val_accuracy, val_loss``.
    """
    of_epoch = np.concatenate([[costs[size]] * (end - at) for size, at, end in profile.phases])
    table = history[["epoch", "val_accuracy", "val_loss"]].copy()
    table.insert(1, "images", history["epoch"] * steps * profile.batch_size)
    table.insert(2, "core_seconds", (steps * of_epoch.cumsum()[: len(history)]).round(1))
    return table


def score_table(tables: dict[str, list[pd.DataFrame]]) -> pd.DataFrame:
    """Compare the networks with the first, which is the profile's.

    Args:
        tables: by network: what `seeds.counts` returns, for each seed.

    Returns:
        Columns ``network, subset, score, value, low, high, difference, difference low, difference
        high, lowest_seed, highest_seed``.
    """
    usual, *others = tables
    return common.compare(tables, "subset", {network: (network, usual) for network in others})


def measure(options: argparse.Namespace, profile: Profile) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train a network, unless that has been done; return its counts and its learning curve."""
    common.train(options.data, profile)
    history = pd.read_csv(runs.folder(profile) / "results" / "history.csv")
    steps = pipeline.steps_per_epoch(options.data.subset("train"), profile)
    along = curve(profile, history, steps, step_costs(profile))
    return seeds.counts(options.data, options.population, profile), along


def main() -> None:
    """Train, score and write the tables."""
    options = common.parse(__doc__, seeds=(1,))
    wanted = networks(options.profile)
    tables: dict[str, list[pd.DataFrame]] = {network: [] for network in wanted}
    curves = []
    for (network, profile), seed in itertools.product(wanted.items(), options.seeds):
        counts, along = measure(options, seeds.seeded(profile, seed))
        tables[network].append(counts)
        curves.append(along.assign(network=network, seed=seed))
    save_table(pd.concat(curves), options.out / "width-history.csv")
    settings = [profile.as_dict() for profile in wanted.values()]
    common.save(options, "width", score_table(tables), profiles=settings)


if __name__ == "__main__":
    common.command(main)
