"""Soft tissue of the limbs as smooth distance fields: muscle bellies, what covers bones, fat.

All fields are float32 on a coarse grid, in mm, negative inside.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from simulation.grid import Grid, distance_outside, noise, smooth, stamp, tube
from simulation.skeleton import Body, Muscle
from simulation.subjects import Subject

REACH_MM = 22.0

# Tendon, ligament and subcutaneous tissue between a bone and the fat, mm.
_COVER: tuple[tuple[str, float], ...] = (
    (r"distph|distal_thumb", 2.6),
    (r"midph", 2.4),
    (r".*proxph|proximal_thumb", 2.6),
    (r".*mc_", 2.6),
    (r"toe", 3.0),
    (r"metatarsal", 4.5),
    (r"calcaneus", 5.0),
    (r"talus|tarsal", 5.0),
    (r"patella", 3.0),
    (r"tibia|fibula", 2.2),
    (r"femur", 4.0),
    (r"radius|ulna", 2.4),
    (r"humerus", 3.0),
    (r"clavicle", 3.0),
    (r"scapula", 5.0),
    (r"pelvis|sacrum", 8.0),
    (r"skull|jaw", 4.0),
)

# Thickness of fat at landmarks (model body, offset along the way to the next body, mm).
_FAT_MM: tuple[tuple[str, str, float, float], ...] = (
    ("humerus", "ulna", 0.0, 9.0),
    ("humerus", "ulna", 0.5, 5.5),
    ("ulna", "lunate", 0.0, 3.0),
    ("ulna", "lunate", 0.4, 3.2),
    ("lunate", "thirdmc", 0.0, 1.6),
    ("thirdmc", "3proxph", 0.5, 1.2),
    ("3proxph", "midph3", 0.5, 1.1),
    ("femur", "tibia", 0.0, 16.0),
    ("femur", "tibia", 0.3, 12.0),
    ("femur", "tibia", 0.7, 7.5),
    ("femur", "tibia", 0.95, 5.0),
    ("tibia", "talus", 0.05, 4.5),
    ("tibia", "talus", 0.35, 6.0),
    ("tibia", "talus", 0.7, 4.0),
    ("talus", "calcn", 0.0, 2.2),
    ("calcn", "toes", 0.6, 2.0),
    ("toes", "toes", 0.0, 1.5),
)


def cover_of(name: str) -> float:
    """Thickness in mm of what covers a bone where no muscle does."""
    return next((mm for pattern, mm in _COVER if re.match(pattern, name)), 3.0)


_DISTAL_TENDON = re.compile(
    r"^(gas|soleus|edl|ehl|fdl|fhl|per|tib|EC|FC|PL|FD|ED|EIP|EPL|EPB|FPL|APL|BRD|semiten|vas|recfem)"
)


# Tendons that show in the outline: quadriceps with the patellar ligament, Achilles, hamstrings.
_TENDON_MM = (
    ("vas", 5.0),
    ("recfem", 6.0),
    ("gas", 3.2),
    ("soleus", 3.5),
    ("semi", 3.0),
    ("bflh", 3.0),
)


def belly(muscle: Muscle, bulk: float) -> tuple[np.ndarray, np.ndarray]:
    """Sample a muscle as spheres: a spindle with the muscle's volume and thin tendons.

    Args:
        muscle: path and volume.
        bulk: factor on the volume.

    Returns:
        Centres ``(N, 3)`` and radii ``(N,)`` in mm.
    """
    points, _ = tube(muscle.path, 1.0, 3.0)
    length = 3.0 * (len(points) - 1)
    distal = bool(_DISTAL_TENDON.match(muscle.name))
    # Pennate bellies are longer than their fibres.
    half = 0.5 * float(
        np.clip(1.7 * muscle.fibre_mm, 0.45 * length, (0.72 if distal else 0.92) * length)
    )
    centre = half + (0.03 if distal else 0.5 * (1 - 2 * half / max(length, 1e-6))) * length
    s = np.linspace(0.0, length, len(points))
    spindle = np.clip(1 - ((s - centre) / half) ** 2, 0.0, None) ** 0.55
    mean_square = 0.645  # of the spindle over the belly
    radius = np.sqrt(1.15 * bulk * muscle.volume_mm3 / (np.pi * 2 * half * mean_square))
    # Short muscles are sheets, not balls.
    tendon = next((mm for stem, mm in _TENDON_MM if muscle.name.startswith(stem)), 1.6)
    return points, np.maximum(min(radius, 42.0, 0.2 * length + 4.0) * spindle, tendon)


def muscle_field(muscles: list[Muscle], grid: Grid, subject: Subject) -> np.ndarray:
    """Return the distance to the nearest muscle, before smoothing."""
    field = np.full(grid.shape, REACH_MM, np.float32)
    for muscle in muscles:
        points, radii = belly(muscle, subject.muscle)
        # Thin tendons show in no outline, and those of the fingers would web them.
        thick = radii > 2.0
        stamp(field, grid, points[thick], radii[thick], 12.0)
    return field


def cover_field(bones, occupied: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the distance to the cover of the bones.

    Args:
        bones: list of :class:`simulation.skeleton.Bone`.
        occupied: bool on the grid, where bone is.
        grid: the coarse grid.
    """
    field = np.full(grid.shape, REACH_MM, np.float32)
    for bone in bones:
        cover = cover_of(bone.name)
        keep = bone.vertices[:: max(len(bone.vertices) // 900, 1)]
        stamp(field, grid, keep, np.full(len(keep), cover), 12.0)
    if occupied is not None:
        field[occupied] = np.minimum(field[occupied], -2.0)
    return field


def fat_field(body: Body, bones, grid: Grid, subject: Subject, rng) -> np.ndarray:
    """Return the thickness of fat in mm, interpolated between landmarks of the limbs."""
    x, y, z = grid.axes()
    total = np.full(grid.shape, 1e-12 * 5.0, np.float32)
    weight = np.full(grid.shape, 1e-12, np.float32)
    stems = {"lunate": "lunate", "3proxph": "3proxph", "calcn": "calcaneus", "toes": "metatarsal1"}
    for side in ("_r", "_l"):
        for start, stop, t, mm in _FAT_MM:
            if stems.get(start, start) + side not in bones:
                continue
            a, b = body.frames[start + side][0], body.frames[stop + side][0]
            p = a + t * (b - a)
            w = 1.0 / ((x - p[0]) ** 2 + (y - p[1]) ** 2 + (z - p[2]) ** 2 + 200.0) ** 2
            total += (w * mm).astype(np.float32)
            weight += w.astype(np.float32)
    uneven = np.clip(1 + 0.25 * noise(grid.shape, grid.spacing, 70.0, rng), 0.3, 2.0)
    # Hands and feet carry little of it even in the stout.
    mean = total / weight
    return mean * uneven * (1 + (subject.fat - 1) * np.clip(mean / 6.0, 0.25, 1.0))


def stamp_shapes(shapes, grid: Grid, reach: float = 12.0) -> np.ndarray:
    """Union of sphere chains as a distance field."""
    field = np.full(grid.shape, REACH_MM, np.float32)
    for points, radii in shapes:
        stamp(field, grid, points, radii, reach)
    return field


def union(first: np.ndarray, second: np.ndarray, blend: float) -> np.ndarray:
    """Smooth union of two distance fields; ``blend`` mm is the width of the fillet."""
    h = np.clip(0.5 + 0.5 * (second - first) / blend, 0.0, 1.0)
    return second + (first - second) * h - blend * h * (1 - h)


_FINE = re.compile(
    r"^(lunate|scaphoid|pisiform|triquetrum|capitate|trape|hamate|.*mc_|.*ph_|.*ph\d_|.*thumb|toe|metatarsal)"
)


def _beside_shin(muscle: Muscle, bones) -> Muscle:
    """Draw the belly of a foot extensor to the fibula: its model path runs before the shin."""
    if not muscle.name.startswith(("tibant", "edl", "ehl")):
        return muscle
    fibula = next((b.vertices for b in bones if b.name == "fibula" + muscle.name[-2:]), None)
    if fibula is None:
        return muscle
    path, _ = tube(muscle.path, 1.0, 6.0)
    beside = np.array(
        [fibula[np.abs(fibula[:, 2] - z).argsort()[:12]].mean(axis=0) for z in path[:, 2]]
    )
    # Not at the ankle, where the tendons do run in front.
    share = 0.45 * np.clip((path[:, 2] - np.quantile(fibula[:, 2], 0.1)) / 60.0, 0, 1)[:, None]
    path = path + share * (beside - path) * [1, 1, 0]
    return replace(muscle, path=path, volume_mm3=0.6 * muscle.volume_mm3)


def _before_achilles(muscles, bones, grid: Grid) -> np.ndarray:
    """Fat between the Achilles tendon and the shin."""
    field = np.full(grid.shape, REACH_MM, np.float32)
    for muscle in muscles:
        tibia = next((b.vertices for b in bones if b.name == "tibia" + muscle.name[-2:]), None)
        if not muscle.name.startswith("soleus") or tibia is None:
            continue
        path, _ = tube(muscle.path, 1.0, 6.0)
        path = path[len(path) // 2 :]
        shin = [tibia[np.abs(tibia[:, 2] - z).argsort()[:40]].mean(axis=0) for z in path[:, 2]]
        for share, radius in ((0.15, 8.0), (0.35, 10.0), (0.6, 12.0)):
            points = path + share * (np.array(shin) - path) * [1, 1, 0]
            stamp(field, grid, points, np.full(len(points), radius), 12.0)
    return field


def limb_field(muscles, bones, shapes, occupied, grid: Grid, subject: Subject):
    """Return the smooth surface of the muscles and the outline that skin spans over it.

    Hollows between bellies, and between the Achilles tendon and the shin, are bridged as skin does
    (fat fills them); fingers and toes are shaped apart, else they would be webbed.
    """
    large = [b for b in bones if not _FINE.match(b.name)]
    small = [b for b in bones if _FINE.match(b.name)]
    muscles = [_beside_shin(m, bones) for m in muscles]
    deep = np.minimum(muscle_field(muscles, grid, subject), cover_field(large, occupied, grid))
    deep = extend(smooth(deep, grid, 3.5), grid)
    outline = np.minimum(bridged(deep, grid, 24.0), _before_achilles(muscles, bones, grid))
    outline = extend(smooth(outline, grid, 2.0), grid)
    if not small:
        return deep, outline
    fine = smooth(np.minimum(stamp_shapes(shapes, grid), cover_field(small, None, grid)), grid, 1.1)
    fine = extend(fine, grid)
    return union(deep, fine, 4.0), union(outline, fine, 4.0)


def extend(field: np.ndarray, grid: Grid) -> np.ndarray:
    """Continue a field that is only right near its surface to all of space."""
    outside = distance_outside(field < 0, grid.spacing) - 0.5 * grid.spacing
    return np.where(field < 5.0, field, np.maximum(outside, 5.0)).astype(np.float32)


def bridged(field: np.ndarray, grid: Grid, radius: float) -> np.ndarray:
    """Close hollows narrower than twice ``radius`` mm: the skin spans them."""
    grown = field - radius
    inside = distance_outside(grown >= 0, grid.spacing)
    return np.minimum(field, radius - inside)
