"""What surgeons, plasterers and makers of phantoms add to a body part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulation import casts, implants
from simulation.grid import Grid
from simulation.materials import INDEX
from simulation.scene import Volume
from simulation.skeleton import Body
from simulation.subjects import Subject

METAL_SHARE = 0.3
"""Share of persons' scenes with metal, in parts for which there is a usual implant."""

CAST_SHARE = 0.3
"""Share of persons' scenes in plaster, in parts that get one."""


def add(volume: Volume, body: Body, part: str, subject: Subject, rng, source: str):
    """Add metal, a cast or a phantom's flat base by chance.

    Args:
        volume: the part.
        body: skeleton in the volume's coordinates.
        part: its name.
        subject: phantoms get a base and even flesh, and neither metal nor plaster.
        rng: draws what is added.
        source: projections of CT scans never show plaster.

    Returns:
        The new volume and the flags for the scene.
    """
    material, density = volume.material.copy(), volume.density.copy()
    grid = Grid(volume.origin_mm, volume.spacing_mm, volume.material.shape)
    flags = set()
    chance = rng.random(3)
    if subject.phantom:
        _make_phantom(material, density, rng)
    else:
        if chance[0] < METAL_SHARE and implants.add(material, density, grid, body, part, rng):
            flags.add("metal")
        if part in casts.PARTS and source == "radiograph" and chance[1] < CAST_SHARE:
            casts.add(material, density, grid, body, part, rng)
            flags.add("cast")
    new = replace(volume, material=material, density=density)
    return new, frozenset(flags)


def _make_phantom(material: np.ndarray, density: np.ndarray, rng) -> None:
    """Even flesh, and a flat base behind: the shape is cast into a mould that lies on a table."""
    resin = INDEX["muscle"]
    for name in ("fat", "skin"):
        material[material == INDEX[name]] = resin
    flesh = material == resin
    density[flesh] = rng.uniform(0.95, 1.04)
    if rng.random() > 0.4:
        return
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
