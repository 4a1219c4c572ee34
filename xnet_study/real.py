"""Two real radiographs, and how far XNet's masks of them agree with masks outlined by hand.

The radiographs are those of the package pydicom-data: a lower leg and a chest. How their masks in
``data/real/`` were drawn, and how little the chest's is to be trusted, is said there.
``python -m xnet_study.real`` draws the masks anew from ``data/real/outlines.json``.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator

from xnet_io import masks, radiographs
from xnet_tf import classes, inference, metrics, preprocessing, runs
from xnet_tf.files import read_json

MASKS = runs.REPOSITORY / "data" / "real"


def paths() -> dict[str, Path]:
    """Return the radiographs' files by name; none if pydicom-data is not installed."""
    package = importlib.util.find_spec("data_store")
    if package is None:
        return {}
    folder = Path(package.origin).parent / "data"
    return {"lower leg": folder / "RG3_UNCR.dcm", "chest": folder / "RG1_UNCR.dcm"}


def segment(model, folder: Path, height: int = 400) -> pd.DataFrame:
    """Segment the radiographs as a user would; write small pictures and label maps.

    Writes ``<name>-image.png``, ``<name>-mask.png`` (XNet's) and ``<name>-hand.png``.

    Args:
        model: XNet.
        folder: destination, emptied first.
        height: of the small pictures, in pixels.

    Returns:
        A row for each picture: its name and :func:`scores` at the radiograph's own size.

    Raises:
        InputError: if a mask outlined by hand is missing.
    """
    pictures = list(segmented(model))  # before the folder is emptied: a mask may be missing
    shutil.rmtree(folder, ignore_errors=True)
    rows = []
    for name, image, maps in pictures:
        rows.append({"picture": name, **scores(maps["hand"], maps["mask"])})
        width = round(image.shape[1] / image.shape[0] * height)
        write_small(folder, name, image, maps, (height, width))
    return pd.DataFrame(rows)


def segmented(model) -> Iterator[tuple[str, np.ndarray, dict[str, np.ndarray]]]:
    """Segment the radiographs; yield name, image and label maps, XNet's ``mask`` and by ``hand``.

    Raises:
        InputError: if a mask outlined by hand is missing.
    """
    outlined = {name: masks.read_mask(MASKS / f"{name}.png") for name in paths()}
    for name, path in paths().items():
        image = radiographs.read(path)
        yield name, image, {"mask": inference.segment(model, image).labels, "hand": outlined[name]}


def write_small(
    folder: Path,
    name: str,
    image: np.ndarray,
    maps: dict[str, np.ndarray],
    size: tuple[int, int],
    of: classes.Classes = classes.PAPER,
) -> None:
    """Write a small picture and small label maps of it.

    Args:
        folder: destination.
        name: with which the files' names begin, before ``-image.png`` and ``-<kind>.png``.
        image: float32 ``(H, W, 1)``.
        maps: by kind, uint8 ``(H, W)``.
        size: height and width of the small pictures, in pixels.
        of: classes of the label maps.
    """
    radiographs.write_grey(folder / f"{name}-image.png", preprocessing.resize_area(image, *size))
    for kind, labels in maps.items():
        small = preprocessing.resize_nearest(labels, *size)
        masks.write_mask(folder / f"{name}-{kind}.png", small, classes=of)


def scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Agreement of two label maps of one size: accuracy, macro F1, recall of each class."""
    counts = metrics.confusion(truth, predicted)
    recall = zip(classes.NAMES, metrics.recall(counts), strict=True)
    return {
        "accuracy": float(metrics.accuracy(counts)),
        "macro F1": float(metrics.macro_f1(counts)),
        **{f"recall, {name}": float(value) for name, value in recall},
    }


def draw_masks(folder: Path = MASKS) -> list[Path]:
    """Draw every picture's mask from ``outlines.json``, at the size of its radiograph."""
    outlines = read_json(folder / "outlines.json")
    return [
        masks.write_mask(folder / f"{name}.png", draw(outline))
        for name, outline in outlines.items()
    ]


def draw(outline: dict) -> np.ndarray:
    """Draw one picture's outlines.

    Args:
        outline: ``rows``, ``columns``, ``rest`` (the class where nothing is drawn) and ``shapes``,
            of which later ones lie over earlier ones. A shape is the name of a ``class`` and
            ``points`` (x, y) in pixels: a polygon that is filled, or, with a ``width``, a line
            about as wide (a rib) along a smooth curve.

    Returns:
        uint8 ``(rows, columns)``, class ids.
    """
    ids = {name: k for k, name in enumerate(classes.NAMES)}
    mask = np.full((outline["rows"], outline["columns"]), ids[outline["rest"]], np.uint8)
    for shape in outline["shapes"]:
        points, value = np.array(shape["points"], float), ids[shape["class"]]
        if "width" in shape:
            line = np.round(_smooth(points)).astype(np.int32)
            cv2.polylines(mask, [line], False, value, shape["width"])
        else:
            cv2.fillPoly(mask, [points.astype(np.int32)], value)
    return mask


def _smooth(points: np.ndarray, count: int = 200) -> np.ndarray:
    """Return a smooth curve through points ``(N, 2)``, evenly sampled: float64 ``(count, 2)``."""
    length = np.r_[0.0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    return PchipInterpolator(length, points)(np.linspace(0, length[-1], count))


if __name__ == "__main__":
    print(*draw_masks(), sep="\n")
