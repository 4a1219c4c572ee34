"""Metal that people wear: rings, watches, earrings, necklaces."""

from __future__ import annotations

import numpy as np

from simulation.head import Frame
from simulation.metalwork import COBALT, GOLD, STEEL, Canvas, shaft_of
from simulation.skeleton import Body

_RING_FINGERS = ("4proxph_r", "4proxph_r", "3proxph_r", "2proxph_r", "5proxph_r")


def _circle(centre, axis, radius: float, count: int, start: float = 0.0, share: float = 1.0):
    """Points on a circle (or the given share of it) about an axis."""
    axis = axis / np.linalg.norm(axis)
    first = np.cross(axis, [0.0, 0.31, 0.95] if abs(axis[2]) < 0.9 else [0.0, 1.0, 0.0])
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    t = start + 2 * np.pi * share * np.linspace(0, 1, count)
    return centre + radius * (np.cos(t)[:, None] * first + np.sin(t)[:, None] * second)


def ring(canvas: Canvas, body: Body, rng) -> None:
    """A ring or two at the base of a finger."""
    metal = GOLD if rng.random() < 0.7 else COBALT
    for name in rng.choice(_RING_FINGERS, int(rng.integers(1, 3))):
        shaft = shaft_of(body, str(name))
        centre = shaft.at(rng.uniform(0.35, 0.6))
        radius, width = rng.uniform(9.0, 10.5), rng.uniform(0.4, 1.5)
        for shift in np.linspace(-width, width, 4):
            hoop = _circle(centre + shift * shaft.axis, shaft.axis, radius, 40)
            canvas.rod(hoop, np.full(len(hoop), 0.7), metal, 0.5)


def watch(canvas: Canvas, body: Body, rng) -> None:
    """A wrist watch: a case with a works in it, a bracelet of metal or a strap's buckle."""
    ulna = body.bones["ulna_r"].vertices
    shaft = shaft_of(body, "radius_r")
    level = shaft.at(rng.uniform(0.82, 0.92))
    across = ulna[np.argsort(np.linalg.norm(ulna - level, axis=1))[:30]].mean(axis=0) - level
    centre = level + 0.45 * across
    out = np.cross(shaft.axis, across / np.linalg.norm(across)) * rng.choice([-1, 1])
    wide = np.linalg.norm(across) / 2
    dial = centre + out * (wide + 18)
    for turn in np.linspace(0, 14, 8):
        hoop = _circle(dial, out, max(turn, 0.5), 40)
        canvas.rod(hoop, np.full(len(hoop), 2.0 if turn < 13 else 3.6), STEEL)
    if rng.random() < 0.6:
        for shift in (-5.0, -2.0, 1.0, 4.0):
            hoop = _circle(centre + shift * shaft.axis, shaft.axis, wide + 17, 90)
            canvas.rod(hoop, np.full(len(hoop), 0.9), STEEL)
    else:
        canvas.rod(_circle(centre - out * (wide + 18), out, 8, 30), np.full(30, 0.9), STEEL)


def earrings(canvas: Canvas, body: Body, rng) -> None:
    """A stud or a hoop in each lobe."""
    f = Frame(body)
    half = (f.high[0] - f.low[0]) / 2 / f.scale
    size = rng.choice([0.0, rng.uniform(5, 20)])
    for side in (-1, 1):
        lobe = f.at(side * (half + 7), 0.58, 0.19)
        if size == 0:
            canvas.rod([lobe, lobe + np.array([0, 1.5, 0])], [1.8, 1.8], GOLD)
            continue
        hoop = _circle(lobe - [0, 0, size], np.array([0.9, 0.4, 0.0]), size, 60)
        canvas.rod(hoop, np.full(len(hoop), 0.9), GOLD, 0.6)


def necklace(canvas: Canvas, body: Body, rng) -> None:
    """A thin chain about the neck, with a pendant on the breast bone."""
    neck = body.bones["cervical7"].vertices.mean(axis=0)
    plate = body.bones["sternum"].vertices
    top = plate[np.argmax(plate[:, 2])]
    low = np.array([top[0], plate[:, 1].min() - 25, top[2] - rng.uniform(20, 90)])
    for side in (-1, 1):
        chain = neck + np.array([[0, 48, 8], [side * 68, 0, 4]])
        path = np.stack([*chain, top + np.array([side * 52, -22, 6]), low])
        canvas.rod(path, np.full(4, 0.8), GOLD, 0.6)
    canvas.rod([low, low - [0, 0, rng.uniform(3, 14)]], [2.5, 2.5], GOLD)
