"""What the ablations share: options, training and scoring of a changed network, differences."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study.certainty import robustness
from xnet_study.comparison.tasks import shortened
from xnet_tf import dataset, metrics, profiles, runs, training
from xnet_tf.backend import keras
from xnet_tf.files import InputError, read_json, save_table, write_json
from xnet_tf.profiles import Profile

SCORES = {"accuracy": metrics.accuracy, "macro F1": metrics.macro_f1}
VALUE = ["value", "low", "high"]
DIFFERENCE = ["difference", "difference low", "difference high"]
"""Columns of a score and of a paired difference, each with its interval by subject."""

SEEDS = ["lowest_seed", "highest_seed"]
"""Columns of the trainings' own scores."""


def parse(
    description: str, seeds: Sequence[int] = (), arguments: Sequence[str] | None = None
) -> argparse.Namespace:
    """Read the command line of an ablation.

    Args:
        description: the module's docstring, whose first line says what it does.
        seeds: of the networks that it trains by default; without any it trains none.
        arguments: words of the command line; by default the process's own.

    Returns:
        ``population`` (`Path`), ``evaluation`` (`Dataset`, that networks are scored on), ``out``
        (`Path`), and where networks are trained ``seeds``, ``profile`` and ``data`` (`Dataset`).

    Raises:
        InputError: if there is no population, on which hours of training would be scored.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--population", type=Path, default=runs.population(), metavar="DIR")
    parser.add_argument("--out", type=Path, default=runs.REPOSITORY / "results", metavar="DIR")
    if seeds:
        parser.add_argument("--profile", choices=tuple(profiles.PROFILES), default="quick")
        parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
        parser.add_argument("--data", type=Path, metavar="DIR", help="data set to train on")
    options = parser.parse_args(arguments)
    if not (options.population / "evaluation" / "manifest.csv").is_file():
        raise InputError(f"{options.population}: no population; run `make population` first")
    options.evaluation = dataset.load(options.population / "evaluation")
    if seeds:
        options.data, options.profile = dataset.load(options.data), profiles.get(options.profile)
    return options


def command(main: Callable[[], None]) -> None:
    """Run a `main`; a bad input ends the process with one line."""
    try:
        main()
    except InputError as error:
        raise SystemExit(str(error)) from None


def varied(profile: Profile, seed: int, slug: str = "", **changes) -> Profile:
    """Return the profile of one network: a third of a profile's epochs, and something changed.

    Args:
        profile: which is shortened.
        seed: of the network.
        slug: what to call the change; part of the name of the run's folder.
        **changes: fields of the profile. If they change nothing, all such runs are one.
    """
    usual = dataclasses.replace(shortened(profile, "1/3"), seed=seed, precision="float32")
    changed = dataclasses.replace(usual, **changes)
    name = "plain" if changed == usual else slug
    return dataclasses.replace(changed, name=f"{profile.name}/ablation/{name}-seed{seed}")


def train(data: dataset.Dataset, profile: Profile) -> Path:
    """Train a network, unless that has been done. Returns its weights' path."""
    print(profile.name, flush=True)
    keras.utils.clear_session()
    return training.train(data, profile).weights


def population_counts(population: Path, profile: Profile) -> pd.DataFrame:
    """Score a run's network on the population, as far as that has not been done.

    Returns:
        Pixel counts per condition and image, as in ``population.csv``.
    """
    results = runs.folder(profile) / "results"
    images = dataset.load(population / "evaluation").fingerprint()
    used = weights_hash(profile)
    if not made_from(results / "robustness.json", weights_sha256=used, population_sha256=images):
        robustness.evaluate(population, profile)
    return pd.read_csv(results / "population.csv", dtype={"subject": str})


def weights_hash(profile: Profile) -> str:
    """Return the SHA-256 of a run's weights, or, if it has none, of the released ones."""
    return read_json(runs.weights(profile)[0].with_suffix(".json"))["sha256"]


def made_from(record: Path, **expected: str) -> bool:
    """Tell whether results with this record exist and were made from these files."""
    return record.is_file() and expected.items() <= read_json(record).items()


def compare(
    tables: dict[str, list[pd.DataFrame]],
    by: str,
    against: dict[str, tuple[str, str]],
    names: Sequence[str] = tuple(SCORES),
) -> pd.DataFrame:
    """Score networks on one or more sets of images, with differences between them.

    Args:
        tables: by network: pixel counts per image of one training or of several, whose pixels are
            pooled; columns ``image`` and ``subject``, and `by`.
        by: the column that tells the sets apart.
        against: by network: the two whose difference stands beside it, the first one's score minus
            the second one's, paired by subject.
        names: of the scores.

    Returns:
        A row for each set, network and score: columns ``network``, `by`, ``score``, `VALUE`,
        `DIFFERENCE` (missing where nothing is compared), ``lowest_seed`` and ``highest_seed``
        (the trainings' own scores).
    """
    rows = []
    for group, images in next(iter(tables.values()))[0].groupby(by, sort=False):
        subjects = images["subject"].to_numpy(str)
        counts = {
            network: np.stack([_counts(table[table[by] == group], images) for table in trained])
            for network, trained in tables.items()
        }
        pixels = {network: of_each.sum(axis=0) for network, of_each in counts.items()}
        for network, name in itertools.product(tables, names):
            score, change = SCORES[name], (np.nan,) * 3
            if network in against:
                one, other = (pixels[compared] for compared in against[network])
                change = metrics.interval(one, subjects, score, other=other)
            numbers = (*metrics.interval(pixels[network], subjects, score), *change)
            row = {"network": network, by: group, "score": name}
            row |= dict(zip(VALUE + DIFFERENCE, numbers, strict=True))
            seeds = score(counts[network].sum(axis=1))
            rows.append(row | {"lowest_seed": seeds.min(), "highest_seed": seeds.max()})
    return pd.DataFrame(rows)


def _counts(table: pd.DataFrame, images: pd.DataFrame) -> np.ndarray:
    return metrics.counts_of(table.set_index("image").loc[images["image"]])


def save(options: argparse.Namespace, name: str, table: pd.DataFrame, **record) -> None:
    """Write a table as ``<name>.csv``, and what it was made from as ``<name>.json``.

    Args:
        options: of `parse`.
        name: of both files.
        table: to be written.
        **record: of the networks.
    """
    if "data" in options:
        record["data_sha256"] = options.data.fingerprint()
    record["population_sha256"] = options.evaluation.fingerprint()
    record["images"] = len(options.evaluation.manifest)
    record["subjects"] = int(options.evaluation.manifest["subject"].nunique())
    write_json(options.out / f"{name}.json", record | {"versions": runs.versions()})
    print(table.to_string(index=False))
    print(save_table(table, options.out / f"{name}.csv"))
