"""Figures made of pictures: test images and real radiographs with their label maps."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from xnet_study.figures.drawing import WIDTH, picture
from xnet_study.figures.score_figures import sign
from xnet_tf.plots import class_legend, for_display, show_labels

LABEL_MAPS = {"truth": "truth", "xnet": "XNet", "multi-otsu": "multi-Otsu"}
"""What the gallery shows beside each image: ending of the file's name, and title."""


def gallery(results: Path) -> Figure:
    """Test images with their true label maps and what the methods make of them."""
    folder, blocks, columns = results / "gallery", 2, len(LABEL_MAPS) + 1
    stems = sorted(p.name.removesuffix("-truth.png") for p in folder.glob("*-truth.png"))
    rows = math.ceil(len(stems) / blocks)
    size = (WIDTH, 1.12 * rows + 0.6)
    figure, axes = plt.subplots(rows, blocks * columns, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for k, stem in enumerate(stems):
        first, *others = axes[k % rows, k // rows * columns :][:columns]
        first.imshow(for_display(picture(folder, stem, "image") / 255), cmap="gray")
        first.set_title(stem, fontsize=7, pad=2)
        for axis, (kind, title) in zip(others, LABEL_MAPS.items(), strict=True):
            show_labels(axis, picture(folder, stem, kind))
            axis.set_title(title, fontsize=7, pad=2)
    class_legend(figure)
    return sign(figure, results)


def real_radiographs(results: Path) -> Figure:
    """Two real radiographs, XNet's segmentation of them, and the masks outlined by hand."""
    folder = results / "real"
    if not (results / "real.csv").is_file():
        raise FileNotFoundError(f"{results} holds no real.csv; is pydicom-data installed?")
    agreement = pd.read_csv(results / "real.csv", index_col="picture")["accuracy"]
    figure, axes = plt.subplots(2, 3, figsize=(7.4, 5.6), squeeze=False)
    for row, (name, share) in zip(axes, agreement.items(), strict=True):
        # Shown as hospitals show it: bone white.
        row[0].imshow(255 - picture(folder, name, "image"), cmap="gray", vmin=0, vmax=255)
        show_labels(row[1], picture(folder, name, "mask"))
        show_labels(row[2], picture(folder, name, "hand"))
        titles = (name, f"XNet, {share:.0%} as by hand", "outlined by hand")
        for axis, title in zip(row, titles, strict=True):
            axis.set_axis_off()
            axis.set_title(title, fontsize=9)
    class_legend(figure)
    return sign(figure, results)


FIGURES = {
    "gallery": gallery,
    "real-radiographs": real_radiographs,
    "real-radiographs-wide": lambda results: real_radiographs(results / "wide"),
}
"""File name of each figure and the function that draws it."""
