"""The ledger: what every finished training and tuning of the comparison left, in git.

A folder for each task, ``<ledger>/<slug>/``, holds

- ``record.json``: the task, settings, hashes of data and weights, device, versions;
- ``scores.npz``: per image of each subset confusion counts and surface scores; per subset coarse
  counts of the logit, pooled over its images, so that the area under the ROC curve has no interval
  by subject; label maps of a few test images;
- ``history.csv``: the learning curves of a network.

``<ledger>/images.csv`` names the images of every subset, in the order of all arrays;
``<ledger>/pictures.npz`` has the test images that label maps are kept of, with the truth. Nothing
here needs TensorFlow, and nothing else is needed for tables and figures.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study.comparison.scoring import Scored
from xnet_study.comparison.tasks import RATES, Task
from xnet_tf import metrics, runs
from xnet_tf.dataset import Dataset
from xnet_tf.files import InputError, read_json, write_atomically, write_json
from xnet_tf.profiles import Profile

RELEASED = "quick"
"""The profile whose ledger git holds."""

IMAGES, PICTURES = "images.csv", "pictures.npz"
_NAMES = ("subset", "image", "body_part", "subject")


@dataclass(frozen=True)
class Entry:
    """A finished task.

    Attributes:
        folder: where it lies.
        record: ``record.json``.
    """

    folder: Path
    record: dict

    @property
    def task(self) -> Task:
        """What it is about; a task for the best classical method is named for that."""
        return Task(**self.record["task"])

    @property
    def diverged(self) -> bool:
        """Whether the training never had a finite loss, so that there is nothing to be scored."""
        return self.record["diverged"]

    @property
    def subsets(self) -> list[str]:
        """The images that it was scored on."""
        return self.record["subsets"]

    def arrays(self, subset: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return what is kept of a subset; see `xnet_study.comparison.scoring.Scored`.

        Returns:
            Confusion counts ``(N, 3, 3)``, surface scores ``(N, 3, 3)``, both float64, and coarse
            counts of the logit ``(3, 2, BINS)`` or None.
        """
        content = _read(self.folder / "scores.npz")
        names = [f"{name}-{subset}" for name in ("confusion", "surfaces")]
        confusion, surfaces = (content[name].astype(float) for name in names)
        return confusion, surfaces, content.get(f"levels-{subset}")

    def areas(self, subset: str) -> np.ndarray | None:
        """Return the exact areas under the ROC curves ``(3,)``, or None."""
        areas = self.record["auc"].get(subset)
        return None if areas is None else np.array(areas, dtype=float)

    def pictures(self) -> dict[str, np.ndarray]:
        """Return the label maps that were kept, uint8 ``(H, W)``, by the image's name."""
        start = "labels-"
        content = _read(self.folder / "scores.npz")
        return {
            name.removeprefix(start): a for name, a in content.items() if name.startswith(start)
        }


