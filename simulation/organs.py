"""Lungs, mediastinum, airways, bowel and fat inside the trunk."""

from __future__ import annotations

import re

import numpy as np

from simulation import bowel, chest, flesh
from simulation.bowel import put
from simulation.grid import Grid, ellipsoid, noise, smooth, stamp, tube
from simulation.materials import INDEX
from simulation.skeleton import Body
from simulation.subjects import Subject
from simulation.trunk import landmarks, middle_line

FAT, MUSCLE = INDEX["fat"], INDEX["muscle"]


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
        _abdomen(material, density, body, grid, coarse, subject, rng, deep, m)
    if high > m["thoracic12"][2] - 40:
        chest.fill_inside(material, density, body, grid, coarse, subject, rng, deep, m)
    if high > m["thoracic4"][2]:
        chest.airway(material, grid, rng, m)


def _abdomen(material, density, body, grid, coarse, subject, rng, deep, m) -> None:
    """Visceral fat around organs, psoas and back muscles, kidneys, gas."""
    x, _, z = coarse.axes()
    spine_y = m["lumbar3"][1]
    top = m["thoracic11"][2]
    floor = m["crotch"][2] + 25
    half = m["crest"][0] * 0.86
    middle = (top + floor) / 2
    pushed = 0.5 * subject.belly_mm
    cavity = ellipsoid(
        coarse,
        (0, spine_y - 52 - pushed, middle),
        (half + 0.5 * pushed, 80 + 12 * subject.fat + pushed, (top - floor) / 2),
    )
    x = x - middle_line(m)(z)
    cavity = np.minimum(
        cavity, ellipsoid(coarse, (0, spine_y - 20, m["lumbar2"][2]), (half, 62, 95))
    )
    # Between loops of bowel and around the retroperitoneal organs lies fat, more in the stout.
    share = np.clip(-0.15 + 0.55 * (subject.fat - 0.5), -0.6, 0.9)
    loops = noise(coarse.shape, coarse.spacing, 26.0, rng) + share
    fat = np.maximum(cavity, (-loops * 8).astype(np.float32))
    put(material, fat, coarse, grid, FAT, deep)
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
    put(material, organs, coarse, grid, MUSCLE, deep)
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
    put(material, smooth(muscle, coarse, 2.5), coarse, grid, MUSCLE, deep)
    if subject.gas:
        bowel.fill_variously(material, density, grid, coarse, subject, rng, deep, m, cavity)
    else:
        bowel.fill(material, grid, coarse, rng, deep, m, cavity)
