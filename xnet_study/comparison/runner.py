"""The comparison: every method trained or tuned, and scored, by one command that can be killed.

`xnet_study.comparison.tasks` lists the work. Each task leaves a folder
``<run>/comparison/<slug>/``, which `xnet_study.comparison.scoring` describes; its
``record.json`` is written last and says that it is finished.
"""

from __future__ import annotations

import dataclasses
import functools
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study.baselines import classical, tuning
from xnet_study.comparison import coverage, fitting, scoring, table3
from xnet_study.comparison.fitting import FittedMethod
from xnet_study.comparison.study import Study, fingerprint
from xnet_study.comparison.tasks import Task, plan, select
from xnet_tf import runs
from xnet_tf.dataset import Dataset
from xnet_tf.files import InputError, read_json, write_json
from xnet_tf.profiles import Profile

TO_DO, TO_SCORE, FINISHED = "to do", "population to be scored", "finished"
"""How far a task may be."""


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
    study = Study.of(dataset, profile, population)
    tasks = select(plan(dataset), only)
    failures = []
    outcomes = zip(tasks, attempt_all(study, tasks, jobs), strict=True)
    for number, (task, failure) in enumerate(outcomes, 1):
        print(f"[{number}/{len(tasks)}] {task.slug}: {failure or 'done'}", flush=True)
        if failure:
            failures.append(f"{task.slug}: {failure}")
    for path in write_tables(study):
        print(path)
    if failures:
        raise InputError("; ".join(failures))
    return study.folder


def listing(dataset: Dataset, profile: Profile, population: Path) -> pd.DataFrame:
    """Return all tasks and how far they are: columns ``task``, ``what``, ``status``."""
    study = Study.of(dataset, profile, population)
    rows = [(task.slug, task.title, status(study, task)) for task in plan(dataset)]
    return pd.DataFrame(rows, columns=["task", "what", "status"])


def attempt_all(study: Study, tasks: list[Task], jobs: int) -> Iterator[str]:
    """Do tasks, and yield what went wrong with each, in their order; see `attempt`."""
    if jobs == 1:
        yield from (attempt(study, task) for task in tasks)
        return
    # TensorFlow reads this as it is imported, too soon for any call in the processes.
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(max(1, (os.cpu_count() or 1) // jobs))
    # Spawned: TensorFlow must not be forked.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(functools.partial(attempt, study), tasks)


def attempt(study: Study, task: Task) -> str:
    """Do a task. Returns what went wrong, if its training diverged: that stops no other."""
    print(f"{task.slug}: {task.title}", flush=True)
    try:
        do(study, task)
    except FloatingPointError as error:
        return str(error)
    return ""


def do(study: Study, task: Task) -> None:
    """Fit, score and record a method, as far as that has not been done."""
    if status(study, task) == FINISHED:
        return
    fitted = fitting.fit(study, task)
    if status(study, task) == TO_DO:
        score_split(study, task, fitted)
    if status(study, task) == TO_SCORE:
        score_population(study, task, fitted)


def status(study: Study, task: Task) -> str:
    """Return how far a task is: `TO_DO`, `TO_SCORE` or `FINISHED`."""
    record = study.record(task)
    if record is None:
        return TO_DO
    wanted = study.population_of(task) is not None
    scored = wanted and record["population"] == fingerprint(study.population)
    return TO_SCORE if wanted and not scored else FINISHED


def score_split(study: Study, task: Task, fitted: FittedMethod) -> None:
    """Score a method on validation and test images, and write its record."""
    folder, data = study.folder / task.slug, study.data(task)
    for name in ("record.json", *scoring.FILES):
        (folder / name).unlink(missing_ok=True)
    milliseconds = [
        scoring.score(fitted.segment, study.arrays(data, subset), subset, folder)
        for subset in ("validation", "test")
    ]
    record = {
        **dataclasses.asdict(task),
        **dict.fromkeys(("population", "parameters", "profile", "settings")),
        "data": fingerprint(data),
        "divided_from": study.divided_from(task),
        "identity": study.identity(task),
        "versions": runs.versions(),
        "milliseconds_per_image": np.median(np.concatenate(milliseconds)),
        **fitted.record,
    }
    write_json(folder / "record.json", record)


def score_population(study: Study, task: Task, fitted: FittedMethod) -> None:
    """Score a method on the population, and add to its record which that was."""
    folder = study.folder / task.slug
    arrays = study.arrays(study.population_of(task), "evaluation")
    scoring.score(fitted.segment, arrays, "evaluation", folder)
    record = read_json(folder / "record.json")
    write_json(folder / "record.json", {**record, "population": fingerprint(study.population)})


def write_tables(study: Study) -> list[Path]:
    """Write the tables of what is finished: the classical methods' tuning, the comparison's.

    All are written anew each time, so that none is missing for good after a kill.

    Returns:
        The files; none of a part that is not far enough.
    """
    run = study.folder.parent
    written = []
    tunings = {slug: study.tuning(method) for slug, method in classical.METHODS.items()}
    if all(tunings.values()):
        written += tuning.save_tables(tunings, run / "results")
    if any(study.folder.glob("xnet-seed*/record.json")):
        written += [*table3.write(run), coverage.write(run)]
    return written
