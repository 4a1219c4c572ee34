"""What happens to grey values between the X-ray tube and the picture on a screen.

In the order of an examination: folds and texture of the body, collimator, detector, then the
display's contrast curve and window, sharpening, a frame, and what storing does: few grey levels and
JPEG's blocks (stored coarsely, smooth regions turn into terraces without any noise, which no
detector shows). Each is a transform as `xnet_tf.transforms.Appearance` says. The two that cover
part of the picture, the collimator and the frame, make it open beam in the label map.

Lengths in pixels are those of an image 200 wide. Ranges are the smallest and the largest value.
"""

# The classes' docstrings say what a call does.
# ruff: noqa: D102
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xnet_tf import classes
from xnet_tf.backend import tf
from xnet_tf.preprocessing import normalise_gamma
from xnet_tf.transforms import REFERENCE_SIZE, Appearance, OpenBeamAppearance, Range, displacement

DIRECT_BEAM = 0.05
"""Where less than this share of the focal spot is seen past the blades, there is open beam."""

_BLOCK = 8  # JPEG's, in pixels
_MIDDLE = 128 / 255  # JPEG's zero, as a grey value

# Steps of a block's cosine coefficients at quality 50, of 255 grey levels; rows are vertical
# frequencies (ITU-T T.81, table K.1).
_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)


@dataclass(frozen=True)
class Fold(OpenBeamAppearance):
    """Two more layers of flesh, as of breasts or folds of skin, lie over the body.

    Each is as thick as an ellipsoid, with the sharp edge that one has. What is behind it gets
    darker, and stays what it is; open beam stays as it is, for flesh would be none.

    Attributes:
        depth: attenuation in the middle of one, as an exponent of e.
        radius: half axis, as a fraction of the image's side.
        flatness: how much of an ellipsoid's roundness the flattest has lost, as flesh that a chest
            stand or table presses flat; 1 would be a plate.
    """

    depth: tuple[float, float]
    radius: tuple[float, float] = (0.1, 0.4)
    flatness: float = 0.0

    def __call__(self, planes, labels, draws):
        height, width = planes.shape[1:3]
        depth, thickness = draws.uniform(*self.depth), 0.0
        for _ in range(2):
            x, y = draws.uniform() * width, draws.uniform() * height
            across, down = draws.uniform(*self.radius) * width, draws.uniform(*self.radius) * height
            right = (tf.range(width, dtype=tf.float32) - x) / across
            below = (tf.range(height, dtype=tf.float32)[:, None] - y) / down
            roundness = 0.5 * (1 - draws.uniform(0.0, self.flatness))
            thickness += tf.nn.relu(1 - right**2 - below**2) ** roundness
        return _in_body(planes, labels, -depth * thickness), labels


@dataclass(frozen=True)
class Texture(OpenBeamAppearance):
    """Make the body uneven, flesh and bone alike: more or less of it, in grains of one size.

    Simulated flesh is smoother than real fat, glands and muscle, and unevenness is then taken for
    bone. Open beam stays as it is.

    Attributes:
        strength: largest standard deviation of the logarithm of the factor.
        pixels: sigma of the grains, drawn log-uniformly.
    """

    strength: float
    pixels: tuple[float, float] = (0.8, 5.0)

    def __call__(self, planes, labels, draws):
        sigma = _pixels(planes, draws.log_uniform(*self.pixels))
        # What a Gaussian leaves of white noise has a standard deviation of 1 / (2 sigma sqrt(pi)).
        amount = draws.uniform(0.0, self.strength) * 2 * sigma * np.sqrt(np.pi)
        uneven = amount * _broad_blur(draws.noise(planes.shape[1:3]), sigma)
        return _in_body(planes, labels, uneven), labels


