"""The table of a data set: which mask belongs to which image, which body part and subject it shows.

The only reader of ``manifest.csv``: data sets and what is to be imported as one are checked alike.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from pathlib import Path, PureWindowsPath

import pandas as pd

from xnet_tf.files import InputError

COLUMNS = ("image", "mask", "body_part", "subject", "source")
POLARITIES = ("auto", "bright", "dark")
"""How the open beam looks in pictures that are to be imported; "auto" finds out."""


def read_manifest(folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read ``manifest.csv`` of a data set, or of pictures that are to become one.

    Commas, semicolons or tabs part the cells, in UTF-8, UTF-16 or, if it is neither, Windows-1252:
    the forms in which spreadsheets save tables. Paths may have backslashes or begin with ``./``.

    Args:
        folder: with ``images/``, ``masks/`` and the manifest.

    Returns:
        One row per image, indexed by its path, all text; and a line for each thing wrong with it.

    Raises:
        InputError: if it is no table, or lacks a column.
    """
    path = folder / "manifest.csv"
    lines, rows = _read_rows(path)
    names = rows.pop(0)
    missing = [column for column in COLUMNS if names.count(column) != 1]
    if missing:
        raise InputError(f"{path}: lacks the columns {', '.join(missing)}, or has them twice")
    columns = list(filter(None, names))
    cells = [dict(zip(names, row, strict=False)) for row in rows]
    manifest = pd.DataFrame(cells, columns=columns).fillna("")
    for column in ("image", "mask"):
        manifest[column] = [PureWindowsPath(name).as_posix() for name in manifest[column]]
    problems = [] if rows else [f"{path}: no images"]
    for line, row in zip(lines[1:], manifest.to_dict("records"), strict=True):
        if wrong := _row_faults(folder, row):
            problems.append(f"{path}, line {line}: {'; '.join(wrong)}")
    for line, row in zip(lines, [names, *rows], strict=True):
        if any(row[len(names) :]):
            problems.append(f"{path}, line {line}: has more cells than there are columns")
    for column in ("image", "mask"):
        for name in manifest[column][manifest[column].duplicated()].unique():
            problems.append(f"{path}: {name} is listed more than once")
    for column in ("body_part", "subject"):
        problems += _spellings(path, column, manifest[column])
    return manifest.set_index("image"), problems


def _read_rows(path: Path) -> tuple[list[int], list[list[str]]]:
    """Read the rows of a CSV file that are not empty: their lines in the file, and their cells."""
    try:
        text = _decoded(path.read_bytes())
        separator = max(",;\t", key=text.partition("\n")[0].count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; a data set needs a manifest.csv") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV table ({error}); save it as CSV UTF-8") from None
    lines, rows = zip(*[each for each in rows if any(each[1])] or [(1, [])], strict=True)
    return list(lines), list(rows)


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def _row_faults(folder: Path, row: dict[str, str]) -> list[str]:
    wrong = []
    for column in ("image", "mask"):
        name = row[column]
        if len(Path(name).parts) != 2 or Path(name).parts[0] != f"{column}s":
            wrong.append(f"{column} {name!r} does not lie in {column}s/")
        elif not (folder / name).is_file():
            wrong.append(f"{column} {name!r}: no such file")
    wrong += [f"{column} is empty" for column in ("body_part", "subject") if not row[column]]
    if row.get("polarity", "") not in ("", *POLARITIES):
        wrong.append(f"polarity {row['polarity']!r} is none of {', '.join(POLARITIES)}")
    return wrong


def _spellings(path: Path, column: str, values: pd.Series) -> list[str]:
    """Find names that differ in capitals, spaces, dashes or accents' encoding alone."""
    written: dict[str, str] = {}
    problems = []
    for name in values.unique():
        plain = unicodedata.normalize("NFKC", name).casefold()
        plain = " ".join(plain.replace("_", " ").replace("-", " ").split())
        first = written.setdefault(plain, name)
        if first != name:
            problems.append(f"{path}: {column} is written {first!r} and {name!r}; write it one way")
    return problems
