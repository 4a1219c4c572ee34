"""Programs that work in turn: one at a time, the others held."""

from __future__ import annotations

import signal
import statistics
import subprocess
from pathlib import Path

from xnet_tf.files import InputError


class Worker:
    """A process that works for as many seconds as it is told, and is held in between.

    Held by a signal, for what fills buffers ahead would slow the others and flatter itself.

    Args:
        command: its words. The program calls `serving.serve`.
        log: file for what it writes to the standard error.

    Raises:
        InputError: if it does not come up, with the last it said.
    """

    def __init__(self, command: list[str], log: Path):
        pipe = subprocess.PIPE
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=errors, text=True
            )
        if self.process.stdout.readline().strip() != "ready":
            raise InputError(" ".join(log.read_text().strip().splitlines()[-1:]))
        self.process.send_signal(signal.SIGSTOP)

    def measure(self, seconds: float) -> tuple[float, float]:
        """Let it work for about so many seconds.

        Returns:
            Images per second, and the processor's milliseconds for each.
        """
        self.process.send_signal(signal.SIGCONT)
        print(seconds, file=self.process.stdin, flush=True)
        rate, milliseconds = self.process.stdout.readline().split()
        self.process.send_signal(signal.SIGSTOP)
        return float(rate), float(milliseconds)

    def close(self) -> None:
        """End the process; it holds nothing that would have to be saved."""
        self.process.kill()
        self.process.wait()


def compare(workers: dict[str, Worker], ours: str, rounds: int, seconds: float) -> dict[str, list]:
    """Let each method work right after ours, round by round.

    Returns:
        By method, for each round, what `Worker.measure` gave for ours and for it.
    """
    measured: dict[str, list] = {method: [] for method in workers}
    for number in range(rounds + 1):
        for method, worker in workers.items():
            pair = workers[ours].measure(seconds), worker.measure(seconds)
            if number:  # the first round warms up
                measured[method].append(pair)
            rates = " / ".join(f"{rate:.0f}" for rate, _ in pair)
            print(f"round {number} of {rounds}: {rates} images/s, ours / {method}", flush=True)
    return measured


def rows(measured: dict[str, list], ours: str) -> list[dict]:
    """Make a table's rows of what `compare` returned: of speed, then of effort."""
    found = []
    for column, unit in enumerate(("images/s", "processor ms/image")):
        for method, pairs in measured.items():
            values = [other[column] for _, other in pairs]
            # Bigger is better for ours, of speed as of effort.
            ratios = [own[column] / other[column] for own, other in pairs]
            ratio = statistics.median(1 / r if column else r for r in ratios)
            found.append(
                {
                    "method": method,
                    "value": float(f"{statistics.median(values):.4g}"),
                    "unit": unit,
                    "runs": len(values),
                    "ratio": 1.0 if method == ours else round(ratio, 3),
                }
            )
    return found
