"""What a bone is made of: cortical shell, spongiosa with its trabeculae, marrow."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from simulation.bones import Filled
from simulation.grid import Grid, distance_outside
from simulation.materials import INDEX
from simulation.skeleton import Bone
from simulation.subjects import Subject

CORTICAL, SPONGIOSA, MARROW, CARTILAGE = (
    INDEX[n] for n in ("cortical", "spongiosa", "marrow", "cartilage")
)


@dataclass(frozen=True)
class Build:
    """How a bone is built inside.

    Attributes:
        shaft_mm: cortical thickness at the middle of a long bone.
        end_mm: cortical thickness at the ends, or everywhere in other bones.
        long: has a shaft with a marrow canal.
        spongiosa: factor on the nominal density of spongiosa.
    """

    shaft_mm: float
    end_mm: float
    long: bool
    spongiosa: float


# Typical adult values, rounded; general knowledge, not taken from one source. Mid-shaft cortex:
# femur 6-7 mm, tibia 4-5, humerus 4, radius, ulna and fibula 2.5-3, metacarpals and metatarsals 2;
# shells of epiphyses, carpals and vertebral bodies 0.4-1 mm. Spongiosa is ICRU-44's 1.18 g/cm3 give
# or take some percent: a bone volume fraction f in marrow gives 1.0 + 0.92 f, so 1.18 stands for
# f = 0.2. That is rich for a vertebra (0.1 to 0.15), whose unresolved inner walls it must cover.
_BUILDS: tuple[tuple[str, Build], ...] = (
    (r"femur", Build(6.2, 1.2, True, 1.06)),
    (r"tibia", Build(4.6, 1.2, True, 1.04)),
    (r"fibula", Build(2.6, 1.0, True, 1.02)),
    (r"humerus", Build(3.7, 1.0, True, 1.03)),
    (r"radius", Build(2.5, 0.8, True, 1.03)),
    (r"ulna", Build(2.6, 0.9, True, 1.04)),
    (r"clavicle", Build(2.3, 0.9, True, 1.03)),
    (r".*mc_", Build(1.9, 0.6, True, 1.04)),
    (r".*proxph|proximal_thumb", Build(1.6, 0.6, True, 1.04)),
    (r"midph", Build(1.3, 0.5, True, 1.04)),
    (r"distph|distal_thumb", Build(1.0, 0.5, True, 1.04)),
    (r"metatarsal", Build(2.1, 0.7, True, 1.03)),
    (r"toe", Build(1.1, 0.5, True, 1.03)),
    (r"calcaneus|talus|tarsal", Build(1.0, 1.0, False, 1.06)),
    (r"patella", Build(1.4, 1.4, False, 1.08)),
    (r"pelvis", Build(1.6, 1.6, False, 1.02)),
    (r"sacrum", Build(1.1, 1.1, False, 0.97)),
    (r"thoracic", Build(0.8, 0.8, False, 0.955)),
    (r"lumbar|cervical", Build(0.9, 0.9, False, 0.975)),
    (r"scapula", Build(1.4, 1.4, False, 1.02)),
    (r"rib|costal", Build(1.0, 1.1, False, 0.98)),
    (r"sternum", Build(0.9, 0.9, False, 0.98)),
    (r"skull", Build(2.0, 2.0, False, 1.05)),
    (r"jaw", Build(2.2, 2.2, False, 1.10)),
)
_DEFAULT = Build(0.8, 0.8, False, 1.05)


def build_of(name: str) -> Build:
    """Look up how the bone of this name is built."""
    return next((b for pattern, b in _BUILDS if re.match(pattern, name)), _DEFAULT)


def _along(bone: Bone, local: Grid) -> np.ndarray:
    """Position along the bone's long axis, 0 to 1 between its ends, for every voxel."""
    centre = bone.vertices.mean(axis=0)
    _, _, axes = np.linalg.svd(bone.vertices - centre, full_matrices=False)
    t = (bone.vertices - centre) @ axes[0]
    x, y, z = local.axes()
    value = (
        (x - centre[0]) * axes[0, 0] + (y - centre[1]) * axes[0, 1] + (z - centre[2]) * axes[0, 2]
    )
    return ((value - t.min()) / max(float(np.ptp(t)), 1e-6)).astype(np.float32)


def _shaftness(u: np.ndarray, ends: float) -> np.ndarray:
    """1 along the shaft, falling to 0 at both ends."""
    distance = np.minimum(u, 1 - u) / ends
    return np.clip((distance - 0.35) / 0.65, 0.0, 1.0) ** 1.5


WALL = 0.42
"""Cortex of a shaft at most, as a share of its half-width: wide bones are no thicker for it, but
narrow ones (some meshes are slimmer than bones are) keep a canal."""


