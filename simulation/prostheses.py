"""Artificial joints, spinal fixation, pacemakers, fillings of teeth."""

from __future__ import annotations

import numpy as np

from simulation.cortex import distance_depth
from simulation.grid import Grid, ellipsoid, stamp
from simulation.head import Frame
from simulation.metalwork import BONY, CARTILAGE, COBALT, STEEL, TITANIUM, Canvas, shaft_of
from simulation.skeleton import Body


def hip(canvas: Canvas, body: Body, rng) -> None:
    """Total hip: stem in the shaft, head, and a cup in the socket."""
    centre = body.frames["femur_r"][0]
    shaft = shaft_of(body, "femur_r")
    head = rng.uniform(13, 17)
    grid = canvas.grid
    window = grid.window(centre - 45, centre + 45)
    if window is not None:
        local = grid.part(window)
        near = ellipsoid(local, centre, (1.0, 1.0, 1.0)) + 1.0
        resected = (near < 27) & np.isin(canvas.material[window], BONY)
        canvas.paint(window, resected, CARTILAGE)
        out = np.array([-0.62, 0.1, -0.75])
        x, y, z = local.axes()
        height = (x - centre[0]) * out[0] + (y - centre[1]) * out[1] + (z - centre[2]) * out[2]
        canvas.paint(window, (near < 27) & (near > 23.5) & (height < 4), TITANIUM)
    canvas.rod([centre, centre + 0.01], [head, head], COBALT)
    stem = [
        centre,
        shaft.at(0.16) + np.array([0, 0, 6]),
        shaft.at(0.22),
        shaft.at(0.30),
        shaft.at(rng.uniform(0.36, 0.44)),
    ]
    canvas.rod(stem, [6.0, 8.5, 8.0, 6.5, 4.5], TITANIUM if rng.random() < 0.6 else COBALT)


def knee(canvas: Canvas, body: Body, rng) -> None:
    """Total knee: a metal skin on the condyles, a tray with a keel in the tibia."""
    grid = canvas.grid
    femur, tibia = body.bones["femur_r"].vertices, body.bones["tibia_r"].vertices
    up = body.frames["femur_r"][0] - body.frames["tibia_r"][0]
    up /= np.linalg.norm(up)
    low = femur[np.argmin(femur @ up)]
    window = grid.window(low - 60, low + 60)
    if window is not None:
        local = grid.part(window)
        x, y, z = local.axes()
        height = (x - low[0]) * up[0] + (y - low[1]) * up[1] + (z - low[2]) * up[2]
        owner = _near(femur, local, 2.2) & np.isin(canvas.material[window], BONY)
        filled = np.isin(canvas.material[window], BONY)
        skin = (distance_depth(filled, local.spacing) < 3.8) & owner & (height < 24)
        canvas.paint(window, skin, COBALT)
    down = body.frames["talus_r"][0] - body.frames["tibia_r"][0]
    down /= np.linalg.norm(down)
    level = np.quantile(tibia @ -down, 0.985)
    rim = tibia[(tibia @ -down) > level - 14]
    middle = rim.mean(axis=0)
    window = grid.window(middle - 70, middle + 70)
    if window is None:
        return
    local = grid.part(window)
    x, y, z = local.axes()
    height = -((x - middle[0]) * down[0] + (y - middle[1]) * down[1] + (z - middle[2]) * down[2])
    top = level - middle @ -down
    bony = np.isin(canvas.material[window], BONY)
    tray = bony & (height > top - 7) & (height < top - 3) & _near(tibia, local, 40.0)
    canvas.paint(
        window,
        bony & (height >= top - 3) & (height < top + 4) & _near(tibia, local, 9.0),
        CARTILAGE,
    )
    canvas.paint(window, tray, TITANIUM)
    start = middle - down * (top - 6)
    canvas.rod([start, start + down * rng.uniform(30, 55)], [7.0, 5.0], TITANIUM)


