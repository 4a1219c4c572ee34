"""The body parts: which bones, which pose, which views; and the scene made of them."""

from __future__ import annotations

import numpy as np

from simulation import extras, fixators, skeleton, tissue, variation
from simulation import views as viewing
from simulation.catalogue import PARTS, Part
from simulation.grid import Grid
from simulation.scene import Scene
from simulation.skeleton import Body
from simulation.subjects import Subject

__all__ = ["PARTS", "Part", "scene"]

_VOXELS = 65e6  # at most


def scene(
    part: str,
    subject: Subject,
    rng: np.random.Generator,
    views: int = 1,
    source: str = "radiograph",
    varied: bool = False,
    theme: str = "",
) -> Scene:
    """Build a subject's body part in one pose and choose the views taken of it.

    Args:
        part: one of :data:`PARTS`.
        subject: from :func:`simulation.subjects.draw_subject`.
        rng: draws pose, views, field and extras of this scene.
        views: how many geometries; for ``"ct-projection"`` angles about the part's long axis.
        source: ``"radiograph"`` or ``"ct-projection"``.
        varied: as of :class:`simulation.composition.Sitting`: higher tube voltages, and what a
            bucky takes is mostly upright, and chests are in part taken low.
        theme: as of :class:`simulation.composition.Sitting`; ``"metal"`` leaves room around the
            body for what sticks out of it.

    Returns:
        The scene; a function of its arguments alone.

    Raises:
        ValueError: for an unknown part or source, or fewer than one view.
    """
    if part not in PARTS:
        raise ValueError(f"unknown body part {part!r}; one of {', '.join(PARTS)}")
    if source not in ("radiograph", "ct-projection"):
        raise ValueError(f"unknown source {source!r}")
    if views < 1:
        raise ValueError("views must be at least 1")
    return _build(PARTS[part], subject, rng, views, source, varied, theme)


def _build(
    what: Part, subject: Subject, rng, count: int, source: str, varied: bool, theme: str
) -> Scene:
    scan = source == "ct-projection"
    angles = what.pose(rng)
    if scan:
        # In a scanner the knee lies stretched.
        angles = {n: a * 0.3 if n.startswith("knee") else a for n, a in angles.items()}
    body = skeleton.pose(subject, angles)
    body = variation.vary(body, subject, what.needed(body))
    rotation = what.orient(body)
    body = body.moved(rotation, np.zeros(3))
    centre = what.centre(body, rng)
    if varied and max(what.varied_drop_mm) and rng.random() < 1 / 3:
        centre = centre - [0.0, 0.0, rng.uniform(*what.varied_drop_mm)]
    framings = (
        _scan_framings(what, subject, rng, count)
        if scan
        else _framings(what, angles, subject, rng, count, varied)
    )
    far = rng.uniform(1000, 1150) if not scan else rng.uniform(700, 1000)
    gap = (
        rng.uniform(120, 260) if scan else rng.uniform(35, 60) if what.bucky else rng.uniform(4, 18)
    )
    beam = framings[0].along if theme == "metal" else None
    room = 0.0 if beam is None else fixators.room(what.spacing_mm)
    grid = _grid(what, body, subject, centre, framings, far - gap, room)
    recipe = what.recipe(body, grid)
    volume = tissue.assemble(body, grid, subject, recipe, rng, what.coarse_factor)
    volume, flags = extras.add(volume, body, what.name, subject, rng, source, beam)
    geometries = tuple(viewing.place(f, volume, centre, far, gap) for f in framings)
    tube_kv = (what.kvp[0], what.varied_kvp) if varied and what.varied_kvp else what.kvp
    kvp = float(np.round(rng.uniform(70, 120) if scan else rng.uniform(*tube_kv)))
    return Scene(volume, geometries, what.name, subject.name, kvp, flags)


def _field(what: Part, subject: Subject, rng) -> tuple[float, float]:
    """Field across and along the part in mm; sometimes so tight that the part fills it."""
    along = rng.uniform(*what.field_mm) * subject.height
    if rng.random() < what.tight:
        along *= rng.uniform(0.55, 0.75)
    return along * rng.uniform(0.72, 1.0), along


def _framings(
    what: Part, angles, subject: Subject, rng, count: int, varied: bool
) -> list[viewing.Framing]:
    usual = what.views_for(angles)
    turn = viewing.upright_angle if varied and what.bucky else viewing.in_plane_angle
    weight = np.array([v.weight for v in usual])
    replace = count > len(usual)
    chosen = rng.choice(len(usual), count, replace=replace, p=weight / weight.sum())
    return [viewing.frame(usual[i], *_field(what, subject, rng), rng, turn=turn) for i in chosen]


def _scan_framings(what: Part, subject: Subject, rng, count: int) -> list[viewing.Framing]:
    """Angles about the long axis, one field and one orientation for the whole scan."""
    width, height = _field(what, subject, rng)
    start = rng.uniform(0, 360)
    step = rng.uniform(0.6, 1.0) * 360 / count
    turn = float(rng.choice([0.0, 90.0]) + 2 * rng.standard_normal())
    state = rng.integers(2**32)
    out = []
    for i in range(count):
        view = viewing.View("ct", start + i * step, 0.0)
        # Equal draws for all angles: the scanner does not wobble.
        own = np.random.Generator(np.random.Philox(int(state)))
        out.append(viewing.frame(view, width, height, own, wobble=0.0, turn=lambda _: turn))
    return out


def _grid(
    what: Part,
    body: Body,
    subject: Subject,
    centre: np.ndarray,
    framings,
    reach: float,
    room: float,
) -> Grid:
    """Cover what the pictures show, and more: no limb may end in a straight cut in a picture."""
    points = np.concatenate([body.bones[n].vertices for n in what.select(body)])
    pad = what.pad_mm + what.stout_mm * max(subject.fat - 0.8, 0.0) + room
    before = np.array([0.0, subject.belly_mm + (70.0 if subject.apron_mm else 0.0), 0.0])
    low, high = points.min(axis=0) - pad - before, points.max(axis=0) + pad
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True)), axis=-1).reshape(-1, 3)
    far = np.zeros(3)
    for f in framings:
        # A limb lies along z: only its thickness counts, not its length.
        depth = min(np.abs((corners - centre) @ f.along).max(), 260.0)
        # Rays spread: behind the centre a picture shows more than its central plane.
        spread = 1 + depth / (reach - depth)
        far = np.maximum(far, spread * f.reach() + 8.0 + np.abs(f.along) * depth * spread + 10.0)
    low, high = np.maximum(low, centre - far), np.minimum(high, centre + far)
    inside = (points[:, 2] > low[2] - pad) & (points[:, 2] < high[2] + pad)
    kept = points[inside]
    low[:2] = np.maximum(low[:2], kept[:, :2].min(axis=0) - pad - before[:2])
    high[:2] = np.minimum(high[:2], kept[:, :2].max(axis=0) + pad)
    # The stoutest bodies get coarser voxels, so that a worker stays below 4 GB.
    crowd = np.prod((high - low) / what.spacing_mm) / _VOXELS
    return Grid.around(low, high, what.spacing_mm * max(1.0, float(crowd) ** (1 / 3)))
