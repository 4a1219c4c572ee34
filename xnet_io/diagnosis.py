"""What a colour that is no class says about how a mask was made, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xnet_io import palettes
from xnet_io.palettes import Palette

UNKNOWN = 255
"""In a label map under examination: a pixel whose colour is no class."""

SHOWN = 20
"""How many foreign colours of a file are reported one by one."""

_MANY, _SAMPLE = 64, 65_536
_MOSTLY = 0.95
_BLEND_TOLERANCE = 3
_NEAR = 32
_BLOCK = 1 << 18

REMEDIES = {
    "anti-aliasing": (
        "repaint with the Pencil (its edges are hard), with Antialiasing and Feather edges off in "
        "the selection tools; or import with --relabel-edges"
    ),
    "soft edge": (
        "a feathered selection, a blur or a soft brush: GIMP: Select > Sharpen, then Edit > Fill "
        "with FG Color in the class's colour"
    ),
    "JPEG noise": (
        "export the mask from its original as PNG (GIMP: File > Export As, name ending in .png); "
        "if only the JPEG is left, import with --lossy --snap 40 --relabel-edges"
    ),
    "wrong palette": "import with --palette {palette}",
    "other classes": "import with --palette FILE, which names these colours (docs/labelling.md)",
    "swapped channels": (
        "red and blue are swapped (OpenCV writes blue first): swap them back, in GIMP: Colors > "
        "Components > Channel Mixer"
    ),
    "grey": (
        "the radiograph shows through: hide its layer, or name the painted layer 'labels' and "
        "import the .xcf"
    ),
    "near a class": (
        "GIMP: Select > By Color, then Edit > Fill with FG Color in the class's exact colour; or "
        "import with --snap {distance}"
    ),
    "foreign": (
        "GIMP: Select > By Color, then Edit > Fill with FG Color in the class's colour; paint with "
        "the Pencil, whose edges are hard, not the Paintbrush"
    ),
}
"""What to do about each kind of foreign colour, in the words of GIMP's menus."""


@dataclass(frozen=True)
class Foreign:
    """A colour outside the palette.

    Attributes:
        colour: RGB.
        pixels: how many pixels have it.
        share: the part of all pixels that is.
        x: column of the first one, row by row from the upper left corner.
        y: its row.
        nearest: name of the class whose colour is nearest.
        distance: how far, as the largest difference in one channel.
        looks_like: a key of `REMEDIES`.
        remedy: what to do.
    """

    colour: tuple[int, int, int]
    pixels: int
    share: float
    x: int
    y: int
    nearest: str
    distance: int
    looks_like: str
    remedy: str


def pack(pixels: np.ndarray) -> np.ndarray:
    """Make one number of each colour: uint8 ``(..., 3)``, RGB, to uint32 ``(...)``."""
    packed = pixels[..., 0].astype(np.uint32)
    for channel in (1, 2):
        packed <<= 8
        packed |= pixels[..., channel]
    return packed


def unpack(numbers: np.ndarray) -> np.ndarray:
    """Turn `pack` round: uint32 ``(...)`` to uint8 ``(..., 3)``."""
    return np.stack([numbers >> 16 & 255, numbers >> 8 & 255, numbers & 255], -1).astype(np.uint8)


def examine(
    pixels: np.ndarray, labels: np.ndarray, palette: Palette, lossy: bool = False
) -> tuple[list[Foreign], int]:
    """Describe the colours outside the palette.

    Args:
        pixels: uint8 ``(H, W, 3)``, RGB.
        labels: uint8 ``(H, W)``, class ids; `UNKNOWN` where the colour is no class.
        palette: the classes' colours.
        lossy: whether the file is a JPEG.

    Returns:
        The commonest of them, at most `SHOWN`, the commonest first; and how many there are.
    """
    numbers, counts, first = _histogram(pixels, labels)
    order = np.lexsort((first, -counts))[:SHOWN]
    colours = unpack(numbers[order])
    kinds = _kinds(pixels, labels, colours, palette, lossy, len(numbers))
    nearest, distance = nearest_class(colours, palette)
    other = _other_palette(pixels, palette)
    foreign = []
    for k, place in enumerate(order):
        y, x = divmod(int(first[place]), labels.shape[1])
        words = {"palette": other, "distance": distance[k]}
        foreign.append(
            Foreign(
                tuple(colours[k].tolist()),
                int(counts[place]),
                counts[place] / labels.size,
                x,
                y,
                palette.names[nearest[k]],
                int(distance[k]),
                kinds[k],
                REMEDIES[kinds[k]].format(**words),
            )
        )
    return foreign, len(numbers)


