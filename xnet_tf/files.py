"""Errors a user can act on, and files that are written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

UNFINISHED = ".writing-"
"""How the names of files begin that are being written; a killed process leaves them behind."""


class InputError(ValueError):
    """A file or setting given by the user cannot be used.

    The message is one line that names the file, what is wrong with it and what helps; the command
    line prints it and exits with status 2.
    """


class MissingFileError(InputError, FileNotFoundError):
    """A file that is to be read is not there."""


def faults(problems: list[str]) -> InputError:
    """Make one error of several problems; when they are many, list them in a file that it names."""
    if len(problems) <= 3:
        return InputError("; ".join(problems))
    handle, name = tempfile.mkstemp(prefix="xnet-problems-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as report:
        report.write("\n".join(problems) + "\n")
    return InputError(f"{len(problems)} problems, all listed in {name}; the first: {problems[0]}")


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Write a file beside its destination and rename it when it is complete.

    Args:
        path: destination; its folder is made if it is missing.
        write: called with a temporary path that ends like `path`.

    Returns:
        The destination.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=UNFINISHED, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o666 & ~umask())
        # For reading alone Windows would refuse to flush it.
        with temporary.open("r+b") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def write_json(path: str | Path, content: object) -> Path:
    """Write JSON with sorted keys, atomically. Returns the path."""
    text = json.dumps(content, indent=2, sort_keys=True) + "\n"
    return write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def save_table(table: pd.DataFrame, path: Path) -> Path:
    """Write a CSV of six significant digits, atomically."""
    return write_atomically(path, lambda p: table.to_csv(p, index=False, float_format="%.6g"))


def read_json(path: str | Path) -> dict:
    """Read a JSON object.

    Raises:
        MissingFileError: if the file is missing.
        InputError: if it is not JSON.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON file ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no JSON object")
    return content


def sha256(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def make_folder(path: Path) -> None:
    """Make a folder for output, or raise InputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be used as output folder ({error.strerror})") from None


def umask() -> int:
    """Return the process's mask of permissions."""
    # The process's umask can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
