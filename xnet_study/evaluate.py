"""What `xnet evaluate` does: XNet scored beside two simple methods, with pictures to look at.

Beside the tables of `xnet_tf.evaluation`, ``results/`` of a run then holds ``gallery/`` (small
pictures of the test images and what the methods make of them), ``real/`` and ``real.csv`` (the same
for two real radiographs).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_io import masks, radiographs
from xnet_study import real
from xnet_study.baselines import classical, thresholding
from xnet_tf import evaluation, preprocessing
from xnet_tf.dataset import Dataset, read_arrays
from xnet_tf.evaluation import Method, Prediction
from xnet_tf.files import save_table
from xnet_tf.profiles import Profile


def evaluate(dataset: Dataset, profile: Profile, folder: Path | None = None) -> Path:
    """Evaluate the run's XNet, multi-Otsu and the constant predictor; write pictures.

    The arguments are those of `xnet_tf.evaluation.evaluate`.

    Returns:
        The folder of results.
    """
    others = simple_methods(dataset, profile.image_size)
    evaluated = evaluation.evaluate(dataset, profile, folder, others)
    save_gallery(evaluated.predictions["test"], evaluated.folder / "gallery")
    score_real_radiographs(evaluated.model, evaluated.folder)
    return evaluated.folder


def simple_methods(dataset: Dataset, size: int) -> dict[str, Method]:
    """Return multi-Otsu, and the constant predictor of the commonest training class."""
    commonest = classical.constant(read_arrays(dataset, "train", size).labels)
    return {
        "multi-Otsu": thresholding.multi_otsu,
        "constant": lambda grey: np.full(grey.shape[:2], commonest, np.uint8),
    }


def score_real_radiographs(model: Callable, results: Path) -> pd.DataFrame:
    """Segment the real radiographs into ``real/`` and write ``real.csv``.

    Where pydicom-data is not installed both go, also those of an earlier run: they would pass for
    this one's.

    Args:
        model: XNet.
        results: folder of the run's tables.

    Returns:
        What `xnet_study.real.segment` returns.

    Raises:
        InputError: if a mask outlined by hand is missing; then nothing is changed.
    """
    agreement = real.segment(model, results / "real")
    table = results / "real.csv"
    if len(agreement):
        save_table(agreement, table)
    else:
        table.unlink(missing_ok=True)
    return agreement


def save_gallery(predictions: list[Prediction], folder: Path, size: int = 160) -> None:
    """Write each image, its true label map and each method's, as small PNG files.

    Args:
        predictions: of the images to show.
        folder: destination, emptied first.
        size: longer side of the small pictures, in pixels.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for p in predictions:
        stem = Path(p.image).stem
        height, width = (max(1, round(side * size / max(p.truth.shape))) for side in p.truth.shape)
        radiographs.write_grey(
            folder / f"{stem}-image.png", preprocessing.resize_area(p.grey, height, width)
        )
        for name, map_ in {"truth": p.truth, **p.labels}.items():
            if name != "constant":
                small = preprocessing.resize_nearest(map_, height, width)
                masks.write_mask(folder / f"{stem}-{name.lower()}.png", small)
