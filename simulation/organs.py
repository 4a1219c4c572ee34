"""Lungs, mediastinum, airways, bowel and fat inside the trunk."""

from __future__ import annotations

import re

import numpy as np

from simulation import chest, flesh
from simulation.grid import Grid, ellipsoid, noise, refine, smooth, stamp, tube
from simulation.materials import INDEX
from simulation.skeleton import Body
from simulation.subjects import Subject
from simulation.trunk import landmarks, middle_line

LUNG, GAS, FAT, MUSCLE, BLOOD = (INDEX[n] for n in ("lung", "gas", "fat", "muscle", "blood"))


def fill_inside(
    material, density, body: Body, grid: Grid, coarse: Grid, subject: Subject, rng, skin
) -> None:
    """Paint the organs into the volume, in place.

    Args:
        material: uint8 on ``grid``; holds skin, fat and muscle already.
        density: float32 on ``grid``.
        body: skeleton.
        grid: fine grid.
        coarse: coarse grid on which shapes are made.
        subject: fatness.
        rng: the picture's own draws: gas, vessels.
        skin: float32 on ``grid``, distance to the skin.
    """
    m = landmarks(body)
    deep = skin < -14.0
    low, high = grid.origin[2], grid.high[2]
    if low < m["thoracic11"][2]:
        _abdomen(material, body, grid, coarse, subject, rng, deep, m)
    if high > m["thoracic12"][2] - 40:
        chest.fill_inside(material, density, body, grid, coarse, subject, rng, deep, m)
    if high > m["thoracic4"][2]:
        chest.airway(material, grid, rng, m)


def _put(material, field, coarse: Grid, grid: Grid, value: int, where) -> None:
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


def _abdomen(material, body, grid, coarse, subject, rng, deep, m) -> None:
    """Visceral fat around organs, psoas and back muscles, kidneys, gas."""
    x, _, z = coarse.axes()
    spine_y = m["lumbar3"][1]
    top = m["thoracic11"][2]
    floor = m["crotch"][2] + 25
    half = m["crest"][0] * 0.86
    middle = (top + floor) / 2
    cavity = ellipsoid(
        coarse, (0, spine_y - 52, middle), (half, 80 + 12 * subject.fat, (top - floor) / 2)
    )
    x = x - middle_line(m)(z)
    cavity = np.minimum(
        cavity, ellipsoid(coarse, (0, spine_y - 20, m["lumbar2"][2]), (half, 62, 95))
    )
    # Between loops of bowel and around the retroperitoneal organs lies fat, more in the stout.
    share = np.clip(-0.15 + 0.55 * (subject.fat - 0.5), -0.6, 0.9)
    loops = noise(coarse.shape, coarse.spacing, 26.0, rng) + share
    fat = np.maximum(cavity, (-loops * 8).astype(np.float32))
    _put(material, fat, coarse, grid, FAT, deep)
    organs = np.full(coarse.shape, 30.0, np.float32)
    for side in (-1, 1):
        lean = 8 * side
        organs = np.minimum(
            organs,
            ellipsoid(
                coarse,
                (side * 58 + lean, spine_y - 8, m["lumbar1"][2] - (4 if side > 0 else 12)),
                (28, 24, 55),
            ),
        )
    # Liver and spleen.
    organs = np.minimum(organs, ellipsoid(coarse, (-62, spine_y - 45, top + 8), (78, 78, 72)))
    organs = np.minimum(organs, ellipsoid(coarse, (88, spine_y + 4, top + 5), (32, 42, 50)))
    _put(material, organs, coarse, grid, MUSCLE, deep)
    deep_muscles = [
        v for n, v in body.muscles.items() if re.match(r"(Ps_|psoas|iliacus|IL_|LTp|MF|QL)", n)
    ]
    muscle = flesh.muscle_field(deep_muscles, coarse, subject)
    for side in (-1, 1):
        a = np.array([side * 30, m["lumbar1"][1] - 4, m["lumbar1"][2]])
        b = np.array([side * 48, m["lumbar4"][1] - 12, m["lumbar4"][2]])
        stamp(
            muscle,
            coarse,
            *tube(np.stack([a, (a + b) / 2, b]), np.array([14.0, 22.0, 25.0]), 3.0),
            10.0,
        )
    _put(material, smooth(muscle, coarse, 2.5), coarse, grid, MUSCLE, deep)
    _bowel_gas(material, grid, coarse, rng, deep, m, cavity)


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


def _bowel_gas(material, grid, coarse, rng, deep, m, cavity) -> None:
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
    # The stomach's bubble under the left dome, with a level of fluid when the person stands.
    size = float(np.exp(rng.uniform(np.log(10), np.log(44))))
    x, y = rng.uniform(48, 72), spine_y - 40
    z = m["thoracic11"][2] - 0.7 * size + rng.uniform(-4, 12)
    bubble = np.full(coarse.shape, 30.0, np.float32)
    line = np.array([[x - 0.4 * size, y - 14, z - 6], [x, y, z], [x + 0.5 * size, y + 4, z - 2]])
    stamp(bubble, coarse, *tube(line, np.array([0.7, 1.0, 0.85]) * size, 4.0), 10.0)
    level = z - rng.uniform(-0.3, 1.2) * size
    gas = np.minimum(gas, np.maximum(bubble, (level - coarse.axes()[2]).astype(np.float32)))
    _put(material, smooth(gas, coarse, 1.6), coarse, grid, GAS, deep)
