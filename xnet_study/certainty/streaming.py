"""What is kept of each image when a set is gone through: exact counts, and a few numbers per image.

Memory for the counts does not grow with the number of images; each image adds about 6 kB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_study import boundaries
from xnet_study.processing import Processing
from xnet_tf import calibration, classes, dataset, metrics, thresholds
from xnet_tf.files import write_atomically

FITTING = ("validation", "calibration")
"""The sets that re-calibrations and thresholds are chosen on."""

JUDGING = ("test", "evaluation")
"""The sets that they are judged on: their images chose nothing."""

TOP_TARGETS = ("top label", "border", "interior")
"""What reliability is asked of beside each class against the rest: the likeliest class of all
pixels, of those within `BORDER` of a true boundary, and of the others."""

TOP = -len(TOP_TARGETS)
"""Where, in an array of all targets, the likeliest class is; the classes come before it."""

BORDER = 3
"""Half width of the border band, in pixels of the picture."""

SAMPLE = 256
"""Pixels of each image that are kept for fitting re-calibrations."""

COARSE = thresholds.GRID[::4]
"""Levels at which the curve after post-processing is kept."""

Predict = Callable[[np.ndarray], dict[str, np.ndarray]]
"""From an image, float32 ``(H, W, 1)``, to the probabilities of each method, ``(H, W, C)``."""


@dataclass(frozen=True)
class ImageSet:
    """Some images of a data set.

    Attributes:
        data: the data set.
        manifest: its rows that belong to the set.
    """

    data: dataset.Dataset
    manifest: pd.DataFrame

    def pictures(self, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read the images, float32 ``(H, W, 1)``, and truths, uint8 ``(H, W)``, one by one."""
        for row in self.manifest.iloc[start:].itertuples():
            yield dataset.read_pair(self.data.folder, row, self.data.classes)


class PerImage(NamedTuple):
    """What is kept of each image: N images, M methods, of which the first is as trained, C classes.

    The rows of single images have the same shapes without the first axis.

    Attributes:
        bins: float32 ``(N, M, C + 3, BINS, 3)``, of the classes and `TOP_TARGETS`, as
            `calibration.bin_sums` has them.
        losses: float32 ``(N, M, 2)``, sums of negative log likelihood and of squares.
        assigned: float32 ``(N, M, C, 3)``, see `calibration.network_confidence`.
        confusion: int32 ``(N, C, C)``, of the first method, as all that follow.
        above: int32 ``(N, GRID, C)``, the curve of the guarded class.
        sample: float32 ``(N, SAMPLE, C + 1)``, probabilities and true class of some pixels.
        processed: int32 ``(N, COARSE, C)``, the curve after post-processing; ``(N, 0, C)`` without.
        effects: float32 ``(N, V, C + 1)``, pixels called the guarded class by true class, and the
            boundary's F1, after each of V post-processings.
    """

    bins: np.ndarray
    losses: np.ndarray
    assigned: np.ndarray
    confusion: np.ndarray
    above: np.ndarray
    sample: np.ndarray
    processed: np.ndarray
    effects: np.ndarray


