"""From bone meshes to cortex, spongiosa and marrow in voxels."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from simulation import meshes
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
# femur 6-8 mm, tibia 5-6, humerus 4, radius, ulna and fibula 2.5-3, metacarpals and metatarsals 2;
# shells of epiphyses, carpals and vertebral bodies 0.4-1 mm. Spongiosa is ICRU-44's 1.18 g/cm3 give
# or take some percent: a bone volume fraction f in marrow gives 1.0 + 0.92 f, so 1.18 stands for
# f = 0.2. That is rich for a vertebra (0.1 to 0.15), whose unresolved inner walls it must cover.
_BUILDS: tuple[tuple[str, Build], ...] = (
    (r"femur", Build(6.8, 1.2, True, 1.06)),
    (r"tibia", Build(5.5, 1.2, True, 1.04)),
    (r"fibula", Build(2.9, 1.0, True, 1.02)),
    (r"humerus", Build(4.0, 1.0, True, 1.03)),
    (r"radius", Build(2.7, 0.8, True, 1.03)),
    (r"ulna", Build(2.9, 0.9, True, 1.04)),
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
    (r"lumbar|thoracic|cervical", Build(0.9, 0.9, False, 1.0)),
    (r"scapula", Build(1.4, 1.4, False, 1.02)),
    (r"rib|costal", Build(1.0, 1.1, False, 0.98)),
    (r"sternum", Build(0.9, 0.9, False, 0.98)),
    (r"skull", Build(2.0, 2.0, False, 1.05)),
    (r"jaw", Build(2.2, 2.2, False, 1.10)),
)
_DEFAULT = Build(0.8, 0.8, False, 1.05)

# Space between articulating bones, mm (cartilage of both).
_GAPS: tuple[tuple[str, str, float], ...] = (
    (r"femur", r"tibia", 4.0),
    (r"femur", r"patella", 3.5),
    (r"femur", r"pelvis", 3.6),
    (r"tibia|fibula", r"talus", 2.8),
    (r"humerus", r"scapula", 3.0),
    (r"humerus", r"ulna|radius", 2.4),
    (r"pelvis", r"pelvis", 4.0),
    (r"pelvis", r"sacrum", 2.0),
    (r"skull", r"jaw", 1.5),
    (r"calcaneus|talus|tarsal|metatarsal", r"calcaneus|talus|tarsal|metatarsal|toe", 1.6),
    (r"radius", r"lunate|scaphoid", 1.8),
)


def build_of(name: str) -> Build:
    """Look up how the bone of this name is built."""
    return next((b for pattern, b in _BUILDS if re.match(pattern, name)), _DEFAULT)


def gap_of(first: str, second: str) -> float:
    """Look up the joint space between two bones in mm."""
    for a, b, gap in _GAPS:
        if (re.match(a, first) and re.match(b, second)) or (
            re.match(a, second) and re.match(b, first)
        ):
            return gap
    return 1.3


@dataclass
class Filled:
    """A bone in voxels: its window in the grid and which voxels of the window it fills."""

    bone: Bone
    window: tuple[slice, slice, slice]
    inside: np.ndarray


# Meshes with inner walls or a blade of a single layer, where parity leaves holes; mm to bridge.
_HOLES: tuple[tuple[str, float], ...] = (
    (r"tibia", 5.0),
    (r"scapula", 6.0),
    (r"pelvis|sacrum", 2.5),
)


def _closed(inside: np.ndarray, voxels: float) -> np.ndarray:
    """Bridge holes of up to ``voxels`` and fill what they enclose."""
    pad = int(np.ceil(voxels)) + 1
    wide = np.pad(inside, pad)
    ball = ndimage.generate_binary_structure(3, 1)
    wide = ndimage.binary_closing(wide, ball, iterations=max(round(voxels), 1))
    return ndimage.binary_fill_holes(wide)[pad:-pad, pad:-pad, pad:-pad]


def fill_bones(bones: list[Bone], grid: Grid) -> list[Filled]:
    """Voxelise the bones that lie at least partly in the grid."""
    filled = []
    for bone in bones:
        pad = 2 * grid.spacing
        window = grid.window(bone.vertices.min(axis=0) - pad, bone.vertices.max(axis=0) + pad)
        if window is None:
            continue
        local = grid.part(window)
        inside = meshes.fill(bone.vertices, bone.faces, local.origin, local.spacing, local.shape)
        if inside.any():
            closing = next((mm for pattern, mm in _HOLES if re.match(pattern, bone.name)), 0.0)
            if closing:
                inside = _closed(inside, closing / grid.spacing)
            filled.append(Filled(bone, window, inside))
    return filled


def _overlap(first: Filled, second: Filled, pad: int):
    """Windows of the common box of two bones, widened by ``pad`` voxels: grid, first, second."""
    common, a, b = [], [], []
    for s, t in zip(first.window, second.window, strict=True):
        low, high = max(s.start, t.start) - pad, min(s.stop, t.stop) + pad
        low, high = max(low, min(s.start, t.start), 0), min(high, max(s.stop, t.stop))
        if low >= high:
            return None
        common.append((low, high))
        a.append(slice(max(low, s.start), min(high, s.stop)))
        b.append(slice(max(low, t.start), min(high, t.stop)))
        if a[-1].start >= a[-1].stop or b[-1].start >= b[-1].stop:
            return None
    return common, a, b


def _crop(filled: Filled, common, part) -> tuple[np.ndarray, tuple, tuple]:
    """Copy a bone's voxels of a common box; also the slices of the box and of the bone."""
    shape = [h - low for low, h in common]
    box = np.zeros(shape, bool)
    into = tuple(
        slice(p.start - low, p.stop - low) for p, (low, _) in zip(part, common, strict=True)
    )
    own = tuple(
        slice(p.start - w.start, p.stop - w.start) for p, w in zip(part, filled.window, strict=True)
    )
    box[into] = filled.inside[own]
    return box, into, own


