"""Score any method on a set of images, and keep the numbers per image that all scores follow from.

Methods are given pictures whose longer side is the network's input, and every number is of pixels
of the picture alone: what training fills squares up with is neither shown to them nor counted.

A method's folder holds ``counts.csv`` (confusion counts), ``surfaces.csv`` (agreement of the
boundaries) and, for methods that give probabilities, ``auc.csv`` (exact, over all pixels) and
``scores.npz`` (coarse counts of the logit per image). Rows and arrays are by subset, so that a
subset can be scored later than the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_study.comparison import streamed_auc, surfaces
from xnet_tf import classes
from xnet_tf.dataset import Arrays
from xnet_tf.files import write_atomically
from xnet_tf.metrics import counts_row

SUBSETS = ("test", "validation", "evaluation")
"""Every subset that methods are scored on."""

JUDGED = ("test", "evaluation")
"""Subsets that chose nothing."""

PIXELS = "the picture's"
"""Which pixels are scored. It is part of what tells results apart: others were of whole squares."""


FILES = ("counts.csv", "surfaces.csv", "auc.csv", "scores.npz")
"""Of a method's folder, those that are written here."""


class Case(NamedTuple):
    """One image to be segmented, and what only some methods may look at.

    Attributes:
        image: float32 ``(H, W, 1)`` in [0, 1], open beam bright; of any H and W.
        body_part: for methods that are tuned by body part.
        truth: uint8 ``(H, W)``, for the bound that is tuned on the image itself.
    """

    image: np.ndarray
    body_part: str
    truth: np.ndarray


class Prediction(NamedTuple):
    """A method's labels, uint8 ``(H, W)``, and probabilities, float32 ``(H, W, 3)``, if any."""

    labels: np.ndarray
    probabilities: np.ndarray | None = None


def score(
    segment: Callable[[Case], Prediction], arrays: Arrays, subset: str, folder: Path
) -> np.ndarray:
    """Let a method segment images one by one, and keep its numbers.

    Args:
        segment: the method; its label maps and probabilities have the image's height and width.
        arrays: images and their true label maps, of which the pictures alone are shown and scored.
        subset: their name.
        folder: the method's; what it holds of that subset is replaced, when all is scored.

    Returns:
        The milliseconds taken for each image ``(N,)``.
    """
    counts, boundaries, coarse, milliseconds = [], [], [], []
    levels: np.ndarray | int = 0
    images, maps = arrays.unpadded
    cases = [Case(*case) for case in zip(images, arrays.parts, maps, strict=True)]
    segment(cases[0])  # the first call compiles
    rows = arrays.manifest.itertuples()
    for row, case in tqdm(zip(rows, cases, strict=True), subset, len(cases), leave=False):
        start = time.perf_counter()
        labels, probabilities = segment(case)
        milliseconds.append(1000 * (time.perf_counter() - start))
        about = {"subset": subset, "image": row.Index}
        groups = {"body_part": row.body_part, "subject": row.subject}
        counts.append({**about, **groups, **counts_row(case.truth, labels)})
        boundaries += [{**about, **of_class} for of_class in surfaces.scores(case.truth, labels)]
        if probabilities is not None:
            of_image = streamed_auc.counts(case.truth, probabilities)
            coarse.append(streamed_auc.coarse(of_image).astype(np.int32))
            levels += of_image
    tables = {"counts.csv": counts, "surfaces.csv": boundaries}
    if coarse:
        areas = {"subset": subset, "class": classes.NAMES, "auc": streamed_auc.area(levels)}
        tables["auc.csv"] = areas
        _replace_array(folder / "scores.npz", np.stack(coarse), subset)
    for name, rows in tables.items():
        _replace(folder / name, pd.DataFrame(rows), subset)
    return np.array(milliseconds)


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of the comparison: its names are text, and nothing but an empty field is NaN.

    A subject may well be called "NA", "None" or "007".
    """
    names = ("subset", "image", "body_part", "subject", "class", "variant", "fold")
    return pd.read_csv(path, dtype=dict.fromkeys(names, str), keep_default_na=False, na_values=[""])


def _replace(path: Path, rows: pd.DataFrame, subset: str) -> None:
    if path.is_file():
        saved = read_table(path)
        rows = pd.concat([saved[saved["subset"] != subset], rows])
    write_atomically(path, lambda temporary: rows.to_csv(temporary, index=False))


def _replace_array(path: Path, array: np.ndarray, subset: str) -> None:
    arrays = {}
    if path.is_file():
        with np.load(path) as saved:
            arrays = dict(saved)
    arrays[subset] = array
    write_atomically(path, lambda temporary: np.savez_compressed(temporary, **arrays))