class Blur(Range, Appearance):
    """Gaussian blur, borders mirrored, of a sigma between two (pixels)."""

    def __call__(self, planes, labels, draws):
        sigma = _pixels(planes, draws.uniform(self.low, self.high))
        # Weights below 1e-4 of the middle's are left out.
        radius = max(1, int(np.ceil(_pixels(planes, self.high) * np.sqrt(2 * np.log(1e4)) - 1)))
        distance = np.arange(-radius, radius + 1, dtype=np.float32)
        # A sigma of 0 makes the kernel that changes nothing.
        weights = tf.exp(-0.5 * (distance / tf.maximum(sigma, 1e-2)) ** 2)
        weights = tf.unstack(weights / tf.reduce_sum(weights, -1, keepdims=True), axis=-1)
        height, width = planes.shape[1:3]
        padded = tf.pad(planes, [[0, 0], [radius, radius], [0, 0]], mode="REFLECT")
        planes = tf.add_n([w[..., None] * padded[:, k : k + height] for k, w in enumerate(weights)])
        padded = tf.pad(planes, [[0, 0], [0, 0], [radius, radius]], mode="REFLECT")
        parts = [w[..., None] * padded[:, :, k : k + width] for k, w in enumerate(weights)]
        return tf.add_n(parts), labels


@dataclass(frozen=True)
class Collimate(OpenBeamAppearance):
    """Put a collimator before the tube: four blades, each seen in every second picture.

    A blade's shadow has a soft edge, for the focal spot has a size. Behind it remain what the blade
    leaks and a glow of radiation from outside the focal spot and from scatter, which falls with the
    distance from the edge; the patient is seen in it faintly or not at all. What a blade covers
    becomes open beam.

    Attributes:
        share: largest fraction of the image's side that a blade covers.
        degrees: largest turn of the collimator either way; most are far smaller.
        penumbra: width of the shadow's soft edge, in pixels, drawn log-uniformly.
        leak: signal behind a blade, as a share of the open beam's, drawn log-uniformly.
        glow: largest additional signal behind a blade's edge.
        reach: pixels after which the glow has fallen to 1/e, drawn log-uniformly.
    """

    share: float
    degrees: float = 0.0
    penumbra: tuple[float, float] = (0.5, 5.0)
    leak: tuple[float, float] = (1e-4, 0.02)
    glow: float = 0.08
    reach: tuple[float, float] = (2.0, 20.0)

    def __call__(self, planes, labels, draws):
        blades = _sides(planes, self.share, draws)
        # The fifth power leaves most turns below two degrees.
        angle = draws.uniform(-1.0, 1.0) ** 5 * np.float32(np.deg2rad(self.degrees))
        inside = _distance_from_sides(blades, planes.shape[1:3], angle)
        direct = tf.sigmoid(inside * (4 / _pixels(planes, draws.log_uniform(*self.penumbra))))
        leak, glow = draws.log_uniform(*self.leak), draws.uniform(0.0, self.glow)
        reach = _pixels(planes, draws.log_uniform(*self.reach))
        seen = draws.uniform()
        behind = seen * planes + (1 - seen) * tf.reduce_mean(planes, (1, 2), keepdims=True)
        behind *= tf.exp(tf.minimum(inside, 0.0) / reach) * glow + leak
        return behind + direct * (planes - behind), _open_beam(direct < DIRECT_BEAM, labels)


@dataclass(frozen=True)
class Noise(Appearance):
    """Nearly Gaussian noise of up to this standard deviation where the image is 1.

    As with X-ray quanta, it falls with the square root of the grey value.
    """

    strength: float

    def __call__(self, planes, labels, draws):
        amount = draws.uniform(0.0, self.strength) * tf.sqrt(tf.nn.relu(planes))
        return planes + amount * draws.noise(planes.shape[1:3]), labels


@dataclass(frozen=True)
class Gain(Appearance):
    """Multiply by a factor drawn log-uniformly between the inverse of this one and itself."""

    factor: float

    def __call__(self, planes, labels, draws):
        return planes * draws.log_uniform(1 / self.factor, self.factor), labels


@dataclass(frozen=True)
class Field(Appearance):
    """A slowly varying gain, whose logarithm has this standard deviation."""

    strength: float

    def __call__(self, planes, labels, draws):
        grid = self.strength * draws.normal((4, 4))
        return planes * tf.exp(displacement(grid, planes.shape[1:3])), labels


@dataclass(frozen=True)
class Offset(Appearance):
    """Shift the brightness by up to a share of the image's mean, either way.

    What is little to a bright image would blot out a dark one.
    """

    share: float

    def __call__(self, planes, labels, draws):
        mean = tf.reduce_mean(planes, (1, 2), keepdims=True)
        return planes + draws.uniform(-self.share, self.share) * mean, labels


@dataclass(frozen=True)
class Saturate(Appearance):
    """Clip to [0, 1], as a detector or a screen does."""

    def __call__(self, planes, labels, draws):
        return tf.clip_by_value(planes, 0.0, 1.0), labels


