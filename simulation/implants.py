"""Metal that surgeons put into bones, and metal that people wear; which part gets what."""

from __future__ import annotations

import numpy as np

from simulation.grid import Grid
from simulation.jewellery import earrings, necklace, ring, watch
from simulation.metalwork import STEEL, TITANIUM, Canvas, shaft_of
from simulation.prostheses import fillings, hip, knee, pacemaker, spine
from simulation.skeleton import Body


def nail(canvas: Canvas, body: Body, bone: str, radius: float, rng) -> None:
    """Intramedullary nail with locking screws."""
    shaft = shaft_of(body, bone)
    metal = TITANIUM if rng.random() < 0.7 else STEEL
    ends = (rng.uniform(0.04, 0.12), rng.uniform(0.8, 0.94))
    u = np.linspace(*ends, 12)
    canvas.rod([shaft.at(v) for v in u], np.full(12, radius), metal)
    side = shaft.across(rng)
    for v in (ends[0] + 0.07, ends[0] + 0.11, ends[1] - 0.05, ends[1] - 0.015):
        half = side * (shaft.radius(v) + 4)
        canvas.rod([shaft.at(v) - half, shaft.at(v) + half], [2.2, 2.2], metal)


def plate(canvas: Canvas, body: Body, bone: str, rng) -> None:
    """Plate on the surface of a shaft, with screws through it."""
    shaft = shaft_of(body, bone)
    small = shaft.radius(0.5) < 7
    metal = TITANIUM if rng.random() < 0.5 else STEEL
    length = rng.uniform(0.25, 0.5)
    start = rng.uniform(0.08, 0.92 - length)
    out = shaft.across(rng)
    width = np.cross(shaft.axis, out) * (2.6 if small else 4.5)
    thick = 1.1 if small else 1.8
    u = np.linspace(start, start + length, 14)
    surface = np.array([shaft.at(v) + out * (shaft.radius(v) + thick) for v in u])
    for w in np.linspace(-1, 1, 5):
        canvas.rod(surface + w * width, np.full(len(u), thick), metal)
    count = int(np.clip(length * shaft.length / (9 if small else 15), 3, 9))
    for v in np.linspace(start + 0.02, start + length - 0.02, count):
        if rng.random() < 0.15:
            continue
        r = shaft.radius(v)
        canvas.rod(
            [shaft.at(v) + out * (r + 2 * thick), shaft.at(v) - out * (r + 1.0)],
            [1.2, 1.0] if small else [2.4, 2.0],
            metal,
        )


def wires(canvas: Canvas, body: Body, bone: str, rng) -> None:
    """One to three Kirschner wires through a bone and beyond."""
    shaft = shaft_of(body, bone)
    for _ in range(int(rng.integers(1, 4))):
        middle = shaft.at(rng.uniform(0.3, 0.9))
        way = shaft.axis * rng.uniform(0.6, 1.0) * rng.choice([-1, 1]) + 0.5 * rng.standard_normal(
            3
        )
        way /= np.linalg.norm(way)
        reach = rng.uniform(16, 38, 2)
        radius = rng.uniform(0.5, 0.9)
        canvas.rod([middle - way * reach[0], middle + way * reach[1]], [radius, radius], STEEL, 0.5)


def screws(canvas: Canvas, body: Body, bone: str, rng) -> None:
    """One to three lag screws."""
    shaft = shaft_of(body, bone)
    big = shaft.radius(0.5) > 7
    for _ in range(int(rng.integers(1, 4))):
        v = rng.uniform(0.1, 0.95)
        out = shaft.across(rng) + 0.4 * rng.standard_normal() * shaft.axis
        half = out * (shaft.radius(v) * rng.uniform(0.9, 1.3) + 2)
        r = 1.9 if big else 1.1
        canvas.rod([shaft.at(v) - half, shaft.at(v) + half], [r, r * 0.9], TITANIUM)
        canvas.rod([shaft.at(v) + half, shaft.at(v) + half * 1.06], [2 * r, 2 * r], TITANIUM)


