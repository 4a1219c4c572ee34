"""Two real radiographs, and how far XNet's masks of them agree with masks outlined by hand.

The radiographs are those of the package pydicom-data: a lower leg and a chest. How their masks in
``real/`` were drawn, and how little the chest's is to be trusted, is said there.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_io import masks, radiographs
from xnet_tf import classes, inference, metrics, preprocessing, runs

MASKS = runs.REPOSITORY / "real"


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
    outlined = {name: masks.read_mask(MASKS / f"{name}.png") for name in paths()}
    shutil.rmtree(folder, ignore_errors=True)
    rows = []
    for name, path in paths().items():
        by_hand = outlined[name]
        image = radiographs.read(path)
        found = inference.segment(model, image).labels
        rows.append({"picture": name, **scores(by_hand, found)})
        width = round(image.shape[1] / image.shape[0] * height)
        radiographs.write_grey(
            folder / f"{name}-image.png", preprocessing.resize_area(image, height, width)
        )
        for kind, map_ in {"mask": found, "hand": by_hand}.items():
            small = preprocessing.resize_nearest(map_, height, width)
            masks.write_mask(folder / f"{name}-{kind}.png", small)
    return pd.DataFrame(rows)


def scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Agreement of two label maps of one size: accuracy, macro F1, recall of each class."""
    counts = metrics.confusion(truth, predicted)
    recall = zip(classes.NAMES, metrics.recall(counts), strict=True)
    return {
        "accuracy": float(metrics.accuracy(counts)),
        "macro F1": float(metrics.macro_f1(counts)),
        **{f"recall, {name}": float(value) for name, value in recall},
    }
