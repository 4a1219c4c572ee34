"""What the comparison's runs left behind, read back: per image and method, numbers that add up.

Every score of the comparison follows from sums over images (`Sums`). They are kept by subject and
seed, so that all scores come from the same resampled subjects.

A method's folder is ``<run>/comparison/<slug>/`` with ``record.json``, ``counts.csv``,
``surfaces.csv`` and, for networks, ``scores.npz``, ``auc.csv`` and ``history.csv``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xnet_study.comparison import streamed_auc
from xnet_study.comparison.scoring import SUBSETS, read_table
from xnet_tf import classes, metrics
from xnet_tf.files import InputError, read_json
from xnet_tf.metrics import CLASS_SCORES, COUNT_COLUMNS, SUMMARY_SCORES, counts_of

XNET = "XNet"
"""The method that all others are compared with."""

BOUND = "oracle"
"""Variant that is tuned on the image it is scored on: a bound, not a method."""

PER_IMAGE = ("accuracy", "macro F1")
"""Of `metrics.SUMMARY_SCORES`, those that are also averaged over the images' own scores."""

PER_CLASS = ("precision", "recall", "F1", "IoU")
"""Of `metrics.CLASS_SCORES`, those of the comparison."""

SURFACES = {"NSD1": "nsd1", "NSD2": "nsd2", "HD95": "hd95"}
"""Surface scores and their columns in ``surfaces.csv``."""


Sums = dict[str, np.ndarray]
"""What images add to the scores, by name; the leading axes of all arrays are the same.

``confusion`` has the counts of pixels ``(..., C, C)``; ``images``, of `PER_IMAGE`, the sums of the
images' own scores and how many are defined, ``(..., 2, 2)``; ``surfaces`` likewise of `SURFACES`
and classes, ``(..., 3, C, 2)``; ``levels`` coarse counts of the logit ``(..., C, 2, BINS)``, where
there are probabilities.
"""


@dataclass(frozen=True)
class Run:
    """One finished folder: one method, variant and seed.

    Attributes:
        folder: where it lies.
        record: ``record.json``.
        counts: ``counts.csv`` by subset, one row per image.
    """

    folder: Path
    record: dict
    counts: dict[str, pd.DataFrame]

    @property
    def fold(self) -> dict | None:
        """Which part of the data was held out, or None for the paper's split."""
        return self.record["fold"]

    @property
    def kind(self) -> str | None:
        """How the data were divided, or None for the paper's split."""
        return self.fold and self.fold["kind"]

    @property
    def variant(self) -> str:
        """How it was tuned; empty for networks, whose variants are seeds."""
        return "" if self.record["family"] == "network" else self.record["variant"]

    def sums(self, subset: str) -> Sums:
        """Return what each image of a subset adds, images in the order of the counts."""
        confusion = counts_of(self.counts[subset])
        images = np.stack([SUMMARY_SCORES[name](confusion) for name in PER_IMAGE], axis=-1)
        surfaces = _with_number(self._surfaces(subset))
        sums = {"confusion": confusion, "images": _with_number(images), "surfaces": surfaces}
        levels = self.levels(subset)
        return sums if levels is None else {**sums, "levels": levels}

    def levels(self, subset: str) -> np.ndarray | None:
        """Return each image's coarse counts of the logit ``(N, C, 2, BINS)``; None without any."""
        path = self.folder / "scores.npz"
        if not path.is_file():
            return None
        with np.load(path) as arrays:
            if subset not in arrays or len(arrays[subset]) != len(self.counts[subset]):
                raise InputError(f"{path}: does not fit {subset}'s counts")
            return arrays[subset]

    def areas(self, subset: str) -> np.ndarray | None:
        """Return the exact area under each class's ROC curve ``(C,)``; None without any."""
        path = self.folder / "auc.csv"
        if not path.is_file():
            return None
        areas = read_table(path).set_index(["subset", "class"])["auc"]
        return areas[subset].reindex(classes.NAMES).to_numpy(float)

    def _surfaces(self, subset: str) -> np.ndarray:
        """Return each image's surface scores, float64 ``(N, 3, C)``."""
        path = self.folder / "surfaces.csv"
        table = read_table(path).set_index(["subset", "image", "class"])[list(SURFACES.values())]
        images = self.counts[subset].index
        wanted = pd.MultiIndex.from_product([[subset], images, classes.NAMES])
        if not wanted.isin(table.index).all():
            raise InputError(f"{path}: lacks images of {subset}")
        values = table.loc[wanted].to_numpy(float)
        return values.reshape(len(images), classes.COUNT, len(SURFACES)).swapaxes(1, 2)


