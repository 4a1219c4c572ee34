"""Score a trained network, and methods beside it, and save every number the figures need.

``results/`` of a run then holds: ``confusion.csv`` (pixel counts per method and image),
``scores.csv``, ``differences.csv`` (XNet minus each other method, paired), ``roc.csv``,
and ``run.json`` (profile, seed, weights, data, library versions).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_tf import classes, inference, metrics, runs
from xnet_tf.backend import keras
from xnet_tf.dataset import Dataset, read_pair
from xnet_tf.files import InputError, read_json, save_table, write_json
from xnet_tf.metrics import counts_of, counts_row
from xnet_tf.profiles import Profile
from xnet_tf.weights import load_weights

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
        probabilities: XNet's, float32 ``(H, W, 3)``.
    """

    image: str
    body_part: str
    subject: str
    grey: np.ndarray
    truth: np.ndarray
    labels: dict[str, np.ndarray]
    probabilities: np.ndarray


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation left.

    Attributes:
        folder: of the tables.
        model: XNet.
        predictions: by subset.
    """

    folder: Path
    model: keras.Model
    predictions: dict[str, list[Prediction]]


def evaluate(
    dataset: Dataset,
    profile: Profile,
    folder: Path | None = None,
    others: dict[str, Method] | None = None,
) -> Evaluation:
    """Evaluate the run's XNet, and other methods beside it, on validation and test.

    Every image is segmented by `xnet_tf.segment`, in quality normal (the network as it is), and
    scored at its own size.

    Args:
        dataset: with a training, validation and test subset.
        profile: whose weights are evaluated, or, without any, the released ones.
        folder: of the run; by default the profile's.
        others: by name, methods from an image ``(H, W, 1)`` to a label map ``(H, W)``.
    """
    folder = folder or runs.folder(profile)
    weights = folder / "weights" / "xnet.npz"
    if not weights.is_file():
        weights, _ = runs.weights(profile)
    model = load_weights(weights)
    record = provenance(dataset, profile, weights)
    results = folder / "results"
    predictions = {
        subset: predict(model, dataset, subset, profile.image_size, others or {})
        for subset in SUBSETS
    }
    tables: dict[str, list] = {}
    for subset, made in predictions.items():
        counts = confusion_table(made)
        for name, table in {
            "confusion": counts,
            "scores": score_table(counts, made),
            "differences": difference_table(counts),
            "roc": roc_table(made),
        }.items():
            table.insert(0, "subset", subset)
            tables.setdefault(name, []).append(table)
    for name, parts in tables.items():
        save_table(pd.concat(parts), results / f"{name}.csv")
    write_json(results / "run.json", record)
    return Evaluation(results, model, predictions)


def predict(
    model: keras.Model,
    dataset: Dataset,
    subset: str,
    working_size: int,
    others: dict[str, Method],
) -> list[Prediction]:
    """Let every method segment a subset, image by image at its own size.

    Args:
        model: XNet.
        dataset: the data set.
        subset: ``"validation"`` or ``"test"``, for instance.
        working_size: longer side XNet looks at, in pixels.
        others: as for `evaluate`.
    """
    predictions = []
    rows = dataset.subset(subset)
    for row in tqdm(rows.itertuples(), subset, len(rows), leave=False, delay=5):
        grey, truth = read_pair(dataset.folder, row)
        segmented = inference.segment(model, grey, working_size=working_size, quality="normal")
        labels = {"XNet": segmented.labels} | {name: of(grey) for name, of in others.items()}
        names = (row.Index, row.body_part, row.subject)
        predictions.append(Prediction(*names, grey, truth, labels, segmented.probabilities))
    return predictions


def confusion_table(predictions: list[Prediction]) -> pd.DataFrame:
    """Pixel counts, one row per method and image, one column per true and predicted class."""
    rows = [
        {
            "method": method,
            "image": p.image,
            "body_part": p.body_part,
            "subject": p.subject,
            **counts_row(p.truth, p.labels[method]),
        }
        for method in predictions[0].labels
        for p in predictions
    ]
    return pd.DataFrame(rows)


def score_table(table: pd.DataFrame, predictions: list[Prediction]) -> pd.DataFrame:
    """Scores of pooled pixels, each with a 95 % interval by subjects where one is computed."""
    rows, none = [], (np.nan, np.nan)
    for method, group in table.groupby("method", sort=False):
        counts, subjects = counts_of(group), group["subject"].to_numpy(dtype=str)
        for name in SUMMARY:
            score = metrics.SUMMARY_SCORES[name]
            value, low, high = metrics.interval(counts, subjects, score)
            rows.append((method, name, "all", value, low, high))
        for name, score in metrics.CLASS_SCORES.items():
            values = score(counts.sum(axis=0))
            rows += [
                (method, name, *pair, *none) for pair in zip(classes.NAMES, values, strict=True)
            ]
    areas = metrics.auc(*_pooled(predictions))
    rows += [("XNet", "AUC", *pair, *none) for pair in zip(classes.NAMES, areas, strict=True)]
    rows.append(("XNet", "AUC", "all", float(np.nanmean(areas)), *none))
    return pd.DataFrame(rows, columns=["method", "score", "class", "value", "low", "high"])


def difference_table(table: pd.DataFrame) -> pd.DataFrame:
    """XNet's macro F1 minus each other method's, paired by subject, with a 95 % interval."""
    groups = dict(list(table.groupby("method", sort=False)))
    own = groups.pop("XNet")
    subjects = own["subject"].to_numpy(dtype=str)
    rows = [
        (
            f"XNet - {method}",
            "macro F1",
            *metrics.interval(counts_of(own), subjects, metrics.macro_f1, other=counts_of(group)),
        )
        for method, group in groups.items()
    ]
    return pd.DataFrame(rows, columns=["difference", "score", "value", "low", "high"])


def roc_table(predictions: list[Prediction]) -> pd.DataFrame:
    """XNet's ROC curve of each class against the rest, over all pixels."""
    truth, probabilities = _pooled(predictions)
    columns = ["class", "false_positive_rate", "true_positive_rate"]
    curves = [pd.DataFrame(columns=columns)]
    for k, name in enumerate(classes.NAMES):
        if 0 < np.count_nonzero(truth == k) < len(truth):
            rates = metrics.roc(truth == k, probabilities[:, k])
            curves.append(pd.DataFrame(dict(zip(columns, (name, *rates), strict=True))))
    return pd.concat(curves[1:] or curves)


