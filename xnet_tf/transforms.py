"""Transforms: what may happen to a picture, done to image and label map alike.

A preset is a list of transforms (`xnet_tf.presets`), each a small frozen dataclass of ranges. Those
here move pixels: each draws from its ranges and says where it looks, and all of them are composed
into one map, so that everything is resampled once: the image linearly, the label map by nearest
neighbour, with the borders reflected. Those of `xnet_tf.appearance` change grey values afterwards.

Every draw follows from a pair of integers and the transform's name by stateless functions (Philox
counters), whatever the number of threads, the batch an example lies in, or a restart. So equal
batches come out bit by bit alike; in a batch of another size, or under XLA, an image may differ by
rounding. Everything is batched TensorFlow operations, in tf.data, on a GPU and under XLA alike.
"""

# The classes' docstrings say what a call does.
# ruff: noqa: D102
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from xnet_tf.backend import random_words, tf

REFERENCE_SIZE = 200
"""Lengths in pixels are meant at the paper's image size, and grow with the image's width."""

_BLOCKS = 4  # of four words: up to 16 numbers for each transform


class Part(NamedTuple):
    """Where a transform looks: at ``matrix @ (p + d(p)) + shift`` for the output pixel ``p``.

    Positions are counted from the image's centre, in ``(x, y)`` order and in float64: matrix units
    of GPUs may round float32 products to 10 bits, which is a tenth of a pixel, and in float64 every
    device and compiler finds the same positions.

    Attributes:
        matrix: two rows of two entries, each a number or float64 ``(B,)``.
        shift: in pixels, likewise.
        grids: each float64 ``(B, 2, G, G)``, displacements in pixels of the control points of
            which ``d`` is the sum; see `displacement`.
    """

    matrix: Sequence[Sequence] = ((1.0, 0.0), (0.0, 1.0))
    shift: Sequence = (0.0, 0.0)
    grids: tuple[tf.Tensor, ...] = ()


class Spatial:
    """A transform that moves pixels: called with ``(draws, shape)``, it returns its `Part`.

    ``draws`` (`Draws`) hands out float64 numbers ``(B,)``; ``shape`` is height and width.
    """


class Appearance:
    """A transform of grey values: called with ``(planes, labels, draws)``, it returns the new pair.

    ``planes`` are float32 ``(B, H, W)``, about [0, 1], open beam bright, ``labels`` integers
    ``(B, H, W)``; ``draws`` (`Draws`) hands out float32 numbers ``(B, 1, 1)``.
    """


class OpenBeamAppearance(Appearance):
    """One that asks where there is open beam, or makes some, and so needs that class."""


@dataclass(frozen=True, init=False)
class Sometimes:
    """Transforms that happen together, or not at all.

    Args:
        probability: how often, 0 to 1.
        *transforms: of either kind, or further groups.
        name: groups of one name and probability share one draw: all of them happen, or none.
    """

    probability: float
    transforms: tuple
    name: str

    def __init__(self, probability: float, *transforms, name: str = ""):
        vars(self).update(probability=probability, transforms=transforms, name=name)


@dataclass(frozen=True)
class Range:
    """What transforms have in common that draw a number between two."""

    low: float
    high: float


@dataclass(frozen=True)
class Flip(Spatial):
    """Mirror left and right, up and down, each with its probability."""

    horizontal: float = 0.5
    vertical: float = 0.5

    def __call__(self, draws, shape):
        probabilities = self.horizontal, self.vertical
        x, y = (1 - 2 * tf.cast(draws.uniform() < p, tf.float64) for p in probabilities)
        return Part(((x, 0.0), (0.0, y)))


@dataclass(frozen=True)
class Translate(Spatial):
    """Shift by up to a share of the image's sides, either way."""

    share: float

    def __call__(self, draws, shape):
        x, y = (draws.uniform(-self.share, self.share) for _ in range(2))
        return Part(shift=(x * shape[1], y * shape[0]))