@dataclass(frozen=True)
class Method:
    """A method in one variant: the runs of its seeds, or its only run.

    Attributes:
        name: as printed.
        variant: how it was tuned; empty for networks.
        runs: one for each seed.
    """

    name: str
    variant: str
    runs: list[Run]

    @property
    def title(self) -> str:
        """Name and variant."""
        return f"{self.name}, {self.variant}" if self.variant else self.name

    @property
    def family(self) -> str:
        """What kind of method it is."""
        return self.runs[0].record["family"]

    @property
    def subsets(self) -> list[str]:
        """The subsets that all its seeds were scored on."""
        return [name for name in SUBSETS if all(name in run.counts for run in self.runs)]

    def images(self, subset: str) -> pd.DataFrame:
        """Return the first seed's rows of the counts; the other seeds saw the same images."""
        return self.runs[0].counts[subset]

    def subjects(self, subset: str) -> np.ndarray:
        """Return each image's subject, ``(N,)``."""
        return self.images(subset)["subject"].to_numpy(dtype=str)

    def confusions(self, subset: str) -> np.ndarray:
        """Return each image's confusion counts, int64 ``(N, seeds, C, C)``."""
        return np.stack([counts_of(run.counts[subset]) for run in self.runs], axis=1)

    def by_subject(self, subset: str) -> Sums:
        """Return what each subject adds, sorted by name; the leading axes are ``(S, seeds)``."""
        by_run, subjects = [run.sums(subset) for run in self.runs], self.subjects(subset)
        stacked = {name: np.stack([sums[name] for sums in by_run], axis=1) for name in by_run[0]}
        return {name: metrics.by_subject(sums, subjects)[1] for name, sums in stacked.items()}

    def areas(self, subset: str) -> np.ndarray | None:
        """Return the exact areas under the ROC curves ``(seeds, C)``; None without any."""
        areas = [run.areas(subset) for run in self.runs]
        return None if any(of_run is None for of_run in areas) else np.stack(areas)


def read(folder: Path) -> list[Method]:
    """Read the finished runs of a comparison.

    Args:
        folder: ``<run>/comparison``.

    Returns:
        The methods scored on the paper's split, networks first, then as their folders are named.

    Raises:
        InputError: if there is none, or if two were scored on other images, or sizes of them.
    """
    runs = [run for run in read_runs(folder) if not run.fold]
    if not runs:
        raise InputError(f"{folder}: holds no finished run; `xnet compare` makes them")
    _check_images(runs)
    by_method = grouped(runs, lambda run: (run.record["method"], run.variant))
    methods = [Method(*key, of_method) for key, of_method in by_method.items()]
    return sorted(methods, key=lambda m: m.family != "network")


def read_runs(folder: Path) -> list[Run]:
    """Read every finished run, folds as well; a folder without a record is unfinished."""
    runs = []
    for path in sorted(folder.glob("*/record.json")):
        by_subset = read_table(path.with_name("counts.csv")).set_index("image").groupby("subset")
        runs.append(Run(path.parent, read_json(path), dict(list(by_subset))))
    return runs


def grouped(runs: list[Run], key: Callable[[Run], Hashable]) -> dict[Any, list[Run]]:
    """Return the runs by their key, in their order."""
    groups: dict[Any, list[Run]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return groups


def xnet(methods: list[Method]) -> Method:
    """Return XNet.

    Raises:
        InputError: if it is not among the methods.
    """
    for method in methods:
        if method.name == XNET:
            return method
    raise InputError(f"the comparison holds no finished run of {XNET}")


def weighted(sums: Sums, times: np.ndarray) -> Sums:
    """Add up subjects, each so many times: from ``(S, ...)`` by ``(B, S)`` to ``(B, ...)``."""
    return {name: np.tensordot(times, array, 1) for name, array in sums.items()}


def of_class(score: str, name: str) -> str:
    """Return the column of a class's score, for instance ``"recall bone"``."""
    return f"{score} {name}"


def scores(totals: Sums, area_error: np.ndarray | float = 0.0) -> dict[str, np.ndarray]:
    """Return every score of summed-up numbers, by name.

    Args:
        totals: with leading axes ``(...)``.
        area_error: added to the areas under the ROC curves ``(..., C)``: by how much those of all
            images, from coarse counts of the logit, are too small.

    Returns:
        float64 ``(...)`` for each; NaN where not defined.
    """
    confusion = totals["confusion"]
    images, surfaces = _mean(totals["images"]), _mean(totals["surfaces"])
    of_surfaces = {name: surfaces[..., k, :] for k, name in enumerate(SURFACES)}
    areas = np.full(confusion.shape[:-1], np.nan)
    if "levels" in totals:
        areas = streamed_auc.area(totals["levels"]) + area_error
    per_class = {name: CLASS_SCORES[name](confusion) for name in PER_CLASS}
    per_class |= {**of_surfaces, "AUC": areas}
    return {
        **{name: score(confusion) for name, score in SUMMARY_SCORES.items()},
        "AUC": metrics.macro(areas),
        **{f"{name} per image": images[..., k] for k, name in enumerate(PER_IMAGE)},
        **{name: metrics.macro(values) for name, values in of_surfaces.items()},
        **{
            of_class(name, of): values[..., k]
            for name, values in per_class.items()
            for k, of in enumerate(classes.NAMES)
        },
    }


def _with_number(values: np.ndarray) -> np.ndarray:
    """Put the number of values beside each, 1 or, for NaN, 0: from ``(...)`` to ``(..., 2)``."""
    return np.stack([np.nan_to_num(values), ~np.isnan(values)], axis=-1)


def _mean(with_number: np.ndarray) -> np.ndarray:
    total, number = with_number[..., 0], with_number[..., 1]
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


def _check_images(runs: list[Run]) -> None:
    """Raise InputError unless all runs that were scored on a subset saw the same pixels."""
    for subset in SUBSETS:
        scored = [run for run in runs if subset in run.counts]
        for run in scored[1:]:
            if not _pixels(run.counts[subset]).equals(_pixels(scored[0].counts[subset])):
                raise InputError(
                    f"{run.folder}: was scored on other {subset} images, or sizes of them, than "
                    f"{scored[0].folder}; `compare` renews the older"
                )


def _pixels(counts: pd.DataFrame) -> pd.Series:
    """Return the number of pixels by image and subject."""
    return counts.set_index("subject", append=True)[COUNT_COLUMNS].sum(axis=1)
