"""What training does to calibration: change one thing at a time, judge how sure the network is.

    python -m xnet_study.ablations.calibration [--population DIR] [--profile quick] [--seeds 1 2]

XNet at a third of the epochs, and the same with another augmentation, without L2, with label
smoothing, half as wide, and trained half as long. All are judged on the evaluation population as
they were trained, without re-calibration. The last rows ask the same of body parts that a network
was not trained on, on their images alone.

Writes ``results/ablation-calibration.csv``: per change, seed and score the value of pooled pixels,
with its interval by subject; ``images`` says of which; and ``results/ablation-calibration.json``,
what all this was made from.
"""

from __future__ import annotations

import pandas as pd

from xnet_study.ablations import common, smoothing  # noqa: F401 - makes its loss known
from xnet_study.ablations.common import varied
from xnet_study.certainty import confidence, streaming
from xnet_study.certainty.scores import score_table
from xnet_study.comparison import images
from xnet_tf import runs
from xnet_tf.dataset import Dataset
from xnet_tf.profiles import Profile
from xnet_tf.weights import load_weights

KEPT = {
    *(("accuracy", "top label"), ("confidence", "top label")),
    *(("ECE", "top label"), ("ECE", "mean of classes")),
    *(("NLL", "all"), ("Brier", "all")),
}
"""Scores of `xnet_study.certainty.scores.score_table` and what they are of."""

UNSEEN = "head and neck"
"""The group of `xnet_study.comparison.images.REGION_GROUPS` that a network is
trained without."""


def changes(profile: Profile, seed: int) -> dict[str, Profile]:
    """Return the settings of every training with a seed, by what was changed."""
    usual = varied(profile, seed)
    half = {name: max(1, getattr(usual, name) // 2) for name in ("epochs", "patience")}
    half["coarse_epochs"] = usual.coarse_epochs // 2
    narrow = tuple(max(1, filters // 2) for filters in usual.filters)
    return {
        "as usual": usual,
        "no augmentation": varied(profile, seed, "none", augmentation="none"),
        "the paper's augmentation": varied(profile, seed, "paper", augmentation="paper"),
        "no L2": varied(profile, seed, "without-l2", l2=0.0),
        "label smoothing": varied(profile, seed, "label-smoothing", loss="label_smoothing"),
        "half the width": varied(profile, seed, "narrow", filters=narrow),
        "half the epochs": varied(profile, seed, "short", **half),
    }


def without_unseen(data: Dataset, profile: Profile) -> tuple[Dataset, Profile]:
    """Return data and settings of a training without the group, of about equally many images."""
    rest = images.without(data, images.REGION_GROUPS[UNSEEN])
    share = rest.subset("train")["body_part"].nunique() / data.manifest["body_part"].nunique()
    shown = round(profile.images_per_part / share)
    return rest, varied(profile, profile.seed, "unseen", images_per_part=shown)


def scores(
    data: Dataset, population: Dataset, profile: Profile, parts: tuple[str, ...] = ()
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
    model = load_weights(common.train(data, profile))
    manifest = population.manifest
    if parts:
        manifest = manifest[manifest["body_part"].isin(parts)]
    predictor = confidence.Predictor(model, profile.image_size)
    state = streaming.State(
        runs.folder(profile) / f"calibration{'-of-parts' if parts else ''}.npz",
        common.weights_hash(profile) + population.fingerprint() + ",".join(parts),
    )
    judged, stream = streaming.ImageSet(population, manifest), streaming.Stream(predictor.methods)
    table = score_table(streaming.run(stream, judged, predictor, state)).query("over == 'pixels'")
    wanted = [pair in KEPT for pair in zip(table["score"], table["class"], strict=True)]
    return table.loc[wanted, ["score", "class", *common.VALUE]]


def main() -> None:
    """Train, judge and write the table."""
    options = common.parse(__doc__, seeds=(1, 2))
    data, profile, unseen = options.data, options.profile, images.REGION_GROUPS[UNSEEN]
    trainings = [
        (change, seed, (), data, changed)
        for seed in options.seeds
        for change, changed in changes(profile, seed).items()
    ]
    usual = varied(profile, profile.seed)
    trainings.append(("as usual", profile.seed, unseen, data, usual))
    trainings.append((f"{UNSEEN} left out", profile.seed, unseen, *without_unseen(data, profile)))
    tables = [
        scores(trained_on, options.evaluation, changed, parts).assign(
            change=change, seed=seed, body_part=UNSEEN if parts else "all"
        )
        for change, seed, parts, trained_on, changed in trainings
    ]
    table = pd.concat(tables)[["change", "seed", "body_part", "score", "class", *common.VALUE]]
    common.save(options, "ablation-calibration", table, profile=usual.as_dict())


if __name__ == "__main__":
    common.command(main)
