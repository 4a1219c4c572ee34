"""What surgeons, plasterers and makers of phantoms add to a body part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulation import casts, cover, fixators, implants, limbs
from simulation.grid import Grid
from simulation.materials import INDEX
from simulation.scene import Volume
from simulation.skeleton import Body
from simulation.subjects import Subject

METAL_SHARE = 0.3
"""Share of persons' scenes with metal, in parts for which there is a usual implant."""

CAST_SHARE = 0.3
"""Share of persons' scenes in plaster, in parts that get one."""

LIMBS = frozenset(p.name for p in limbs.LIMBS) | {"femur", "humerus"}
"""Parts whose bones lie below the skin in places, and whose phantoms lie in a mould."""


def add(volume: Volume, body: Body, part: str, subject: Subject, rng, source: str, beam=None):
    """Add metal, a cast or a phantom's flat base by chance.

    Args:
        volume: the part.
        body: skeleton in the volume's coordinates.
        part: its name.
        subject: phantoms get a base and even flesh, and neither metal nor plaster.
        rng: draws what is added.
        source: projections of CT scans never show plaster.
        beam: for metal that leaves the body, in place of usual implants and plaster: direction
            of the first picture.

    Returns:
        The new volume and the flags for the scene.
    """
    material, density = volume.material.copy(), volume.density.copy()
    grid = Grid(volume.origin_mm, volume.spacing_mm, volume.material.shape)
    flags = set()
    chance = rng.random(3)
    if part in LIMBS:
        cover.add(material, density, grid, cover.thickness(subject))
    if subject.phantom:
        _make_phantom(material, density, rng)
        if part == "head" and rng.random() < 0.75:  # the rest has shoulders
            _stand(material, density, grid, body, rng)
        if part in LIMBS and rng.random() < 0.4:
            _mould(material, density, rng)
    elif beam is not None:
        if fixators.add(material, density, grid, body, part, rng, beam):
            flags.add("metal")
    else:
        if chance[0] < METAL_SHARE and implants.add(material, density, grid, body, part, rng):
            flags.add("metal")
        if part in casts.PARTS and source == "radiograph" and chance[1] < CAST_SHARE:
            casts.add(material, density, grid, body, part, rng)
            flags.add("cast")
    new = replace(volume, material=material, density=density)
    return new, frozenset(flags)


def _make_phantom(material: np.ndarray, density: np.ndarray, rng) -> None:
    """Even flesh: one resin stands for muscle, fat and skin."""
    resin = INDEX["muscle"]
    for name in ("fat", "skin"):
        material[material == INDEX[name]] = resin
    density[material == resin] = rng.uniform(0.95, 1.04)


def _stand(material: np.ndarray, density: np.ndarray, grid: Grid, body: Body, rng) -> None:
    """End a phantom head in the flat base of its neck, half of them on a round plate."""
    neck = [b.vertices[:, 2] for n, b in body.bones.items() if n.startswith("cervical")]
    x, y, z = grid.axes()
    low, high = np.searchsorted(z.ravel(), np.quantile(np.concatenate(neck), [0.05, 0.6]))
    area = (material[:, :, low : high + 1] != 0).sum(axis=(0, 1))
    k = max(int(low + np.argmin(area) - rng.uniform(0, 10) / grid.spacing), 1)
    section = np.argwhere(material[:, :, k]).mean(axis=0) * grid.spacing + grid.origin[:2]
    material[:, :, :k] = 0
    # No shoulders: a moulded neck opens out only towards jaw and nape.
    top = min(k + int(60 / grid.spacing), material.shape[2])
    wide = 60 + 1.5 * np.clip(z[:, :, k:top] - z[0, 0, k] - 20, 0, None)
    aside = np.hypot(x - section[0], np.maximum(y - section[1], 0)) > wide
    material[:, :, k:top][np.broadcast_to(aside, material[:, :, k:top].shape)] = 0
    if rng.random() < 0.5:
        return
    thick = int(np.ceil(rng.uniform(6, 16) / grid.spacing))
    centre = section + np.array([0, rng.uniform(-10, 10)])
    away = np.hypot(x - centre[0], y - centre[1])[:, :, 0] - rng.uniform(62, 95)
    plate = np.zeros(material.shape, bool)
    plate[:, :, max(k - thick, 1) : k] = (away < 0)[:, :, None]
    material[plate] = INDEX["muscle"]
    density[plate] = rng.uniform(0.97, 1.12)


def _mould(material: np.ndarray, density: np.ndarray, rng) -> None:
    """A flat base behind: the shape is cast into a mould that lies on a table."""
    resin = INDEX["muscle"]
    solid = material != 0
    depth = np.flatnonzero(solid.any(axis=(0, 2)))
    if not len(depth):
        return
    back = int(depth[-1] - 0.06 * (depth[-1] - depth[0]))
    # Everything that throws a shadow straight back is joined to the plane at the back.
    reached = np.cumsum(solid, axis=1) > 0
    reached[:, back + 1 :] = False
    centre = int((depth[0] + depth[-1]) / 2)
    reached[:, :centre] &= solid[:, :centre]
    fill = reached & (material == 0)
    material[fill] = resin
    density[fill] = rng.uniform(0.97, 1.04)
    material[:, back + 1 :] = 0
