"""What an import found: problems, the table of them, and the report of what was made."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from xnet_io import tables
from xnet_io.diagnosis import Foreign
from xnet_tf.files import InputError

REPORT = "import-report.csv"
"""In the imported folder: how each image and mask was read."""

_COLUMNS = (
    "problem", "fatal", "file", "what", "colour", "pixels", "share", "x", "y", "nearest",
    "looks like", "remedy",
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """Something wrong with one file, or worth a note.

    Attributes:
        file: path, relative to the folder where possible.
        what: one line with what is wrong, where, and what helps.
        fatal: whether it forbids the import.
        colours: foreign colours of a mask.
    """

    file: str
    what: str
    fatal: bool = True
    colours: tuple[Foreign, ...] = ()


@dataclass
class Outcome:
    """What an import did.

    Attributes:
        pairs: number of images with their masks.
        problems: faults and notes, in the order of the files.
        rows: of the import report, one a pair.
    """

    pairs: int = 0
    problems: list[Problem] = field(default_factory=list)
    rows: list[dict] = field(default_factory=list)

    @property
    def fatal(self) -> list[Problem]:
        """The problems that forbid the import."""
        return [problem for problem in self.problems if problem.fatal]

    def fault(self, file: str, what: str) -> None:
        """Add a problem that forbids the import."""
        self.problems.append(Problem(file, f"{file}: {what}"))

    def note(self, file: str, what: str) -> None:
        """Add something worth knowing."""
        self.problems.append(Problem(file, f"{file}: {what}", fatal=False))

    def refusal(self, folder: Path) -> InputError:
        """Make one line of the fatal problems; if there is more to say, it names a table of all."""
        fatal = self.fatal
        if len(fatal) == 1 and not fatal[0].colours:
            return InputError(f"{folder / fatal[0].what}; nothing was written")
        table = _write_table(self.problems)
        many = "1 problem" if len(fatal) == 1 else f"{len(fatal)} problems, the first"
        return InputError(f"{many}: {folder / fatal[0].what}; nothing was written; all in {table}")


def _write_table(problems: list[Problem]) -> str:
    """Write a table of one row a problem, or a foreign colour of one. Returns its path."""
    rows = []
    for number, problem in enumerate(problems, start=1):
        row = {"problem": number, "fatal": "yes" if problem.fatal else "note"}
        row |= {"file": problem.file, "what": problem.what}
        rows += [row | _cells(colour) for colour in problem.colours] or [row]
    handle, name = tempfile.mkstemp(prefix="xnet-problems-", suffix=".csv")
    os.close(handle)
    tables.write(Path(name), rows, _COLUMNS)
    return name


def _cells(foreign: Foreign) -> dict[str, object]:
    return vars(foreign) | {
        "colour": " ".join(map(str, foreign.colour)),
        "share": f"{100 * foreign.share:.4f} %",
        "nearest": f"{foreign.nearest} (distance {foreign.distance})",
        "looks like": foreign.looks_like,
    }
