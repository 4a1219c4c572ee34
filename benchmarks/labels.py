"""A painted mask to a label map: by the class's number, and by comparing channels with a tolerance.

    python benchmarks/labels.py [--runs 15]

The mask has 1500 x 1500 pixels, as the paper's images, and wavy outlines. In the rows with a file
all methods read the same PNG by the same decoder before they label it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import measuring
import numpy as np
from PIL import Image

from xnet_io import masks
from xnet_io.pictures import decode
from xnet_tf import classes

SIDE = 1500


def draw() -> np.ndarray:
    """Return a label map, uint8 ``(SIDE, SIDE)``: bone in flesh in open beam."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    angle, radius = np.arctan2(y, x), np.hypot(x, y)
    drawn = np.zeros((SIDE, SIDE), dtype=np.uint8)
    drawn[radius < 0.8 + 0.05 * np.sin(7 * angle)] = classes.SOFT_TISSUE
    drawn[radius < 0.3 + 0.08 * np.sin(5 * angle)] = classes.BONE
    return drawn


def by_isclose(pixels: np.ndarray) -> np.ndarray:
    """Compare each channel with an array tiled with each class's colour."""
    found = np.zeros(pixels.shape[:2], dtype=np.uint8)
    flat = pixels.reshape(-1, 3)
    for class_id, colour in enumerate(classes.COLOURS):
        near = np.isclose(flat, np.tile(colour, (len(flat), 1)), atol=0)
        fits = np.logical_and(np.logical_and(near[:, 0], near[:, 1]), near[:, 2])
        found[fits.reshape(found.shape)] = class_id
    return found


def by_list(pixels: np.ndarray) -> np.ndarray:
    """Label two classes as the authors' code does: the tiled array is made of a Python list."""
    found = np.zeros(pixels.shape[:2], dtype=np.uint8)
    flat = pixels.reshape(-1, 3)
    for class_id in (classes.SOFT_TISSUE, classes.BONE):
        tiled = np.array([classes.COLOURS[class_id].tolist()] * len(flat))
        near = np.isclose(flat, tiled, atol=100)
        fits = np.logical_and(np.logical_and(near[:, 0], near[:, 1]), near[:, 2])
        found[fits.reshape(found.shape)] = class_id
    return found


def rows(path: Path, runs: int) -> list[dict]:
    """Time all methods in turn."""
    drawn = draw()
    pixels = classes.COLOURS[drawn]
    Image.fromarray(pixels).save(path)
    groups = {
        "pixels": {
            "xnet_tf": lambda: masks.look_up(pixels),
            "np.isclose, three classes": lambda: by_isclose(pixels),
            "np.isclose, two classes": lambda: masks.by_tolerance(pixels, classes.COLOURS),
            "the authors' code": lambda: by_list(pixels),
        },
        "PNG file": {
            "xnet_tf": lambda: masks.read_mask(path),
            "np.isclose, three classes": lambda: by_isclose(decode(path).pixels),
            "the authors' code": lambda: by_list(decode(path).pixels),
        },
    }
    methods = {
        f"{name}, {source}": method
        for source, group in groups.items()
        for name, method in group.items()
    }
    for name, method in methods.items():
        if not np.array_equal(method(), drawn):
            raise AssertionError(f"{name} labels wrongly")
    seconds = measuring.alternate(methods, runs)
    return [
        {
            "method": name,
            "value": float(f"{1000 * value:.4g}"),
            "unit": "ms",
            "runs": runs,
            "ratio": round(value / seconds[f"xnet_tf, {name.rpartition(', ')[2]}"], 2),
        }
        for name, value in seconds.items()
    ]


def main() -> None:
    """Measure and write ``results/bench-labels.csv``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    with tempfile.TemporaryDirectory() as folder:
        measuring.write(rows(Path(folder) / "mask.png", parser.parse_args().runs), "labels")


if __name__ == "__main__":
    main()