@dataclass(frozen=True)
class Ledger:
    """All that is finished.

    Attributes:
        folder: where it lies.
    """

    folder: Path

    @classmethod
    def of(cls, profile: Profile, dataset: Dataset) -> Ledger:
        """Return git's ledger for the released profile on the repository's data, else the run's."""
        ours = dataset.folder.resolve() == (runs.REPOSITORY / "data").resolve()
        root = runs.REPOSITORY if profile.name == RELEASED and ours else runs.folder(profile)
        return cls(root / "results" / "comparison")

    def entries(self, pattern: str = "*") -> list[Entry]:
        """Return what is finished, by name of its folder; those that diverged as well."""
        paths = sorted(self.folder.glob(f"{pattern}/record.json"))
        return [Entry(path.parent, read_json(path)) for path in paths]

    def entry(self, slug: str) -> Entry | None:
        """Return a task's entry, or None."""
        path = self.folder / slug / "record.json"
        return Entry(path.parent, read_json(path)) if path.is_file() else None

    def images(self, subset: str) -> pd.DataFrame:
        """Return a subset's images: columns ``image``, ``body_part``, ``subject``."""
        table = read_table(self.folder / IMAGES)
        return table[table["subset"] == subset].drop(columns="subset").reset_index(drop=True)

    def name_images(self, subset: str, manifest: pd.DataFrame) -> None:
        """Write which images a subset has, in their order, unless that is written.

        Raises:
            InputError: if it has others.
        """
        rows = manifest.rename_axis("image").reset_index()[list(_NAMES[1:])].astype(str)
        path = self.folder / IMAGES
        table = read_table(path) if path.is_file() else pd.DataFrame(columns=list(_NAMES))
        if (table["subset"] == subset).any():
            if not self.images(subset).equals(rows):
                raise InputError(
                    f"{path}: names other images of {subset} than are there; give another --ledger"
                )
            return
        table = pd.concat([table, rows.assign(subset=subset)])[list(_NAMES)]
        write_atomically(path, lambda temporary: table.to_csv(temporary, index=False))

    def show(self, pictures: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Write images, float32 ``(H, W, 1)`` in [0, 1], and truths, uint8 ``(H, W)``, by name."""
        arrays = {f"truth-{name}": truth for name, (_, truth) in pictures.items()}
        for name, (image, _) in pictures.items():
            arrays[f"image-{name}"] = np.round(255 * image[..., 0]).astype(np.uint8)
        path = self.folder / PICTURES
        write_atomically(path, lambda temporary: np.savez_compressed(temporary, **arrays))

    def shown(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return what `show` has written: images uint8 ``(H, W)``, and truths; else nothing."""
        path = self.folder / PICTURES
        content = _read(path) if path.is_file() else {}
        names = [n.removeprefix("truth-") for n in content if n.startswith("truth-")]
        return {name: (content[f"image-{name}"], content[f"truth-{name}"]) for name in names}

    def add(
        self,
        task: Task,
        record: dict,
        scored: dict[str, Scored],
        history: pd.DataFrame | None = None,
        pictures: dict[str, np.ndarray] | None = None,
    ) -> Entry:
        """Write a finished task, its record last.

        Args:
            task: what was done.
            record: what is said of it.
            scored: by subset; none if its training diverged.
            history: learning curves.
            pictures: label maps to be kept, by the image's name.
        """
        folder = self.folder / task.slug
        for name in ("record.json", "scores.npz", "history.csv"):
            (folder / name).unlink(missing_ok=True)
        arrays = {f"labels-{name}": labels for name, labels in (pictures or {}).items()}
        for subset, numbers in scored.items():
            arrays |= {f"{k}-{subset}": getattr(numbers, k) for k in ("confusion", "surfaces")}
            if numbers.levels is not None:
                arrays[f"levels-{subset}"] = numbers.levels.astype(np.int32)
        if arrays:
            write_atomically(folder / "scores.npz", lambda p: np.savez_compressed(p, **arrays))
        if history is not None:
            write_atomically(
                folder / "history.csv",
                lambda p: history.to_csv(p, index=False, float_format="%.4g"),
            )
        areas = {s: n.areas.round(6).tolist() for s, n in scored.items() if n.areas is not None}
        record = {**record, "subsets": list(scored), "auc": areas, "diverged": not scored}
        write_json(folder / "record.json", record)
        return Entry(folder, record)

    def chosen_rate(self, key: str) -> tuple[str | None, dict[str, float]]:
        """Choose a network's learning rate: the trial of highest macro F1 on `choice`.

        Args:
            key: the network's.

        Returns:
            The rate relative to the profile's, None as long as not all trials are finished or if
            all diverged; and the scores of the finished trials by their slugs.
        """
        finished = self.entries(f"{key}-*-rate*")
        trials = {entry.task.rate: entry for entry in finished if entry.task.key == key}
        scores = {rate: macro_f1(e) for rate, e in trials.items() if not e.diverged}
        named = {trials[rate].task.slug: score for rate, score in scores.items()}
        if set(trials) != set(RATES) or not scores:
            return None, named
        # Of equally good ones the first of `RATES`: the smallest.
        return max((r for r in RATES if r in scores), key=scores.__getitem__), named

    def best_classical(self, wanted: int) -> tuple[str | None, dict[str, float]]:
        """Choose the classical method of highest macro F1 on `choice`, tuned once for all images.

        Args:
            wanted: how many must be finished first.

        Returns:
            Its key, None as long as fewer are finished; and all scores by slug of the task.
        """
        finished = [entry for entry in self.entries("*-overall") if "choice" in entry.subsets]
        scores = {entry.task.slug: macro_f1(entry) for entry in finished}
        if not finished or len(finished) < wanted:
            return None, scores
        return max(finished, key=macro_f1).task.key, scores


def macro_f1(entry: Entry, subset: str = "choice") -> float:
    """Return the macro F1 of all pixels of a subset."""
    return float(metrics.macro_f1(entry.arrays(subset)[0].sum(axis=0)))


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of the comparison: its names are text, and nothing but an empty field is NaN.

    A subject may well be called "NA", "None" or "007".
    """
    names = (*_NAMES, "class", "variant", "group", "method")
    return pd.read_csv(path, dtype=dict.fromkeys(names, str), keep_default_na=False, na_values=[""])


@functools.lru_cache(maxsize=256)
def _content(path: Path, stamp: int) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return dict(arrays)


def _read(path: Path) -> dict[str, np.ndarray]:
    """Read an archive once, as long as nobody writes it anew."""
    return _content(path, path.stat().st_mtime_ns)
