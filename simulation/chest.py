"""Chest: lungs between rib cage, mediastinum and diaphragm; heart, great vessels, airways."""

from __future__ import annotations

import re

import cv2
import numpy as np

from simulation.grid import Grid, distance_outside, ellipsoid, noise, refine, smooth, stamp, tube
from simulation.materials import INDEX
from simulation.skeleton import Body
from simulation.subjects import Subject
from simulation.trunk import middle_line

LUNG, GAS, FAT, MUSCLE, BLOOD = (INDEX[n] for n in ("lung", "gas", "fat", "muscle", "blood"))


def _cavity(body: Body, coarse: Grid) -> np.ndarray:
    """Distance (mm, negative inside) to the inner surface of the rib cage."""
    ribs = np.concatenate(
        [b.vertices for n, b in body.bones.items() if re.match("rib|costal|sternum", n)]
    )
    mask = np.zeros(coarse.shape, np.uint8)
    top, bottom = ribs[:, 2].max(), ribs[:, 2].min()
    for k in range(coarse.shape[2]):
        z = coarse.origin[2] + k * coarse.spacing
        if not bottom < z < top - 2:
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
    return smooth(outside - inside, coarse, 4.5)


def fill_inside(
    material, density, body: Body, grid: Grid, coarse: Grid, subject: Subject, rng, deep, m
) -> None:
    """Paint lungs, vessels and what lies between the lungs, in place.

    Args:
        material: uint8 on ``grid``.
        density: float32 on ``grid``.
        body: skeleton.
        grid: fine grid.
        coarse: coarse grid on which shapes are made.
        subject: heart size and the height of the diaphragm go with fatness.
        rng: the picture's own draws: breath, vessels.
        deep: bool on ``grid``, well below the skin.
        m: landmarks of the trunk.
    """
    cavity = _cavity(body, coarse)
    x, y, z = coarse.axes()
    x = x - middle_line(m)(z)
    # Breathed in, mostly; a stout belly pushes the domes up.
    breath = rng.normal(-15, 10) + 14 * np.clip(subject.fat - 1, 0, 1)
    front, back = m["rib_low"][1], m["thoracic8"][1] + 15
    middle = 0.62 * front + 0.38 * back
    half = 0.5 * (m["rib_high"][0] - m["rib_low"][0])
    # Domes at the top too, not the flat ceiling that the highest rib leaves.
    top = m["rib_high"][2] - 4.0
    near_top = np.clip((z - (top - 42.0)) / 42.0, 0.0, 1.2)
    # Intercostal muscle is thinner than a rib: the lung bulges between them.
    lung = cavity + 5.5 + 24.0 * (1 - np.sqrt(np.clip(1 - near_top**2, 0.0, 1.0)))
    lung = lung.astype(np.float32)
    for side, lift in ((-1, rng.uniform(4, 16)), (1, rng.uniform(-12, 2))):
        cx = side * 0.5 * half
        across, along = (x - cx) / (0.53 * half), (y - middle) / (back - middle)
        q = across**2 + np.where(along > 0, along**2, 0.45 * along**2)
        # A dome like the cap of a ball: flat on top, steep where it meets the wall.
        dome = (
            m["thoracic10"][2] + lift + breath - 84 * (1 - np.sqrt(np.clip(1 - 0.86 * q, 0.0, 1)))
        )
        dome -= 60 * np.clip(q - 1.0, 0, 2)
        here = (x < 0) if side < 0 else (x >= 0)
        lung = np.where(here, np.maximum(lung, (dome - z).astype(np.float32)), lung)
    between = _mediastinum(coarse, m, rng, subject, front)
    lung = smooth(np.maximum(lung, -between).astype(np.float32), coarse, 1.5)
    lung = refine(lung, coarse, grid)
    # Between lung and stomach or colon lies the diaphragm, which shows as a line.
    material[(lung < 6.0) & (material == GAS)] = MUSCLE
    fine = (lung < 0) & deep
    del lung
    material[fine] = LUNG
    # Breathed in, 0.15 to 0.25 g/cm3 beside the larger vessels; denser below, and uneven.
    small = grid.coarse(3)
    uneven = 0.06 * noise(small.shape, small.spacing, 26.0, rng)
    uneven += 0.12 * noise(small.shape, small.spacing, 8.0, rng)
    slope = np.interp(small.axes()[2], [m["thoracic10"][2], m["thoracic2"][2]], [1.05, 0.9])
    factor = refine(np.clip(slope + uneven, 0.4, 2.0).astype(np.float32), small, grid)
    density[fine] = np.float32(rng.uniform(0.58, 0.95)) * factor[fine]
    del factor
    _masses(material, density, fine, grid, subject, m)
    branch, tubes = _trees(grid, m, rng)
    branch &= fine
    material[branch] = BLOOD
    density[branch] = 1.0
    hollow = tubes & fine & ~branch
    density[hollow] = 0.15


