"""Put bones, flesh, cavities and skin of a posed body together into a volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from simulation import bones as bones_module
from simulation import cortex, extremities, flesh, head, organs, trunk
from simulation.grid import Grid, noise, refine, smooth
from simulation.materials import INDEX
from simulation.scene import Volume
from simulation.skeleton import Body
from simulation.subjects import Subject

FAT, MUSCLE, SKIN, CARTILAGE = (INDEX[n] for n in ("fat", "muscle", "skin", "cartilage"))


@dataclass(frozen=True)
class Recipe:
    """What of the body to build.

    Attributes:
        bones: pattern-free names of the bones, as in :class:`simulation.skeleton.Body`.
        muscles: names of the muscles whose bellies shape the limbs.
        hand: add palm and finger pads.
        foot: add heel pad and sole.
        trunk: add trunk, neck envelope and what lies in it.
        head: add scalp, face and cavities of the skull.
    """

    bones: tuple[str, ...]
    muscles: tuple[str, ...] = ()
    hand: bool = False
    foot: bool = False
    trunk: bool = False
    head: bool = False


@njit(cache=True)
def _paint(material, skin, muscle, skin_mm, fat, flesh_, skin_):
    for i in range(material.shape[0]):
        for j in range(material.shape[1]):
            for k in range(material.shape[2]):
                d = skin[i, j, k]
                if d > 0.0:
                    continue
                if d > -skin_mm:
                    material[i, j, k] = skin_
                elif muscle[i, j, k] > 0.0:
                    material[i, j, k] = fat
                else:
                    material[i, j, k] = flesh_


def _occupied(filled, grid: Grid, coarse: Grid, factor: int) -> np.ndarray:
    """Voxels of the coarse grid whose centre lies in a bone."""
    mask = np.zeros(grid.shape, bool)
    for f in filled:
        mask[f.window] |= f.inside
    picked = mask[::factor, ::factor, ::factor]
    out = np.zeros(coarse.shape, bool)
    out[tuple(slice(0, n) for n in picked.shape)] = picked
    return out


def assemble(
    body: Body, grid: Grid, subject: Subject, recipe: Recipe, rng, coarse_factor: int = 2
) -> Volume:
    """Build the volume.

    Args:
        body: posed and varied skeleton, in the coordinates of ``grid``.
        grid: the voxels wanted.
        subject: fatness, muscle bulk, bone quality.
        recipe: what to include.
        rng: texture and everything that differs from picture to picture.
        coarse_factor: soft tissue is shaped on voxels this many times as large.

    Returns:
        The volume; air where nothing is.
    """
    coarse = grid.coarse(coarse_factor)
    chosen = [body.bones[n] for n in recipe.bones]
    filled = bones_module.fill_bones(chosen, grid)
    gaps = np.zeros(grid.shape, bool)
    bones_module.open_joints(filled, grid, gaps, 1.05 - 0.5 * subject.wear)
    occupied = _occupied(filled, grid, coarse, coarse_factor)

    surface, outline, fat = _surface(body, chosen, occupied, coarse, subject, recipe, rng)
    skin = refine(smooth(outline - fat, coarse, 0.6 * coarse.spacing), coarse, grid)
    muscle = refine(surface, coarse, grid)
    material = np.zeros(grid.shape, np.uint8)
    _paint(material, skin, muscle, 1.6, FAT, MUSCLE, SKIN)
    del muscle  # as large as the volume; so is all that follows
    density = _flesh_density(grid, rng)

    if recipe.trunk:
        organs.fill_inside(material, density, body, grid, coarse, subject, rng, skin)
    material[gaps & (material != 0)] = CARTILAGE
    texture = cortex.Texture(grid.spacing, rng)
    for f in filled:
        if f.bone.name == "skull":
            continue
        values, factors = cortex.structure(f, grid, subject, texture)
        values, factors = trunk.cartilage_of_ribs(f.bone, values, factors)
        material[f.window][f.inside] = values[f.inside]
        density[f.window][f.inside] = factors[f.inside]
    if recipe.head:
        head.fill_inside(material, density, body, filled, grid, subject, rng, skin)
    return Volume(material, density.astype(np.float16), grid.spacing, grid.origin.astype(float))


def _surface(body, chosen, occupied, coarse, subject, recipe, rng):
    """Surface of the muscles, outline below the fat, thickness of fat; all on the coarse grid."""
    limb_bones = [b for b in chosen if not trunk.belongs(b) and b.name not in ("skull", "jaw")]
    shapes = []
    if recipe.hand:
        shapes += extremities.hand_shapes(body, "_r", subject, rng)
    if recipe.foot:
        shapes += extremities.foot_shapes(body, "_r", subject, rng)
    surface = outline = np.full(coarse.shape, flesh.REACH_MM, np.float32)
    fat = np.full(coarse.shape, 3.0, np.float32)
    if limb_bones:
        muscles = [body.muscles[m] for m in recipe.muscles]
        surface, outline = flesh.limb_field(muscles, limb_bones, shapes, occupied, coarse, subject)
        fat = flesh.fat_field(body, recipe.bones, coarse, subject, rng)
    added = []
    if recipe.trunk:
        added.append((*trunk.envelope(body, coarse, subject, rng), 18.0, 30.0))
    if recipe.head:
        added.append((*head.envelope(body, occupied, coarse, subject), 10.0, 20.0))
    for wall, own, fillet, blend in added:
        nearer = np.clip(0.5 + (outline - fat - (wall - own)) / blend, 0.0, 1.0)
        fat = fat + (own - fat) * nearer
        surface = flesh.union(surface, wall, fillet)
        outline = flesh.union(outline, wall, fillet)
    return surface, outline, fat


def _flesh_density(grid: Grid, rng) -> np.ndarray:
    """Slight unevenness of soft tissue, float32 about 1."""
    coarse = grid.coarse(4)
    field_ = 1 + 0.012 * noise(coarse.shape, coarse.spacing, 9.0, rng)
    field_ += 0.008 * noise(coarse.shape, coarse.spacing, 40.0, rng)
    return refine(field_.astype(np.float32), coarse, grid)
