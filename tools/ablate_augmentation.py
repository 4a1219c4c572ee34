"""What each part of the augmentation is worth: train without it, score on the population.

    python tools/ablate_augmentation.py [--population DIR] [--profile quick] [--seeds 1 2]

Five presets, each with what the one before has and something more: none, affine, affine and
elastic, the paper's in full, robust. All networks see equally many images, at the budget of the
comparison (`xnet_study.comparison.tasks.budget`), whose XNet is one of them. An interrupted run
goes on where it was, and a finished network is not trained again.

Writes ``results/ablation-augmentation.csv``: per preset and condition (plain, and every condition
of `xnet_study.certainty.robustness`) macro F1 of the seeds' pixels pooled, its interval by subject,
each seed's own macro F1, and the difference from the preset before, paired by subject; and
``results/ablation-augmentation.json``, what all this was made from.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
from compare_seeds import made_from

from xnet_study.comparison.tasks import Task, budget
from xnet_tf import dataset, metrics, profiles, runs
from xnet_tf.files import InputError, read_json, save_table, write_json
from xnet_tf.metrics import counts_of
from xnet_tf.profiles import Profile

LADDER = ("none", "affine", "affine-elastic", "paper", "robust")


def varied(profile: Profile, seed: int, slug: str, **changes) -> Profile:
    """Return the profile of one network: the comparison's XNet with something changed.

    Args:
        profile: which the comparison's settings derive from.
        seed: of the network.
        slug: what to call the change; part of the name of the run's folder.
        **changes: fields of the profile. If they change nothing, the run is the comparison's own.
    """
    task = Task(f"xnet-seed{seed}", "XNet", "network", "xnet", seed=seed)
    usual = budget(profile, task, 1, 1)
    if dataclasses.replace(usual, **changes) == usual:
        return usual
    return dataclasses.replace(usual, name=f"{profile.name}/ablation/{slug}-seed{seed}", **changes)


def counts(data: dataset.Dataset, population: Path, profile: Profile) -> pd.DataFrame:
    """Train one network and score it, as far as that has not been done.

    Returns:
        Pixel counts per condition and image, as in ``population.csv``.
    """
    from xnet_study.certainty import robustness
    from xnet_tf import training
    from xnet_tf.backend import keras

    keras.utils.clear_session()
    results = runs.folder(profile) / "results"
    used = read_json(training.train(data, profile).weights.with_suffix(".json"))["sha256"]
    new = dataset.load(population / "evaluation").fingerprint()
    if not made_from(results / "robustness.json", weights_sha256=used, population_sha256=new):
        robustness.evaluate(population, profile, runs.folder(profile))
    return pd.read_csv(results / "population.csv", dtype={"subject": str})


def record(data: dataset.Dataset, population: dataset.Dataset, usual: Profile) -> dict:
    """Return what an ablation's table was made from.

    Args:
        data: that all networks were trained on.
        population: that they were judged on.
        usual: settings of the network with nothing changed.
    """
    return {
        "profile": usual.as_dict(),
        "data_sha256": data.fingerprint(),
        "population_sha256": population.fingerprint(),
        "images": len(population.manifest),
        "subjects": int(population.manifest["subject"].nunique()),
        "versions": runs.versions(),
    }


def score_table(tables: dict[str, list[pd.DataFrame]]) -> pd.DataFrame:
    """Compare the presets.

    Args:
        tables: by preset, in the order of the ladder; the counts of each seed's network.

    Returns:
        Columns ``preset, condition, value, low, high, lowest_seed, highest_seed, previous,
        difference, difference_low, difference_high``.
    """
    rows, before = [], None
    for preset, runs_of_it in tables.items():
        for condition in runs_of_it[0]["condition"].unique():
            own = [t[t["condition"] == condition].set_index("image") for t in runs_of_it]
            images = own[0].index
            pooled = sum(counts_of(table.loc[images]) for table in own)
            subjects = own[0]["subject"].to_numpy(dtype=str)
            difference = (np.nan, np.nan, np.nan)
            if before:
                others = (t[t["condition"] == condition].set_index("image") for t in tables[before])
                other = sum(counts_of(table.loc[images]) for table in others)
                difference = metrics.interval(pooled, subjects, metrics.macro_f1, other=other)
            each = [metrics.macro_f1(counts_of(table).sum(axis=0)) for table in own]
            value = metrics.interval(pooled, subjects, metrics.macro_f1)
            rows.append((preset, condition, *value, min(each), max(each), before, *difference))
        before = preset
    spans = ["value", "low", "high", "lowest_seed", "highest_seed", "previous"]
    spans += ["difference", "difference_low", "difference_high"]
    return pd.DataFrame(rows, columns=["preset", "condition", *spans])


def main() -> None:
    """Train, score and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--population", type=Path, default=runs.REPOSITORY / "runs/population")
    parser.add_argument("--profile", choices=tuple(profiles.PROFILES), default="quick")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--data", type=Path, metavar="DIR", help="data set")
    parser.add_argument("--out", type=Path, default=runs.REPOSITORY / "results", metavar="DIR")
    options = parser.parse_args()
    # Hours of training are no use if there is nothing to score on.
    if not (options.population / "evaluation" / "manifest.csv").is_file():
        raise InputError(f"{options.population}: no population; run `make population` first")
    data, profile = dataset.load(options.data), profiles.get(options.profile)
    tables = {}
    for preset in LADDER:
        tables[preset] = []
        for seed in options.seeds:
            print(f"{preset}, seed {seed}", flush=True)
            run = varied(profile, seed, preset, augmentation=preset)
            tables[preset].append(counts(data, options.population, run))
    table = score_table(tables)
    print(save_table(table, options.out / "ablation-augmentation.csv"))
    judged_on = dataset.load(options.population / "evaluation")
    made_from = record(data, judged_on, varied(profile, options.seeds[0], ""))
    write_json(options.out / "ablation-augmentation.json", made_from)
    print(table[table["condition"] == "plain"].to_string(index=False))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(str(error)) from None
