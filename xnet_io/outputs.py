"""Which pictures `segment` is to make masks of, and where what it writes of each goes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from xnet_io import pictures
from xnet_io.pictures import comparable, stem_of
from xnet_tf.files import InputError

_PICTURE = re.compile(r"\.(png|jpe|jpe?g|jfif|bmp|dib|tiff?|dcm|dicom|ima)$", re.I)

_SUFFIX = "_mask.png"

ENDINGS = {
    "record": "_mask.json",
    "gimp": "_mask.xcf",
    "overlay": "_overlay.png",
    "probabilities": "_probabilities.npz",
    "dicom-seg": "_seg.dcm",
}
"""How the files that may lie beside a mask end, after its picture's stem."""


@dataclass
class Plan:
    """What is to be segmented.

    Attributes:
        targets: where the mask of each picture goes.
        failures: pictures and folders that cannot be segmented, and why.
        notes: what was passed over, one line each.
    """

    targets: dict[Path, Path] = field(default_factory=dict)
    failures: dict[Path, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def plan(arguments: list[Path], out: Path) -> Plan:
    """Find the pictures; no file is opened but those whose names do not tell what they are.

    Args:
        arguments: pictures, and folders that are walked: their subfolders are mirrored.
        out: folder for the masks.

    Raises:
        InputError: if the masks would lie among a folder's pictures.
    """
    made = Plan()
    for argument in arguments:
        if not argument.is_dir():
            made.targets[argument] = mask_path(out, argument.name)
            continue
        if argument.resolve() == out.resolve():
            raise InputError(f"{out}: masks would lie among the pictures; give another --out")
        found = {
            path: mask_path(out / path.parent.relative_to(argument), path.name)
            for path in _walk(argument, out.resolve(), made)
        }
        if not found:
            made.failures[argument] = "holds no picture; give the folder that does"
        made.targets |= found
    _refuse_clashes(made)
    return made


def mask_path(folder: Path, name: str) -> Path:
    """Return the path of the mask of a picture of a name."""
    return folder / f"{stem_of(name)}{_SUFFIX}"


def beside(mask: Path) -> dict[str, Path]:
    """Return the files that may lie beside a mask and speak of it, by kind."""
    stem = mask.name.removesuffix(_SUFFIX)
    return {kind: mask.with_name(stem + ending) for kind, ending in ENDINGS.items()}


def _walk(folder: Path, out: Path, made: Plan) -> Iterator[Path]:
    """Yield a folder's pictures in order; note what is passed over."""

    def fail(error: OSError) -> None:
        made.failures[Path(error.filename)] = f"cannot be opened ({error.strerror})"

    for parent, folders, names in os.walk(folder, onerror=fail):
        inside = sorted(folders)
        folders.clear()
        for name in inside:
            path = Path(parent, name)
            if reason := _no_folder(path, out):
                made.notes.append(f"{path}: {reason}")
            else:
                folders.append(name)
        for name in sorted(names):
            path = Path(parent, name)
            if reason := _no_picture(path):
                made.notes.append(f"{path}: {reason}")
            else:
                yield path


def _no_folder(path: Path, out: Path) -> str:
    if path.name.startswith("."):
        return "hidden, passed over"
    if path.is_symlink():
        return "a link to a folder, not followed"
    return "the folder for masks, passed over" if path.resolve() == out else ""


def _no_picture(path: Path) -> str:
    """Say why a file is clearly none that somebody wants segmented, or return ""."""
    if path.name.startswith("."):
        return "hidden, passed over"
    if path.name.upper() == "DICOMDIR":
        return "a list of DICOM files, passed over"
    if _PICTURE.search(path.name) or path.is_symlink():
        return ""
    try:
        pictures.identify(path)
    except InputError:
        return "no picture by its name and its content, passed over"
    return ""


def _refuse_clashes(made: Plan) -> None:
    """Take out pictures that would share a mask, or whose mask would overwrite a picture."""
    owners: dict[str, list[Path]] = {}
    for path, target in made.targets.items():
        owners.setdefault(comparable(str(target)), []).append(path)
    for sharing in owners.values():
        for path in sharing if len(sharing) > 1 else ():
            other = next(p for p in sharing if p != path)
            target = made.targets.pop(path)
            made.failures[path] = f"it and {other} would both be written to {target}; rename one"
    inputs = {path.resolve() for path in made.targets}
    for path, target in list(made.targets.items()):
        for written in (target, *beside(target).values()):
            if written.resolve() in inputs:
                del made.targets[path]
                made.failures[path] = (
                    f"its mask would overwrite {written}, which is to be segmented; give another "
                    "--out"
                )
                break
