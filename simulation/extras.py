"""What surgeons, plasterers and makers of phantoms add to a body part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulation import implants
from simulation.grid import Grid, distance_outside, noise, refine
from simulation.materials import INDEX
from simulation.scene import Volume
from simulation.skeleton import Body
from simulation.subjects import Subject

METAL_SHARE = 0.17
"""Share of persons' scenes with metal, in parts for which there is a usual implant."""

CAST_SHARE = 0.18
"""Share of persons' scenes in plaster, in parts that get one."""

_CAST_PARTS = frozenset({"wrist", "forearm", "ankle", "lower leg", "hand", "foot", "elbow"})
_BONY = tuple(INDEX[n] for n in ("cortical", "spongiosa", "marrow"))


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
    material, density = volume.material.copy(), volume.density.astype(np.float32)
    grid = Grid(volume.origin_mm, volume.spacing_mm, volume.material.shape)
    flags = set()
    chance = rng.random(3)
    if subject.phantom:
        _make_phantom(material, density, rng)
    else:
        if chance[0] < METAL_SHARE and implants.add(material, density, grid, body, part, rng):
            flags.add("metal")
        if part in _CAST_PARTS and source == "radiograph" and chance[1] < CAST_SHARE:
            _cast(material, density, grid, body, part, rng)
            flags.add("cast")
    new = replace(volume, material=material, density=density.astype(np.float16))
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


def _cast(material, density, grid: Grid, body: Body, part: str, rng) -> None:
    """Cotton padding and plaster around the limb, leaving fingers or toes free."""
    coarse = grid.coarse(3)
    solid = material[::3, ::3, ::3] != 0
    full = np.zeros(coarse.shape, bool)
    full[tuple(slice(0, n) for n in solid.shape)] = solid
    # Plaster bridges hollows.
    grown = distance_outside(full, coarse.spacing) < 9.0
    closed = full | (distance_outside(~grown, coarse.spacing) > 9.0)
    distance = distance_outside(closed, coarse.spacing)
    thick = rng.uniform(4.0, 8.0) * np.clip(
        1 + 0.2 * noise(coarse.shape, coarse.spacing, 35.0, rng), 0.5, 1.6
    )
    padding = rng.uniform(2.0, 4.0)
    limit = _cast_limits(coarse, body, part, rng)
    outer = np.maximum(distance - padding - thick, limit)
    cover = refine(outer.astype(np.float32), coarse, grid) < 0
    inner = refine(distance, coarse, grid) < padding
    empty = material == 0
    plaster = cover & empty & ~inner
    material[plaster] = INDEX["plaster"]
    density[plaster] = rng.uniform(0.55, 0.95)
    cotton = cover & empty & inner
    material[cotton] = INDEX["textile"]
    density[cotton] = 0.3


def _cast_limits(grid: Grid, body: Body, part: str, rng) -> np.ndarray:
    """Negative where the cast may be."""
    x, y, z = grid.axes()
    arm = part in ("wrist", "forearm", "hand", "elbow")
    if arm:
        hand = body.bones["thirdmc_r"].vertices
        wrist = body.frames["capitate_r"][0]
        knuckle = hand[np.argmax(np.linalg.norm(hand - wrist, axis=1))]
        axis = (wrist - knuckle) / np.linalg.norm(wrist - knuckle)
        start = knuckle + axis * rng.uniform(4, 20)
    else:
        foot = body.bones["metatarsal2_r"].vertices
        heel = body.bones["calcaneus_r"].vertices.mean(axis=0)
        ball = foot[np.argmax(np.linalg.norm(foot - heel, axis=1))]
        axis = (heel - ball) / np.linalg.norm(heel - ball)
        start = ball + axis * rng.uniform(4, 20)
    along = (x - start[0]) * axis[0] + (y - start[1]) * axis[1] + (z - start[2]) * axis[2]
    free = -along
    if not arm:
        # The leg goes straight up from the heel: only the foot is measured along its own axis.
        free = np.minimum(free, heel[2] + 25 - z)
    # A short cast ends below elbow or knee.
    if rng.random() < 0.6:
        top = start[2] + (rng.uniform(150, 230) if arm else rng.uniform(240, 330))
        free = np.maximum(free, z - top)
    return np.broadcast_to(free, grid.shape).astype(np.float32)
