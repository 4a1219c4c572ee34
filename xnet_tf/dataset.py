"""Radiographs with their label maps: manifest, subjects, split, arrays.

A data set is a folder with ``images/``, ``masks/`` and ``manifest.csv``, whose columns are
``image, mask, body_part, subject, source`` (paths relative to the folder; further columns are
kept). Images are grey PNG files, open beam bright; masks are PNG files of class ids, 255 where
there is no label, or of exactly the classes' colours. `xnet_io.importing` makes such a folder of
anything else. ``classes.csv`` (``id,name,colours``) names the classes; without it they are the
paper's. ``split.json`` may fix which images are for training, validation and test; without it a
split by subject is made.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

import cv2
import numpy as np
from tqdm import tqdm

from xnet_tf import preprocessing, runs
from xnet_tf.classes import PAPER, POLARITIES, Classes
from xnet_tf.files import InputError, faults

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("image", "mask", "body_part", "subject", "source")
SUBSETS = ("train", "validation", "test")
FRACTIONS = (0.70, 0.15, 0.15)
"""Shares of train, validation and test, as in the paper: 105, 23 and 22 of 150 images."""

_LARGEST_SHARE = 0.25
"""Validation and test get no more, also where every body part has few subjects."""

_IMPORT = "`xnet import-masks` makes a data set of other files"
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Dataset:
    """A verified data set.

    Attributes:
        folder: where it lies.
        manifest: one row per image, indexed by its path.
        split: image paths of each subset.
        classes: what the masks' class ids mean.
    """

    folder: Path
    manifest: pd.DataFrame
    split: dict[str, list[str]]
    classes: Classes = PAPER

    def subset(self, name: str) -> pd.DataFrame:
        """Return the manifest's rows of ``"train"``, ``"validation"``, ``"test"`` or ``"all"``."""
        if name == "all":
            return self.manifest
        if name not in self.split:
            raise InputError(f"no subset is called {name!r}; choose one of {', '.join(self.split)}")
        return self.manifest.loc[self.split[name]]

    def fingerprint(self) -> str:
        """Return a SHA-256 over manifest, split, images, masks, and classes but the paper's."""
        digest = hashlib.sha256(json.dumps(self.split, sort_keys=True).encode())
        digest.update(b"" if self.classes == PAPER else json.dumps(self.classes.rows).encode())
        digest.update(self.manifest.to_csv().encode())
        for row in self.manifest.itertuples():
            for name in (row.Index, row.mask):
                digest.update((self.folder / name).read_bytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Arrays:
    """Images and label maps of one size, in memory.

    Attributes:
        images: float32 ``(N, S, S, 1)`` in [0, 1], open beam bright.
        labels: uint8 ``(N, S, S)``, class ids.
        manifest: the N rows, in the same order.
        sizes: int ``(N, 2)``, height and width of the picture, which lies in the upper left corner;
            what is beyond was filled up. Without it, pictures fill their squares.
        classes: what the ids mean.
    """

    images: np.ndarray
    labels: np.ndarray
    manifest: pd.DataFrame
    sizes: np.ndarray | None = None
    classes: Classes = PAPER

    @property
    def parts(self) -> np.ndarray:
        """Body part of each image."""
        return self.manifest["body_part"].to_numpy(dtype=str)

    @property
    def subjects(self) -> np.ndarray:
        """Subject of each image."""
        return self.manifest["subject"].to_numpy(dtype=str)

    @property
    def unpadded(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Images ``(H, W, 1)`` and label maps ``(H, W)`` without what they were filled up with."""
        sizes = [m.shape for m in self.labels] if self.sizes is None else self.sizes
        images = [image[:h, :w] for image, (h, w) in zip(self.images, sizes, strict=True)]
        maps = [map_[:h, :w] for map_, (h, w) in zip(self.labels, sizes, strict=True)]
        return images, maps


def load(folder: str | Path | None = None) -> Dataset:
    """Read and check a data set's manifest and split.

    Args:
        folder: the data set; by default what ``XNET_DATA`` names, else the repository's ``data/``.

    Raises:
        InputError: names every problem found.
    """
    import pandas as pd  # verifying and importing do without

    folder = runs.data_folder() if folder is None else Path(folder)
    rows, problems = read_manifest(folder)
    dark = [row["image"] for row in rows if row.get("polarity", "") not in ("", "bright")]
    problems += [f"{folder / name}: open beam may be dark; {_IMPORT}" for name in dark]
    if problems:
        raise faults(problems)
    manifest = pd.DataFrame(rows).set_index("image")
    split = read_split(folder / "split.json", manifest)
    empty = [name for name, images in split.items() if not images]
    if empty:
        raise InputError(
            f"{folder}: no images for {' and '.join(empty)}; at least three subjects are needed"
        )
    return Dataset(folder, manifest, split, read_classes(folder / "classes.csv"))


def read_classes(path: Path) -> Classes:
    """Read ``classes.csv``; where there is none, the classes are the paper's.

    Raises:
        InputError: if it does not define classes.
    """
    if not path.exists():
        return PAPER
    _, (names, *rows) = _read_rows(path)
    try:
        return Classes.of_rows(dict(zip(names, row, strict=False)) for row in rows)
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: {str(error).strip()}; its columns are id,name,colours") from None


def read_arrays(dataset: Dataset, subset: str, size: int) -> Arrays:
    """Read a subset's images and label maps and bring them to one size.

    Images are averaged over areas, label maps resampled by nearest neighbour. What is not square is
    fitted with its longer side and filled up by reflection; `Arrays.sizes` says how far it reaches.

    Args:
        dataset: the data set.
        subset: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
        size: height and width in pixels.

    Raises:
        InputError: names every file that cannot be read, and every mask whose size is not its
            image's.
    """
    rows = dataset.subset(subset)
    images, masks, sizes, problems = [], [], [], []
    for row in tqdm(rows.itertuples(), f"reading {subset}", len(rows), leave=False, delay=5):
        try:
            image, mask = read_pair(dataset.folder, row, dataset.classes)
            images.append(preprocessing.fit_square(image, size, preprocessing.resize_area))
            masks.append(preprocessing.fit_square(mask, size, preprocessing.resize_nearest))
            sizes.append(preprocessing.fitted(mask.shape, size))
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise faults(problems)
    return Arrays(np.stack(images), np.stack(masks), rows, np.array(sizes), dataset.classes)


def read_pair(folder: Path, row, classes: Classes = PAPER) -> tuple[np.ndarray, np.ndarray]:
    """Read one image and its label map at their own size.

    Args:
        folder: of the data set.
        row: of the manifest, as `DataFrame.itertuples` gives it: ``Index`` and ``mask``.
        classes: of the data set.

    Returns:
        float32 ``(H, W, 1)`` in [0, 1], open beam bright, and uint8 ``(H, W)``.

    Raises:
        InputError: if a file cannot be read, or the two differ in size.
    """
    image, mask = read_image(folder / row.Index), read_mask(folder / row.mask, classes)
    if image.shape[:2] != mask.shape:
        raise InputError(
            f"{folder / row.mask}: {mask.shape[1]}x{mask.shape[0]} pixels, but its image "
            f"{row.Index} has {image.shape[1]}x{image.shape[0]}; scale the mask to the image"
        )
    return image, mask


def read_image(path: Path) -> np.ndarray:
    """Read a grey PNG of 8 or 16 bits, stretched to [0, 1]: float32 ``(H, W, 1)``.

    Raises:
        InputError: if it is no such PNG.
    """
    pixels = _read_png(path)
    if pixels.ndim != 2:
        raise InputError(f"{path}: has colours; {_IMPORT}")
    return preprocessing.stretch(pixels)[..., np.newaxis]


def read_mask(path: Path, classes: Classes = PAPER) -> np.ndarray:
    """Read a PNG of class ids, or of the classes' colours: uint8 ``(H, W)``.

    Raises:
        InputError: if it is no such PNG, or holds what is no class.
    """
    pixels = _read_png(path)
    try:
        # OpenCV has the channels as blue, green, red.
        return classes.look_up(pixels[..., ::-1]) if pixels.ndim > 2 else classes.checked(pixels)
    except ValueError as error:
        raise InputError(f"{path}: {error}; {_IMPORT}") from None


def _read_png(path: Path) -> np.ndarray:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    # Decoded from memory: OpenCV opens no path with other than ASCII letters on Windows.
    stored = np.frombuffer(content, np.uint8)
    pixels = cv2.imdecode(stored, cv2.IMREAD_UNCHANGED) if content.startswith(_PNG) else None
    if pixels is None:
        raise InputError(f"{path}: is no PNG that can be decoded; {_IMPORT}")
    return pixels


def make_split(manifest: pd.DataFrame | dict[str, dict], seed: int = 1) -> dict[str, list[str]]:
    """Divide images into train, validation and test, each subject wholly on one side.

    Subjects are placed one by one, those with the rarest body parts first, where the largest
    share of their parts is still lacking: a stratification as far as subjects allow. From three
    subjects on no side stays empty, and train is the largest.

    Args:
        manifest: with columns ``body_part`` and ``subject``, each from an image to its text: a
            DataFrame indexed by image, or dictionaries.
        seed: orders subjects of equal rarity.

    Returns:
        Image paths of each subset, sorted.
    """
    images = list(manifest["subject"].keys())
    names = [[manifest[column][i] for i in images] for column in ("subject", "body_part")]
    owners, parts = (np.unique(column, return_inverse=True)[1] for column in names)
    counts = np.zeros((max(owners, default=-1) + 1, max(parts, default=-1) + 1), dtype=int)
    np.add.at(counts, (owners, parts), 1)
    order = np.random.Generator(np.random.Philox(seed)).choice(len(counts), len(counts), False)
    rarity = np.where(counts > 0, counts.sum(axis=0), np.inf).min(axis=1, initial=np.inf)
    order = order[np.argsort(rarity[order], kind="stable")]
    wanted = np.outer(FRACTIONS, counts.sum(axis=0)).astype(float)
    sizes, side = np.zeros(len(SUBSETS), dtype=int), np.zeros(len(counts), dtype=int)
    for left, subject in zip(range(len(order), 0, -1), order, strict=True):
        need = counts[subject]
        lacking = wanted[:, need > 0].sum(axis=1) / FRACTIONS
        full = (sizes > 0) & (sizes + need.sum() > _LARGEST_SHARE * len(images))
        full[0] = False
        if left <= np.count_nonzero(sizes == 0):
            full = sizes > 0
        side[subject] = chosen = int(np.argmax(np.where(full, -np.inf, lacking)))
        wanted[chosen] -= need
        sizes[chosen] += need.sum()
    placed = [*zip(images, side[owners], strict=True)]
    return {name: sorted(i for i, k in placed if k == n) for n, name in enumerate(SUBSETS)}


def read_split(path: Path, manifest: pd.DataFrame | dict[str, dict]) -> dict[str, list[str]]:
    """Read ``split.json``; where there is none, make a split.

    Args:
        path: of the file.
        manifest: as for `make_split`.

    Returns:
        Image paths of each subset.

    Raises:
        InputError: if it does not place every image once, or divides a subject.
    """
    if not path.exists():
        return make_split(manifest)
    try:
        split = json.loads(path.read_text(encoding="utf-8"))
        split = {name: [str(image) for image in split[name]] for name in SUBSETS}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not a split into {', '.join(SUBSETS)} ({error})") from None
    listed = [image for images in split.values() for image in images]
    subjects, counts = manifest["subject"], Counter(listed)
    if wrong := {i for i in (*listed, *subjects.keys()) if counts[i] != (i in subjects)}:
        raise faults([f"{path}: {image} is not listed just once" for image in sorted(wrong)])
    owners: dict[str, str] = {}
    for name, images in split.items():
        for subject in map(subjects.__getitem__, images):
            if owners.setdefault(subject, name) != name:
                raise InputError(f"{path}: subject {subject} is in {owners[subject]} and in {name}")
    return split


def read_manifest(folder: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Read ``manifest.csv`` of a data set, or of pictures that are to become one.

    Commas, semicolons or tabs part the cells, in UTF-8, UTF-16 or, if it is neither, Windows-1252:
    the forms in which spreadsheets save tables. Paths may have backslashes or begin with ``./``.

    Args:
        folder: with ``images/``, ``masks/`` and the manifest.

    Returns:
        One row per image, all text, by column; and a line for each thing wrong with it.

    Raises:
        InputError: if it is no table, or lacks a column.
    """
    path = folder / "manifest.csv"
    lines, (names, *rows) = _read_rows(path)
    missing = sorted({name for name in (*COLUMNS, *names) if name and names.count(name) != 1})
    if missing:
        raise InputError(f"{path}: lacks the columns {', '.join(missing)}, or has them twice")
    none = [""] * len(names)
    manifest = [{k: c for k, c in zip(names, [*r, *none], strict=False) if k} for r in rows]
    for row in manifest:
        row |= {column: PureWindowsPath(row[column]).as_posix() for column in ("image", "mask")}
    problems = [] if rows else [f"{path}: no images"]
    for line, row, cells in zip(lines[1:], manifest, rows, strict=True):
        more = ["has more cells than there are columns"] if any(cells[len(names) :]) else []
        if wrong := _row_faults(folder, row) + more:
            problems.append(f"{path}, line {line}: {'; '.join(wrong)}")
    for column in ("image", "mask"):
        counts = Counter(row[column] for row in manifest)
        problems += [f"{path}: {n} is listed more than once" for n in counts if counts[n] > 1]
    return manifest, problems


def _read_rows(path: Path) -> tuple[tuple[int], tuple[list[str]]]:
    """Read the rows of a CSV file that are not empty: their lines in the file, and their cells."""
    try:
        text = _decoded(path.read_bytes())
        separator = max(",;\t", key=text.partition("\n")[0].count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; a data set needs a manifest.csv") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV table ({error}); save it as CSV UTF-8") from None
    return tuple(zip(*[each for each in rows if any(each[1])] or [(1, [])], strict=True))


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def _row_faults(folder: Path, row: dict[str, str]) -> list[str]:
    wrong = []
    for column in ("image", "mask"):
        name = row[column]
        if len(Path(name).parts) != 2 or Path(name).parts[0] != f"{column}s":
            wrong.append(f"{column} {name!r} does not lie in {column}s/")
        elif not (folder / name).is_file():
            wrong.append(f"{column} {name!r}: no such file")
    wrong += [f"{column} is empty" for column in ("body_part", "subject") if not row[column]]
    if row.get("polarity", "") not in ("", *POLARITIES):
        wrong.append(f"polarity {row['polarity']!r} is none of {', '.join(POLARITIES)}")
    return wrong
