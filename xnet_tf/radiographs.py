"""Radiographs: read them with an open beam that is bright, resize them, normalise them.

The open beam is where X-rays reach the detector through air alone. Raw detector pictures show it
bright and bone dark, as the paper's do; hospital pictures are presented the other way round.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xnet_tf import dicom, pictures
from xnet_tf.files import InputError, write_atomically
from xnet_tf.pictures import fault
from xnet_tf.polarity import log_odds

if TYPE_CHECKING:
    from xnet_tf.backend import tf

POLARITIES = ("auto", "bright", "dark")
"""How the open beam looks in the picture as a viewer shows it; "auto" finds out."""

DARK_SHARE, DARK = 0.1, 0.15
"""How much of a picture `normalise_gamma` brings below which grey value."""

_BLACK = 0.02
"""What is darker lies mostly behind a collimator's blades and says nothing about the scale."""

_HALVINGS = 20

# Dead and hot pixels must not set the scale: this percentage of pixels at either end is clipped.
_CLIPPED_PERCENT = 0.01

# JPEG rounds colours: grey pixels may differ by this much between channels of 255.
_GREY_TOLERANCE = 2


def read(path: str | Path, polarity: str = "auto") -> np.ndarray:
    """Read a radiograph: PNG, JPEG, BMP, TIFF or DICOM, told apart by content.

    The grey values are stretched so that the picture fills [0, 1], clipping 0.01 % of the pixels at
    either end; a DICOM window is applied before. A constant picture becomes 0.5 everywhere.

    Polarity "auto" is found by `xnet_tf.polarity` from the picture, and for DICOM from the tags and
    the picture together (`xnet_tf.dicom.read` has the rules). What "bright" and "dark" speak of is
    the picture as a viewer shows it: MINISWHITE and MONOCHROME1 have been heeded.

    Args:
        path: the file. It must hold one grey picture; palettes, RGB and an alpha channel are taken
            if the colours are grey and nothing is transparent.
        polarity: "auto", "bright" or "dark", what the open beam looks like in the file.

    Returns:
        float32 ``(H, W, 1)`` in [0, 1], open beam bright.

    Raises:
        InputError: if the file cannot be read as such a picture; one line with file, fault, remedy.

    Example:
        >>> image = read("hand.png")                  # doctest: +SKIP
        >>> image.shape                               # doctest: +SKIP
        (1500, 1200, 1)
    """
    if polarity not in POLARITIES:
        raise InputError(f"polarity {polarity!r} is unknown; choose from {', '.join(POLARITIES)}")
    shown, prior = _shown(path)
    image = _stretch(path, shown)
    if not _open_beam_is_bright(image, polarity, prior):
        image = 1 - image
    return image[..., np.newaxis]


def write_grey(path: str | Path, image: np.ndarray) -> Path:
    """Write an image as an 8-bit PNG, whole or not at all.

    Args:
        path: destination.
        image: ``(H, W, 1)`` in [0, 1].

    Returns:
        The destination.
    """
    from PIL import Image

    grey = Image.fromarray(np.round(image[..., 0] * 255).astype(np.uint8))
    return write_atomically(path, lambda temporary: grey.save(temporary, format="PNG"))


