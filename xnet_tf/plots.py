"""What the notebooks draw: radiographs, label maps, legends."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from xnet_tf.classes import PAPER, Classes

STYLE = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "font.size": 10,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.hashsalt": "xnet",
}


def show_labels(axis, labels: np.ndarray, classes: Classes = PAPER, **kwargs) -> None:
    """Draw a label map ``(H, W)`` in its classes' colours."""
    colours = ListedColormap(classes.palette[:-1] / 255)
    colours = colours.with_extremes(over=classes.palette[-1] / 255)
    axis.imshow(labels, cmap=colours, vmin=0, vmax=classes.count - 1, **kwargs)
    axis.set_axis_off()


def for_display(image: np.ndarray) -> np.ndarray:
    """Brighten a raw image in [0, 1], in which thick parts are almost black, for the eye."""
    return np.clip(image, 0, 1) ** 0.5


def preview(picture: Path | Figure, width: int = 700) -> Image.Image:
    """Return a small copy of a picture in 128 colours, light enough to lie in a notebook.

    Args:
        picture: path of a PNG, or a figure, which is closed.
        width: in pixels.
    """
    source: Path | io.BytesIO
    if isinstance(picture, Figure):
        source = io.BytesIO()
        picture.savefig(source, format="png")
        plt.close(picture)
    else:
        source = picture
    with Image.open(source) as image:
        small = image.convert("RGB")
    small.thumbnail((width, small.height), Image.Resampling.LANCZOS)
    return small.quantize(128, kmeans=2)  # without kmeans some greys get a tint


def class_legend(figure: Figure, classes: Classes = PAPER) -> None:
    """Put the classes' colours and names above a figure."""
    pairs = zip(classes.colours, classes.names, strict=True)
    keys = [Patch(color=colours[0], label=name) for colours, name in pairs]
    figure.legend(handles=keys, loc="outside upper center", ncols=min(len(keys), 6), fontsize=9)
