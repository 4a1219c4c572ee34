"""What the patient lies and leans on: blocks, pads, pillows, head rings, edges of tables.

Like :mod:`simulation.overlays` they are areal densities in the detector's plane, in g/cm2, float32
``(rows, columns)``, but they touch the body. All count for nothing in the label map but metal
rails, which are bone as all metal is.
"""

from __future__ import annotations

import cv2
import numpy as np

from simulation.overlays import smooth_field

VISIBLE = 0.05
"""g/cm2 from which on a pixel counts as one of a cushion: about 1 % of the beam."""


def _axes(shape, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in pixels along and across a direction, from the middle of the picture."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = x - shape[1] / 2, y - shape[0] / 2
    return x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)


def _touching(label: np.ndarray, angle: float, rng) -> tuple[float, float]:
    """Where a straight edge that comes along ``angle`` from outside meets the body.

    Returns:
        distance along the direction, and the place across it, in pixels from the middle.
    """
    along, across = _axes(label.shape, angle)
    body = label != 0
    if not body.any():
        return 0.0, 0.0
    # Not the foremost point: soft things give way, and some lie behind the body in part.
    far = float(np.quantile(along[body], rng.uniform(0.8, 1.0)))
    rim = body & (np.abs(along - far) < 6)
    return far, float(np.median(across[rim])) if rim.any() else 0.0


def block(label: np.ndarray, pixel_mm: float, rng) -> np.ndarray:
    """Foam block or wedge that leans on the body, in part with a sewn or welded cover."""
    angle = rng.uniform(0, 2 * np.pi)
    edge, place = _touching(label, angle, rng)
    u, v = _axes(label.shape, angle)
    tilt = np.tan(rng.normal(0, 0.2))
    u = (u - edge + tilt * (v - place)) * pixel_mm
    v = (v - place - rng.uniform(-30, 30) / pixel_mm) * pixel_mm
    long, wide = rng.uniform(60, 260), rng.uniform(60, 260)
    if rng.random() < 0.4:  # a wedge seen from its side
        wide = wide * np.clip(1 - rng.uniform(0.3, 1.0) * u / long, 0.0, 1.5)
    inside = np.minimum(np.minimum(u + rng.uniform(0, 20), long - u), wide / 2 - np.abs(v))
    mass = rng.uniform(0.015, 0.055) * rng.uniform(5, 22)
    slope = 1 + rng.uniform(-0.8, 0.8) * np.clip(u / long - 0.5, -0.5, 0.5)
    grain = 1 + 0.03 * smooth_field(label.shape, rng.uniform(2, 6), rng)
    soft = np.clip(inside / rng.uniform(0.8, 12), 0, 1)
    areal = mass * soft * slope * grain
    if rng.random() < 0.5:
        areal = areal + rng.uniform(0.03, 0.2) * np.exp(-((inside / rng.uniform(0.8, 2)) ** 2))
    return np.maximum(areal, 0).astype(np.float32)


def pad(label: np.ndarray, pixel_mm: float, rng) -> np.ndarray:
    """Mattress or table pad under the body, seen along its length: a band with straight edges."""
    angle = float(rng.choice([0, 0.5, 1, 1.5])) * np.pi + rng.normal(0, 0.06)
    edge, _ = _touching(label, angle, rng)
    u = (_axes(label.shape, angle)[0] - edge) * pixel_mm
    thick = rng.uniform(15, 110)
    dent = 1 + 0.15 * smooth_field(label.shape, 60 / pixel_mm, rng)
    inside = np.minimum(u + rng.uniform(0, 15) * dent, thick - u)
    grain = 1 + 0.04 * smooth_field(label.shape, rng.uniform(2, 8), rng)
    areal = rng.uniform(0.2, 1.6) * np.clip(inside / rng.uniform(0.8, 5), 0, 1) * grain
    cover = rng.uniform(0, 0.4) * np.exp(-((inside / 1.2) ** 2))
    return (areal + cover).astype(np.float32)


