"""What each part of the augmentation is worth: train without it, score on the population.

    python -m xnet_study.ablations.augmentation [--population DIR] [--profile quick] [--seeds 1 2]

A ladder of presets, each with what the one before has and something more: none, affine, affine and
elastic, the paper's in full, robust; and beside it mild, compared with none. All networks
are trained on equally many images, at a third of the profile's epochs.

Writes ``results/ablation-augmentation.csv``: per preset and condition (plain, and every condition
of `xnet_study.certainty.robustness`) macro F1 of the seeds' pixels pooled, its interval by subject,
each seed's own macro F1, and the difference from the preset before, paired by subject; and
``results/ablation-augmentation.json``, what all this was made from.
"""

from __future__ import annotations

import itertools

import pandas as pd

from xnet_study.ablations import common

LADDER = ("none", "affine", "affine-elastic", "paper", "robust")
BESIDE = "mild"


def score_table(tables: dict[str, list[pd.DataFrame]]) -> pd.DataFrame:
    """Compare the presets.

    Args:
        tables: by preset, in the order of the ladder; the counts of each seed's network.

    Returns:
        Columns ``preset, condition, value, low, high, lowest_seed, highest_seed, previous,
        difference, difference low, difference high``.
    """
    ladder = [preset for preset in tables if preset != BESIDE]
    pairs = {preset: (preset, before) for before, preset in itertools.pairwise(ladder)}
    if BESIDE in tables:
        pairs[BESIDE] = (BESIDE, ladder[0])
    table = common.compare(tables, "condition", pairs, ("macro F1",))
    table["previous"] = [pairs[p][1] if p in pairs else None for p in table["network"]]
    seeds = [*common.SEEDS, "previous"]
    order = {preset: number for number, preset in enumerate(tables)}
    table = table.sort_values("network", key=lambda p: p.map(order), kind="stable")
    table = table.rename(columns={"network": "preset"})
    return table[["preset", "condition", *common.VALUE, *seeds, *common.DIFFERENCE]]


def main() -> None:
    """Train, score and write the table."""
    options = common.parse(__doc__, seeds=(1, 2))
    tables: dict[str, list[pd.DataFrame]] = {preset: [] for preset in (*LADDER, BESIDE)}
    for preset, seed in itertools.product(tables, options.seeds):
        profile = common.varied(options.profile, seed, preset, augmentation=preset)
        common.train(options.data, profile)
        tables[preset].append(common.population_counts(options.population, profile))
    usual = common.varied(options.profile, options.seeds[0])
    common.save(options, "ablation-augmentation", score_table(tables), profile=usual.as_dict())


if __name__ == "__main__":
    common.command(main)
