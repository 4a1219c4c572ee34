"""Plaster and fibreglass around limbs: closed casts and splints that leave one side free."""

from __future__ import annotations

import numpy as np

from simulation.grid import Grid, distance_outside, noise, refine
from simulation.limbs import LIMBS
from simulation.materials import INDEX
from simulation.skeleton import Body

PARTS = frozenset(p.name for p in LIMBS) - {"finger"}
"""Parts that get a cast."""

_ARM = frozenset({"wrist", "forearm", "hand", "elbow"})


def add(material, density, grid: Grid, body: Body, part: str, rng) -> None:
    """Put padding and a shell around the limb, in place, leaving fingers or toes free."""
    coarse = grid.coarse(3)
    solid = material[::3, ::3, ::3] != 0
    full = np.zeros(coarse.shape, bool)
    full[tuple(slice(0, n) for n in solid.shape)] = solid
    # The shell bridges hollows.
    grown = distance_outside(full, coarse.spacing) < 9.0
    closed = full | (distance_outside(~grown, coarse.spacing) > 9.0)
    distance = distance_outside(closed, coarse.spacing)
    kind = rng.choice(["plaster", "fibreglass", "splint"], p=[0.45, 0.25, 0.3])
    plain = kind != "fibreglass"
    thick = rng.uniform(4.0, 9.0) if plain else rng.uniform(2.5, 5.0)
    # Layers of bandage: uneven, and in steps where one ends.
    uneven = noise(coarse.shape, coarse.spacing, 35.0, rng)
    thick = thick * np.clip(1 + 0.2 * uneven + 0.15 * np.sign(uneven), 0.5, 1.6)
    padding = rng.uniform(1.5, 3.5)  # two to four turns of wool, pressed
    limit = _limits(coarse, body, part, rng)
    outer = np.maximum(distance - padding - thick, limit)
    shell = outer
    if kind == "splint":
        shell = np.maximum(outer, _one_side(coarse, body, part, rng))
    cover = refine(np.asarray(shell, np.float32), coarse, grid) < 0
    wrapped = refine(np.asarray(outer, np.float32), coarse, grid) < 0
    inner = refine(distance, coarse, grid) < padding
    empty = material == 0
    hard = cover & empty & ~inner
    material[hard] = INDEX["plaster"]
    density[hard] = rng.uniform(0.6, 0.95) if plain else rng.uniform(0.3, 0.5)
    # Padding, and the bandage that holds a splint.
    thin = refine((distance - padding - 1.5).astype(np.float32), coarse, grid) < 0
    soft = wrapped & empty & ~hard & (inner | thin)
    material[soft] = INDEX["textile"]
    density[soft] = 0.3


def _one_side(grid: Grid, body: Body, part: str, rng) -> np.ndarray:
    """Negative on one side of the limb: where a splint lies."""
    bone = "radius_r" if part in _ARM else "tibia_r"
    centre = body.bones[bone].vertices.mean(axis=0)
    angle = rng.uniform(0, 2 * np.pi)
    x, y, _ = grid.axes()
    away = (x - centre[0]) * np.cos(angle) + (y - centre[1]) * np.sin(angle)
    return np.broadcast_to(away - rng.uniform(-8, 12), grid.shape)


def _limits(grid: Grid, body: Body, part: str, rng) -> np.ndarray:
    """Negative where the cast may be."""
    x, y, z = grid.axes()
    arm = part in _ARM
    if part == "knee":
        middle = body.frames["tibia_r"][0][2]
        return np.broadcast_to(np.abs(z - middle) - rng.uniform(90, 220), grid.shape)
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
