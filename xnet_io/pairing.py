"""Which mask belongs to which image of a folder, and what the two are to be called."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from xnet_io import shapes, tables
from xnet_io.import_report import Outcome, Problem
from xnet_io.pictures import comparable, stem_of
from xnet_tf.dataset import COLUMNS, read_manifest
from xnet_tf.files import InputError

MASK_SUFFIX = "_mask"
"""A mask may be called like its image, or like it with this, as `segment` writes masks."""

_DEFAULTS = {"body_part": "unknown", "source": "own"}

_CLUTTER = ("thumbs.db", "desktop.ini")


def find_pairs(folder: Path, outcome: Outcome) -> list[dict[str, str]]:
    """Pair images with masks by ``manifest.csv``, or by their names if there is none.

    Args:
        folder: with ``images/`` and ``masks/``.
        outcome: is given a fault for whatever lies there and cannot be paired.

    Returns:
        A manifest's rows of the pairs whose files exist; and in the columns "new image" and "new
        mask" the paths in the data set.
    """
    find = _listed_pairs if (folder / "manifest.csv").exists() else _pairs_by_name
    if layout(folder) == "COCO":
        find = _coco_pairs
    elif layout(folder) == "labelme":
        find = _labelme_pairs
    pairs = find(folder, outcome)
    _name_targets(pairs, outcome)
    return pairs


def layout(folder: Path) -> str:
    """Return which tool a folder's layout is of: "painted", "CVAT", "COCO" or "labelme".

    Painted masks lie in ``masks/``; CVAT's in ``SegmentationClass/``, with ``labelmap.txt``; COCO's
    JSON in ``annotations/`` or in the folder, with ``images/``; labelme's beside their images.
    """
    if (folder / "masks").is_dir():
        return "painted"
    if (folder / "SegmentationClass").is_dir():
        return "CVAT"
    files = _json_files(folder)
    if not files:
        return "painted"
    return "COCO" if len(files) == 1 and shapes.is_coco(shapes.load(files[0])) else "labelme"


def folders(folder: Path) -> tuple[str, str]:
    """Return the names of the folders that hold images and masks."""
    if layout(folder) != "CVAT":
        return "images", "masks"
    images = "JPEGImages" if (folder / "JPEGImages").is_dir() else "images"
    return images, "SegmentationClass"


def _json_files(folder: Path) -> list[Path]:
    names = sorted((folder / "annotations").glob(f"*{shapes.SUFFIX}"))
    names = names or sorted(folder.glob(f"*{shapes.SUFFIX}"))
    return [path for path in names if path.name != "split.json"]


def _coco_pairs(folder: Path, outcome: Outcome) -> list[dict[str, str]]:
    """Pair each image that COCO's JSON lists with that file."""
    (file,) = _json_files(folder)
    mask, rows = file.relative_to(folder).as_posix(), []
    listed = [PurePosixPath(name).name for name in shapes.coco_images(file)]
    for name in listed:
        if not (folder / "images" / name).is_file():
            outcome.fault(mask, f"lists {name}, which is not in images/; put it there")
        elif listed.count(name) > 1:
            outcome.fault(mask, f"lists {name} more than once; export it again")
        else:
            rows.append({"image": f"images/{name}", "mask": mask, "subject": stem_of(name)})
    images = folder / "images"
    for path in _entries(images) if images.is_dir() else ():
        if path.name not in listed:
            outcome.note(f"images/{path.name}", f"is not in {mask}, and was left out")
    return _manifest(rows)


def _labelme_pairs(folder: Path, outcome: Outcome) -> list[dict[str, str]]:
    """Pair each of labelme's files with the image beside it, or with the one that it embeds."""
    rows = []
    for path in _json_files(folder):
        try:
            row = {"image": shapes.labelme_image(path) or path.name, "mask": path.name}
            rows.append(row | {"subject": stem_of(row["image"].removesuffix(shapes.SUFFIX))})
        except InputError as error:
            outcome.fault(path.name, str(error).removeprefix(f"{path}: "))
    used = {name for row in rows for name in (row["image"], row["mask"])}
    for path in _entries(folder):
        if path.name not in used and path.suffix != shapes.SUFFIX:
            outcome.note(path.name, "no JSON file names it, and it was left out")
    return _manifest(rows)


def _manifest(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{column: (_DEFAULTS | row)[column] for column in COLUMNS} for row in rows]


