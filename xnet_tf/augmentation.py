"""Augmentation: draw what happens to a picture, and do it to image and label map alike.

A preset (`xnet_tf.presets`) holds ranges, `draw` draws from them, `augment` applies what was drawn
to images and label maps together: one spatial map (`xnet_tf.geometry`), then changes of the grey
values (`xnet_tf.intensity`), in [0, 1], open beam bright. Everything is batched TensorFlow
operations, in tf.data, on a GPU and under XLA alike.

Every draw follows from a pair of integers by stateless functions (Philox counters), whatever the
number of threads, the batch an example lies in, or a restart. So equal batches come out bit by bit
alike; in a batch of another size, or under XLA, an image may differ by rounding.
"""

from __future__ import annotations

import numpy as np

from xnet_tf import compression, geometry, intensity
from xnet_tf.backend import tf
from xnet_tf.presets import PRESETS, Augmentation

_REFERENCE_SIZE = 200  # pixels; lengths in pixels are meant at the paper's image size
_FIELD_POINTS = 4
_LOG_FACTOR = 10.0, 1000.0  # one to three decades of the signal are told apart
_CURVE = 2.0, 8.0  # steepness of an S-shaped curve
_FINE_PIXELS = 1.0, 12.0  # sigma of the blur that a sharpened picture is compared with
_GLOW_REACH = 2.0, 20.0  # pixels after which a glow has fallen to 1/e

_STREAMS = ("numbers", "grid", "field", "noise", "texture")

# One number between 0 and 1 each. New ones go to the end, so that the others stay what they were.
_NUMBERS = (
    *("flip_x", "flip_y", "rotation", "shear", "zoom", "left", "top", "right", "bottom"),
    *("shift_x", "shift_y", "elastic", "blur", "gamma", "log", "log_factor", "gain", "offset"),
    *("noise", "collimated", "blade_angle", "penumbra", "leak", "glow", "glow_reach"),
    *("see_through", "blade_0", "blade_1", "blade_2", "blade_3", "curve", "curve_strength"),
    *("curve_centre", "sharpen", "sharpness", "sharpness_sigma", "window", "window_low"),
    *("window_high", "framed", "frame_value", "frame_0", "frame_1", "frame_2", "frame_3"),
    *("gamma_normalised", "few_levels", "levels", "compressed", "jpeg_quality"),
    *("moved", "folded", "fold_depth", "fold_x_0", "fold_y_0", "fold_width_0", "fold_height_0"),
    *("fold_x_1", "fold_y_1", "fold_width_1", "fold_height_1"),
    *("textured", "texture_strength", "texture_sigma", "levelled", "latitude", "latitude_sigma"),
    *("fold_flatness_0", "fold_flatness_1"),
)


def draw(seed: tf.Tensor, preset: Augmentation, shape: tuple[int, int]) -> dict[str, tf.Tensor]:
    """Draw the parameters of one example, or of a batch.

    Args:
        seed: int64 ``(2,)``, or ``(B, 2)`` for a batch; equal seeds give equal draws.
        preset: the ranges.
        shape: height and width of the images.

    Returns:
        Tensors by name, ``(...)`` or, for a batch, ``(B, ...)``. ``matrix`` (2, 2), ``shift`` (2,)
        and ``grid`` (2, G, G) are the arguments of `geometry.backward_map`; the others are named in
        `intensity`, among them ``field`` (F, F), ``noise`` and ``texture`` (H, W). What the preset
        never changes is missing.
    """
    points = preset.elastic_points
    sources = {"numbers": lambda one: _uniform(one, (len(_NUMBERS),))}
    if preset.is_elastic:
        sources["grid"] = lambda one: _normal(one, "grid", (2, points, points))
    if preset.field:
        sources["field"] = lambda one: _normal(one, "field", (_FIELD_POINTS, _FIELD_POINTS))
    if preset.noise:
        sources["noise"] = lambda one: _noise(one, "noise", shape)
    if preset.texture_probability and preset.texture:
        sources["texture"] = lambda one: _noise(one, "texture", shape)

    def random(one):
        return {name: source(one) for name, source in sources.items()}

    if seed.shape.rank == 1:
        found = random(seed)
    else:
        found = tf.map_fn(random, seed, fn_output_signature=dict.fromkeys(sources, tf.float32))
    numbers = dict(zip(_NUMBERS, tf.unstack(found.pop("numbers"), axis=-1), strict=True))
    spatial = _draw_spatial(numbers, preset, shape, found.pop("grid", None))
    return spatial | _draw_intensity(numbers, preset, shape, found)


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
    if "matrix" in draws:
        points = geometry.backward_map(
            draws["matrix"], draws["shift"], draws.get("grid"), images.shape[1:3]
        )
        images = geometry.resample_linear(images, points)
        labels = geometry.resample_nearest(labels, points)
    return intensity.change_intensity(images, labels, draws)


