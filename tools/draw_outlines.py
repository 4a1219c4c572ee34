"""Draw the masks of the real radiographs from their outlines: ``python tools/draw_outlines.py``.

Reads ``real/outlines.json`` and writes ``real/<picture>.png``, at the size of the radiograph. A
shape without a width is a polygon that is filled; one with a width is a line about as wide (a rib)
along a smooth curve through its points. Later shapes lie over earlier ones; points are (x, y) in
pixels of the radiograph.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from xnet_io import masks
from xnet_study import real
from xnet_tf import classes
from xnet_tf.files import read_json


def curve(points: np.ndarray, count: int = 200) -> np.ndarray:
    """Smooth curve through points ``(N, 2)``, evenly sampled: float64 ``(count, 2)``."""
    length = np.r_[0.0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    return PchipInterpolator(length, points)(np.linspace(0, length[-1], count))


def draw(outline: dict) -> np.ndarray:
    """Draw one picture's outlines: uint8 ``(rows, columns)`` of class ids."""
    ids = {name: k for k, name in enumerate(classes.NAMES)}
    mask = np.full((outline["rows"], outline["columns"]), ids[outline["rest"]], np.uint8)
    for shape in outline["shapes"]:
        points, value = np.array(shape["points"], float), ids[shape["class"]]
        if "width" in shape:
            line = np.round(curve(points)).astype(np.int32)
            cv2.polylines(mask, [line], False, value, shape["width"])
        else:
            cv2.fillPoly(mask, [points.astype(np.int32)], value)
    return mask


def main(folder: Path = real.MASKS) -> None:
    """Draw every picture's mask."""
    for name, outline in read_json(folder / "outlines.json").items():
        print(masks.write_mask(folder / f"{name}.png", draw(outline)))


if __name__ == "__main__":
    main()
