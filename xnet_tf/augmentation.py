"""Augmentation: one spatial transform for image and label map, then intensity changes.

Flips, rotation, shear, translation, crop, zoom and an elastic displacement are composed into one
map from output pixels back to source pixels, so that everything is resampled once: the image
linearly, the label map by nearest neighbour, with the borders reflected. Intensity changes then
act on the image, in [0, 1], open beam bright. Everything is batched TensorFlow operations.

Every draw follows from a pair of integers by stateless functions (Philox counters), so an example
looks the same whatever the number of threads, the batch it lies in, or a restart.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from xnet_tf import classes
from xnet_tf.backend import tf

_SCALARS = 24
_FIELD_POINTS = 4
_REFERENCE_SIZE = 200  # pixels; lengths in pixels are meant at the paper's image size


@dataclass(frozen=True)
class Augmentation:
    """Ranges to draw from; a range of zero width switches a change off.

    Attributes:
        flip_horizontal: probability of a left-right flip.
        flip_vertical: probability of an up-down flip.
        rotation_degrees: largest rotation either way.
        shear_degrees: largest shear either way.
        translation: largest shift either way, as a fraction of the image's side.
        crop: smallest and largest fraction cut off each of the four sides, independently.
        zoom: smallest and largest magnification, drawn log-uniformly.
        elastic_pixels: standard deviation of the displacement of the elastic control points, in
            pixels of an image 200 wide.
        elastic_points: control points along each side.
        elastic_probability: how often there is an elastic displacement at all.
        blur_pixels: smallest and largest sigma of a Gaussian blur, in pixels of an image 200 wide.
        gamma: smallest and largest exponent, drawn log-uniformly.
        log_window_probability: how often the image is shown on a logarithmic scale, as hospital
            pictures are.
        gain: largest factor; drawn log-uniformly between its inverse and itself.
        offset: largest brightness shift either way, as a fraction of the image's mean: what is
            little to a bright image would blot out a dark one.
        field: standard deviation of the logarithm of a slowly varying gain.
        noise: largest standard deviation of Gaussian noise where the image is 1; as with X-ray
            quanta, it falls with the square root of the grey value.
        collimation_probability: how often each side is covered by a collimator's blade.
        collimation: largest covered fraction of the image's side. What is covered turns dark and
            becomes open beam.
    """

    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    rotation_degrees: float = 0.0
    shear_degrees: float = 0.0
    translation: float = 0.0
    crop: tuple[float, float] = (0.0, 0.0)
    zoom: tuple[float, float] = (1.0, 1.0)
    elastic_pixels: float = 0.0
    elastic_points: int = 8
    elastic_probability: float = 0.0
    blur_pixels: tuple[float, float] = (0.0, 0.0)
    gamma: tuple[float, float] = (1.0, 1.0)
    log_window_probability: float = 0.0
    gain: float = 1.0
    offset: float = 0.0
    field: float = 0.0
    noise: float = 0.0
    collimation_probability: float = 0.0
    collimation: float = 0.0


PRESETS = {
    "none": Augmentation(),
    # The ranges of the authors' code. Their elastic field (uniform noise smoothed with sigma 16
    # pixels, times 50 to 60) has a standard deviation of 0.56 pixels.
    "paper": Augmentation(
        flip_horizontal=0.5,
        flip_vertical=0.5,
        rotation_degrees=15,
        shear_degrees=2,
        translation=0.01,
        crop=(0.1, 0.4),
        elastic_pixels=0.56,
        elastic_probability=0.5,
        blur_pixels=(0.0, 0.4),
    ),
    # Wide ranges, for weights that meet radiographs of other hospitals and detectors.
    "robust": Augmentation(
        flip_horizontal=0.5,
        flip_vertical=0.5,
        rotation_degrees=180,
        shear_degrees=8,
        translation=0.1,
        zoom=(0.7, 1.6),
        elastic_pixels=4.0,
        elastic_probability=0.7,
        blur_pixels=(0.0, 1.2),
        gamma=(0.35, 1.6),
        log_window_probability=0.3,
        gain=1.3,
        offset=0.2,
        field=0.15,
        noise=0.04,
        collimation_probability=0.06,
        collimation=0.2,
    ),
}


def draw(seed: tf.Tensor, preset: Augmentation, shape: tuple[int, int]) -> dict[str, tf.Tensor]:
    """Draw one example's parameters.

    Args:
        seed: int64 ``(2,)``; equal seeds give equal draws.
        preset: the ranges.
        shape: height and width of the images.

    Returns:
        Tensors by name: ``matrix`` (2, 2) and ``shift`` (2,) of the affine map from output to
        source in pixels relative to the image's centre, ``(x, y)`` order; ``grid`` (2, G, G)
        displacements of the elastic control points in pixels; ``intensity`` (6,), ``field``
        (F, F), ``noise`` (H, W) and ``blades`` (4,) in pixels.
    """
    height, width = shape
    values = _uniform(seed, 0, (_SCALARS,))
    signed = 2 * values - 1
    scale = tf.constant([width, height], tf.float32)

    flips = tf.where(values[:2] < [preset.flip_horizontal, preset.flip_vertical], -1.0, 1.0)
    angle = signed[2] * np.deg2rad(preset.rotation_degrees)
    shear = tf.tan(signed[3] * np.deg2rad(preset.shear_degrees))
    zoom = _log_between(values[4], *preset.zoom)
    cut = _between(values[5:9], *preset.crop)  # left, top, right, bottom
    kept = 1 - cut[:2] - cut[2:]
    rotation = tf.stack([[tf.cos(angle), -tf.sin(angle)], [tf.sin(angle), tf.cos(angle)]])
    shearing = tf.stack([[1.0, shear], [0.0, 1.0]])
    matrix = tf.linalg.diag(kept * flips) @ rotation @ shearing / zoom
    shift = ((cut[:2] - cut[2:]) / 2 + signed[9:11] * preset.translation) * scale

    elastic = tf.cast(values[11] < preset.elastic_probability, tf.float32) * preset.elastic_pixels
    points = preset.elastic_points
    grid = elastic * width / _REFERENCE_SIZE * _normal(seed, 1, (2, points, points))

    intensity = tf.stack(
        [
            _between(values[12], *preset.blur_pixels) * width / _REFERENCE_SIZE,
            _log_between(values[13], *preset.gamma),
            tf.cast(values[14] < preset.log_window_probability, tf.float32),
            _log_between(values[15], 10.0, 1000.0),
            _log_between(values[16], 1 / preset.gain, preset.gain),
            signed[17] * preset.offset,
        ]
    )
    covered = _uniform(seed, 4, (2, 4))
    blades = tf.where(
        covered[0] < preset.collimation_probability,
        covered[1] * preset.collimation * tf.constant([width, height] * 2, tf.float32),
        0.0,
    )
    return {
        "matrix": matrix,
        "shift": shift,
        "grid": grid,
        "intensity": intensity,
        "field": preset.field * _normal(seed, 2, (_FIELD_POINTS, _FIELD_POINTS)),
        "noise": values[18] * preset.noise * _normal(seed, 3, (height, width)),
        "blades": blades,
    }


def augment(
    images: tf.Tensor, labels: tf.Tensor, draws: dict[str, tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Transform a batch.

    Args:
        images: float32 ``(B, H, W, 1)`` in [0, 1], open beam bright.
        labels: uint8 ``(B, H, W)``.
        draws: batched results of `draw`.

    Returns:
        Images and labels of the same shapes and types.
    """
    points = backward_map(draws, images.shape[1:3])
    images, labels = resample_linear(images, points), resample_nearest(labels, points)
    return collimate(change_intensity(images, draws), labels, draws["blades"])