def _listed_pairs(folder: Path, outcome: Outcome) -> list[dict[str, str]]:
    """Return the manifest's rows whose files exist."""
    manifest, problems = read_manifest(folder)
    for column in ("body_part", "subject"):
        names = dict.fromkeys(row[column] for row in manifest)
        problems += _spellings(folder / "manifest.csv", column, names)
    for problem in problems:
        what = problem.removeprefix(f"{folder}{os.sep}")
        outcome.problems.append(Problem("manifest.csv", f"{what}; mend the line"))
    named = [row[column] for row in manifest for column in ("image", "mask")]
    listed = {unicodedata.normalize("NFC", name) for name in named}
    for name in ("images", "masks"):
        for path in _entries(folder / name):
            file = f"{name}/{path.name}"
            if unicodedata.normalize("NFC", file) not in listed:
                outcome.note(file, "is not in manifest.csv, and was left out")
    return tables.usable(folder, manifest)


def _pairs_by_name(folder: Path, outcome: Outcome) -> list[dict[str, str]]:
    """Return a manifest's rows of the images and masks whose names fit."""
    of_images, of_masks = folders(folder)
    images, doubled = _by_name(folder, of_images, outcome)
    painted, doubled_masks = _by_name(folder, of_masks, outcome)
    rows, used = [], set(doubled_masks)
    for name, image in images.items():
        stem = stem_of(Path(image).name)
        fitting = [key for key in (name, name + MASK_SUFFIX) if key in painted]
        used.update(fitting)
        if len(fitting) > 1:
            both = " and ".join(painted[key] for key in fitting)
            outcome.fault(image, f"has two masks, {both}; remove one")
        elif fitting:
            rows.append({"image": image, "mask": painted[fitting[0]], "subject": stem})
        elif not {name, name + MASK_SUFFIX} & doubled_masks:
            outcome.fault(
                image, f"has no mask; paint {of_masks}/{stem}.png, or take the image away"
            )
    for name, mask in painted.items():
        if name not in used and name.removesuffix(MASK_SUFFIX) not in doubled:
            stem = stem_of(Path(mask).name).removesuffix(MASK_SUFFIX)
            outcome.fault(mask, f"has no image; add {of_images}/{stem}.png, or take the mask away")
    return _manifest(rows)


def _by_name(folder: Path, kind: str, outcome: Outcome) -> tuple[dict[str, str], set[str]]:
    """Return a folder's files by comparable name, and the names that several files share."""
    files = defaultdict(list)
    for path in _entries(folder / kind):
        name = f"{kind}/{path.name}"
        if path.is_dir():
            outcome.fault(name, f"is a folder, and is not looked into; put its files into {kind}/")
        elif not path.is_file():
            outcome.fault(name, "is a link to what is not there; fetch the file, or take it away")
        elif not name.isprintable():
            outcome.fault(name, "has a name that cannot be printed; rename it")
        else:
            files[comparable(stem_of(path.name))].append(name)
    doubled = {name for name, paths in files.items() if len(paths) > 1}
    for name in sorted(doubled):
        first, *others = files[name]
        what = f"{', '.join(others)} has the same name but for its ending; keep one of them"
        outcome.fault(first, what)
    return {name: paths[0] for name, paths in files.items() if name not in doubled}, doubled


def _entries(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".") and path.name.lower() not in _CLUTTER
    ]


def _name_targets(pairs: list[dict[str, str]], outcome: Outcome) -> None:
    """Add columns with the paths to write, and faults where two would be one file."""
    for column in ("image", "mask"):
        owners: dict[str, str] = {}
        for row in pairs:
            # A file of shapes may be for many images, and its mask is called like the image.
            name = row["image"] if shapes.SUFFIX in row[column] else row[column]
            stem = stem_of(Path(name).name.removesuffix(shapes.SUFFIX))
            row[f"new {column}"] = target = f"{column}s/{stem}.png"
            owner = owners.setdefault(comparable(target), name)
            if owner != name:
                outcome.fault(name, f"would be written to {target} like {owner}; rename one")


def _spellings(path: Path, column: str, values: Iterable[str]) -> list[str]:
    """Find names that differ in capitals, spaces, dashes or accents' encoding alone."""
    written: dict[str, str] = {}
    problems = []
    for name in values:
        plain = unicodedata.normalize("NFKC", name).casefold()
        plain = " ".join(plain.replace("_", " ").replace("-", " ").split())
        first = written.setdefault(plain, name)
        if first != name:
            problems.append(f"{path}: {column} is written {first!r} and {name!r}; write it one way")
    return problems
