"""Trunk and neck: outline, costal cartilage, and what fills them (see :mod:`simulation.organs`)."""

from __future__ import annotations

import re

import numpy as np
from scipy.interpolate import PchipInterpolator

from simulation.cortex import CARTILAGE, CORTICAL
from simulation.flesh import cover_field, extend, union
from simulation.grid import Grid, ellipsoid, noise, smooth, stamp, tube
from simulation.skeleton import Body, Bone
from simulation.subjects import Subject

_TRUNK = re.compile(
    r"^(lumbar|thoracic|cervical|rib|costal|sternum|sacrum|scapula|clavicle|pelvis)"
)


def belongs(bone: Bone) -> bool:
    """Tell whether a bone lies inside the trunk's envelope."""
    return bool(_TRUNK.match(bone.name))


def _vertices(body: Body, pattern: str) -> np.ndarray:
    return np.concatenate([b.vertices for n, b in body.bones.items() if re.match(pattern, n)])


def landmarks(body: Body) -> dict[str, np.ndarray]:
    """Positions (mm) that outline and organs are hung on."""
    marks = {
        n: body.bones[n].vertices.mean(axis=0)
        for n in (
            *(f"lumbar{i}" for i in range(1, 6)),
            *(f"thoracic{i}" for i in range(1, 13)),
            *(f"cervical{i}" for i in range(1, 8)),
        )
    }
    pelvis = _vertices(body, "pelvis")
    ribs = _vertices(body, r"rib|costal|sternum")
    marks["crest"] = np.array([np.abs(pelvis[:, 0]).max(), 0.0, pelvis[:, 2].max()])
    marks["crotch"] = np.array([0.0, 0.0, pelvis[:, 2].min()])
    marks["hip"] = (body.frames["femur_r"][0] + body.frames["femur_l"][0]) / 2
    marks["hip_half"] = np.abs(body.frames["femur_l"][0] - body.frames["femur_r"][0]) / 2
    marks["rib_low"], marks["rib_high"] = ribs.min(axis=0), ribs.max(axis=0)
    return marks


def middle_line(marks) -> PchipInterpolator:
    """The spine's x in mm as a function of height: trunk and organs follow a bent spine."""
    names = [f"lumbar{i}" for i in range(5, 0, -1)] + [f"thoracic{i}" for i in range(12, 0, -1)]
    points = [marks[n] for n in names] + [
        marks["cervical7"],
        marks["cervical5"],
        marks["cervical1"],
    ]
    points = sorted((float(p[2]), float(p[0])) for p in points)
    low, high = points[0][0], points[-1][0]
    points = [(low - 400, 0.0), (low - 90, 0.0), *points, (high + 300, points[-1][1])]
    kept = [points[0]]
    for p in points[1:]:
        if p[0] > kept[-1][0] + 1e-3:
            kept.append(p)
    z, x = np.array(kept).T
    return PchipInterpolator(z, x)


def _outline(body: Body, subject: Subject, rng) -> np.ndarray:
    """Stations of the muscle wall: rows of height, half width, front y, back y (mm)."""
    m = landmarks(body)
    ribs = _vertices(body, r"rib|costal|sternum")
    female, bulk, fat = subject.female, subject.muscle**0.5, subject.fat
    scale = subject.height

    def chest(z):
        near = ribs[np.abs(ribs[:, 2] - z) < 16]
        return np.abs(near[:, 0]).max(), near[:, 1].min(), near[:, 1].max()

    hip_half = m["hip_half"][0] + 78 * scale
    belly = 22 + 20 * max(fat - 0.7, 0.0) ** 0.8 + subject.belly_mm
    flank = 0.3 * subject.belly_mm
    spine = {n: m[n][1] for n in m if n[:6] in ("lumbar", "thorac", "cervic")}
    crest_half = m["crest"][0] + 6
    rows = [
        (m["crotch"][2] - 10, hip_half * 0.97, m["hip"][1] - 75 * scale, m["hip"][1] + 100 * scale),
        (m["hip"][2], hip_half, m["hip"][1] - 78 * scale, m["hip"][1] + 118 * scale),
        (
            m["hip"][2] + 55,
            crest_half + 14,
            m["hip"][1] - 74 * scale - 0.45 * subject.belly_mm,
            m["hip"][1] + 118 * scale,
        ),
        (
            m["crest"][2],
            crest_half + flank,
            spine["lumbar4"] - 100 * scale - belly,
            spine["lumbar4"] + 52,
        ),
        (
            m["lumbar2"][2],
            crest_half * (0.93 - 0.06 * female) + flank,
            spine["lumbar2"] - 100 * scale - belly,
            spine["lumbar2"] + 46,
        ),
    ]
    for name in ("thoracic11", "thoracic8", "thoracic6"):
        z = m[name][2]
        half, front, _ = chest(z)
        pushed = subject.belly_mm * {"thoracic11": 0.6, "thoracic8": 0.15}.get(name, 0.0)
        rows.append(
            (z, half + 12 * bulk + 0.25 * pushed, front - 10 * bulk - pushed, spine[name] + 48)
        )
    z = m["thoracic4"][2]
    half, front, _ = chest(z)
    rows.append((z, half + 26 * bulk, front - 20 * bulk, spine["thoracic4"] + 54))
    z = m["thoracic2"][2]
    half, front, _ = chest(z)
    rows.append((z, half + 58 * scale, front - 26 * bulk, spine["thoracic2"] + 52))
    rows.append(
        (
            m["thoracic1"][2] + 2,
            112 * scale * bulk,
            spine["thoracic1"] - 60,
            spine["thoracic1"] + 44,
        )
    )
    rows.append(
        (
            m["cervical7"][2] + 8,
            74 * scale * bulk,
            spine["cervical7"] - 62 * scale,
            spine["cervical7"] + 38,
        )
    )
    thick = rng.uniform(0.95, 1.05)
    for name in ("cervical4", "cervical5"):
        rows.append(
            (m[name][2], 54 * scale * bulk * thick, spine[name] - 62 * scale, spine[name] + 38)
        )
    top = m["cervical1"][2]
    rows.append((top + 45, 52 * scale, m["cervical1"][1] - 45, m["cervical1"][1] + 36))
    return np.array(sorted(rows))