def staples(canvas: Canvas, body: Body, bone: str, rng) -> None:
    """A row of skin staples over the bone."""
    shaft = shaft_of(body, bone)
    out = shaft.across(rng)
    side = np.cross(shaft.axis, out)
    skin = rng.uniform(12, 30)
    start = rng.uniform(0.0, 0.7)
    for i in range(int(rng.integers(5, 14))):
        v = start + 7.0 * i / shaft.length
        middle = shaft.at(min(v, 1.0)) + shaft.axis * max(v - 0.95, 0) * shaft.length
        middle = middle + out * (shaft.radius(min(v, 1.0)) + skin)
        a, b = middle - side * 3.2, middle + side * 3.2
        canvas.rod([a - out * 3, a, b, b - out * 3], np.full(4, 0.45), STEEL, 0.5)


def _choices(part: str):
    """Usual implants of a part: list of functions of (canvas, body, rng)."""

    def on(function, *bones, **more):
        return lambda c, b, r: function(c, b, str(r.choice(bones)), rng=r, **more)

    leg = on(nail, "femur_r", radius=5.5), on(plate, "femur_r"), on(staples, "femur_r")
    shin = on(nail, "tibia_r", radius=4.8), on(plate, "tibia_r", "fibula_r"), on(screws, "tibia_r")
    return {
        "hand": (
            on(plate, "fourthmc_r", "fifthmc_r", "secondmc_r"),
            on(wires, "fifthmc_r", "3proxph_r", "radius_r"),
            ring,
            ring,
        ),
        "finger": (on(wires, "3proxph_r", "midph2_r"), on(screws, "3proxph_r"), ring),
        "wrist": (
            on(plate, "radius_r"),
            on(wires, "radius_r"),
            on(screws, "radius_r"),
            ring,
            watch,
        ),
        "forearm": (
            on(plate, "radius_r", "ulna_r"),
            on(wires, "radius_r"),
            on(plate, "ulna_r"),
            watch,
        ),
        "elbow": (
            on(plate, "ulna_r", "humerus_r"),
            on(screws, "humerus_r", "radius_r"),
            on(wires, "ulna_r"),
        ),
        "humerus": (on(plate, "humerus_r"), on(nail, "humerus_r", radius=4.0)),
        "shoulder": (
            on(plate, "humerus_r"),
            on(nail, "humerus_r", radius=4.0),
            on(screws, "humerus_r"),
        ),
        "clavicle": (on(plate, "clavicle_r"), on(plate, "clavicle_r")),
        "neck": (lambda c, b, r: spine(c, b, ("cervical2", "cervical4", "cervical6")), fillings),
        "head": (fillings, fillings, earrings),
        "thorax": (pacemaker, pacemaker, necklace),
        "lumbar spine": (
            lambda c, b, r: spine(c, b, ("lumbar3", "lumbar4", "lumbar5")[int(r.integers(0, 2)) :]),
        ),
        "abdomen": (hip, lambda c, b, r: spine(c, b, ("lumbar3", "lumbar4", "lumbar5"))),
        "pelvis": (hip, on(nail, "femur_r", radius=5.5)),
        "neck of femur": (
            hip,
            on(nail, "femur_r", radius=5.5),
            on(screws, "femur_r"),
        ),
        "femur": leg,
        "knee": (
            knee,
            on(screws, "tibia_r"),
            on(staples, "femur_r"),
            on(plate, "tibia_r"),
        ),
        "lower leg": shin,
        "ankle": (on(plate, "fibula_r"), on(screws, "tibia_r", "fibula_r"), on(plate, "fibula_r")),
        "foot": (
            on(screws, "metatarsal1_r", "calcaneus_r"),
            on(wires, "metatarsal2_r", "metatarsal1_r"),
            on(plate, "metatarsal1_r"),
        ),
    }[part]


def add(material, density, grid: Grid, body: Body, part: str, rng) -> bool:
    """Draw one of the part's usual implants into the arrays; tell whether any of it lies inside."""
    canvas = Canvas(material, density, grid)
    options = _choices(part)
    options[int(rng.integers(len(options)))](canvas, body, rng)
    return canvas.drawn > 0
