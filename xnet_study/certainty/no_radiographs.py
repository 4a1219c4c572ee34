"""Pictures that are no radiographs: photographs, drawings, text, noise, gradients.

All are drawn from a seed and from what installed packages hold: photographs and other pictures of
scikit-image, scikit-learn and Matplotlib, which also draws; text is Python's own documentation in
Matplotlib's fonts.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import io
import json
import textwrap
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import skimage
import sklearn
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

_FOLDERS = {
    skimage: "data",
    sklearn: "datasets/images",
    matplotlib: "mpl-data/sample_data",
}
_PHOTOGRAPHS = {
    skimage: (
        *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png"),
        *("coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png"),
        *("microaneurysms.png", "moon.png", "motorcycle_left.png", "page.png", "retina.jpg"),
        *("rocket.jpg", "text.png"),
    ),
    sklearn: ("china.jpg", "flower.jpg"),
    matplotlib: ("grace_hopper.jpg", "Minduka_Present_Blue_Pack.png"),
}
_WORDS = (json, inspect, io, argparse, unittest, csv)
_FACES = 200

PARTS = ("fit", "check")
"""Two parts of all photographs, faces, words and fonts: none is in both."""


def draw(count: int, seed: int, part: str) -> Iterator[tuple[str, np.ndarray]]:
    """Draw pictures, kind after kind in turn.

    Args:
        count: how many.
        seed: from which each is drawn, independently of the others.
        part: of `PARTS`, from which photographs, faces, words and fonts are.

    Yields:
        The kind, and the picture, uint8 ``(H, W)``; half of them, on average, inverted.
    """
    kinds = list(KINDS)
    for number in range(count):
        random = np.random.default_rng([seed, number])
        kind = kinds[number % len(kinds)]
        values = KINDS[kind](random, PARTS.index(part))
        yield kind, 255 - values if random.random() < 0.5 else values


def photograph(random: np.random.Generator, part: int) -> np.ndarray:
    """Return a photograph of an installed package, or a part of it, or a small face."""
    sources = [(package, name) for package, names in _PHOTOGRAPHS.items() for name in names]
    sources = sources[part::2]
    choice = int(random.integers(len(sources) + 2))
    if choice >= len(sources):
        faces = np.load(Path(skimage.__file__).parent / "data" / "lfw_subset.npy")
        face = np.uint8(255 * faces[2 * random.integers(_FACES // 2) + part])
        return cv2.resize(face, (200, 200), interpolation=cv2.INTER_CUBIC)
    package, name = sources[choice]
    path = Path(package.__file__).parent / _FOLDERS[package] / name
    whole = np.asarray(Image.open(path).convert("L"))
    share = random.choice([1.0, random.uniform(0.3, 1.0)])
    height, width = (max(16, int(share * side)) for side in whole.shape)
    top, left = (
        int(random.integers(a - b + 1)) for a, b in zip(whole.shape, (height, width), strict=True)
    )
    return whole[top : top + height, left : left + width]


def diagram(random: np.random.Generator, part: int) -> np.ndarray:
    """Draw a diagram by Matplotlib: lines, points, bars, a pie or contours."""
    figure = Figure(figsize=(4, random.uniform(3, 5)), dpi=80)
    axes = figure.subplots()
    values = np.cumsum(random.normal(size=(int(random.integers(3, 40)), 2)), axis=0)
    kind = random.integers(5)
    if kind == 0:
        axes.plot(values, linewidth=random.uniform(0.5, 4))
    elif kind == 1:
        axes.scatter(*values.T, s=random.uniform(5, 400))
    elif kind == 2:
        axes.bar(range(len(values)), values[:, 0])
    elif kind == 3:
        axes.pie(np.abs(values[:8, 0]) + 0.1)
    else:
        axes.contour(np.outer(values[:, 0], values[:, 1]))
    if random.random() < 0.5:
        axes.set_axis_off()
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return np.asarray(Image.open(stream).convert("L"))


def shapes(random: np.random.Generator, part: int) -> np.ndarray:
    """Draw circles, boxes and lines, filled or not, as in a drawing programme or an icon."""
    page = np.full(tuple(random.integers(150, 400, 2)), 255, np.uint8)
    for _ in range(int(random.integers(2, 12))):
        grey = int(random.integers(0, 230))
        thickness = int(random.choice([-1, 1, 2, 5]))
        first, second = (tuple(int(v) for v in random.integers(0, page.shape[::-1])) for _ in "ab")
        kind = random.integers(3)
        if kind == 0:
            cv2.circle(page, first, int(random.integers(5, 100)), grey, thickness)
        elif kind == 1:
            cv2.rectangle(page, first, second, grey, thickness)
        else:
            cv2.line(page, first, second, grey, abs(thickness), cv2.LINE_AA)
    return page


def text(random: np.random.Generator, part: int) -> np.ndarray:
    """Write some lines of text, black on white."""
    modules = _WORDS[part::2]
    words = (inspect.getdoc(modules[random.integers(len(modules))]) or "").split()
    start, size = int(random.integers(len(words))), int(random.integers(8, 40))
    chosen = " ".join((words * 8)[start : start + int(random.integers(4, 120))])
    fonts = sorted(
        (Path(matplotlib.__file__).parent / "mpl-data/fonts/ttf").glob("DejaVuS*[!y].ttf")
    )
    fonts = fonts[part::2]
    page = Image.new("L", tuple(int(v) for v in random.integers(200, 500, 2)), 255)
    font = ImageFont.truetype(fonts[random.integers(len(fonts))], size)
    lines = "\n".join(textwrap.wrap(chosen, max(4, 2 * page.width // size)))
    ImageDraw.Draw(page).multiline_text((10, 10), lines, fill=0, font=font)
    return np.asarray(page)


def noise(random: np.random.Generator, part: int) -> np.ndarray:
    """Draw noise: even, normal, or smoothed to clouds."""
    values = random.choice([random.random, random.normal])(size=tuple(random.integers(100, 400, 2)))
    scale = random.choice([0, random.uniform(0.5, 30)])
    return _stretched(cv2.GaussianBlur(values, (0, 0), scale) if scale else values)


def gradient(random: np.random.Generator, part: int) -> np.ndarray:
    """Draw a gradient, straight, round or in waves, or a chequerboard."""
    height, width = random.integers(100, 400, 2)
    y, x = np.mgrid[:height, :width] - random.uniform(0, 1, 2)[:, None, None] * 200
    angle, period = random.uniform(0, 2 * np.pi), random.uniform(20, 200)
    straight = np.cos(angle) * x + np.sin(angle) * y
    chequers = (y // period + x // period) % 2
    forms = [straight, np.hypot(x, y), np.sin(straight * 2 * np.pi / period), chequers]
    return _stretched(forms[random.integers(len(forms))])


KINDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "photograph": photograph,
    "diagram": diagram,
    "shapes": shapes,
    "text": text,
    "noise": noise,
    "gradient": gradient,
}
"""Kind of picture -> what draws one, uint8 ``(H, W)``, from one of the parts, by number."""


def _stretched(values: np.ndarray) -> np.ndarray:
    return np.uint8(np.round(255 * (values - values.min()) / max(np.ptp(values), 1e-9)))
