"""Head: scalp and face outside the skull; brain, orbits, sinuses, teeth, dense base inside."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from simulation.cortex import CORTICAL, SPONGIOSA, distance_depth, spongy
from simulation.grid import Grid, distance_outside, ellipsoid, noise, smooth, stamp, tube
from simulation.materials import INDEX
from simulation.skeleton import Body
from simulation.subjects import Subject

BRAIN, MUSCLE, FAT, GAS = (INDEX[n] for n in ("brain", "muscle", "fat", "gas"))


class Frame:
    """Positions in the head: x in mm from the middle, y and z as shares of the skull's box."""

    def __init__(self, body: Body):
        skull = body.bones["skull"].vertices
        self.low, self.high = skull.min(axis=0), skull.max(axis=0)
        self.middle = (self.low[0] + self.high[0]) / 2
        self.scale = (self.high[1] - self.low[1]) / 170.0

    def at(self, x: float, y: float, z: float) -> np.ndarray:
        """World position; y from the front (0) to the back (1), z from below (0) to the top (1)."""
        size = self.high - self.low
        return np.array(
            [self.middle + x * self.scale, self.low[1] + y * size[1], self.low[2] + z * size[2]]
        )


def envelope(body: Body, occupied: np.ndarray, grid: Grid, subject: Subject):
    """Return the surface of the head's flesh and the fat on it (mm), both on the coarse grid."""
    f = Frame(body)
    above = grid.axes()[2] > f.low[2] - 0.28 * (f.high[2] - f.low[2])
    scalp = subject.generator(9).uniform(1.2, 3.6)
    field = distance_outside(occupied & above, grid.spacing) - scalp
    jaw = body.bones["jaw"].vertices
    chin = jaw[np.argmin(jaw[:, 1])]
    s = f.scale
    own = subject.generator(8)
    nose, lips = own.uniform(0.11, 0.19), own.uniform(-0.01, 0.04)
    cheek = 0.9 + 0.18 * min(subject.fat, 2.2)
    shapes = [
        # Cheeks, mouth and throat between the branches of the jaw.
        (f.at(-34, 0.20, 0.16), f.at(-38, 0.50, 0.08), 17 * cheek, 20 * cheek),
        (f.at(34, 0.20, 0.16), f.at(38, 0.50, 0.08), 17 * cheek, 20 * cheek),
        (chin + np.array([0, 18, 8]), f.at(0, 0.45, -0.02), 20, 34),
        (f.at(0, 0.14, 0.12), f.at(0, 0.5, 0.1), 24, 34),
        (f.at(-20, 0.12, 0.08), f.at(20, 0.12, 0.08), 16, 16),
        (f.at(-22, 0.2, -0.06), f.at(22, 0.2, -0.06), 17, 17),
        # Nose, lips, brow.
        (f.at(0, 0.02, 0.40), f.at(0, -nose, 0.235), 5, 8.0),
        (f.at(-9, -0.3 * nose, 0.225), f.at(9, -0.3 * nose, 0.225), 8, 8),
        (f.at(-6, -0.02, 0.23), f.at(6, -0.02, 0.23), 10, 10),
        (f.at(-15, -lips, 0.115), f.at(15, -lips, 0.115), 7, 7),
        (f.at(-15, -lips, 0.06), f.at(15, -lips, 0.06), 7.5, 7.5),
        (chin + np.array([-8, 0, 6]), chin + np.array([8, 0, 6]), 10, 10),
        (f.at(-30, 0.14, 0.42), f.at(30, 0.14, 0.42), 13, 13),
        # Nape.
        (f.at(-22, 0.80, 0.12), f.at(22, 0.80, 0.12), 24, 24),
    ]
    for a, b, ra, rb in shapes:
        stamp(field, grid, *tube(np.stack([a, b]), np.array([ra, rb]) * s, 2.5), 14.0)
    field = smooth(field, grid, 3.0)
    _ears(field, grid, f, subject)
    fat = np.full(grid.shape, 0.9 + 0.6 * subject.fat, np.float32)
    fat = fat + np.clip((f.at(0, 0, 0.25)[2] - grid.axes()[2]) / 30.0, 0, 1) * 1.5 * subject.fat
    return field, fat.astype(np.float32)


def _ears(field: np.ndarray, grid: Grid, f: Frame, subject: Subject) -> None:
    """Lower the field to two ears: a thin shell that stands off behind, with a rolled rim."""
    rng = subject.generator(7)
    size, flare = rng.uniform(0.8, 1.1) * f.scale, np.radians(rng.uniform(12, 50))
    half = (f.high[0] - f.low[0]) / 2 / f.scale
    for side in (-1, 1):
        back = np.array([side * np.sin(flare), np.cos(flare), 0.0])
        up = np.array([0.0, 0.18, 1.0])
        root = f.at(side * (half + 1), 0.53, 0.36)
        turn = np.linspace(0, 2 * np.pi, 60)
        ring = np.stack([17 * (1 + np.cos(turn)), 31 * np.sin(turn)], axis=1)
        ring[:, 0] *= np.interp(ring[:, 1], [-31, 0, 31], [0.6, 0.95, 1.1])
        inner = np.concatenate([share * (ring - [10, 0]) + [10, 0] for share in (0.25, 0.5, 0.75)])
        for plane, radius in ((ring, 2.8), (inner, 2.0)):
            points = root + size * (plane[:, :1] * back + plane[:, 1:] * up)
            stamp(field, grid, points, np.full(len(points), radius * size), 6.0)


