"""Score any method on a set of images, and keep the numbers that all scores follow from.

Methods are given pictures whose longer side is the network's input, and every number is of pixels
of the picture alone: what training fills squares up with is neither shown to them nor counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from xnet_study.comparison import streamed_auc, surfaces
from xnet_tf import classes, metrics
from xnet_tf.dataset import Arrays


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


class Scored(NamedTuple):
    """What is kept of N images.

    Attributes:
        confusion: int32 ``(N, 3, 3)``.
        surfaces: float16 ``(N, 3, 3)``: of each class NSD at 1 and 2 pixels and HD95, see
            `xnet_study.comparison.surfaces`; along the middle axis the scores.
        levels: int64 ``(3, 2, BINS)``, pixels of all images by class judged, outcome and bin of the
            logit; None without probabilities.
        areas: exact areas under the ROC curves ``(3,)``; None without probabilities.
        milliseconds: median for one image.
        labels: of each image, uint8 ``(H, W)``.
    """

    confusion: np.ndarray
    surfaces: np.ndarray
    levels: np.ndarray | None
    areas: np.ndarray | None
    milliseconds: float
    labels: list[np.ndarray]


def score(segment: Callable[[Case], Prediction], arrays: Arrays, name: str) -> Scored:
    """Let a method segment images one by one.

    Args:
        segment: the method; its label maps and probabilities have the image's height and width.
        arrays: images and their true label maps, of which the pictures alone are shown and scored.
        name: what to show beside the progress.
    """
    confusion, boundaries, milliseconds, predicted = [], [], [], []
    levels: np.ndarray | int = 0
    images, maps = arrays.unpadded
    cases = [Case(*case) for case in zip(images, arrays.parts, maps, strict=True)]
    segment(cases[0])  # the first call compiles
    for case in tqdm(cases, name, leave=False):
        start = time.perf_counter()
        labels, probabilities = segment(case)
        milliseconds.append(1000 * (time.perf_counter() - start))
        predicted.append(labels)
        confusion.append(metrics.confusion(case.truth, labels))
        of_classes = [surfaces.compare(case.truth == k, labels == k) for k in range(classes.COUNT)]
        boundaries.append(np.transpose(of_classes))
        if probabilities is not None:
            levels += streamed_auc.counts(case.truth, probabilities)
    counted = isinstance(levels, np.ndarray)
    return Scored(
        np.array(confusion, np.int32),
        np.array(boundaries, np.float16),
        streamed_auc.coarse(levels) if counted else None,
        streamed_auc.area(levels) if counted else None,
        float(np.median(milliseconds)),
        predicted,
    )
