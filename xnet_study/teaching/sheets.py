"""Many pictures on one sheet, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from xnet_tf import classes, plots

OUTLINES = {"body": "#21d0c3", "bone": "#ffd700"}
"""Colours of the outlines; those of the classes would not show on grey."""


def sheet(
    images: Sequence,
    labels: Sequence | None = None,
    titles: Sequence[str] = (),
    columns: int | None = None,
    width: int = 900,
) -> Image.Image:
    """Lay pictures side by side, black 0 and white 1.

    Args:
        images: each ``(H, W)`` or ``(H, W, 1)``.
        labels: label maps ``(H, W)``, whose outlines are drawn over the images.
        titles: of the first images, as many as there are.
        columns: of the sheet; by default as many as there are images.
        width: of the sheet, in pixels.

    Returns:
        A picture that is light enough to lie in a notebook.
    """
    columns = columns or len(images)
    rows = -(-len(images) // columns)
    pixels = np.asarray(images[0]).shape
    inches = width / 90
    titled_rows = -(-len(titles) // columns)
    height = rows * inches / columns * pixels[0] / pixels[1] + 0.28 * titled_rows
    with plt.rc_context(plots.STYLE):
        figure, axes = _grid(rows, columns, inches, height)
        for axis, title in zip(axes, titles, strict=False):
            axis.set_title(title, fontsize=9)
        for number, (axis, image) in enumerate(zip(axes, images, strict=False)):
            axis.imshow(np.asarray(image).squeeze(), cmap="gray", vmin=0, vmax=1)
            if labels is not None:
                outline(axis, labels[number])
        picture = plots.preview(figure, width).convert("RGB")
        return picture.quantize(palette=_palette(), dither=Image.Dither.NONE)


def show(
    pictures: Mapping[str, np.ndarray], columns: int | None = None, width: int = 800
) -> Image.Image:
    """Lay pictures and label maps side by side, each below its name, the classes' colours above.

    Args:
        pictures: by name; raw images ``(H, W)`` or ``(H, W, 1)``, brightened for the eye; label
            maps uint8 ``(H, W)``; colours ``(H, W, 3)`` in [0, 1], for instance of `overlay`.
        columns: of the sheet; by default as many as there are pictures.
        width: of the sheet, in pixels.

    Returns:
        A picture that is light enough to lie in a notebook.
    """
    columns = columns or len(pictures)
    rows = -(-len(pictures) // columns)
    shapes = [np.asarray(picture).shape for picture in pictures.values()]
    coloured = any(np.asarray(p).dtype == np.uint8 or p.shape[-1] == 3 for p in pictures.values())
    tallest = max(shape[0] / shape[1] for shape in shapes)
    inches = width / 90
    height = rows * (inches / columns * tallest + 0.3) + 0.3 * coloured
    with plt.rc_context(plots.STYLE):
        figure, axes = _grid(rows, columns, inches, height)
        for axis, (name, picture) in zip(axes, pictures.items(), strict=False):
            axis.set_title(name, fontsize=9)
            if picture.dtype == np.uint8:
                plots.show_labels(axis, picture)
            elif picture.shape[-1] == 3:
                axis.imshow(picture)
            else:
                axis.imshow(plots.for_display(picture.squeeze()), cmap="gray", vmin=0, vmax=1)
        if coloured:
            plots.class_legend(figure)
        return plots.preview(figure, width)


def _grid(rows: int, columns: int, width: float, height: float):
    """Return a figure, its size in inches, and its axes, row by row, without frames."""
    # Not by pyplot: its first figure within `rc_context` would leave a notebook that does not show
    # what is plotted later (the context resets that the backend is interactive).
    figure = Figure(figsize=(width, height))
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, list(axes.flat)


def overlay(image: np.ndarray, labels: np.ndarray, strength: float = 0.4) -> np.ndarray:
    """Return a raw image ``(H, W, 1)`` with the classes' colours over it, ``(H, W, 3)``."""
    grey = plots.for_display(image).reshape(*labels.shape, 1)
    return (1 - strength) * grey + strength * classes.COLOURS[labels] / 255


def outline(axis, labels: np.ndarray) -> None:
    """Draw the outlines of the body and, within it, of bone.

    Args:
        axis: matplotlib axes that show the image.
        labels: class ids ``(H, W)``.
    """
    labels = np.asarray(labels)
    for name, inside in (("body", labels != classes.OPEN_BEAM), ("bone", labels == classes.BONE)):
        if inside.any() and not inside.all():
            axis.contour(inside, levels=[0.5], colors=[OUTLINES[name]], linewidths=0.9)


def _palette() -> Image.Image:
    """Forty greys and the outlines' colours: so few that a sheet weighs some dozen kilobytes."""
    colours = [(grey, grey, grey) for grey in np.linspace(0, 255, 40).round().astype(int)]
    for colour in OUTLINES.values():
        full = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)])
        # Darker and lighter ones, for the outlines' soft edges.
        colours += [tuple((share * full).astype(int)) for share in (0.4, 0.7, 1.0)]
        colours += [tuple((full + 255) // 2)]
    palette = Image.new("P", (1, 1))
    palette.putpalette([int(value) for colour in colours for value in colour])
    return palette
