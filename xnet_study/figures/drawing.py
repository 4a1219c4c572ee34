"""What the figures share: one set of colours, error bars, legends, the line of provenance."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from xnet_tf import classes

WIDTH = 8.0
"""Of a figure at most, in inches: shown 760 pixels wide, its letters keep their size."""

BLUE, VERMILION, ORANGE, SKY = "#0072b2", "#d55e00", "#e69f00", "#56b4e9"
PURPLE, GREEN, BLACK = "#cc79a7", "#009e73", "#111111"
"""Okabe and Ito's colours, which colour-blind readers tell apart (jfly.uni-koeln.de/color)."""

GREY, SILVER, PALE = "#767676", "#a0a0a0", "#c9c9c9"

INK = "#4d4d4d"
"""Of small print: smoothed letters of 7 points look paler than they are."""

METHOD_COLOURS = {
    # that segment
    "XNet": BLUE,
    "U-Net": VERMILION,
    "SegNet": PURPLE,
    "SimpleSegNet (authors' code)": ORANGE,
    "DeepLabV3+ (ResNet, untrained)": BLACK,
    "U-Net as wired (authors' code)": SKY,
    "multi-Otsu": GREY,
    "constant": PALE,
    # that give probabilities
    "as trained": VERMILION,
    "temperature": BLUE,
    "vector scaling": PURPLE,
    "isotonic": ORANGE,
    "eight views": GREEN,
    "ensemble": BLACK,
    # that choose a threshold
    "naive": VERMILION,
    "conformal": BLUE,
    "learn then test": ORANGE,
}
"""The colour of every method, of which a figure shows those of one kind."""

CLASS_COLOURS = dict(zip(classes.NAMES, ("#44085c", "#21908c", "#d9a600"), strict=True))
"""The classes' colours, bone's made dark enough for lines on white."""

REFERENCE = {"color": GREY, "lw": 0.8, "ls": ":"}
"""How a line is drawn that others are compared with."""


def sign(figure: Figure, text: str) -> Figure:
    """Write below a figure what it was made from, and return it."""
    figure.supxlabel(text, fontsize=7, color=INK)
    return figure


def spans(rows: pd.DataFrame, value: str = "value") -> np.ndarray:
    """Return the lengths of error bars below and above the values, float ``(2, N)``.

    The bounds' columns are ``low`` and ``high``, or ``<column> low`` and ``<column> high``.
    """
    bounds = ["low", "high"] if value == "value" else [f"{value} low", f"{value} high"]
    return np.abs(rows[bounds].to_numpy().T - rows[value].to_numpy())


def dots(axis: Axes, rows: pd.DataFrame, at: np.ndarray, value: str = "value", **style) -> None:
    """Draw values as dots with their intervals, at heights ``(N,)``; see `spans`."""
    style = {"fmt": "o", "color": BLUE, "capsize": 3, **style}
    axis.errorbar(rows[value], at, xerr=spans(rows, value), **style)


def diagonal(axis: Axes) -> None:
    """Draw where accuracy equals confidence."""
    axis.plot([0, 1], [0, 1], **REFERENCE)


def band(axis: Axes, at: pd.Series, low: pd.Series, high: pd.Series, colour: str) -> None:
    """Shade an interval along a curve."""
    axis.fill_between(at, low, high, color=colour, alpha=0.25, lw=0)


def legend_above(figure: Figure, axis: Axes, **style) -> None:
    """Put the legend of one axis above the whole figure."""
    handles, labels = axis.get_legend_handles_labels()
    style = {"ncols": len(labels), **style}
    figure.legend(handles, labels, loc="outside upper center", **style)


def confusion(axis: Axes, matrix: np.ndarray, title: str) -> None:
    """Draw a row-normalised confusion matrix, float ``(C, C)``."""
    axis.imshow(matrix, vmin=0, vmax=1, cmap="Greens")
    for (i, j), share in np.ndenumerate(matrix):
        colour = "white" if share > 0.6 else "black"
        axis.text(j, i, f"{share:.2f}", ha="center", va="center", color=colour)
    axis.set(title=title, xlabel="predicted")
    axis.set_xticks(range(classes.COUNT), [name.replace(" ", "\n") for name in classes.NAMES])
    axis.set_yticks(range(classes.COUNT), classes.NAMES)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


def picture(folder: Path, stem: str, kind: str) -> np.ndarray:
    """Read ``<stem>-<kind>.png`` of a folder, uint8 ``(H, W)``."""
    with Image.open(folder / f"{stem}-{kind}.png") as opened:
        return np.asarray(opened)


def picture_blocks(count: int, columns: int, height: float) -> tuple[Figure, list[np.ndarray]]:
    """Make a figure for rows of pictures that belong together, in two blocks side by side.

    Args:
        count: of rows; half of them stand in each block.
        columns: pictures in a row.
        height: of a row, in inches.

    Returns:
        The figure, and its axes ``(columns,)`` row by row, down the first block, then the second.
    """
    rows = math.ceil(count / 2)
    size = (WIDTH, height * rows + 0.5)
    figure, axes = plt.subplots(rows, 2 * columns, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, [*axes[:, :columns], *axes[:, columns:]]