def open_joints(filled: list[Filled], grid: Grid, cartilage: np.ndarray) -> None:
    """Take bone away where two bones touch, overlap or nearly touch; mark the space as cartilage.

    Args:
        filled: changed in place.
        grid: grid of ``cartilage``.
        cartilage: bool, written in place.
    """
    # Ribs touch vertebrae and cartilage only; nobody sees those joints.
    moving = [f for f in filled if not f.bone.name.startswith(("rib", "costal", "sternum"))]
    for i, first in enumerate(moving):
        for second in moving[i + 1 :]:
            gap = gap_of(first.bone.name, second.bone.name)
            boxes = _overlap(first, second, int(np.ceil(gap / grid.spacing)))
            if boxes is None:
                continue
            common, part_a, part_b = boxes
            a, into_a, own_a = _crop(first, common, part_a)
            b, into_b, own_b = _crop(second, common, part_b)
            if not a.any() or not b.any():
                continue
            near_b = distance_outside(b, grid.spacing) < gap / 2
            near_a = distance_outside(a, grid.spacing) < gap / 2
            cut_a, cut_b = a & near_b, b & near_a
            first.inside[own_a] &= ~cut_a[into_a]
            second.inside[own_b] &= ~cut_b[into_b]
            cartilage[tuple(slice(low, high) for low, high in common)] |= near_a | near_b


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


_TEXTURES_MM = {"trabeculae": 1.6, "patches": 7.0, "cortex": 16.0}


class Texture:
    """Periodic blocks of noise, from which every bone of a scene takes its piece."""

    SIZE = 80

    def __init__(self, spacing: float, rng: np.random.Generator):
        self.blocks = {}
        for name, length in _TEXTURES_MM.items():
            block = rng.standard_normal((self.SIZE,) * 3).astype(np.float32)
            block = ndimage.gaussian_filter(block, max(0.45 * length / spacing, 0.4), mode="wrap")
            self.blocks[name] = block / block.std()

    def piece(self, name: str, window) -> np.ndarray:
        """Noise of zero mean and unit deviation for a window of the grid."""
        index = [np.arange(s.start, s.stop) % self.SIZE for s in window]
        return self.blocks[name][np.ix_(*index)]


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
        shaft = _shaftness(_along(filled.bone, local), 0.30 if size > 120 else 0.36)
        thickness += (build.shaft_mm - build.end_mm) * subject.cortex * shaft
    thickness *= np.clip(1 + 0.18 * texture.piece("cortex", filled.window), 0.4, 1.7)
    shell = np.clip((thickness - (depth - h)) / h, 0.0, 1.0)
    grain = 0.07 * texture.piece("trabeculae", filled.window)
    grain += 0.05 * texture.piece("patches", filled.window)
    # Trabeculae thin out towards the canal.
    inner = 1.18 * build.spongiosa * subject.mineral * (1 + grain)
    canal = np.clip(shaft * 1.25 - 0.1 + 1.4 * grain, 0.0, 1.0)
    inner = inner * (1 - canal) + 0.985 * canal
    outer = 1.92 * (1 + 0.25 * (subject.mineral - 1))
    grams = shell * outer + (1 - shell) * inner
    material = np.where(grams > 1.5, CORTICAL, np.where(grams > 1.06, SPONGIOSA, MARROW))
    nominal = np.where(grams > 1.5, 1.92, np.where(grams > 1.06, 1.18, 0.98))
    return material.astype(np.uint8), (grams / nominal).astype(np.float32)


def distance_depth(inside: np.ndarray, spacing: float) -> np.ndarray:
    """Distance in mm of marked voxels to the nearest unmarked one; a voxel at the surface."""
    if inside.all():
        return np.full(inside.shape, 1e3, np.float32)
    return distance_outside(~inside, spacing)