def fill_inside(
    material, density, body: Body, filled, grid: Grid, subject: Subject, rng, skin
) -> None:
    """Give the solid skull its walls and cavities, and paint what fills them; in place.

    Args:
        material: uint8 volume.
        density: float32 volume.
        body: skeleton in the grid's coordinates.
        filled: the voxelised bones, the skull among them.
        grid: fine grid.
        subject: bone quality.
        rng: sizes of sinuses and texture.
        skin: distance to the skin; the throat stays 4 mm below it.
    """
    skull = next((f for f in filled if f.bone.name == "skull"), None)
    if skull is None:
        return
    f = Frame(body)
    local = grid.part(skull.window)
    inside = ndimage.binary_fill_holes(skull.inside)
    depth = distance_depth(inside, grid.spacing)
    values = np.full(inside.shape, MUSCLE, np.uint8)
    factor = np.ones(inside.shape, np.float32)
    vault = _vault(f, local)
    table = subject.cortex * (1 + 0.2 * noise(inside.shape, grid.spacing, 30.0, rng))
    thick = 6.0 * table + 2.0 * np.clip(vault_back(f, local), 0, 1)
    brain = (vault < 0) & (depth > thick)
    # Walls: outer table, diploe, inner table.
    wall = distance_outside(brain, grid.spacing)
    solid = (depth < 1.7 * table) | (wall < 1.4 * table)
    diploe = (~brain) & (wall < thick + 2.5)
    values[diploe], factor[diploe] = SPONGIOSA, spongy(1.22, subject.mineral) / 1.18
    # Face: thin plates in soft tissue.
    plates = np.abs(noise(inside.shape, grid.spacing, 13.0, rng)) < 0.11
    face = ~brain & ~diploe
    values[face & plates], factor[face & plates] = CORTICAL, 0.8
    values[solid], factor[solid] = CORTICAL, 1.0 + 0.15 * (subject.mineral - 1)
    values[brain], factor[brain] = BRAIN, 1.0
    _dense_base(values, factor, f, local, subject)
    _cavities(values, factor, f, local, depth, rng)
    keep = inside
    material[skull.window][keep] = values[keep]
    density[skull.window][keep] = factor[keep]
    _throat(material, f, grid, rng, skin)
    _teeth(material, density, f, grid)


def vault_back(f: Frame, local: Grid) -> np.ndarray:
    """1 at the occiput, 0 from the crown forward; the bone is thicker behind."""
    _, y, z = local.axes()
    return (y - f.at(0, 0.8, 0)[1]) / 30.0 + 0.0 * z


def _vault(f: Frame, local: Grid) -> np.ndarray:
    """Negative above the floor of the cranial cavity: three steps from front to back."""
    x, y, z = local.axes()
    shares = np.array([0.0, 0.20, 0.36, 0.42, 0.50, 0.56, 0.66, 0.95])
    floors = np.array([0.57, 0.535, 0.49, 0.34, 0.32, 0.25, 0.13, 0.20])
    size = f.high - f.low
    fine = np.linspace(-0.2, 1.2, 281)
    steps = ndimage.gaussian_filter1d(np.interp(fine, shares, floors), 4.0)  # bone has no corners
    floor = f.low[2] + size[2] * np.interp((y - f.low[1]) / size[1], fine, steps)
    # In front the roofs of the orbits bulge on both sides of the cribriform plate.
    front = np.clip((0.36 - (y - f.low[1]) / size[1]) / 0.08, 0, 1)
    sides = np.abs(x - f.middle) / f.scale
    floor = floor + front * f.scale * (6 * np.exp(-(((sides - 30) / 16) ** 2)) - 5 * (sides < 9))
    # The middle fossae lie lower than the sella between them.
    share = (y - f.low[1]) / size[1]
    fossa = (
        np.exp(-(((share - 0.43) / 0.07) ** 2))
        * np.clip((np.abs(x - f.middle) - 14) / 12, 0, 1)
        * 14
    )
    return floor - fossa * f.scale - z


def _dense_base(values, factor, f: Frame, local: Grid, subject: Subject) -> None:
    """Petrous pyramids, of the densest bone of the body, and the spongy clivus between them."""
    for side in (-1, 1):
        a, b = f.at(side * 14, 0.52, 0.235), f.at(side * 52, 0.64, 0.20)
        field = np.full(local.shape, 20.0, np.float32)
        stamp(field, local, *tube(np.stack([a, b]), np.array([7.0, 11.0]) * f.scale, 2.0), 2.0)
        rock = field < 0
        values[rock], factor[rock] = CORTICAL, 1.0
    field = np.full(local.shape, 20.0, np.float32)
    stamp(
        field,
        local,
        *tube(np.stack([f.at(0, 0.45, 0.30), f.at(0, 0.56, 0.13)]), np.array([7.0, 5.0]), 2.0),
        2.0,
    )
    values[field < 0], factor[field < 0] = SPONGIOSA, spongy(1.15, subject.mineral) / 1.18


