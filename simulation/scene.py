"""What anatomy hands to the renderer: a voxel volume and the rays that look at it.

World coordinates are right-handed millimetres. Volume arrays are indexed ``[x, y, z]``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Volume:
    """Voxels of one body part with everything that lies around it.

    Attributes:
        material: uint8 ``(X, Y, Z)``, index into :data:`simulation.materials.MATERIALS`.
        density: float16 ``(X, Y, Z)``, factor on the material's nominal density.
        spacing_mm: edge of a cubic voxel.
        origin_mm: float64 ``(3,)``, world position of the centre of voxel ``[0, 0, 0]``.
    """

    material: np.ndarray
    density: np.ndarray
    spacing_mm: float
    origin_mm: np.ndarray


@dataclass(frozen=True)
class Geometry:
    """A point source and a flat detector.

    Attributes:
        source_mm: float64 ``(3,)``, focal spot.
        detector_mm: float64 ``(3,)``, centre of the detector.
        right: float64 ``(3,)``, unit vector along image columns.
        down: float64 ``(3,)``, unit vector along image rows.
        width_mm: detector size along ``right``.
        height_mm: detector size along ``down``.
        view: the projection's usual name, for instance ``"ap"`` or ``"lateral"``.
    """

    source_mm: np.ndarray
    detector_mm: np.ndarray
    right: np.ndarray
    down: np.ndarray
    width_mm: float
    height_mm: float
    view: str


@dataclass(frozen=True)
class Scene:
    """One subject's body part in one pose, and the views taken of it.

    Attributes:
        volume: the voxels.
        geometries: one entry per view.
        part: body part, as in the manifest.
        subject: identifier of the simulated person, phantom or scan.
        kvp: tube voltage in kV, common to all views.
        flags: what else lies in the picture: any of ``metal``, ``cast``.
    """

    volume: Volume
    geometries: tuple[Geometry, ...]
    part: str
    subject: str
    kvp: float
    flags: frozenset[str] = field(default_factory=frozenset)
