"""Pictures of shapes that no grey value tells apart: data sets of any number of classes."""

import colorsys

import numpy as np
from PIL import Image

NAMES = (
    *("ground", "disc", "bar", "ring", "stripes", "cross", "triangle", "upright bar"),
    *("dot", "square", "thick ring", "upright stripes"),
)


def names(count):
    """Return the names of so many classes."""
    return NAMES[:count]


def colours(count):
    """Return so many colours, uint8 ``(count, 3)``, far apart."""
    hues = [colorsys.hsv_to_rgb(k / count, 1, 1 - 0.4 * (k % 2)) for k in range(count)]
    return np.round(255 * np.array(hues)).astype(np.uint8)


def palette(count, ignore=False):
    """Return a palette in TOML."""
    entries = list(zip(names(count), colours(count).tolist(), strict=True))
    entries += [("ignore", [255, 255, 255])] if ignore else []
    return "".join(f'[[class]]\nname = "{n}"\ncolour = {c}\n' for n, c in entries)


def inside(name, x, y, size):
    """Return where a shape is, bool, of coordinates around its centre."""
    radius = np.hypot(x, y)
    box = np.maximum(abs(x), abs(y))
    return {
        "disc": radius < size,
        "dot": radius < size / 2,
        "ring": (radius < size) & (radius > 0.65 * size),
        "thick ring": (radius < 1.2 * size) & (radius > 0.4 * size),
        "bar": (abs(x) < 1.5 * size) & (abs(y) < size / 3),
        "upright bar": (abs(y) < 1.5 * size) & (abs(x) < size / 3),
        "stripes": (box < size) & (np.floor(y / 2) % 2 == 0),
        "upright stripes": (box < size) & (np.floor(x / 2) % 2 == 0),
        "cross": (box < size) & (np.minimum(abs(x), abs(y)) < size / 4),
        "triangle": (y < 0.8 * size) & (y > 1.6 * abs(x) - 0.8 * size),
        "square": box < 0.85 * size,
    }[name]


def draw(rng, count, side=64):
    """Return a grey picture, uint8, and its label map: shapes of every class but the first."""
    y, x = np.mgrid[:side, :side].astype(float)
    labels = np.zeros((side, side), np.uint8)
    # Brighter above, so that the open beam is no question, and shapes of any grey value.
    grey = 0.75 - 0.2 * y / side
    shapes = rng.permutation(np.arange(1, count))[:6]
    for k, place in zip(np.resize(shapes, 6), rng.permutation(9), strict=False):
        row, column = divmod(place, 3)
        cx, cy = (side * (2 * c + 1) / 6 + rng.uniform(-2, 2) for c in (column, row))
        where = inside(NAMES[k], x - cx, y - cy, side / 8 * rng.uniform(0.8, 1.1))
        labels[where] = k
        grey[where] += rng.choice([-0.25, 0.2])
    grey += rng.normal(0, 0.04, grey.shape)
    return np.round(255 * np.clip(grey, 0, 1)).astype(np.uint8), labels


def write(folder, count, images, seed=1, side=64, ignored=0.0, frame=0):
    """Write pictures and painted masks to import, and their palette. Returns the palette's path.

    A share of the pixels is painted as without label; every other picture gets a black frame of so
    many pixels, which is of the first class.
    """
    rng, holes = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(images):
        grey, labels = draw(rng, count, side)
        grey, labels = (np.pad(array, frame * (number % 2)) for array in (grey, labels))
        painted = colours(count)[labels]
        painted[holes.random(labels.shape) < ignored] = 255
        Image.fromarray(grey).save(folder / "images" / f"p{number:02d}.png")
        Image.fromarray(painted).save(folder / "masks" / f"p{number:02d}.png")
    path = folder / "palette.toml"
    path.write_text(palette(count, ignored > 0))
    return path
