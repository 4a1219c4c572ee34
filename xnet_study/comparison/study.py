"""What the tasks of a comparison share: data, settings, and what tells results apart."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from xnet_study.baselines import classical
from xnet_study.comparison import images, tasks
from xnet_study.comparison.ledger import Entry, Ledger
from xnet_study.comparison.tasks import BEST, Task
from xnet_tf import runs
from xnet_tf.dataset import Arrays, Dataset, load, read_arrays
from xnet_tf.files import InputError
from xnet_tf.presets import PRESETS, describe
from xnet_tf.profiles import Profile

PIXELS = "the picture's"
"""Which pixels are scored. It is part of what tells results apart: others were of whole squares."""

NEEDED, LEARNING = ("evaluation", "choice"), "learning"
"""Folders of a population that every task is scored on, and the one that some are trained on."""

FINISHED, DIVERGED, WAITS, TO_DO = "finished", "diverged", "waits for what it is chosen by", "to do"
"""How far a task may be."""


@dataclass(frozen=True)
class Study:
    """A comparison on one data set. It can be sent to another process.

    Attributes:
        dataset: with a training, validation and test subset.
        profile: which the networks' settings derive from.
        population: folder of further subjects, see `NEEDED`.
        ledger: of what is finished.
    """

    dataset: Dataset
    profile: Profile
    population: Path
    ledger: Ledger

    def __post_init__(self):
        """Raise InputError if the population is not there."""
        for name in NEEDED:
            if not (self.population / name / "manifest.csv").is_file():
                raise InputError(
                    f"{self.population / name}: no such images; `make population` renders them, "
                    "and --population names another folder"
                )

    @property
    def tasks(self) -> list[Task]:
        """All tasks, the most wanted first; without those that want more images than there are."""
        folder = self.population / LEARNING
        there = len(_loaded(folder).manifest) if (folder / "manifest.csv").is_file() else 0
        every = tasks.plan(self.profile, images.groups_of(self.dataset))
        return [task for task in every if task.added <= there]

    @property
    def folder(self) -> Path:
        """Where trainings go that are under way."""
        return runs.folder(self.profile) / "comparison"

    def data(self, task: Task) -> Dataset:
        """Return the data set with the training images that a task has."""
        data = self.dataset
        if task.left_out:
            return images.without(data, images.groups_of(data)[task.left_out])
        if task.images:
            return images.fewer(data, task.images, task.seed)
        if task.added:
            name = f"data-plus{task.added}-{fingerprint(data)[:8]}"
            return images.more(
                data, _loaded(self.population / LEARNING), task.added, self.folder / name
            )
        return data

    def rate(self, task: Task) -> str | None:
        """Return a network's learning rate relative to the profile's; None: not chosen yet."""
        if task.rate:
            return task.rate
        trials = [t for t in self.tasks if t.key == task.key and t.rate]
        return self.ledger.chosen_rate(task.key)[0] if self._are_done(trials) else None

    def method(self, task: Task) -> str | None:
        """Return the slug of a task's classical method; None: not chosen yet."""
        if task.key != BEST:
            return task.key
        tuned = [t for t in self.tasks if t.variant == "overall" and t.is_plain]
        return self.ledger.best_classical(len(tuned))[0] if self._are_done(tuned) else None

    def settings(self, task: Task) -> Profile:
        """Return the settings of a network's training, whose learning rate is chosen."""
        parts = self.data(task).subset("train")["body_part"].nunique()
        share = parts / self.dataset.manifest["body_part"].nunique()
        return tasks.settings(self.profile, task, self.rate(task), share)

    def waits(self, task: Task) -> bool:
        """Tell whether something has to be chosen first."""
        if task.is_network:
            return self.rate(task) is None
        return bool(task.key) and self.method(task) is None

    def entry(self, task: Task) -> Entry | None:
        """Return a task's entry of the ledger if it was made from these data and settings."""
        entry = self.ledger.entry(task.slug)
        if entry is None or self.waits(task) or entry.record["identity"] != self.identity(task):
            return None
        return entry

    def _are_done(self, tasks: list[Task]) -> bool:
        return all(self.entry(task) for task in tasks)

    def status(self, task: Task) -> str:
        """Return how far a task is: `TO_DO`, `WAITS`, `FINISHED` or `DIVERGED`."""
        if self.waits(task):
            return WAITS
        entry = self.entry(task)
        return TO_DO if entry is None else DIVERGED if entry.diverged else FINISHED

    def made_from(self) -> dict:
        """Return the fingerprints of the data and of the populations that are scored."""
        return {
            "data": fingerprint(self.dataset),
            **{name: fingerprint(_loaded(self.population / name)) for name in NEEDED},
        }

    def identity(self, task: Task) -> str:
        """Return a SHA-256 of what a task's result depends on, the device excepted."""
        about = {k: v for k, v in dataclasses.asdict(task).items() if k not in ("stage", "method")}
        content = {"task": about, "pixels": PIXELS, **self.made_from()}
        content["image_size"] = self.profile.image_size
        if task.is_network:
            profile = self.settings(task)
            content["profile"] = {**profile.as_dict(), "name": ""}
            content["augmentation"] = describe(PRESETS[profile.augmentation])
            content["train"] = list(self.data(task).split["train"])
            if task.added:
                content["learning"] = fingerprint(_loaded(self.population / LEARNING))
        elif task.key:
            content["settings"] = classical.METHODS[self.method(task)].settings
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def arrays(self, data: Dataset, subset: str) -> Arrays:
        """Return a subset's images at the profile's size."""
        return _arrays(data.folder, tuple(data.subset(subset).index), self.profile.image_size)

    def scored_on(self, subset: str) -> Arrays:
        """Return the images that methods are scored on, the same for all."""
        if subset in self.dataset.split:
            return self.arrays(self.dataset, subset)
        return self.arrays(_loaded(self.population / subset), "all")


def fingerprint(data: Dataset) -> str:
    """Return a data set's fingerprint, computed but once."""
    return _fingerprint(data.folder, json.dumps(data.split))


# Kept by their values: a study that another process is sent with each task is a new object.
@functools.lru_cache(maxsize=8)
def _fingerprint(folder: Path, split: str) -> str:
    return dataclasses.replace(_loaded(folder), split=json.loads(split)).fingerprint()


_loaded = functools.lru_cache(maxsize=8)(load)


@functools.lru_cache(maxsize=6)
def _arrays(folder: Path, images: tuple[str, ...], size: int) -> Arrays:
    shown = dataclasses.replace(_loaded(folder), split={"shown": list(images)})
    return read_arrays(shown, "shown", size)