@dataclass(frozen=True)
class Judged:
    """A set that was gone through, for M methods.

    Methods are ways to get probabilities: the network as trained comes first, re-calibrations of it
    and averages follow.

    Attributes:
        manifest: a row for each image.
        methods: their names.
        class_levels: int64 ``(M, C, C, LEVELS)``, pixels by class judged, true class, level.
        top_levels: int64 ``(M, 3, 2, LEVELS)``, pixels by place (all, border, interior), wrong or
            right, level of the likeliest class.
        images: in the manifest's order.
        names: of the C classes.
        guarded: the class that thresholds guard.
    """

    manifest: pd.DataFrame
    methods: tuple[str, ...]
    class_levels: np.ndarray
    top_levels: np.ndarray
    images: PerImage
    names: tuple[str, ...] = classes.NAMES
    guarded: int = classes.SOFT_TISSUE

    @property
    def targets(self) -> tuple[str, ...]:
        """What reliability is asked of."""
        return (*self.names, *TOP_TARGETS)

    @property
    def processings(self) -> tuple[bool, ...]:
        """Without and, where there is one, with post-processing."""
        return (False, True) if self.images.processed.shape[1] else (False,)

    @property
    def subjects(self) -> np.ndarray:
        """The images' subjects, ``(N,)``."""
        return self.manifest["subject"].to_numpy(str)

    @property
    def parts(self) -> np.ndarray:
        """The images' body parts, ``(N,)``."""
        return self.manifest["body_part"].to_numpy(str)

    @property
    def pixels(self) -> np.ndarray:
        """True pixels of each class, int64 ``(N, C)``."""
        return self.images.confusion.sum(axis=2)

    def curves(self, processed: bool = False) -> np.ndarray:
        """The images' curves of the guarded class, with or without post-processing."""
        return self.images.processed if processed else self.images.above


class State(NamedTuple):
    """Where and how often an unfinished passage is saved.

    Attributes:
        path: of the file.
        key: of what the numbers are made; a state of another key is not gone on with.
        every: images between two savings.
    """

    path: Path
    key: str
    every: int = 50


