"""One map from output pixels back to source pixels, and resampling along it.

Whatever moves pixels is composed into one map first, so that everything is resampled once: the
image linearly, the label map by nearest neighbour, with the borders reflected. Positions are
computed in float64: matrix units of GPUs may round float32 products to 10 bits, which is a tenth
of a pixel, and in float64 every device and compiler finds the same positions.
"""

from __future__ import annotations

import functools

import numpy as np
import scipy.ndimage

from xnet_tf.backend import tf


def backward_map(
    matrix: tf.Tensor, shift: tf.Tensor, grid: tf.Tensor | None, shape: tuple[int, int]
) -> tf.Tensor:
    """Return, for each output pixel, the source position to look at.

    With ``p`` the output pixel relative to the image's centre and ``d(p)`` the elastic
    displacement there, the source position relative to the centre is
    ``matrix @ (p + d(p)) + shift``.

    Args:
        matrix: float64 ``(B, 2, 2)``, ``(x, y)`` order.
        shift: float64 ``(B, 2)`` in pixels, ``(x, y)`` order.
        grid: float64 ``(B, 2, G, G)``, displacements in pixels of the elastic control points, or
            None for no elastic displacement. See `displacement`.
        shape: height and width.

    Returns:
        float32 ``(B, 2, H, W)``, planes of ``x`` and ``y`` in pixels, reflected into the image.
    """
    height, width = shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    rows, columns = _affine_basis(height), _affine_basis(width)
    # x = a X + b Y + c is a product of the bases [1, Y] and [1, X] with a 2x2 matrix between, and
    # the spline one of other bases: stacked, all of it is one product of three matrices.
    last, zeros = shift + centre, tf.zeros_like(shift)
    between = tf.stack(
        [tf.stack([last, matrix[..., 0]], -1), tf.stack([matrix[..., 1], zeros], -1)], axis=-2
    )
    if grid is not None:
        across, down = grid.shape[-1], grid.shape[-2]
        rows = np.hstack([_spline_matrix(height, down), rows])
        columns = np.hstack([_spline_matrix(width, across), columns])
        moved = tf.einsum("bij,bjkl->bikl", matrix, grid)
        none = [[0, 0], [0, 0]]
        between = tf.pad(between, [*none, [down, 0], [across, 0]])
        between += tf.pad(moved, [*none, [0, 2], [0, 2]])
    points = rows @ between @ np.ascontiguousarray(columns.T)
    return _reflect(tf.cast(points, tf.float32), shape)


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


def _look_up(images: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Gather ``images[b, y, x]`` at whole positions ``(B, 2, H, W)``."""
    height, width, channels = images.shape[1:]
    # float32 holds integers up to 16 million: enough for the pixels of one image.
    index = tf.cast(points[:, 1] * width + points[:, 0], tf.int32)
    flat = tf.reshape(images, (-1, height * width, channels))
    found = tf.gather(flat, tf.reshape(index, (-1, height * width)), batch_dims=1)
    return tf.reshape(found, (-1, height, width, channels))


def _reflect(points: tf.Tensor, shape: tuple[int, int]) -> tf.Tensor:
    """Mirror positions at the outermost pixels' centres until they lie inside."""
    period = np.array([2 * (shape[1] - 1), 2 * (shape[0] - 1)], np.float32)[:, None, None]
    return tf.abs(points - period * tf.round(points / period))


@functools.lru_cache
def _affine_basis(size: int) -> np.ndarray:
    """Columns 1 and position relative to the centre, ``(size, 2)``."""
    return np.stack([np.ones(size), np.arange(size) - (size - 1) / 2], axis=1)


@functools.lru_cache
def _spline_matrix(size: int, points: int) -> np.ndarray:
    """Matrix ``(size, points)`` that evaluates the interpolating cubic spline at each pixel."""
    positions = np.linspace(0, points - 1, size)
    columns = [
        scipy.ndimage.map_coordinates(unit, [positions], order=3, mode="mirror")
        for unit in np.eye(points)
    ]
    return np.stack(columns, axis=1)
