"""A trained network, and methods beside it, scored on a data set: counts and scores as tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_tf import inference, metrics
from xnet_tf.backend import keras
from xnet_tf.classes import IGNORE, NAMES
from xnet_tf.dataset import Dataset, read_pair

Method = Callable[[np.ndarray], np.ndarray]

SUBSETS = ("validation", "test")
SUMMARY = ("accuracy", "macro F1", "weighted F1")
"""Of `metrics.SUMMARY_SCORES`, those that get an interval here."""


@dataclass(frozen=True)
class Prediction:
    """What each method says of one image.

    Attributes:
        image: path in the data set.
        body_part: from the manifest.
        subject: from the manifest.
        grey: float32 ``(H, W, 1)``, the image as read.
        truth: uint8 ``(H, W)``, the true label map.
        labels: by method, uint8 ``(H, W)``.
        probabilities: XNet's, float32 ``(H, W, C)``.
        names: of the C classes.
    """

    image: str
    body_part: str
    subject: str
    grey: np.ndarray
    truth: np.ndarray
    labels: dict[str, np.ndarray]
    probabilities: np.ndarray
    names: tuple[str, ...] = NAMES


def predict(
    model: keras.Model,
    dataset: Dataset,
    subset: str,
    working_size: int = inference.WORKING_SIZE,
    others: dict[str, Method] | None = None,
) -> list[Prediction]:
    """Let every method segment a subset, image by image at its own size, to be scored there.

    XNet does so by `xnet_tf.segment`, in quality normal: the network as it is.

    Args:
        model: XNet.
        dataset: the data set.
        subset: ``"validation"`` or ``"test"``, for instance.
        working_size: longer side XNet looks at, in pixels.
        others: by name, methods from an image ``(H, W, 1)`` to a label map ``(H, W)``.
    """
    predictions = []
    rows = dataset.subset(subset)
    for row in tqdm(rows.itertuples(), subset, len(rows), leave=False, delay=5):
        grey, truth = read_pair(dataset.folder, row, dataset.classes)
        segmented = inference.segment(model, grey, working_size=working_size, quality="normal")
        labels = {name: method(grey) for name, method in (others or {}).items()}
        about = row.Index, row.body_part, row.subject, grey, truth
        labels = {"XNet": segmented.labels, **labels}
        made = labels, segmented.probabilities, dataset.classes.names
        predictions.append(Prediction(*about, *made))
    return predictions


def confusion_table(predictions: list[Prediction]) -> pd.DataFrame:
    """Pixel counts, one row per method and image, one column per true and predicted class."""
    rows = [
        {
            "method": method,
            "image": p.image,
            "body_part": p.body_part,
            "subject": p.subject,
            **metrics.counts_row(p.truth, p.labels[method], p.names),
        }
        for method in predictions[0].labels
        for p in predictions
    ]
    return pd.DataFrame(rows)


def score_table(table: pd.DataFrame, predictions: list[Prediction]) -> pd.DataFrame:
    """Scores of pooled pixels, each with a 95 % interval by subjects where one is computed."""
    rows, none, names = [], (np.nan, np.nan), predictions[0].names
    for method, group in table.groupby("method", sort=False):
        counts, subjects = metrics.counts_of(group), group["subject"].to_numpy(dtype=str)
        for name in SUMMARY:
            score = metrics.SUMMARY_SCORES[name]
            value, low, high = metrics.interval(counts, subjects, score)
            rows.append((method, name, "all", value, low, high))
        for name, score in metrics.CLASS_SCORES.items():
            values = score(counts.sum(axis=0))
            rows += [(method, name, *pair, *none) for pair in zip(names, values, strict=True)]
    areas = metrics.auc(*pooled(predictions))
    rows += [("XNet", "AUC", *pair, *none) for pair in zip(names, areas, strict=True)]
    rows.append(("XNet", "AUC", "all", float(np.nanmean(areas)), *none))
    return pd.DataFrame(rows, columns=["method", "score", "class", "value", "low", "high"])


def pooled(predictions: list[Prediction]) -> tuple[np.ndarray, np.ndarray]:
    """True class ids ``(P,)`` and XNet's probabilities ``(P, C)`` of all pixels with a label."""
    pairs = [(p.truth != IGNORE, p) for p in predictions]
    truth = np.concatenate([p.truth[known] for known, p in pairs])
    return truth, np.concatenate([p.probabilities[known] for known, p in pairs])
