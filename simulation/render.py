"""One raw radiograph and its label map from a projection and a technique."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from simulation import cushions, detector, overlays, processing
from simulation.materials import INDEX, MATERIALS
from simulation.physics import Beam, beam, mass_attenuation
from simulation.projector import Projection
from simulation.technique import Technique


@dataclass(frozen=True)
class Picture:
    """A finished picture.

    Attributes:
        image: float32 ``(rows, columns)`` in [0, 1], linear and raw: open beam bright, bone dark.
        label: uint8 ``(rows, columns)``, class ids 0 open beam, 1 soft tissue, 2 bone.
        clean: float32, the same picture without quantum noise, for measuring contrast.
        noise: float32, the standard deviation of the quantum noise in ``image``.
        collimated: whether blades cover any of it.
        marker: whether a lead letter is visible.
        metal: whether metal other than the letter is visible.
        cast: whether a cast is visible.
        cushions: bool ``(rows, columns)``, where something that the body lies on weakens the beam.
        things: uint8 ``(rows, columns)`` by :mod:`simulation.things` in sets judged by them.
    """

    image: np.ndarray
    label: np.ndarray
    clean: np.ndarray
    noise: np.ndarray
    collimated: bool
    marker: bool
    metal: bool
    cast: bool
    cushions: np.ndarray | None = None
    things: np.ndarray | None = None


def beam_of(technique: Technique) -> Beam:
    """The beam that a technique's pictures are taken with."""
    return beam(technique.kvp, technique.aluminium_mm, technique.copper_mm)


def render(
    projection: Projection,
    technique: Technique,
    rng: np.random.Generator,
    panel: np.random.Generator | None = None,
) -> Picture:
    """Take one picture.

    Args:
        projection: of one of a scene's views, by :func:`beam_of` the technique.
        technique: exposure and everything else that is not anatomy.
        rng: generator of this picture: noise, blades, overlays.
        panel: generator of the detector (gain pattern, heel effect, dead borders); ``rng`` if
            None. Projections of one scan share a panel.

    Returns:
        the picture; a function of its arguments alone.
    """
    rays = beam_of(technique)
    shape, pitch = projection.signal.shape, projection.pixel_mm
    panel = panel or rng
    gains = detector.gain(shape, technique.gain, panel)
    fall = detector.heel(shape, technique.heel, panel.uniform(0, 2 * np.pi))

    over, label, marker = _things(tidy(projection.label), pitch, technique, rays, rng)
    over, label, resting = _supports(over, label, pitch, technique, rays, rng)
    aperture = detector.blades(shape, pitch, rng) if technique.collimated else None
    if aperture is not None:
        over = over * aperture
        label = np.where(aperture < detector.BLADE_TRANSMISSION, 0, label).astype(np.uint8)
    primary = projection.signal * over
    square = projection.square * over
    scattered = detector.scatter(primary, projection.areal, pitch, technique.scatter)

    level = _level(technique, primary + scattered, label)
    quanta = technique.full_ugy * level * rays.quanta_per_ugy_mm2 * pitch**2
    sigma = np.hypot(technique.blur_mm / pitch, 0.25)
    scale = np.float32(level) * fall * gains
    exposed = detector.expose(primary, square, scattered, quanta, sigma, rng)
    noise = scale * np.sqrt(np.maximum(square + 1.3 * scattered, 0) / np.float32(quanta))
    noise = (noise * _noise_left(sigma)).astype(np.float32)

    def finish(signal: np.ndarray) -> np.ndarray:
        raw = detector.glare(signal, pitch, technique.glare) * scale + np.float32(technique.offset)
        return np.clip(raw, 0, 1).astype(np.float32)

    clean = finish(detector.blur(primary + scattered, sigma))
    electronic = 2e-5 * rng.standard_normal(shape).astype(np.float32)
    raw = np.clip(finish(exposed) + electronic, 0, 1)
    hidden = np.zeros(shape, bool) if aperture is None else aperture < detector.BLADE_TRANSMISSION
    if technique.look:
        raw, clean, noise = _looked_at(raw, clean, noise, label, hidden, pitch, technique.look)
    image, label = detector.borders(raw, label, panel)
    covered = bool(hidden.mean() > 0.005)
    return Picture(
        image=image.astype(np.float32),
        label=label,
        clean=clean,
        noise=noise,
        collimated=covered,
        marker=marker,
        metal=projection.metal,
        cast=projection.cast,
        cushions=resting & ~hidden,
    )