def envelope(body: Body, grid: Grid, subject: Subject, rng):
    """Return the distance to the muscle wall of trunk and neck, and the fat on it (mm).

    Args:
        body: skeleton, upright, mid-sagittal plane at x = 0.
        grid: coarse grid.
        subject: sex, fatness, muscle bulk.
        rng: draws small asymmetries.
    """
    rows = _outline(body, subject, rng)
    m = landmarks(body)
    curve = PchipInterpolator(rows[:, 0], rows[:, 1:], axis=0)
    x, y, z = grid.axes()
    heights = z.ravel()
    x = x - middle_line(m)(heights)[None, None, :]
    half, front, back = curve(np.clip(heights, rows[0, 0], rows[-1, 0])).T
    a, b = half[None, None, :], ((back - front) / 2)[None, None, :]
    cy = ((back + front) / 2)[None, None, :]
    # On either side of the spine the muscles of the back stand out, below the neck.
    beside = 1 - np.exp(-((x / 32.0) ** 2)) if subject.furrow_mm else 0.0
    below = np.interp(heights, [m["thoracic4"][2], m["thoracic1"][2]], [1, 0])[None, None, :]
    across = (y - cy) / (b + subject.furrow_mm * beside * below * (y > cy))
    power = subject.squareness
    q = np.abs(x / a) ** power + np.abs(across) ** power
    wall = ((q ** (1 / power) - 1) * np.minimum(a, b)).astype(np.float32)
    wall = union(wall, _shoulders(body, grid, subject), 14.0)
    # Rounded ends: buttocks below, the head covers the upper one.
    wall = -union(-wall, -(rows[0, 0] - z).astype(np.float32), 70.0)
    wall = np.maximum(wall, (z - rows[-1, 0]).astype(np.float32))
    # Fat: much on belly, hips and buttocks, little on the neck; less behind than before.
    levels = np.array(
        [
            m["crotch"][2],
            m["hip"][2],
            m["lumbar3"][2],
            m["thoracic8"][2],
            m["thoracic2"][2],
            m["cervical7"][2],
            m["cervical5"][2],
        ]
    )
    mm = np.interp(heights, levels, [18, 20, 15, 9, 8, 5, 3.5])[None, None, :]
    around = 1 - 0.25 * np.clip((y - cy) / b, -1, 1)
    fat = mm * around * (0.25 + 0.75 * subject.fat)
    fat = fat * np.clip(1 + 0.12 * noise(grid.shape, grid.spacing, 90.0, rng), 0.5, 1.6)
    fat = np.minimum(fat, 70.0).astype(np.float32)
    if subject.apron_mm:
        fat = fat + _apron(subject, m, x, z, np.clip(2.5 * (cy - y) / b, 0.0, 1.0))
    if subject.female > 0.45:
        skin = wall - fat
        breasts, fillet = _breasts(grid, subject, m), 14.0
        if subject.bust_mm:
            # Below such breasts is a fold, not a fillet: their lower edge is sharp.
            breasts, fillet = np.minimum(breasts, _heavy_breasts(grid, subject, m, skin)), 5.0
        # Only where they are: elsewhere it would swell what else is near.
        fat = fat + np.where(breasts < 8.0, skin - union(skin, breasts, fillet), 0.0)
    return wall, fat.astype(np.float32)


