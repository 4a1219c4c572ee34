"""The comparison: every method trained or tuned, and scored, by one command that can be killed.

`xnet_study.comparison.tasks` lists the work; what is finished goes into the ledger
(`xnet_study.comparison.ledger`), and what is in there is never done again.
"""

from __future__ import annotations

import dataclasses
import functools
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd

from xnet_study.comparison import fitting, scoring
from xnet_study.comparison.study import FINISHED, TO_DO, WAITS, Study
from xnet_study.comparison.tasks import Task, select
from xnet_tf import runs
from xnet_tf.files import InputError

PICTURED = 5
"""Test images of which label maps are kept, spread over the test set."""


def compare(
    study: Study, only: tuple[str, ...] = (), minutes: float | None = None, jobs: int = 1
) -> None:
    """Do what is left of the comparison.

    Args:
        study: the comparison.
        only: slugs of tasks, with ``*`` for anything; by default all of stage A.
        minutes: after so many, no further task is begun.
        jobs: processes, which share the processor's cores. So small a network gains little from a
            second core: two trainings side by side take hardly longer than one.

    Raises:
        InputError: if no task is called so, or, in the end, if trainings diverged just now.
    """
    tasks, diverged = select(study.tasks, only), []
    deadline = time.monotonic() + 60 * minutes if minutes else float("inf")
    # What is finished may be what others waited for.
    while ready := [task for task in tasks if study.status(task) == TO_DO]:
        outcomes = zip(ready, attempt_all(study, ready, deadline, jobs), strict=True)
        for number, (task, outcome) in enumerate(outcomes, 1):
            print(f"[{number}/{len(ready)}] {task.slug}: {outcome}", flush=True)
            diverged += [] if outcome in (FINISHED, LATER) else [f"{task.slug}: {outcome}"]
        if time.monotonic() > deadline:
            break
    waiting = [task.slug for task in tasks if study.status(task) == WAITS]
    if waiting:
        print(f"{len(waiting)} tasks wait for what is chosen by others, such as {waiting[0]}")
    if diverged:
        raise InputError("; ".join(diverged))


LATER = "left for the next time"


def listing(study: Study) -> pd.DataFrame:
    """Return all tasks and how far they are: columns ``stage``, ``task``, ``what``, ``status``."""
    rows = [(task.stage, task.slug, task.title, study.status(task)) for task in study.tasks]
    return pd.DataFrame(rows, columns=["stage", "task", "what", "status"])


def attempt_all(study: Study, tasks: list[Task], deadline: float, jobs: int) -> Iterator[str]:
    """Do tasks, and yield what came of each, in their order; see `attempt`."""
    do = functools.partial(attempt, study, deadline=deadline)
    if jobs == 1:
        yield from map(do, tasks)
        return
    # TensorFlow reads this as it is imported, too soon for any call in the processes.
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(max(1, (os.cpu_count() or 1) // jobs))
    # Spawned: TensorFlow must not be forked.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(do, tasks)


def attempt(study: Study, task: Task, deadline: float = float("inf")) -> str:
    """Do a task, unless it is too late. A training that diverges is recorded and stops no other.

    Returns:
        `FINISHED`, `LATER`, or how its training diverged.
    """
    if time.monotonic() > deadline:
        return LATER
    print(f"{task.slug}: {task.title}", flush=True)
    record = {
        "task": dataclasses.asdict(task),
        "identity": study.identity(task),
        "made_from": study.made_from(),
        "image_size": study.profile.image_size,
        "versions": runs.versions(),
    }
    try:
        fitted = fitting.fit(study, task)
    except FloatingPointError as error:
        study.ledger.add(task, record, {})
        return str(error)
    scored = {}
    for subset in task.subsets:
        arrays = study.scored_on(subset)
        study.ledger.name_images(subset, arrays.manifest)
        scored[subset] = scoring.score(fitted.segment, arrays, subset)
    record["milliseconds"] = round(float(np.median([s.milliseconds for s in scored.values()])), 2)
    train = study.data(task).subset("train")
    record["training"] = {"images": len(train), "subjects": int(train["subject"].nunique())}
    record |= fitted.record
    study.ledger.add(task, record, scored, fitted.history, pictures(study, task, scored))
    return FINISHED


def pictures(study: Study, task: Task, scored: dict[str, scoring.Scored]) -> dict[str, np.ndarray]:
    """Return the label maps of a few test images, of a network as it is compared."""
    if not (task.is_network and task.is_plain and task.budget == "1" and task.seed == 1):
        return {}
    arrays = study.scored_on("test")
    names = [name.removeprefix("images/") for name in arrays.manifest.index]
    at = np.unique(np.linspace(0, len(names) - 1, PICTURED).astype(int))
    images, maps = arrays.unpadded
    study.ledger.show({names[k]: (images[k], maps[k]) for k in at})
    return {names[k]: scored["test"].labels[k] for k in at}
