"""Voxel grids and smooth fields on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import ndimage


@dataclass(frozen=True)
class Grid:
    """A box of cubic voxels: world position of the first voxel's centre, spacing in mm, shape."""

    origin: np.ndarray
    spacing: float
    shape: tuple[int, int, int]

    @classmethod
    def around(cls, low, high, spacing: float) -> Grid:
        """Cover the box from ``low`` to ``high`` (mm)."""
        low, high = np.asarray(low, float), np.asarray(high, float)
        shape = tuple(int(n) for n in np.ceil((high - low) / spacing) + 1)
        return cls(low, float(spacing), shape)

    @property
    def high(self) -> np.ndarray:
        """Centre of the last voxel in mm."""
        return self.origin + self.spacing * (np.array(self.shape) - 1)

    def coarse(self, factor: int) -> Grid:
        """Cover the same box with voxels ``factor`` times as large (and one more at the end)."""
        shape = tuple(int(np.ceil((n - 1) / factor)) + 1 for n in self.shape)
        return Grid(self.origin, self.spacing * factor, shape)

    def axes(self) -> list[np.ndarray]:
        """Coordinates in mm along x, y, z, shaped for broadcasting."""
        return [
            (self.origin[i] + self.spacing * np.arange(n)).reshape(
                [-1 if j == i else 1 for j in range(3)]
            )
            for i, n in enumerate(self.shape)
        ]

    def window(self, low, high) -> tuple[slice, slice, slice] | None:
        """Slices of the voxels in a box given in mm; None where the box misses the grid."""
        a = np.floor((np.asarray(low) - self.origin) / self.spacing).astype(int)
        b = np.ceil((np.asarray(high) - self.origin) / self.spacing).astype(int) + 1
        a, b = np.maximum(a, 0), np.minimum(b, self.shape)
        return (
            None
            if np.any(a >= b)
            else tuple(slice(int(i), int(j)) for i, j in zip(a, b, strict=True))
        )

    def part(self, window) -> Grid:
        """Return the grid that a window covers."""
        start = np.array([s.start for s in window])
        shape = tuple(s.stop - s.start for s in window)
        return Grid(self.origin + start * self.spacing, self.spacing, shape)


