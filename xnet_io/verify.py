"""Look for what is wrong with a data set before hours of training find out.

Faults are what training refuses, or what makes its scores worthless: files that cannot be read,
masks that do not fit, one picture on two sides of the split. Notes are what may be meant.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
from tqdm import tqdm

from xnet_io import tables
from xnet_io.polarity import log_odds
from xnet_tf import dataset
from xnet_tf.classes import IGNORE, PAPER, Classes
from xnet_tf.dataset import SUBSETS
from xnet_tf.files import InputError

FEW_SUBJECTS = 3
"""A body part of fewer subjects is missing from training, validation or test."""

SUSPICIOUS = 3.0
"""Log odds for a dark open beam from which a picture is noted: 95 % certain."""

_LEFTOVERS = ("thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Finding:
    """Something wrong, or worth a look.

    Attributes:
        fault: whether training should not begin.
        file: path within the data set, or what else it is about.
        what: what is wrong there and what helps, in one line.
    """

    fault: bool
    file: str
    what: str


@dataclass
class Report:
    """What was found.

    Attributes:
        pairs: one row per pair that can be read: ``image, body_part, subject, width, height, bits``
            and the share of each class, in [0, 1].
        findings: faults first.
        classes: of the data set.
    """

    pairs: list[dict]
    findings: list[Finding] = field(default_factory=list)
    classes: Classes = PAPER

    @property
    def faults(self) -> list[Finding]:
        """What must be mended before training."""
        return [finding for finding in self.findings if finding.fault]

    @property
    def status(self) -> int:
        """Exit status: 0, 1 if there are notes, 2 if there are faults."""
        return 2 if self.faults else int(bool(self.findings))

    def summary(self) -> list[dict]:
        """Count images and subjects of each body part, with the mean share of each class."""
        return [
            {
                "body_part": part,
                "images": len(rows),
                "subjects": len({row["subject"] for row in rows}),
                "bits": "/".join(map(str, sorted({row["bits"] for row in rows}))),
                "width": _span([row["width"] for row in rows]),
                "height": _span([row["height"] for row in rows]),
            }
            | {n: float(np.mean([row[n] for row in rows])) for n in self.classes.names}
            for part, rows in _by_part(self.pairs)
        ]


def verify(folder: str | Path, polarity: bool = True) -> Report:
    """Check a data set: every file is read, every rule held.

    Args:
        folder: with ``images/``, ``masks/`` and ``manifest.csv``, perhaps ``split.json``.
        polarity: whether to judge each picture's, which takes most of the time.

    Returns:
        Its images, and all that was found.

    Raises:
        InputError: if it has no manifest that can be read, or no classes.
    """
    folder = Path(folder)
    if not (folder / "manifest.csv").is_file():
        raise InputError(
            f"{folder / 'manifest.csv'}: no such file; `xnet import-masks` makes a data set of a "
            "folder with images/ and masks/, and checks them"
        )
    classes = dataset.read_classes(folder / "classes.csv")
    listed, problems = dataset.read_manifest(folder)
    findings = [Finding(True, "manifest.csv", problem) for problem in problems]
    findings += _left_out(folder, listed)
    manifest = tables.usable(folder, listed)
    columns = tables.by_image(manifest, "subject", "body_part")
    split, more = _split(folder, columns)
    findings += more
    rows, digests = [], {}
    for row in tqdm(manifest, "verifying", leave=False, delay=2):
        checked = _check_pair(folder, row, classes, polarity)
        rows += [checked.row] if checked.row else []
        findings += checked.findings
        digests.setdefault(checked.digest, []).append(row["image"])
    digests.pop(None, None)
    copies = _copies(digests.values(), columns["subject"], split)
    findings += [*copies, *_gaps(rows, split, classes)]
    return Report(rows, sorted(findings, key=lambda finding: not finding.fault), classes)


@dataclass
class _Checked:
    row: dict | None = None
    digest: str | None = None
    findings: list[Finding] = field(default_factory=list)


def _check_pair(folder: Path, row: dict, classes: Classes, polarity: bool) -> _Checked:
    name, mask = row["image"], row["mask"]
    try:
        image, labels = dataset.read_pair(folder, SimpleNamespace(Index=name, mask=mask), classes)
    except InputError as error:
        return _Checked(findings=[Finding(True, name, _explained(folder / mask, error))])
    stored = cv2.imdecode(np.fromfile(folder / name, np.uint8), cv2.IMREAD_UNCHANGED)
    counts = np.bincount(labels[labels != IGNORE], minlength=classes.count)
    shares = dict(zip(classes.names, counts / labels.size, strict=True))
    height, width = labels.shape
    described = {column: row[column] for column in ("image", "body_part", "subject")}
    described |= {"width": width, "height": height, "bits": 8 * stored.itemsize} | shares
    # By pixels, not by bytes: programs save one picture in many ways.
    digest = hashlib.sha256(str(stored.shape).encode() + stored.tobytes()).hexdigest()
    return _Checked(described, digest, list(_doubts(row, image, shares, polarity)))


def _doubts(
    row: dict, image: np.ndarray, shares: dict[str, float], polarity: bool
) -> Iterator[Finding]:
    if image.min() == image.max():
        yield Finding(True, row["image"], "has one grey value everywhere; take the pair away")
    elif polarity and log_odds(image) <= -SUSPICIOUS:
        what = "its open beam looks dark, where a data set's is bright; import the picture anew"
        yield Finding(False, row["image"], what)
    if not any(shares.values()):
        yield Finding(True, row["mask"], "no pixel has a label; paint some, or take the pair away")
    for name in [name for name, share in shares.items() if share == 1]:
        yield Finding(False, row["mask"], f"is {name} everywhere; was it painted?")


def _explained(mask: Path, error: InputError) -> str:
    """Return an error's line; of a mask of 0 and 255 it says what to do."""
    pixels = cv2.imdecode(np.fromfile(mask, np.uint8), cv2.IMREAD_UNCHANGED)
    found = set() if pixels is None or pixels.ndim > 2 else set(np.unique(pixels).tolist())
    if found and found <= {0, 255} and 255 in found:
        return f"{error}; it holds 0 and 255 alone: import it with a palette of two classes"
    return str(error)


