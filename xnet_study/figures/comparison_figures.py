"""Figures of the comparison, from ``results/table3*.csv``, and error maps, from ``gallery/``.

`xnet_study.figures` lists them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from xnet_study.comparison.compared import BOUND, XNET
from xnet_study.comparison.conclusions import load, titles
from xnet_study.comparison.scoring import JUDGED
from xnet_study.figures import drawing
from xnet_study.figures.drawing import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, RED, TEAL, VIOLET
from xnet_study.figures.score_figures import published
from xnet_tf import classes
from xnet_tf.files import read_json
from xnet_tf.metrics import counts_of

COLOURS = (TEAL, BLUE, RED, ORANGE, VIOLET, GREEN, GREY, BLACK)


def methods(results: Path) -> Figure:
    """Macro F1 and accuracy of every method with intervals, on test and population."""
    table = _best_first(results)
    subsets = [name for name in JUDGED if name in set(table["subset"])]
    order = table.loc[table["subset"] == "test", "title"]  # every method was scored on it
    at = {title: -k for k, title in enumerate(order)}
    size = (10.4, 0.21 * len(order) + 1.6)
    figure, axes = plt.subplots(1, len(subsets), figsize=size, sharey=True, squeeze=False)
    xnet = table[table["method"] == XNET].iloc[0]
    stars = [float(xnet[f"published {score}"]) for score in ("F1", "accuracy")]
    note = "paper's F1 and accuracy,\non the authors' own images"
    for axis, subset in zip(axes[0], subsets, strict=True):
        rows = table[table["subset"] == subset]
        for _, row in rows.iterrows():
            _dot(axis, row, "accuracy", at[row["title"]] + 0.18, fmt="s", ms=3, alpha=0.35)
            _dot(axis, row, "macro F1", at[row["title"]] - 0.08, fmt="o", ms=5)
        axis.plot(stars, [at[XNET]] * 2, "k*", ms=9, mfc="none", mew=0.8, label=note)
        images = "{images} images of {subjects} subjects".format(**rows.iloc[0])
        axis.set(title=f"{subset}: {images}", xlim=(0, 1))
        axis.set_xlabel("macro F1 (dot), accuracy (pale square)")
        axis.grid(axis="x", color="#eeeeee")
    axes[0, 0].legend(loc="upper left", fontsize=8)
    axes[0, 0].set_yticks(list(at.values()), at, fontsize=8)
    axes[0, 0].set_ylim(-len(order) + 0.4, 0.6)
    return _sign(figure, results)


def parts(results: Path) -> Figure:
    """Macro F1 by body part: XNet, the best other network, the best method that is none."""
    table, subset = _judged(load(results, "table3-parts").query("score == 'macro F1'"))
    by_method = dict(list(table.set_index("body_part").groupby(titles(table).to_numpy())))
    shown = _representatives(results, subset)
    xnets = by_method[XNET].sort_values("value")
    figure, axis = plt.subplots(figsize=(8.6, 0.42 * len(xnets) + 1.4))
    height = 0.8 / len(shown)
    for k, (title, colour) in enumerate(shown.items()):
        rows = by_method[title].loc[xnets.index]
        at = np.arange(len(xnets)) + (len(shown) / 2 - k - 0.5) * height
        bars = {"color": colour, "label": title, "ecolor": "#444444", "error_kw": {"lw": 0.8}}
        axis.barh(at, rows["value"], height * 0.92, xerr=drawing.spans(rows), **bars)
    axis.set_yticks(range(len(xnets)), [f"{r.Index} ({r.images})" for r in xnets.itertuples()])
    axis.set(xlabel=f"macro F1 on the {subset} images", xlim=(0, 1), ylim=(-0.6, len(xnets) - 0.4))
    axis.legend(ncols=len(shown), loc="lower center", bbox_to_anchor=(0.4, 1.0), fontsize=8)
    return _sign(figure, results)


def learning_curves(results: Path) -> Figure:
    """Validation loss and accuracy of every network by epoch: each seed thin, their mean thick."""
    history = load(results, "table3-history")
    figure, axes = plt.subplots(1, 2, figsize=(10.4, 3.8))
    for axis, column in zip(axes, ("val_loss", "val_accuracy"), strict=True):
        for name, colour, rows in _by_method(history):
            curves = rows.pivot(index="epoch", columns="seed", values=column)
            axis.plot(curves, color=colour, lw=0.5, alpha=0.35)
            axis.plot(curves.mean(axis=1), color=colour, lw=1.6, label=name)
        axis.set(xlabel="epoch")
    axes[0].set(ylabel="validation loss (cross-entropy + L2)", yscale="log")
    axes[1].set(ylabel="validation accuracy", ylim=(history["val_accuracy"].quantile(0.1), None))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    return _sign(figure, results)


def roc(results: Path) -> Figure:
    """ROC curves of every network, each class against the rest; their upper left corners."""
    table, subset = _judged(load(results, "table3-roc"))
    figure, axes = plt.subplots(1, classes.COUNT, figsize=(10.4, 3.9), sharey=True)
    for axis, k in zip(axes, classes.NAMES, strict=True):
        for name, colour, rows in _by_method(table[table["class"] == k]):
            rates = rows["false_positive_rate"], rows["true_positive_rate"]
            axis.plot(*rates, color=colour, lw=1.2, label=name)
        axis.set(title=k, xlabel="false positive rate", xlim=(0, 0.4), ylim=(0.6, 1.005))
    axes[0].set_ylabel(f"true positive rate, {subset}")
    drawing.legend_above(figure, axes[0], ncols=4, fontsize=8)
    return _sign(figure, results)


def confusion_matrices(results: Path) -> Figure:
    """Row-normalised confusion matrices of the same methods as `parts`, beside the poster's."""
    table, subset = _judged(load(results, "table3-confusion"))
    counts = dict(zip(titles(table), counts_of(table), strict=True))
    panels = {"authors' poster": np.array(published("results.confusion_matrix"))}
    panels |= {title: counts[title] for title in _representatives(results, subset)}
    figure, axes = plt.subplots(1, len(panels), figsize=(10.4, 3.2), sharey=True)
    for axis, (title, matrix) in zip(axes, panels.items(), strict=True):
        shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1e-9)
        drawing.confusion(axis, shares, title)
        axis.title.set_fontsize(9)
        axis.tick_params(labelsize=7)
    axes[0].set_ylabel("true")
    return _sign(figure, results)


