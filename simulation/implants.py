"""Metal: nails, plates and screws, wires, staples, prostheses, pacemakers, fillings."""

from __future__ import annotations

import numpy as np

from simulation.bones import distance_depth
from simulation.grid import Grid, ellipsoid, stamp, tube
from simulation.materials import INDEX
from simulation.skeleton import Body

TITANIUM, STEEL, COBALT, CARTILAGE = (
    INDEX[n] for n in ("titanium", "steel", "cobalt_chrome", "cartilage")
)
_BONY = tuple(INDEX[n] for n in ("cortical", "spongiosa", "marrow"))


class Canvas:
    """Arrays of a volume with a way to draw rods into them."""

    def __init__(self, material: np.ndarray, density: np.ndarray, grid: Grid):
        self.material, self.density, self.grid = material, density, grid
        self.drawn = 0

    def rod(self, path, radii, metal: int, step: float = 1.0) -> None:
        """Draw a chain of spheres. Rods thinner than a voxel keep their mass."""
        points, radii = tube(np.asarray(path, float), np.asarray(radii, float), step)
        window = self.grid.window(
            points.min(axis=0) - radii.max() - 2, points.max(axis=0) + radii.max() + 2
        )
        if window is None:
            return
        local = self.grid.part(window)
        least = 0.75 * local.spacing
        used = np.maximum(radii, least)
        field = np.full(local.shape, 10.0, np.float32)
        stamp(field, local, points, used, 1.0)
        self.paint(window, field < 0, metal, float(min((radii.mean() / used.mean()) ** 2, 1.0)))

    def paint(self, window, mask, metal: int, factor: float = 1.0) -> None:
        """Fill the marked voxels of a window."""
        self.material[window][mask] = metal
        self.density[window][mask] = factor
        self.drawn += int(mask.sum())


class Shaft:
    """A long bone's centre line: position, radius and direction at u in 0 (proximal) to 1."""

    def __init__(self, vertices: np.ndarray, proximal: np.ndarray):
        centre = vertices.mean(axis=0)
        axis = np.linalg.svd(vertices - centre, full_matrices=False)[2][0]
        if (proximal - centre) @ axis > 0:
            axis = -axis
        t = (vertices - centre) @ axis
        self.low, self.length, self.axis = t.min(), float(np.ptp(t)), axis
        u = (t - t.min()) / np.ptp(t)
        self.knots = np.linspace(0.05, 0.95, 13)
        centres, radii = [], []
        for k in self.knots:
            near = vertices[np.abs(u - k) < 0.06]
            middle = near.mean(axis=0) if len(near) else centre
            off = near - middle
            off = off - np.outer(off @ axis, axis)
            centres.append(middle)
            radii.append(np.median(np.linalg.norm(off, axis=1)) if len(near) else 5.0)
        self.centres, self.radii = np.array(centres), np.array(radii)

    def at(self, u: float) -> np.ndarray:
        """Centre of the bone at u."""
        return np.array([np.interp(u, self.knots, self.centres[:, i]) for i in range(3)])

    def radius(self, u: float) -> float:
        """Half width of the bone at u in mm."""
        return float(np.interp(u, self.knots, self.radii))

    def across(self, rng) -> np.ndarray:
        """A random unit vector across the bone."""
        v = rng.standard_normal(3)
        v -= self.axis * (v @ self.axis)
        return v / np.linalg.norm(v)


def _shaft(body: Body, name: str) -> Shaft:
    return Shaft(body.bones[name].vertices, body.frames[body.bones[name].body][0])


def nail(canvas: Canvas, body: Body, bone: str, radius: float, rng) -> None:
    """Intramedullary nail with locking screws."""
    shaft = _shaft(body, bone)
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
    shaft = _shaft(body, bone)
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
    shaft = _shaft(body, bone)
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
    shaft = _shaft(body, bone)
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
    shaft = _shaft(body, bone)
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


def hip(canvas: Canvas, body: Body, rng) -> None:
    """Total hip: stem in the shaft, head, and a cup in the socket."""
    centre = body.frames["femur_r"][0]
    shaft = _shaft(body, "femur_r")
    head = rng.uniform(13, 17)
    grid = canvas.grid
    window = grid.window(centre - 45, centre + 45)
    if window is not None:
        local = grid.part(window)
        near = ellipsoid(local, centre, (1.0, 1.0, 1.0)) + 1.0
        resected = (near < 27) & np.isin(canvas.material[window], _BONY)
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
        owner = _near(femur, local, 2.2) & np.isin(canvas.material[window], _BONY)
        filled = np.isin(canvas.material[window], _BONY)
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
    bony = np.isin(canvas.material[window], _BONY)
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


def spine(canvas: Canvas, body: Body, names: tuple[str, ...], rng) -> None:
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
        for dx in np.linspace(-14, 14, 9):
            for dz in np.linspace(-14, 14, 9):
                if dx * dx + dz * dz < 260:
                    canvas.rod(
                        [spot + np.array([dx, 0, dz]), spot + np.array([dx, 4, dz])],
                        [3.0, 3.0],
                        TITANIUM,
                    )
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
    from simulation.head import Frame

    f = Frame(body)
    for _ in range(int(rng.integers(2, 8))):
        side, z = rng.choice([-1, 1]), rng.choice([0.045, -0.01])
        spot = f.at(side * rng.uniform(18, 25), rng.uniform(0.12, 0.25), z)
        canvas.rod([spot, spot + np.array([0, 0, rng.uniform(1, 4)])], [2.4, 2.4], COBALT)


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
        ),
        "finger": (on(wires, "3proxph_r", "midph2_r"), on(screws, "3proxph_r")),
        "wrist": (on(plate, "radius_r"), on(wires, "radius_r"), on(screws, "radius_r")),
        "forearm": (on(plate, "radius_r", "ulna_r"), on(wires, "radius_r"), on(plate, "ulna_r")),
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
        "neck": (lambda c, b, r: spine(c, b, ("cervical2", "cervical3", "cervical4"), r), fillings),
        "head": (fillings,),
        "thorax": (lambda c, b, r: pacemaker(c, b, r),),
        "lumbar spine": (
            lambda c, b, r: spine(
                c, b, ("lumbar3", "lumbar4", "lumbar5")[int(r.integers(0, 2)) :], r
            ),
        ),
        "pelvis": (lambda c, b, r: hip(c, b, r), on(nail, "femur_r", radius=5.5)),
        "neck of femur": (
            lambda c, b, r: hip(c, b, r),
            on(nail, "femur_r", radius=5.5),
            on(screws, "femur_r"),
        ),
        "femur": leg,
        "knee": (
            lambda c, b, r: knee(c, b, r),
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
