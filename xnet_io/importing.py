"""Import a folder of radiographs with painted masks: all of it, or nothing and a list of faults.

Whatever the files are, the data set made of them is plain: 16-bit grey PNG with a bright open beam,
and PNG masks of class ids. Nothing has to be decided when it is used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import unicodedata
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_io import masks, radiographs
from xnet_io.import_report import REPORT, Outcome, Problem
from xnet_io.masks import Rules
from xnet_io.pictures import stem_of
from xnet_io.radiographs import Radiograph
from xnet_tf.dataset import read_split
from xnet_tf.files import UNFINISHED, InputError, write_json
from xnet_tf.manifest import COLUMNS, read_manifest

MASK_SUFFIX = "_mask"
"""A mask may be called like its image, or like it with this, as `segment` writes masks."""

_DEFAULTS = {"body_part": "unknown", "source": "own"}

_CLUTTER = ("thumbs.db", "desktop.ini")


def import_masks(folder: str | Path, out: str | Path, rules: Rules | None = None) -> Outcome:
    """Make a data set of a folder with ``images/`` and painted ``masks/``.

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
    listed = (folder / "manifest.csv").exists()
    pairs = _listed_pairs(folder, outcome) if listed else _pairs_by_name(folder, outcome)
    _name_targets(pairs, outcome)
    outcome.pairs = len(pairs)
    if pairs.empty and not outcome.fatal:
        raise InputError(f"{folder / 'images'}: holds no images; put radiographs there")
    split = folder / "split.json"
    split = read_split(split, pairs) if listed and split.exists() and not outcome.fatal else None
    out.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=out.parent))
    try:
        _convert(folder, building, pairs, rules, outcome)
        if outcome.fatal:
            raise outcome.refusal(folder)
        _finish(building, pairs, split, rules, outcome)
        building.chmod(0o755)
        if out.exists():
            out.rmdir()
        building.rename(out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return outcome


def _check_folders(folder: Path, out: Path) -> None:
    for name in ("images", "masks"):
        if not (folder / name).is_dir():
            raise InputError(f"{folder / name}: no such folder; put the {name} there")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists and is not empty; give a folder that is yet to be made")


def _listed_pairs(folder: Path, outcome: Outcome) -> pd.DataFrame:
    """Return the manifest, indexed by image, of those rows whose files exist."""
    manifest, problems = read_manifest(folder)
    for problem in problems:
        what = problem.removeprefix(f"{folder}{os.sep}")
        outcome.problems.append(Problem("manifest.csv", f"{what}; mend the line"))
    listed = {*manifest.index, *manifest["mask"]}
    for name in ("images", "masks"):
        for path in _entries(folder / name):
            if f"{name}/{path.name}" not in listed:
                outcome.note(f"{name}/{path.name}", "is not in manifest.csv, and was left out")
    manifest = manifest[~manifest.index.duplicated()]
    exist = [
        (folder / row.Index).is_file() and (folder / row.mask).is_file()
        for row in manifest.itertuples()
    ]
    return manifest[exist]


def _pairs_by_name(folder: Path, outcome: Outcome) -> pd.DataFrame:
    """Return a manifest of the images and masks whose names fit."""
    images, doubled = _by_name(folder, "images", outcome)
    painted, doubled_masks = _by_name(folder, "masks", outcome)
    rows, used = [], set(doubled_masks)
    for name, image in images.items():
        stem = stem_of(Path(image).name)
        fitting = [key for key in (name, name + MASK_SUFFIX) if key in painted]
        used.update(fitting)
        if len(fitting) > 1:
            both = " and ".join(painted[key] for key in fitting)
            outcome.fault(image, f"has two masks, {both}; remove one")
        elif fitting:
            row = {"image": image, "mask": painted[fitting[0]], "subject": stem} | _DEFAULTS
            rows.append({column: row[column] for column in COLUMNS})
        elif not {name, name + MASK_SUFFIX} & doubled_masks:
            outcome.fault(
                image, f"has no mask; paint masks/{stem}.png or .xcf, or take the image away"
            )
    for name, mask in painted.items():
        if name not in used and name.removesuffix(MASK_SUFFIX) not in doubled:
            stem = stem_of(Path(mask).name).removesuffix(MASK_SUFFIX)
            outcome.fault(mask, f"has no image; add images/{stem}.png, or take the mask away")
    return pd.DataFrame(rows, columns=COLUMNS).set_index("image")


def _by_name(folder: Path, kind: str, outcome: Outcome) -> tuple[dict[str, str], set[str]]:
    """Return a folder's files by comparable name, and the names that several files share."""
    files = defaultdict(list)
    for path in _entries(folder / kind):
        name = f"{kind}/{path.name}"
        if path.is_dir():
            outcome.fault(name, f"is a folder, and is not looked into; put its files into {kind}/")
        elif not path.is_file():
            outcome.fault(name, "is a link to what is not there; fetch the file, or take it away")
        else:
            files[_comparable(stem_of(path.name))].append(name)
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


def _comparable(name: str) -> str:
    """Names that differ less than this are one file on some systems."""
    return unicodedata.normalize("NFC", name).casefold()


def _name_targets(pairs: pd.DataFrame, outcome: Outcome) -> None:
    """Add columns with the paths to write, and faults where two would be one file."""
    for column, names in (("image", pairs.index), ("mask", pairs["mask"])):
        targets = [f"{column}s/{stem_of(Path(name).name)}.png" for name in names]
        owners: dict[str, str] = {}
        for name, target in zip(names, targets, strict=True):
            owner = owners.setdefault(_comparable(target), name)
            if owner != name:
                outcome.fault(name, f"would be written to {target} like {owner}; rename one")
        pairs[f"new {column}"] = targets


def _convert(folder, building, pairs, rules, outcome) -> None:
    """Write images and label maps, until a fault is found; then only look for more."""
    present = np.zeros(256, dtype=bool)
    digests: dict[str, str] = {}
    for name in ("images", "masks"):
        (building / name).mkdir()
    for image, row in tqdm(pairs.iterrows(), "importing", len(pairs), disable=len(pairs) < 2):
        try:
            radiograph, mask = _read_pair(folder, image, row, rules)
        except InputError as error:
            what = str(error).removeprefix(f"{folder}{os.sep}")
            name = image if what.startswith(image) else row["mask"]
            colours = tuple(getattr(error, "colours", ()))
            outcome.problems.append(Problem(name, what, colours=colours))
            continue
        counts = np.bincount(mask.labels.ravel(), minlength=rules.palette.count)
        present[: len(counts)] |= counts > 0
        for class_id in np.flatnonzero(counts == 0):
            outcome.note(row["mask"], f"has no {rules.palette.classes[class_id]}")
        for name in (image, row["mask"]):
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            twin = digests.setdefault(digest, name)
            if twin != name:
                what = f"is the same file as {twin}; is one of them a copy by mistake?"
                outcome.note(name, what)
        if not outcome.fatal:
            radiographs.write_grey(building / row["new image"], radiograph.image, bits=16)
            masks.write_ids(building / row["new mask"], mask.labels)
            outcome.rows.append(_report_row(image, row["mask"], radiograph, mask, counts, rules))
    for class_id, name in enumerate(rules.palette.classes):
        if outcome.rows and not present[class_id]:
            outcome.note("masks", f"none of them has any {name}; the network cannot learn it")


def _read_pair(folder: Path, image: str, row, rules: Rules) -> tuple[Radiograph, masks.Imported]:
    radiograph = radiographs.load(folder / image, row.get("polarity") or "auto")
    mask = masks.read(folder / row["mask"], rules)
    height, width = radiograph.image.shape[:2]
    rows, columns = mask.labels.shape
    if (rows, columns) != (height, width):
        raise InputError(
            f"{folder / row['mask']}: {columns} x {rows} pixels, but {image} has {width} x "
            f"{height}; GIMP: Image > Scale Image with Interpolation None, or export it again"
        )
    if mask.labels.min() == mask.labels.max():
        raise InputError(
            f"{folder / row['mask']}: all is {rules.palette.classes[mask.labels[0, 0]]}, from "
            "(x, y) = (0, 0) on; paint the other classes, or take the pair away"
        )
    return radiograph, mask


def _report_row(image, mask_name, radiograph, mask, counts, rules: Rules) -> dict:
    shares = {
        f"{name} (%)": f"{100 * count / mask.labels.size:.2f}"
        for name, count in zip(rules.palette.classes, counts, strict=True)
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
    new = pairs["new image"]
    made = pairs.assign(mask=pairs["new mask"]).set_axis(new).rename_axis("image")
    made = made.drop(columns=["new image", "new mask", "polarity"], errors="ignore")
    made.to_csv(building / "manifest.csv")
    named = pd.DataFrame({"name": rules.palette.classes}).rename_axis("id")
    named.to_csv(building / "classes.csv")
    pd.DataFrame(outcome.rows).to_csv(building / REPORT, index=False)
    if split is not None:
        renamed = {name: [new[image] for image in images] for name, images in split.items()}
        write_json(building / "split.json", renamed)
