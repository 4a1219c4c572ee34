"""Tuning the classical methods: over all body parts, per body part, and on the image itself.

A method's settings are compared by the mean, over images, of macro F1 (the comparison's tables pool
the pixels of all images, so that other settings may be best by them). `tune` sees training images
alone. An `oracle` sees the truth of the very image it segments: it is no method but a bound, the
best that tuning could ever reach with these settings.

In the comparison, methods see and are scored on the picture alone, not on what fills it up to a
square (`Arrays.unpadded`).

``results/classical-tuning.csv`` holds which setting was chosen for which body part,
``results/classical-validation.csv`` what the choices score on the validation images.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study.baselines.classical import METHODS, ClassicalMethod
from xnet_tf import metrics
from xnet_tf.dataset import Arrays
from xnet_tf.files import save_table

IMAGES = 40
"""Training images that a method is tuned on."""

SIZE = 200
"""Height and width of the images in the notebooks, in pixels: the network's."""

VARIANTS = ("untuned", "overall", "by part", "oracle")


@dataclass(frozen=True)
class Tuned:
    """The settings chosen for a method.

    Attributes:
        overall: the best on all tuning images.
        by_part: the best on each body part's tuning images.
        images: by body part, how many those were.
        scores: mean macro F1 of each choice on the images it was chosen on; the key of
            `overall` is ``"all"``.
    """

    overall: dict
    by_part: dict[str, dict]
    images: dict[str, int]
    scores: dict[str, float]

    def setting(self, part: str) -> dict:
        """Return a body part's setting; the overall one for a part that it was not tuned on."""
        return self.by_part.get(part, self.overall)


def balanced(
    parts: np.ndarray, count: int = IMAGES, subjects: np.ndarray | None = None
) -> np.ndarray:
    """Choose images so that body parts share as evenly as they can: one of each, then another.

    Args:
        parts: str ``(N,)``, the body part of each image.
        count: how many to choose; all, if there are fewer.
        subjects: str ``(N,)``, of whom a part has one image before it has a second of any; without
            them, of each part the first are taken.

    Returns:
        int ``(min(N, count),)``, positions, ascending.
    """
    table = pd.DataFrame({"part": parts, "again": 0})
    if subjects is not None:
        table["again"] = table.groupby([parts, subjects]).cumcount()
    turn = table.sort_values("again", kind="stable").groupby("part").cumcount().sort_index()
    return np.sort(np.argsort(turn.to_numpy(), kind="stable")[:count])


def scores(
    method: ClassicalMethod, images: Sequence[np.ndarray], truth: Sequence[np.ndarray]
) -> np.ndarray:
    """Score every setting of a method on every image.

    Args:
        method: whose settings are tried.
        images: N of float32 ``(H, W)`` or ``(H, W, 1)`` in [0, 1]; each may have its own size.
        truth: N of uint8 ``(H, W)``, class ids.

    Returns:
        float64 ``(S, N)``, macro F1.
    """
    pairs = list(zip(images, truth, strict=True))
    return np.array(
        [[score(method.segment(i, **setting), t) for i, t in pairs] for setting in method.settings]
    )


def score(labels: np.ndarray, truth: np.ndarray) -> float:
    """Macro F1 of one label map: what is tuned for."""
    return metrics.macro_f1(metrics.confusion(truth, labels))


def tune(
    method: ClassicalMethod,
    images: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    parts: np.ndarray,
    subjects: np.ndarray | None = None,
) -> Tuned:
    """Choose a method's setting over all images and for each body part.

    Args:
        method: to be tuned.
        images: N of float32 ``(H, W)`` or ``(H, W, 1)`` in [0, 1], of the training subset; 40
            of them are used, see `balanced`.
        truth: N of uint8 ``(H, W)``, class ids.
        parts: str ``(N,)``, the body part of each image.
        subjects: str ``(N,)``, see `balanced`.

    Returns:
        The settings. Of equally good ones the first is taken.
    """
    chosen = balanced(parts, subjects=subjects)
    pairs = [images[i] for i in chosen], [truth[i] for i in chosen]
    parts, table = parts[chosen], scores(method, *pairs)
    means = {"all": table.mean(axis=1)}
    means |= {str(part): table[:, parts == part].mean(axis=1) for part in np.unique(parts)}
    best = {part: method.settings[values.argmax()] for part, values in means.items()}
    return Tuned(
        overall=best.pop("all"),
        by_part=best,
        images={part: int((parts == part).sum()) for part in best},
        scores={part: float(values.max()) for part, values in means.items()},
    )


