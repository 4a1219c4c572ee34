"""One raw radiograph and its label map from a scene, a view and a technique."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from simulation import detector, overlays
from simulation.materials import INDEX, MATERIALS
from simulation.physics import beam, mass_attenuation
from simulation.projector import PreparedVolume, prepare, project
from simulation.scene import Geometry, Scene

TRUNK = frozenset(
    {"thorax", "lumbar spine", "pelvis", "neck of femur", "shoulder", "head", "neck", "clavicle"}
)
"""Parts taken with a grid and copper filtration when they are standard radiographs."""


@dataclass(frozen=True)
class Technique:
    """How a picture is taken; everything that is not anatomy or geometry.

    Attributes:
        kvp: tube voltage in kV.
        aluminium_mm: filtration.
        copper_mm: filtration.
        full_ugy: air kerma at the detector that fills its range, in uGy; with ``level`` it sets
            the dose and so the noise.
        level: the open beam's mean in parts of full scale; above 1 it saturates.
        aec: 0, or what an exposure control makes of the body's median in parts of full scale; the
            open beam then saturates.
        scatter: scatter-to-primary ratio per g/cm2 (air gap and grid included).
        blur_mm: focal spot, motion and detector, standard deviation at the detector.
        heel: fall-off towards the anode over the field.
        gain: strength of the uncorrected gain pattern.
        glare: share of the light that spreads.
        offset: dark signal in parts of full scale.
        collimated: blades are in the picture.
        foam: positioning foam or a pillow is in the picture.
        cloth: clothing or a sheet is in the picture.
        marker: a lead letter is in the picture.
    """

    kvp: float
    aluminium_mm: float = 2.7
    copper_mm: float = 0.0
    full_ugy: float = 10.0
    level: float = 0.9
    aec: float = 0.0
    scatter: float = 0.1
    blur_mm: float = 0.3
    heel: float = 0.1
    gain: float = 0.5
    glare: float = 0.01
    offset: float = 0.0
    collimated: bool = False
    foam: bool = False
    cloth: bool = False
    marker: bool = False


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
    """

    image: np.ndarray
    label: np.ndarray
    clean: np.ndarray
    noise: np.ndarray
    collimated: bool
    marker: bool


def draw_technique(part: str, source: str, kvp: float, rng: np.random.Generator) -> Technique:
    """Draw how a picture of ``part`` is taken.

    Args:
        part: body part.
        source: ``"radiograph"`` or ``"ct-projection"`` (no grid, a wide gap, no blades).
        kvp: tube voltage from the scene.
        rng: generator of this picture, or of the scan for projections of one scan.
    """
    trunk, scan = part in TRUNK, source == "ct-projection"
    grid = trunk and not scan and rng.random() < 0.8
    strength = 0.14 * (rng.uniform(0.12, 0.25) if grid else rng.uniform(0.6, 1.0))
    # Limbs rest on the detector; a scanner's wide gap lets most of the scatter miss it.
    strength *= rng.uniform(0.25, 0.5) if scan else 1.0
    full = (1.5, 20) if scan else (8, 60) if trunk else (3, 40)
    over = rng.random() < 0.15
    return Technique(
        kvp=float(round(kvp)),
        aluminium_mm=float(rng.choice([4.0, 6.0]) if scan else rng.choice([2.5, 2.7, 3.2])),
        copper_mm=float(rng.choice([0.0, 0.1, 0.2])) if trunk and not scan else 0.0,
        full_ugy=float(np.exp(rng.uniform(*np.log(full)))),
        level=float(rng.uniform(1.0, 1.35) if over else rng.uniform(0.75, 1.0)),
        aec=float(np.exp(rng.uniform(*np.log([0.03, 0.3]))))
        if trunk and not scan and rng.random() < 0.4
        else 0.0,
        scatter=float(strength),
        blur_mm=float(rng.uniform(0.2, 0.7)),
        heel=float(rng.uniform(0.02, 0.25)),
        gain=float(np.exp(rng.uniform(np.log(0.15), np.log(1.5)))),
        glare=float(rng.uniform(0.003, 0.02)),
        offset=float(rng.choice([0.0, 0.0, 0.004, 0.01])),
        collimated=bool(not scan and rng.random() < 0.4),
        foam=bool(rng.random() < (0.5 if scan else 0.25)),
        cloth=bool(not scan and rng.random() < (0.3 if trunk else 0.1)),
        marker=bool(not scan and rng.random() < 0.3),
    )


SHIFTS = ("kvp-low", "kvp-high", "noise", "gain")
"""Techniques outside the training range, for robustness tables: see :func:`shifted`."""


def shifted(technique: Technique, name: str) -> Technique:
    """Take ``technique`` out of the range that :func:`draw_technique` draws from.

    Args:
        technique: as drawn.
        name: one of :data:`SHIFTS`: tube voltage a fifth lower or a third higher, a tenth of the
            dose, or a raw panel (gain pattern twice the strongest, strong heel, dark offset).

    Raises:
        ValueError: for another name.
    """
    if name == "kvp-low":
        return replace(technique, kvp=float(max(40, round(0.8 * technique.kvp))))
    if name == "kvp-high":
        return replace(technique, kvp=float(min(150, round(1.33 * technique.kvp))))
    if name == "noise":
        return replace(technique, full_ugy=0.1 * technique.full_ugy)
    if name == "gain":
        return replace(technique, gain=3.0, heel=0.35, offset=0.02)
    raise ValueError(f"unknown shift {name!r}; one of {', '.join(SHIFTS)}")


