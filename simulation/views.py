"""Where tube and detector stand: projections of a part, field of view, in-plane rotation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulation.scene import Geometry, Volume


@dataclass(frozen=True)
class View:
    """A usual projection of a part.

    Attributes:
        name: as in the manifest.
        yaw: turn of the beam about the part's long axis in degrees; 0 is from front to back.
        pitch: tilt of the beam in degrees; 90 looks from above, -90 from below.
        weight: how often it is taken.
    """

    name: str
    yaw: float = 0.0
    pitch: float = 0.0
    weight: float = 1.0


def frontal(
    oblique: float = 45.0, ap: float = 1.0, pa: float = 0.0, lateral: float = 1.0, side: float = 0.5
) -> tuple[View, ...]:
    """Return views from the front, the back, the sides and at an angle, with given weights."""
    found = (
        View("ap", 0, 0, ap),
        View("pa", 180, 0, pa),
        View("lateral", 90, 0, lateral / 2),
        View("lateral", -90, 0, lateral / 2),
        View("oblique", oblique, 0, side / 2),
        View("oblique", -oblique, 0, side / 2),
    )
    return tuple(v for v in found if v.weight > 0)


@dataclass(frozen=True)
class Framing:
    """A view as taken: beam direction and field of view in the plane through the part's centre."""

    view: str
    along: np.ndarray
    right: np.ndarray
    down: np.ndarray
    width_mm: float
    height_mm: float

    def reach(self) -> np.ndarray:
        """Half extents (mm) along x, y, z that the field covers in the central plane."""
        return (np.abs(self.right) * self.width_mm + np.abs(self.down) * self.height_mm) / 2


def axes(yaw: float, pitch: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Beam direction, image right and image down for angles in degrees; the proximal end is up."""
    a, b = np.radians([yaw, pitch])
    along = np.array([np.sin(a) * np.cos(b), np.cos(a) * np.cos(b), -np.sin(b)])
    right = np.array([np.cos(a), -np.sin(a), 0.0])
    return along, right, np.cross(along, right)


def in_plane_angle(rng: np.random.Generator) -> float:
    """Draw the picture's rotation in degrees: mostly near a right angle, often any."""
    if rng.random() < 0.35:
        return float(rng.uniform(0, 360))
    return float(rng.choice([0, 0, 0, 90, 180, 270]) + 7 * rng.standard_normal())


def upright_angle(rng: np.random.Generator) -> float:
    """Draw the rotation in degrees of a picture as a bucky takes it: mostly upright."""
    return float(4 * rng.standard_normal()) if rng.random() < 0.75 else in_plane_angle(rng)


def frame(
    view: View,
    width: float,
    height: float,
    rng: np.random.Generator,
    wobble: float = 4.0,
    turn: Callable[[np.random.Generator], float] = in_plane_angle,
) -> Framing:
    """Draw one picture's framing.

    Args:
        view: the projection aimed at.
        width: field across the part in mm.
        height: field along the part in mm.
        rng: draws errors of positioning, rotation, and side (mirroring).
        wobble: standard deviation of beam angles in degrees.
        turn: draws the in-plane rotation in degrees.
    """
    yaw, pitch = np.array([view.yaw, view.pitch]) + wobble * rng.standard_normal(2) * [1, 0.6]
    along, right, down = axes(yaw, pitch)
    # The skeleton's right side is simulated; a mirrored picture is the other side's.
    if rng.random() < 0.5:
        right = -right
    angle = np.radians(turn(rng))
    # A detector turned by about 90 degrees is laid along the limb again.
    if abs(np.sin(angle)) > 0.8:
        width, height = height, width
    c, s = np.cos(angle), np.sin(angle)
    return Framing(view.name, along, c * right + s * down, -s * right + c * down, width, height)


def depth_behind(volume: Volume, centre: np.ndarray, along: np.ndarray) -> float:
    """How far (mm) anything in the volume reaches behind ``centre`` towards the detector."""
    solid = volume.material[::4, ::4, ::4] != 0
    far = 0.0
    index = np.argwhere(solid)
    if len(index):
        points = volume.origin_mm + index * 4 * volume.spacing_mm
        far = float(((points - centre) @ along).max())
    return far + 2 * volume.spacing_mm


def place(
    framing: Framing, volume: Volume, centre: np.ndarray, source_to_detector: float, gap: float
) -> Geometry:
    """Put tube and detector for a framing.

    Args:
        framing: directions and field.
        volume: the detector stands ``gap`` mm behind whatever is in it.
        centre: point of the part in mm that the central ray meets.
        source_to_detector: distance in mm.
        gap: mm between skin and detector.
    """
    behind = depth_behind(volume, centre, framing.along) + gap
    magnification = source_to_detector / max(source_to_detector - behind, 100.0)
    return Geometry(
        source_mm=centre - framing.along * (source_to_detector - behind),
        detector_mm=centre + framing.along * behind,
        right=framing.right,
        down=framing.down,
        width_mm=framing.width_mm * magnification,
        height_mm=framing.height_mm * magnification,
        view=framing.view,
    )
