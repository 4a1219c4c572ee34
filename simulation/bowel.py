"""What fills the bowel and the stomach: gas, stool, fluid."""

from __future__ import annotations

import numpy as np

from simulation.grid import Grid, ellipsoid, noise, refine, smooth, stamp, tube
from simulation.materials import INDEX
from simulation.subjects import Subject

GAS, MUSCLE = INDEX["gas"], INDEX["muscle"]


def put(material, field, coarse: Grid, grid: Grid, value: int, where) -> None:
    """Paint a value where a coarse field is negative, looking only where it is."""
    near = np.argwhere(field < coarse.spacing)
    if not len(near):
        return
    low, high = (
        coarse.origin + coarse.spacing * v for v in (near.min(axis=0) - 1, near.max(axis=0) + 1)
    )
    window = grid.window(low, high)
    if window is None:
        return
    inside = refine(field, coarse, grid.part(window)) < 0
    material[window][inside & where[window]] = value


def _colon(rng, m) -> tuple[np.ndarray, np.ndarray]:
    """Frame of the colon from caecum to rectum: points every 4 mm and radii with haustra."""
    wide, y = m["crest"][0], m["lumbar3"][1]
    low, high = m["lumbar5"][2] - 25, m["lumbar1"][2]
    path = [
        (-0.66 * wide, y - 50, low),
        (-0.72 * wide, y - 40, high - 25),
        (-0.45 * wide, y - 80, high - rng.uniform(10, 35)),
        (0.0, y - 100, rng.uniform(low + 25, high - 20)),
        (0.45 * wide, y - 80, high + rng.uniform(-10, 15)),
        (0.74 * wide, y - 25, m["thoracic11"][2] + rng.uniform(-25, -5)),
        (0.76 * wide, y - 30, high - 40),
        (0.68 * wide, y - 50, low),
        (0.25 * wide, y - 60, m["hip"][2] + rng.uniform(50, 80)),
        (rng.uniform(-20, 20), m["hip"][1] + 10, m["hip"][2] + rng.uniform(35, 60)),
        (rng.uniform(-10, 10), m["hip"][1] + 45, m["hip"][2] + rng.uniform(-5, 15)),
    ]
    path = np.array(path) + rng.normal(0, 8, (len(path), 3)) * [1, 0.5, 1]
    points, radii = tube(path, np.linspace(20, 13, len(path)) * rng.uniform(0.7, 1.15), 4.0)
    folds = 2 * np.pi * np.arange(len(points)) * 4.0 / rng.uniform(24, 34)
    return points, radii * (0.88 + 0.16 * np.abs(np.sin(folds)))


def fill(material, grid, coarse, rng, deep, m, cavity) -> None:
    """Gas and stool along the colon, bubbles in the small bowel and in the stomach."""
    gas, stool = (np.full(coarse.shape, 30.0, np.float32) for _ in range(2))
    spine_y = m["lumbar3"][1]
    points, radii = _colon(rng, m)
    # What fills it changes along the way; some are nearly empty, some full of gas.
    fill = noise((len(points), 4, 4), 4.0, 55.0, rng)[:, 0, 0] + rng.normal(0.0, 0.6)
    for where, field in ((fill > 0.35, gas), ((fill > -0.5) & (fill < 0.25), stool)):
        swell = np.clip(0.45 + 0.8 * np.abs(fill - (0.35 if field is gas else -0.5)), 0.4, 1.0)
        stamp(field, coarse, points[where], (radii * swell)[where], 10.0)
    for _ in range(int(rng.integers(2, 9))):
        centre = np.array(
            (
                rng.uniform(-90, 90),
                spine_y - rng.uniform(50, 110),
                rng.uniform(m["hip"][2] + 40, m["lumbar1"][2]),
            )
        )
        steps = np.cumsum(rng.normal(0, 9, (int(rng.integers(1, 7)), 3)) * [1, 0.5, 1], axis=0)
        path, wide = tube(centre + np.concatenate([np.zeros((1, 3)), steps]), 1.0, 5.0)
        stamp(gas, coarse, path, wide * rng.uniform(4, 11), 10.0)
    # Stool holds gas in small bubbles.
    froth = 5.0 * (noise(coarse.shape, coarse.spacing, 7.0, rng) - 0.1)
    gas = np.minimum(gas, np.maximum(stool - 3.0, froth).astype(np.float32))
    # Flexures lie under the ribs, above what is shaped as the abdomen.
    high = (m["lumbar1"][2] - coarse.axes()[2]).astype(np.float32)
    gas = np.maximum(gas, np.minimum(cavity + 8, high))
    gas = np.minimum(gas, _stomach_gas(coarse, rng, m))
    put(material, smooth(gas, coarse, 1.6), coarse, grid, GAS, deep)