def unseen_parts(results: Path) -> Figure:
    """Macro F1 of body parts that were left out of training, and of the same when they were not."""
    table = load(results, "table3-folds").query("score == 'macro F1' and kind != 'subjects'")
    if table.empty:
        raise FileNotFoundError(f"{results}: no group of body parts was left out yet")
    table, subset = _judged(table.iloc[::-1])
    figure, axis = plt.subplots(figsize=(8.6, 0.42 * len(table) + 1.3))
    at = np.arange(len(table))
    if "seen" in table:
        axis.hlines(at, table["value"], table["seen"], color=PALE, lw=2, zorder=1)
        axis.plot(table["seen"], at, "o", mfc="white", mec=TEAL, label="trained on others")
    drawing.dots(axis, table, at, capsize=2, label="left out of training")
    axis.set(xlabel=f"macro F1 on the {subset} images", xlim=(0, 1))
    axis.set_yticks(at, [f"{r.fold} ({r.images})" for r in table.itertuples()])
    axis.legend(loc="lower left")
    return _sign(figure, results)


def error_maps(results: Path) -> Figure:
    """Test images, worst first, their wrong pixels in the colour of what they were called."""
    folder = results / "gallery"
    stems = sorted(p.name.removesuffix("-truth.png") for p in folder.glob("*-truth.png"))
    if not stems:
        raise FileNotFoundError(f"{folder}: holds no pictures; evaluate a network first")
    kinds = ("image", "truth", "xnet", "multi-otsu")
    pictures = {stem: [drawing.picture(folder, stem, kind) for kind in kinds] for stem in stems}
    stems.sort(key=lambda stem: -np.mean(pictures[stem][1] != pictures[stem][2]))
    figure, blocks = drawing.picture_blocks(len(stems), columns=3, height=1.75)
    for stem, axes in zip(stems, blocks, strict=False):
        image, truth, *answers = pictures[stem]
        axes[0].imshow(classes.COLOURS[truth])
        axes[0].set_title(stem, fontsize=7, pad=2)
        for axis, name, labels in zip(axes[1:], ("XNet", "multi-Otsu"), answers, strict=True):
            axis.imshow(_errors(image, truth, labels))
            axis.set_title(f"{name}: {np.mean(labels != truth):.0%} wrong", fontsize=7, pad=2)
    run = read_json(results / "run.json")
    text = (
        f"wrong pixels in the colour of what they were called; weights {run['weights_sha256']:.8}"
    )
    return drawing.sign(figure, f"{text}, {_data(run)}")


