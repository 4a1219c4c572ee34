"""Pictures of what the classical methods make of a radiograph, and what tuning gives them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from xnet_study.figures.drawing import BLUE, GREY, ORANGE, PALE, WIDTH
from xnet_tf.plots import for_display, show_labels

VARIANTS = {
    "untuned": {"marker": "o", "color": PALE, "label": "untuned"},
    "overall": {"marker": "o", "color": BLUE, "label": "tuned over all parts"},
    "by part": {"marker": "D", "color": ORANGE, "label": "tuned per part"},
    "oracle": {"marker": "|", "color": GREY, "label": "oracle (a bound, no method)"},
}


def panels(pictures: dict[str, np.ndarray], columns: int = 6, size: float = 1.75) -> Figure:
    """Draw pictures and label maps in rows, each below its name.

    Args:
        pictures: by name; float arrays ``(H, W)`` or ``(H, W, 1)`` are drawn in grey, uint8
            ``(H, W)`` as label maps.
        columns: pictures in a row.
        size: width of each, in inches.
    """
    columns = min(columns, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns, (size + 0.25) * rows), squeeze=False
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (name, picture) in zip(axes.flat, pictures.items(), strict=False):
        axis.set_title(name, fontsize=9)
        if picture.dtype == np.uint8:
            show_labels(axis, picture)
        else:
            axis.imshow(for_display(picture.squeeze()), cmap="gray")
    return figure


def tuning(results: Path) -> Figure:
    """Draw each method's mean macro F1 on the validation images, by what it was tuned on.

    Args:
        results: folder with ``classical-validation.csv``.
    """
    table = pd.read_csv(results / "classical-validation.csv")
    means = table.pivot_table("macro F1", "method", "variant").sort_values("overall")
    figure, axis = plt.subplots(figsize=(WIDTH, 0.32 * len(means) + 1.4))
    rows = np.arange(len(means))
    for name, style in VARIANTS.items():
        axis.scatter(means[name], rows, s=60, zorder=2, **style)
    axis.hlines(rows, 0, 1, color="#eeeeee", lw=1, zorder=0)
    axis.set_yticks(rows, means.index)
    limits = np.floor(10 * means.to_numpy().min()) / 10, np.ceil(10 * means.to_numpy().max()) / 10
    axis.set(xlabel="macro F1, mean over validation images", xlim=limits)
    axis.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=4, fontsize=8)
    axis.tick_params(axis="y", length=0)
    return figure
