"""Names of what `segment` writes: a mask for each image, and nothing overwritten in silence."""

from __future__ import annotations

from pathlib import Path

from xnet_tf.files import InputError


def mask_paths(images: list[Path], out: Path) -> dict[Path, Path]:
    """Return where the mask of each image goes.

    Raises:
        InputError: if two images would share a mask, or a mask would overwrite an image.
    """
    targets: dict[Path, Path] = {}
    owners: dict[Path, Path] = {}
    for path in images:
        target = out / f"{path.stem}_mask.png"
        if owners.setdefault(target, path) != path:
            raise InputError(f"{path} and {owners[target]} would both be written to {target}")
        targets[path] = target
    inputs = {path.resolve() for path in images}
    for path, target in targets.items():
        if target.resolve() in inputs:
            raise InputError(f"{path}: its mask would overwrite {target}, which is to be segmented")
    return targets


def check_no_projects(targets: dict[Path, Path]) -> None:
    """Raise InputError if a GIMP project that may hold corrections lies where one is to go."""
    for path, target in targets.items():
        project = target.with_suffix(".xcf")
        if project.exists():
            raise InputError(
                f"{path}: {project} exists and may hold corrections by hand; move it away"
            )