def apply(
    images: tf.Tensor, labels: tf.Tensor, preset: Augmentation, seeds: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw for a batch, and transform it.

    Args:
        images: float32 ``(B, H, W, 1)`` in [0, 1], open beam bright.
        labels: uint8 ``(B, H, W)``.
        preset: the ranges.
        seeds: int64 ``(B, 2)``.

    Returns:
        Images and labels of the same shapes and types.

    Example:
        >>> images, labels = tf.zeros((2, 32, 32, 1)), tf.ones((2, 32, 32), tf.uint8)
        >>> seeds = tf.constant([[1, 0], [1, 1]], tf.int64)
        >>> apply(images, labels, PRESETS["paper"], seeds)[0].shape
        TensorShape([2, 32, 32, 1])
    """
    return augment(images, labels, draw(seeds, preset, images.shape[1:3]))


def _draw_spatial(numbers, preset, shape, grid):
    """Return ``matrix``, ``shift`` and, if there is one, ``grid``, in float64."""
    if not preset.moves:
        return {}
    number = {name: tf.cast(value, tf.float64) for name, value in numbers.items()}
    signed = {name: 2 * value - 1 for name, value in number.items()}
    angle = signed["rotation"] * np.deg2rad(preset.rotation_degrees)
    shear = tf.tan(signed["shear"] * np.deg2rad(preset.shear_degrees))
    zoom = _log_between(number["zoom"], *preset.zoom)
    left, top, right, bottom = (
        _between(number[side], *preset.crop) for side in ("left", "top", "right", "bottom")
    )
    scale_x = _sign(number["flip_x"] < preset.flip_horizontal) * (1 - left - right) / zoom
    scale_y = _sign(number["flip_y"] < preset.flip_vertical) * (1 - top - bottom) / zoom
    cosine, sine = tf.cos(angle), tf.sin(angle)
    rows = [
        [scale_x * cosine, scale_x * (cosine * shear - sine)],
        [scale_y * sine, scale_y * (sine * shear + cosine)],
    ]
    shift_x = (left - right) / 2 + signed["shift_x"] * preset.translation
    shift_y = (top - bottom) / 2 + signed["shift_y"] * preset.translation
    drawn = {
        "matrix": tf.stack([tf.stack(row, -1) for row in rows], -2),
        "shift": tf.stack([shift_x * shape[1], shift_y * shape[0]], -1),
    }
    if grid is not None:
        drawn_at_all = tf.cast(number["elastic"] < preset.elastic_probability, tf.float64)
        strength = drawn_at_all * preset.elastic_pixels * shape[1] / _REFERENCE_SIZE
        drawn["grid"] = strength[..., None, None, None] * tf.cast(grid, tf.float64)
    if preset.moved_probability < 1:
        drawn = _stay(drawn, numbers["moved"] >= preset.moved_probability)
    return drawn


def _stay(drawn, staying):
    """Replace the spatial draws of those that stay by what moves nothing."""
    nothing = {"matrix": tf.eye(2, dtype=tf.float64), "shift": 0.0, "grid": 0.0}

    def chosen(name, value):
        axes = (tf.newaxis,) * (value.shape.rank - staying.shape.rank)
        return tf.where(staying[(..., *axes)], tf.cast(nothing[name], value.dtype), value)

    return {name: chosen(name, value) for name, value in drawn.items()}


def _draw_intensity(number, preset, shape, fields):
    """Return what `intensity.change_intensity` needs."""
    pixel = shape[1] / _REFERENCE_SIZE
    drawn = {}
    if preset.fold_probability and any(preset.fold_depth):
        drawn |= _draw_folds(number, preset, shape)
    if "texture" in fields:
        strength = number["texture_strength"] * preset.texture
        drawn |= {
            "texture": fields["texture"],
            "texture_strength": tf.where(
                number["textured"] < preset.texture_probability, strength, 0.0
            ),
            "texture_sigma": pixel * _log_between(number["texture_sigma"], *preset.texture_pixels),
        }
    if any(preset.blur_pixels):
        low, high = (pixel * sigma for sigma in preset.blur_pixels)
        drawn["blur"] = intensity.gaussian(_between(number["blur"], low, high), high)
    if preset.collimation_probability and preset.collimation:
        # The fifth power leaves most turns below two degrees.
        turn = (2 * number["blade_angle"] - 1) ** 5 * np.deg2rad(preset.collimation_degrees)
        seen = number["collimated"] < preset.collimation_probability
        drawn |= {
            "blades": _draw_sides(number, "blade", seen, preset.collimation, shape),
            "blade_angle": turn,
            "penumbra": pixel * _log_between(number["penumbra"], *preset.penumbra_pixels),
            "leak": _log_between(number["leak"], *preset.leak),
            "glow": number["glow"] * preset.glow,
            "glow_reach": pixel * _log_between(number["glow_reach"], *_GLOW_REACH),
            "see_through": number["see_through"],
        }
    if preset.noise:
        drawn["noise"] = fields["noise"]
        drawn["noise_strength"] = number["noise"] * preset.noise
    if preset.gain != 1:
        drawn["gain"] = _log_between(number["gain"], 1 / preset.gain, preset.gain)
    if preset.field:
        drawn["field"] = preset.field * fields["field"]
    if preset.offset:
        drawn["offset"] = (2 * number["offset"] - 1) * preset.offset
    if preset.gamma != (1.0, 1.0):
        drawn["gamma"] = _log_between(number["gamma"], *preset.gamma)
    if preset.hospital_probability:
        drawn |= _draw_hospital(number, preset, pixel)
    if preset.frame_probability and preset.frame:
        seen = number["framed"] < preset.frame_probability
        drawn["frame"] = _draw_sides(number, "frame", seen, preset.frame, shape)
        drawn["frame_value"] = tf.round(number["frame_value"])
    if preset.levels_probability:
        few = number["few_levels"] < preset.levels_probability
        drawn["levels"] = tf.where(few, _log_between(number["levels"], *preset.levels), 0.0)
    if preset.jpeg_probability:
        quality = _between(number["jpeg_quality"], *preset.jpeg_quality)
        compressed = number["compressed"] < preset.jpeg_probability
        drawn["jpeg"] = tf.where(compressed, compression.step_factor(quality), 0.0)
    if preset.gamma_normalised_probability:
        often = preset.gamma_normalised_probability
        drawn["gamma_normalised"] = number["gamma_normalised"] < often
    return drawn


def _draw_folds(number, preset, shape):
    """Return what `intensity.fold` needs."""
    depth = _between(number["fold_depth"], *preset.fold_depth)
    ellipses = [
        [
            *(number[f"fold_x_{k}"] * shape[1], number[f"fold_y_{k}"] * shape[0]),
            _between(number[f"fold_width_{k}"], *preset.fold_radius) * shape[1],
            _between(number[f"fold_height_{k}"], *preset.fold_radius) * shape[0],
        ]
        for k in range(2)
    ]
    flatness = [number[f"fold_flatness_{k}"] for k in range(2)]
    return {
        "fold_depth": tf.where(number["folded"] < preset.fold_probability, depth, 0.0),
        "folds": tf.stack([tf.stack(ellipse, -1) for ellipse in ellipses], -2),
        "fold_flatness": preset.fold_flatness * tf.stack(flatness, -1),
    }


def _draw_hospital(number, preset, pixel):
    """Return what `intensity.display` needs beside ``gamma``."""
    shown = number["log"] < preset.hospital_probability
    factor = _log_between(number["log_factor"], *_LOG_FACTOR)
    drawn = {"log_factor": tf.where(shown, factor, 0.0)}
    if preset.curve_probability:
        steepness = _between(number["curve_strength"], *_CURVE)
        curved = shown & (number["curve"] < preset.curve_probability)
        drawn["curve"] = tf.where(curved, steepness, 0.0)
        drawn["curve_centre"] = _between(number["curve_centre"], 0.3, 0.7)
    if preset.latitude_probability and preset.latitude:
        levelled = shown & (number["levelled"] < preset.latitude_probability)
        drawn["latitude"] = tf.where(levelled, number["latitude"] * preset.latitude, 0.0)
        broad = _log_between(number["latitude_sigma"], *preset.latitude_pixels)
        drawn["latitude_sigma"] = pixel * broad
    if preset.sharpen_probability and preset.sharpness:
        sharpened = shown & (number["sharpen"] < preset.sharpen_probability)
        drawn["sharpness"] = tf.where(sharpened, number["sharpness"] * preset.sharpness, 0.0)
        drawn["sharpness_sigma"] = pixel * _log_between(number["sharpness_sigma"], *_FINE_PIXELS)
    if preset.window_probability and preset.window:
        narrowed = shown & (number["window"] < preset.window_probability)
        clipped = preset.window * tf.stack([number["window_low"], number["window_high"]], -1)
        drawn["window"] = tf.where(narrowed[..., None], clipped, -1.0)
    return drawn


def _draw_sides(number, name, seen, largest, shape):
    """Pixels covered at the left, top, right and bottom; where nothing is, -1e6."""
    value = 2 * tf.stack([number[f"{name}_{side}"] for side in range(4)], -1) - 1
    scale = np.array([shape[1], shape[0]] * 2, np.float32)
    return tf.where(seen[..., None] & (value > 0), value * largest * scale, -1e6)


def _between(value, low, high):
    return low + value * (high - low)


def _log_between(value, low, high):
    return tf.exp(_between(value, np.log(low), np.log(high)))


def _sign(negative):
    return tf.where(negative, tf.constant(-1.0, tf.float64), tf.constant(1.0, tf.float64))


def _uniform(seed, shape):
    """Numbers from 0 to below 1, float32 ``shape``, of 24 random bits each."""
    bits = tf.bitwise.right_shift(_bits(seed, "numbers", shape), 8)
    return tf.cast(tf.cast(bits, tf.int32), tf.float32) * np.float32(2.0**-24)


def _normal(seed, name, shape):
    """Nearly normal numbers of mean 0 and variance 1, float32 ``shape``: sums of twelve bytes.

    Sums are quicker than the logarithms and cosines of the usual recipe, and whole numbers are
    the same under every compiler.
    """
    sums = _pairwise(_bits(seed, name, (3, *shape)), 8, 0x00FF00FF)
    sums = (sums & 0xFFFF) + tf.bitwise.right_shift(sums, 16)
    return _standardised(tf.reduce_sum(tf.cast(sums, tf.int32), axis=0), 12, 256)


def _noise(seed, name, shape):
    """Like `_normal`, cheaper: sums of four half bytes, which end at 3.3 standard deviations."""
    height, width = shape
    # Two pixels for each word: the upper and the lower half of the picture.
    bits = _bits(seed, name, ((height + 1) // 2, width))
    sums = _pairwise(_pairwise(bits, 4, 0x0F0F0F0F), 8, 0x00FF00FF)
    sums = tf.concat([sums & 0xFFFF, tf.bitwise.right_shift(sums, 16)], axis=0)
    return _standardised(tf.cast(sums[:height], tf.int32), 4, 16)


def _pairwise(words, shift, mask):
    """Add neighbouring bit fields of uint32 words, all of them at once."""
    return (words & mask) + (tf.bitwise.right_shift(words, shift) & mask)


def _standardised(sums, count, levels):
    """Shift and scale sums of so many whole numbers from 0 to below `levels`."""
    deviation = np.float32(np.sqrt(count * (levels**2 - 1) / 12))
    return (tf.cast(sums, tf.float32) - count * (levels - 1) / 2) / deviation


def _bits(seed, name, shape):
    """Random uint32 numbers: of the same bits XLA would make other floats than tf.data does."""
    stream = tf.stack([seed[0], seed[1] * 8 + _STREAMS.index(name)])
    return tf.random.stateless_uniform(shape, stream, None, None, tf.uint32, alg="philox")


__all__ = ["PRESETS", "Augmentation", "apply", "augment", "draw"]
