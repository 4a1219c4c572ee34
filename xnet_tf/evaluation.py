"""Score a trained network beside simple methods and save every number the figures need.

``results/`` of a run then holds: ``confusion.csv`` (pixel counts per method and image),
``scores.csv``, ``differences.csv`` (XNet minus each other method, paired), ``roc.csv``,
``gallery/`` (small pictures of the test images and what the methods make of them), ``real/`` (the
same for two real radiographs) and ``run.json`` (profile, seed, weights, data, library versions).
"""

from __future__ import annotations

import importlib.util
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from xnet_tf import classes, classical, inference, labels, metrics, models, radiographs, runs
from xnet_tf.dataset import Arrays, Dataset, read_arrays
from xnet_tf.files import read_json, write_atomically, write_json
from xnet_tf.profiles import Profile

SUBSETS = ("validation", "test")
SUMMARY_SCORES = {
    "accuracy": metrics.accuracy,
    "macro F1": metrics.macro_f1,
    "weighted F1": metrics.weighted_f1,
}
CLASS_SCORES = {
    "precision": metrics.precision,
    "recall": metrics.recall,
    "F1": metrics.f1,
    "IoU": metrics.iou,
    "false discovery rate": metrics.false_discovery_rate,
}
COUNT_COLUMNS = [
    f"{true} as {predicted}" for true, predicted in itertools.product(classes.NAMES, repeat=2)
]


@dataclass(frozen=True)
class Predictions:
    """What each method says of a subset's images.

    Attributes:
        arrays: the images and true label maps.
        labels: by method, uint8 ``(N, S, S)``.
        probabilities: XNet's, float32 ``(N, S, S, 3)``.
    """

    arrays: Arrays
    labels: dict[str, np.ndarray]
    probabilities: np.ndarray


def evaluate(dataset: Dataset, profile: Profile, folder: Path | None = None) -> Path:
    """Evaluate the run's XNet, multi-Otsu and the constant predictor on validation and test.

    Args:
        dataset: with a training, validation and test subset.
        profile: whose weights are evaluated, or, without any, the released ones.
        folder: of the run; by default the profile's.

    Returns:
        The folder of results.
    """
    folder = folder or runs.folder(profile)
    weights, _ = runs.weights(profile)
    model = models.load_weights(weights)
    results = folder / "results"
    tables: dict[str, list] = {"confusion": [], "scores": [], "differences": [], "roc": []}
    for subset in SUBSETS:
        predictions = predict(model, dataset, subset, profile.image_size)
        counts = confusion_table(predictions)
        for name, table in {
            "confusion": counts,
            "scores": score_table(counts, predictions),
            "differences": difference_table(counts),
            "roc": roc_table(predictions),
        }.items():
            table.insert(0, "subset", subset)
            tables[name].append(table)
        if subset == "test":
            save_gallery(predictions, results / "gallery")
    for name, parts in tables.items():
        save_table(pd.concat(parts), results / f"{name}.csv")
    save_real(model, results / "real")
    write_json(results / "run.json", provenance(dataset, profile, weights))
    return results


def predict(model, dataset: Dataset, subset: str, size: int) -> Predictions:
    """Let every method segment a subset."""
    arrays = read_arrays(dataset, subset, size)
    probabilities = inference.predict(model, arrays.images)
    constant = classical.constant(read_arrays(dataset, "train", size).labels)
    otsu = [
        classical.multi_otsu(image) for image in tqdm(arrays.images, "Otsu", leave=False, delay=5)
    ]
    return Predictions(
        arrays,
        {
            "XNet": probabilities.argmax(-1).astype(np.uint8),
            "multi-Otsu": np.stack(otsu),
            "constant": np.full_like(arrays.labels, constant),
        },
        probabilities,
    )


def confusion_table(predictions: Predictions) -> pd.DataFrame:
    """Pixel counts, one row per method and image, one column per true and predicted class."""
    manifest = predictions.arrays.manifest
    rows = [
        {
            "method": method,
            "image": image,
            "body_part": manifest.loc[image, "body_part"],
            "subject": manifest.loc[image, "subject"],
            **dict(zip(COUNT_COLUMNS, metrics.confusion(true, guess).ravel(), strict=True)),
        }
        for method, guesses in predictions.labels.items()
        for image, true, guess in zip(
            manifest.index, predictions.arrays.labels, guesses, strict=True
        )
    ]
    return pd.DataFrame(rows)


