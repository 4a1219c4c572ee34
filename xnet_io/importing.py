"""Import a folder of radiographs with painted masks: all of it, or nothing and a list of faults."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import tempfile
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_io import masks, radiographs
from xnet_io.diagnosis import Foreign
from xnet_io.masks import Rules
from xnet_tf.dataset import COLUMNS
from xnet_tf.files import UNFINISHED, InputError

MASK_SUFFIX = "_mask"
"""A mask may be called like its image, or like it with this, as `segment` writes masks."""

REPORT = "import-report.csv"
"""In the imported folder: what was done to each mask."""

_DEFAULTS = {"body_part": "unknown", "source": "own"}

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
        rows: of the import report, one a mask.
    """

    pairs: int = 0
    problems: list[Problem] = field(default_factory=list)
    rows: list[dict] = field(default_factory=list)

    @property
    def fatal(self) -> list[Problem]:
        """The problems that forbid the import."""
        return [problem for problem in self.problems if problem.fatal]


def import_masks(folder: str | Path, out: str | Path, rules: Rules | None = None) -> Outcome:
    """Make a data set of a folder with ``images/`` and painted ``masks/``.

    Pairs are those of ``manifest.csv`` if there is one, whose other columns are carried over;
    otherwise an image and a mask belong together if their names, without ending, are equal or the
    mask's has ``_mask`` after it. Then a manifest is made: `body_part` is "unknown", `source` is
    "own", and every image counts as a subject of its own, named like it.

    Args:
        folder: with the images and masks.
        out: the data set to make; must not exist, or be empty. It holds the images, the masks as
            label maps, the manifest, `classes.csv`, the import report, and a split if there was
            one.
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
    pairs = _pairs(folder, outcome)
    outcome.pairs = len(pairs)
    if not pairs and not outcome.fatal:
        raise InputError(f"{folder / 'images'}: holds no images; put radiographs there")
    out.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=out.parent))
    try:
        _convert(folder, building, pairs, rules, outcome)
        if outcome.fatal:
            raise _refusal(folder, outcome)
        _finish(folder, building, pairs, rules, outcome)
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


def _pairs(folder: Path, outcome: Outcome) -> list[dict]:
    """Return one row an image: the manifest's columns, paths relative to the folder."""
    if (folder / "manifest.csv").exists():
        return _listed_pairs(folder, outcome)
    images, doubled = _by_stem(folder, "images", outcome)
    painted, doubled_masks = _by_stem(folder, "masks", outcome)
    pairs, used = [], set(doubled_masks)
    for stem, image in images.items():
        names = [name for name in (stem, stem + MASK_SUFFIX) if name in painted]
        used.update(names)
        if len(names) > 1:
            what = f"has two masks, {painted[names[0]]} and {painted[names[1]]}; remove one"
            outcome.problems.append(Problem(image, f"{image}: {what}"))
        elif names:
            row = {"image": image, "mask": painted[names[0]], "subject": stem} | _DEFAULTS
            pairs.append({column: row[column] for column in COLUMNS})
        elif not {stem, stem + MASK_SUFFIX} & doubled_masks:
            what = f"has no mask; paint masks/{stem}.png or .xcf, or take the image away"
            outcome.problems.append(Problem(image, f"{image}: {what}"))
    for stem, mask in painted.items():
        if stem not in used and stem.removesuffix(MASK_SUFFIX) not in doubled:
            what = f"has no image; add images/{stem}.png, or take the mask away"
            outcome.problems.append(Problem(mask, f"{mask}: {what}"))
    return pairs


def _by_stem(folder: Path, name: str, outcome: Outcome) -> tuple[dict[str, str], set[str]]:
    """Return the folder's files by stem, and the stems that several files share."""
    found = defaultdict(list)
    for path in sorted((folder / name).iterdir()):
        if path.is_file() and not path.name.startswith("."):
            found[path.stem].append(f"{name}/{path.name}")
    doubled = {stem for stem, paths in found.items() if len(paths) > 1}
    for stem in sorted(doubled):
        first, *others = found[stem]
        what = f"{', '.join(others)} has the same name but for its ending; keep one of them"
        outcome.problems.append(Problem(first, f"{first}: {what}"))
    return {stem: paths[0] for stem, paths in found.items() if stem not in doubled}, doubled


def _listed_pairs(folder: Path, outcome: Outcome) -> list[dict]:
    path = folder / "manifest.csv"
    try:
        with warnings.catch_warnings():
            # Spreadsheets end rows in commas; what lies beyond the header is no column.
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a CSV table ({error}); save it as CSV") from None
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise InputError(f"{path}: lacks the columns {', '.join(missing)}; add them")
    pairs = []
    for line, row in enumerate(table.to_dict("records"), start=2):
        wrong = [_listed_fault(folder, row[column], column) for column in ("image", "mask")]
        wrong += [f"{column} is empty" for column in ("body_part", "subject") if not row[column]]
        if row.get("polarity", "") not in ("", *radiographs.POLARITIES):
            wrong.append(f"polarity {row['polarity']!r} is none of bright, dark, auto")
        wrong += ["its mask is to be called like another"] * any(
            row["image"] == other["image"] or Path(row["mask"]).stem == Path(other["mask"]).stem
            for other in pairs
        )
        wrong = [text for text in wrong if text]
        if wrong:
            what = f"manifest.csv, line {line}: {row['image']}: {'; '.join(wrong)}; mend the line"
            outcome.problems.append(Problem("manifest.csv", what))
        else:
            pairs.append(row)
    listed = {row[column] for row in table.to_dict("records") for column in ("image", "mask")}
    for name in ("images", "masks"):
        for path in sorted((folder / name).iterdir()):
            if f"{name}/{path.name}" not in listed and not path.name.startswith("."):
                what = f"{name}/{path.name}: is not in manifest.csv, and was left out"
                outcome.problems.append(Problem(f"{name}/{path.name}", what, fatal=False))
    return pairs