def _level(technique: Technique, signal: np.ndarray, label: np.ndarray) -> float:
    """Full-scale level of the open beam; raised if an exposure control cares for the body."""
    body = label != 0
    if technique.aec == 0 or not body.any():
        return technique.level
    wanted = technique.aec / max(float(np.median(signal[body])), 1e-6)
    return float(np.clip(wanted, technique.level, technique.ceiling))


def tidy(label: np.ndarray, smallest: int = 6) -> np.ndarray:
    """Give patches of fewer than ``smallest`` pixels to what surrounds them: nobody draws them.

    Args:
        label: uint8 ``(rows, columns)`` class ids.
        smallest: pixels of the smallest patch that stays.
    """
    result = label.copy()
    around = cv2.medianBlur(label, 5)
    for index in range(3):
        _, patches, stats, _ = cv2.connectedComponentsWithStats(
            (label == index).astype(np.uint8), connectivity=8
        )
        small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < smallest)
        chosen = np.isin(patches, small[small > 0])
        result[chosen] = around[chosen]
    return result


def _noise_left(sigma: float) -> float:
    """Share of white noise's standard deviation that a Gaussian blur leaves."""
    impulse = np.zeros((31, 31), np.float32)
    impulse[15, 15] = 1
    return float(np.sqrt((detector.blur(impulse, sigma) ** 2).sum()))


def _things(
    label: np.ndarray, pitch: float, technique: Technique, rays, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Transmission of all overlays, and the label map with the marker in it."""
    through = np.ones(label.shape, np.float32)

    def attenuate(areal: np.ndarray, name: str) -> None:
        np.multiply(through, np.exp(-_mu(rays, name) * areal), out=through)

    if technique.foam:
        draw = overlays.foam if rng.random() < 0.7 else overlays.pillow
        attenuate(draw(label.shape, pitch, rng), "foam")
    if technique.cloth:
        attenuate(overlays.cloth(label.shape, pitch, rng), "textile")
    if not technique.marker:
        return through, label, False
    coverage, plate = overlays.letter(label, pitch, rng)
    through *= 1 - coverage * np.float32(rng.uniform(0.9, 0.995))
    through *= 1 - plate * np.float32(rng.uniform(0.02, 0.1))  # a plastic plate hides nothing
    return through, np.where(coverage >= 0.5, 2, label).astype(np.uint8), bool(coverage.max() > 0.5)


def _mu(rays: Beam, name: str) -> np.float32:
    """Mass attenuation in cm2/g at the beam's mean energy: thin things do not harden it."""
    mean = np.array([float(np.sum(rays.signal * rays.energies_kev))])
    return np.float32(mass_attenuation(MATERIALS[INDEX[name]].composition, mean)[0])


def _supports(
    over: np.ndarray, label: np.ndarray, pitch: float, technique: Technique, rays: Beam, rng
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put what the body lies on into the transmission and, if it is metal, into the label map.

    Returns:
        transmission and label map with it, and bool, where it weakens the beam.
    """
    areal = np.zeros(label.shape, np.float32)
    for name in technique.cushions:
        areal += cushions.KINDS[name](label, pitch, rng)
    if technique.cushions:
        over = over * np.exp(-_mu(rays, "foam") * areal)
    if technique.rail:
        metal = cushions.rail(label.shape, pitch, rng)
        over = over * (1 - np.float32(0.98) * metal)
        label = np.where(metal >= 0.5, 2, label).astype(np.uint8)
    return over, label, areal > cushions.VISIBLE


def _looked_at(
    image: np.ndarray,
    clean: np.ndarray,
    noise: np.ndarray,
    label: np.ndarray,
    hidden: np.ndarray,
    pitch: float,
    look: processing.Look,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Process a picture as shown, the noiseless one, and the noise, which the curve stretches."""
    shown, plain, shifted = (
        processing.process(one, label != 0, hidden, pitch, look)
        for one in (image, clean, clean + noise)
    )
    # No level is finer than those that the workstation keeps.
    return shown, plain, np.maximum(np.abs(shifted - plain), 1 / look.levels)
