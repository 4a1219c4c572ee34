"""What `xnet evaluate` does: XNet scored beside two simple methods, with pictures to look at.

``results/`` of a run then holds ``confusion.csv`` (pixel counts per method and image),
``scores.csv``, ``differences.csv`` (XNet minus each other method, paired), ``roc.csv``,
``run.json`` (profile, seed, weights, data, library versions), ``gallery/`` (small pictures of the
test images and what the methods make of them), ``real/`` and ``real.csv`` (the same for two real
radiographs).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from xnet_study import real
from xnet_study.baselines import classical, thresholding
from xnet_study.own_classes import are_the_papers, check_weights
from xnet_tf import evaluation, metrics, runs
from xnet_tf.classes import PAPER, Classes
from xnet_tf.dataset import Dataset, read_arrays
from xnet_tf.evaluation import Method, Prediction
from xnet_tf.files import InputError, read_json, save_table, write_json
from xnet_tf.metrics import counts_of
from xnet_tf.profiles import Profile
from xnet_tf.weights import load_weights


def evaluate(dataset: Dataset, profile: Profile, folder: Path | None = None) -> Path:
    """Evaluate the run's XNet, multi-Otsu and the constant predictor; write tables and pictures.

    Args:
        dataset: with a training, validation and test subset.
        profile: whose weights are evaluated, or, without any, the released ones.
        folder: of the run; by default the profile's.

    Returns:
        The folder of results.
    """
    folder = folder or runs.folder(profile)
    weights = folder / "weights" / "xnet.npz"
    if not weights.is_file():
        weights, _ = runs.weights(profile)
    check_weights(weights, dataset)
    model, results = load_weights(weights), folder / "results"
    record = provenance(dataset, profile, weights)
    others = simple_methods(dataset, profile.image_size)
    tables: dict[str, list[pd.DataFrame]] = {}
    for subset in evaluation.SUBSETS:
        predictions = evaluation.predict(model, dataset, subset, profile.image_size, others)
        counts = evaluation.confusion_table(predictions)
        for name, table in {
            "confusion": counts,
            "scores": evaluation.score_table(counts, predictions),
            "differences": difference_table(counts),
            "roc": roc_table(predictions),
        }.items():
            table.insert(0, "subset", subset)
            tables.setdefault(name, []).append(table)
    for name, parts in tables.items():
        save_table(pd.concat(parts), results / f"{name}.csv")
    write_json(results / "run.json", record)
    save_gallery(predictions, results / "gallery", dataset.classes)
    if are_the_papers(dataset.classes.names):
        score_real_radiographs(model, results)
    return results


def simple_methods(dataset: Dataset, size: int) -> dict[str, Method]:
    """Return multi-Otsu, and the constant predictor of the commonest training class.

    Of other classes than the paper's, the constant predictor alone.
    """
    commonest = classical.constant(read_arrays(dataset, "train", size).labels)
    papers = are_the_papers(dataset.classes.names)
    methods = {"multi-Otsu": thresholding.multi_otsu} if papers else {}
    return methods | {"constant": lambda grey: np.full(grey.shape[:2], commonest, np.uint8)}


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
    agreement, table = real.segment(model, results / "real"), results / "real.csv"
    table.unlink(missing_ok=True)
    if len(agreement):
        save_table(agreement, table)
    return agreement


def save_gallery(
    predictions: list[Prediction], folder: Path, classes: Classes = PAPER, size: int = 160
) -> None:
    """Write each image, its true label map and each method's, as small PNG files.

    Args:
        predictions: of the images to show.
        folder: destination, emptied first.
        classes: of the label maps.
        size: longer side of the small pictures, in pixels.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for p in predictions:
        height, width = (max(1, round(side * size / max(p.truth.shape))) for side in p.truth.shape)
        shown = {name.lower(): map_ for name, map_ in p.labels.items() if name != "constant"}
        maps = {"truth": p.truth} | shown
        real.write_small(folder, Path(p.image).stem, p.grey, maps, (height, width), classes)


def difference_table(table: pd.DataFrame) -> pd.DataFrame:
    """XNet's macro F1 minus each other method's, paired by subject, with a 95 % interval."""
    methods = dict(list(table.groupby("method", sort=False)))
    own = methods.pop("XNet")
    subjects, counts = own["subject"].to_numpy(dtype=str), counts_of(own)
    rows = []
    for method, group in methods.items():
        values = metrics.interval(counts, subjects, metrics.macro_f1, other=counts_of(group))
        rows.append((f"XNet - {method}", "macro F1", *values))
    return pd.DataFrame(rows, columns=["difference", "score", "value", "low", "high"])


def roc_table(predictions: list[Prediction]) -> pd.DataFrame:
    """XNet's ROC curve of each class against the rest, over all pixels."""
    truth, probabilities = evaluation.pooled(predictions)
    columns = ["class", "false_positive_rate", "true_positive_rate"]
    curves = [pd.DataFrame(columns=columns)]
    for k, name in enumerate(predictions[0].names):
        if 0 < np.count_nonzero(truth == k) < len(truth):
            rates = roc(truth == k, probabilities[:, k])
            curves.append(pd.DataFrame(dict(zip(columns, (name, *rates), strict=True))))
    return pd.concat(curves[1:] or curves)


def provenance(dataset: Dataset, profile: Profile, weights: Path) -> dict:
    """Return what results are made from.

    Raises:
        InputError: if the weights' record lacks what `xnet_tf.training.train` writes.
    """
    path = weights.with_suffix(".json")
    record = read_json(path)
    kept = ("profile", "augmentation", "epochs", "best_epoch", "training_seconds", "device")
    if missing := {*kept, "sha256", "data"} - set(record):
        raise InputError(f"{path}: lacks {min(missing)}; train again to get a full record")
    return {
        **{name: record[name] for name in kept},
        "weights_sha256": record["sha256"],
        "trained_on_sha256": record["data"],
        "data_sha256": dataset.fingerprint(),
        "classes": list(dataset.classes.names),
        "simulated": dataset.folder.resolve() == (runs.REPOSITORY / "data").resolve(),
        "images": {name: len(images) for name, images in dataset.split.items()},
        "subjects": {n: int(dataset.subset(n)["subject"].nunique()) for n in dataset.split},
        "working_size": profile.image_size,
        "versions": runs.versions(),
    }


def roc(truth: np.ndarray, scores: np.ndarray, points: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """ROC curve thinned to a number of points for plotting.

    Args:
        truth: bool ``(N,)``.
        scores: float ``(N,)``.
        points: how many to keep, evenly spaced along the curve.

    Returns:
        False and true positive rates.
    """
    false_positive, true_positive, _ = roc_curve(truth, scores, drop_intermediate=True)
    along = np.concatenate([[0], np.cumsum(np.diff(false_positive) + np.diff(true_positive))])
    index = np.unique(np.searchsorted(along, np.linspace(0, along[-1], points)))
    return false_positive[index], true_positive[index]
