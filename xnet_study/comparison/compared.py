"""The ledger read for tables: numbers that add up over images, and the scores that follow.

All are kept by subject and training, so that the scores of all methods come from the same resampled
subjects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xnet_study.comparison import streamed_auc
from xnet_study.comparison.intervals import Estimate, estimate
from xnet_study.comparison.ledger import Entry, Ledger
from xnet_tf import classes, metrics
from xnet_tf.files import InputError
from xnet_tf.metrics import CLASS_SCORES, SUMMARY_SCORES

XNET = "XNet"
"""The method that all others are compared with."""

BOUND = "oracle"
"""Variant that is tuned on the image it is scored on: a bound, not a method."""

SUBSETS, JUDGED = ("test", "validation", "evaluation"), ("test", "evaluation")
"""Subsets of the tables, and those of them that chose nothing."""

SCORES = ("accuracy", "macro F1")
"""Of `metrics.SUMMARY_SCORES`, those of which differences are taken, and that are also averaged
over the images' own scores."""

PER_CLASS = ("precision", "recall", "F1", "IoU")
"""Of `metrics.CLASS_SCORES`, those of the comparison."""

SURFACES = ("NSD1", "NSD2", "HD95")
"""Surface scores, in the order of the ledger's arrays."""

Sums = dict[str, np.ndarray]
"""What images add to the scores, by name; the leading axes of all arrays are the same.

``confusion`` has the counts of pixels ``(..., C, C)``; ``images``, of `SCORES`, the sums of the
images' own scores and how many are defined, ``(..., 2, 2)``; ``surfaces`` likewise of `SURFACES`
and classes, ``(..., 3, C, 2)``.
"""


@dataclass(frozen=True)
class Method:
    """A method in one variant: its trainings, or its only tuning.

    Attributes:
        name: as printed.
        variant: how it was tuned; empty for networks.
        entries: one for each training.
        ledger: that they are of.
    """

    name: str
    variant: str
    entries: list[Entry]
    ledger: Ledger

    @property
    def title(self) -> str:
        """Name and variant."""
        return f"{self.name}, {self.variant}" if self.variant else self.name

    @property
    def family(self) -> str:
        """What kind of method it is."""
        return self.entries[0].task.family

    @property
    def varies(self) -> bool:
        """Whether once more would be another result: weights, or images, were drawn."""
        return self.family == "network" or len(self.entries) > 1

    @property
    def subsets(self) -> list[str]:
        """The subsets that all its trainings were scored on."""
        return [name for name in SUBSETS if all(name in e.subsets for e in self.entries)]

    def images(self, subset: str) -> pd.DataFrame:
        """Return a subset's images; see `Ledger.images`."""
        return self.ledger.images(subset)

    def confusions(self, subset: str) -> np.ndarray:
        """Return each image's confusion counts, float64 ``(N, trainings, C, C)``."""
        return np.stack([entry.arrays(subset)[0] for entry in self.entries], axis=1)

    def sums(self, subset: str) -> Sums:
        """Return what each image adds; the leading axes are ``(N, trainings)``."""
        confusion = self.confusions(subset)
        images = np.stack([SUMMARY_SCORES[name](confusion) for name in SCORES], axis=-1)
        surfaces = np.stack([entry.arrays(subset)[1] for entry in self.entries], axis=1)
        with_number = {"images": _with_number(images), "surfaces": _with_number(surfaces)}
        return {"confusion": confusion, **with_number}

    def areas(self, subset: str) -> np.ndarray:
        """Return the exact areas under the ROC curves ``(trainings, C)``; NaN without any."""
        areas = [entry.areas(subset) for entry in self.entries]
        return np.array([[np.nan] * classes.COUNT if a is None else a for a in areas], dtype=float)

    def levels(self, subset: str) -> np.ndarray | None:
        """Return coarse counts of the logit ``(trainings, C, 2, BINS)``; None without any."""
        levels = [entry.arrays(subset)[2] for entry in self.entries]
        return None if any(of_one is None for of_one in levels) else np.stack(levels)


def read(ledger: Ledger, **wanted) -> list[Method]:
    """Read methods, networks first.

    Args:
        ledger: whose finished entries are read.
        **wanted: values of the tasks' fields, such as ``budget="3"``; by default those of the
            comparison itself: the profile's budget, all images, no changes.

    Raises:
        InputError: if the entries were made from different data.
    """
    wanted = {**dict.fromkeys(("rate", "left_out"), ""), "budget": "1", **wanted}
    wanted = {"images": 0, "added": 0, "changes": {}, **wanted}
    entries = [entry for entry in finished(ledger) if _fits(entry.task, wanted)]
    by_method: dict[tuple[str, str], list[Entry]] = {}
    for entry in sorted(entries, key=lambda e: e.task.family != "network"):
        by_method.setdefault((entry.task.method, entry.task.variant), []).append(entry)
    return [Method(*key, of_method, ledger) for key, of_method in by_method.items()]