def noise(shape, spacing: float, length_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise, float32, of the given correlation length: mean 0, deviation about 0.75."""
    steps = [max(int(np.ceil(n * spacing / length_mm)) + 3, 4) for n in shape]
    values = rng.standard_normal(steps).astype(np.float32)
    values = ndimage.gaussian_filter(values, 0.6, mode="wrap")
    values = (values - values.mean()) / max(float(values.std()), 1e-6)
    return resample(values, spacing / length_mm, np.array([0.5, 0.5, 0.5]), shape)


@njit(cache=True)
def _resample(field, step, start, out):
    nx, ny, nz = field.shape
    line = np.empty(nz, np.float32)
    index = np.empty(out.shape[2], np.int64)
    part = np.empty(out.shape[2], np.float32)
    for k in range(out.shape[2]):
        z = min(max(start[2] + k * step, 0.0), nz - 1.001)
        index[k] = int(z)
        part[k] = z - int(z)
    for i in range(out.shape[0]):
        x = min(max(start[0] + i * step, 0.0), nx - 1.001)
        i0 = int(x)
        fx = np.float32(x - i0)
        for j in range(out.shape[1]):
            y = min(max(start[1] + j * step, 0.0), ny - 1.001)
            j0 = int(y)
            fy = np.float32(y - j0)
            a = (1 - fx) * (1 - fy)
            b = (1 - fx) * fy
            c = fx * (1 - fy)
            d = fx * fy
            # First across, on the coarse line only, then along it.
            for k in range(nz):
                line[k] = (
                    a * field[i0, j0, k]
                    + b * field[i0, j0 + 1, k]
                    + c * field[i0 + 1, j0, k]
                    + d * field[i0 + 1, j0 + 1, k]
                )
            for k in range(out.shape[2]):
                low = line[index[k]]
                out[i, j, k] = low + (line[index[k] + 1] - low) * part[k]


def resample(field: np.ndarray, step: float, start: np.ndarray, shape) -> np.ndarray:
    """Trilinear look-up of ``field[start + step * index]``; clamps at the border.

    Args:
        field: float32, three axes of at least two voxels.
        step: coarse voxels per fine voxel.
        start: ``(3,)``, coarse position of the first fine voxel.
        shape: shape of the result.

    Returns:
        float32 array of that shape.
    """
    out = np.empty(shape, np.float32)
    _resample(np.ascontiguousarray(field, np.float32), float(step), np.asarray(start, float), out)
    return out


def refine(field: np.ndarray, coarse: Grid, fine: Grid) -> np.ndarray:
    """Bring a field from a coarse grid to a finer one."""
    start = (fine.origin - coarse.origin) / coarse.spacing
    return resample(field, fine.spacing / coarse.spacing, start, fine.shape)


@njit(cache=True)
def _stamp(field, origin, spacing, points, radii, reach):
    n0, n1, n2 = field.shape
    for p in range(points.shape[0]):
        r = radii[p]
        far = r + reach
        a = (points[p] - far - origin) / spacing
        b = (points[p] + far - origin) / spacing
        for i in range(max(int(np.ceil(a[0])), 0), min(int(np.floor(b[0])), n0 - 1) + 1):
            dx = origin[0] + i * spacing - points[p, 0]
            for j in range(max(int(np.ceil(a[1])), 0), min(int(np.floor(b[1])), n1 - 1) + 1):
                dy = origin[1] + j * spacing - points[p, 1]
                for k in range(max(int(np.ceil(a[2])), 0), min(int(np.floor(b[2])), n2 - 1) + 1):
                    dz = origin[2] + k * spacing - points[p, 2]
                    d = np.sqrt(dx * dx + dy * dy + dz * dz) - r
                    if d < field[i, j, k]:
                        field[i, j, k] = d


def stamp(
    field: np.ndarray, grid: Grid, points: np.ndarray, radii: np.ndarray, reach: float
) -> None:
    """Lower a distance field to that of spheres, in place, as far as ``reach`` mm outside them."""
    _stamp(
        field,
        grid.origin.astype(float),
        grid.spacing,
        np.ascontiguousarray(points, float),
        np.ascontiguousarray(radii, float),
        float(reach),
    )


def tube(path: np.ndarray, radii, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Sample a polyline every ``step`` mm; radii are given at its corners (or one for all)."""
    path = np.asarray(path, float)
    length = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
    s = np.linspace(0.0, length[-1], max(int(np.ceil(length[-1] / step)) + 1, 2))
    points = np.stack([np.interp(s, length, path[:, i]) for i in range(3)], axis=1)
    return points, np.interp(s, length, np.broadcast_to(radii, len(path)).astype(float))


def ellipsoid(grid: Grid, centre, radii) -> np.ndarray:
    """Return the approximate distance (mm, negative inside) to an axis-parallel ellipsoid."""
    x, y, z = (
        (((a - c) / r) ** 2).astype(np.float32)
        for a, c, r in zip(grid.axes(), centre, radii, strict=True)
    )
    q = x + y + z
    return (np.sqrt(q, out=q) - np.float32(1.0)) * np.float32(min(radii))


def smooth(field: np.ndarray, grid: Grid, sigma_mm: float) -> np.ndarray:
    """Gaussian blur with a width in mm."""
    return ndimage.gaussian_filter(field, sigma_mm / grid.spacing, mode="nearest", truncate=3.0)


@njit(cache=True)
def _parabolas(f, place, border, out):
    """Squared distance transform of one line (Felzenszwalb and Huttenlocher 2012)."""
    n = f.shape[0]
    k = -1
    for q in range(n):
        if f[q] >= 1e9:
            continue
        while k >= 0:
            v = place[k]
            s = ((f[q] + q * q) - (f[v] + v * v)) / (2.0 * q - 2.0 * v)
            if s > border[k]:
                break
            k -= 1
        k += 1
        place[k] = q
        border[k] = -1e9 if k == 0 else s
    if k < 0:
        out[:] = 1e9
        return
    last = k
    k = 0
    for q in range(n):
        while k < last and border[k + 1] < q:
            k += 1
        v = place[k]
        out[q] = (q - v) * (q - v) + f[v]


@njit(cache=True)
def _squared_distance(mask, out):
    n0, n1, n2 = mask.shape
    longest = max(n0, n1, n2)
    place = np.empty(longest, np.int64)
    border = np.empty(longest, np.float64)
    line = np.empty(longest, np.float64)
    result = np.empty(longest, np.float64)
    for i in range(n0):
        for j in range(n1):
            run = 1e5
            for k in range(n2):
                run = 0.0 if mask[i, j, k] else run + 1.0
                out[i, j, k] = run
            run = 1e5
            for k in range(n2 - 1, -1, -1):
                run = 0.0 if mask[i, j, k] else run + 1.0
                d = min(out[i, j, k], run)
                out[i, j, k] = d * d if d < 3e4 else 1e9
    for i in range(n0):
        for k in range(n2):
            for j in range(n1):
                line[j] = out[i, j, k]
            _parabolas(line[:n1], place, border, result[:n1])
            for j in range(n1):
                out[i, j, k] = result[j]
    for j in range(n1):
        for k in range(n2):
            for i in range(n0):
                line[i] = out[i, j, k]
            _parabolas(line[:n0], place, border, result[:n0])
            for i in range(n0):
                out[i, j, k] = result[i]


def distance_outside(mask: np.ndarray, spacing: float) -> np.ndarray:
    """Distance in mm from every voxel to the nearest marked one, float32; 1e3 if there is none."""
    if not mask.any():
        return np.full(mask.shape, 1e3, np.float32)
    out = np.empty(mask.shape, np.float32)
    _squared_distance(np.ascontiguousarray(mask), out)
    return np.sqrt(out, out=out) * np.float32(spacing)