def _errors(image: np.ndarray, truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the grey picture, paled, with wrong pixels coloured; uint8 ``(H, W, 3)``."""
    pale = (140 + 115 * np.sqrt(image / 255)).astype(np.uint8)
    wrong = (labels != truth)[..., None]
    return np.where(wrong, classes.COLOURS[labels], pale[..., None])


def _judged(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the rows of the last of test and population that a table has, and its name."""
    subset = [name for name in JUDGED if name in set(table["subset"])][-1]
    return table[table["subset"] == subset], subset


def _by_method(table: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Return each method's name, colour and rows, XNet's first."""
    names = dict.fromkeys([XNET, *table["method"]])
    return [(n, c, table[table["method"] == n]) for n, c in zip(names, COLOURS, strict=False)]


def _best_first(results: Path) -> pd.DataFrame:
    """Return the scores of all methods by macro F1, with each method's ``title`` and ``colour``."""
    table = load(results, "table3").copy()  # in one piece, to which columns are quickly added
    kinds = [table["method"] == XNET, table["family"] == "network", table["family"] == "constant"]
    table["title"], table["colour"] = titles(table), np.select(kinds, (TEAL, BLUE, PALE), ORANGE)
    return table.sort_values("macro F1", ascending=False)


def _representatives(results: Path, subset: str) -> dict[str, str]:
    """Return XNet, the best other network and the best method that is none, with their colours.

    The bound that knows the truth is no method.
    """
    table = _best_first(results).query("subset == @subset and variant != @BOUND")
    best = table.groupby(table["colour"].replace(PALE, ORANGE))["title"].first()
    return {best[colour]: colour for colour in (TEAL, BLUE, ORANGE) if colour in best}


def _dot(axis, row: pd.Series, score: str, at: float, **style) -> None:
    if row["variant"] == BOUND:
        style["mfc"] = "white"
    bounds = row[[f"{score} low", f"{score} high"]].to_numpy(float)
    lengths = np.abs(bounds - row[score])[:, None]
    axis.errorbar(row[score], at, xerr=lengths, color=row["colour"], lw=1, **style)


def _sign(figure: Figure, results: Path) -> Figure:
    """Write below the figure what it was made from."""
    record = read_json(results / "table3.json")
    sizes = ", ".join(
        "{} {images} images of {subjects} subjects".format(name, **record["subsets"][name])
        for name in JUDGED
        if name in record["subsets"]
    )
    return drawing.sign(figure, f"{_data(record)}; {sizes}\n{record['budget']}")


def _data(record: dict) -> str:
    simulated = " (simulated)" if record["simulated"] else ""
    return f"data {record['data_sha256']:.8}{simulated}"


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
