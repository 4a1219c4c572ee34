"""What is done to a picture before a network sees it: grey scale, size, square root, normalisation.

Training and segmenting use these same functions. Those of whole batches (`prepare`, `normalise`,
`normalise_gamma`) take NumPy arrays and TensorFlow tensors alike and return what they were given:
segmenting needs no TensorFlow, and training runs them within its graph.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from xnet_tf.backend import tf

DARK_SHARE, DARK = 0.1, 0.15
"""How much of a picture `normalise_gamma` brings below which grey value."""

_BLACK = 0.02
"""What is darker lies mostly behind a collimator's blades and says nothing about the scale."""

_HALVINGS = 20

# Dead and hot pixels must not set the scale: this percentage of pixels at either end is clipped.
_CLIPPED_PERCENT = 0.01

_AXES = (-3, -2, -1)
_TINY = 1e-30


def stretch(values: np.ndarray) -> np.ndarray:
    """Bring grey values to [0, 1], clipping 0.01 % of the pixels at either end.

    Args:
        values: any real dtype ``(H, W)``.

    Returns:
        float32 ``(H, W)``; 0.5 everywhere if all values are equal.

    Raises:
        ValueError: if a value is NaN, infinite or beyond 1e30.
    """
    # float32 holds integers of 24 bits.
    exact = values.itemsize <= (4 if values.dtype.kind == "f" else 2)
    with np.errstate(invalid="ignore"):
        # A signalling NaN would be announced on stderr; it is refused below.
        values = values.astype(np.float32 if exact else np.float64)
    # The bound keeps differences finite; no detector counts that far.
    usable = np.abs(values) < 1e30
    if not usable.all():
        wrong = usable.size - usable.sum()
        raise ValueError(f"has {wrong:,} pixels that are NaN, infinite or beyond 1e30")
    # On big pictures a regular sample of a few million pixels gives the same percentiles.
    sample = values[:: 1 + values.shape[0] // 2048, :: 1 + values.shape[1] // 2048]
    low = np.percentile(sample, _CLIPPED_PERCENT, method="lower")
    high = np.percentile(sample, 100 - _CLIPPED_PERCENT, method="higher")
    if not low < high:
        low, high = values.min(), values.max()
    if not low < high:
        return np.full(values.shape, 0.5, dtype=np.float32)
    np.clip(values, low, high, out=values)
    values -= low
    values /= high - low
    return values.astype(np.float32)


def resize_area(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize an image: the mean over areas where it shrinks, linearly where it grows.

    Args:
        image: float32 ``(H, W, C)``.
        height: new number of rows.
        width: new number of columns.

    Returns:
        float32 ``(height, width, C)``.
    """
    rows, columns, channels = image.shape
    # OpenCV averages areas only if no side grows, so the shrinking comes first, by itself.
    smaller = (min(columns, width), min(rows, height))
    resized = np.asarray(image, dtype=np.float32)
    if smaller != (columns, rows):
        resized = cv2.resize(resized, smaller, interpolation=cv2.INTER_AREA)
    if smaller != (width, height):
        resized = cv2.resize(resized, (width, height), interpolation=cv2.INTER_LINEAR)
    return resized.reshape(height, width, channels)


def resize_linear(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize by linear interpolation between pixels' centres, as `tf.image.resize` does.

    Bit by bit as there, which OpenCV's is not: what is decided upon interpolated probabilities is
    then the same whichever library computed them.

    Args:
        image: float32 ``(H, W, C)``.
        height: new number of rows.
        width: new number of columns.

    Returns:
        float32 ``(height, width, C)``.
    """
    for axis, size in ((1, width), (0, height)):
        scale = np.float32(image.shape[axis]) / np.float32(size)
        place = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
        low = np.floor(place)
        weight = (place - low).reshape((-1, 1) if axis else (-1, 1, 1))
        last = image.shape[axis] - 1
        below = image.take(np.maximum(low, 0).astype(int), axis)
        above = image.take(np.minimum(np.ceil(place), last).astype(int), axis)
        above -= below
        above *= weight
        above += below
        image = above
    return image


def resize_nearest(labels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a label map without inventing labels: every new pixel copies the nearest old one.

    Args:
        labels: uint8 ``(H, W)``.
        height: new number of rows.
        width: new number of columns.

    Returns:
        uint8 ``(height, width)``.
    """
    # Pixel centres, so that the map stays where `resize_area` leaves the image; OpenCV's
    # INTER_NEAREST takes upper left corners and shifts the map by half a pixel.
    rows = (2 * np.arange(height) + 1) * labels.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * labels.shape[1] // (2 * width)
    return labels[rows[:, np.newaxis], columns]


def fitted(shape: tuple[int, int], size: int) -> tuple[int, int]:
    """Return height and width of a picture whose longer side is brought to `size`."""
    height, width = shape
    scale = size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def fit_square(image: np.ndarray, size: int, resize) -> np.ndarray:
    """Resize an array so that its longer side is `size` and fill it up to a square.

    Args:
        image: ``(H, W)`` or ``(H, W, 1)``.
        size: height and width of the result.
        resize: called with the array, a height and a width.
    """
    image = resize(image, *fitted(image.shape[:2], size))
    padding = [(0, size - image.shape[0]), (0, size - image.shape[1])]
    return np.pad(image, padding + [(0, 0)] * (image.ndim - 2), mode="symmetric")


def prepare(images: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
    """Make of images what networks of this project are given: their square root, normalised.

    The square root makes quantum noise equally strong in bright and dark regions (it stabilises the
    variance of Poisson counts) and lifts what lies behind thick parts out of the black.

    Args:
        images: float ``(..., H, W, 1)`` in [0, 1], open beam bright.

    Returns:
        float32 of the same shape in [-1, 1], each image with mean 0.
    """
    library, images = _library(images)
    return normalise(library.sqrt(images))


def normalise(images: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
    """Subtract each image's mean and divide by its largest magnitude (paper, section on data).

    Exposure (a factor) and offset of an image cancel.

    Args:
        images: any real dtype ``(..., H, W, 1)``, finite.

    Returns:
        float32 of the same shape in [-1, 1], each image with mean 0; a constant image becomes
        zeros.
    """
    library, images = _library(images)
    # Taking the minimum away first makes a constant image exactly 0: the mean of many float32
    # values is rounded, and dividing by that rounding error would blow it up to 1.
    images = images - library.min(images, axis=_AXES, keepdims=True)
    images = images - library.mean(images, axis=_AXES, keepdims=True)
    largest = library.max(abs(images), axis=_AXES, keepdims=True)
    return library.clip(images / library.maximum(largest, _TINY), -1.0, 1.0)


def normalise_gamma(images: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
    """Bring pictures' grey scales, linear or logarithmic, to one that lies between the two.

    What decides is how dark the dark parts are: the exponent is chosen so that `DARK_SHARE` of the
    pixels that are not black end below `DARK`, as far as an exponent of at most 3 can do that.

    Args:
        images: float ``(..., H, W, 1)`` in [0, 1], open beam bright.

    Returns:
        float32 of the same shape in [0, 1].
    """
    library, images = _library(images)
    images = library.clip(images, 0.0, 1.0)
    lit, one, none = images > _BLACK, library.ones_like(images), library.zeros_like(images)

    def count(where):
        return library.sum(library.where(where, one, none), axis=_AXES, keepdims=True)

    wanted = DARK_SHARE * count(lit)
    # The quantile by halving an interval: compilers sort slowly.
    low, high = 0 * wanted, 0 * wanted + 1
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = count(lit & (images <= middle)) >= wanted
        low, high = library.where(enough, low, middle), library.where(enough, middle, high)
    exponent = np.float32(np.log(DARK)) / library.log(library.minimum(high, 1 - 1e-6))
    exponent = library.where(wanted > 0, library.minimum(exponent, 3.0), 1.0)
    powers = library.exp(exponent * library.log(library.maximum(images, _TINY)))
    return library.where(images > 0, powers, 0.0)


def _library(images: np.ndarray | tf.Tensor) -> tuple[ModuleType, np.ndarray | tf.Tensor]:
    """Return NumPy, or TensorFlow's functions of the same names, and the images as float32."""
    if isinstance(images, np.ndarray):
        return np, images.astype(np.float32)
    from xnet_tf.backend import tf

    return tf.experimental.numpy, tf.cast(images, tf.float32)