class Crop(Range, Spatial):
    """Cut off each of the four sides, independently, a share between two, and fill the picture."""

    def __call__(self, draws, shape):
        left, top, right, bottom = (draws.uniform(self.low, self.high) for _ in range(4))
        matrix = (1 - left - right, 0.0), (0.0, 1 - top - bottom)
        return Part(matrix, ((left - right) / 2 * shape[1], (top - bottom) / 2 * shape[0]))


class Zoom(Range, Spatial):
    """Magnify by a factor between two, drawn log-uniformly."""

    def __call__(self, draws, shape):
        scale = 1 / draws.log_uniform(self.low, self.high)
        return Part(((scale, 0.0), (0.0, scale)))


@dataclass(frozen=True)
class Rotate(Spatial):
    """Rotate by up to so many degrees, either way."""

    degrees: float

    def __call__(self, draws, shape):
        angle = draws.uniform(-self.degrees, self.degrees) * np.deg2rad(1)
        cosine, sine = tf.cos(angle), tf.sin(angle)
        return Part(((cosine, -sine), (sine, cosine)))


@dataclass(frozen=True)
class Shear(Spatial):
    """Shear horizontally by up to so many degrees, either way."""

    degrees: float

    def __call__(self, draws, shape):
        tangent = tf.tan(draws.uniform(-self.degrees, self.degrees) * np.deg2rad(1))
        return Part(((1.0, tangent), (0.0, 1.0)))


@dataclass(frozen=True)
class Elastic(Spatial):
    """Displace a coarse grid of control points, and by a cubic spline all between them.

    Wherever it stands in a list, it displaces the finished picture's pixels.

    Attributes:
        pixels: standard deviation of the control points' displacement, in pixels of an image 200
            wide.
        points: control points along each side.
    """

    pixels: float
    points: int = 8

    def __call__(self, draws, shape):
        strength = self.pixels * shape[1] / REFERENCE_SIZE
        return Part(grids=(strength * draws.normal((2, self.points, self.points)),))


def apply(
    images: tf.Tensor, labels: tf.Tensor, preset: Sequence, seeds: tf.Tensor, open_beam: bool = True
) -> tuple[tf.Tensor, tf.Tensor]:
    """Transform a batch: first everything that moves pixels, at once, then the grey values.

    Args:
        images: float32 ``(B, H, W, 1)`` in [0, 1], open beam bright.
        labels: integers ``(B, H, W)``.
        preset: transforms, in the order in which they come.
        seeds: int64 ``(B, 2)``; equal seeds give equal draws. A transform's draws depend on its
            class and on how many of that class come before it, and on nothing else in the list.
        open_beam: whether class 0 is open beam; else transforms that need it are passed over.

    Returns:
        Images and labels of the same shapes and types.

    Example:
        >>> images, labels = tf.zeros((2, 32, 32, 1)), tf.ones((2, 32, 32), tf.uint8)
        >>> seeds = tf.constant([[1, 0], [1, 1]], tf.int64)
        >>> apply(images, labels, [Flip(), Rotate(15)], seeds)[0].shape
        TensorShape([2, 32, 32, 1])
    """
    shape, labels = images.shape[1:3], tf.convert_to_tensor(labels)
    moves = compose(preset, seeds, shape)
    if moves is not None:
        points = backward_map(*moves, shape)
        images, labels = resample_linear(images, points), resample_nearest(labels, points)
    # Without the channel, so that images and the fields computed for them have one shape.
    planes = images[..., 0]
    drawn = _drawn(preset, seeds, Appearance)
    drawn = (d for d in drawn if open_beam or not isinstance(d[0], OpenBeamAppearance))
    for transform, draws, chosen in drawn:
        pair = transform(planes, labels, draws)
        if chosen is not None:
            here = chosen[:, None, None]
            pair = tf.where(here, pair[0], planes), tf.where(here, pair[1], labels)
        planes, labels = pair
    return tf.clip_by_value(planes, 0.0, 1.0)[..., None], labels