def _listed_fault(folder: Path, name: str, column: str) -> str:
    if len(Path(name).parts) != 2 or Path(name).parts[0] != f"{column}s":
        return f"{column} {name!r} does not lie in {column}s/"
    return "" if (folder / name).is_file() else f"{column} {name!r}: no such file"


def _convert(folder, building, pairs, rules, outcome) -> None:
    """Copy images and write label maps, until a fault is found; then only look for more."""
    present = np.zeros(256, dtype=bool)
    seen: dict[str, str] = {}
    for row in tqdm(pairs, "importing", disable=len(pairs) < 2):
        try:
            mask = _read_pair(folder, row, rules)
        except InputError as error:
            what = str(error).removeprefix(f"{folder}{os.sep}")
            name = row["image"] if what.startswith(row["image"]) else row["mask"]
            colours = tuple(getattr(error, "colours", ()))
            outcome.problems.append(Problem(name, what, colours=colours))
            continue
        counts = np.bincount(mask.labels.ravel(), minlength=rules.palette.count)
        present[: len(counts)] |= counts > 0
        _note(folder, row, counts, rules, seen, outcome)
        if not outcome.fatal:
            shutil.copyfile(folder / row["image"], _made(building / row["image"]))
            masks.write_ids(_made(building / _target(row)), mask.labels)
            outcome.rows.append(_report_row(row, mask, counts, rules))
    for class_id, name in enumerate(rules.palette.classes):
        if outcome.rows and not present[class_id]:
            what = f"masks: none of them has any {name}; the network cannot learn it"
            outcome.problems.append(Problem("masks", what, fatal=False))


def _made(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    return path


def _target(row: dict) -> str:
    return f"masks/{Path(row['mask']).stem}.png"


def _read_pair(folder: Path, row: dict, rules: Rules) -> masks.Imported:
    # The polarity is settled when the data set is used; here only the file and its size count.
    image = radiographs.read(folder / row["image"], polarity="bright")
    mask = masks.read(folder / row["mask"], rules)
    (height, width), own = image.shape[:2], mask.labels.shape
    if own != (height, width):
        raise InputError(
            f"{folder / row['mask']}: {own[1]} x {own[0]} pixels, but {row['image']} has {width} x "
            f"{height}; GIMP: Image > Scale Image with Interpolation None, or export it again"
        )
    if mask.labels.min() == mask.labels.max():
        raise InputError(
            f"{folder / row['mask']}: all is {rules.palette.classes[mask.labels[0, 0]]}, from "
            "(x, y) = (0, 0) on; paint the other classes, or take the pair away"
        )
    return mask


def _note(folder, row, counts, rules, seen, outcome) -> None:
    for class_id in np.flatnonzero(counts == 0):
        what = f"{row['mask']}: has no {rules.palette.classes[class_id]}"
        outcome.problems.append(Problem(row["mask"], what, fatal=False))
    for name in (row["image"], row["mask"]):
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        twin = seen.setdefault(digest, name)
        if twin != name:
            what = f"{name}: is the same file as {twin}; is one of them a copy by mistake?"
            outcome.problems.append(Problem(name, what, fatal=False))


def _report_row(row: dict, mask: masks.Imported, counts: np.ndarray, rules: Rules) -> dict:
    shares = {
        f"{name} (%)": f"{100 * count / mask.labels.size:.2f}"
        for name, count in zip(rules.palette.classes, counts, strict=True)
    }
    repairs = {"snapped": mask.snapped, "relabelled": mask.relabelled}
    return {"mask": row["mask"], "format": mask.format} | repairs | shares


def _finish(folder, building, pairs, rules, outcome) -> None:
    rows = [row | {"mask": _target(row)} for row in pairs]
    pd.DataFrame(rows).to_csv(building / "manifest.csv", index=False)
    named = pd.DataFrame({"name": rules.palette.classes}).rename_axis("id")
    named.to_csv(building / "classes.csv")
    pd.DataFrame(outcome.rows).to_csv(building / REPORT, index=False)
    if (folder / "manifest.csv").exists() and (folder / "split.json").is_file():
        shutil.copyfile(folder / "split.json", building / "split.json")


def _refusal(folder: Path, outcome: Outcome) -> InputError:
    fatal = outcome.fatal
    if len(fatal) == 1 and not fatal[0].colours:
        return InputError(f"{folder / fatal[0].what}; nothing was written")
    report = _write_report(outcome.problems)
    many = "1 problem" if len(fatal) == 1 else f"{len(fatal)} problems, the first"
    return InputError(f"{many}: {folder / fatal[0].what}; nothing was written; all in {report}")


def _write_report(problems: list[Problem]) -> str:
    """Write a table of one row a problem, or a foreign colour of one. Returns its path."""
    handle, name = tempfile.mkstemp(prefix="xnet-problems-", suffix=".csv")
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(_COLUMNS)
        for number, problem in enumerate(problems, start=1):
            start = (number, "yes" if problem.fatal else "note", problem.file, problem.what)
            if not problem.colours:
                table.writerow((*start, *[""] * 8))
            for colour in problem.colours:
                table.writerow((*start, *_cells(colour)))
    return name


def _cells(foreign: Foreign) -> tuple:
    rgb = " ".join(map(str, foreign.colour))
    nearest = f"{foreign.nearest} (distance {foreign.distance})"
    share = f"{100 * foreign.share:.4f} %"
    place = (foreign.pixels, share, foreign.x, foreign.y)
    return (rgb, *place, nearest, foreign.looks_like, foreign.remedy)
