"""``segment.csv``: a row for each picture that was segmented, or could not be."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

from xnet_tf.files import InputError, write_atomically

NAME = "segment.csv"

_NUMBER = re.compile(r"\d+(\.\d+)?")


def columns(names: tuple[str, ...]) -> list[str]:
    """Return the table's columns for classes of given names.

    ``file`` is the picture as it was named, ``mask`` the mask's path from the table's folder, empty
    if an ``error`` forbade it; ``NAME (%)`` is a class's share of the pixels, ``network
    confidence`` the mean, over the exposed pixels, of the probability of the class that each was
    given; ``mask sha256`` tells whether the row is of that very mask.
    """
    shares = [f"{name} (%)" for name in names]
    found = ["network confidence", "polarity", "sure of polarity (%)", "warnings"]
    return ["file", "mask", *shares, *found, "seconds", "error", "mask sha256"]


class Table:
    """The table of a folder, to which rows are added one by one.

    Each row is on the disk before the next picture is begun; what a killed process leaves is
    brought in order when the table is next opened. A mask has one row, its last.

    Attributes:
        rows: by the mask's path from the table's folder, failures by the picture's path.
    """

    def __init__(self, folder: Path, names: tuple[str, ...]):
        """Open a folder's table, or begin one.

        Args:
            folder: of the masks.
            names: of the classes.

        Raises:
            InputError: if there is a table of other classes, or another's.
        """
        self._path, self._columns = folder / NAME, columns(names)
        self.rows: dict[str, dict[str, str]] = {}
        for row in self._read():
            if _lasts(row, folder):
                self._remember(row)

    def __enter__(self) -> Table:
        self._write()
        # What a path holds that is no text goes through as it is.
        self._stream = self._path.open("a", encoding="utf-8", errors="surrogateescape", newline="")
        return self

    def __exit__(self, *_) -> None:
        self._stream.close()
        self._write()

    def add(self, given: dict[str, object]) -> None:
        """Add a row, in place of a former one of the same mask, or failure of the same picture."""
        row = {column: str(given.get(column, "")) for column in self._columns}
        self._remember(row)
        csv.DictWriter(self._stream, self._columns).writerow(row)
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _remember(self, row: dict[str, str]) -> None:
        self.rows.pop(row["file"], None)
        self.rows[row["mask"] or row["file"]] = row

    def _read(self) -> list[dict[str, str]]:
        if not self._path.exists():
            return []
        with self._path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            reader = csv.DictReader(stream)
            if reader.fieldnames != self._columns:
                raise InputError(
                    f"{self._path}: has other columns than those of these classes; give another "
                    "--out, or move it away"
                )
            # The last row of a killed process may be cut off; spreadsheets write numbers anew.
            return [row for row in reader if None not in row.values() and self._is_sound(row)]

    def _is_sound(self, row: dict[str, str]) -> bool:
        numbers = [name for name in self._columns if "(%)" in name or name == "network confidence"]
        return bool(row["error"]) or all(_NUMBER.fullmatch(row[name]) for name in numbers)

    def _write(self) -> None:
        def write(path: Path) -> None:
            with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
                writer = csv.DictWriter(stream, self._columns)
                writer.writeheader()
                writer.writerows(sorted(self.rows.values(), key=lambda row: row["file"]))

        write_atomically(self._path, write)


def _lasts(row: dict[str, str], folder: Path) -> bool:
    """Whether what a row speaks of is still there."""
    return Path(row["file"]).exists() if row["error"] else (folder / row["mask"]).exists()