def backward_map(draws: dict[str, tf.Tensor], shape: tuple[int, int]) -> tf.Tensor:
    """Return, for each output pixel, the source position to look at.

    Args:
        draws: batched results of `draw`; ``matrix``, ``shift`` and ``grid`` are used.
        shape: height and width.

    Returns:
        float32 ``(B, H, W, 2)``, ``(x, y)`` in pixels, reflected into the image.
    """
    height, width = shape
    centre = tf.constant([(width - 1) / 2, (height - 1) / 2], tf.float32)
    x, y = tf.meshgrid(tf.range(width, dtype=tf.float32), tf.range(height, dtype=tf.float32))
    displaced = tf.stack([x, y], -1) - centre + displacement(draws["grid"], shape)
    points = tf.einsum("bij,bhwj->bhwi", draws["matrix"], displaced)
    points += draws["shift"][:, None, None] + centre
    period = 2 * tf.constant([width - 1, height - 1], tf.float32)
    wrapped = tf.math.floormod(points, period)
    return tf.minimum(wrapped, period - wrapped)


def displacement(grid: tf.Tensor, shape: tuple[int, int]) -> tf.Tensor:
    """Interpolate control points to a dense field by cubic B-splines.

    Args:
        grid: float32 ``(B, 2, G, G)``, displacements ``(x, y)`` on a regular grid from corner to
            corner.
        shape: height and width.

    Returns:
        float32 ``(B, H, W, 2)``.
    """
    rows = _spline_matrix(shape[0], grid.shape[-2])
    columns = _spline_matrix(shape[1], grid.shape[-1])
    return tf.einsum("hi,bcij,wj->bhwc", rows, grid, columns)


