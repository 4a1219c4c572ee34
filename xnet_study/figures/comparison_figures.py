"""Figures of the comparison, from ``results/table3*.csv``, and error maps, from ``gallery/``.

`xnet_study.figures` lists them.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from xnet_study.comparison.compared import BOUND, XNET
from xnet_study.comparison.conclusions import load
from xnet_study.comparison.scoring import JUDGED
from xnet_study.figures import drawing
from xnet_study.figures.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    RED,
    TEAL,
    VIOLET,
    picture,
    spans,
)
from xnet_tf import classes, runs
from xnet_tf.files import read_json

FAMILY_COLOURS = {"network": BLUE, "constant": PALE}
COLOURS = (TEAL, BLUE, RED, ORANGE, VIOLET, GREEN, GREY, BLACK)


def methods(results: Path) -> Figure:
    """Macro F1 and accuracy of every method with intervals, on test and population."""
    table = load(results, "table3")
    subsets = _judged(table)
    order = _ranked(table)
    figure, axes = plt.subplots(
        1, len(subsets), figsize=(10.4, 0.21 * len(order) + 1.6), sharey=True, squeeze=False
    )
    at = {title: -k for k, title in enumerate(order)}
    for axis, subset in zip(axes[0], subsets, strict=True):
        rows = table[table["subset"] == subset]
        for score, marker, shift in (("accuracy", "s", 0.18), ("macro F1", "o", -0.08)):
            for _, row in rows.iterrows():
                _dot(axis, row, score, at[_title(row)] + shift, marker)
        first = rows.iloc[0]
        axis.set(title=f"{subset}: {first['images']} images of {first['subjects']} subjects")
        axis.set(xlabel="macro F1 (dot), accuracy (pale square)", xlim=(0, 1))
        axis.grid(axis="x", color="#eeeeee")
    paper = table[table["method"] == XNET].iloc[0]
    for axis in axes[0]:
        for score in ("F1", "accuracy"):
            at_paper = float(paper[f"published {score}"]), at[XNET]
            axis.plot(*at_paper, "k*", ms=9, mfc="none", mew=0.8, label="paper's F1 and accuracy")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    note = f"{labels[0]},\non the authors' own images"
    axes[0, 0].legend(handles[:1], [note], loc="upper left", fontsize=8)
    axes[0, 0].set(yticks=list(at.values()), ylim=(-len(order) + 0.4, 0.6))
    axes[0, 0].set_yticklabels(at, fontsize=8)
    return _sign(figure, results)


def parts(results: Path) -> Figure:
    """Macro F1 by body part: XNet, the best other network, the best method that is none."""
    table = load(results, "table3-parts").query("score == 'macro F1'")
    subset = _judged(table)[-1]
    table = table[table["subset"] == subset].assign(title=lambda t: t.apply(_title, axis=1))
    shown = _representatives(results, subset)
    xnets = table[table["title"] == XNET].set_index("body_part")["value"].sort_values()
    figure, axis = plt.subplots(figsize=(8.6, 0.42 * len(xnets) + 1.4))
    height = 0.8 / len(shown)
    for k, (title, colour) in enumerate(shown.items()):
        rows = table[table["title"] == title].set_index("body_part").loc[xnets.index]
        at = np.arange(len(xnets)) + (len(shown) / 2 - k - 0.5) * height
        bars = {"color": colour, "label": title, "ecolor": "#444444", "error_kw": {"lw": 0.8}}
        axis.barh(at, rows["value"], height * 0.92, xerr=np.nan_to_num(spans(rows)), **bars)
    counts = table[table["title"] == XNET].set_index("body_part")["images"]
    axis.set(yticks=range(len(xnets)), ylim=(-0.6, len(xnets) - 0.4), xlim=(0, 1))
    axis.set_xlabel(f"macro F1 on the {subset} images")
    axis.set_yticklabels([f"{part} ({counts[part]})" for part in xnets.index])
    axis.legend(ncols=len(shown), loc="lower center", bbox_to_anchor=(0.4, 1.0), fontsize=8)
    return _sign(figure, results)


def learning_curves(results: Path) -> Figure:
    """Validation loss and accuracy of every network by epoch: each seed thin, their mean thick."""
    history = load(results, "table3-history")
    figure, axes = plt.subplots(1, 2, figsize=(10.4, 3.8))
    names = list(dict.fromkeys([XNET, *history["method"]]))
    for axis, column in zip(axes, ("val_loss", "val_accuracy"), strict=True):
        for name, colour in zip(names, COLOURS, strict=False):
            curves = history[history["method"] == name].pivot(
                index="epoch", columns="seed", values=column
            )
            axis.plot(curves.index, curves.to_numpy(), color=colour, lw=0.5, alpha=0.35)
            axis.plot(curves.index, curves.mean(axis=1), color=colour, lw=1.6, label=name)
        axis.set(xlabel="epoch")
    axes[0].set(ylabel="validation loss (cross-entropy + L2)", yscale="log")
    lowest = history["val_accuracy"].quantile(0.1)
    axes[1].set(ylabel="validation accuracy", ylim=(lowest, None))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    return _sign(figure, results)


def roc(results: Path) -> Figure:
    """ROC curves of every network, each class against the rest; their upper left corners."""
    table = load(results, "table3-roc")
    subset = _judged(table)[-1]
    table = table[table["subset"] == subset]
    names = list(dict.fromkeys([XNET, *table["method"]]))
    figure, axes = plt.subplots(1, classes.COUNT, figsize=(10.4, 3.9), sharey=True)
    for axis, k in zip(axes, classes.NAMES, strict=True):
        for name, colour in zip(names, COLOURS, strict=False):
            rows = table[(table["method"] == name) & (table["class"] == k)]
            rates = rows["false_positive_rate"], rows["true_positive_rate"]
            axis.plot(*rates, color=colour, lw=1.2, label=name)
        axis.set(title=k, xlabel="false positive rate", xlim=(0, 0.4), ylim=(0.6, 1.005))
    axes[0].set_ylabel(f"true positive rate, {subset}")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8
    )
    return _sign(figure, results)


def confusion_matrices(results: Path) -> Figure:
    """Row-normalised confusion matrices of the same methods as `parts`, beside the poster's."""
    table = load(results, "table3-confusion")
    subset = _judged(table)[-1]
    table = table[table["subset"] == subset].assign(title=lambda t: t.apply(_title, axis=1))
    panels = {"authors' poster": np.array(_published_matrix())}
    for title in _representatives(results, subset):
        counts = table[table["title"] == title].filter(like=" as ").to_numpy(float)
        panels[title] = counts.reshape(classes.COUNT, classes.COUNT)
    figure, axes = plt.subplots(1, len(panels), figsize=(10.4, 3.2), sharey=True)
    for axis, (title, matrix) in zip(axes, panels.items(), strict=True):
        matrix = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1e-9)
        drawing.confusion(axis, matrix, title)
        axis.title.set_fontsize(9)
        for label in (*axis.get_xticklabels(), *axis.get_yticklabels()):
            label.set_fontsize(7)
    axes[0].set_ylabel("true")
    return _sign(figure, results)


