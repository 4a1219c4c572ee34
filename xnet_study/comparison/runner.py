"""The comparison: every method trained or tuned, and scored, by one command that can be killed.

`xnet_study.comparison.tasks` lists the work. Each task leaves a folder
``<run>/comparison/<slug>/``, which `xnet_study.comparison.scoring` describes; its
``record.json`` is written last and says that it is finished.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study.baselines import classical, tuning
from xnet_study.comparison import coverage, partitions, scoring, table3
from xnet_study.comparison.scoring import Example, Guess
from xnet_study.comparison.tasks import Task, budget, plan, select
from xnet_tf import inference, runs, training
from xnet_tf.backend import describe_device, keras
from xnet_tf.dataset import Arrays, Dataset, load, read_arrays
from xnet_tf.files import InputError, read_json, write_atomically, write_json
from xnet_tf.profiles import Profile

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
    dataset: Dataset,
    profile: Profile,
    population: Path,
    only: tuple[str, ...] = (),
    jobs: int = 1,
) -> Path:
    """Do what is left of the comparison, then write the tables of all that is finished.

    Args:
        dataset: with a training, validation and test subset.
        profile: which the networks' settings derive from.
        population: folder whose ``evaluation/`` is scored too, as soon as it is there.
        only: slugs of tasks, with ``*`` for anything; by default all tasks.
        jobs: processes, which share the processor's cores. So small a network gains little from a
            second core: two trainings side by side take hardly longer than one.

    Returns:
        The comparison's folder.

    Raises:
        InputError: if no task is called so, if finished tasks do not fit together, or, in the end,
            with all tables written, if a training diverged.
    """
    tasks = select(plan(dataset), only)
    bench = Bench(dataset, profile, population / "evaluation")
    outcomes = map(bench.attempt, tasks) if jobs == 1 else _side_by_side(bench, tasks, jobs)
    failed = []
    for number, (task, failure) in enumerate(zip(tasks, outcomes, strict=True), 1):
        print(f"[{number}/{len(tasks)}] {task.slug}: {failure or 'done'}", flush=True)
        failed += [f"{task.slug}: {failure}"] * bool(failure)
    for path in bench.write_tables():
        print(path)
    if failed:
        raise InputError("; ".join(failed))
    return bench.root


def _side_by_side(bench: Bench, tasks: list[Task], jobs: int) -> Iterator[str]:
    """Do tasks in several processes, and yield what went wrong with each, in their order."""
    # Spawned: TensorFlow must not be forked.
    context = multiprocessing.get_context("spawn")
    shared = (bench.dataset, bench.profile, bench.place)
    # TensorFlow reads this as it is imported, too soon for any call in the processes.
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(max(1, (os.cpu_count() or 1) // jobs))
    with ProcessPoolExecutor(jobs, context, _start, shared) as pool:
        yield from pool.map(_attempt, tasks)


def _start(dataset: Dataset, profile: Profile, population: Path) -> None:
    global _bench
    _bench = Bench(dataset, profile, population)


def _attempt(task: Task) -> str:
    return _bench.attempt(task)


_bench: Bench | None = None
"""Of a process that does tasks for another."""


class Bench:
    """What the tasks share: data, settings, folders."""

    def __init__(self, dataset: Dataset, profile: Profile, population: Path):
        self.dataset, self.profile, self.place = dataset, profile, population
        self.root = runs.folder(profile) / "comparison"
        there = (population / "manifest.csv").is_file()
        self.population = load(population) if there else None

    def attempt(self, task: Task) -> str:
        """Do a task. Returns what went wrong, if its training diverged: that stops no other."""
        print(f"{task.slug}: {task.title}", flush=True)
        try:
            self.do(task)
        except FloatingPointError as error:
            return str(error)
        return ""

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
        images = self.on_population(task)
        if images and record["population"] != self.population_fingerprint:
            made = made or self.make(task, data)
            arrays = self._arrays(self.population.folder, tuple(images))
            scoring.save(scoring.score(made.segment, arrays, "population"), folder)
            record["population"] = self.population_fingerprint
            write_json(folder / "record.json", record)

    def write_tables(self) -> list[Path]:
        """Write the tables of what is finished: the classical methods' tuning, the comparison's.

        All are written anew each time, so that none is missing for good after a kill.

        Returns:
            The files; none of a part that is not far enough.
        """
        results = self.root.parent / "results"
        written: list[Path] = []
        examined = {slug: self.examined(m) for slug, m in classical.METHODS.items()}
        if all(examined.values()):
            written += tuning.save_tables(examined, results)
        if any(self.root.glob("xnet-seed*/record.json")):
            written += [*table3.write(self.root.parent), coverage.write(self.root.parent)]
        return written

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
        if self.on_population(task) and record["population"] != self.population_fingerprint:
            return "population to be scored"
        return "finished"

    def identity(self, task: Task, data: Dataset) -> str:
        """Return a SHA-256 of what a task's result depends on."""
        content: dict = {"task": dataclasses.asdict(task), "data": self.fingerprint(data)}
        content |= {"image_size": self.profile.image_size, "pixels": scoring.PIXELS}
        content["divided_from"] = self.divided_from(task)
        if task.family == "network":
            content |= training.identity(data, self.settings(task, data))
        elif task.key:
            content["settings"] = classical.METHODS[task.key].settings
        return _sha256(content)

    def divided_from(self, task: Task) -> str | None:
        """Return the fingerprint of the data set that a task's data are another division of."""
        return self.fingerprint(self.dataset) if task.fold else None

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
            "divided_from": self.divided_from(task),
            "population": None,
            "identity": self.identity(task, data),
            "versions": runs.versions(),
            **made.record,
        }

    def make(self, task: Task, data: Dataset) -> Made:
        """Train or tune a method."""
        if task.family == "network":
            return self.train(task, data)
        if task.family == "constant":
            seen = self.arrays(data, "train")
            commonest = classical.constant(np.concatenate([m.ravel() for m in seen.unpadded[1]]))
            return Made(
                lambda e: Guess(np.full(e.truth.shape, commonest, np.uint8)),
                {"settings": {"class": commonest}},
            )
        method = classical.METHODS[task.key]
        if task.variant == "oracle":
            return Made(lambda e: Guess(tuning.oracle(method, e.image, e.truth)), {})
        tuned = self.tuned(method)
        if task.variant == "overall":
            overall = tuned.overall
            return Made(lambda e: Guess(method.segment(e.image, **overall)), {"settings": overall})
        return Made(
            lambda e: Guess(method.segment(e.image, **tuned.setting(e.body_part))),
            {"settings": tuned.by_part},
        )

    def train(self, task: Task, data: Dataset) -> Made:
        """Train a network, or take up or load its training."""
        keras.utils.clear_session()
        folder = self.root / task.slug
        profile = training.settle_precision(self.settings(task, data), folder)
        trained = training.train(data, profile, folder)
        history = folder / "results" / "history.csv"
        write_atomically(folder / "history.csv", lambda path: shutil.copyfile(history, path))
        weights = read_json(trained.weights.with_suffix(".json"))

        def segment(example: Example) -> Guess:
            # As `inference.segment` does at its working size, before it enlarges the answer.
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

    def tuned(self, method: classical.ClassicalMethod) -> tuning.Tuned:
        """Return a method's settings; tune it but once."""
        found = self.examined(method)
        if found is None:
            seen = (self.arrays(self.dataset, subset) for subset in ("train", "validation"))
            found = {**tuning.examine(method, *seen), "identity": self.tuning_identity(method)}
            write_json(self.root / "tuning" / f"{method.slug}.json", found)
        return tuning.restored(method, found)

    def examined(self, method: classical.ClassicalMethod) -> dict | None:
        """Return what tuning a method on these data gave, or None if that is still to be done."""
        path = self.root / "tuning" / f"{method.slug}.json"
        if not path.is_file():
            return None
        found = read_json(path)
        return found if found["identity"] == self.tuning_identity(method) else None

    def tuning_identity(self, method: classical.ClassicalMethod) -> str:
        """Return a SHA-256 of what a method's tuning depends on."""
        return _sha256(
            {
                "settings": method.settings,
                "data": self.fingerprint(self.dataset),
                "image_size": self.profile.image_size,
                "pixels": scoring.PIXELS,
            }
        )

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

    def on_population(self, task: Task) -> list[str]:
        """Return the population's images that a task is scored on; if parts are left out, those.

        There are none for folds of subjects: their purpose is the images of `data/` that they hold
        out. Nor for the oracle, which would segment each image with each setting.
        """
        left_out = task.fold and task.fold.get("parts")
        if self.population is None or task.variant == "oracle" or (task.fold and not left_out):
            return []
        manifest = self.population.manifest
        return list(manifest.index[manifest["body_part"].isin(left_out or manifest["body_part"])])

    @functools.cached_property
    def population_fingerprint(self) -> str:
        """A SHA-256 of the population's files."""
        return self.population.fingerprint()


def _sha256(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def listing(dataset: Dataset, profile: Profile, population: Path) -> pd.DataFrame:
    """Return all tasks and how far they are: columns ``task``, ``what``, ``status``."""
    bench = Bench(dataset, profile, population / "evaluation")
    rows = [(task.slug, task.title, bench.status(task)) for task in plan(dataset)]
    return pd.DataFrame(rows, columns=["task", "what", "status"])
