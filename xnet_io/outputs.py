"""Names of what `segment` writes: a mask for each image, and nothing overwritten in silence."""

from __future__ import annotations

from pathlib import Path

from xnet_io import masks
from xnet_io.pictures import comparable, stem_of
from xnet_tf.files import InputError, sha256


def mask_paths(images: list[Path], out: Path) -> dict[Path, Path]:
    """Return where the mask of each image goes.

    Raises:
        InputError: if two images would share a mask, or a mask would overwrite an image, or one
            that was painted, or made of another image.
    """
    targets: dict[Path, Path] = {}
    owners: dict[str, Path] = {}
    for path in images:
        target = out / f"{stem_of(path.name)}_mask.png"
        owner = owners.setdefault(comparable(target.name), path)
        if owner != path:
            raise InputError(f"{path} and {owner} would both be written to {target}")
        targets[path] = target
    inputs = {path.resolve() for path in images}
    for path, target in targets.items():
        if target.resolve() in inputs:
            raise InputError(f"{path}: its mask would overwrite {target}, which is to be segmented")
        if target.is_file() and path.is_file() and masks.source_of(target) != sha256(path):
            raise InputError(
                f"{path}: {target} exists and was not made of this file; move it away, or give "
                "another --out"
            )
    return targets


def check_no_projects(targets: dict[Path, Path]) -> None:
    """Raise InputError if a GIMP project that may hold corrections lies where one is to go."""
    for path, target in targets.items():
        project = target.with_suffix(".xcf")
        if project.exists():
            raise InputError(
                f"{path}: {project} exists and may hold corrections by hand; move it away"
            )
