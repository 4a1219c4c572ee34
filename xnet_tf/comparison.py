"""The comparison: every method trained or tuned, and scored, by one command that can be killed.

`xnet_tf.tasks` lists the work. Each task leaves a folder ``<run>/comparison/<slug>/``, which
`xnet_tf.scoring` describes; its ``record.json`` is written last and says that it is finished.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_tf import (
    classical,
    coverage,
    inference,
    partitions,
    runs,
    scoring,
    table3,
    training,
    tuning,
)
from xnet_tf.backend import describe_device, keras
from xnet_tf.dataset import Arrays, Dataset, load, read_arrays
from xnet_tf.files import InputError, read_json, write_atomically, write_json
from xnet_tf.profiles import Profile
from xnet_tf.scoring import Example, Guess
from xnet_tf.tasks import Task, budget, plan, select

SUBSETS = ("validation", "test")


@dataclass(frozen=True)
class Made:
    """A method that is ready to segment.

    Attributes:
        segment: the method.
        record: what is said of it in ``record.json``.
    """

    segment: Callable[[Example], Guess]
    record: dict


def compare(
    dataset: Dataset, profile: Profile, population: Path, only: tuple[str, ...] = ()
) -> Path:
    """Do what is left of the comparison.

    Args:
        dataset: with a training, validation and test subset.
        profile: which the networks' settings derive from.
        population: folder whose ``evaluation/`` is scored too, as soon as it is there.
        only: slugs of tasks, with ``*`` for anything; by default all tasks.

    Returns:
        The comparison's folder.

    Raises:
        InputError: if no task is called so, or, in the end, if a training diverged.
    """
    tasks = select(plan(dataset), only)
    bench = Bench(dataset, profile, population / "evaluation")
    failed = []
    for number, task in enumerate(tasks, 1):
        print(f"[{number}/{len(tasks)}] {task.slug}: {task.title}", flush=True)
        try:
            bench.do(task)
        except FloatingPointError as error:  # one training that diverges stops no other
            failed.append(f"{task.slug}: {error}")
    if failed:
        raise InputError("; ".join(failed))
    return bench.root


def write_tables(root: Path, dataset: Dataset) -> list[Path]:
    """Write the tables of what is finished: the comparison's own and the classical methods' tuning.

    Args:
        root: the comparison's folder.
        dataset: which the methods were tuned on.

    Returns:
        The files written; none of a part that is not far enough.
    """
    results = root.parent / "results"
    written: list[Path] = []
    tuned = [path.stat().st_mtime for path in (root / "tuning").glob("*.json")]
    choices = results / "classical-tuning.csv"
    written_at = choices.stat().st_mtime if choices.is_file() else 0
    if len(tuned) == len(classical.METHODS) and written_at < max(tuned):
        tuning.run(dataset, results)
        written.append(choices)
    if any(root.glob("xnet-seed*/record.json")):
        written += [*table3.write(root.parent), coverage.write(root.parent)]
    return written


class Bench:
    """What the tasks share: data, settings, folders."""

    def __init__(self, dataset: Dataset, profile: Profile, population: Path):
        self.dataset, self.profile = dataset, profile
        self.root = runs.folder(profile) / "comparison"
        there = (population / "manifest.csv").is_file()
        self.population = load(population) if there else None

    def do(self, task: Task) -> None:
        """Make, score and record a method, as far as that has not been done."""
        folder = self.root / task.slug
        data = self.data(task)
        record = self.finished(task, data)
        made = None
        if record is None:
            (folder / "record.json").unlink(missing_ok=True)
            made = self.make(task, data)
            scored = [scoring.score(made.segment, self.arrays(data, s), s) for s in SUBSETS]
            for name in ("counts.csv", "surfaces.csv", "auc.csv", "scores.npz"):
                (folder / name).unlink(missing_ok=True)
            for of_subset in scored:
                scoring.save(of_subset, folder)
            taken = np.concatenate([of_subset.milliseconds for of_subset in scored])
            record = {**self.about(task, data, made), "milliseconds_per_image": np.median(taken)}
            write_json(folder / "record.json", record)
        arrays = self.population_arrays(task)
        if arrays is not None and record["population"] != self.population_fingerprint:
            made = made or self.make(task, data)
            scoring.save(scoring.score(made.segment, arrays, "population"), folder)
            record["population"] = self.population_fingerprint
            write_json(folder / "record.json", record)

    def finished(self, task: Task, data: Dataset) -> dict | None:
        """Return a task's record if it was made from the same data and settings."""
        path = self.root / task.slug / "record.json"
        if not path.is_file():
            return None
        record = read_json(path)
        return record if record["identity"] == self.identity(task, data) else None

    def status(self, task: Task) -> str:
        """Say in a few words how far a task is."""
        record = self.finished(task, self.data(task))
        if record is None:
            return "to do"
        waits = self.population is not None and self.on_population(task)
        if waits and record["population"] != self.population_fingerprint:
            return "population to be scored"
        return "finished"

    def identity(self, task: Task, data: Dataset) -> str:
        """Return a SHA-256 of what a task's result depends on."""
        content: dict = {"task": dataclasses.asdict(task), "data": self.fingerprint(data)}
        content["image_size"] = self.profile.image_size
        if task.family == "network":
            content |= training.identity(data, self.settings(task, data))
        elif task.key:
            content["settings"] = classical.METHODS[task.key].settings
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def about(self, task: Task, data: Dataset, made: Made) -> dict:
        """Return a task's record, but for the time it takes."""
        return {
            "method": task.method,
            "slug": task.slug,
            "family": task.family,
            "variant": task.variant,
            "seed": task.seed,
            "fold": task.fold,
            "parameters": None,
            "profile": None,
            "settings": None,
            "data": self.fingerprint(data),
            "population": None,
            "identity": self.identity(task, data),
            "versions": runs.versions(),
            **made.record,
        }

    def make(self, task: Task, data: Dataset) -> Made:
        """Train or tune a method."""
        if task.family == "network":
            return self.train(task, data)
        seen = self.arrays(data, "train")
        if task.family == "constant":
            commonest = classical.constant(seen.labels)
            return Made(
                lambda e: Guess(np.full(e.truth.shape, commonest, np.uint8)),
                {"settings": {"class": commonest}},
            )
        method = classical.METHODS[task.key]
        if task.variant == "oracle":
            return Made(lambda e: Guess(tuning.oracle(method, e.image, e.truth)), {})
        overall, by_part = self.tuned(method, seen)
        if task.variant == "overall":
            by_part = {}
        return Made(
            lambda e: Guess(method.segment(e.image, **by_part.get(e.body_part, overall))),
            {"settings": by_part or overall},
        )

    def train(self, task: Task, data: Dataset) -> Made:
        """Train a network, or take up or load its training."""
        keras.utils.clear_session()
        folder = self.root / task.slug
        profile = self.settings(task, data)
        trained = training.train(data, profile, folder)
        history = folder / "results" / "history.csv"
        write_atomically(folder / "history.csv", lambda path: shutil.copyfile(history, path))
        weights = read_json(trained.weights.with_suffix(".json"))

        def segment(example: Example) -> Guess:
            probabilities = inference.predict(trained.model, example.image[None])[0]
            return Guess(probabilities.argmax(axis=-1).astype(np.uint8), probabilities)

        return Made(
            segment,
            {
                "parameters": trained.model.count_params(),
                "profile": profile.as_dict(),
                "weights_sha256": weights["sha256"],
                "best_epoch": weights["best_epoch"],
                "training_seconds": weights["training_seconds"],
                "device": describe_device(),
            },
        )

    def tuned(self, method: classical.ClassicalMethod, seen: Arrays) -> tuple[dict, dict]:
        """Return a method's setting for all body parts, and each part's own; tune it but once."""
        path = self.root / "tuning" / f"{method.slug}.json"
        key = hashlib.sha256(
            json.dumps([method.settings, self.fingerprint(self.dataset)]).encode()
        ).hexdigest()
        if not path.is_file() or read_json(path)["identity"] != key:
            found = tuning.tune(method, seen.images, seen.labels, seen.parts)
            place = {json.dumps(setting): k for k, setting in enumerate(method.settings)}
            by_part = {part: place[json.dumps(own)] for part, own in found.by_part.items()}
            overall = place[json.dumps(found.overall)]
            write_json(path, {"identity": key, "overall": overall, "by_part": by_part})
        chosen = read_json(path)
        by_part = {part: method.settings[k] for part, k in chosen["by_part"].items()}
        return method.settings[chosen["overall"]], by_part

    def data(self, task: Task) -> Dataset:
        """Return the data set with what the task holds out as its test set."""
        if not task.fold:
            return self.dataset
        if task.fold["kind"] == "subjects":
            return partitions.fold(self.dataset, task.fold["number"])
        return partitions.without_parts(self.dataset, tuple(task.fold["parts"]))

    def settings(self, task: Task, data: Dataset) -> Profile:
        """Return the settings of a network's training."""
        parts = data.subset("train")["body_part"].nunique()
        return budget(self.profile, task, parts, self.dataset.manifest["body_part"].nunique())

    @functools.lru_cache(maxsize=4)  # noqa: B019 (one bench lives as long as the command)
    def _arrays(self, folder: Path, images: tuple[str, ...]) -> Arrays:
        whole = self.dataset if folder == self.dataset.folder else self.population
        part = dataclasses.replace(whole, split={"these": list(images)})
        return read_arrays(part, "these", self.profile.image_size)

    def arrays(self, data: Dataset, subset: str) -> Arrays:
        """Return a subset's images at the profile's size."""
        return self._arrays(data.folder, tuple(data.subset(subset).index))

    @functools.lru_cache(maxsize=64)  # noqa: B019
    def _fingerprint(self, split: str) -> str:
        return dataclasses.replace(self.dataset, split=json.loads(split)).fingerprint()

    def fingerprint(self, data: Dataset) -> str:
        """Return a data set's fingerprint, computed but once."""
        return self._fingerprint(json.dumps(data.split))

    def on_population(self, task: Task) -> bool:
        """Tell whether a task is scored on the population too.

        Folds of subjects are not: their purpose is the images of `data/` that they hold out. Nor is
        the oracle, which would segment each image with each setting.
        """
        return task.variant != "oracle" and (not task.fold or "parts" in task.fold)

    def population_arrays(self, task: Task) -> Arrays | None:
        """Return the population's images; of those, the parts left out, if some were."""
        if self.population is None or not self.on_population(task):
            return None
        manifest = self.population.manifest
        if task.fold:
            manifest = manifest[manifest["body_part"].isin(task.fold["parts"])]
        return (
            self._arrays(self.population.folder, tuple(manifest.index)) if len(manifest) else None
        )

    @functools.cached_property
    def population_fingerprint(self) -> str:
        """A SHA-256 of the population's files."""
        return self.population.fingerprint()


def listing(dataset: Dataset, profile: Profile, population: Path) -> pd.DataFrame:
    """Return all tasks and how far they are: columns ``task``, ``what``, ``status``."""
    bench = Bench(dataset, profile, population / "evaluation")
    rows = [(task.slug, task.title, bench.status(task)) for task in plan(dataset)]
    return pd.DataFrame(rows, columns=["task", "what", "status"])
