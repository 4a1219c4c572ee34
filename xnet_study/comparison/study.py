"""What the tasks of a comparison share: data, settings, and what tells results apart."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from xnet_study.baselines import classical
from xnet_study.baselines.classical import ClassicalMethod
from xnet_study.comparison import partitions, scoring
from xnet_study.comparison.tasks import Task, budget
from xnet_tf import runs, training
from xnet_tf.dataset import Arrays, Dataset, load, read_arrays
from xnet_tf.files import read_json, write_json
from xnet_tf.profiles import Profile


@dataclass(frozen=True)
class Study:
    """A comparison on one data set. It can be sent to another process.

    Attributes:
        dataset: with a training, validation and test subset.
        profile: which the networks' settings derive from.
        population: further subjects, scored but not trained on; None as long as there are none.
    """

    dataset: Dataset
    profile: Profile
    population: Dataset | None

    @classmethod
    def of(cls, dataset: Dataset, profile: Profile, population: Path) -> Study:
        """Return the study with the population in ``evaluation/`` of a folder, if it is there."""
        evaluation = population / "evaluation"
        exists = (evaluation / "manifest.csv").is_file()
        return cls(dataset, profile, load(evaluation) if exists else None)

    @property
    def folder(self) -> Path:
        """Where the tasks' folders lie."""
        return runs.folder(self.profile) / "comparison"

    def data(self, task: Task) -> Dataset:
        """Return the data set with what the task holds out as its test set."""
        if not task.fold:
            return self.dataset
        if task.fold["kind"] == "subjects":
            return partitions.fold(self.dataset, task.fold["number"])
        return partitions.without_parts(self.dataset, tuple(task.fold["parts"]))

    def population_of(self, task: Task) -> Dataset | None:
        """Return the population's images that a task is scored on; if parts are left out, those.

        There are none for folds of subjects: their purpose is the images of the data set that they
        hold out. Nor for the oracle, which would segment each image with each setting.
        """
        left_out = task.fold and task.fold.get("parts")
        if self.population is None or task.variant == "oracle" or (task.fold and not left_out):
            return None
        manifest = self.population.manifest
        images = manifest.index[manifest["body_part"].isin(left_out or manifest["body_part"])]
        shown = dataclasses.replace(self.population, split={"evaluation": list(images)})
        return shown if len(images) else None

    def arrays(self, data: Dataset, subset: str) -> Arrays:
        """Return a subset's images at the profile's size."""
        return _arrays(data.folder, tuple(data.subset(subset).index), self.profile.image_size)

    def settings(self, task: Task) -> Profile:
        """Return the settings of a network's training."""
        parts = self.data(task).subset("train")["body_part"].nunique()
        return budget(self.profile, task, parts, self.dataset.manifest["body_part"].nunique())

    def record(self, task: Task) -> dict | None:
        """Return a task's record if it was made from the same data and settings."""
        return _made_from(self.identity(task), self.folder / task.slug / "record.json")

    def identity(self, task: Task) -> str:
        """Return a SHA-256 of what a task's result depends on."""
        data = self.data(task)
        content = {"task": dataclasses.asdict(task), "divided_from": self.divided_from(task)}
        if task.family == "network":
            content |= training.identity(data, self.settings(task))
        elif task.key:
            content["settings"] = classical.METHODS[task.key].settings
        return self._identity(data, content)

    def divided_from(self, task: Task) -> str | None:
        """Return the fingerprint of the data set that a task's data are another division of."""
        return fingerprint(self.dataset) if task.fold else None

    def tuning(self, method: ClassicalMethod) -> dict | None:
        """Return what tuning a method on these data gave, or None if that is still to be done."""
        return _made_from(*self._tuning(method))

    def keep_tuning(self, method: ClassicalMethod, examined: dict) -> None:
        """Keep what tuning a method gave for `tuning`."""
        identity, path = self._tuning(method)
        write_json(path, {**examined, "identity": identity})

    def _tuning(self, method: ClassicalMethod) -> tuple[str, Path]:
        """Return a SHA-256 of what a method's tuning depends on, and where it is kept."""
        identity = self._identity(self.dataset, {"settings": method.settings})
        return identity, self.folder / "tuning" / f"{method.slug}.json"

    def _identity(self, data: Dataset, content: dict) -> str:
        """Return a SHA-256 of data, how they are seen, and what else a result depends on."""
        seen = {"image_size": self.profile.image_size, "pixels": scoring.PIXELS}
        whole = {"data": fingerprint(data), **seen, **content}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def fingerprint(data: Dataset) -> str:
    """Return a data set's fingerprint, computed but once."""
    return _fingerprint(data.folder, json.dumps(data.split))


# Kept by their values: a study that another process is sent with each task is a new object.
@functools.lru_cache(maxsize=64)
def _fingerprint(folder: Path, split: str) -> str:
    return dataclasses.replace(load(folder), split=json.loads(split)).fingerprint()


@functools.lru_cache(maxsize=4)
def _arrays(folder: Path, images: tuple[str, ...], size: int) -> Arrays:
    shown = dataclasses.replace(load(folder), split={"shown": list(images)})
    return read_arrays(shown, "shown", size)


def _made_from(identity: str, path: Path) -> dict | None:
    content = read_json(path) if path.is_file() else {}
    return content if content.get("identity") == identity else None
