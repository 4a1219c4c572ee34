"""How much chance there is in a training, and whether the users' weights beat the small ones.

    python -m xnet_study.ablations.seeds [--population DIR] [--profile quick] [--seeds 1 2 3]

Trains the profile with every seed (the first one is the profile's own run), and scores all networks
and the released weights of `segment` on the validation images, the test images and the evaluation
population.

Writes ``results/seeds.csv``: per network, set and score the value of pooled pixels, its interval by
subject, and how far the users' weights lie above it, paired by subject; ``all seeds`` pools the
pixels of the seeds' networks; and ``results/seeds.json``, what all this was made from.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd

from xnet_study import evaluate
from xnet_study.ablations import common
from xnet_study.certainty import robustness
from xnet_tf import profiles, runs
from xnet_tf.dataset import Dataset
from xnet_tf.profiles import Profile

USERS = "users' weights"


def seeded(profile: Profile, seed: int) -> Profile:
    """Return the profile with a seed, and with a folder of its own unless it is the profile's."""
    if seed == profile.seed:
        return profile
    return dataclasses.replace(profile, name=f"{profile.name}-seed{seed}", seed=seed)


def counts(data: Dataset, population: Path, profile: Profile) -> pd.DataFrame:
    """Score one network as far as that has not been done.

    Returns:
        Pixel counts per image; column ``subset`` is ``validation``, ``test`` or ``evaluation``.
    """
    results, used = runs.folder(profile) / "results", common.weights_hash(profile)
    made_from = {"weights_sha256": used, "data_sha256": data.fingerprint()}
    if not common.made_from(results / "run.json", **made_from):
        evaluate.evaluate(data, profile)
    small = pd.read_csv(results / "confusion.csv", dtype={"subject": str})
    small = small[small["method"] == "XNet"]
    large = common.population_counts(population, profile)
    large = large[large["condition"] == robustness.PLAIN].assign(subset="evaluation")
    return pd.concat([small, large], join="inner").assign(weights=used)


def score_table(tables: dict[str, pd.DataFrame], seeds: list[str]) -> pd.DataFrame:
    """Compare the networks.

    Args:
        tables: by network, `USERS` among them: what `counts` returns.
        seeds: names of those that differ by the seed alone; they are also pooled.

    Returns:
        Columns ``network, weights, subset, score, value, low, high, difference, difference low,
        difference high``, the differences being `USERS` minus the network.
    """
    networks = {network: [table] for network, table in tables.items()}
    networks["all seeds"] = [tables[network] for network in seeds]
    pairs = {network: (USERS, network) for network in networks if network != USERS}
    table = common.compare(networks, "subset", pairs)
    hashes = {network: table["weights"].iloc[0] for network, table in tables.items()}
    table.insert(1, "weights", table["network"].map(hashes))
    return table.drop(columns=common.SEEDS)


def main() -> None:
    """Train, score and write the table."""
    options = common.parse(__doc__, seeds=(1, 2, 3))
    profile, tables = options.profile, {}
    for seed in options.seeds:
        changed = seeded(profile, seed)
        common.train(options.data, changed)
        tables[f"{profile.name}, seed {seed}"] = counts(options.data, options.population, changed)
    seeds = list(tables)
    tables[USERS] = counts(options.data, options.population, profiles.get(runs.WIDE))
    common.save(options, "seeds", score_table(tables, seeds), profile=profile.as_dict())


if __name__ == "__main__":
    common.command(main)