@dataclass(frozen=True)
class LogScale(Range, Appearance):
    """A logarithmic scale, on which a factor between two of the signal is told apart."""

    low: float = 10.0
    high: float = 1000.0

    def __call__(self, planes, labels, draws):
        factor = draws.log_uniform(self.low, self.high)
        return tf.math.log1p(tf.nn.relu(planes) * factor) / tf.math.log1p(factor), labels


class Gamma(Range, Appearance):
    """Raise to an exponent between two, drawn log-uniformly."""

    def __call__(self, planes, labels, draws):
        exponent = draws.log_uniform(self.low, self.high)
        # The power, in a form that compilers turn into quicker code.
        return tf.exp(exponent * tf.math.log(tf.maximum(planes, 1e-12))), labels


@dataclass(frozen=True)
class SCurve(Appearance):
    """Contrast along a logistic curve through (0, 0) and (1, 1), as film's: DICOM's sigmoid.

    Attributes:
        steepness: of the curve, 1 and more.
        centre: the grey value where it is steepest.
    """

    steepness: tuple[float, float] = (2.0, 8.0)
    centre: tuple[float, float] = (0.3, 0.7)

    def __call__(self, planes, labels, draws):
        steepness, centre = draws.uniform(*self.steepness), draws.uniform(*self.centre)
        low, high = tf.sigmoid(-steepness * centre), tf.sigmoid(steepness * (1 - centre))
        return (tf.sigmoid(steepness * (planes - centre)) - low) / (high - low), labels


@dataclass(frozen=True)
class ReduceLatitude(Appearance):
    """Take away a share of the broad differences, and stretch the rest to the range there was.

    The processing of a digital detector does it, so that lungs and abdomen are seen at once.

    Attributes:
        share: largest share of them that is taken away.
        pixels: sigma of the blur that tells broad from fine, drawn log-uniformly.
    """

    share: float
    pixels: tuple[float, float] = (8.0, 50.0)

    def __call__(self, planes, labels, draws):
        share, sigma = draws.uniform(0.0, self.share), draws.log_uniform(*self.pixels)
        flat = planes - share * _broad_blur(planes, _pixels(planes, sigma))
        (low, high), (new_low, new_high) = _ends(planes), _ends(flat)
        stretch = (high - low) / tf.maximum(new_high - new_low, 1e-3)
        return low + (flat - new_low) * stretch, labels


@dataclass(frozen=True)
class Sharpen(Appearance):
    """Raise the local contrast by an unsharp mask.

    Attributes:
        strength: largest factor of the fine structure that is added.
        pixels: sigma of the blur that the picture is compared with, drawn log-uniformly.
    """

    strength: float
    pixels: tuple[float, float] = (1.0, 12.0)

    def __call__(self, planes, labels, draws):
        strength, sigma = draws.uniform(0.0, self.strength), draws.log_uniform(*self.pixels)
        smooth = _broad_blur(planes, _pixels(planes, sigma))
        return planes + strength * (planes - smooth), labels


@dataclass(frozen=True)
class Window(Appearance):
    """Clip the darkest and brightest grey values: up to a share of the way to the mean."""

    share: float

    def __call__(self, planes, labels, draws):
        dark, bright = (draws.uniform(0.0, self.share) for _ in range(2))
        low, high = _ends(planes)
        mean = tf.reduce_mean(planes, (1, 2), keepdims=True)
        low, high = low + dark * (mean - low), high - bright * (high - mean)
        return (planes - low) / tf.maximum(high - low, 1e-3), labels


@dataclass(frozen=True)
class Frame(OpenBeamAppearance):
    """A plain black or white frame (padding, shutters), which is open beam.

    Each of its four sides is seen in every second picture and covers up to a share of the image's.
    """

    share: float

    def __call__(self, planes, labels, draws):
        framed = _distance_from_sides(_sides(planes, self.share, draws), planes.shape[1:3]) < 0
        return tf.where(framed, tf.round(draws.uniform()), planes), _open_beam(framed, labels)


class GreyLevels(Range, Appearance):
    """Round to equally spaced grey values, with so many steps from 0 to 1, log-uniformly."""

    def __call__(self, planes, labels, draws):
        steps = tf.round(draws.log_uniform(self.low, self.high))
        return tf.round(planes * steps) / steps, labels


