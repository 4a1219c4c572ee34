"""What is kept of each image when a set is gone through: exact counts, and a few numbers per image.

Memory for the counts does not grow with the number of images; each image adds about 6 kB.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from xnet_tf import calibration, classes, metrics, thresholds
from xnet_tf.files import write_atomically
from xnet_tf.thresholds import Processing

TARGETS = (*classes.NAMES, "top label", "border", "interior")
"""What reliability is asked of: each class against the rest, and the likeliest class of all pixels,
of those within `BORDER` of a true boundary, and of the others."""

BORDER = 3
"""Half width of the border band, in pixels of the picture."""

SAMPLE = 256
"""Pixels of each image that are kept for fitting re-calibrations."""

COARSE = thresholds.GRID[::4]
"""Levels at which the curve after post-processing is kept."""

Predict = Callable[[np.ndarray], dict[str, np.ndarray]]


class Picture(NamedTuple):
    """One image on its way: its name, float32 ``(H, W, 1)``, and true uint8 ``(H, W)``."""

    name: str
    image: np.ndarray
    truth: np.ndarray


class Stream:
    """The numbers of one set of images, for one or more methods.

    Methods are ways to get probabilities: the network as trained comes first, re-calibrations of it
    and averages follow. With M methods and N images seen so far:

    Attributes:
        methods: their names.
        classes: int64 ``(M, 3, 3, LEVELS)``: class judged, true class, level.
        top: int64 ``(M, 3, 2, LEVELS)``: all, border, interior; wrong or right; level.
        images: name of each image.
    """

    def __init__(
        self,
        methods: Sequence[str],
        processing: Processing | None = None,
        variants: Sequence[Processing] = (),
    ):
        """Start with nothing.

        Args:
            methods: names of the methods.
            processing: whose curve is kept too.
            variants: whose effect on the decision without a threshold is kept.
        """
        self.methods = tuple(methods)
        self.processing = processing
        self.variants = tuple(variants)
        count = len(self.methods)
        self.classes = np.zeros(
            (count, classes.COUNT, classes.COUNT, calibration.LEVELS), dtype=np.int64
        )
        self.top = np.zeros((count, 3, 2, calibration.LEVELS), dtype=np.int64)
        self.images: list[str] = []
        self._rows: dict[str, list[np.ndarray]] = {}

    def per_image(self, name: str) -> np.ndarray:
        """Return an array whose first axis is the images.

        Args:
            name: one of
                ``"bins"``: float32 ``(N, M, TARGETS, BINS, 3)``, as `calibration.bin_sums`;
                ``"losses"``: float32 ``(N, M, 2)``, sums of negative log likelihood and of squares;
                ``"assigned"``: float32 ``(N, M, 3, 3)``, see `reliability.network_confidence`;
                ``"confusion"``: int32 ``(N, 3, 3)``, of the first method;
                ``"above"``: int32 ``(N, GRID, 3)``, its curve of soft tissue;
                ``"processed"``: int32 ``(N, COARSE, 3)``, the same after post-processing;
                ``"effects"``: float32 ``(N, variants, 4)``, pixels called soft tissue by true
                class, and the boundary's F1;
                ``"sample"``: float32 ``(N, SAMPLE, 4)``, its probabilities and the true class.
        """
        return np.stack(self._rows[name])

    def update(self, name: str, probabilities: dict[str, np.ndarray], truth: np.ndarray) -> None:
        """Add one image.

        Args:
            name: of the image.
            probabilities: by method, float ``(H, W, 3)``.
            truth: uint8 ``(H, W)``, class ids.
        """
        band = thresholds.near(thresholds.boundary(truth), BORDER - 1).ravel()
        parts = [self._method(m, probabilities[m], truth, band) for m in self.methods]
        row = {key: np.stack([part[key] for part in parts]) for key in parts[0]}
        row |= self._first(probabilities[self.methods[0]], truth)
        for key, value in row.items():
            self._rows.setdefault(key, []).append(value)
        self.images.append(name)

    def _method(self, method: str, given: np.ndarray, truth: np.ndarray, band: np.ndarray) -> dict:
        number = self.methods.index(method)
        flat, true = given.reshape(-1, classes.COUNT), truth.ravel()
        levels = calibration.levels(calibration.logits(flat))
        best = flat.argmax(axis=1)
        top, right = np.take_along_axis(levels, best[:, None], axis=1)[:, 0], best == true
        for k in range(classes.COUNT):
            self.classes[number, k] += calibration.count(levels[:, k], true, classes.COUNT)
        places = (slice(None), band, ~band)
        for place, where in enumerate(places):
            self.top[number, place] += calibration.count(top[where], right[where])
        bins = [calibration.image_bins(levels[:, k], true == k) for k in range(classes.COUNT)]
        bins += [calibration.image_bins(top[where], right[where]) for where in places]
        chances = calibration.PROBABILITIES[levels]
        of_true = np.take_along_axis(chances, true[:, None].astype(int), axis=1)
        squares = (chances**2).sum() + (1 - 2 * of_true).sum()
        return {
            "bins": np.float32(bins),
            "losses": np.float32([-np.log(of_true).sum(), squares]),
            "assigned": np.float32(calibration.network_confidence(flat, true)),
        }

    def _first(self, given: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
        labels = given.argmax(axis=-1).astype(np.uint8)
        curve = thresholds.curve(given, truth)
        # The same pixels whenever the set is gone through.
        rng = np.random.Generator(np.random.Philox(len(self.images)))
        drawn = rng.integers(0, truth.size, SAMPLE)
        sample = [given.reshape(-1, classes.COUNT)[drawn], truth.ravel()[drawn, None]]
        row = {
            "confusion": np.int32(metrics.confusion(truth, labels)),
            "above": np.int32(curve[thresholds.GRID]),
            "sample": np.float32(np.concatenate(sample, axis=1)),
        }
        if self.processing:
            decided = (thresholds.decide(given, t) for t in calibration.edge(COARSE))
            row["processed"] = np.stack([_given(self.processing(d, given), truth) for d in decided])
        if self.variants:
            row["effects"] = np.stack([_effect(v(labels, given), truth) for v in self.variants])
        return row

    def save(self, path: Path, key: str) -> None:
        """Write everything, so that `load` can go on."""
        arrays = {f"rows-{name}": np.stack(rows) for name, rows in self._rows.items()}
        about = np.array(json.dumps({"key": key, "images": self.images}))
        content = {"about": about, "classes": self.classes, "top": self.top, **arrays}
        write_atomically(path, lambda temporary: np.savez(temporary, **content))

    def load(self, path: Path, key: str) -> None:
        """Go on where `save` left off; start anew if that was under another key."""
        if not path.is_file():
            return
        with np.load(path) as content:
            about = json.loads(str(content["about"]))
            if about["key"] != key:
                return
            self.images = about["images"]
            self.classes, self.top = content["classes"], content["top"]
            for name in content.files:
                if name.startswith("rows-"):
                    self._rows[name.removeprefix("rows-")] = list(content[name])


def run(
    stream: Stream,
    pictures: Iterable[Picture],
    predict: Predict,
    total: int,
    state: Path | None = None,
    key: str = "",
    every: int = 50,
) -> Stream:
    """Go through a set, saving the state now and then, or go on with an interrupted passage.

    Args:
        stream: where the numbers are added.
        pictures: always in the same order.
        predict: from an image to the probabilities of each method, at the image's own size.
        total: number of pictures, for the progress bar.
        state: file for the state; None for none.
        key: of what the numbers are made; a state of another key is not gone on with.
        every: images between two savings.
    """
    if state:
        stream.load(state, key)
    done = set(stream.images)
    for number, (name, image, truth) in enumerate(tqdm(pictures, total=total, delay=5), 1):
        if name in done:
            continue
        stream.update(name, predict(image), truth)
        if state and (number % every == 0 or number == total):
            stream.save(state, key)
    return stream


def _given(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    called = truth[labels == classes.SOFT_TISSUE]
    return np.bincount(called, minlength=classes.COUNT).astype(np.int32)


def _effect(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.float32([*_given(labels, truth), thresholds.boundary_f1(truth, labels)])