def counts_of(table: pd.DataFrame) -> np.ndarray:
    """Return the confusion counts of a table's rows, int64 ``(N, 3, 3)``."""
    return table[COUNT_COLUMNS].to_numpy(np.int64).reshape(-1, classes.COUNT, classes.COUNT)


def score_table(table: pd.DataFrame, predictions: Predictions) -> pd.DataFrame:
    """Scores of pooled pixels, each with a 95 % interval by subjects where one is computed."""
    rows, none = [], (np.nan, np.nan)
    for method, group in table.groupby("method", sort=False):
        counts, subjects = counts_of(group), group["subject"].to_numpy(dtype=str)
        for name, score in SUMMARY_SCORES.items():
            value, low, high = metrics.interval(counts, subjects, score)
            rows.append((method, name, "all", value, low, high))
        for name, score in CLASS_SCORES.items():
            values = score(counts.sum(axis=0))
            rows += [
                (method, name, *pair, *none) for pair in zip(classes.NAMES, values, strict=True)
            ]
    areas = metrics.auc(predictions.arrays.labels, predictions.probabilities)
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


def roc_table(predictions: Predictions) -> pd.DataFrame:
    """XNet's ROC curve of each class against the rest, over all pixels."""
    truth, curves = predictions.arrays.labels.ravel(), []
    for k, name in enumerate(classes.NAMES):
        scores = predictions.probabilities[..., k].ravel()
        if 0 < np.count_nonzero(truth == k) < len(truth):
            false, true = metrics.roc(truth == k, scores)
            columns = {"class": name, "false_positive_rate": false, "true_positive_rate": true}
            curves.append(pd.DataFrame(columns))
    return pd.concat(curves)


def save_gallery(predictions: Predictions, folder: Path) -> None:
    """Write each image, its true label map and each method's, as small PNG files."""
    methods = {m: guess for m, guess in predictions.labels.items() if m != "constant"}
    for i, name in enumerate(predictions.arrays.manifest.index):
        stem = Path(name).stem
        grey = np.round(predictions.arrays.images[i, ..., 0] * 255).astype(np.uint8)
        write_atomically(folder / f"{stem}-image.png", Image.fromarray(grey).save)
        labels.write_mask(folder / f"{stem}-truth.png", predictions.arrays.labels[i])
        for method, guesses in methods.items():
            labels.write_mask(folder / f"{stem}-{method.lower()}.png", guesses[i])


def real_radiographs() -> dict[str, Path]:
    """Return the two real radiographs of the package pydicom-data, if it is installed."""
    package = importlib.util.find_spec("data_store")
    if package is None:
        return {}
    folder = Path(package.origin).parent / "data"
    return {"lower leg": folder / "RG3_UNCR.dcm", "chest": folder / "RG1_UNCR.dcm"}


def save_real(model, folder: Path, height: int = 400) -> None:
    """Segment the real radiographs as a user would; save small pictures and label maps."""
    for name, path in real_radiographs().items():
        image = radiographs.read(path)
        mask = inference.segment(model, image).labels
        width = round(image.shape[1] / image.shape[0] * height)
        small = radiographs.resize_area(image, height, width)[..., 0]
        grey = np.round(small * 255).astype(np.uint8)
        write_atomically(folder / f"{name}-image.png", Image.fromarray(grey).save)
        small_mask = labels.resize_nearest(mask, height, width)
        labels.write_mask(folder / f"{name}-mask.png", small_mask)


def provenance(dataset: Dataset, profile: Profile, weights: Path) -> dict:
    """Return what results were made from."""
    record = read_json(weights.with_suffix(".json"))
    return {
        "profile": record["profile"],
        "weights_sha256": record["sha256"],
        "data_sha256": dataset.fingerprint(),
        "images": {name: len(images) for name, images in dataset.split.items()},
        "subjects": {n: int(dataset.subset(n)["subject"].nunique()) for n in dataset.split},
        "evaluated_at_pixels": profile.image_size,
        "epochs": record["epochs"],
        "best_epoch": record["best_epoch"],
        "training_seconds": record["training_seconds"],
        "device": record["device"],
        "versions": runs.versions(),
    }


def save_table(table: pd.DataFrame, path: Path) -> Path:
    """Write a CSV of six significant digits, atomically."""
    return write_atomically(path, lambda p: table.to_csv(p, index=False, float_format="%.6g"))
