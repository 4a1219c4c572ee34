"""From the primary beam behind the patient to the raw picture of a flat-panel detector.

All images are float32 ``(rows, columns)`` in units of the open beam's signal unless stated.
"""

from __future__ import annotations

import cv2
import numpy as np

BLADE_TRANSMISSION = 0.05
"""Below this transmission of the collimator a pixel is open beam, whatever lies behind it."""


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; ``sigma`` in pixels; the border is mirrored."""
    if sigma < 0.05:
        return image
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def _spread(image: np.ndarray, sigma: float) -> np.ndarray:
    """Broad Gaussian at a quarter of the resolution; nothing comes from outside the field."""
    rows, columns = image.shape
    small = cv2.resize(
        image, (max(1, columns // 4), max(1, rows // 4)), interpolation=cv2.INTER_AREA
    )
    pad = max(1, int(3 * sigma / 4))
    small = cv2.copyMakeBorder(small, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    small = cv2.GaussianBlur(small, (0, 0), max(sigma / 4, 0.3), borderType=cv2.BORDER_CONSTANT)
    small = small[pad:-pad, pad:-pad]
    return cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC)


def scatter(primary: np.ndarray, areal: np.ndarray, pixel_mm: float, strength: float) -> np.ndarray:
    """Scattered signal that reaches the detector.

    Every ray gives off scatter in proportion to its primary and to the mass it crossed; two broad
    Gaussians carry it over the field. In an endless slab the scatter-to-primary ratio is
    ``strength * areal``; near borders and for small parts it is less, as measured in water phantoms
    (Boone & Seibert, Med Phys 15 (1988) 713; about 3 behind 20 cm without a grid).

    Args:
        primary: primary signal.
        areal: g/cm2 along each ray.
        pixel_mm: pixel pitch.
        strength: scatter-to-primary ratio per g/cm2; 0.14 without a grid or a gap.
    """
    source = primary * areal * np.float32(strength)
    near, far = _spread(source, 22.0 / pixel_mm), _spread(source, 75.0 / pixel_mm)
    return np.maximum(0.5 * near + 0.5 * far, 0).astype(np.float32)


def heel(shape: tuple[int, int], strength: float, angle: float) -> np.ndarray:
    """Fall-off of the tube's output towards the anode, float32 ``shape`` with a mean of 1.

    Args:
        shape: rows, columns.
        strength: relative fall over the field, 0 to about 0.3.
        angle: direction of the anode in the image, radians.
    """
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    along = x * np.cos(angle) + y * np.sin(angle)
    distance = 1.0 - 0.03 * (x**2 + y**2)  # inverse square and obliquity towards the corners
    profile = (1.0 - strength * (0.35 * along + 0.2 * (along + 0.2) ** 2)) * distance
    return (profile / profile.mean()).astype(np.float32)


def gain(shape: tuple[int, int], strength: float, rng: np.random.Generator) -> np.ndarray:
    """Fixed-pattern gain: columns, rows and tiles, float32 ``shape`` around 1.

    Args:
        shape: rows, columns.
        strength: 0 (perfectly corrected) to about 1.5 (raw).
        rng: the detector's generator.
    """
    rows, columns = shape
    field = np.ones(shape)
    field *= 1 + 0.003 * strength * rng.standard_normal(columns)[None, :]
    field *= 1 + 0.001 * strength * rng.standard_normal(rows)[:, None]
    # Read-out amplifiers serve 24 to 63 columns each and differ a little in gain.
    width = int(rng.integers(24, 64))
    amplifiers = 1 + 0.004 * strength * rng.standard_normal(columns // width + 2)
    field *= np.repeat(amplifiers, width)[rng.integers(0, width) :][:columns][None, :]
    for axis, size in enumerate(shape):  # tiles of the panel, at most two seams per axis
        for _ in range(int(rng.integers(0, 3))):
            seam = int(size * rng.uniform(0.2, 0.8))
            step = 1 + 0.012 * strength * rng.standard_normal()
            field[
                (slice(seam, None), slice(None)) if axis == 0 else (slice(None), slice(seam, None))
            ] *= step
    return field.astype(np.float32)


def blades(shape: tuple[int, int], pixel_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Transmission of the collimator, float32 ``shape`` in [0, 1].

    Open is a rectangle, straight or turned, a strip between two blades, or, seldom, a disc. The
    edge is a penumbra of 0.5 to 8 mm; behind it a glow of radiation from outside the focal spot
    fades over some millimetres to centimetres.

    Args:
        shape: rows, columns.
        pixel_mm: pixel pitch.
        rng: generator of this picture.
    """
    inside = _aperture(shape, rng)
    penumbra = np.exp(rng.uniform(*np.log([0.5, 8.0]))) / pixel_mm
    leak = 10 ** rng.uniform(-3.5, -2.3)
    edge = 1 / (1 + np.exp(-np.clip(3 * inside / penumbra, -40, 40)))
    fading_mm = np.exp(rng.uniform(*np.log([3.0, 40.0])))
    glow = leak + rng.uniform(0, 0.045) * np.exp(np.minimum(inside, 0) * pixel_mm / fading_mm)
    return (glow + (1 - glow) * edge).astype(np.float32)


