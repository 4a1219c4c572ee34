"""Other divisions of a data set than its own split: folds of subjects, and parts left out.

In each, no subject is on two sides, and about a sixth of what is not held out is for validation.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from xnet_tf.dataset import Dataset

FOLDS = 5

REGION_GROUPS = {
    "hand and forearm": ("finger", "hand", "wrist", "forearm"),
    "upper arm": ("elbow", "humerus"),
    "shoulder and chest": ("shoulder", "clavicle", "thorax"),
    "head and neck": ("head", "neck"),
    "spine and pelvis": ("lumbar spine", "pelvis", "neck of femur"),
    "thigh and knee": ("femur", "knee"),
    "lower leg and foot": ("lower leg", "ankle", "foot"),
}
"""Body parts that are left out of training together, since a picture of one shows the others too.

A wrist is taken with the ends of hand and forearm; an elbow ends in the humerus; shoulder and
clavicle show the upper ribs; a neck shows the jaw and the skull's base; a picture of the lumbar
spine or of the femur's neck shows the pelvis; the femur's lower end is half of the knee; an ankle
is the end of the lower leg and most of the foot's root. Where two groups meet (elbow and forearm,
femur's neck and femur, knee and lower leg) they still share some bone: what is left out is unseen
as a view, not to the last centimetre.
"""


def region_groups(manifest: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return the groups of `REGION_GROUPS` that can be left out of a data set.

    Args:
        manifest: with columns ``body_part`` and ``subject``.

    Returns:
        By the group's name, its parts that the data set has. A part that is in no group is one by
        itself. Groups that leave too few other images or subjects to train on and validate with
        are not among them.
    """
    present = set(manifest["body_part"])
    grouped = {part for parts in REGION_GROUPS.values() for part in parts}
    groups = REGION_GROUPS | {part: (part,) for part in sorted(present - grouped)}
    divisible = {}
    for name, parts in groups.items():
        left_out = tuple(part for part in parts if part in present)
        others = _rest(manifest, manifest["body_part"].isin(left_out))
        if left_out and _divisible(others, FOLDS + 1):
            divisible[name] = left_out
    return divisible


def has_folds(manifest: pd.DataFrame) -> bool:
    """Tell whether `fold` can divide a data set: not if it has a handful of images or subjects.

    Args:
        manifest: with columns ``body_part`` and ``subject``.
    """
    return _divisible(manifest, FOLDS) and all(
        _divisible(_rest(manifest, _fold(manifest, FOLDS, k)), FOLDS + 1) for k in range(FOLDS)
    )


def without_parts(dataset: Dataset, parts: tuple[str, ...]) -> Dataset:
    """Return the data set with all images of some body parts as its test set.

    Args:
        dataset: whose images are divided anew.
        parts: a group of `region_groups`.
    """
    return _holding_out(dataset, dataset.manifest["body_part"].isin(parts).to_numpy())


def fold(dataset: Dataset, number: int) -> Dataset:
    """Return the data set with one of `FOLDS` folds of its subjects as its test set.

    Args:
        dataset: all of its images are divided anew, by subject, with body parts spread over the
            folds as evenly as subjects allow; see `has_folds`.
        number: counted from 1.
    """
    return _holding_out(dataset, _fold(dataset.manifest, FOLDS, number - 1))


def _holding_out(dataset: Dataset, test: np.ndarray) -> Dataset:
    manifest = dataset.manifest
    rest = _rest(manifest, test)
    validation = _fold(rest, FOLDS + 1, 0)
    split = {
        "train": sorted(rest.index[~validation]),
        "validation": sorted(rest.index[validation]),
        "test": sorted(manifest.index[test]),
    }
    return replace(dataset, split=split)


def _rest(manifest: pd.DataFrame, test: np.ndarray) -> pd.DataFrame:
    """Return the images of all subjects that have none in the test set."""
    return manifest[~manifest["subject"].isin(manifest.loc[test, "subject"])]


def _divisible(manifest: pd.DataFrame, count: int) -> bool:
    """Tell whether images can be divided by subject into so many folds, none of them empty.

    The division wants one body part, at least, with an image for each fold.
    """
    commonest = manifest["body_part"].value_counts().max()  # NaN if there are no images
    return bool(manifest["subject"].nunique() >= count and commonest >= count)


def _fold(manifest: pd.DataFrame, count: int, number: int) -> np.ndarray:
    """Return which rows are in a fold, bool ``(N,)``."""
    divide = StratifiedGroupKFold(count, shuffle=True, random_state=1)
    with warnings.catch_warnings():
        # Parts with fewer images than folds cannot be in all of them.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = list(divide.split(manifest, manifest["body_part"], manifest["subject"]))
    chosen = np.zeros(len(manifest), dtype=bool)
    chosen[folds[number][1]] = True
    return chosen