def compose(preset: Sequence, seeds: tf.Tensor, shape: tuple[int, int]) -> tuple | None:
    """Draw the transforms that move pixels, and make one of them.

    Args:
        preset: transforms; those of grey values are passed over.
        seeds: int64 ``(B, 2)``.
        shape: height and width.

    Returns:
        ``(matrix, shift, grids)`` for `backward_map`: where the first transform looks for what
        the second looks at, and so on; None if nothing moves.
    """
    drawn = list(_drawn(preset, seeds, Spatial))
    if not drawn:
        return None
    one, zero = (tf.fill(tf.shape(seeds)[:1], tf.constant(k, tf.float64)) for k in (1, 0))
    whole, grids = (((one, zero), (zero, one)), (zero, zero)), ()
    for transform, draws, chosen in drawn:
        before, (*part, displaced) = whole, transform(draws, shape)
        whole = _composed(*whole, *part)
        if chosen is not None:
            whole = tf.nest.map_structure(partial(tf.where, chosen), whole, before)
            displaced = [tf.where(chosen[:, None, None, None], grid, 0.0) for grid in displaced]
        grids += tuple(displaced)
    matrix, shift = whole
    return tf.stack([tf.stack(row, -1) for row in matrix], -2), tf.stack(shift, -1), grids


def backward_map(
    matrix: tf.Tensor, shift: tf.Tensor, grids: Sequence[tf.Tensor], shape: tuple[int, int]
) -> tf.Tensor:
    """Return, for each output pixel, the source position to look at.

    Args:
        matrix: float64 ``(B, 2, 2)``; see `Part`.
        shift: float64 ``(B, 2)`` in pixels.
        grids: each float64 ``(B, 2, G, G)`` in pixels.
        shape: height and width.

    Returns:
        float32 ``(B, 2, H, W)``, planes of ``x`` and ``y`` in pixels, reflected into the image.
    """
    centre = (np.array(shape[::-1]) - 1) / 2
    # x = a X + b Y + c is a product of the bases [1, Y] and [1, X] with a 2x2 matrix between, and
    # a spline one of other bases: side by side, their sum is one product.
    last = tf.stack([shift + centre, matrix[..., 0]], -1)
    between = tf.stack([last, tf.pad(matrix[..., 1:], [[0, 0], [0, 0], [0, 1]])], axis=-2)
    rows, parts = [_affine_basis(shape[0])], [between @ _affine_basis(shape[1]).T]
    for grid in grids:
        rows.append(_spline_matrix(shape[0], grid.shape[2]))
        # The matrix acts on the few control points, which is the same and quicker.
        moved = tf.reduce_sum(matrix[..., None, None] * grid[:, None], axis=2)
        parts.append(moved @ _spline_matrix(shape[1], grid.shape[3]).T)
    points = np.hstack(rows) @ tf.concat(parts, axis=2)
    points = tf.cast(points, tf.float32)
    # Mirrored at the outermost pixels' centres until they lie inside.
    period = np.float32(4 * centre)[:, None, None]
    return tf.abs(points - period * tf.round(points / period))


def displacement(grid: tf.Tensor, shape: tuple[int, int]) -> tf.Tensor:
    """Interpolate control points to a dense field by cubic B-splines.

    The spline passes through the control points, of which the first and the last lie on the
    image's outermost pixels; that is what `elasticdeform` makes of the same points.

    Args:
        grid: float ``(..., G, G)``, values on a regular grid from corner to corner.
        shape: height and width.

    Returns:
        ``(..., H, W)`` of the same dtype.
    """
    rows = _spline_matrix(shape[0], grid.shape[-2]).astype(grid.dtype.as_numpy_dtype)
    columns = _spline_matrix(shape[1], grid.shape[-1]).astype(grid.dtype.as_numpy_dtype)
    return rows @ grid @ np.ascontiguousarray(columns.T)