def unseen_parts(results: Path) -> Figure:
    """Macro F1 of body parts that were left out of training, and of the same when they were not."""
    table = load(results, "table3-folds").query("score == 'macro F1' and kind != 'subjects'")
    if table.empty:
        raise FileNotFoundError(f"{results}: no group of body parts was left out yet")
    table = table[table["subset"] == _judged(table)[-1]].iloc[::-1]
    figure, axis = plt.subplots(figsize=(8.6, 0.42 * len(table) + 1.3))
    at = np.arange(len(table))
    if "seen" in table:
        axis.hlines(at, table["value"], table["seen"], color=PALE, lw=2, zorder=1)
        axis.plot(table["seen"], at, "o", mfc="white", mec=TEAL, label="trained on others")
    dots = {"fmt": "o", "color": TEAL, "capsize": 2, "label": "left out of training"}
    axis.errorbar(table["value"], at, xerr=np.nan_to_num(spans(table)), **dots)
    axis.set(yticks=at, xlabel=f"macro F1 on the {table['subset'].iloc[0]} images", xlim=(0, 1))
    axis.set_yticklabels(f"{r.fold} ({r.images})" for r in table.itertuples())
    axis.legend(loc="lower left")
    return _sign(figure, results)


def error_maps(results: Path) -> Figure:
    """Test images, worst first, their wrong pixels in the colour of what they were called."""
    folder = results / "gallery"
    stems = [p.name.removesuffix("-truth.png") for p in folder.glob("*-truth.png")]
    if not stems:
        raise FileNotFoundError(f"{folder}: holds no pictures; evaluate a network first")
    wrong = {
        stem: np.mean(picture(folder, stem, "truth") != picture(folder, stem, "xnet"))
        for stem in stems
    }
    stems = sorted(stems, key=lambda stem: (-wrong[stem], stem))
    names, blocks = {"xnet": "XNet", "multi-otsu": "multi-Otsu"}, 2
    rows = math.ceil(len(stems) / blocks)
    figure, axes = plt.subplots(
        rows, blocks * (len(names) + 1), figsize=(10.4, 1.75 * rows + 0.5), squeeze=False
    )
    for axis in axes.ravel():
        axis.set_axis_off()
    for k, stem in enumerate(stems):
        row, first = k % rows, k // rows * (len(names) + 1)
        truth, image = picture(folder, stem, "truth"), picture(folder, stem, "image")
        axes[row, first].imshow(classes.COLOURS[truth])
        axes[row, first].set_title(stem, fontsize=7, pad=2)
        for column, (kind, name) in enumerate(names.items(), first + 1):
            labels = picture(folder, stem, kind)
            axes[row, column].imshow(_errors(image, truth, labels))
            text = f"{name}: {np.mean(labels != truth):.0%} wrong"
            axes[row, column].set_title(text, fontsize=7, pad=2)
    run = read_json(results / "run.json")
    text = (
        f"wrong pixels in the colour of what they were called; weights {run['weights_sha256'][:8]}"
    )
    simulated = " (simulated)" if run["simulated"] else ""
    return drawing.sign(figure, f"{text}, data {run['data_sha256'][:8]}{simulated}")