def render(
    scene: Scene,
    geometry: Geometry,
    technique: Technique,
    rng: np.random.Generator,
    size: int,
    prepared: PreparedVolume | None = None,
    panel: np.random.Generator | None = None,
) -> Picture:
    """Take one picture.

    Args:
        scene: volume and part.
        geometry: one of the scene's views.
        technique: exposure and everything else that is not anatomy.
        rng: generator of this picture: noise, blades, overlays.
        size: pixels of the longer side.
        prepared: ``prepare(scene.volume)``, to share it between views.
        panel: generator of the detector (gain pattern, heel effect, dead borders); ``rng`` if
            None. Projections of one scan share a panel.

    Returns:
        the picture; a function of its arguments alone.
    """
    prepared = prepared or prepare(scene.volume)
    rays = beam(technique.kvp, technique.aluminium_mm, technique.copper_mm)
    projection = project(prepared, geometry, rays, size)
    shape, pitch = projection.signal.shape, projection.pixel_mm
    panel = panel or rng
    gains = detector.gain(shape, technique.gain, panel)
    fall = detector.heel(shape, technique.heel, panel.uniform(0, 2 * np.pi))

    over, label, marker = _things(tidy(projection.label), pitch, technique, rays, rng)
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
    image, label = detector.borders(np.clip(finish(exposed) + electronic, 0, 1), label, panel)
    covered = aperture is not None and bool(np.mean(aperture < detector.BLADE_TRANSMISSION) > 0.005)
    return Picture(image.astype(np.float32), label, clean, noise, covered, marker)


def _level(technique: Technique, signal: np.ndarray, label: np.ndarray) -> float:
    """Full-scale level of the open beam; raised if an exposure control cares for the body."""
    body = label != 0
    if technique.aec == 0 or not body.any():
        return technique.level
    wanted = technique.aec / max(float(np.median(signal[body])), 1e-6)
    return float(np.clip(wanted, technique.level, 60.0))


def tidy(label: np.ndarray, smallest: int = 6) -> np.ndarray:
    """Give patches of fewer than ``smallest`` pixels to what surrounds them: nobody draws them.

    Args:
        label: uint8 ``(rows, columns)`` class ids.
        smallest: pixels of the smallest patch that stays.
    """
    result = label.copy()
    around = cv2.medianBlur(label, 5)
    for index in range(3):
        count, patches, stats, _ = cv2.connectedComponentsWithStats(
            (label == index).astype(np.uint8), connectivity=8
        )
        small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < smallest)
        chosen = np.isin(patches, small[(small > 0) & (small < count)])
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
    mean = np.array([float(np.sum(rays.signal * rays.energies_kev))])

    def attenuate(areal: np.ndarray, name: str) -> None:
        mu = mass_attenuation(MATERIALS[INDEX[name]].composition, mean)[0]
        np.multiply(through, np.exp(-np.float32(mu) * areal), out=through)

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


def contrast_to_noise(picture: Picture, reach: int = 5) -> float:
    """Contrast-to-noise ratio of bone against the soft tissue within ``reach`` pixels of it.

    |mean of bone - mean of tissue| / noise of the tissue, on the pixels of either class that lie
    within ``reach`` pixels of the other. The noise is the known quantum noise of those tissue
    pixels (root mean square), so that anatomy is not taken for noise.

    Returns:
        the ratio; NaN if the picture has no bone beside tissue.
    """
    bone, tissue = _beside(picture.label, reach)
    if not bone.any():
        return float("nan")
    noise = np.sqrt(np.mean(picture.noise[tissue] ** 2))
    difference = picture.clean[bone].mean() - picture.clean[tissue].mean()
    return float(abs(difference) / max(noise, 1e-9))


def contrast_to_spread(picture: Picture, reach: int = 5) -> float:
    """Like :func:`contrast_to_noise`, over the tissue's whole standard deviation.

    The spread counts anatomy (thickness, gas, fat) with the noise; below 1 no single threshold
    tells bone from the tissue beside it, however well the eye does.
    """
    bone, tissue = _beside(picture.label, reach)
    if not bone.any():
        return float("nan")
    difference = picture.image[bone].mean() - picture.image[tissue].mean()
    return float(abs(difference) / max(picture.image[tissue].std(), 1e-9))


def _beside(label: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Bone near tissue and tissue near bone, bool; both empty if either is too small to measure."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    bone, tissue = label == 2, label == 1
    near = [
        mine & cv2.dilate(other.astype(np.uint8), disc).astype(bool)
        for mine, other in ((bone, tissue), (tissue, bone))
    ]
    if min(n.sum() for n in near) < 10:
        return np.zeros_like(bone), np.zeros_like(bone)
    return near[0], near[1]
