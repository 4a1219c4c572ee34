"""Rays through a voxel volume: detector signal, its variance, and the label of every pixel.

A fixed-step marcher with steps of half a voxel. Where the eight voxels around a sample differ,
materials are weighed trilinearly, so that slanted surfaces show no terraces; elsewhere one look-up
does. Blocks of air are jumped over. Single-threaded on purpose: two worker processes use two cores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from simulation.materials import DENSITIES, KINDS, NAMES
from simulation.physics import Beam
from simulation.scene import Geometry, Volume

BONE_MM, TISSUE_MM = 0.5, 0.3
"""Label rule: shortest path through bone (or metal), and through flesh, that makes a pixel such."""

VISIBLE = 20
"""Pixels that must show metal or plaster for a picture to count as showing it."""

SUBRAYS = 2
_MIXED = 255
_BLOCK = 8
_TILE = 16
_FIXED = 8192.0  # density factors as uint16 fixed point: numba has no float16
_METALS = ("titanium", "steel", "cobalt_chrome", "lead")
_MARKS = np.array([1 if n in _METALS else 2 if n == "plaster" else 0 for n in NAMES], np.uint8)


class _Voxels(NamedTuple):
    """What :func:`_ray` reads of a volume."""

    material: np.ndarray
    density: np.ndarray
    cells: np.ndarray
    blocks: np.ndarray
    nominal: np.ndarray
    kinds: np.ndarray


class _Rays(NamedTuple):
    """Where the rays run, in voxels, and how a pixel's count."""

    source: np.ndarray
    corner: np.ndarray
    right: np.ndarray
    down: np.ndarray
    subrays: int
    bone_min: float
    tissue_min: float


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
        bone_mm: float32, mean path through bone and metal.
        label: uint8, class id by the label rule.
        pixel_mm: pixel pitch on the detector.
        metal: whether metal is visible: rays of at least :data:`VISIBLE` pixels cross some.
        cast: the same for plaster.
    """

    signal: np.ndarray
    square: np.ndarray
    areal: np.ndarray
    bone_mm: np.ndarray
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
    prepared: PreparedVolume, geometry: Geometry, beam: Beam, size: int, subrays: int = SUBRAYS
) -> Projection:
    """March ``subrays`` x ``subrays`` rays per pixel.

    Args:
        prepared: the volume.
        geometry: source and detector in world mm.
        beam: energy bins, weights and attenuation.
        size: pixels of the detector's longer side.
        subrays: rays per pixel and axis, evenly spaced.

    Returns:
        the projection. Deterministic: no random numbers.
    """
    rows, columns, pitch = pixel_grid(geometry, size)
    to_voxel = 1.0 / prepared.spacing_mm
    source = (np.asarray(geometry.source_mm, float) - prepared.origin_mm) * to_voxel
    right = np.asarray(geometry.right, float) * pitch * to_voxel
    down = np.asarray(geometry.down, float) * pitch * to_voxel
    centre = (np.asarray(geometry.detector_mm, float) - prepared.origin_mm) * to_voxel
    corner = centre - right * columns / 2 - down * rows / 2
    mu = np.ascontiguousarray(beam.attenuation * 0.1 * prepared.spacing_mm, dtype=np.float32)
    density = (DENSITIES / _FIXED).astype(np.float32)
    voxels = _Voxels(
        prepared.material, prepared.density, prepared.cells, prepared.blocks, density, KINDS
    )
    thresholds = BONE_MM / prepared.spacing_mm, TISSUE_MM / prepared.spacing_mm
    rays = _Rays(source, corner, right, down, subrays, *thresholds)
    weights = np.stack([beam.signal, beam.square]).astype(np.float32)
    signal, square, areal, bone, label, marks = _march(voxels, rays, mu, weights, rows, columns)
    spacing = np.float32(prepared.spacing_mm)
    mass, path = areal * spacing * np.float32(0.1), bone * spacing
    metal, cast = (bool(n >= VISIBLE) for n in marks[1:])
    return Projection(signal, square, mass, path, label, pitch, metal, cast)


@njit(cache=True, fastmath=True)
def _clip(source, direction, shape):
    """Where a ray enters and leaves the box of cells, as multiples of ``direction``."""
    near, far = 0.0, 1.0
    for axis in range(3):
        top = shape[axis] - 1.0 - 1e-4
        if abs(direction[axis]) < 1e-12:
            if source[axis] < 0.0 or source[axis] > top:
                return 1.0, 0.0
        else:
            a = -source[axis] / direction[axis]
            b = (top - source[axis]) / direction[axis]
            near = max(near, min(a, b))
            far = min(far, max(a, b))
    return near, far


@njit(cache=True, fastmath=True)
def _ray(voxels, source, direction, length, mass, path):
    """Fill ``mass`` (per material: density times path in voxels) and ``path`` (per kind)."""
    material, density, cells, blocks, nominal, kinds = voxels
    mass[:] = 0.0
    path[:] = 0.0
    near, far = _clip(source, direction, cells.shape)
    if near >= far:
        return
    step = 0.5 / length  # half a voxel
    count = int(np.ceil((far - near) / step))
    step = (far - near) / count
    width = step * length
    n = 0
    while n < count:
        t = near + (n + 0.5) * step
        x = source[0] + t * direction[0]
        y = source[1] + t * direction[1]
        z = source[2] + t * direction[2]
        i, j, k = int(x), int(y), int(z)
        cell = cells[i, j, k]
        if cell == 0:
            if blocks[i >> 3, j >> 3, k >> 3] == 0:
                leave = 2.0
                if direction[0] != 0.0:
                    edge = ((i >> 3) + (direction[0] > 0)) * 8.0
                    leave = min(leave, (edge - source[0]) / direction[0])
                if direction[1] != 0.0:
                    edge = ((j >> 3) + (direction[1] > 0)) * 8.0
                    leave = min(leave, (edge - source[1]) / direction[1])
                if direction[2] != 0.0:
                    edge = ((k >> 3) + (direction[2] > 0)) * 8.0
                    leave = min(leave, (edge - source[2]) / direction[2])
                n += max(1, int((leave - t) / step))
            else:
                n += 1
            continue
        n += 1
        if cell != 255:
            i, j, k = int(x + 0.5), int(y + 0.5), int(z + 0.5)
            mass[cell] += width * density[i, j, k] * nominal[cell]
            path[kinds[cell]] += width
            continue
        fx, fy, fz = x - i, y - j, z - k
        bone, body = 0.0, 0.0
        for di in range(2):
            wx = fx if di else 1.0 - fx
            for dj in range(2):
                wy = wx * (fy if dj else 1.0 - fy)
                for dk in range(2):
                    m = material[i + di, j + dj, k + dk]
                    if m:
                        w = wy * (fz if dk else 1.0 - fz)
                        mass[m] += width * w * density[i + di, j + dj, k + dk] * nominal[m]
                        if kinds[m] == 2:
                            bone += w
                        if kinds[m] != 0:
                            body += w
        # Paths are measured up to the surface of half occupancy: the smear of the weights, up to
        # a voxel wide, would otherwise pass the label rule's thresholds and swell every outline.
        if bone >= 0.5:
            path[2] += width
        elif body >= 0.5:
            path[1] += width


@njit(cache=True, fastmath=True)
def _march(voxels, rays, mu, weights, rows, columns):
    source, corner, right, down, subrays, bone_min, tissue_min = rays
    signal = np.zeros((rows, columns), np.float32)
    square = np.zeros((rows, columns), np.float32)
    areal = np.zeros((rows, columns), np.float32)
    bone = np.zeros((rows, columns), np.float32)
    label = np.zeros((rows, columns), np.uint8)
    marks = np.zeros(3, np.int64)
    materials, bins = mu.shape
    mass = np.zeros(materials, np.float32)
    path = np.zeros(3, np.float32)
    exponent = np.zeros(bins, np.float32)
    direction = np.zeros(3, np.float64)
    count = subrays * subrays
    share = np.float32(1.0 / count)
    # Tile by tile: neighbouring rays then find their voxels in the cache.
    across = (columns + _TILE - 1) // _TILE
    places = across * ((rows + _TILE - 1) // _TILE) * _TILE * _TILE
    for place in range(places):
        tile, inner = place // (_TILE * _TILE), place % (_TILE * _TILE)
        row = tile // across * _TILE + inner // _TILE
        column = tile % across * _TILE + inner % _TILE
        if row >= rows or column >= columns:
            continue
        bones, flesh = 0, 0
        seen = np.zeros(3, np.uint8)
        for sub in range(count):
            u = column + (sub % subrays + 0.5) / subrays
            v = row + (sub // subrays + 0.5) / subrays
            length = 0.0
            for axis in range(3):
                point = corner[axis] + u * right[axis] + v * down[axis]
                direction[axis] = point - source[axis]
                length += direction[axis] ** 2
            _ray(voxels, source, direction, np.sqrt(length), mass, path)
            exponent[:] = 0.0
            for m in range(1, materials):
                if mass[m] > 0:
                    areal[row, column] += mass[m] * share
                    seen[_MARKS[m]] = 1
                    for e in range(bins):
                        exponent[e] += mu[m, e] * mass[m]
            for e in range(bins):
                passed = np.exp(-exponent[e]) * share
                signal[row, column] += weights[0, e] * passed
                square[row, column] += weights[1, e] * passed
            bone[row, column] += path[2] * share
            if path[2] >= bone_min:
                bones += 1
            elif path[1] + path[2] >= tissue_min:
                flesh += 1
        for kind in range(3):
            marks[kind] += seen[kind]
        # Majority of the rays; half of them suffices against open beam, as a person who fills an
        # outline would, and bone wins a tie.
        if 2 * bones >= count:
            label[row, column] = 2
        elif 2 * (bones + flesh) >= count:
            label[row, column] = 1
    return signal, square, areal, bone, label, marks
