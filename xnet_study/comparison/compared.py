"""What the comparison's runs left behind, read back: per image and method, numbers that add up.

Every score of the comparison follows from sums over images: confusion counts, sums of the images'
own scores and of their surface scores with how many there are, and coarse counts of the logit. They
lie here in one array per method and subset, by subject and seed, so that all scores come from the
same resampled subjects.

A method's folder is ``<run>/comparison/<slug>/`` with ``record.json``, ``counts.csv``,
``surfaces.csv`` and, for networks, ``scores.npz``, ``auc.csv`` and ``history.csv``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study.comparison import streamed_auc
from xnet_study.comparison.scoring import read_table
from xnet_tf import classes, metrics
from xnet_tf.files import InputError, read_json
from xnet_tf.metrics import counts_of

SUBSETS = ("test", "validation", "population")
SURFACES = {"NSD1": "nsd1", "NSD2": "nsd2", "HD95": "hd95"}
PER_IMAGE = {
    "accuracy per image": metrics.accuracy,
    "macro F1 per image": metrics.macro_f1,
}
_MEANS = {
    "accuracy": metrics.accuracy,
    "macro F1": metrics.macro_f1,
    "weighted F1": metrics.weighted_f1,
    "balanced accuracy": metrics.balanced_accuracy,
}
_CLASS_SCORES = {
    "precision": metrics.precision,
    "recall": metrics.recall,
    "F1": metrics.f1,
    "IoU": metrics.iou,
}

# Where each kind of number lies along the last axis of a method's sums.
_COUNTS = slice(0, classes.COUNT**2)
_IMAGES = slice(_COUNTS.stop, _COUNTS.stop + 2 * len(PER_IMAGE))
_SURFACES = slice(_IMAGES.stop, _IMAGES.stop + 2 * classes.COUNT * len(SURFACES))
_LEVELS = slice(_SURFACES.stop, _SURFACES.stop + classes.COUNT * 2 * streamed_auc.BINS)


def of_class(score: str, name: str) -> str:
    """Return the column of a class's score, for instance ``"recall bone"``."""
    return f"{score} {name}"


def _names() -> tuple[str, ...]:
    per_class = [of_class(s, k) for s in (*_CLASS_SCORES, *SURFACES, "AUC") for k in classes.NAMES]
    return (*_MEANS, "AUC", *PER_IMAGE, *SURFACES, *per_class)


SCORES = _names()
"""Every score, in the order of `scores`."""


@dataclass(frozen=True)
class Run:
    """One finished folder: one method, variant and seed.

    Attributes:
        folder: where it lies.
        record: ``record.json``.
        counts: ``counts.csv``, one row per image.
    """

    folder: Path
    record: dict
    counts: pd.DataFrame

    @property
    def fold(self) -> dict | None:
        """Which part of the data was held out, or None for the paper's split."""
        return self.record.get("fold")

    @cached_property
    def subsets(self) -> list[str]:
        """The subsets it was scored on."""
        return [name for name in SUBSETS if (self.counts["subset"] == name).any()]

    def rows(self, subset: str) -> pd.DataFrame:
        """Return a subset's rows of the counts, by image."""
        return self.counts[self.counts["subset"] == subset].set_index("image")

    def sums(self, subset: str) -> np.ndarray:
        """Return what each image of a subset adds, float64 ``(N, K)``, images in `rows`' order."""
        rows = self.rows(subset)
        counts = counts_of(rows)
        own = np.stack([score(counts) for score in PER_IMAGE.values()], axis=1)
        parts = [counts.reshape(len(rows), -1), _with_number(own), self._surfaces(subset, rows)]
        if (self.folder / "scores.npz").is_file():
            parts.append(self.levels(subset).reshape(len(rows), -1))
        return np.concatenate(parts, axis=1).astype(np.float64)

    def levels(self, subset: str) -> np.ndarray:
        """Return each image's coarse counts of the logit, integer ``(N, C, 2, BINS)``."""
        with np.load(self.folder / "scores.npz") as arrays:
            if subset not in arrays or len(arrays[subset]) != len(self.rows(subset)):
                raise InputError(f"{self.folder / 'scores.npz'}: does not fit {subset}'s counts")
            return arrays[subset]

    def areas(self, subset: str) -> np.ndarray | None:
        """Return the exact area under each class's ROC curve ``(3,)``; None without scores."""
        if not (self.folder / "auc.csv").is_file():
            return None
        table = read_table(self.folder / "auc.csv")
        table = table[table["subset"] == subset].set_index("class")["auc"]
        return table.reindex(list(classes.NAMES)).to_numpy(float)

    def _surfaces(self, subset: str, rows: pd.DataFrame) -> np.ndarray:
        table = read_table(self.folder / "surfaces.csv")
        table = table[table["subset"] == subset].set_index(["image", "class"])
        wanted = pd.MultiIndex.from_product([rows.index, classes.NAMES])
        if not wanted.isin(table.index).all():
            raise InputError(f"{self.folder / 'surfaces.csv'}: lacks images of {subset}")
        values = table.loc[wanted, list(SURFACES.values())].to_numpy(float)
        return _with_number(values.reshape(len(rows), -1))


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
    runs: tuple[Run, ...]

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
        return [name for name in SUBSETS if all(name in run.subsets for run in self.runs)]

    def images(self, subset: str) -> pd.DataFrame:
        """Return the first seed's rows of the counts; the other seeds saw the same images."""
        return self.runs[0].rows(subset)

    def by_subject(self, subset: str) -> np.ndarray:
        """Return what each subject adds, float64 ``(S, seeds, K)``; see `scores`."""
        sums = np.stack([run.sums(subset) for run in self.runs], axis=1)
        return metrics.by_subject(sums, self.subjects(subset))[1]

    def areas(self, subset: str) -> np.ndarray | None:
        """Return the exact areas under the ROC curves ``(seeds, C)``; None without scores."""
        found = [run.areas(subset) for run in self.runs]
        return None if any(areas is None for areas in found) else np.stack(found)

    def confusions(self, subset: str) -> np.ndarray:
        """Return each image's confusion counts, int64 ``(N, seeds, C, C)``."""
        return np.stack([counts_of(run.rows(subset)) for run in self.runs], axis=1)

    def subjects(self, subset: str) -> np.ndarray:
        """Return each image's subject, ``(N,)``."""
        return self.images(subset)["subject"].to_numpy(dtype=str)


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
        raise InputError(f"{folder}: holds no finished run; `python -m xnet_tf compare` makes them")
    grouped: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        grouped.setdefault((run.record["method"], _variant(run.record)), []).append(run)
    methods = [Method(*key, tuple(found)) for key, found in grouped.items()]
    _check_images(runs)
    return sorted(methods, key=lambda m: m.family != "network")


