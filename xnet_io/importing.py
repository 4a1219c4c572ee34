"""Import a folder of radiographs with painted masks: all of it, or nothing and a list of faults.

Whatever the files are, the data set made of them is plain: 16-bit grey PNG with a bright open beam,
and PNG masks of class ids. Nothing has to be decided when it is used.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock
import numpy as np
from tqdm import tqdm

from xnet_io import masks, radiographs, shapes, tables
from xnet_io.import_report import REPORT, Outcome, Problem
from xnet_io.masks import Rules
from xnet_io.pairing import find_pairs, folders, layout
from xnet_io.radiographs import Radiograph
from xnet_tf.classes import IGNORE, IGNORED
from xnet_tf.dataset import read_split
from xnet_tf.files import UNFINISHED, InputError, write_json


def import_masks(folder: str | Path, out: str | Path, rules: Rules | None = None) -> Outcome:
    """Make a data set of a folder with ``images/`` and painted ``masks/``, or of another's export.

    `xnet_io.pairing.layout` tells CVAT's segmentation masks, labelme's and COCO's JSON apart.

    Pairs are those of ``manifest.csv`` if there is one; its column `polarity` says how the open
    beam looks in an image ("auto", "bright" or "dark"), other columns are carried over. Without
    one, an image and a mask belong together if their names, without ending, are equal or the mask's
    has ``_mask`` after it. Then a manifest is made: `body_part` is "unknown", `source` is "own",
    and every image counts as a subject of its own, named like it.

    Args:
        folder: with the images and masks.
        out: the data set to make; must not exist, or be empty. It holds the images as 16-bit grey
            PNG, the masks as PNG of class ids, the manifest, `classes.csv`, the import report, and
            a split if there was one.
        rules: palette and repairs; strict by default.

    Returns:
        What was done, with notes.

    Raises:
        InputError: if anything is fatally wrong; nothing is written then except, in the folder for
            temporary files, a table of all problems that the one line names.
    """
    folder, out, rules = Path(folder), Path(out), rules or Rules()
    rules.check()
    _check_folders(folder, out)
    outcome = Outcome()
    pairs = find_pairs(folder, outcome)
    outcome.pairs = len(pairs)
    if not pairs and not outcome.fatal:
        raise InputError(f"{folder / 'images'}: holds no images; put radiographs there")
    split = _read_split(folder, pairs) if not outcome.fatal else None
    out.parent.mkdir(parents=True, exist_ok=True)
    with _building(out) as building:
        _convert(folder, building, pairs, rules, outcome)
        if outcome.fatal:
            raise outcome.refusal(folder)
        _finish(building, pairs, split, rules, outcome)
        if out.exists():
            out.rmdir()
        building.rename(out)
    return outcome


@contextlib.contextmanager
def _building(out: Path) -> Iterator[Path]:
    """Give an empty folder beside `out`, and take it away in the end if it is still there.

    What a killed process left in it goes first; the lock says that there is no living one.
    """
    building = out.parent / f"{UNFINISHED}{out.name}"
    lock = out.parent / f"{UNFINISHED}{out.name}.lock"
    try:
        with filelock.FileLock(lock, timeout=0):
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir()
            try:
                yield building
            finally:
                shutil.rmtree(building, ignore_errors=True)
                lock.unlink(missing_ok=True)
    except filelock.Timeout:
        raise InputError(f"{out}: another import is writing it; wait for its end") from None


def _check_folders(folder: Path, out: Path) -> None:
    if layout(folder) != "labelme":
        of_images, of_masks = folders(folder)
        needed = {of_images: "images"} | ({} if layout(folder) == "COCO" else {of_masks: "masks"})
        for name, what in needed.items():
            if not (folder / name).is_dir():
                raise InputError(f"{folder / name}: no such folder; put the {what} there")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists and is not empty; give a folder that is yet to be made")


def _read_split(folder: Path, pairs: list[dict]) -> dict[str, list[str]] | None:
    """Return the split by the images' new names, if one came with them.

    Raises:
        InputError: if it does not fit the manifest, or there is none.
    """
    if not (folder / "split.json").exists():
        return None
    if not (folder / "manifest.csv").exists():
        raise InputError(f"{folder / 'split.json'}: needs a manifest.csv; add it, or take it away")
    columns = tables.by_image(pairs, "subject", "body_part", "new image")
    split = read_split(folder / "split.json", columns)
    new = columns["new image"]
    return {name: [new[image] for image in images] for name, images in split.items()}


def _convert(folder, building, pairs, rules, outcome) -> None:
    """Write images and label maps, until a fault is found; then only look for more."""
    present = np.zeros(256, dtype=bool)
    digests: dict[str, str] = {}
    for name in ("images", "masks"):
        (building / name).mkdir()
    for row in tqdm(pairs, "importing", disable=len(pairs) < 2):
        image = row["image"]
        try:
            radiograph, mask = _read_pair(folder, row, rules)
        except InputError as error:
            what = str(error).removeprefix(f"{folder}{os.sep}")
            name = image if what.startswith(image) else row["mask"]
            colours = tuple(getattr(error, "colours", ()))
            outcome.problems.append(Problem(name, what, colours=colours))
            continue
        labels, names = mask.labels, rules.palette.classes.names
        counts = np.bincount(labels[labels != IGNORE], minlength=len(names))
        present[: len(counts)] |= counts > 0
        for class_id in np.flatnonzero(counts == 0):
            outcome.note(row["mask"], f"has no {names[class_id]}")
        for name in (n for n in (image, row["mask"]) if not n.endswith(shapes.SUFFIX)):
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            twin = digests.setdefault(digest, name)
            if twin != name:
                what = f"is the same file as {twin}; is one of them a copy by mistake?"
                outcome.note(name, what)
        if not outcome.fatal:
            radiographs.write_grey(building / row["new image"], radiograph.image, bits=16)
            masks.write_ids(building / row["new mask"], mask.labels)
            outcome.rows.append(_report_row(image, row["mask"], radiograph, mask, counts, rules))
    for class_id, name in enumerate(rules.palette.classes.names):
        if outcome.rows and not present[class_id]:
            outcome.note("masks", f"none of them has any {name}; the network cannot learn it")


def _read_pair(folder: Path, row: dict, rules: Rules) -> tuple[Radiograph, masks.Imported]:
    image = row["image"]
    radiograph = _read_image(folder / image, row.get("polarity") or "auto")
    height, width = radiograph.image.shape[:2]
    if row["mask"].endswith(shapes.SUFFIX):
        mask = shapes.read(folder / row["mask"], image, (height, width), rules)
    else:
        mask = masks.read(folder / row["mask"], rules)
    rows, columns = mask.labels.shape
    if (rows, columns) != (height, width):
        raise InputError(
            f"{folder / row['mask']}: {columns} x {rows} pixels, but {image} has {width} x "
            f"{height}; GIMP: Image > Scale Image with Interpolation None, or export it again"
        )
    if mask.labels.min() == mask.labels.max():
        (value,) = np.unique(mask.labels)
        name = IGNORED if value == IGNORE else rules.palette.names[value]
        raise InputError(
            f"{folder / row['mask']}: all is {name}, from "
            "(x, y) = (0, 0) on; paint the other classes, or take the pair away"
        )
    return radiograph, mask


def _read_image(path: Path, polarity: str) -> Radiograph:
    if path.suffix != shapes.SUFFIX:
        return radiographs.load(path, polarity)
    with tempfile.TemporaryDirectory() as folder:
        return radiographs.load(shapes.write_embedded(path, Path(folder)), polarity)


def _report_row(image, mask_name, radiograph, mask, counts, rules: Rules) -> dict:
    shares = {
        f"{name} (%)": f"{100 * count / mask.labels.size:.2f}"
        for name, count in zip(rules.palette.classes.names, counts, strict=True)
    }
    return {
        "image": image,
        "open beam": radiograph.polarity,
        "sure of it (%)": f"{100 * radiograph.certainty:.1f}",
        "mask": mask_name,
        "format": mask.format,
        "snapped": mask.snapped,
        "relabelled": mask.relabelled,
    } | shares


def _finish(building, pairs, split, rules, outcome) -> None:
    made = [row | {"image": row["new image"], "mask": row["new mask"]} for row in pairs]
    taken = dict.fromkeys(["image", *pairs[0]])
    columns = [name for name in taken if name not in ("new image", "new mask", "polarity")]
    tables.write(building / "manifest.csv", made, columns)
    tables.write(building / "classes.csv", rules.classes.rows)
    tables.write(building / REPORT, outcome.rows)
    if split is not None:
        write_json(building / "split.json", split)
