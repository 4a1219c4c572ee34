"""Skin spans every bone: no bone of a limb may lie bare where the smoothed outline cuts it."""

from __future__ import annotations

import numpy as np
from numba import njit

from simulation.grid import Grid
from simulation.materials import INDEX, KINDS
from simulation.subjects import Subject

THINNEST_MM = 2.6
"""Skin and what is under it over a shin, a knuckle or the back of the ulna, in the leanest."""


@njit(cache=True)
def _cover(material, bony, steps, skin):
    nx, ny, nz = material.shape
    marked = 0
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                if not bony[material[i, j, k]]:
                    continue
                inner = (
                    0 < i < nx - 1
                    and 0 < j < ny - 1
                    and 0 < k < nz - 1
                    and bony[material[i - 1, j, k]]
                    and bony[material[i + 1, j, k]]
                    and bony[material[i, j - 1, k]]
                    and bony[material[i, j + 1, k]]
                    and bony[material[i, j, k - 1]]
                    and bony[material[i, j, k + 1]]
                )
                if inner:
                    continue
                for s in range(len(steps)):
                    a, b, c = i + steps[s, 0], j + steps[s, 1], k + steps[s, 2]
                    if 0 <= a < nx and 0 <= b < ny and 0 <= c < nz and material[a, b, c] == 0:
                        material[a, b, c] = skin
                        marked += 1
    return marked


def thickness(subject: Subject) -> float:
    """Return the thinnest cover of a subject's bones in mm."""
    return THINNEST_MM + 1.4 * min(max(subject.fat - 0.5, 0.0), 1.5)


def add(material: np.ndarray, density: np.ndarray, grid: Grid, millimetres: float) -> None:
    """Turn air within ``millimetres`` of bone into skin, in place.

    Args:
        material: uint8 volume without implants and casts.
        density: factors of the same shape.
        grid: of both.
        millimetres: from the centre of a bone's outermost voxel to the air.
    """
    reach = millimetres / grid.spacing
    n = int(np.ceil(reach))
    steps = np.argwhere(np.ones((2 * n + 1,) * 3)) - n
    steps = steps[np.linalg.norm(steps, axis=1) <= reach]
    bare = material == 0
    if _cover(material, KINDS == 2, steps, INDEX["skin"]):
        density[bare & (material != 0)] = 1.0
