"""Rays through a voxel volume: detector signal, its variance, and the label of every pixel.

A fixed-step marcher with steps of half a voxel. Where the eight voxels around a sample differ,
materials are weighed trilinearly, so that slanted surfaces show no terraces; elsewhere one look-up
does. Blocks of air are jumped over. Single-threaded on purpose: two worker processes use two cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from simulation.marcher import Rays, Voxels, march
from simulation.materials import DENSITIES, KINDS
from simulation.physics import Beam
from simulation.scene import Geometry, Volume

BONE_MM, TISSUE_MM = 0.5, 0.3
"""Label rule: shortest path through bone (or metal), and through flesh, that makes a pixel such."""

VISIBLE = 20
"""Pixels that must show metal or plaster for a picture to count as showing it."""

SUBRAYS = 2
_BLOCK = 8
_FIXED = 8192.0  # density factors as uint16 fixed point: numba has no float16


@dataclass(frozen=True)
class PreparedVolume:
    """A volume in the marcher's form; build once per scene by :func:`prepare`."""

    material: np.ndarray
    density: np.ndarray
    cells: np.ndarray
    blocks: np.ndarray
    spacing_mm: float
    origin_mm: np.ndarray


@dataclass(frozen=True)
class Projection:
    """What the rays of one view saw; all arrays ``(rows, columns)``.

    Attributes:
        signal: float32, energy-integrated primary relative to the open beam.
        square: float32, factor of the signal's variance per open-beam photon.
        areal: float32, mass along the ray in g/cm2.
        label: uint8, class id by the label rule.
        pixel_mm: pixel pitch on the detector.
        metal: whether metal is visible: rays of at least :data:`VISIBLE` pixels cross some.
        cast: the same for plaster.
    """

    signal: np.ndarray
    square: np.ndarray
    areal: np.ndarray
    label: np.ndarray
    pixel_mm: float
    metal: bool = False
    cast: bool = False


def prepare(volume: Volume) -> PreparedVolume:
    """Classify cells and blocks of ``volume`` for the marcher.

    Raises:
        ValueError: if arrays disagree in shape, or a voxel names no material.
    """
    material = np.ascontiguousarray(volume.material)
    if material.shape != volume.density.shape or material.ndim != 3:
        raise ValueError(f"shapes {material.shape} and {volume.density.shape} must be equal, 3-D")
    if material.max() >= len(KINDS):
        raise ValueError(f"voxel value {material.max()} names no material")
    density = np.clip(volume.density.astype(np.float32) * _FIXED, 0, 65535).astype(np.uint16)
    cells = _classify(material)
    return PreparedVolume(
        material,
        density,
        cells,
        _occupied(cells),
        float(volume.spacing_mm),
        np.asarray(volume.origin_mm, dtype=float),
    )


@njit(cache=True)
def _classify(material):
    nx, ny, nz = material.shape
    cells = np.zeros((nx, ny, nz), np.uint8)
    for i in range(nx - 1):
        for j in range(ny - 1):
            for k in range(nz - 1):
                m = material[i, j, k]
                same = (
                    m == material[i, j, k + 1]
                    and m == material[i, j + 1, k]
                    and m == material[i, j + 1, k + 1]
                    and m == material[i + 1, j, k]
                    and m == material[i + 1, j, k + 1]
                    and m == material[i + 1, j + 1, k]
                    and m == material[i + 1, j + 1, k + 1]
                )
                cells[i, j, k] = m if same else 255
    return cells


def _occupied(cells: np.ndarray) -> np.ndarray:
    """uint8 ``(ceil(X/8), ...)``: 1 where a block of cells holds anything but air."""
    padded = np.pad(cells, [(0, -n % _BLOCK) for n in cells.shape])
    shape = [s for n in padded.shape for s in (n // _BLOCK, _BLOCK)]
    return padded.reshape(shape).max(axis=(1, 3, 5)).astype(bool).astype(np.uint8)


def pixel_grid(geometry: Geometry, size: int) -> tuple[int, int, float]:
    """Rows, columns and pixel pitch in mm of a view whose longer side has ``size`` pixels."""
    pitch = max(geometry.width_mm, geometry.height_mm) / size
    return round(geometry.height_mm / pitch), round(geometry.width_mm / pitch), pitch


def project(
    prepared: PreparedVolume,
    geometry: Geometry,
    beams: Sequence[Beam],
    size: int,
    subrays: int = SUBRAYS,
) -> list[Projection]:
    """March ``subrays`` x ``subrays`` rays per pixel, once for all beams.

    Args:
        prepared: the volume.
        geometry: source and detector in world mm.
        beams: energy bins, weights and attenuation of each.
        size: pixels of the detector's longer side.
        subrays: rays per pixel and axis, evenly spaced.

    Returns:
        a projection for each beam. Deterministic: no random numbers; other beams change nothing.
    """
    rows, columns, pitch = pixel_grid(geometry, size)
    to_voxel = 1.0 / prepared.spacing_mm
    source = (np.asarray(geometry.source_mm, float) - prepared.origin_mm) * to_voxel
    right = np.asarray(geometry.right, float) * pitch * to_voxel
    down = np.asarray(geometry.down, float) * pitch * to_voxel
    centre = (np.asarray(geometry.detector_mm, float) - prepared.origin_mm) * to_voxel
    corner = centre - right * columns / 2 - down * rows / 2
    # Beams may have fewer bins than others; a bin of no weight adds nothing.
    bins = max(len(beam.signal) for beam in beams)
    mu = np.zeros((len(beams), len(KINDS), bins), np.float32)
    weights = np.zeros((len(beams), 2, bins), np.float32)
    for index, beam in enumerate(beams):
        own = slice(len(beam.signal))
        mu[index, :, own] = beam.attenuation * 0.1 * prepared.spacing_mm
        weights[index, :, own] = beam.signal, beam.square
    density = (DENSITIES / _FIXED).astype(np.float32)
    voxels = Voxels(
        prepared.material, prepared.density, prepared.cells, prepared.blocks, density, KINDS
    )
    thresholds = BONE_MM / prepared.spacing_mm, TISSUE_MM / prepared.spacing_mm
    rays = Rays(source, corner, right, down, subrays, *thresholds)
    signal, square, areal, label, marks = march(voxels, rays, mu, weights, rows, columns)
    mass = areal * np.float32(prepared.spacing_mm) * np.float32(0.1)
    metal, cast = (bool(n >= VISIBLE) for n in marks[1:])
    return [
        Projection(*of_beam, mass, label, pitch, metal, cast)
        for of_beam in zip(signal, square, strict=True)
    ]