def _masses(material, density, lung, grid: Grid, subject: Subject, m) -> None:
    """Paint a subject's masses, solid or hazy, into the lungs, in place."""
    rng = subject.generator(10)
    low = np.array([*m["rib_low"][:2], m["thoracic11"][2]])
    high = np.array([m["rib_high"][0], m["thoracic6"][1] + 20, m["thoracic2"][2]])
    for _ in range(subject.masses):
        centre = rng.uniform(low, high)
        radii = rng.uniform(8, 32) * rng.uniform(0.75, 1.3, 3)
        solid = np.float32(rng.uniform(0.5, 1.1))
        window = grid.window(centre - radii, centre + radii)
        if window is None:
            continue
        local = grid.part(window)
        rough = 1.5 * noise(local.shape, local.spacing, 9.0, rng)
        inside = (ellipsoid(local, centre, radii) + rough < 0) & lung[window]
        material[window][inside] = MUSCLE
        density[window][inside] = solid


def _mediastinum(coarse: Grid, m, rng, subject: Subject, front: float) -> np.ndarray:
    """Heart, great vessels, thymic fat, spine: distance, negative inside."""
    x, _, z = coarse.axes()
    x = x - middle_line(m)(z)
    spine = {i: m[f"thoracic{i}"] for i in range(1, 13)}
    column = np.abs(x) - np.interp(
        z, [spine[10][2], spine[6][2], spine[3][2], spine[1][2]], [27, 23, 21, 27]
    )
    field = np.broadcast_to(column, coarse.shape).astype(np.float32).copy()
    # Before the spine the space narrows to the line where the lungs meet behind the sternum.
    y = coarse.axes()[1]
    meet = np.interp(y, [front + 8, front + 45], [15, 0])
    field = field + np.where(z > spine[7][2], 0.5 * meet, 0.0).astype(np.float32)
    size = float(np.clip(rng.normal(1.0, 0.09) + 0.06 * (subject.fat - 1), 0.82, 1.35))
    shift = rng.normal(0, 5)
    heart = np.full(coarse.shape, 60.0, np.float32)
    base = np.array([8 + shift, front + 69, spine[7][2] - 2])
    apex = np.array([62 * size + shift, front + 42, spine[10][2] + 6 * (2 - size)])
    stamp(heart, coarse, *tube(np.stack([base, apex]), np.array([47, 36]) * size, 4.0), 40.0)
    atrium = np.array([-14 + shift, front + 66, spine[8][2] - 4])
    lower = np.array([-10 + shift, front + 64, spine[10][2] + 2])
    stamp(heart, coarse, *tube(np.stack([atrium, lower]), np.array([36, 33]) * size, 4.0), 40.0)
    # It rests on the diaphragm all along, with fat in the corners.
    floor = np.stack([lower, 0.5 * (lower + apex) - [0, 0, 12], apex - [6, -6, 8]])
    stamp(heart, coarse, *tube(floor, np.array([31, 34, 30]) * size, 4.0), 40.0)
    field = np.minimum(field, smooth(heart, coarse, 7.0))

    vessels = np.full(coarse.shape, 40.0, np.float32)
    y0 = spine[5][1] - 20  # just before the vertebral bodies, whose mesh reaches further back
    arch = [
        base + np.array([4, -8, 30]),
        [-8, front + 62, spine[5][2] - 14],
        [0, front + 78, spine[4][2] - 6],
        [17, y0 - 22, spine[4][2] - 8],
        [22, y0 + 6, spine[5][2] + 2],
        [20, y0 + 14, spine[7][2]],
        [14, y0 + 12, spine[10][2]],
        [6, y0 + 4, spine[12][2]],
    ]
    wide = rng.uniform(0.9, 1.2)
    stamp(vessels, coarse, *tube(np.array(arch), 13.5 * wide, 3.0), 20.0)
    # Pulmonary trunk under the arch, vena cava on the right, roots of the lungs.
    trunk_end = [30, front + 78, spine[5][2] - 16]
    stamp(
        vessels,
        coarse,
        *tube(np.stack([base + np.array([14, -22, 26]), trunk_end]), 14.0, 3.0),
        20.0,
    )
    cava = [[-21, front + 82, spine[3][2]], [-24, front + 80, spine[6][2]]]
    stamp(vessels, coarse, *tube(np.array(cava), 10.5, 3.0), 20.0)
    for side, level in ((-1, spine[6][2] - 10), (1, spine[6][2] + 4)):
        root = np.array([[side * 18, y0 - 36, level + 6], [side * 40, y0 - 32, level - 8]])
        stamp(vessels, coarse, *tube(root, np.array([13.0, 8.5]), 3.0), 20.0)
    return np.minimum(field, smooth(vessels, coarse, 2.5))