def _near(vertices: np.ndarray, local: Grid, radius: float) -> np.ndarray:
    field = np.full(local.shape, 10.0, np.float32)
    inside = vertices[np.all((vertices > local.origin - 30) & (vertices < local.high + 30), axis=1)]
    if len(inside):
        stamp(field, local, inside, np.full(len(inside), radius + 2.0), 1.0)
    return field < 0


def spine(canvas: Canvas, body: Body, names: tuple[str, ...]) -> None:
    """Pedicle screws and two rods."""
    scale = 0.55 if names[0].startswith("cerv") else 1.0
    for side in (-1, 1):
        heads = []
        for name in names:
            v = body.bones[name].vertices
            front = v[:, 1].min()
            middle = v.mean(axis=0)
            tip = np.array([middle[0] + side * 8 * scale, front + 9, middle[2]])
            tail = np.array([middle[0] + side * 19 * scale, front + 52 * scale + 6, middle[2] + 2])
            canvas.rod([tip, tail], [2.2 * scale, 3.0 * scale], TITANIUM)
            heads.append(tail)
        heads = np.array(heads)
        canvas.rod(
            heads[np.argsort(heads[:, 2])] + [0, 3, 0], np.full(len(heads), 2.8 * scale), TITANIUM
        )


def pacemaker(canvas: Canvas, body: Body, rng) -> None:
    """Can below the left clavicle, lead into the heart; sometimes sternal wires."""
    ribs = np.concatenate(
        [b.vertices for n, b in body.bones.items() if n.startswith(("rib", "sternum"))]
    )
    front = ribs[:, 1].min()
    top = body.bones["thoracic3"].vertices.mean(axis=0)[2]
    if rng.random() < 0.65:
        spot = np.array([rng.uniform(75, 100), front + 32, top + rng.uniform(-5, 15)])
        # A flat can with a rounded outline, longer than high and lying askew.
        turn, lean = np.linspace(0, 2 * np.pi, 49), rng.uniform(-0.7, 0.7)
        half = np.array([rng.uniform(18, 22), rng.uniform(14, 18)])
        outline = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        outline = half * np.sign(outline) * np.abs(outline) ** 0.8
        outline = outline @ np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
        for share in np.linspace(0.1, 1.0, 8):
            ring = spot + share * np.insert(outline, 1, 0.0, axis=1)
            for deep in (0.0, 3.0):
                canvas.rod(ring + np.array([0, deep, 0]), np.full(len(ring), 2.6), TITANIUM)
        tip = np.array([rng.uniform(-5, 30), front + 45, top - rng.uniform(120, 150)])
        path = [
            spot,
            spot + np.array([-20, 10, 25]),
            [18, front + 60, top + 25],
            [-16, front + 70, top - 30],
            [-20, front + 60, top - 90],
            tip,
        ]
        canvas.rod(path, np.full(6, 0.9), STEEL, 0.7)
    else:
        plate_ = body.bones["sternum"].vertices
        high = plate_[:, 2].max()
        middle = plate_[np.abs(plate_[:, 0] - np.median(plate_[:, 0])) < 15]
        for i in range(int(rng.integers(4, 7))):
            z = high - 18 - 22 * i
            y = middle[np.argmin(np.abs(middle[:, 2] - z)), 1]
            x = float(np.median(plate_[:, 0])) + rng.uniform(-3, 3)
            ring = [
                [x + 9 * np.cos(a), y + 5 + 7 * np.sin(a), z + rng.uniform(-2, 2)]
                for a in np.linspace(0, 6.5, 12)
            ]
            canvas.rod(ring, np.full(12, 0.6), STEEL, 0.6)


def fillings(canvas: Canvas, body: Body, rng) -> None:
    """Dental fillings and crowns."""
    f = Frame(body)
    for _ in range(int(rng.integers(2, 8))):
        side, z = rng.choice([-1, 1]), rng.choice([0.045, -0.01])
        spot = f.at(side * rng.uniform(18, 25), rng.uniform(0.12, 0.25), z)
        canvas.rod([spot, spot + np.array([0, 0, rng.uniform(1, 4)])], [2.4, 2.4], COBALT)