def nearest_class(colours: np.ndarray, palette: Palette) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest class of each colour, by the largest difference in one channel.

    Args:
        colours: uint8 ``(N, 3)``.
        palette: the classes' colours.

    Returns:
        Class ids, uint8 ``(N,)``, and distances, uint8 ``(N,)``.
    """
    best = np.full(len(colours), 256, dtype=np.int16)
    ids = np.zeros(len(colours), dtype=np.uint8)
    for colour, class_id in zip(palette.colours.astype(np.int16), palette.ids, strict=True):
        distance = np.abs(colours.astype(np.int16) - colour).max(axis=-1)
        closer = distance < best
        best[closer], ids[closer] = distance[closer], class_id
    return ids, best.astype(np.uint8)


def blends(colours: np.ndarray, palette: Palette) -> np.ndarray:
    """Tell which colours lie between two colours of the palette, as blended edges do.

    GIMP blends in linear light or in sRGB values, depending on tool and layer mode: both are tried.

    Args:
        colours: uint8 ``(N, 3)``.
        palette: the classes' colours.

    Returns:
        bool ``(N,)``.
    """
    parts = [
        _blends(colours[start : start + _BLOCK], palette)
        for start in range(0, len(colours), _BLOCK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=bool)


def _blends(colours: np.ndarray, palette: Palette) -> np.ndarray:
    between = np.zeros(len(colours), dtype=bool)
    ends = palette.colours.astype(np.float32)
    values = colours.astype(np.float32)
    for light in (False, True):
        points = _to_linear(values) if light else values
        corners = _to_linear(ends) if light else ends
        for i in range(len(corners)):
            for j in range(i):
                step = corners[j] - corners[i]
                t = np.clip((points - corners[i]) @ step / (step @ step), 0, 1)[:, None]
                mixed = corners[i] + t * step
                mixed = _from_linear(mixed) if light else mixed
                between |= np.abs(mixed - values).max(axis=-1) <= _BLEND_TOLERANCE
    return between


def at_borders(labels: np.ndarray, radius: int = 2) -> np.ndarray:
    """Tell which pixels have two different classes within `radius` rows and columns.

    Args:
        labels: uint8 ``(H, W)``, class ids or `UNKNOWN`.
        radius: of the square neighbourhood.

    Returns:
        bool ``(H, W)``.
    """
    import cv2

    square = np.ones((2 * radius + 1,) * 2, dtype=np.uint8)
    # Shifted by one, unknown (255) wraps to 0, and so counts for neither the least nor the largest.
    largest = cv2.dilate(labels + np.uint8(1), square)
    least = cv2.erode(labels, square) + np.uint8(1)
    return (largest > 0) & (largest != least)


def _histogram(pixels: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    """Count unknown colours: numbers, counts, first places (row by row), over blocks of rows."""
    counts = np.zeros(1 << 24, dtype=np.int32)
    first = np.zeros(1 << 24, dtype=np.int32)
    width = labels.shape[1]
    rows = max(1, _BLOCK // width)
    # From the bottom upwards, and within a block backwards, so that the first place stays.
    for top in range((labels.shape[0] - 1) // rows * rows, -1, -rows):
        where = np.flatnonzero(labels[top : top + rows] == UNKNOWN)[::-1]
        numbers = pack(pixels[top : top + rows].reshape(-1, 3)[where])
        first[numbers] = where + top * width
        if len(numbers):
            different, times = np.unique(numbers, return_counts=True)
            counts[different] += times.astype(np.int32)
    present = np.flatnonzero(counts).astype(np.uint32)
    return present, counts[present], first[present]


def _kinds(pixels, labels, colours, palette, lossy, count) -> list[str]:
    unknown = labels == UNKNOWN
    if _other_palette(pixels, palette):
        return ["wrong palette"] * len(colours)
    if _swapped(pixels, palette):
        return ["swapped channels"] * len(colours)
    if lossy or (count >= _MANY and _noisy(pixels[unknown][:_SAMPLE], palette)):
        return ["JPEG noise"] * len(colours)
    border = at_borders(labels)
    between, distance = blends(colours, palette), nearest_class(colours, palette)[1]
    others, kinds = count < _MANY and unknown.mean() > _MOSTLY, []
    for k, colour in enumerate(colours):
        if others and distance[k] > _NEAR:
            kinds.append("other classes")
        elif between[k] and distance[k] > _BLEND_TOLERANCE:
            where = unknown & (pixels == colour).all(axis=-1)
            kinds.append("anti-aliasing" if border[where].mean() >= 0.5 else "soft edge")
        elif distance[k] <= _NEAR:
            kinds.append("near a class")
        else:
            kinds.append("grey" if colour.min() == colour.max() else "foreign")
    return kinds


def _noisy(colours: np.ndarray, palette: Palette) -> bool:
    near = nearest_class(colours, palette)[1] <= _NEAR
    return near.mean() > 0.5 and blends(colours, palette).mean() < 0.8


def _swapped(pixels: np.ndarray, palette: Palette) -> bool:
    return _share(pixels, palette.colours[:, ::-1]) > _MOSTLY


def _other_palette(pixels: np.ndarray, palette: Palette) -> str:
    shares = {
        name: _share(pixels, other.colours)
        for name, other in palettes.KNOWN.items()
        if not np.array_equal(other.colours, palette.colours)
    }
    best = max(shares, key=shares.get)
    return best if shares[best] > _MOSTLY else ""


def _share(pixels: np.ndarray, colours: np.ndarray) -> float:
    # A sample of rows and columns will do: the question is whether nearly all pixels fit.
    height, width = pixels.shape[:2]
    sample = pack(pixels[:: 1 + height // 512, :: 1 + width // 512])
    return np.isin(sample, pack(colours)).mean()


def _to_linear(values: np.ndarray) -> np.ndarray:
    v = values / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def _from_linear(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