def _trees(grid: Grid, m, rng):
    """Vessels of the lungs, which branch from the hila, and the bronchi beside them: two masks."""
    vessels = np.full(grid.shape, 20.0, np.float32)
    bronchi = np.full(grid.shape, 20.0, np.float32)
    y0 = m["thoracic6"][1] - 56
    rich = rng.uniform(0.85, 1.2)
    for side in (-1, 1):
        root = np.array([side * 36.0, y0, m["thoracic6"][2] - (12 if side < 0 else 0)])
        # Up to the apex, out, and most of them down and back.
        ways = [(0.5, 0.1, 1.2), (0.8, 0.4, 0.7), (0.9, -0.5, 0.5), (1.0, 0.2, 0.0)]
        ways += [(0.9, -0.5, -0.5), (0.7, 0.5, -0.8), (0.45, 0.3, -1.2), (0.3, -0.3, -1.1)]
        ways += [(0.55, 0.8, -0.9)]
        branches = [
            (root, np.array([side * a, b, c]) + 0.18 * rng.standard_normal(3), 5.0 * rich)
            for a, b, c in ways
        ]
        for generation in range(6):
            grown = []
            for start, way, radius in branches:
                way = way / np.linalg.norm(way)
                stop = start + way * rng.uniform(17, 30) * (1 - 0.06 * generation)
                line = np.stack([start, stop])
                if np.all(stop > grid.origin - 20) and np.all(stop < grid.high + 20):
                    radii = np.array([radius, radius * 0.8])
                    stamp(vessels, grid, *tube(line, radii, 1.2), 1.0)
                    if generation < 2:
                        aside = np.array([0.0, -1.9 * radius, 0.0])
                        stamp(bronchi, grid, *tube(line + aside, radii * 0.8, 1.2), 1.0)
                for sign in (-1, 1):
                    turned = way + sign * 0.5 * rng.standard_normal(3)
                    turned[0] += 0.12 * side
                    grown.append((stop, turned, radius * rng.uniform(0.7, 0.82)))
            branches = grown
    return vessels < 0, bronchi < 0


def airway(material, grid: Grid, rng, m) -> None:
    """Larynx, trachea and main bronchi, as gas; in place."""

    # The column's front edge: vertebral bodies reach some 12 mm before their mesh's centre.
    def before(name, mm):
        return m[name] + [0, -mm, 0]

    path = [
        # The larynx, down to the fifth vertebra, is the wider part of the throat.
        before("cervical5", 30),
        before("cervical4", 30),
        before("cervical7", 34),
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
