"""Look for what is wrong with a data set before hours of training find out.

Faults are what training refuses, or what makes its scores worthless: files that cannot be read,
masks that do not fit, one picture on two sides of the split. Notes are what may be meant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

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

    pairs: pd.DataFrame
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

    def summary(self) -> pd.DataFrame:
        """Count images and subjects of each body part, with the mean share of each class."""
        grouped = self.pairs.groupby("body_part")
        counts = {
            "images": grouped.size(),
            "subjects": grouped["subject"].nunique(),
            "bits": grouped["bits"].agg(lambda bits: "/".join(map(str, sorted(set(bits))))),
            "width": grouped["width"].agg(_span),
            "height": grouped["height"].agg(_span),
        }
        shares = grouped[list(self.classes.names)].mean()
        return pd.concat([pd.DataFrame(counts), shares], axis=1).reset_index()


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
    manifest, problems = dataset.read_manifest(folder)
    findings = [Finding(True, "manifest.csv", problem) for problem in problems]
    findings += _left_out(folder, manifest)
    manifest = manifest[~manifest.index.duplicated()]
    exist = [
        (folder / row.Index).is_file() and (folder / row.mask).is_file()
        for row in manifest.itertuples()
    ]
    manifest = manifest[exist]
    split, more = _split(folder, manifest)
    findings += more
    rows, digests = [], {}
    for row in tqdm(manifest.itertuples(), "verifying", len(manifest), leave=False, delay=2):
        checked = _check_pair(folder, row, classes, polarity)
        rows += [checked.row] if checked.row else []
        findings += checked.findings
        digests.setdefault(checked.digest, []).append(row.Index)
    digests.pop(None, None)
    pairs = pd.DataFrame(rows, columns=["image", *_COLUMNS, *classes.names])
    findings += [*_copies(digests.values(), manifest, split), *_gaps(pairs, split, classes)]
    return Report(pairs, sorted(findings, key=lambda finding: not finding.fault), classes)


_COLUMNS = ("body_part", "subject", "width", "height", "bits")


@dataclass
class _Checked:
    row: dict | None = None
    digest: str | None = None
    findings: list[Finding] = field(default_factory=list)


def _check_pair(folder: Path, row, classes: Classes, polarity: bool) -> _Checked:
    try:
        image, labels = dataset.read_pair(folder, row, classes)
    except InputError as error:
        return _Checked(findings=[Finding(True, row.Index, _explained(folder / row.mask, error))])
    stored = cv2.imdecode(np.fromfile(folder / row.Index, np.uint8), cv2.IMREAD_UNCHANGED)
    counts = np.bincount(labels[labels != IGNORE], minlength=classes.count)
    shares = dict(zip(classes.names, counts / labels.size, strict=True))
    height, width = labels.shape
    values = (row.Index, row.body_part, row.subject, width, height, 8 * stored.itemsize)
    described = dict(zip(("image", *_COLUMNS), values, strict=True))
    described |= shares
    # By pixels, not by bytes: programs save one picture in many ways.
    digest = hashlib.sha256(str(stored.shape).encode() + stored.tobytes()).hexdigest()
    return _Checked(described, digest, list(_doubts(row, image, shares, polarity)))


def _doubts(row, image: np.ndarray, shares: dict[str, float], polarity: bool) -> Iterator[Finding]:
    if image.min() == image.max():
        yield Finding(True, row.Index, "has one grey value everywhere; take the pair away")
    elif polarity and log_odds(image) <= -SUSPICIOUS:
        what = "its open beam looks dark, where a data set's is bright; import the picture anew"
        yield Finding(False, row.Index, what)
    if not any(shares.values()):
        yield Finding(True, row.mask, "no pixel has a label; paint some, or take the pair away")
    for name in [name for name, share in shares.items() if share == 1]:
        yield Finding(False, row.mask, f"is {name} everywhere; was it painted?")


def _explained(mask: Path, error: InputError) -> str:
    """Return an error's line; of a mask of 0 and 255 it says what to do."""
    pixels = cv2.imdecode(np.fromfile(mask, np.uint8), cv2.IMREAD_UNCHANGED)
    found = set() if pixels is None or pixels.ndim > 2 else set(np.unique(pixels).tolist())
    if found and found <= {0, 255} and 255 in found:
        return f"{error}; it holds 0 and 255 alone: import it with a palette of two classes"
    return str(error)


def _left_out(folder: Path, manifest: pd.DataFrame) -> Iterator[Finding]:
    listed = {*manifest.index, *manifest["mask"]}
    for kind in ("images", "masks"):
        for path in sorted((folder / kind).rglob("*")):
            name = path.relative_to(folder).as_posix()
            hidden = path.name.startswith(".") or path.name.lower() in _LEFTOVERS
            if path.is_file() and not hidden and name not in listed:
                yield Finding(False, name, "is not in manifest.csv, and takes no part")


def _split(folder: Path, manifest: pd.DataFrame) -> tuple[dict[str, list[str]], list[Finding]]:
    try:
        split = dataset.read_split(folder / "split.json", manifest)
    except InputError as error:
        return {}, [Finding(True, "split.json", str(error))]
    empty = [name for name, images in split.items() if not images]
    if empty:
        what = f"no images for {' and '.join(empty)}; at least three subjects are needed"
        return split, [Finding(True, "split", what)]
    return split, []


def _copies(groups, manifest: pd.DataFrame, split: dict[str, list[str]]) -> Iterator[Finding]:
    """Find pictures that are there more than once, by content."""
    side = {image: name for name, images in split.items() for image in images}
    for first, *others in groups:
        for other in others:
            owners = manifest.loc[[first, other], "subject"].unique()
            if side.get(first) != side.get(other):
                what = f"is the same picture as {first}, which is in {side[first]}, and this one "
                yield Finding(True, other, what + f"in {side[other]}; keep one of them")
            elif len(owners) > 1:
                what = f"is the same picture as {first}, of subject {owners[0]}, and not "
                yield Finding(False, other, what + f"of {owners[1]} alone; is it one subject?")
            else:
                yield Finding(False, other, f"is the same picture as {first}; is it a copy?")


def _gaps(pairs: pd.DataFrame, split: dict[str, list[str]], classes: Classes) -> Iterator[Finding]:
    for part, rows in pairs.groupby("body_part"):
        count = rows["subject"].nunique()
        if count < FEW_SUBJECTS:
            some = "1 subject" if count == 1 else f"{count} subjects"
            what = f"only {some}: it cannot be in {', '.join(SUBSETS[:2])} and {SUBSETS[2]}"
            yield Finding(False, f"body part {part}", what)
    shown = pairs[pairs["image"].isin(split.get("train", ()))]
    for name in classes.names:
        if len(shown) and not shown[name].any():
            what = f"no training image has any {name}; the network cannot learn it"
            yield Finding(False, "masks", what)


def _span(values: pd.Series) -> str:
    low, high = values.min(), values.max()
    return str(low) if low == high else f"{low}-{high}"