@dataclass
class Stream:
    """Adds up the numbers of a set, image by image.

    Attributes:
        methods: names of the methods.
        processing: whose curve is kept too.
        variants: post-processings whose effect on the decision without a threshold is kept.
        names: of the classes.
        guarded: the class that thresholds guard.
    """

    methods: tuple[str, ...]
    processing: Processing | None = None
    variants: tuple[Processing, ...] = ()
    names: tuple[str, ...] = classes.NAMES
    guarded: int = classes.SOFT_TISSUE

    def __post_init__(self):
        """Start with nothing."""
        methods, count = len(self.methods), len(self.names)
        self.class_levels = np.zeros((methods, count, count, calibration.LEVELS), np.int64)
        shape = methods, len(TOP_TARGETS), 2, calibration.LEVELS
        self.top_levels = np.zeros(shape, np.int64)
        self.rows: list[PerImage] = []

    def update(self, probabilities: dict[str, np.ndarray], truth: np.ndarray) -> None:
        """Add one image.

        Args:
            probabilities: by method, float ``(H, W, C)``.
            truth: uint8 ``(H, W)``, class ids; what has no label is passed over.
        """
        known = truth != classes.IGNORE
        band = boundaries.near(boundaries.boundary(truth), BORDER - 1)[known]
        of_methods = [
            self._method(m, probabilities[method][known], truth[known], band)
            for m, method in enumerate(self.methods)
        ]
        of_first = self._first(probabilities[self.methods[0]], truth)
        self.rows.append(PerImage(*_stacked(of_methods), *of_first))

    def _method(
        self, m: int, flat: np.ndarray, truth: np.ndarray, band: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Count the pixels of a method; return its bins, losses and network confidence."""
        pixels, count = np.arange(truth.size), len(self.names)
        levels = calibration.levels(calibration.logits(flat))
        best = flat.argmax(axis=1)
        top, right = levels[pixels, best], best == truth
        bins = []
        for k in range(count):
            self.class_levels[m, k] += calibration.count(levels[:, k], truth, count)
            bins.append(image_bins(levels[:, k], truth == k))
        for place, where in enumerate((slice(None), band, ~band)):
            self.top_levels[m, place] += calibration.count(top[where], right[where])
            bins.append(image_bins(top[where], right[where]))
        chances = calibration.PROBABILITIES[levels]
        of_true = chances[pixels, truth]
        losses = [-np.log(of_true).sum(), (chances**2).sum() + (1 - 2 * of_true).sum()]
        return tuple(map(np.float32, (bins, losses, calibration.network_confidence(flat, truth))))

    def _first(self, probabilities: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return what is kept of the first method alone."""
        labels = thresholds.decide(probabilities)
        # The same pixels whenever the set is gone through.
        rng = np.random.Generator(np.random.Philox(len(self.rows)))
        places = np.flatnonzero(truth != classes.IGNORE)
        drawn = places[rng.integers(0, len(places), SAMPLE)]
        count = len(self.names)
        sample = [probabilities.reshape(-1, count)[drawn], truth.ravel()[drawn, None]]
        processed = []
        for threshold in calibration.edge(COARSE) if self.processing else ():
            decided = thresholds.decide(probabilities, threshold, self.guarded)
            processed.append(called(self.processing(decided, probabilities), truth))
        changed = [variant(labels, probabilities) for variant in self.variants]
        effects = [(*called(one, truth), boundaries.boundary_f1(truth, one)) for one in changed]
        return (
            np.int32(metrics.confusion(truth, labels, count)),
            np.int32(thresholds.curve(probabilities, truth, self.guarded)[thresholds.GRID]),
            np.float32(np.concatenate(sample, axis=1)),
            np.int32(processed).reshape(-1, count),
            np.float32(effects).reshape(-1, count + 1),
        )

    def judged(self, manifest: pd.DataFrame) -> Judged:
        """Return all numbers, with the manifest of the images."""
        images = PerImage(*_stacked(self.rows))
        levels = self.class_levels, self.top_levels
        return Judged(manifest, self.methods, *levels, images, self.names, self.guarded)

    def save(self, state: State) -> None:
        """Write everything, so that `load` can go on."""
        levels = {"class_levels": self.class_levels, "top_levels": self.top_levels}
        content = {"key": state.key, **levels, **PerImage(*_stacked(self.rows))._asdict()}
        write_atomically(state.path, lambda temporary: np.savez(temporary, **content))

    def load(self, state: State) -> None:
        """Go on where `save` left off; start anew if that was under another key."""
        if not state.path.is_file():
            return
        with np.load(state.path) as content:
            if content.get("key") == state.key:
                self.class_levels, self.top_levels = content["class_levels"], content["top_levels"]
                columns = (content[name] for name in PerImage._fields)
                self.rows = [PerImage(*row) for row in zip(*columns, strict=True)]


def run(
    stream: Stream, image_set: ImageSet, predict: Predict, state: State | None = None
) -> Judged:
    """Go through a set, saving the state now and then, or go on with an interrupted passage.

    Args:
        stream: where the numbers are added.
        image_set: always in the same order.
        predict: from an image to the probabilities of each method, at the image's own size.
        state: None for none.
    """
    if state:
        stream.load(state)
    done, total = len(stream.rows), len(image_set.manifest)
    progress = tqdm(image_set.pictures(done), initial=done, total=total, delay=5)
    for number, (image, truth) in enumerate(progress, done + 1):
        stream.update(predict(image), truth)
        if state and (number % state.every == 0 or number == total):
            stream.save(state)
    return stream.judged(image_set.manifest)


def among(sets: dict, names: tuple[str, ...]) -> dict:
    """Return those of the named sets that there are, in the order of the names."""
    return {name: sets[name] for name in names if name in sets}


def called(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Count the pixels that are called soft tissue by their true class, int64 ``(3,)``."""
    return np.bincount(truth[labels == classes.SOFT_TISSUE], minlength=classes.COUNT)


def _stacked(rows: list[tuple]) -> Iterator[np.ndarray]:
    """Turn rows of arrays into an array for each column."""
    return map(np.stack, zip(*rows, strict=True))


_BIN_OF_LEVEL = np.repeat(np.arange(calibration.BINS), np.diff(calibration.equal_width()))


def image_bins(level: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Bin the pixels of one image; bins of equal width.

    Args:
        level: uint16 ``(N,)``.
        right: bool ``(N,)``.

    Returns:
        float64 ``(BINS, 3)``, as `bin_sums`.
    """
    index = _BIN_OF_LEVEL[level]
    weights = (right, calibration.PROBABILITIES[level])
    columns = [np.bincount(index, w, calibration.BINS) for w in (None, *weights)]
    return np.stack(columns, axis=1)