def provenance(dataset: Dataset, profile: Profile, weights: Path) -> dict:
    """Return what results are made from.

    Raises:
        InputError: if the weights' record lacks what `xnet_tf.training.train` writes.
    """
    record = read_json(weights.with_suffix(".json"))
    kept = ("profile", "augmentation", "epochs", "best_epoch", "training_seconds", "device")
    try:
        trained = {name: record[name] for name in kept}
        hashes = {"weights_sha256": record["sha256"], "trained_on_sha256": record["data"]}
    except KeyError as error:
        name = weights.with_suffix(".json")
        raise InputError(f"{name}: lacks {error}; train again to get a full record") from None
    return {
        **trained,
        **hashes,
        "data_sha256": dataset.fingerprint(),
        "simulated": dataset.folder.resolve() == (runs.REPOSITORY / "data").resolve(),
        "images": {name: len(images) for name, images in dataset.split.items()},
        "subjects": {n: int(dataset.subset(n)["subject"].nunique()) for n in dataset.split},
        "working_size": profile.image_size,
        "versions": runs.versions(),
    }


def _pooled(predictions: list[Prediction]) -> tuple[np.ndarray, np.ndarray]:
    truth = np.concatenate([p.truth.ravel() for p in predictions])
    parts = [p.probabilities.reshape(-1, classes.COUNT) for p in predictions]
    return truth, np.concatenate(parts)
