"""From bone meshes to voxels: filling, thin blades, joint spaces."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from simulation import meshes
from simulation.grid import Grid, distance_outside, stamp
from simulation.skeleton import Bone

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


# Meshes with inner walls, where parity leaves holes; mm to bridge.
_HOLES: tuple[tuple[str, float], ...] = (
    (r"tibia", 5.0),
    (r"scapula", 4.0),
    (r"pelvis|sacrum", 2.5),
)

# Blades so thin that their mesh is one layer or nearly: at least this thick, mm.
_BLADES: tuple[tuple[str, float], ...] = ((r"scapula", 2.4), (r"pelvis", 3.0))


def _closed(inside: np.ndarray, voxels: float) -> np.ndarray:
    """Bridge holes of up to ``voxels`` and fill what they enclose."""
    pad = int(np.ceil(voxels)) + 1
    wide = np.pad(inside, pad)
    ball = ndimage.generate_binary_structure(3, 1)
    wide = ndimage.binary_closing(wide, ball, iterations=max(round(voxels), 1))
    return ndimage.binary_fill_holes(wide)[pad:-pad, pad:-pad, pad:-pad]


def _blade(bone: Bone, local: Grid, thick: float) -> np.ndarray:
    """Voxels within half of ``thick`` mm of the mesh's faces."""
    points = meshes.sample(bone.vertices, bone.faces, 0.7 * local.spacing)
    radius = max(thick / 2, 0.62 * local.spacing)
    field = np.full(local.shape, 10.0, np.float32)
    stamp(field, local, points, np.full(len(points), radius), 1.0)
    return field < 0


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
        thick = next((mm for pattern, mm in _BLADES if re.match(pattern, bone.name)), 0.0)
        if thick:
            inside |= _blade(bone, local, thick)
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


def open_joints(
    filled: list[Filled], grid: Grid, cartilage: np.ndarray, width: float = 1.0
) -> None:
    """Take bone away where two bones touch, overlap or nearly touch; mark the space as cartilage.

    Args:
        filled: changed in place.
        grid: grid of ``cartilage``.
        cartilage: bool, written in place.
        width: factor on the joint spaces: worn joints are narrow.
    """
    # Ribs touch vertebrae and cartilage only; nobody sees those joints.
    moving = [f for f in filled if not f.bone.name.startswith(("rib", "costal", "sternum"))]
    for i, first in enumerate(moving):
        for second in moving[i + 1 :]:
            gap = width * gap_of(first.bone.name, second.bone.name)
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
