"""The part of a program that works in turn (see ``turns.py``); needs nothing but Python."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator


def serve(work: Iterator[int]) -> None:
    """Answer each line of the standard input, a number of seconds, by what was done in them.

    The answer is images per second, and the processor's milliseconds for each, over all threads.

    Args:
        work: does a piece of work at each step, and yields how many images it was.
    """
    next(work)
    print("ready", flush=True)
    for line in sys.stdin:
        # What lay ready in a buffer was not made in these seconds: a fifth of them is not counted.
        for share in (0.2, 1.0):
            done, start, processor = 0, time.perf_counter(), time.process_time()
            while time.perf_counter() - start < share * float(line):
                done += next(work)
            rate = done / (time.perf_counter() - start)
            milliseconds = 1000 * (time.process_time() - processor) / done
        print(rate, milliseconds, flush=True)