def oracle(method: ClassicalMethod, image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Segment with the setting that scores best on this very image: a bound, not a method.

    Args:
        method: whose settings are tried.
        image: float32 ``(H, W)`` or ``(H, W, 1)`` in [0, 1].
        truth: uint8 ``(H, W)``, the true class ids.

    Returns:
        uint8 ``(H, W)``, class ids.
    """
    tried = [method.segment(image, **setting) for setting in method.settings]
    return max(tried, key=lambda labels: score(labels, truth))


def examine(method: ClassicalMethod, training: Arrays, validation: Arrays) -> dict:
    """Tune a method on training images, score its choices on validation images.

    Args:
        method: to be tuned.
        training: images it is tuned on; see `tune`.
        validation: images its choices are scored on; the test is not touched.

    Returns:
        What can be written as JSON and holds all that `restored` and `save_tables` need. Settings
        are said by their place among the method's.
    """
    tuned = tune(method, *training.unpadded, training.parts, training.subjects)
    place = method.settings.index
    return {
        "overall": place(tuned.overall),
        "by_part": {part: place(setting) for part, setting in tuned.by_part.items()},
        "images": tuned.images,
        "scores": tuned.scores,
        "validation": score_table(method, tuned, validation).to_dict("list"),
    }


def restored(method: ClassicalMethod, examined: dict) -> Tuned:
    """Return the settings that `examine` found for a method."""
    settings = method.settings
    return Tuned(
        overall=settings[examined["overall"]],
        by_part={part: settings[k] for part, k in examined["by_part"].items()},
        images=examined["images"],
        scores=examined["scores"],
    )


def save_tables(examined: dict[str, dict], results: Path) -> list[Path]:
    """Write what was chosen and what the choices score on validation images.

    Args:
        examined: by a method's slug, what `examine` returned.
        results: folder for ``classical-tuning.csv`` and ``classical-validation.csv``.

    Returns:
        Both files.
    """
    methods = {slug: METHODS[slug] for slug in examined}
    choices = [choice_table(m, restored(m, examined[slug])) for slug, m in methods.items()]
    values = [pd.DataFrame(examined[slug]["validation"]) for slug in methods]
    return [
        save_table(pd.concat(choices), results / "classical-tuning.csv"),
        save_table(pd.concat(values), results / "classical-validation.csv"),
    ]


def choice_table(method: ClassicalMethod, tuned: Tuned) -> pd.DataFrame:
    """List the chosen settings (as JSON), one row for all parts and one for each."""
    images = {"all": sum(tuned.images.values()), **tuned.images}
    return pd.DataFrame(
        {
            "method": method.name,
            "slug": method.slug,
            "body_part": part,
            "images": count,
            "setting": json.dumps(tuned.overall if part == "all" else tuned.by_part[part]),
            "macro F1": tuned.scores[part],
        }
        for part, count in images.items()
    )


def score_table(method: ClassicalMethod, tuned: Tuned, arrays: Arrays) -> pd.DataFrame:
    """Score each variant of a method on each image, without what fills it up to a square.

    Returns:
        Columns ``method, slug, family, variant, image, body_part, macro F1, milliseconds``; the
        last for one image with the setting chosen over all.
    """
    images, truth = arrays.unpadded
    table = scores(method, images, truth)
    frame = pd.DataFrame({"image": arrays.manifest.index, "body_part": arrays.parts})
    of_parts = [method.settings.index(tuned.setting(part)) for part in arrays.parts]
    rows = {
        "untuned": table[0],
        "overall": table[method.settings.index(tuned.overall)],
        "by part": table[of_parts, np.arange(len(of_parts))],
        "oracle": table.max(axis=0),
    }
    duration = milliseconds(method, tuned.overall, images)
    described = {"method": method.name, "slug": method.slug, "family": method.family}
    return pd.concat(
        frame.assign(**described, variant=name, milliseconds=duration, **{"macro F1": values})
        for name, values in rows.items()
    )


def milliseconds(method: ClassicalMethod, setting: dict, images: Sequence[np.ndarray]) -> float:
    """Median time for one image, in milliseconds, after one that does not count."""
    durations = []
    for image in (images[0], *images):
        start = time.perf_counter()
        method.segment(image, **setting)
        durations.append(1000 * (time.perf_counter() - start))
    return float(np.median(durations[1:]))
