"""Metal that leaves the body: external fixators, wires, pins and screws through the skin."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulation.grid import Grid
from simulation.metalwork import STEEL, TITANIUM, Canvas, Shaft, shaft_of
from simulation.skeleton import Body


def room(spacing_mm: float) -> float:
    """Room in mm around the flesh that what is drawn here needs in a part of such voxels."""
    return float(np.clip(60 * spacing_mm, 35, 75))


_AIR_MM = 12  # so much air in a row, and the skin is passed


class Field(Canvas):
    """A canvas that knows from where the picture is taken: fixators stand out beside the part."""

    def __init__(self, material, density, grid: Grid, beam):
        super().__init__(material, density, grid)
        self.beam = np.asarray(beam, float)

    def across(self, shaft: Shaft, rng) -> np.ndarray:
        """A unit vector across a bone, in three of four cases such that the picture shows it."""
        way = np.cross(shaft.axis, self.beam)
        if rng.random() < 0.25 or np.linalg.norm(way) < 0.3:
            return shaft.across(rng)
        way = way / np.linalg.norm(way) * rng.choice([-1, 1])
        other = np.cross(shaft.axis, way)
        angle = rng.normal(0, 0.4)
        return way * np.cos(angle) + other * np.sin(angle)


def skin(canvas: Canvas, start, way) -> float | None:
    """Millimetres from ``start`` along the unit vector ``way`` to the air outside the body.

    Returns:
        The distance; None where the volume ends before the body does.
    """
    grid = canvas.grid
    points = np.asarray(start) + np.arange(320)[:, None] * np.asarray(way)
    index = np.round((points - grid.origin) / grid.spacing).astype(int)
    inside = np.all((index >= 0) & (index < grid.shape), axis=1)
    body = np.zeros(len(points), bool)
    body[inside] = canvas.material[tuple(index[inside].T)] != 0
    last = int(np.flatnonzero(body)[-1]) if body.any() else 0
    reached = int(np.argmin(inside)) if not inside.all() else len(points)
    return float(last + 1) if last + _AIR_MM < reached else None


def levels(shaft: Shaft, grid: Grid) -> np.ndarray:
    """Places along a bone, 0 to 1, that lie in the middle of the volume, where pictures look."""
    places = np.linspace(0.04, 0.96, 47)
    points = np.array([shaft.at(u) for u in places])
    middle, half = (grid.origin + grid.high) / 2, (grid.high - grid.origin) / 2
    return places[np.abs(points[:, 2] - middle[2]) < 0.62 * half[2]]


def _sizes(shaft: Shaft, rng) -> tuple[float, float]:
    """Radii in mm of the pins and rods that fit a bone."""
    half = shaft.radius(0.5)
    pin = rng.uniform(*((0.5, 0.9) if half < 6 else (1.1, 1.8) if half < 9 else (1.8, 3.0)))
    return pin, 1.9 * pin


def fixator(canvas: Field, body: Body, bone: str, rng) -> None:
    """Pins through a bone's shaft, joined by one or two rods outside the skin, with clamps."""
    shaft = shaft_of(body, bone)
    places = levels(shaft, canvas.grid)
    if len(places) < 4:
        return
    pin, rod = _sizes(shaft, rng)
    metal = STEEL if rng.random() < 0.5 else TITANIUM
    ends = (places[0], places[-1])
    step = 6.5 * pin / shaft.length
    count = int(rng.integers(2, 4))
    spots = [ends[0] + k * step for k in range(count)] + [ends[1] - k * step for k in range(count)]
    spots = [u for u in spots if ends[0] <= u <= ends[1]]
    # Surgeons take the short way, not through the neighbouring bones.
    near = None
    for way in (canvas.across(shaft, rng), canvas.across(shaft, rng)):
        for out in (way, -way):
            reach = [skin(canvas, shaft.at(u), out) for u in spots]
            if None not in reach and (near is None or max(reach) < near[0]):
                near = max(reach), out
    if near is None:
        return
    far, out = near
    away = far + rng.uniform(6, 14 + 10 * pin)
    for u in spots:
        way = out + 0.06 * rng.standard_normal(3)
        way /= np.linalg.norm(way)
        start = shaft.at(u) - way * (shaft.radius(u) + rng.uniform(0, 4))
        stop = shaft.at(u) + way * (away + rng.uniform(4, 6 + 7 * pin))
        canvas.rod([start, stop], [pin, pin], metal, 0.5)
    # The bone's centre line is bent; a rod is straight.
    first, last = shaft.at(min(spots)), shaft.at(max(spots))
    along = (last - first) / max(np.linalg.norm(last - first), 1e-6)
    for far in (away, away + rng.uniform(4, 6) * rod)[: int(rng.integers(1, 3))]:
        a, b = first + out * far - along * 12, last + out * far + along * 12
        canvas.rod([a, b], [rod, rod], metal)
        for u in spots:
            clamp = first + along * ((shaft.at(u) - first) @ along) + out * far
            canvas.rod([clamp - out * rod, clamp + out * rod], [1.6 * rod] * 2, metal)


