"""Pictures to look at: a radiograph, the outlines of its regions, and a legend."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from xnet_tf import preprocessing
from xnet_tf.classes import IGNORE, NAMES, OPEN_BEAM, PAPER, Classes, normal_name
from xnet_tf.files import write_atomically

LONGER_SIDE = 1280
"""Of the radiograph in an overlay, in pixels: it fills a projector, and a phone can zoom in."""

THUMBNAIL = 320

BACKGROUND = (NAMES[OPEN_BEAM], "background")
"""What a class is called that lies around all others, and is not drawn."""

_TINT = 0.15
"""How much of its class's colour a region takes, to tell the sides of an outline apart."""

_INK, _PAPER = (255, 255, 255), (20, 20, 20)


def background(classes: Classes) -> int | None:
    """Return the id of the class that lies around all others, by its name; None if none does."""
    names = map(normal_name, classes.names)
    return next((class_id for class_id, name in enumerate(names) if name in BACKGROUND), None)


def write(path: Path, image: np.ndarray, labels: np.ndarray, classes: Classes = PAPER) -> Path:
    """Write a radiograph with the outlines of its regions and, below it, a legend.

    Args:
        path: destination, a PNG.
        image: float32 ``(H, W, 1)`` in [0, 1].
        labels: uint8 ``(H, W)``.
        classes: of the labels.
    """
    picture = with_legend(outlined(image, labels, LONGER_SIDE, classes), labels, classes)
    return write_atomically(path, lambda temporary: picture.save(temporary, format="PNG"))


def write_thumbnail(
    path: Path, image: np.ndarray, labels: np.ndarray, classes: Classes = PAPER
) -> Path:
    """Write a small one without legend, a JPEG."""
    from PIL import Image

    picture = Image.fromarray(outlined(image, labels, THUMBNAIL, classes))
    return write_atomically(path, lambda p: picture.save(p, format="JPEG", quality=80))


def outlined(
    image: np.ndarray, labels: np.ndarray, longer_side: int, classes: Classes = PAPER
) -> np.ndarray:
    """Draw the outlines of all regions but the background, each inside its region.

    Args:
        image: float32 ``(H, W, 1)`` in [0, 1].
        labels: uint8 ``(H, W)``.
        longer_side: of the drawing, in pixels.
        classes: of the labels.

    Returns:
        uint8 ``(h, w, 3)``, RGB.
    """
    size = preprocessing.fitted(image.shape[:2], longer_side)
    # The square root brightens thick parts, which are almost black in raw pictures.
    grey = np.sqrt(np.clip(preprocessing.resize_area(image, *size), 0, 1))
    drawn = np.repeat(255 * grey, 3, axis=-1)
    small = preprocessing.resize_nearest(labels, *size)
    shown = [class_id for class_id in range(classes.count) if class_id != background(classes)]
    painted = np.isin(small, shown)
    drawn[painted] += _TINT * (classes.palette[small[painted]] - drawn[painted])
    width = max(1, round(longer_side / 420))
    lines = np.full(size, IGNORE, np.uint8)
    for class_id in shown:
        region = (small == class_id).astype(np.uint8)
        lines[(region - _eroded(region, width)).astype(bool)] = class_id
    line = (lines != IGNORE).astype(np.uint8)
    # A dark seam sets the line off from grey values like its own.
    drawn[cv2.dilate(line, _disc(width)) > line] *= 0.35
    drawn[line > 0] = classes.palette[lines[line > 0]]
    return np.round(drawn).astype(np.uint8)


def with_legend(drawn: np.ndarray, labels: np.ndarray, classes: Classes = PAPER):
    """Put the classes' colours, names and shares below a drawing.

    Args:
        drawn: uint8 ``(h, w, 3)``.
        labels: uint8 ``(H, W)``, of which the shares are taken.
        classes: of the labels.

    Returns:
        A picture of Pillow's, at least as wide as the drawing.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = drawn.shape[:2]
    text = max(18, round(max(height, width) / 36))
    font = ImageFont.load_default(text)
    shares = np.bincount(labels.ravel(), minlength=classes.count) / labels.size
    entries = [
        (f"{name} {100 * share:.0f} %", tuple(colour))
        for name, share, colour in zip(
            classes.names, shares, classes.palette[:-1].tolist(), strict=True
        )
    ]
    widths = [round(2 * text + font.getlength(words)) for words, _ in entries]
    total = max(width, max(widths) + text)
    places, x, y = [], text // 2, height + text // 2
    for entry_width in widths:
        if x + entry_width > total and x > text // 2:
            x, y = text // 2, y + round(1.5 * text)
        places.append((x, y))
        x += entry_width + text // 2
    canvas = Image.new("RGB", (total, y + 2 * text), _PAPER)
    canvas.paste(Image.fromarray(drawn), ((total - width) // 2, 0))
    draw = ImageDraw.Draw(canvas)
    for (words, colour), (x, y) in zip(entries, places, strict=True):
        box = (x, y, x + text, y + text)
        draw.rectangle(box, fill=colour, outline=_INK)
        draw.text((x + round(1.4 * text), y + text // 2), words, _INK, font, anchor="lm")
    return canvas


def _eroded(region: np.ndarray, width: int) -> np.ndarray:
    # Beyond the picture a region goes on, so that its edge is no outline.
    return cv2.erode(region, _disc(width), borderType=cv2.BORDER_REPLICATE)


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