def read_runs(folder: Path) -> list[Run]:
    """Read every finished run, folds as well; a folder without a record is unfinished."""
    found = []
    for path in sorted(folder.glob("*/record.json")):
        counts = read_table(path.with_name("counts.csv"))
        found.append(Run(path.parent, read_json(path), counts))
    return found


def scores(totals: np.ndarray) -> np.ndarray:
    """Return every score of summed-up numbers.

    Args:
        totals: float64 ``(..., K)``: confusion counts (9), per-image scores and surface scores with
            how many are defined, and, for what has scores, coarse counts of the logit.

    Returns:
        float64 ``(..., len(SCORES))``, in the order of `SCORES`; NaN where not defined.
    """
    counts = totals[..., _COUNTS].reshape(*totals.shape[:-1], classes.COUNT, classes.COUNT)
    means = [score(counts) for score in _MEANS.values()]
    per_class = [score(counts) for score in _CLASS_SCORES.values()]
    images = _mean(totals[..., _IMAGES])
    surfaces = _mean(totals[..., _SURFACES])
    surfaces = surfaces.reshape(*surfaces.shape[:-1], classes.COUNT, len(SURFACES))
    areas = np.full((*totals.shape[:-1], classes.COUNT), np.nan)
    if totals.shape[-1] == _LEVELS.stop:
        shape = (*totals.shape[:-1], classes.COUNT, 2, streamed_auc.BINS)
        areas = streamed_auc.area(totals[..., _LEVELS].reshape(shape))
    columns = [
        np.stack([*means, metrics.macro(areas)], axis=-1),
        images,
        metrics.macro(np.moveaxis(surfaces, -2, -1)),
        *per_class,
        *np.moveaxis(surfaces, -1, 0),
        areas,
    ]
    return np.concatenate(columns, axis=-1)


def over_seeds(totals: np.ndarray) -> np.ndarray:
    """Return every score of ``(B, seeds, K)``, averaged over the seeds: ``(B, len(SCORES))``."""
    return metrics.macro(np.moveaxis(scores(totals), 1, -1))


def _with_number(values: np.ndarray) -> np.ndarray:
    """Return sums and numbers ``(N, 2 M)`` of values ``(N, M)``, of which NaN is left out."""
    return np.concatenate([np.nan_to_num(values), ~np.isnan(values)], axis=1)


def _mean(with_number: np.ndarray) -> np.ndarray:
    total, number = np.split(with_number, 2, axis=-1)
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


def _variant(record: dict) -> str:
    variant = record.get("variant") or ""
    return "" if variant.startswith("seed") else variant


def _check_images(runs: list[Run]) -> None:
    """Raise InputError unless all runs that were scored on a subset saw the same pixels."""
    for subset in SUBSETS:
        scored = [run for run in runs if subset in run.subsets]
        for run in scored[1:]:
            first, own = scored[0].rows(subset), run.rows(subset)
            if list(own.index) != list(first.index) or (own["subject"] != first["subject"]).any():
                raise InputError(
                    f"{run.folder}: was scored on other {subset} images than {scored[0].folder}"
                )
            if (counts_of(own).sum(axis=(1, 2)) != counts_of(first).sum(axis=(1, 2))).any():
                raise InputError(
                    f"{run.folder}: was scored on {subset} images of other sizes than "
                    f"{scored[0].folder}; `compare` renews the older"
                )