def _stomach_gas(coarse: Grid, rng, m) -> np.ndarray:
    """The stomach's bubble under the left dome, with a level of fluid when the person stands."""
    spine_y = m["lumbar3"][1]
    size = float(np.exp(rng.uniform(np.log(10), np.log(44))))
    x, y = rng.uniform(48, 72), spine_y - 40
    z = m["thoracic11"][2] - 0.7 * size + rng.uniform(-4, 12)
    bubble = np.full(coarse.shape, 30.0, np.float32)
    line = np.array([[x - 0.4 * size, y - 14, z - 6], [x, y, z], [x + 0.5 * size, y + 4, z - 2]])
    stamp(bubble, coarse, *tube(line, np.array([0.7, 1.0, 0.85]) * size, 4.0), 10.0)
    level = z - rng.uniform(-0.3, 1.2) * size
    return np.maximum(bubble, (level - coarse.axes()[2]).astype(np.float32))


def fill_variously(
    material, density, grid: Grid, coarse: Grid, subject: Subject, rng, deep, m, cavity
) -> None:
    """Fill the bowel as :func:`fill` does, from nearly gasless to distended, and a bladder.

    Args:
        material: uint8 on ``grid``, in place.
        density: float32 on ``grid``, in place.
        grid: fine grid.
        coarse: coarse grid on which shapes are made.
        subject: amount of gas; a large belly carries the bowel forward.
        rng: the picture's own draws.
        deep: bool on ``grid``, well below the skin.
        m: landmarks of the trunk.
        cavity: distance to the abdomen's cavity on ``coarse``.
    """
    much = np.log(subject.gas)
    gas, stool = (np.full(coarse.shape, 30.0, np.float32) for _ in range(2))
    points, radii = _colon(rng, m)
    # What lies before the spine by more than a colon's width is carried forward.
    spine_y = m["lumbar3"][1]
    points[:, 1] -= subject.belly_mm * np.clip((spine_y - 45 - points[:, 1]) / 50, 0.0, 0.6)
    content = noise((len(points), 4, 4), 4.0, 70.0, rng)[:, 0, 0] + rng.normal(0.0, 0.5)
    wide = float(np.clip(np.exp(0.35 * much), 0.75, 1.7))
    folds = 0.74 + 0.3 * np.abs(np.sin(np.pi * np.arange(len(points)) * 4.0 / rng.uniform(22, 32)))
    full, formed = content + 0.6 * much > 0.35, content + 0.6 * much < rng.uniform(-0.2, 0.25)
    stamp(gas, coarse, points[full], (radii * wide * folds)[full], 10.0)
    stamp(stool, coarse, points[formed], (0.95 * radii * folds)[formed], 10.0)
    for _ in range(int(rng.poisson(5 * subject.gas))):
        stamp(gas, coarse, *_loop(rng, m, subject, wide), 10.0)
    # Stool is denser than what is around it in places, and holds gas in small bubbles.
    uneven = noise(coarse.shape, coarse.spacing, 8.0, rng)
    bubbles = np.maximum(stool + 1.5, (5.0 * (uneven - rng.uniform(-0.1, 0.6))).astype(np.float32))
    high = (m["lumbar1"][2] - coarse.axes()[2]).astype(np.float32)
    within = np.minimum(cavity + 8, high)
    stool = np.maximum(stool, within)
    gas = np.maximum(np.minimum(gas, bubbles), within)
    gas = np.minimum(gas, _stomach_gas(coarse, rng, m))
    lump = refine(np.clip(1.0 + 0.05 * uneven, 0.9, 1.12).astype(np.float32), coarse, grid)
    inside = (refine(stool, coarse, grid) < 0) & deep
    material[inside] = MUSCLE
    density[inside] = lump[inside]
    put(material, _bladder(coarse, rng, m), coarse, grid, MUSCLE, deep)
    put(material, smooth(gas, coarse, 1.2), coarse, grid, GAS, deep)


def _loop(rng, m, subject: Subject, wide: float) -> tuple[np.ndarray, np.ndarray]:
    """Gas in a loop of small bowel: a bent sausage, points every 4 mm and radii."""
    centre = np.array(
        (
            rng.uniform(-95, 95),
            m["lumbar3"][1] - rng.uniform(45, 110) - rng.uniform(0, 0.6) * subject.belly_mm,
            rng.uniform(m["hip"][2] + 25, m["lumbar1"][2] - 10),
        )
    )
    way, path = rng.standard_normal(3) * [1.0, 0.4, 1.0], [centre]
    bend = 0.5 * rng.standard_normal(3) * [1.0, 0.3, 1.0]
    for _ in range(int(rng.integers(1, 9))):
        way = way / np.linalg.norm(way) + bend + 0.25 * rng.standard_normal(3)
        path.append(path[-1] + 14 * way / np.linalg.norm(way))
    points, _ = tube(np.array(path), 1.0, 4.0)
    radius = wide * np.exp(rng.uniform(*np.log([4.0, 12.0])))
    swell = 0.8 + 0.3 * np.abs(np.sin(np.arange(len(points)) * rng.uniform(0.2, 0.6)))
    return points, radius * swell


def _bladder(coarse: Grid, rng, m) -> np.ndarray:
    """The bladder behind the pubic bones, from empty to full: distance."""
    size = rng.uniform(18, 48)
    centre = (rng.uniform(-6, 6), m["hip"][1] - 22, m["crotch"][2] + 52 + 0.75 * size)
    return ellipsoid(coarse, centre, (1.2 * size, size, 0.9 * size))