def pillow(label: np.ndarray, pixel_mm: float, rng) -> np.ndarray:
    """Pillow: lumpy, bulging, with folds of its case and a seam around it."""
    angle = rng.uniform(0, 2 * np.pi)
    edge, place = _touching(label, angle, rng)
    u, v = _axes(label.shape, angle)
    u, v = (u - edge) * pixel_mm, (v - place) * pixel_mm
    half = rng.uniform(90, 220, 2)
    u = u - half[0] * rng.uniform(0.2, 0.95)
    wavy = 10 * smooth_field(label.shape, 70 / pixel_mm, rng)
    power = rng.uniform(2.5, 5)
    q = (np.abs(u) / half[0]) ** power + (np.abs(v) / half[1]) ** power
    inside = (1 - q ** (1 / power)) * half.min() + wavy
    bulge = np.clip(inside / half.min(), 0, 1) ** rng.uniform(0.3, 0.8)
    lumps = 1 + 0.22 * smooth_field(label.shape, rng.uniform(12, 40) / pixel_mm, rng)
    lumps = lumps + 0.06 * smooth_field(label.shape, 4, rng)
    areal = rng.uniform(0.1, 0.9) * bulge * np.maximum(lumps, 0.1)
    case = rng.uniform(0, 0.12) * (inside > 0) * np.exp(-((inside / 3) ** 2))
    return (areal + case).astype(np.float32)


def ring(label: np.ndarray, pixel_mm: float, rng) -> np.ndarray:
    """Ring of foam or gel on which a head or a heel lies."""
    body = label != 0
    rows, columns = np.nonzero(body)
    if not len(rows):
        return np.zeros(label.shape, np.float32)
    centre = np.array([np.median(columns), np.median(rows)]) + rng.normal(0, 25, 2) / pixel_mm
    y, x = np.mgrid[: label.shape[0], : label.shape[1]]
    r = np.hypot(x - centre[0], (y - centre[1]) * rng.uniform(0.85, 1.2)) * pixel_mm
    inner, outer = rng.uniform(25, 60), rng.uniform(85, 140)
    across = (r - (inner + outer) / 2) / ((outer - inner) / 2)
    round_ = np.sqrt(np.clip(1 - across**2, 0, 1)) if rng.random() < 0.6 else np.abs(across) < 1
    grain = 1 + 0.03 * smooth_field(label.shape, rng.uniform(2, 6), rng)
    return (rng.uniform(0.15, 1.2) * round_ * grain).astype(np.float32)


def table(label: np.ndarray, pixel_mm: float, rng) -> np.ndarray:
    """Edge of a table top or cassette: an even sheet that ends in a straight, denser profile."""
    angle = float(rng.choice([0, 0.5, 1, 1.5])) * np.pi + rng.normal(0, 0.05)
    u = _axes(label.shape, angle)[0] * pixel_mm
    edge = rng.uniform(-0.2, 0.45) * max(label.shape) * pixel_mm
    inside = edge - u
    profile = np.clip(inside + 0.5, 0, 1) * (inside < rng.uniform(3, 25))
    sheet = rng.uniform(0.08, 0.5) * np.clip(inside + 0.5, 0, 1)
    return (sheet + rng.uniform(0, 0.5) * profile).astype(np.float32)


def rest(label: np.ndarray, pixel_mm: float, rng) -> np.ndarray:
    """Head rest or leg trough: a thin bent shell with foam in it, seen from its end."""
    angle = rng.uniform(0, 2 * np.pi)
    edge, place = _touching(label, angle, rng)
    u, v = _axes(label.shape, angle)
    u, v = (u - edge) * pixel_mm, (v - place) * pixel_mm
    radius = rng.uniform(70, 180)
    r = np.hypot(u + radius * rng.uniform(0.6, 1.0), v)
    foam, shell = rng.uniform(5, 30), rng.uniform(1.5, 4)
    facing = np.clip((u + radius * rng.uniform(0.3, 0.9)) / 4, 0, 1)
    areal = rng.uniform(0.1, 0.6) * np.clip(foam - np.abs(r - radius), 0, 1)
    areal = areal + rng.uniform(0.3, 1.0) * np.clip(shell - np.abs(r - radius - foam), 0, 1)
    return (areal * facing).astype(np.float32)


KINDS = {
    "block": block,
    "pad": pad,
    "pillow": pillow,
    "ring": ring,
    "table": table,
    "rest": rest,
}
"""By name, as in :attr:`simulation.technique.Technique.cushions`."""


def rail(shape: tuple[int, int], pixel_mm: float, rng) -> np.ndarray:
    """Coverage in [0, 1] by a metal rail along a table, near the border of the picture."""
    angle = float(rng.choice([0, 0.5, 1, 1.5])) * np.pi + rng.normal(0, 0.03)
    u = _axes(shape, angle)[0] * pixel_mm
    start = rng.uniform(0.3, 0.46) * min(shape) * pixel_mm
    inside = np.minimum(u - start, start + rng.uniform(4, 12) - u)
    return cv2.GaussianBlur(np.clip(inside + 0.5, 0, 1).astype(np.float32), (0, 0), 0.6)