def _half_width(along: np.ndarray, inside: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Greatest depth in the cross-section of every voxel, in mm: half of the bone's width there."""
    count = 48
    place = np.clip(along * count, 0, count - 1e-3)
    deepest = np.zeros(count)
    np.maximum.at(deepest, place[inside].astype(np.int32), depth[inside])
    deepest = ndimage.gaussian_filter1d(deepest, 1.5, mode="nearest")
    return np.interp(place - 0.5, np.arange(count), deepest).astype(np.float32)


_TEXTURES_MM = {"trabeculae": 1.3, "struts": 1.1, "patches": 7.0, "cortex": 16.0}


class Texture:
    """Periodic blocks of noise, from which every bone of a scene takes its piece."""

    SIZE = 80

    def __init__(self, spacing: float, rng: np.random.Generator):
        self.blocks = {}
        for name, length in _TEXTURES_MM.items():
            block = rng.standard_normal((self.SIZE,) * 3).astype(np.float32)
            width = max(0.45 * length / spacing, 0.4)
            # Struts run along the part, as trabeculae do under load.
            widths = (width, width, 5 * width) if name == "struts" else (width,) * 3
            block = ndimage.gaussian_filter(block, widths, mode="wrap")
            self.blocks[name] = block / block.std()

    def piece(self, name: str, window) -> np.ndarray:
        """Noise of zero mean and unit deviation for a window of the grid."""
        index = [np.arange(s.start, s.stop) % self.SIZE for s in window]
        return self.blocks[name][np.ix_(*index)]


_MARROW = 0.985


def spongy(factor: float, mineral):
    """Density in g/cm3 of spongiosa: marrow, and mineral that a subject may have lost.

    Args:
        factor: the bone's factor on the nominal density.
        mineral: the subject's factor on what exceeds marrow; a number or an array.
    """
    return _MARROW + (1.18 * factor - _MARROW) * mineral


def structure(filled: Filled, grid: Grid, subject: Subject, texture: Texture):
    """Divide one bone into cortex, spongiosa and marrow.

    The voxels that the inner border of the cortex crosses keep the right mean density.

    Args:
        filled: the bone's voxels.
        grid: the grid they belong to.
        subject: gives cortical thickness and mineral density.
        texture: trabecular texture and uneven thickness.

    Returns:
        material uint8 and density factor float32, both of the window's shape; only valid inside.
    """
    build = build_of(filled.bone.name)
    local = grid.part(filled.window)
    inside, h = filled.inside, grid.spacing
    depth = distance_depth(inside, h)
    thickness = np.full(inside.shape, build.end_mm * subject.cortex, np.float32)
    shaft = np.zeros(inside.shape, np.float32)
    if build.long:
        size = np.ptp(filled.bone.vertices, axis=0).max()
        along = _along(filled.bone, local)
        shaft = _shaftness(along, 0.30 if size > 120 else 0.36)
        thickness += (build.shaft_mm - build.end_mm) * subject.cortex * shaft
        widest = WALL * np.clip(subject.cortex, 0.6, 1.4) * _half_width(along, inside, depth)
        thickness = np.minimum(thickness, np.maximum(widest, build.end_mm * subject.cortex))
    thickness *= np.clip(1 + 0.18 * texture.piece("cortex", filled.window), 0.4, 1.7)
    shell = np.clip((thickness - (depth - h)) / h, 0.0, 1.0)
    coarse = 0.55 + 0.25 * np.clip(1 - subject.mineral, 0, 1)  # fewer, thicker struts remain
    grain = 0.3 * texture.piece("trabeculae", filled.window)
    grain += 0.4 * texture.piece("struts", filled.window)
    grain = coarse * grain + 0.28 * texture.piece("patches", filled.window)
    # Trabeculae thin out towards the canal; towards the joints they are close.
    inner = spongy(build.spongiosa, subject.mineral * np.clip(1 + grain, 0.05, 2.6))
    canal = np.clip(shaft * 1.25 - 0.1 + 0.25 * grain, 0.0, 1.0)
    inner = inner * (1 - canal) + _MARROW * canal
    outer = 1.92 * (1 + 0.15 * (subject.mineral - 1))
    grams = shell * outer + (1 - shell) * inner
    material = np.where(grams > 1.5, CORTICAL, np.where(grams > 1.03, SPONGIOSA, MARROW))
    nominal = np.where(grams > 1.5, 1.92, np.where(grams > 1.03, 1.18, 0.98))
    return material.astype(np.uint8), (grams / nominal).astype(np.float32)


def distance_depth(inside: np.ndarray, spacing: float) -> np.ndarray:
    """Distance in mm of marked voxels to the nearest unmarked one; a voxel at the surface."""
    if inside.all():
        return np.full(inside.shape, 1e3, np.float32)
    return distance_outside(~inside, spacing)
