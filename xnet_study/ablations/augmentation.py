"""What each part of the augmentation is worth: train without it, score on the population.

    python -m xnet_study.ablations.augmentation [--population DIR] [--profile quick] [--seeds 1 2]

Five presets, each with what the one before has and something more: none, affine, affine and
elastic, the paper's in full, robust. All networks are trained on equally many images, at the budget
of the comparison (`xnet_study.comparison.tasks.budget`), whose XNet is one of them.

Writes ``results/ablation-augmentation.csv``: per preset and condition (plain, and every condition
of `xnet_study.certainty.robustness`) macro F1 of the seeds' pixels pooled, its interval by subject,
each seed's own macro F1, and the difference from the preset before, paired by subject; and
``results/ablation-augmentation.json``, what all this was made from.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from xnet_study.ablations import common
from xnet_tf.metrics import counts_of, macro_f1

LADDER = ("none", "affine", "affine-elastic", "paper", "robust")


def score_table(tables: dict[str, list[pd.DataFrame]]) -> pd.DataFrame:
    """Compare the presets.

    Args:
        tables: by preset, in the order of the ladder; the counts of each seed's network.

    Returns:
        Columns ``preset, condition, value, low, high, lowest_seed, highest_seed, previous,
        difference, difference_low, difference_high``.
    """
    images_of = dict(list(next(iter(tables.values()))[0].groupby("condition", sort=False)))
    rows, previous, before = [], None, {}
    for preset, networks in tables.items():
        pooled = {}
        for condition, images in images_of.items():
            counts = np.stack([_counts(table, condition, images["image"]) for table in networks])
            pooled[condition] = counts.sum(axis=0)
            pair = (pooled[condition], before[condition]) if before else None
            subjects = images["subject"].to_numpy(str)
            (row,) = common.scored(pooled[condition], subjects, pair, ("macro F1",))
            seeds = macro_f1(counts.sum(axis=1))
            row |= {"lowest_seed": seeds.min(), "highest_seed": seeds.max()}
            rows.append({"preset": preset, "condition": condition, "previous": previous, **row})
        previous, before = preset, pooled
    columns = [*common.VALUE, "lowest_seed", "highest_seed", "previous", *common.DIFFERENCE]
    return pd.DataFrame(rows)[["preset", "condition", *columns]]


def _counts(table: pd.DataFrame, condition: str, images: pd.Series) -> np.ndarray:
    return counts_of(table[table["condition"] == condition].set_index("image").loc[images])


def main() -> None:
    """Train, score and write the table."""
    options = common.parse(__doc__.splitlines()[0], seeds=(1, 2))
    from xnet_tf import training
    from xnet_tf.backend import keras

    tables: dict[str, list[pd.DataFrame]] = {preset: [] for preset in LADDER}
    for preset, of_seeds in tables.items():
        for seed in options.seeds:
            print(f"{preset}, seed {seed}", flush=True)
            keras.utils.clear_session()
            profile = common.varied(options.profile, seed, preset, augmentation=preset)
            training.train(options.data, profile)
            of_seeds.append(common.population_counts(options.population, profile))
    table = score_table(tables)
    usual = common.varied(options.profile, options.seeds[0])
    common.save(options, "ablation-augmentation", table, profile=usual.as_dict())


if __name__ == "__main__":
    common.command(main)