def _aperture(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Distance in pixels from the collimator's edge, positive where it is open."""
    rows, columns = shape
    angle = rng.uniform(-0.8, 0.8) if rng.random() < 0.3 else rng.normal(0, 0.03)
    half = rng.uniform(0.62, 0.98, 2) * np.array([columns, rows]) / 2
    if rng.random() < 0.35:  # two blades only
        half[rng.integers(2)] *= 2
    centre = np.array([columns, rows]) * (0.5 + rng.uniform(-0.06, 0.06, 2))
    y, x = np.mgrid[:rows, :columns]
    x, y = x - centre[0], y - centre[1]
    if rng.random() < 0.06:
        return rng.uniform(0.85, 1.15) * max(shape) / 2 - np.hypot(x, y)
    u, v = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    return np.minimum(half[0] - np.abs(u), half[1] - np.abs(v))


def glare(image: np.ndarray, pixel_mm: float, share: float) -> np.ndarray:
    """Light that spreads some millimetres within the scintillator."""
    return ((1 - share) * image + share * blur(image, 4.0 / pixel_mm)).astype(np.float32)


def expose(
    primary: np.ndarray,
    square: np.ndarray,
    scattered: np.ndarray,
    quanta: float,
    sigma: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Add quantum noise, then blur: noise and picture share the detector's blur.

    Args:
        primary: primary signal.
        square: variance factor of the primary (see :class:`simulation.projector.Projection`).
        scattered: scattered signal.
        quanta: detected open-beam photons per pixel.
        sigma: standard deviation of the blur in pixels.
        rng: generator of this picture.
    """
    variance = (square + 1.3 * scattered) / np.float32(quanta)
    noise = np.sqrt(np.maximum(variance, 0)) * rng.standard_normal(primary.shape, np.float32)
    return blur(primary + scattered + noise, sigma)


def borders(
    image: np.ndarray, label: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Dead lines at the border, or a dark frame, on some pictures.

    A frame is unexposed, so it is open beam; one or two dead lines change no label.
    """
    image, label = image.copy(), label.copy()
    kind = rng.random()
    if kind < 0.22:
        width = int(rng.integers(1, 3))
        value = 0.0 if rng.random() < 0.7 else 1.0
        for side in rng.permutation(4)[: rng.integers(1, 3)]:
            np.rot90(image, side)[:width] = value
    elif kind < 0.30:
        for side in range(4):
            width = int(rng.integers(2, 8))
            np.rot90(image, side)[:width] = 0.002
            np.rot90(label, side)[:width] = 0
    return image, label