def resample_linear(images: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Read images at fractional positions. See `backward_map` for the positions."""
    low = tf.floor(points)
    weight = points - low
    low = tf.cast(low, tf.int32)
    limit = tf.constant([images.shape[2] - 1, images.shape[1] - 1])
    high = tf.minimum(low + 1, limit)
    wx, wy = weight[..., :1], weight[..., 1:]
    top = _pick(images, low[..., 0], low[..., 1]) * (1 - wx)
    top += _pick(images, high[..., 0], low[..., 1]) * wx
    bottom = _pick(images, low[..., 0], high[..., 1]) * (1 - wx)
    bottom += _pick(images, high[..., 0], high[..., 1]) * wx
    return top * (1 - wy) + bottom * wy


def resample_nearest(labels: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Read label maps ``(B, H, W)`` at the pixels nearest to the positions."""
    nearest = tf.cast(tf.floor(points + 0.5), tf.int32)
    return _pick(labels[..., None], nearest[..., 0], nearest[..., 1])[..., 0]


def change_intensity(images: tf.Tensor, draws: dict[str, tf.Tensor]) -> tf.Tensor:
    """Blur, then change contrast, brightness and noise. Images stay in [0, 1]."""
    sigma, gamma, logarithmic, log_factor, gain, offset = (
        value[:, None, None, None] for value in tf.unstack(draws["intensity"], axis=-1)
    )
    images = _blur(images, sigma)
    images = tf.clip_by_value(images, 0.0, 1.0)
    as_log = tf.math.log1p(images * log_factor) / tf.math.log1p(log_factor)
    images = tf.where(logarithmic > 0, as_log, images)
    images **= gamma
    field = tf.exp(displacement(draws["field"][:, None], images.shape[1:3]))
    images += tf.sqrt(images) * draws["noise"][..., None]
    images = images * gain * field + offset * tf.reduce_mean(images, (1, 2, 3), keepdims=True)
    return tf.clip_by_value(images, 0.0, 1.0)


def collimate(
    images: tf.Tensor, labels: tf.Tensor, blades: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cover the sides of images by collimator blades; behind them is dark open beam.

    Args:
        images: ``(B, H, W, 1)``.
        labels: ``(B, H, W)``.
        blades: float32 ``(B, 4)``, covered pixels at the left, top, right and bottom.

    Returns:
        Images and labels.
    """
    height, width = images.shape[1:3]
    x = tf.range(width, dtype=tf.float32)[None, None, :]
    y = tf.range(height, dtype=tf.float32)[None, :, None]
    left, top, right, bottom = (side[:, None, None] for side in tf.unstack(blades, axis=-1))
    free = (x >= left) & (y >= top) & (x < width - right) & (y < height - bottom)
    images = tf.where(free[..., None], images, 0.02 * images)
    return images, tf.where(free, labels, tf.cast(classes.OPEN_BEAM, labels.dtype))


@functools.lru_cache
def _spline_matrix(size: int, points: int) -> np.ndarray:
    """Matrix ``(size, points)`` that evaluates the interpolating cubic spline at each pixel."""
    positions = np.linspace(0, points - 1, size)
    columns = [
        scipy.ndimage.map_coordinates(unit, [positions], order=3, mode="mirror")
        for unit in np.eye(points)
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _blur(images: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
    """Gaussian blur with one sigma per image, as two matrix products."""
    height, width = images.shape[1:3]
    sigma = tf.maximum(sigma[..., 0], 1e-2)

    def kernel(size):
        distance = tf.range(size, dtype=tf.float32)[:, None] - tf.range(size, dtype=tf.float32)
        weights = tf.exp(-0.5 * (distance / sigma) ** 2)
        return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)

    blurred = kernel(height) @ images[..., 0] @ tf.linalg.matrix_transpose(kernel(width))
    return blurred[..., None]


def _pick(images: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Gather ``images[b, y, x]`` for index maps ``(B, H, W)``."""
    height, width, channels = images.shape[1:]
    flat = tf.reshape(images, (-1, height * width, channels))
    index = tf.reshape(y * width + x, (-1, height * width))
    return tf.reshape(tf.gather(flat, index, batch_dims=1), (-1, height, width, channels))


def _between(value, low, high):
    return low + value * (high - low)


def _log_between(value, low, high):
    return tf.exp(_between(value, np.log(low), np.log(high)))


def _uniform(seed, stream, shape):
    return tf.random.stateless_uniform(shape, _stream(seed, stream), alg="philox")


def _normal(seed, stream, shape):
    return tf.random.stateless_normal(shape, _stream(seed, stream), alg="philox")


def _stream(seed, stream):
    return tf.stack([seed[0], seed[1] * 8 + stream])