def resample_linear(images: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Read images between their pixels.

    Args:
        images: float32 ``(B, H, W, 1)``.
        points: float32 ``(B, 2, H, W)``; see `backward_map`.

    Returns:
        float32 ``(B, H, W, 1)``.
    """
    height, width = images.shape[1:3]
    low = tf.floor(points)
    wx, wy = tf.unstack(points - low, axis=1)
    # Each pixel lies beside its right, lower and lower right neighbours, so that one look-up
    # finds all four. Beyond the last row and column it is repeated.
    padded = tf.pad(images, [[0, 0], [0, 1], [0, 1], [0, 0]], mode="SYMMETRIC")
    corners = [padded[:, y : y + height, x : x + width] for y in (0, 1) for x in (0, 1)]
    here, right, below, beyond = tf.unstack(_look_up(tf.concat(corners, -1), low), axis=-1)
    top, bottom = here + wx * (right - here), below + wx * (beyond - below)
    return (top + wy * (bottom - top))[..., None]


def resample_nearest(labels: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Read label maps ``(B, H, W)`` of any dtype at the pixels nearest to the positions."""
    return _look_up(labels[..., None], tf.floor(points + 0.5))[..., 0]


class Draws:
    """One transform's random numbers, for a batch; each call hands out the next ones.

    Args:
        seeds: int64 ``(B, 2)``.
        stream: name of the transform; another name gives other numbers.
        numbers: ``(B, N)``, from 0 to below 1.
        axes: how many axes of length 1 the numbers get.
    """

    def __init__(self, seeds: tf.Tensor, stream: str, numbers: tf.Tensor, axes: int = 0):
        self._seeds, self._stream, self._axes = seeds, stream, (tf.newaxis,) * axes
        self._numbers, self._dtype = tf.unstack(numbers, axis=1), numbers.dtype

    def uniform(self, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """Return a number for each image."""
        return low + self._numbers.pop(0)[(..., *self._axes)] * (high - low)

    def log_uniform(self, low: float, high: float) -> tf.Tensor:
        """Return a number for each image, of which equal ratios are equally likely."""
        return tf.exp(self.uniform(math.log(low), math.log(high)))

    def normal(self, shape: tuple[int, ...]) -> tf.Tensor:
        """Nearly normal numbers ``(B, *shape)``, mean 0, variance 1: sums of sixteen bytes.

        Sums are quicker than the logarithms and cosines of the usual recipe, and whole numbers are
        the same under every compiler.
        """
        words = random_words(self._seeds, [f"{self._stream} normal"], math.prod(shape))
        sums = sum(_pairwise(word, 8, 0x00FF00FF) for word in words)
        sums = tf.reshape((sums & 0xFFFF) + tf.bitwise.right_shift(sums, 16), (-1, *shape))
        return tf.cast(_standardised(sums, 16, 256), self._dtype)

    def noise(self, shape: tuple[int, int]) -> tf.Tensor:
        """Like `normal`, cheaper: sums of four half bytes, which end at 3.3 deviations."""
        height, width = shape
        # Eight pixels for each counter: as many strips of the picture.
        rows, strips = -(-height // 8), []
        for word in random_words(self._seeds, [f"{self._stream} noise"], rows * width):
            sums = _pairwise(_pairwise(word, 4, 0x0F0F0F0F), 8, 0x00FF00FF)
            strips += [sums & 0xFFFF, tf.bitwise.right_shift(sums, 16)]
        sums = tf.concat([tf.reshape(strip, (-1, rows, width)) for strip in strips], axis=1)
        return _standardised(sums[:, :height], 4, 16)


def _drawn(preset: Sequence, seeds: tf.Tensor, kind: type) -> Iterator[tuple]:
    """Yield each transform of a kind, its `Draws`, and for which images it happens (or None)."""
    placed = [place for place in _places(preset, Counter()) if isinstance(place[0], kind)]
    streams = list(dict.fromkeys(s for _, own, groups in placed for s in (own, *dict(groups))))
    words = tf.concat(random_words(seeds, streams, _BLOCKS), -1)
    bits = tf.cast(tf.bitwise.right_shift(words, 8), tf.int32)
    numbers = tf.cast(bits, tf.float64 if kind is Spatial else tf.float32) * 2.0**-24
    numbers = dict(zip(streams, tf.unstack(numbers, axis=1), strict=True))
    for transform, own, groups in placed:
        chosen = [numbers[group][:, 0] < probability for group, probability in groups]
        draws = Draws(seeds, own, numbers[own], 0 if kind is Spatial else 2)
        yield transform, draws, tf.reduce_all(chosen, axis=0) if chosen else None


def _places(preset: Sequence, before: Counter) -> list[tuple]:
    """List transforms, the names of their streams, and those and probabilities of their groups."""
    places = []
    for transform in preset:
        if isinstance(transform, Sometimes):
            inner = _places(transform.transforms, before)
            # The first transform's name, and how many groups that is in already.
            name = transform.name or f"{inner[0][1]} {len(inner[0][2])}"
            group = f"Sometimes {name}", transform.probability
            places += [(one, own, (group, *groups)) for one, own, groups in inner]
        else:
            name = type(transform).__name__
            places.append((transform, f"{name} {before[name]}", ()))
            before[name] += 1
    return places


def _pairwise(words, shift, mask):
    """Add neighbouring bit fields of uint32 words, all of them at once."""
    return (words & mask) + (tf.bitwise.right_shift(words, shift) & mask)


def _standardised(sums, count, levels):
    """Shift and scale sums of so many whole numbers from 0 to below `levels`."""
    middle, variance = count * (levels - 1) / 2, count * (levels**2 - 1) / 12
    # A product, which compilers round alike.
    return (tf.cast(tf.cast(sums, tf.int32), tf.float32) - middle) * (1 / math.sqrt(variance))


def _composed(outer, outer_shift, inner, inner_shift):
    """Matrix and shift of both; entry by entry: compilers make one step of what has one shape."""
    (a, b), (c, d) = outer
    (e, f), (g, h) = inner
    x, y = inner_shift
    shift = a * x + b * y + outer_shift[0], c * x + d * y + outer_shift[1]
    return ((a * e + b * g, a * f + b * h), (c * e + d * g, c * f + d * h)), shift


def _look_up(images: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Gather ``images[b, y, x]`` at whole positions ``(B, 2, H, W)``."""
    height, width, channels = images.shape[1:]
    # float32 holds integers up to 16 million: enough for the pixels of one image.
    index = tf.cast(points[:, 1] * width + points[:, 0], tf.int32)
    flat = tf.reshape(images, (-1, height * width, channels))
    found = tf.gather(flat, tf.reshape(index, (-1, height * width)), batch_dims=1)
    return tf.reshape(found, (-1, height, width, channels))


def _affine_basis(size: int) -> np.ndarray:
    """Columns 1 and position relative to the centre, ``(size, 2)``."""
    return np.stack([np.ones(size), np.arange(size) - (size - 1) / 2], axis=1)


def _spline_matrix(size: int, points: int) -> np.ndarray:
    """Matrix ``(size, points)`` that evaluates the interpolating cubic spline at each pixel."""
    at_points = _spline_weights(np.arange(points), points)
    return _spline_weights(np.linspace(0, points - 1, size), points) @ np.linalg.inv(at_points)


def _spline_weights(positions: np.ndarray, points: int) -> np.ndarray:
    """Weights of the cubic B-splines around each point, ``(positions, points)``, ends mirrored."""
    away = np.abs(positions[:, None] - np.arange(-1, points + 1))
    weights = np.where(away < 1, 2 / 3 - away**2 + away**3 / 2, np.maximum(2 - away, 0) ** 3 / 6)
    weights[:, 2] += weights[:, 0]
    weights[:, -3] += weights[:, -1]
    return weights[:, 1:-1]
