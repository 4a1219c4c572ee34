"""Lungs, mediastinum, airways, bowel and fat inside the trunk."""

from __future__ import annotations

import re

import cv2
import numpy as np

from simulation import flesh
from simulation.grid import Grid, distance_outside, ellipsoid, noise, refine, smooth, stamp, tube
from simulation.materials import INDEX
from simulation.skeleton import Body
from simulation.subjects import Subject
from simulation.trunk import landmarks, middle_line

LUNG, GAS, FAT, MUSCLE, BLOOD = (INDEX[n] for n in ("lung", "gas", "fat", "muscle", "blood"))


def fill_inside(
    material, density, body: Body, grid: Grid, coarse: Grid, subject: Subject, recipe, rng, skin
) -> None:
    """Paint the organs into the volume, in place.

    Args:
        material: uint8 on ``grid``; holds skin, fat and muscle already.
        density: float32 on ``grid``.
        body: skeleton.
        grid: fine grid.
        coarse: coarse grid on which shapes are made.
        subject: fatness.
        recipe: option ``spine_only`` leaves the chest out.
        rng: the picture's own draws: gas, vessels.
        skin: float32 on ``grid``, distance to the skin.
    """
    m = landmarks(body)
    deep = skin < -14.0
    low, high = grid.origin[2], grid.high[2]
    if low < m["thoracic11"][2]:
        _abdomen(material, density, body, grid, coarse, subject, rng, deep, m)
    if high > m["thoracic12"][2] - 40:
        _chest(material, density, body, grid, coarse, rng, deep, m)
    if high > m["thoracic4"][2]:
        _airway(material, body, grid, rng, m)


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


def _abdomen(material, density, body, grid, coarse, subject, rng, deep, m) -> None:
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


def _bowel_gas(material, grid, coarse, rng, deep, m, cavity) -> None:
    """Chains of bubbles in the colon's frame and at random, a stomach bubble, rectal gas."""
    gas = np.full(coarse.shape, 30.0, np.float32)
    spine_y = m["lumbar3"][1]
    anchors = [
        (
            s * rng.uniform(0.55, 0.8) * m["crest"][0],
            spine_y - rng.uniform(40, 90),
            rng.uniform(m["lumbar5"][2] - 40, m["lumbar1"][2]),
        )
        for s in (-1, 1, 1, -1)
    ]
    anchors += [
        (
            rng.uniform(-90, 90),
            spine_y - rng.uniform(50, 110),
            rng.uniform(m["hip"][2] + 40, m["lumbar1"][2]),
        )
        for _ in range(int(rng.integers(2, 9)))
    ]
    anchors.append(
        (rng.uniform(-15, 15), m["hip"][1] + rng.uniform(20, 50), m["hip"][2] + rng.uniform(-5, 40))
    )
    for centre in anchors:
        centre = np.array(centre)
        if rng.random() < 0.25:
            continue
        steps = np.cumsum(rng.normal(0, 11, (int(rng.integers(1, 7)), 3)) * [1, 0.5, 1], axis=0)
        path = centre + np.concatenate([np.zeros((1, 3)), steps])
        stamp(gas, coarse, path, rng.uniform(4, 15, len(path)), 10.0)
    stomach = np.array(
        [rng.uniform(45, 75), spine_y - 45, m["thoracic10"][2] + rng.uniform(-10, 12)]
    )
    stamp(
        gas,
        coarse,
        np.stack([stomach, stomach + np.array([12, 0, 8])]),
        np.array([1.0, 0.9]) * rng.uniform(8, 26),
        10.0,
    )
    gas = np.maximum(smooth(gas, coarse, 2.0), cavity + 8)
    _put(material, gas, coarse, grid, GAS, deep)


def _chest_cavity(body: Body, coarse: Grid) -> np.ndarray:
    """Distance (mm, negative inside) to the inner surface of the rib cage."""
    ribs = np.concatenate([b.vertices for n, b in body.bones.items() if re.match("rib|costal|sternum", n)])
    mask = np.zeros(coarse.shape, np.uint8)
    top, bottom = ribs[:, 2].max(), ribs[:, 2].min()
    for k in range(coarse.shape[2]):
        z = coarse.origin[2] + k * coarse.spacing
        if not bottom < z < top - 4:
            continue
        near = ribs[np.abs(ribs[:, 2] - z) < 11][:, :2]
        if len(near) < 10:
            continue
        corners = cv2.convexHull(((near - coarse.origin[:2]) / coarse.spacing).astype(np.float32))
        plane = np.zeros((coarse.shape[1], coarse.shape[0]), np.uint8)
        cv2.fillConvexPoly(plane, np.round(corners).astype(np.int32), 1)
        mask[:, :, k] = plane.T
    outside = distance_outside(mask.astype(bool), coarse.spacing)
    inside = distance_outside(mask == 0, coarse.spacing)
    return smooth(outside - inside, coarse, 4.0)