def _errors(image: np.ndarray, truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the grey picture, paled, with wrong pixels coloured; uint8 ``(H, W, 3)``."""
    pale = 140 + 115 * np.sqrt(image / 255)
    coloured = np.repeat(pale[..., np.newaxis], 3, axis=-1).astype(np.uint8)
    wrong = labels != truth
    coloured[wrong] = classes.COLOURS[labels[wrong]]
    return coloured


def _judged(table: pd.DataFrame) -> list[str]:
    """Return which of test and population a table has."""
    return [name for name in JUDGED if (table["subset"] == name).any()]


def _title(row: pd.Series) -> str:
    return f"{row['method']}, {row['variant']}" if row["variant"] else row["method"]


def _ranked(table: pd.DataFrame) -> list[str]:
    """Return all methods by their macro F1 on the test images, which all were scored on."""
    rows = table[table["subset"] == "test"].sort_values("macro F1", ascending=False)
    return [_title(row) for _, row in rows.iterrows()]


def _representatives(results: Path, subset: str) -> dict[str, str]:
    """Return XNet, the best other network and the best method that is none, with their colours.

    The bound that knows the truth is no method.
    """
    table = load(results, "table3")
    table = table[(table["subset"] == subset) & (table["variant"] != BOUND)]
    table = table.sort_values("macro F1", ascending=False)
    network, xnets = table["family"] == "network", table["method"] == XNET
    groups = {
        TEAL: table[xnets],
        FAMILY_COLOURS["network"]: table[network & ~xnets],
        ORANGE: table[~network],
    }
    return {_title(rows.iloc[0]): colour for colour, rows in groups.items() if len(rows)}


def _dot(axis, row: pd.Series, score: str, at: float, marker: str) -> None:
    colour = FAMILY_COLOURS.get(row["family"], ORANGE)
    colour = TEAL if row["method"] == XNET else colour
    lengths = np.abs([[row[f"{score} {bound}"] - row[score]] for bound in ("low", "high")])
    hollow = {"mfc": "white"} if row["variant"] == BOUND else {}
    faint = {"alpha": 0.35, "ms": 3} if marker == "s" else {"ms": 5}
    style = {"fmt": marker, "color": colour, "lw": 1, **hollow, **faint}
    axis.errorbar(row[score], at, xerr=np.nan_to_num(lengths), **style)


def _published_matrix() -> list[list[float]]:
    path = runs.REPOSITORY / "results" / "paper.json"
    return read_json(path)["figures"]["results.confusion_matrix"]["value"]


def _sign(figure: Figure, results: Path) -> Figure:
    """Write below the figure what it was made from."""
    record = read_json(results / "table3.json")
    sizes = ", ".join(
        "{} {images} images of {subjects} subjects".format(name, **record["subsets"][name])
        for name in JUDGED
        if name in record["subsets"]
    )
    simulated = " (simulated)" if record["simulated"] else ""
    text = f"data {record['data_sha256'][:8]}{simulated}; {sizes}\n{record['budget']}"
    return drawing.sign(figure, text)


FIGURES = {
    "comparison": methods,
    "comparison-parts": parts,
    "comparison-confusion": confusion_matrices,
    "comparison-roc": roc,
    "comparison-learning-curves": learning_curves,
    "comparison-unseen-parts": unseen_parts,
    "error-maps": error_maps,
}
"""File name of each figure and the function that draws it."""