class Jpeg(Range, Appearance):
    """Round the cosine coefficients of 8x8 blocks, as JPEG of a quality between two (1 to 100)."""

    def __call__(self, planes, labels, draws):
        quality, (height, width) = draws.uniform(self.low, self.high), planes.shape[1:3]
        # The factor of the standard's example steps is libjpeg's.
        factor = tf.where(quality < 50, 50 / quality, 2 - quality / 50)
        padding = [[0, 0], [0, -height % _BLOCK], [0, -width % _BLOCK]]
        padded = tf.pad(planes, padding, mode="SYMMETRIC")
        rows, columns = (_cosines(size) for size in padded.shape[1:3])
        repeats = [size // _BLOCK for size in padded.shape[1:3]]
        steps = tf.maximum(tf.floor(factor * np.tile(_STEPS, repeats) + 0.5), 1.0) / 255
        waves = tf.round(rows @ (padded - _MIDDLE) @ columns.T / steps) * steps
        stored = rows.T @ waves @ columns + _MIDDLE
        return tf.clip_by_value(stored[:, :height, :width], 0.0, 1.0), labels


@dataclass(frozen=True)
class NormaliseGamma(Appearance):
    """Bring the grey scale to the one that `segment` gives pictures (`normalise_gamma`)."""

    def __call__(self, planes, labels, draws):
        return normalise_gamma(planes[..., None])[..., 0], labels


def _pixels(planes, length):
    """A length in pixels of an image 200 wide, in pixels of these."""
    return length * (planes.shape[2] / REFERENCE_SIZE)


def _in_body(planes, labels, exponent):
    """Multiply by a power of e, but for open beam."""
    return tf.where(labels == classes.OPEN_BEAM, planes, planes * tf.exp(exponent))


def _open_beam(covered, labels):
    return tf.where(covered, tf.cast(classes.OPEN_BEAM, labels.dtype), labels)


def _ends(planes):
    return tuple(f(planes, (1, 2), keepdims=True) for f in (tf.reduce_min, tf.reduce_max))


def _sides(planes, share, draws):
    """Pixels covered at the left, top, right and bottom, half of them not at all (far away)."""
    height, width = planes.shape[1:3]
    drawn = [draws.uniform(-share, share) for _ in range(4)]
    sizes = zip(drawn, (width, height, width, height), strict=True)
    return [tf.where(side > 0, side * size, -1e6) for side, size in sizes]


def _distance_from_sides(sides, shape, angle=0.0):
    """Pixels between each pixel's centre and the nearest side's edge, negative behind it.

    A turned blade's reach is counted from where it first touches the picture.
    """
    height, width = shape
    x = tf.range(width, dtype=tf.float32) - (width - 1) / 2
    y = tf.range(height, dtype=tf.float32)[:, None] - (height - 1) / 2
    cosine, sine = tf.cos(angle), tf.sin(angle)
    half_across = (width * tf.abs(cosine) + height * tf.abs(sine)) / 2
    half_down = (width * tf.abs(sine) + height * tf.abs(cosine)) / 2
    left, top, right, bottom = sides
    across, down = x * cosine + y * sine, y * cosine - x * sine
    across = tf.minimum(across + (half_across - left), (half_across - right) - across)
    down = tf.minimum(down + (half_down - top), (half_down - bottom) - down)
    return tf.minimum(across, down)


def _broad_blur(planes, sigma):
    """Gaussian blur of any width, as two matrix products; borders count less, not mirrored."""
    rows, columns = (_gaussian_matrix(size, sigma) for size in planes.shape[1:3])
    return tf.matmul(rows @ planes, columns, transpose_b=True)


def _gaussian_matrix(size, sigma):
    distance = tf.range(size, dtype=tf.float32)[:, None] - tf.range(size, dtype=tf.float32)
    weights = tf.exp(-0.5 * (distance / sigma) ** 2)
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)


def _cosines(size):
    """Orthonormal cosine transform of each block of a line, float32 ``(size, size)``."""
    place, frequency = np.arange(_BLOCK), np.arange(_BLOCK)[:, None]
    waves = np.cos(np.pi * (2 * place + 1) * frequency / (2 * _BLOCK)) * np.sqrt(2 / _BLOCK)
    waves[0] /= np.sqrt(2)
    return np.kron(np.eye(size // _BLOCK), waves).astype(np.float32)