def _shoulders(body: Body, grid: Grid, subject: Subject) -> np.ndarray:
    """What covers clavicles and scapulae, and the slope of the trapezius: distance."""
    girdle = [b for n, b in body.bones.items() if n.startswith(("scapula", "clavicle"))]
    field = cover_field(girdle, None, grid)
    neck = body.bones["cervical2"].vertices.mean(axis=0)
    bulk = subject.height * subject.muscle**0.4
    for bone in girdle:
        if not bone.name.startswith("scapula"):
            continue
        side = np.sign(bone.vertices[:, 0].mean())
        tip = bone.vertices[np.argsort(-side * bone.vertices[:, 0])[:8]].mean(axis=0)
        root = neck + np.array([side * 30 * bulk, 12, -8])
        middle = 0.5 * (root + tip) + np.array([0, 4, -10])
        path = np.stack([root, middle, tip])
        stamp(field, grid, *tube(path, np.array([22, 23, 12]) * bulk, 3.0), 16.0)
    return extend(smooth(field, grid, 3.0), grid)


def _breasts(grid: Grid, subject: Subject, m) -> np.ndarray:
    """Breasts of female subjects, flattened by the detector: distance, negative inside."""
    rng = subject.generator(5)
    size = np.clip((subject.female - 0.3) / 0.7, 0, 1) * np.clip(
        rng.normal(0.75 + 0.3 * subject.fat, 0.22), 0.45, 1.6
    )
    front, scale = m["rib_low"][1], subject.height
    droop = rng.uniform(0.2, 1.0) * size
    field = np.full(grid.shape, 1e3, np.float32)
    for side in (-1, 1):
        x = side * rng.uniform(74, 86) * scale
        z = m["thoracic8"][2] + rng.uniform(-8, 8)
        above = (x, front + 14, z)
        field = np.minimum(
            field, ellipsoid(grid, above, np.array([52, 21 + 12 * size, 52]) * scale)
        )
        below = (x * 1.08, front + 6 - 6 * size, z - 34 * droop)
        radii = np.array([42 + 16 * size, 15 + 22 * size, 36 + 14 * size]) * scale
        field = union(field, ellipsoid(grid, below, radii), 16.0)
    return field


def _heavy_breasts(grid: Grid, subject: Subject, m, skin: np.ndarray) -> np.ndarray:
    """Breasts that hang before the belly, pressed flat and wide by a chest stand: distance.

    They lie on the skin that there is without them, with the widest part outside, so that a
    radiograph shows their edge all around.
    """
    rng = subject.generator(11)
    field = np.full(grid.shape, 1e3, np.float32)
    step = subject.bust_mm / 75.0
    for side in (-1, 1):
        radius = (45 + 42 * step + rng.uniform(-5, 5)) * subject.height
        x = side * (radius + rng.uniform(20, 45) * subject.height)
        z = m["thoracic8"][2] - 15 - subject.sag_mm + rng.uniform(-8, 8)
        i, k = (
            int(np.clip(round((place - grid.origin[axis]) / grid.spacing), 0, n - 1))
            for axis, place, n in ((0, x, grid.shape[0]), (2, z, grid.shape[2]))
        )
        inside = skin[i, :, k] < 0
        if not inside.any():
            continue
        surface = grid.origin[1] + grid.spacing * int(np.argmax(inside))
        # The volume ends before the body: nothing may be cut off there.
        room = surface - grid.origin[1] - 2 * grid.spacing
        depth = min((18 + 26 * step) * subject.height, room / 1.3)
        if depth < 5:
            continue
        centre = (x, surface - 0.3 * depth, z)
        field = np.minimum(field, ellipsoid(grid, centre, (radius, depth, 0.95 * radius)))
    return field


def _apron(subject: Subject, m, x, z, front) -> np.ndarray:
    """Fold of fat that hangs from the belly over groins and thighs: its thickness in mm.

    It follows the skin from hip to hip and ends below in a steep edge, as a fold does.

    Args:
        subject: how low it hangs.
        m: landmarks.
        x: mm from the midline.
        z: heights in mm.
        front: 0 at the flanks and behind to 1 in front.
    """
    rng = subject.generator(14)
    low, high = m["hip"][2] + 45 - subject.apron_mm, m["crest"][2] + 30
    up = np.clip((z - low) / (high - low), 0.0, 1.0)
    along = np.sqrt(np.clip(7 * up, 0, 1)) * np.sqrt(1 - up)
    across = np.sqrt(np.clip(1 - (x / (m["crest"][0] * rng.uniform(0.95, 1.15))) ** 2, 0, 1))
    return rng.uniform(30, 60) * along * across * front


def cartilage_of_ribs(bone: Bone, values, factors):
    """Turn costal cartilage, which comes as a bone, into cartilage; others pass unchanged."""
    if not bone.name.startswith("costal"):
        return values, factors
    # What calcium it has gathers in the shell that the bone's structure gives it.
    factors = np.where(values == CORTICAL, 1.12, 1.0)
    return np.full_like(values, CARTILAGE), factors.astype(np.float32)
