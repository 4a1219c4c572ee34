"""What happens to grey values between the X-ray tube and the picture on a screen.

The changes come in the order of an examination: folds and texture of the body, collimator,
detector, then the display's contrast curve and window, sharpening, a frame, and the file's grey
levels and blocks (`xnet_tf.compression`). They act on batches in [0, 1], open beam bright. The two
that cover part of the picture, the collimator and the frame, make it open beam in the label map.

Every function takes ``draws``, the batched results of `xnet_tf.augmentation.draw`, and uses those
that it names: float32 ``(B,)`` unless stated.
"""

from __future__ import annotations

import numpy as np

from xnet_tf import classes, compression, preprocessing
from xnet_tf.backend import tf
from xnet_tf.geometry import displacement

DIRECT_BEAM = 0.05
"""Where less than this share of the focal spot is seen past the blades, there is open beam."""


def change_intensity(
    images: tf.Tensor, labels: tf.Tensor, draws: dict[str, tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Apply every change that was drawn.

    Args:
        images: float32 ``(B, H, W, 1)`` in [0, 1], open beam bright.
        labels: integers ``(B, H, W)``.
        draws: changes that are not among them are left out; ``gamma_normalised`` is bool ``(B,)``,
            ``levels`` and ``jpeg`` are the arguments of `xnet_tf.compression`'s functions.

    Returns:
        Images in [0, 1] and labels, of the same shapes and types.
    """
    # Without the channel, so that images and the fields computed for them have one shape.
    planes, hidden = images[..., 0], None
    if "folds" in draws:
        planes = fold(planes, labels, draws)
    if "texture" in draws:
        planes = texture(planes, labels, draws)
    if "blur" in draws:
        planes = blur(planes, draws["blur"])
    if "blades" in draws:
        planes, hidden = collimate(planes, draws)
    if "noise" in draws:
        amount = _spread(draws["noise_strength"]) * tf.sqrt(tf.nn.relu(planes))
        planes += amount * draws["noise"]
    if "gain" in draws:
        planes *= _spread(draws["gain"])
    if "field" in draws:
        planes *= tf.exp(displacement(draws["field"], planes.shape[1:3]))
    if "offset" in draws:
        planes += _spread(draws["offset"] * tf.reduce_mean(planes, (1, 2)))
    planes = tf.clip_by_value(planes, 0.0, 1.0)
    planes = display(planes, draws)
    if "frame" in draws:
        framed = beyond_frame(draws["frame"], planes.shape[1:3])
        planes = tf.where(framed, _spread(draws["frame_value"]), planes)
        hidden = framed if hidden is None else hidden | framed
    if "levels" in draws:
        planes = compression.round_to_levels(planes, draws["levels"])
    if "jpeg" in draws:
        planes = compression.jpeg(planes, draws["jpeg"])
    if hidden is not None:
        labels = tf.where(hidden, tf.cast(classes.OPEN_BEAM, labels.dtype), labels)
    images = planes[..., None]
    if "gamma_normalised" in draws:
        normalised = preprocessing.normalise_gamma(images)
        images = tf.where(draws["gamma_normalised"][:, None, None, None], normalised, images)
    return images, labels


def fold(planes: tf.Tensor, labels: tf.Tensor, draws: dict[str, tf.Tensor]) -> tf.Tensor:
    """Lay more flesh before the body: what is behind it gets darker, and stays what it is.

    Args:
        planes: float32 ``(B, H, W)``, on a linear scale.
        labels: integers ``(B, H, W)``; open beam stays as it is, for flesh would be none.
        draws: ``folds`` ``(B, K, 4)``, ellipsoids by x and y of the middle, half width and half
            height in pixels; ``fold_depth``, the attenuation in their middle, 0 for none;
            ``fold_flatness`` ``(B, K)``, 0 for an ellipsoid, 1 for a plate.

    Returns:
        float32 ``(B, H, W)``.
    """
    height, width = planes.shape[1:3]
    x, y, across, down = (value[..., None, None] for value in tf.unstack(draws["folds"], axis=-1))
    right = (tf.range(width, dtype=tf.float32) - x) / across
    below = (tf.range(height, dtype=tf.float32)[:, None] - y) / down
    roundness = 0.5 * (1 - draws["fold_flatness"][..., None, None])
    thickness = tf.nn.relu(1 - right**2 - below**2) ** roundness
    through = tf.exp(-_spread(draws["fold_depth"]) * tf.reduce_sum(thickness, axis=1))
    return tf.where(labels == classes.OPEN_BEAM, planes, planes * through)


def texture(planes: tf.Tensor, labels: tf.Tensor, draws: dict[str, tf.Tensor]) -> tf.Tensor:
    """Make the body uneven: more or less of it here and there, in grains of one size.

    Args:
        planes: float32 ``(B, H, W)``, on a linear scale.
        labels: integers ``(B, H, W)``; open beam stays as it is.
        draws: ``texture``, white noise ``(B, H, W)`` of variance 1; ``texture_sigma``, the grains'
            in pixels; ``texture_strength``, the standard deviation of the factor's logarithm.

    Returns:
        float32 ``(B, H, W)``.
    """
    sigma = draws["texture_sigma"]
    # What a Gaussian leaves of white noise has a standard deviation of 1 / (2 sigma sqrt(pi)).
    amount = draws["texture_strength"] * 2 * sigma * np.sqrt(np.pi)
    uneven = _spread(amount) * _broad_blur(draws["texture"], sigma)
    return tf.where(labels == classes.OPEN_BEAM, planes, planes * tf.exp(uneven))


def blur(planes: tf.Tensor, kernels: tf.Tensor) -> tf.Tensor:
    """Convolve each image with a kernel of its own, along rows and columns, borders mirrored.

    Args:
        planes: float32 ``(B, H, W)``.
        kernels: float32 ``(B, 2 R + 1)``; see `gaussian`.

    Returns:
        float32 ``(B, H, W)``.
    """
    taps = kernels.shape[-1]
    radius = taps // 2
    height, width = planes.shape[1:3]
    weights = tf.unstack(kernels[..., None, None], axis=1)
    padded = tf.pad(planes, [[0, 0], [radius, radius], [0, 0]], mode="REFLECT")
    planes = tf.add_n([weights[k] * padded[:, k : k + height] for k in range(taps)])
    padded = tf.pad(planes, [[0, 0], [0, 0], [radius, radius]], mode="REFLECT")
    return tf.add_n([weights[k] * padded[:, :, k : k + width] for k in range(taps)])


def gaussian(sigma: tf.Tensor, largest: float) -> tf.Tensor:
    """Kernels of Gaussian blurs.

    Args:
        sigma: float32 ``(...)`` in pixels; 0 makes the kernel that changes nothing.
        largest: none of the sigmas exceeds it; weights below 1e-4 of the middle's are left out.

    Returns:
        float32 ``(..., 2 R + 1)``, each of sum 1.
    """
    radius = max(1, int(np.ceil(largest * np.sqrt(2 * np.log(1e4)) - 1)))
    distance = tf.range(-radius, radius + 1, dtype=tf.float32)
    weights = tf.exp(-0.5 * (distance / tf.maximum(sigma, 1e-2)[..., None]) ** 2)
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)


def collimate(planes: tf.Tensor, draws: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Put a collimator's blades before the tube: four half planes, turned together.

    A blade's shadow has a soft edge, for the focal spot has a size. Behind it remain what the blade
    leaks and a glow of radiation from outside the focal spot and from scatter, which falls with
    the distance from the edge; the patient is seen in it faintly or not at all.

    Args:
        planes: float32 ``(B, H, W)``.
        draws: ``blades`` ``(B, 4)``, how far each reaches into the picture from the left, top,
            right and bottom, in pixels, negative if it is not there; ``blade_angle`` in radians;
            ``penumbra``, the edge's width, and ``glow_reach``, both in pixels; ``leak`` and
            ``glow``, shares of the open beam; ``see_through``, the share of both that the patient
            attenuates.

    Returns:
        Images ``(B, H, W)``, and bool ``(B, H, W)``, where less than `DIRECT_BEAM` of the direct
        beam arrives.
    """
    height, width = planes.shape[1:3]
    inside = _distance_from_blades(draws["blades"], draws["blade_angle"], (height, width))
    direct = tf.sigmoid(inside * _spread(4 / draws["penumbra"]))
    depth = tf.minimum(inside, 0.0)
    glow = tf.exp(depth / _spread(draws["glow_reach"])) * _spread(draws["glow"])
    seen = _spread(draws["see_through"])
    behind = seen * planes + (1 - seen) * tf.reduce_mean(planes, (1, 2), keepdims=True)
    behind *= glow + _spread(draws["leak"])
    return behind + direct * (planes - behind), direct < DIRECT_BEAM


def display(planes: tf.Tensor, draws: dict[str, tf.Tensor]) -> tf.Tensor:
    """Show detector counts as a hospital's screen does.

    Args:
        planes: float32 ``(B, H, W)`` in [0, 1].
        draws: ``log_factor``, the logarithmic scale's, 0 for a linear one; ``gamma``; ``curve``,
            the steepness of an S-shaped curve, 0 for none, and ``curve_centre``; ``latitude``, the
            share of broad differences that is taken away, and ``latitude_sigma`` (pixels);
            ``sharpness`` and ``sharpness_sigma`` (pixels) of an unsharp mask; ``window`` ``(B,
            2)``, how much of the way from the darkest (brightest) grey value to the mean becomes 0
            (1), negative for no window.

    Returns:
        float32 ``(B, H, W)`` in [0, 1].
    """
    if "log_factor" in draws:
        factor = _spread(draws["log_factor"])
        safe = tf.maximum(factor, 1.0)
        as_log = tf.math.log1p(planes * safe) / tf.math.log1p(safe)
        planes = tf.where(factor > 0, as_log, planes)
    if "gamma" in draws:
        # The power, in a form that compilers turn into quicker code.
        planes = tf.exp(_spread(draws["gamma"]) * tf.math.log(tf.maximum(planes, 1e-12)))
    if "curve" in draws:
        planes = _s_curve(planes, _spread(draws["curve"]), _spread(draws["curve_centre"]))
    if "latitude" in draws:
        planes = _reduce_latitude(planes, draws["latitude"], draws["latitude_sigma"])
    if "sharpness" in draws:
        smooth = _broad_blur(planes, draws["sharpness_sigma"])
        planes += _spread(draws["sharpness"]) * (planes - smooth)
    if "window" in draws:
        planes = _clip_ends(planes, draws["window"])
    return tf.clip_by_value(planes, 0.0, 1.0)


def beyond_frame(frame: tf.Tensor, shape: tuple[int, int]) -> tf.Tensor:
    """Return what a frame covers.

    Args:
        frame: float32 ``(B, 4)``, its width in pixels at the left, top, right and bottom; negative
            for none.
        shape: height and width.

    Returns:
        bool ``(B, H, W)``.
    """
    return _distance_from_blades(frame, tf.zeros_like(frame[:, 0]), shape) < 0


def _distance_from_blades(blades: tf.Tensor, angle: tf.Tensor, shape: tuple[int, int]) -> tf.Tensor:
    """Pixels between each pixel's centre and the nearest edge, negative behind it, ``(B, H, W)``.

    A turned blade's reach is counted from where it first touches the picture.
    """
    height, width = shape
    x = tf.range(width, dtype=tf.float32) - (width - 1) / 2
    y = tf.range(height, dtype=tf.float32)[:, None] - (height - 1) / 2
    cosine, sine = tf.cos(angle), tf.sin(angle)
    half_across = (width * tf.abs(cosine) + height * tf.abs(sine)) / 2
    half_down = (width * tf.abs(sine) + height * tf.abs(cosine)) / 2
    left, top, right, bottom = tf.unstack(blades, axis=-1)
    across = x * _spread(cosine) + y * _spread(sine)
    down = y * _spread(cosine) - x * _spread(sine)
    across = tf.minimum(across + _spread(half_across - left), _spread(half_across - right) - across)
    down = tf.minimum(down + _spread(half_down - top), _spread(half_down - bottom) - down)
    return tf.minimum(across, down)


def _s_curve(planes: tf.Tensor, steepness: tf.Tensor, centre: tf.Tensor) -> tf.Tensor:
    """Logistic curve through (0, 0) and (1, 1), DICOM's sigmoid window; identity for 0."""
    safe = tf.maximum(steepness, 1.0)
    low, high = tf.sigmoid(-safe * centre), tf.sigmoid(safe * (1 - centre))
    curved = (tf.sigmoid(safe * (planes - centre)) - low) / (high - low)
    return tf.where(steepness > 0, curved, planes)


def _reduce_latitude(planes: tf.Tensor, share: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
    """Take away a share of the broad differences, and stretch the rest to the range there was."""
    broad = _broad_blur(planes, sigma)
    flat = planes - _spread(share) * broad
    (low, high), (new_low, new_high) = (
        (tf.reduce_min(p, (1, 2), keepdims=True), tf.reduce_max(p, (1, 2), keepdims=True))
        for p in (planes, flat)
    )
    stretch = (high - low) / tf.maximum(new_high - new_low, 1e-3)
    return tf.where(_spread(share) > 0, low + (flat - new_low) * stretch, planes)


def _clip_ends(planes: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Stretch grey values, so that those beyond the window's ends leave [0, 1]."""
    dark, bright = tf.unstack(_spread(window), axis=1)
    low, mean, high = (
        reduce(planes, (1, 2), keepdims=True)
        for reduce in (tf.reduce_min, tf.reduce_mean, tf.reduce_max)
    )
    low += tf.nn.relu(dark) * (mean - low)
    high -= tf.nn.relu(bright) * (high - mean)
    stretched = (planes - low) / tf.maximum(high - low, 1e-3)
    return tf.where(dark < 0, planes, stretched)


def _broad_blur(planes: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
    """Gaussian blur of any width, as two matrix products; borders count less, not mirrored."""
    rows, columns = (_gaussian_matrix(size, sigma) for size in planes.shape[1:3])
    return tf.matmul(rows @ planes, columns, transpose_b=True)


def _gaussian_matrix(size: int, sigma: tf.Tensor) -> tf.Tensor:
    distance = tf.range(size, dtype=tf.float32)[:, None] - tf.range(size, dtype=tf.float32)
    weights = tf.exp(-0.5 * (distance / _spread(sigma)) ** 2)
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)


def _spread(values: tf.Tensor) -> tf.Tensor:
    """Give numbers per image two more axes, for rows and columns."""
    return values[..., None, None]