def finished(ledger: Ledger) -> list[Entry]:
    """Return all entries that have scores.

    Raises:
        InputError: if there are none, or they were made from different data, or sizes of them.
    """
    entries = [entry for entry in ledger.entries() if not entry.diverged]
    if not entries:
        raise InputError(f"{ledger.folder}: holds nothing finished; `xnet compare` makes it")
    for key in ("made_from", "image_size"):
        for entry in entries[1:]:
            if entry.record[key] != entries[0].record[key]:
                raise InputError(
                    f"{entry.folder}: was made from other data, or another size of them, than "
                    f"{entries[0].folder.name}; `xnet compare` renews the older"
                )
    return entries


def xnet(methods: Iterable[Method]) -> Method:
    """Return XNet.

    Raises:
        InputError: if it is not among the methods.
    """
    for method in methods:
        if method.name == XNET:
            return method
    raise InputError(f"the ledger holds no finished training of {XNET}; see `xnet compare --list`")


def difference(
    first: Method, second: Method | None, subset: str, where: np.ndarray | None = None
) -> Estimate:
    """Estimate `SCORES` of a method, or of how far it is above another, paired by subject.

    Args:
        first: the method.
        second: is subtracted; None for the first one's own scores.
        subset: of images.
        where: bool ``(N,)``, the images that count; by default all.
    """
    images = first.images(subset)
    at = np.ones(len(images), bool) if where is None else where
    methods = [method for method in (first, second) if method is not None]
    subjects, parts = (images[name].to_numpy(str)[at] for name in ("subject", "body_part"))
    return estimate(
        pooled,
        *[{"confusion": method.confusions(subset)[at]} for method in methods],
        subjects=subjects,
        strata=parts,
        trained=tuple(method.varies for method in methods),
    )


def pooled(totals: Sums) -> np.ndarray:
    """Return `SCORES` of summed-up counts, along a new last axis."""
    return np.stack([SUMMARY_SCORES[name](totals["confusion"]) for name in SCORES], axis=-1)


def of_class(score: str, name: str) -> str:
    """Return the column of a class's score, for instance ``"recall bone"``."""
    return f"{score} {name}"


def scores(totals: Sums) -> dict[str, np.ndarray]:
    """Return every score of summed-up numbers, by name: float64 ``(...)``; NaN if not defined."""
    confusion = totals["confusion"]
    images, surfaces = _mean(totals["images"]), _mean(totals["surfaces"])
    of_surfaces = {name: surfaces[..., k, :] for k, name in enumerate(SURFACES)}
    per_class = {name: CLASS_SCORES[name](confusion) for name in PER_CLASS} | of_surfaces
    return {
        **{name: score(confusion) for name, score in SUMMARY_SCORES.items()},
        **{f"{name} per image": images[..., k] for k, name in enumerate(SCORES)},
        **{name: metrics.macro(values) for name, values in of_surfaces.items()},
        **by_class(per_class),
    }


def area_scores(areas: np.ndarray) -> dict[str, np.ndarray]:
    """Return the areas under the ROC curves ``(..., C)`` by name, their mean first."""
    return {"AUC": metrics.macro(areas), **by_class({"AUC": areas})}


def by_class(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return scores ``(..., C)`` by name and class."""
    return {
        of_class(name, of): array[..., k]
        for name, array in values.items()
        for k, of in enumerate(classes.NAMES)
    }


def curve(method: Method, subset: str, k: int, rates: np.ndarray) -> np.ndarray | None:
    """Return a class's ROC curve, the mean over trainings at given false positive rates."""
    levels = method.levels(subset)
    if levels is None:
        return None
    return np.mean([np.interp(rates, *streamed_auc.curve(of_one[k])) for of_one in levels], axis=0)


def _fits(task, wanted: dict) -> bool:
    values = {name: value for name, value in wanted.items() if value is not None}
    return all(getattr(task, name) == value for name, value in values.items())


def _with_number(values: np.ndarray) -> np.ndarray:
    """Put the number of values beside each, 1 or, for NaN, 0: from ``(...)`` to ``(..., 2)``."""
    return np.stack([np.nan_to_num(values), ~np.isnan(values)], axis=-1)


def _mean(with_number: np.ndarray) -> np.ndarray:
    total, number = with_number[..., 0], with_number[..., 1]
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
