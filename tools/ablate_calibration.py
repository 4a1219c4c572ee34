"""What training does to calibration: change one thing at a time, judge how sure the network is.

    python tools/ablate_calibration.py [--population DIR] [--profile quick] [--seeds 1 2]

The comparison's XNet, and the same with another augmentation, without L2, with label smoothing,
half as wide, and trained half as long. All are judged on the evaluation population as they were
trained, without re-calibration. The last rows ask the same of body parts that a network has never
seen, on their images alone.

Writes ``results/ablation-calibration.csv``: per change, seed and score the value of pooled pixels,
with its interval by subject; ``images`` says of which; and ``results/ablation-calibration.json``,
what all this was made from. An interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from ablate_augmentation import record, varied

from xnet_study.comparison import partitions, tasks
from xnet_tf import dataset, profiles, runs
from xnet_tf.files import InputError, read_json, save_table, write_json
from xnet_tf.profiles import Profile

KEPT = {
    ("accuracy", "top label"),
    ("confidence", "top label"),
    ("ECE", "top label"),
    ("ECE", "mean of classes"),
    ("NLL", "all"),
    ("Brier", "all"),
}
"""Scores of `xnet_study.certainty.confidence.score_table` and what they are of."""

UNSEEN = "head and neck"
"""The group of `xnet_study.comparison.partitions.REGION_GROUPS` that a network is
trained without."""


def changes(profile: Profile, seed: int) -> dict[str, Profile]:
    """Return the settings of every training with a seed, by what was changed."""
    usual = varied(profile, seed, "")
    lengths = ("epochs", "coarse_epochs", "patience")
    half = {name: getattr(usual, name) // 2 for name in lengths}
    narrow = tuple(max(1, filters // 2) for filters in usual.filters)
    return {
        "nothing": usual,
        "no augmentation": varied(profile, seed, "none", augmentation="none"),
        "the paper's augmentation": varied(profile, seed, "paper", augmentation="paper"),
        "no L2": varied(profile, seed, "without-l2", l2=0.0),
        "label smoothing": varied(profile, seed, "label-smoothing", loss="label_smoothing"),
        "half the width": varied(profile, seed, "narrow", filters=narrow),
        "half the epochs": varied(profile, seed, "short", **half),
    }


def without_unseen(
    data: dataset.Dataset, profile: Profile, seed: int
) -> tuple[dataset.Dataset, Profile]:
    """Return data and settings of the training that never sees the group: the comparison's own."""
    parts = partitions.REGION_GROUPS[UNSEEN]
    fold = {"kind": "region group", "name": UNSEEN, "parts": list(parts)}
    slug = f"xnet-without-{UNSEEN.replace(' ', '-')}"
    task = tasks.Task(slug, "XNet", "network", "xnet", seed=seed, fold=fold)
    rest = partitions.without_parts(data, parts)
    count = rest.subset("train")["body_part"].nunique()
    return rest, tasks.budget(profile, task, count, data.manifest["body_part"].nunique())


def scores(
    data: dataset.Dataset,
    population: dataset.Dataset,
    profile: Profile,
    parts: tuple[str, ...] = (),
) -> pd.DataFrame:
    """Train one network and judge it on a population, as far as that has not been done.

    Args:
        data: to train on.
        population: to judge on.
        profile: of the network.
        parts: body parts whose images are judged; by default all.

    Returns:
        Columns ``score, class, value, low, high``.
    """
    from xnet_study.certainty import confidence, streaming
    from xnet_tf import training
    from xnet_tf.backend import keras
    from xnet_tf.weights import load_weights

    keras.utils.clear_session()
    trained = training.train(data, profile)
    manifest = population.manifest
    if parts:
        manifest = manifest[manifest["body_part"].isin(parts)]
    key = read_json(trained.weights.with_suffix(".json"))["sha256"] + population.fingerprint()
    stream = streaming.run(
        streaming.Stream([confidence.AS_TRAINED]),
        confidence.pictures(population, manifest),
        confidence.predictor(
            load_weights(trained.weights), [], {}, profile.image_size, averages=False
        ),
        len(manifest),
        runs.folder(profile) / f"calibration{'-of-parts' * bool(parts)}.npz",
        key + ",".join(parts),
    )
    subjects = manifest.loc[stream.images, "subject"].to_numpy(str)
    table = confidence.score_table(stream, subjects).query("over == 'pixels'")
    wanted = [pair in KEPT for pair in zip(table["score"], table["class"], strict=True)]
    return table.loc[wanted, ["score", "class", "value", "low", "high"]]


def main() -> None:
    """Train, judge and write the table."""
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
    population = dataset.load(options.population / "evaluation")
    parts = []
    for seed in options.seeds:
        for change, run in changes(profile, seed).items():
            print(f"{change}, seed {seed}", flush=True)
            table = scores(data, population, run)
            parts.append(table.assign(change=change, seed=seed, images="all"))
    seed, unseen = profile.seed, partitions.REGION_GROUPS[UNSEEN]
    for change, known, run in (
        ("nothing", data, varied(profile, seed, "")),
        (f"{UNSEEN} left out", *without_unseen(data, profile, seed)),
    ):
        print(f"{change}, judged on {UNSEEN}", flush=True)
        table = scores(known, population, run, unseen)
        parts.append(table.assign(change=change, seed=seed, images=UNSEEN))
    columns = ["change", "seed", "images", "score", "class", "value", "low", "high"]
    table = pd.concat(parts)[columns]
    print(save_table(table, options.out / "ablation-calibration.csv"))
    made_from = record(data, population, varied(profile, seed, ""))
    write_json(options.out / "ablation-calibration.json", made_from)
    shown = table.assign(score=table["score"] + ", " + table["class"])
    print(shown.pivot(index=["images", "change", "seed"], columns="score", values="value").round(4))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(str(error)) from None
