"""Tools to draw metal into voxels: rods along paths, and the centre line of a long bone."""

from __future__ import annotations

import numpy as np

from simulation.grid import Grid, stamp, tube
from simulation.materials import INDEX
from simulation.skeleton import Body

TITANIUM, STEEL, COBALT, GOLD, CARTILAGE = (
    INDEX[n] for n in ("titanium", "steel", "cobalt_chrome", "gold", "cartilage")
)
BONY = tuple(INDEX[n] for n in ("cortical", "spongiosa", "marrow"))


class Canvas:
    """Arrays of a volume with a way to draw rods into them."""

    def __init__(self, material: np.ndarray, density: np.ndarray, grid: Grid):
        self.material, self.density, self.grid = material, density, grid
        self.drawn = 0

    def rod(self, path, radii, metal: int, step: float = 1.0) -> None:
        """Draw a chain of spheres. Rods thinner than a voxel keep their mass."""
        points, radii = tube(np.asarray(path, float), np.asarray(radii, float), step)
        window = self.grid.window(
            points.min(axis=0) - radii.max() - 2, points.max(axis=0) + radii.max() + 2
        )
        if window is None:
            return
        local = self.grid.part(window)
        least = 0.75 * local.spacing
        used = np.maximum(radii, least)
        field = np.full(local.shape, 10.0, np.float32)
        stamp(field, local, points, used, 1.0)
        self.paint(window, field < 0, metal, float(min((radii.mean() / used.mean()) ** 2, 1.0)))

    def paint(self, window, mask, metal: int, factor: float = 1.0) -> None:
        """Fill the marked voxels of a window."""
        self.material[window][mask] = metal
        self.density[window][mask] = factor
        self.drawn += int(mask.sum())


class Shaft:
    """A long bone's centre line: position, radius and direction at u in 0 (proximal) to 1."""

    def __init__(self, vertices: np.ndarray, proximal: np.ndarray):
        centre = vertices.mean(axis=0)
        axis = np.linalg.svd(vertices - centre, full_matrices=False)[2][0]
        if (proximal - centre) @ axis > 0:
            axis = -axis
        t = (vertices - centre) @ axis
        self.low, self.length, self.axis = t.min(), float(np.ptp(t)), axis
        u = (t - t.min()) / np.ptp(t)
        self.knots = np.linspace(0.05, 0.95, 13)
        centres, radii = [], []
        for k in self.knots:
            near = vertices[np.abs(u - k) < 0.06]
            middle = near.mean(axis=0) if len(near) else centre
            off = near - middle
            off = off - np.outer(off @ axis, axis)
            centres.append(middle)
            radii.append(np.median(np.linalg.norm(off, axis=1)) if len(near) else 5.0)
        self.centres, self.radii = np.array(centres), np.array(radii)

    def at(self, u: float) -> np.ndarray:
        """Centre of the bone at u."""
        return np.array([np.interp(u, self.knots, self.centres[:, i]) for i in range(3)])

    def radius(self, u: float) -> float:
        """Half width of the bone at u in mm."""
        return float(np.interp(u, self.knots, self.radii))

    def across(self, rng) -> np.ndarray:
        """A random unit vector across the bone."""
        v = rng.standard_normal(3)
        v -= self.axis * (v @ self.axis)
        return v / np.linalg.norm(v)


def shaft_of(body: Body, name: str) -> Shaft:
    """Centre line of a long bone of the body."""
    return Shaft(body.bones[name].vertices, body.frames[body.bones[name].body][0])