def rings(canvas: Canvas, body: Body, bone: str, rng) -> None:
    """Rings around a limb, held by thin wires through the bone and joined by threaded rods."""
    shaft = shaft_of(body, bone)
    places = levels(shaft, canvas.grid)
    if len(places) < 4:
        return
    side = shaft.across(rng)
    other = np.cross(shaft.axis, side)
    turn = np.linspace(0, 2 * np.pi, 73)
    hoop = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * other
    room = (places[-2] - places[1]) * shaft.length
    spots = np.linspace(places[1], places[-2], int(min(rng.integers(2, 5), 1 + room // 40)))
    reach = [skin(canvas, shaft.at(u), hoop[k]) for u in spots for k in range(0, 72, 9)]
    if None in reach:
        return
    radius = max(reach) + rng.uniform(8, 22)
    thick = rng.uniform(2.2, 4.0)
    metal = STEEL if rng.random() < 0.5 else TITANIUM
    for u in spots:
        canvas.rod(shaft.at(u) + radius * hoop, np.full(len(hoop), thick), metal)
        for _ in range(2):
            way = hoop[int(rng.integers(72))]
            ends = [shaft.at(u) - way * radius, shaft.at(u) + way * radius]
            canvas.rod(ends, [0.9, 0.9], STEEL, 0.5)
    first, last = shaft.at(spots[0]), shaft.at(spots[-1])
    for k in (int(rng.integers(18)) + np.arange(0, 72, 18)) % 72:
        canvas.rod([first + radius * hoop[k], last + radius * hoop[k]], [3.0, 3.0], metal)


def _through(canvas: Field, shaft: Shaft, rng, slant: float) -> tuple | None:
    """A place in a bone, a way out of it, and the millimetres to the skin; None if there is none.

    Args:
        canvas: the volume.
        shaft: the bone.
        rng: draws both.
        slant: how much the way leans along the bone; 0 for straight across.
    """
    places = levels(shaft, canvas.grid)
    ways = []
    for _ in range(6 if len(places) else 0):
        spot = shaft.at(float(rng.choice(places)))
        way = canvas.across(shaft, rng) + slant * rng.uniform(-1, 1) * shaft.axis
        way /= np.linalg.norm(way)
        far = skin(canvas, spot, way)
        if far is not None:
            ways.append((far, spot, way))
    if not ways:
        return None
    # The shortest of them: none leads through the neighbouring finger.
    far, spot, way = min(ways, key=lambda found: found[0])
    return spot, way, far


def wires(canvas: Field, body: Body, bone: str, rng) -> None:
    """One to four Kirschner wires, cut before the skin and mostly bent there."""
    shaft = shaft_of(body, bone)
    for _ in range(int(rng.integers(1, 5))):
        found = _through(canvas, shaft, rng, 1.6)
        if found is None:
            continue
        spot, way, far = found
        radius = rng.uniform(0.5, 1.1)
        end = spot + way * (far + rng.uniform(5, 35))
        path = [spot - way * rng.uniform(4, 22), end]
        if rng.random() < 0.6:
            path.append(end + np.cross(way, rng.standard_normal(3)) * rng.uniform(5, 12))
        canvas.rod(path, np.full(len(path), radius), STEEL, 0.4)


def screws(canvas: Field, body: Body, bone: str, rng) -> None:
    """One to three long screws or pins that end outside, in part through and through."""
    shaft = shaft_of(body, bone)
    for _ in range(int(rng.integers(1, 4))):
        found = _through(canvas, shaft, rng, 0.4)
        if found is None:
            continue
        spot, way, far = found
        radius = _sizes(shaft, rng)[0] * rng.uniform(1.0, 1.5)
        metal = STEEL if rng.random() < 0.5 else TITANIUM
        behind = skin(canvas, spot, -way) if rng.random() < 0.35 else None
        start = spot - way * (behind + rng.uniform(8, 45) if behind else shaft.radius(0.5) + 2)
        stop = spot + way * (far + rng.uniform(8, 60))
        u = np.linspace(0, 1, max(int(np.linalg.norm(stop - start) / 1.2), 4))
        thread = radius * (1 + 0.14 * np.sign(np.sin(np.pi * np.arange(len(u)))))
        canvas.rod(start + u[:, None] * (stop - start), thread, metal, 0.6)
        if rng.random() < 0.4:
            canvas.rod([stop, stop + way * 2 * radius], [2 * radius] * 2, metal)


def halo(canvas: Canvas, body: Body, rng) -> None:
    """Ring around the head with pins in the skull and struts down to a vest."""
    skull = body.bones["skull"].vertices
    low, high = skull.min(axis=0), skull.max(axis=0)
    middle = (low + high) / 2
    level = high[2] - rng.uniform(0.3, 0.45) * (high[2] - low[2])
    half = (high - low)[:2] / 2
    gap = rng.uniform(18, 30)
    turn = np.linspace(0, 2 * np.pi, 97)
    ring = np.stack([np.cos(turn) * (half[0] + gap), np.sin(turn) * (half[1] + gap)], axis=1)
    ring = np.column_stack([middle[:2] + ring, np.full(97, level)])
    metal = TITANIUM if rng.random() < 0.7 else STEEL
    for rise in (-3.0, 0.0, 3.0):
        canvas.rod(ring + np.array([0, 0, rise]), np.full(97, 2.6), metal)
    for k in (13, 37, 59, 85):
        inward = np.array([*middle[:2], level]) - ring[k]
        inward /= np.linalg.norm(inward)
        canvas.rod([ring[k] - 6 * inward, ring[k] + (gap + 3) * inward], [2.2, 1.6], STEEL)
    for k in (0, 48) if rng.random() < 0.5 else (8, 40, 56, 88):
        aside = ring[k] + np.sign(ring[k] - middle) * [10, 4, 0]
        canvas.rod([ring[k], aside, aside - [0, 0, 260]], np.full(3, rng.uniform(3, 5)), metal)


def frame(canvas: Canvas, body: Body, rng) -> None:
    """Fixator of the pelvis: pins in both iliac crests, rods before the belly."""
    pin, metal = rng.uniform(2.0, 2.8), STEEL if rng.random() < 0.5 else TITANIUM
    tops = []
    for side in ("_r", "_l"):
        bone = body.bones["pelvis" + side].vertices
        outer = np.sign(bone[:, 0].mean())
        crest = bone[bone[:, 2] > np.quantile(bone[:, 2], 0.9)]
        spot = crest[np.argsort(crest[:, 1])[: len(crest) // 3]].mean(axis=0)
        way = np.array([outer * rng.uniform(0.1, 0.5), -rng.uniform(0.6, 0.9), 0.5])
        way /= np.linalg.norm(way)
        far = skin(canvas, spot, way)
        if far is None:
            return
        far += rng.uniform(15, 45)
        for k in range(int(rng.integers(2, 4))):
            start = spot + np.array([0, 9.0 * k, 2.0 * k])
            canvas.rod([start - way * 45, start + way * (far + 10)], [pin, pin], metal)
        tops.append(spot + way * far)
    middle = (tops[0] + tops[1]) / 2 + [0, -rng.uniform(5, 30), rng.uniform(-60, 30)]
    rod = rng.uniform(3.5, 5.5)
    canvas.rod([tops[0], middle, tops[1]], [rod] * 3, metal)
    aside = np.array([4.0, 0, 0])
    for top in tops:
        canvas.rod([top - aside, top + aside], [1.7 * rod] * 2, metal)


def towers(canvas: Canvas, body: Body, rng) -> None:
    """Tubes on the pedicle screws of lumbar vertebrae, out through the skin of the back."""
    names = ("lumbar2", "lumbar3", "lumbar4", "lumbar5")[int(rng.integers(0, 3)) :][:3]
    for side in (-1, 1):
        for name in names:
            v = body.bones[name].vertices
            front, middle = v[:, 1].min(), v.mean(axis=0)
            tip = np.array([middle[0] + side * 8, front + 9, middle[2]])
            tail = np.array([middle[0] + side * 19, front + 58, middle[2] + 2])
            canvas.rod([tip, tail], [2.2, 3.0], TITANIUM)
            way = np.array([side * 0.15, 1.0, rng.normal(0, 0.12)])
            way /= np.linalg.norm(way)
            far = skin(canvas, tail, way)
            if far is not None:
                end = tail + way * (far + rng.uniform(20, 60))
                canvas.rod([tail, end], [rng.uniform(3.5, 6.0)] * 2, TITANIUM)


def _on(function: Callable, *bones: str) -> Callable:
    return lambda canvas, body, rng: function(canvas, body, str(rng.choice(bones)), rng)


_CHOICES: dict[str, tuple[Callable, ...]] = {
    "hand": (
        _on(fixator, "fifthmc_r", "secondmc_r"),
        _on(wires, "fifthmc_r", "3proxph_r", "secondmc_r"),
    ),
    "finger": (_on(wires, "3proxph_r", "midph3_r"), _on(fixator, "3proxph_r")),
    "wrist": (_on(fixator, "radius_r"), _on(wires, "radius_r"), _on(screws, "radius_r")),
    "forearm": (
        _on(fixator, "radius_r", "ulna_r"),
        _on(screws, "radius_r", "ulna_r"),
        _on(rings, "ulna_r"),
    ),
    "elbow": (_on(fixator, "humerus_r", "ulna_r"), _on(wires, "ulna_r", "humerus_r")),
    "humerus": (_on(fixator, "humerus_r"), _on(screws, "humerus_r")),
    "shoulder": (_on(wires, "humerus_r"), _on(screws, "humerus_r"), _on(fixator, "humerus_r")),
    "clavicle": (_on(wires, "clavicle_r"), _on(fixator, "clavicle_r")),
    "neck": (halo,),
    "head": (halo,),
    "lumbar spine": (towers,),
    "pelvis": (frame,),
    "neck of femur": (_on(screws, "femur_r"), _on(fixator, "femur_r")),
    "femur": (_on(fixator, "femur_r"), _on(screws, "femur_r"), _on(rings, "femur_r")),
    "knee": (_on(fixator, "tibia_r", "femur_r"), _on(screws, "tibia_r", "femur_r")),
    "lower leg": (_on(fixator, "tibia_r"), _on(rings, "tibia_r"), _on(screws, "tibia_r")),
    "ankle": (_on(fixator, "tibia_r"), _on(rings, "tibia_r"), _on(screws, "calcaneus_r")),
    "foot": (_on(wires, "metatarsal1_r", "metatarsal2_r"), _on(fixator, "metatarsal1_r")),
}

PARTS = tuple(_CHOICES)
"""Parts for which there is such metal."""


def add(material, density, grid: Grid, body: Body, part: str, rng, beam) -> bool:
    """Draw one of the part's choices into the arrays; tell whether any of it lies inside.

    Args:
        material: uint8 on ``grid``, in place.
        density: factors on ``grid``, in place.
        grid: of both.
        body: the skeleton.
        part: one of :data:`PARTS`.
        rng: draws what is added.
        beam: unit vector along which the first picture is taken.
    """
    canvas = Field(material, density, grid, beam)
    options = _CHOICES[part]
    for _ in range(4):
        options[int(rng.integers(len(options)))](canvas, body, rng)
        if canvas.drawn:
            break
    return canvas.drawn > 0
