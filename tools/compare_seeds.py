"""How much chance there is in a training, and whether the users' weights beat the small ones.

    python tools/compare_seeds.py [--population DIR] [--profile quick] [--seeds 1 2 3]

Trains the profile with every seed (the first one is the profile's own run and is not trained
again if it is there), and scores all networks and the released weights of `segment` on the
validation images, the test images and the evaluation population. An interrupted call goes on
where it was.

Writes ``results/seeds.csv``: per network, set and score the value of pooled pixels, its interval by
subject, and how far the users' weights lie above it, paired by subject; ``all seeds`` pools the
pixels of the seeds' networks.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study import evaluate
from xnet_tf import dataset, metrics, profiles, runs
from xnet_tf.files import InputError, read_json, save_table
from xnet_tf.metrics import counts_of
from xnet_tf.profiles import Profile

USERS = "users' weights"
SCORES = {"accuracy": metrics.accuracy, "macro F1": metrics.macro_f1}


def seeded(profile: Profile, seed: int) -> Profile:
    """Return the profile with a seed, and with a folder of its own unless it is the profile's."""
    if seed == profile.seed:
        return profile
    return dataclasses.replace(profile, name=f"{profile.name}-seed{seed}", seed=seed)


def made_from(record: Path, **expected: str) -> bool:
    """Tell whether results with this record are there and were made from these files."""
    return record.is_file() and expected.items() <= read_json(record).items()


def counts(data: dataset.Dataset, population: Path, profile: Profile) -> pd.DataFrame:
    """Score one network as far as that has not been done.

    Returns:
        Pixel counts per image; column ``set`` is ``validation``, ``test`` or ``evaluation``.
    """
    from xnet_study.certainty import robustness

    weights, _ = runs.weights(profile)
    used = read_json(weights.with_suffix(".json"))["sha256"]
    results = runs.folder(profile) / "results"
    new = dataset.load(population / "evaluation").fingerprint()
    if not made_from(results / "run.json", weights_sha256=used, data_sha256=data.fingerprint()):
        evaluate.evaluate(data, profile)
    if not made_from(results / "robustness.json", weights_sha256=used, population_sha256=new):
        robustness.evaluate(population, profile)
    small = pd.read_csv(results / "confusion.csv", dtype={"subject": str})
    small = small[small["method"] == "XNet"].rename(columns={"subset": "set"})
    large = pd.read_csv(results / "population.csv", dtype={"subject": str})
    large = large[large["condition"] == robustness.PLAIN].assign(set="evaluation")
    table = pd.concat([small, large], join="inner")
    return table.assign(weights=used)


def score_table(tables: dict[str, pd.DataFrame], seeds: list[str]) -> pd.DataFrame:
    """Compare the networks.

    Args:
        tables: by network, `USERS` among them: what `counts` returns.
        seeds: names of those that differ by the seed alone; they are also pooled.

    Returns:
        Columns ``network, weights, set, score, value, low, high, difference, difference_low,
        difference_high``, the differences being `USERS` minus the network.
    """
    rows = []
    for name in tables[USERS]["set"].unique():
        of_set = {n: t[t["set"] == name].set_index("image") for n, t in tables.items()}
        images = of_set[USERS].index
        subjects = of_set[USERS]["subject"].to_numpy(str)
        pixels = {n: counts_of(t.loc[images]) for n, t in of_set.items()}
        hashes = {n: t["weights"].iloc[0] for n, t in of_set.items()}
        pixels["all seeds"] = sum(pixels[n] for n in seeds)
        for network, own in pixels.items():
            for title, score in SCORES.items():
                difference = (np.nan, np.nan, np.nan)
                if network != USERS:
                    difference = metrics.interval(pixels[USERS], subjects, score, other=own)
                value = metrics.interval(own, subjects, score)
                rows.append((network, hashes.get(network), name, title, *value, *difference))
    columns = ["network", "weights", "set", "score", "value", "low", "high"]
    columns += ["difference", "difference_low", "difference_high"]
    return pd.DataFrame(rows, columns=columns)


def main() -> None:
    """Train, score and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--population", type=Path, default=runs.REPOSITORY / "runs/population")
    parser.add_argument("--profile", choices=tuple(profiles.PROFILES), default="quick")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--data", type=Path, metavar="DIR", help="data set")
    parser.add_argument("--out", type=Path, default=runs.REPOSITORY / "results", metavar="DIR")
    options = parser.parse_args()
    if not (options.population / "evaluation" / "manifest.csv").is_file():
        raise InputError(f"{options.population}: no population; run `make population` first")
    data, profile = dataset.load(options.data), profiles.get(options.profile)
    from xnet_tf import training

    tables = {}
    for seed in options.seeds:
        print(f"seed {seed}", flush=True)
        run = seeded(profile, seed)
        training.train(data, run)
        tables[f"{profile.name}, seed {seed}"] = counts(data, options.population, run)
    seeds = list(tables)
    tables[USERS] = counts(data, options.population, profiles.get(runs.WIDE))
    table = score_table(tables, seeds)
    print(save_table(table, options.out / "seeds.csv"))
    print(table[table["score"] == "macro F1"].drop(columns="weights").to_string(index=False))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(str(error)) from None