def _cavities(values, factor, f: Frame, local: Grid, depth, rng) -> None:
    """Orbits (fat and eyeball), paranasal sinuses, nasal cavity, mastoid cells."""
    s = f.scale
    air = np.full(local.shape, 10.0, np.float32)
    orbit = np.full(local.shape, 10.0, np.float32)
    eye = np.full(local.shape, 10.0, np.float32)
    maxillary = rng.uniform(0.85, 1.12)
    frontal = rng.uniform(0.4, 1.15)
    for side in (-1, 1):
        orbit = np.minimum(
            orbit, ellipsoid(local, f.at(side * 32, 0.13, 0.44), np.array([19, 25, 17]) * s)
        )
        eye = np.minimum(
            eye, ellipsoid(local, f.at(side * 32, 0.08, 0.44), np.array([12, 12, 12]) * s)
        )
        spots = (
            ((side * 27, 0.20, 0.25), np.array([14, 17, 15]) * maxillary),
            ((side * 13, 0.055, 0.555), np.array([13, 5, 9]) * frontal),
            ((side * 9, 0.40, 0.36), (9, 11, 8)),
        )
        for centre, radii in spots:
            uneven = 1.6 * noise(local.shape, local.spacing, 12.0, rng)
            air = np.minimum(air, ellipsoid(local, f.at(*centre), np.array(radii) * s) + uneven)
        air = np.minimum(
            air, ellipsoid(local, f.at(side * 5, 0.22, 0.26), np.array([3.5, 28, 17]) * s)
        )
        # Cells of the ethmoid and of the mastoid.
        for centre, radii in (((56, 0.62, 0.15), (10, 13, 16)), ((8, 0.22, 0.42), (8, 19, 11))):
            cells = ellipsoid(local, f.at(side * centre[0], *centre[1:]), np.array(radii) * s)
            cells = np.maximum(cells, (0.15 - noise(local.shape, local.spacing, 5.0, rng)) * 4)
            air = np.minimum(air, cells)
    lining = (air < 1.3) & (air >= 0) & (values == MUSCLE)
    values[lining], factor[lining] = CORTICAL, 0.5
    rim = (orbit < 1.5) & (orbit >= 0) & (values == MUSCLE)
    values[rim], factor[rim] = CORTICAL, 0.65
    values[orbit < 0], factor[orbit < 0] = FAT, 1.0
    values[eye < 0] = MUSCLE
    hollow = (air < 0) & (depth > 1.5)
    values[hollow], factor[hollow] = GAS, 1.0


def _throat(material, f: Frame, grid: Grid, rng, skin) -> None:
    """Air behind tongue and palate, sometimes in the mouth."""
    path = np.stack(
        [f.at(0, 0.42, 0.26), f.at(0, 0.46, 0.10), f.at(0, 0.44, -0.12), f.at(0, 0.44, -0.3)]
    )
    window = grid.window(path.min(axis=0) - 40, path.max(axis=0) + 40)
    if window is None:
        return
    local = grid.part(window)
    field = np.full(local.shape, 20.0, np.float32)
    for x in (-7, 0, 7):
        stamp(
            field,
            local,
            *tube(path + np.array([x, 0, 0]), np.array([6.0, 5.0, 5.5, 6.0]) * f.scale, 1.5),
            3.0,
        )
    if rng.random() < 0.5:
        mouth = ellipsoid(local, f.at(0, 0.2, 0.06), np.array([16, 22, 3.5]) * f.scale)
        field = np.minimum(field, mouth)
    soft = material[window]
    soft[(field < 0) & np.isin(soft, (MUSCLE, FAT)) & (skin[window] < -4)] = GAS


def _teeth(material, density, f: Frame, grid: Grid) -> None:
    """Two arches of teeth: enamel and dentine are denser than cortex."""
    for z, lean in ((0.045, 0.0), (-0.015, 0.012)):
        for i in range(14):
            t = (i - 6.5) / 6.5
            x, y = 25 * np.sin(t * 1.35), 0.06 + 0.20 * (1 - np.cos(t * 1.5)) + lean
            crown = f.at(x, y, z)
            height = 9.0 * f.scale
            root = crown + np.array([0, 2, height if z > 0 else -height])
            window = grid.window(np.minimum(crown, root) - 8, np.maximum(crown, root) + 8)
            if window is None:
                continue
            local = grid.part(window)
            field = np.full(local.shape, 20.0, np.float32)
            stamp(
                field,
                local,
                *tube(np.stack([crown, root]), np.array([3.6, 1.8]) * f.scale, 1.0),
                2.0,
            )
            tooth = field < 0
            part, dense = material[window], density[window]
            part[tooth] = CORTICAL
            dense[tooth] = 1.12