def _left_out(folder: Path, manifest: list[dict]) -> Iterator[Finding]:
    listed = {row[column] for row in manifest for column in ("image", "mask")}
    for kind in ("images", "masks"):
        for path in sorted((folder / kind).rglob("*")):
            name = path.relative_to(folder).as_posix()
            hidden = path.name.startswith(".") or path.name.lower() in _LEFTOVERS
            if path.is_file() and not hidden and name not in listed:
                yield Finding(False, name, "is not in manifest.csv, and takes no part")


def _split(folder: Path, columns: dict) -> tuple[dict[str, list[str]], list[Finding]]:
    try:
        split = dataset.read_split(folder / "split.json", columns)
    except InputError as error:
        return {}, [Finding(True, "split.json", str(error))]
    empty = [name for name, images in split.items() if not images]
    if empty:
        what = f"no images for {' and '.join(empty)}; at least three subjects are needed"
        return split, [Finding(True, "split", what)]
    return split, []


def _copies(groups, subjects: dict[str, str], split: dict[str, list[str]]) -> Iterator[Finding]:
    """Find pictures that are there more than once, by content."""
    side = {image: name for name, images in split.items() for image in images}
    for first, *others in groups:
        for other in others:
            owners = subjects[first], subjects[other]
            if side.get(first) != side.get(other):
                what = f"is the same picture as {first}, which is in {side[first]}, and this one "
                yield Finding(True, other, what + f"in {side[other]}; keep one of them")
            elif owners[0] != owners[1]:
                what = f"is the same picture as {first}, of subject {owners[0]}, and not "
                yield Finding(False, other, what + f"of {owners[1]} alone; is it one subject?")
            else:
                yield Finding(False, other, f"is the same picture as {first}; is it a copy?")


def _by_part(pairs: list[dict]) -> list[tuple[str, list[dict]]]:
    groups = defaultdict(list)
    for row in pairs:
        groups[row["body_part"]].append(row)
    return sorted(groups.items())


def _gaps(pairs: list[dict], split: dict[str, list[str]], classes: Classes) -> Iterator[Finding]:
    for part, rows in _by_part(pairs):
        count = len({row["subject"] for row in rows})
        if count < FEW_SUBJECTS:
            some = "1 subject" if count == 1 else f"{count} subjects"
            what = f"only {some}: it cannot be in {', '.join(SUBSETS[:2])} and {SUBSETS[2]}"
            yield Finding(False, f"body part {part}", what)
    training = set(split.get("train", ()))
    shown = [row for row in pairs if row["image"] in training]
    for name in classes.names:
        if shown and not any(row[name] for row in shown):
            what = f"no training image has any {name}; the network cannot learn it"
            yield Finding(False, "masks", what)


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}-{high}"
