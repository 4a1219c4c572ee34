"""Score a trained network on the evaluation population, plain and under shifted conditions.

The population (`make population`) holds new simulated subjects. Its pictures are scored as they
are; as the simulation takes them with other techniques (tube voltage, dose, detector gain: folders
of their own, which may hold the first subjects alone); and changed after the fact, some by more
than the augmentation did in training.

``results/`` then holds ``population.csv`` (pixel counts per condition and image),
``robustness.csv`` (scores per condition, with intervals, and their distance from the plain ones)
and ``robustness.json`` (weights, data, library versions).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_io import polarity
from xnet_study.certainty.scores import bounded
from xnet_study.own_classes import need_the_papers
from xnet_tf import dataset, inference, metrics, runs
from xnet_tf.classes import NAMES
from xnet_tf.files import InputError, read_json, save_table, write_json
from xnet_tf.metrics import counts_of, counts_row
from xnet_tf.profiles import Profile
from xnet_tf.weights import load_weights, read_classes

PLAIN = "plain"

RENDERED = {
    "tube voltage x 0.8": "kvp-low",
    "tube voltage x 1.33": "kvp-high",
    "a tenth of the dose": "noise",
    "uncorrected detector gain": "gain",
}
"""Conditions that the simulation renders, and the endings of their folders' names."""

Change = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def changed_gamma(exponent: float) -> Change:
    """Raise the grey values to a power; training had 0.35 to 1.6."""
    return lambda image, truth: (image**exponent, truth)


def windowed(image: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Show the picture as hospitals do: logarithmic, both ends of the grey scale cut off, 8 bits.

    Training drew such things at random; here every picture gets them.
    """
    shown = np.log1p(300 * image)
    low, high = np.percentile(shown, (3, 90))
    shown = np.clip((shown - low) / max(high - low, 1e-6), 0, 1)
    return np.round(255 * shown).astype(np.float32) / 255, truth


def inverted(image: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the picture with a dark open beam, and let its polarity be found automatically."""
    negative = 1 - image
    return (negative if polarity.log_odds(negative) >= 0 else image), truth


def rotated(image: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotate picture and label map by 33 degrees about the centre; the corners are reflected."""
    height, width = truth.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 33, 1.0)
    image, truth = (
        cv2.warpAffine(a, matrix, (width, height), flags=how, borderMode=cv2.BORDER_REFLECT_101)
        for a, how in ((image, cv2.INTER_LINEAR), (truth, cv2.INTER_NEAREST))
    )
    return image[..., np.newaxis], truth


CHANGED: dict[str, Change] = {
    "gamma 0.3": changed_gamma(0.3),
    "gamma 2": changed_gamma(2.0),
    "hospital window": windowed,
    "inverted, polarity found": inverted,
    "turned by 33 degrees": rotated,
}
"""Conditions that are made from the plain pictures."""


def evaluate(population: Path, profile: Profile) -> Path:
    """Score the run's network on the evaluation population under every condition.

    Args:
        population: folder with ``evaluation/`` and its shifted copies, of `make population`.
        profile: whose weights are scored, or, without any, the released ones.

    Returns:
        The folder of results.

    Raises:
        InputError: if a part of the population is missing or does not fit the others.
    """
    weights, _ = runs.weights(profile)
    need_the_papers(read_classes(weights).names, "robustness under simulated conditions")
    sets, size = _load(population), profile.image_size
    plain, results = sets[PLAIN], runs.folder(profile) / "results"
    segment = functools.partial(
        inference.segment, load_weights(weights), working_size=size, quality="normal"
    )
    rows = _counts(segment, PLAIN, plain)
    for condition, change in CHANGED.items():
        rows += _counts(segment, condition, plain, change)
    for condition in RENDERED:
        rows += _counts(segment, condition, sets[condition])
    counts = pd.DataFrame(rows)
    save_table(counts, results / "population.csv")
    save_table(score_table(counts), results / "robustness.csv")
    trained = read_json(weights.with_suffix(".json"))
    record = {
        "weights_sha256": trained["sha256"],
        "trained_on_sha256": trained["data"],
        "population_sha256": plain.fingerprint(),
        "images": len(plain.manifest),
        "subjects": int(plain.manifest["subject"].nunique()),
        "working_size": size,
        "versions": runs.versions(),
    }
    write_json(results / "robustness.json", record)
    return results


def score_table(counts: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and macro F1 of pooled pixels per condition, and how far it falls below the plain.

    Args:
        counts: as in ``population.csv``.

    Returns:
        Columns ``condition``, ``subjects``, ``score``, ``value``, ``low``, ``high``, and from the
        plain pictures of the same subjects, paired, ``difference``, ``difference low``,
        ``difference high``; intervals of 95 %.
    """
    groups = {name: g.set_index("image") for name, g in counts.groupby("condition", sort=False)}
    rows = []
    for condition, group in groups.items():
        counted, subjects = counts_of(group), group["subject"].to_numpy(str)
        plain = counts_of(groups[PLAIN].loc[group.index])
        for name in ("accuracy", "macro F1"):
            score = metrics.SUMMARY_SCORES[name]
            value, low, high = metrics.interval(counted, subjects, score)
            difference = metrics.interval(counted, subjects, score, other=plain)
            row = {"condition": condition, "subjects": len(set(subjects)), "score": name}
            row |= {"value": value, "low": low, "high": high}
            rows.append(row | bounded("difference", difference))
    return pd.DataFrame(rows)


def _load(population: Path) -> dict[str, dataset.Dataset]:
    """Load all folders; the shifted ones must show the first of the plain pictures, or all."""
    folders = {PLAIN: population / "evaluation"}
    folders |= {name: population / f"evaluation-{end}" for name, end in RENDERED.items()}
    sets = {}
    for name, folder in folders.items():
        if not (folder / "manifest.csv").is_file():
            raise InputError(f"{folder}: is missing or unfinished; run `make population`")
        sets[name] = dataset.load(folder)
        names = list(sets[name].manifest.index)
        if names != list(sets[PLAIN].manifest.index)[: len(names)]:
            raise InputError(
                f"{folder}: holds other pictures than {folders[PLAIN]}; run `make population`"
            )
    return sets


def _counts(
    segment: Callable[[np.ndarray], inference.Segmentation],
    condition: str,
    data: dataset.Dataset,
    change: Change = lambda image, truth: (image, truth),
) -> list[dict]:
    """Confusion counts of every image under a condition."""
    rows = []
    for row in tqdm(data.manifest.itertuples(), condition, len(data.manifest)):
        image, truth = change(*dataset.read_pair(data.folder, row))
        about = {"image": row.Index, "body_part": row.body_part, "subject": row.subject}
        counted = counts_row(truth, segment(image).labels, NAMES)
        rows.append({"condition": condition, **about, **counted})
    return rows
