"""Segment many pictures: in several processes, with a table, and so that a next run goes on."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import replace
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Any

import cv2
import filelock
from tqdm import tqdm

from xnet_io import cluster, dicom_seg, outputs, radiographs, review, segment_table
from xnet_io.outputs import Plan
from xnet_io.segment_table import Table
from xnet_io.segmenting import Method, Task, segment_file
from xnet_tf.files import UNFINISHED, InputError, make_folder

_LOCK = ".xnet-segment.lock"
_NOTES = 20

Result = tuple[Task, dict[str, str] | None]
"""A task and its row of the table, None if its mask was there."""
_AHEAD = 4
"""Pictures that wait for each process, so that none of them does."""


def run(
    images: list[Path], out: Path, method: Method, jobs: int = 1, scheduler: str | None = None
) -> int:
    """Segment pictures and whole folders.

    A single picture that cannot be used is refused before anything is written. Of several, the
    others are segmented, and those that failed are listed at the end.

    Args:
        images: pictures, and folders of pictures.
        out: folder for the masks.
        method: how they are made.
        jobs: processes that work at a time.
        scheduler: address of a Dask cluster that works in their place.

    Returns:
        Exit status: 0; 1 if some failed, 2 if all did.

    Raises:
        InputError: if a single picture cannot be used, or another run writes into the folder.
    """
    if "dicom-seg" in method.extras:
        dicom_seg.check_installed()
    if scheduler:
        # Workers have working folders of their own.
        images, out = [path.absolute() for path in images], out.absolute()
    plan = outputs.plan(images, out)
    alone = len(images) == 1 and not images[0].is_dir()
    if alone:
        _raise_failure(plan)
        radiograph = radiographs.load(images[0], method.polarity)
    with _locked(out), Table(out, method.classes.names) as table:
        _remove_unfinished(plan, out)
        for path, reason in plan.failures.items():
            table.add({"file": path, "error": reason})
        reviewed = "overlay" in method.extras and not alone
        tasks = _tasks(plan, out, table, reviewed)
        if alone:
            tasks = [replace(task, radiograph=radiograph) for task in tasks]
        talks = not any(map(Path.is_dir, images))
        counts = _segment(_results(tasks, method, jobs, scheduler), len(tasks), plan, table, talks)
        if reviewed:
            print(f"look through {review.write(out, list(table.rows.values()), method.classes)}")
    if alone:
        for mask in plan.targets.values() if counts["kept"] else ():
            print(f"{mask} was there, of this file and by these settings")
        return _raise_failure(plan)
    return _summarise(plan, out, counts)


def _raise_failure(plan: Plan) -> int:
    """Raise InputError if there is one; return the exit status."""
    for path, reason in plan.failures.items():
        raise InputError(f"{path}: {reason}")
    return 0


def _tasks(plan: Plan, out: Path, table: Table, reviewed: bool) -> list[Task]:
    return [
        Task(
            path,
            mask,
            mask.relative_to(out).as_posix(),
            table.rows.get(mask.relative_to(out).as_posix(), {}).get("mask sha256", ""),
            review.thumbnail(out, mask) if reviewed else None,
        )
        for path, mask in plan.targets.items()
    ]


def _segment(
    results: Iterator[Result], total: int, plan: Plan, table: Table, talks: bool
) -> Counter[str]:
    """Take what comes of each picture; add rows to the table and failures to the plan."""
    counts: Counter[str] = Counter()
    bar = tqdm(desc="segmenting", total=total, unit=" pictures", disable=total < 2)
    # Closed here, so that no process works on when the folder is another run's.
    with bar, closing(results):
        for task, row in results:
            bar.update()
            if row is None:
                counts["kept"] += 1
                continue
            table.add(row)
            if "error" in row:
                plan.failures[task.path] = row["error"]
                continue
            counts["made"] += 1
            counts["warned"] += bool(row["warnings"])
            if talks:
                _say(task, row)
    return counts


def _results(
    tasks: list[Task], method: Method, jobs: int, scheduler: str | None
) -> Iterator[Result]:
    """Yield what came of each task, in order."""
    if scheduler:
        with cluster.connected(scheduler) as (submit, slots):
            yield from _ahead(tasks, method, submit, slots)
        return
    if jobs == 1 or len(tasks) < 2:
        for task in tasks:
            yield task, segment_file(task, method)
        return
    # What libraries heed when they are loaded, in the processes to come.
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    # A fresh process has no threads that a fork would stop in the middle.
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_begin_worker)
    try:
        yield from _ahead(tasks, method, pool.submit, jobs)
    except BrokenProcessPool:
        raise InputError(
            "a process was killed, perhaps for want of memory; the same command with fewer --jobs "
            "goes on"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _ahead(
    tasks: list[Task], method: Method, submit: Callable[..., Any], slots: int
) -> Iterator[Result]:
    """Submit some tasks ahead of the one whose result is waited for."""
    waiting: deque = deque()
    for task in tasks:
        waiting.append((task, submit(segment_file, task, method)))
        if len(waiting) == _AHEAD * slots:
            first, future = waiting.popleft()
            yield first, future.result()
    while waiting:
        first, future = waiting.popleft()
        yield first, future.result()


def _begin_worker() -> None:
    """Let a process compute on one core, leave interruptions to its parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)

    def end_with_parent() -> None:
        connection.wait([parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Keep other runs out of a folder, which is made; the lock ends with the process."""
    make_folder(out)
    try:
        with filelock.FileLock(out / _LOCK, timeout=0):
            yield
    except filelock.Timeout:
        raise InputError(
            f"{out}: another xnet segment writes there; wait for it, or give another --out"
        ) from None


def _remove_unfinished(plan: Plan, out: Path) -> None:
    """Remove what a killed run was writing."""
    folders = {out, *(mask.parent for mask in plan.targets.values())}
    folders |= {review.thumbnail(out, mask).parent for mask in plan.targets.values()}
    for folder in folders:
        for path in folder.glob(f"{UNFINISHED}*"):
            path.unlink()


def _say(task: Task, row: dict[str, str]) -> None:
    for warning in filter(None, row["warnings"].split(" | ")):
        tqdm.write(f"warning: {task.path}: {warning}")
    sure = float(row["sure of polarity (%)"])
    tqdm.write(f"{task.path} -> {task.mask}; open beam {row['polarity']} ({sure:.0f} % certain)")


def _summarise(plan: Plan, out: Path, counts: Counter[str]) -> int:
    """Say what was done, passed over and not done; return the exit status."""
    for note in plan.notes[:_NOTES]:
        print(f"note: {note}")
    if len(plan.notes) > _NOTES:
        print(f"and {len(plan.notes) - _NOTES} more were passed over")
    print(
        f"{counts['made']} masks made ({counts['warned']} with warnings), {counts['kept']} were "
        f"there, {len(plan.failures)} failed: {out / segment_table.NAME}"
    )
    for path, reason in plan.failures.items():
        print(f"failed: {path}: {reason}", file=sys.stderr)
    if not plan.failures:
        return 0
    return 1 if counts["made"] + counts["kept"] else 2