def _chest(material, density, body, grid, coarse, rng, deep, m) -> None:
    """Lungs between rib cage, mediastinum and diaphragm, with vessels."""
    cavity = _chest_cavity(body, coarse)
    x, y, z = coarse.axes()
    x = x - middle_line(m)(z)
    breath = rng.uniform(-14, 12)
    heart_size = rng.uniform(0.9, 1.15)
    front = m["rib_low"][1]
    lung = cavity + 8.0
    for side, top, cx in ((-1, 8, -68), (1, -6, 66)):
        dome = (
            m["thoracic10"][2]
            + top
            + breath
            - 0.0085 * (x - cx) ** 2
            - 0.0075 * (y - (front + 60)) ** 2
        )
        here = (x < 0) if side < 0 else (x >= 0)
        lung = np.where(here, np.maximum(lung, (dome - z).astype(np.float32)), lung)
    middle = _mediastinum(coarse, m, heart_size, front)
    lung = smooth(np.maximum(lung, -middle).astype(np.float32), coarse, 2.0)
    fine = (refine(lung, coarse, grid) < 0) & deep
    material[fine] = LUNG
    density[fine] *= np.float32(rng.uniform(0.8, 1.15))
    vessels = _vessels(coarse, m, rng)
    branch = (refine(vessels, coarse, grid) < 0) & fine
    material[branch] = BLOOD
    density[branch] = 1.0


def _mediastinum(coarse: Grid, m, heart_size: float, front: float) -> np.ndarray:
    """Heart, great vessels, hila, spine: distance, negative inside."""
    x, y, z = coarse.axes()
    x = x - middle_line(m)(z)
    spine = m["thoracic7"][1]
    column = np.abs(x) - np.interp(
        z,
        [m["thoracic10"][2], m["thoracic6"][2], m["thoracic3"][2], m["thoracic1"][2]],
        [30, 27, 26, 32],
    )
    behind = np.maximum(column, 0 * y)
    field = np.broadcast_to(behind, coarse.shape).astype(np.float32).copy()
    heart = (20, front + 52, m["thoracic9"][2] + 6)
    field = np.minimum(field, ellipsoid(coarse, heart, np.array([62, 48, 54]) * heart_size))
    field = np.minimum(field, ellipsoid(coarse, (-18, front + 55, m["thoracic8"][2]), (36, 42, 50)))
    field = np.minimum(
        field, ellipsoid(coarse, (26, spine - 20, m["thoracic4"][2] - 4), (17, 30, 18))
    )
    for side in (-1, 1):
        field = np.minimum(
            field, ellipsoid(coarse, (side * 40, spine - 38, m["thoracic6"][2]), (18, 16, 24))
        )
    return field


def _vessels(coarse: Grid, m, rng) -> np.ndarray:
    """Vessels of the lungs, branching from the hila."""
    field = np.full(coarse.shape, 20.0, np.float32)
    for side in (-1, 1):
        root = np.array([side * 40.0, m["thoracic7"][1] - 38, m["thoracic6"][2]])
        branches = [
            (root, rng.standard_normal(3) * [0.6, 0.8, 1.0] + [side * 0.9, 0, 0], 5.5)
            for _ in range(9)
        ]
        for _ in range(4):
            grown = []
            for start, way, radius in branches:
                way = way / np.linalg.norm(way)
                stop = start + way * rng.uniform(20, 34)
                stamp(
                    field,
                    coarse,
                    *tube(np.stack([start, stop]), np.array([radius, radius * 0.72]), 2.0),
                    4.0,
                )
                for _ in range(2):
                    grown.append((stop, way + 0.55 * rng.standard_normal(3), radius * 0.68))
            branches = grown
    return field


def _airway(material, body, grid, rng, m) -> None:
    """Larynx, trachea and main bronchi."""

    # The column's front edge: vertebral bodies reach some 12 mm before their mesh's centre.
    def before(name, mm):
        return m[name] + [0, -mm, 0]

    path = [
        before("cervical6", 30),
        before("cervical3", 30),
        before("cervical1", 34),
        before("thoracic1", 42),
        before("thoracic3", 50),
        before("thoracic5", 48),
    ]
    path = np.array(path)
    path[:, 0] += rng.uniform(-2, 4)
    window = grid.window(path.min(axis=0) - 40, path.max(axis=0) + 40)
    if window is None:
        return
    local = grid.part(window)
    field = np.full(local.shape, 20.0, np.float32)
    stamp(field, local, *tube(path, np.array([7.0, 6.0, 8.0, 8.5, 8.5, 8.5]), 2.0), 3.0)
    for side, drop in ((-1, 34), (1, 26)):
        stop = path[-1] + [side * 42, 4, -drop]
        stamp(field, local, *tube(np.stack([path[-1], stop]), np.array([7.0, 5.5]), 2.0), 3.0)
    soft = material[window]
    soft[(field < 0) & np.isin(soft, (MUSCLE, FAT, LUNG, BLOOD))] = GAS
