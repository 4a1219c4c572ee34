"""The inner loop of the projector: rays in steps of half a voxel, compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from simulation.materials import NAMES

_TILE = 16
METALS = ("titanium", "steel", "cobalt_chrome", "gold", "lead")
_MARKS = np.array([1 if n in METALS else 2 if n == "plaster" else 0 for n in NAMES], np.uint8)


class Voxels(NamedTuple):
    """What a ray reads of a volume."""

    material: np.ndarray
    density: np.ndarray
    cells: np.ndarray
    blocks: np.ndarray
    nominal: np.ndarray
    kinds: np.ndarray


class Rays(NamedTuple):
    """Where the rays run, in voxels, and how a pixel's count."""

    source: np.ndarray
    corner: np.ndarray
    right: np.ndarray
    down: np.ndarray
    subrays: int
    bone_min: float
    tissue_min: float


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
def march(voxels, rays, mu, weights, rows, columns):
    """March all rays of a view; see :func:`simulation.projector.project` for what comes out.

    What a ray passes is the same for all beams: ``mu`` is ``(beams, materials, bins)``, ``weights``
    ``(beams, 2, bins)``, and ``signal`` and ``square`` come out as ``(beams, rows, columns)``.
    """
    source, corner, right, down, subrays, bone_min, tissue_min = rays
    beams, materials, bins = mu.shape
    signal = np.zeros((beams, rows, columns), np.float32)
    square = np.zeros((beams, rows, columns), np.float32)
    areal = np.zeros((rows, columns), np.float32)
    label = np.zeros((rows, columns), np.uint8)
    marks = np.zeros(3, np.int64)
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
            for m in range(1, materials):
                if mass[m] > 0:
                    areal[row, column] += mass[m] * share
                    seen[_MARKS[m]] = 1
            for beam in range(beams):
                exponent[:] = 0.0
                for m in range(1, materials):
                    if mass[m] > 0:
                        for e in range(bins):
                            exponent[e] += mu[beam, m, e] * mass[m]
                for e in range(bins):
                    passed = np.exp(-exponent[e]) * share
                    signal[beam, row, column] += weights[beam, 0, e] * passed
                    square[beam, row, column] += weights[beam, 1, e] * passed
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
    return signal, square, areal, label, marks