def resize_area(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize an image: the mean over areas where it shrinks, linearly where it grows.

    Args:
        image: float32 ``(H, W, 1)``.
        height: new number of rows.
        width: new number of columns.

    Returns:
        float32 ``(height, width, 1)``.
    """
    import cv2

    rows, columns = image.shape[:2]
    # OpenCV averages areas only if no side grows, so the shrinking comes first, by itself.
    smaller = (min(columns, width), min(rows, height))
    resized = np.asarray(image, dtype=np.float32)
    if smaller != (columns, rows):
        resized = cv2.resize(resized, smaller, interpolation=cv2.INTER_AREA)
    if smaller != (width, height):
        resized = cv2.resize(resized, (width, height), interpolation=cv2.INTER_LINEAR)
    return resized.reshape(height, width, 1)


def normalise_gamma(images: np.ndarray | tf.Tensor) -> tf.Tensor:
    """Bring pictures' grey scales, linear or logarithmic, to one that lies between the two.

    What decides is how dark the dark parts are: the exponent is chosen so that `DARK_SHARE` of the
    pixels that are not black end below `DARK`, as far as an exponent of at most 3 can do that.
    TensorFlow operations only.

    Args:
        images: float ``(..., H, W, 1)`` in [0, 1], open beam bright.

    Returns:
        float32 tensor of the same shape in [0, 1].
    """
    from xnet_tf.backend import tf

    images, axes = tf.clip_by_value(tf.cast(images, tf.float32), 0.0, 1.0), (-3, -2, -1)
    lit = images > _BLACK
    wanted = DARK_SHARE * tf.reduce_sum(tf.cast(lit, tf.float32), axes, keepdims=True)
    # The quantile by halving an interval: compilers sort slowly.
    low, high = tf.zeros_like(wanted), tf.ones_like(wanted)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        darker = tf.cast(lit & (images <= middle), tf.float32)
        enough = tf.reduce_sum(darker, axes, keepdims=True) >= wanted
        low, high = tf.where(enough, low, middle), tf.where(enough, middle, high)
    exponent = tf.minimum(np.log(DARK) / tf.math.log(tf.minimum(high, 1 - 1e-6)), 3.0)
    exponent = tf.where(wanted > 0, exponent, 1.0)
    return tf.where(images > 0, tf.exp(exponent * tf.math.log(tf.maximum(images, 1e-30))), 0.0)


def prepare(images: np.ndarray | tf.Tensor) -> tf.Tensor:
    """Make of images what networks of this project are given: their square root, normalised.

    The square root makes quantum noise equally strong in bright and dark regions (it stabilises the
    variance of Poisson counts) and lifts what lies behind thick parts out of the black. Training
    and `xnet_tf.segment` use this one function. TensorFlow operations only.

    Args:
        images: float ``(..., H, W, 1)`` in [0, 1], open beam bright.

    Returns:
        float32 tensor of the same shape in [-1, 1], each image with mean 0.
    """
    from xnet_tf.backend import tf

    return normalise(tf.sqrt(tf.cast(images, tf.float32)))


def normalise(images: np.ndarray | tf.Tensor) -> tf.Tensor:
    """Subtract each image's mean and divide by its largest magnitude (paper, section on data).

    Exposure (a factor) and offset of an image cancel. TensorFlow operations only: usable in
    tf.data and under XLA.

    Args:
        images: any real dtype ``(..., H, W, 1)``, finite.

    Returns:
        float32 tensor of the same shape in [-1, 1], each image with mean 0; a constant image
        becomes zeros.
    """
    from xnet_tf.backend import tf

    images = tf.cast(images, tf.float32)
    axes = (-3, -2, -1)
    # Taking the minimum away first makes a constant image exactly 0: the mean of many float32
    # values is rounded, and dividing by that rounding error would blow it up to 1.
    images -= tf.reduce_min(images, axis=axes, keepdims=True)
    images -= tf.reduce_mean(images, axis=axes, keepdims=True)
    largest = tf.reduce_max(tf.abs(images), axis=axes, keepdims=True)
    return tf.clip_by_value(tf.math.divide_no_nan(images, largest), -1.0, 1.0)


def _shown(path: str | Path) -> tuple[np.ndarray, float]:
    if pictures.identify(path) == "DICOM":
        return dicom.read(path)
    return _grey(path, pictures.decode(path).pixels), 0.0


def _grey(path: str | Path, pixels: np.ndarray) -> np.ndarray:
    channels = pixels.shape[-1]
    full = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 1
    if channels in (2, 4) and (pixels[..., -1] != full).any():
        remedy = "flatten it (GIMP: Image > Flatten Image) and export it again"
        raise fault(path, "has transparent pixels", remedy)
    if channels >= 3:
        allowed = _GREY_TOLERANCE * (full / 255)
        for other in (0, 2):
            # The signed difference of unsigned numbers, without a wider copy of the picture.
            first, second = pixels[..., other], pixels[..., 1]
            if (np.maximum(first, second) - np.minimum(first, second) > allowed).any():
                remedy = "convert it (GIMP: Image > Mode > Grayscale) if it is a radiograph"
                raise fault(path, "is a colour picture", remedy)
    return pixels[..., 0] if channels <= 2 else pixels[..., 1]


def _stretch(path: str | Path, values: np.ndarray) -> np.ndarray:
    # float32 holds integers of 24 bits.
    exact = values.itemsize <= (4 if values.dtype.kind == "f" else 2)
    wide = np.float32 if exact else np.float64
    with np.errstate(invalid="ignore"):
        # A signalling NaN would be announced on stderr; it is refused below.
        values = values.astype(wide)
    # The bound keeps differences finite; no detector counts that far.
    usable = np.abs(values) < 1e30
    if not usable.all():
        wrong = f"has {usable.size - usable.sum():,} pixels that are NaN, infinite or beyond 1e30"
        raise fault(path, wrong, "replace them and save it again")
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


def _open_beam_is_bright(image: np.ndarray, asked: str, prior: float) -> bool:
    if asked != "auto":
        return asked == "bright"
    if np.isinf(prior):
        return prior > 0
    return prior + log_odds(image) >= 0
