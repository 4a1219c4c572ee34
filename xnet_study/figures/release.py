"""Saved numbers to figures. Needs neither TensorFlow nor a trained network.

Each function draws one figure from the files of a ``results/`` folder; `draw_all` writes them all
as PNG and, unless it is made of pictures, as SVG.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from xnet_study.figures import comparison_figures, confidence_figures, threshold_figures
from xnet_tf import classes, runs
from xnet_tf.files import InputError, read_json
from xnet_tf.plots import METHOD_COLOURS, STYLE, class_legend, for_display, save, show_labels

ROBUSTNESS_MARGIN = 0.05


def draw_all(results: Path, out: Path) -> list[Path]:
    """Draw every figure whose numbers are there.

    Args:
        results: folder of CSV and JSON files.
        out: where ``<name>.png`` and ``<name>.svg`` go; `PICTURES` as PNG alone.

    Returns:
        The files written.

    Raises:
        InputError: if the folder holds no results at all.
    """
    if not (results / "run.json").is_file():
        raise InputError(f"{results}: holds no run.json; evaluate a network first")
    written = []
    for name, draw in FIGURES.items():
        with mpl.rc_context(STYLE):
            try:
                figure = draw(results)
            except FileNotFoundError:
                continue
            written += save(figure, out / name, (".png",) if name in PICTURES else (".png", ".svg"))
            plt.close(figure)
    return written


def learning_curves(results: Path) -> Figure:
    """Loss and accuracy of training and validation images, by epoch."""
    history = pd.read_csv(results / "history.csv")
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4))
    for axis, name, label in zip(
        axes, ("loss", "accuracy"), ("loss (cross-entropy + L2)", "pixel accuracy"), strict=True
    ):
        axis.plot(history["epoch"], history[name], color="#8a8a8a", label="training (augmented)")
        axis.plot(history["epoch"], history[f"val_{name}"], color="#21908c", label="validation")
        axis.set(xlabel="epoch", ylabel=label)
    best = history.loc[history["val_loss"].idxmin()]
    axes[0].axvline(best["epoch"], color="black", lw=0.8, ls=":")
    axes[0].annotate(
        "kept",
        (best["epoch"], axes[0].get_ylim()[1]),
        xytext=(-4, -12),
        ha="right",
        textcoords="offset points",
    )
    coarse = read_json(results / "run.json")["profile"].get("coarse_epochs")
    if coarse:
        for axis in axes:
            axis.axvline(coarse + 0.5, color="#c9c9c9", lw=0.8)
        axes[0].annotate(
            "coarse images ",
            xy=(coarse + 0.5, 0.93),
            xycoords=("data", "axes fraction"),
            ha="right",
            fontsize=8,
            color="#8a8a8a",
        )
    axes[0].set_yscale("log")
    axes[1].legend(loc="lower right")
    return _sign(figure, results)


def confusion_matrices(results: Path) -> Figure:
    """Row-normalised confusion matrices: the poster's, and XNet's here on the test images."""
    table = pd.read_csv(results / "confusion.csv")
    rows = table[(table["method"] == "XNet") & (table["subset"] == "test")]
    counts = rows.iloc[:, -(classes.COUNT**2) :].sum().to_numpy(float)
    counts = counts.reshape(classes.COUNT, classes.COUNT)
    ours = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    published = np.array(paper("results.confusion_matrix"))
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.9), sharey=True)
    panels = [
        ("authors' poster (their images)", published),
        (f"here ({_test_images(results)})", ours),
    ]
    for axis, (title, matrix) in zip(axes, panels, strict=True):
        axis.imshow(matrix, vmin=0, vmax=1, cmap="Greens")
        for (i, j), share in np.ndenumerate(matrix):
            colour = "white" if share > 0.6 else "black"
            axis.text(j, i, f"{share:.2f}", ha="center", va="center", color=colour)
        ticks = range(classes.COUNT)
        axis.set(title=title, xticks=ticks, yticks=ticks, xlabel="predicted")
        axis.set_xticklabels(classes.NAMES)
        axis.set_yticklabels(classes.NAMES)
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
    axes[0].set_ylabel("true")
    return _sign(figure, results)


def roc_curves(results: Path) -> Figure:
    """XNet's ROC curves on the test images, each class against the rest."""
    curves = pd.read_csv(results / "roc.csv").query("subset == 'test'")
    scores = read_scores(results).query("subset == 'test' and score == 'AUC'")
    areas = scores.set_index("class")["value"]
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 4.0))
    for axis in axes:
        axis.plot([0, 1], [0, 1], color="#c9c9c9", lw=1)
        for colour, name in zip(_line_colours(), classes.NAMES, strict=True):
            curve = curves[curves["class"] == name]
            label = f"{name}, AUC {areas.get(name, np.nan):.3f}"
            rates = curve["false_positive_rate"], curve["true_positive_rate"]
            axis.plot(*rates, color=colour, label=label)
        axis.set(xlabel="false positive rate", ylabel="true positive rate")
    axes[0].set_title("whole range")
    axes[1].set(title="upper left corner", xlim=(0, 0.2), ylim=(0.8, 1.0), xticks=(0, 0.1, 0.2))
    axes[0].legend(loc="lower right")
    return _sign(figure, results)


def score_bars(results: Path) -> Figure:
    """Accuracy and F1 of every method with 95 % intervals, beside the published values."""
    scores = read_scores(results).query("subset == 'test'")
    f1 = paper("results.f1")  # macro or weighted: the paper does not say
    published = {"accuracy": paper("results.accuracy"), "macro F1": f1, "weighted F1": f1}
    figure, axis = plt.subplots(figsize=(8.6, 3.8))
    width = 0.8 / len(METHOD_COLOURS)
    for k, (method, colour) in enumerate(METHOD_COLOURS.items()):
        rows = scores[scores["method"] == method].set_index("score").loc[list(published)]
        at = np.arange(len(published)) + (k - 1) * width
        spans = np.abs(rows[["low", "high"]].to_numpy().T - rows["value"].to_numpy())
        axis.bar(at, rows["value"], width * 0.92, yerr=spans, color=colour, capsize=3, label=method)
    for k, value in enumerate(published.values()):
        axis.plot(
            [k - 0.42, k + 0.42],
            [value] * 2,
            color="black",
            ls=":",
            label="published (authors' images)" if k == 0 else None,
        )
    axis.set(
        xticks=range(len(published)), ylim=(0, 1.05), ylabel=f"score on {_test_images(results)}"
    )
    axis.set_xticklabels(published)
    axis.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.16))
    return _sign(figure, results)


def class_bars(results: Path) -> Figure:
    """XNet's precision and recall per class on the test images."""
    scores = read_scores(results).query("subset == 'test' and method == 'XNet'")
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.2), sharey=True)
    for axis, name in zip(axes, ("precision", "recall"), strict=True):
        values = scores[scores["score"] == name].set_index("class").loc[list(classes.NAMES)]
        bars = axis.bar(classes.NAMES, values["value"], color=_line_colours())
        axis.bar_label(bars, fmt="%.2f")
        axis.set(title=name, ylim=(0, 1.08))
    return _sign(figure, results)


def gallery(results: Path) -> Figure:
    """Test images with their true label maps and what the methods make of them."""
    folder = results / "gallery"
    stems = sorted(p.name.removesuffix("-truth.png") for p in folder.glob("*-truth.png"))
    columns = {"truth": "truth", "xnet": "XNet", "multi-otsu": "multi-Otsu"}
    blocks = 2
    rows = -(-len(stems) // blocks)
    figure, axes = plt.subplots(
        rows, blocks * (len(columns) + 1), figsize=(10.4, 1.4 * rows + 0.5), squeeze=False
    )
    for axis in axes.ravel():
        axis.set_axis_off()
    for k, stem in enumerate(stems):
        row, first = k % rows, (k // rows) * (len(columns) + 1)
        with Image.open(folder / f"{stem}-image.png") as image:
            axes[row, first].imshow(for_display(np.asarray(image) / 255), cmap="gray")
        axes[row, first].set_title(stem, fontsize=7, pad=2)
        for column, (key, title) in enumerate(columns.items(), first + 1):
            with Image.open(folder / f"{stem}-{key}.png") as mask:
                show_labels(axes[row, column], np.asarray(mask))
            axes[row, column].set_title(title, fontsize=7, pad=2)
    class_legend(figure)
    return _sign(figure, results)


def real_radiographs(results: Path) -> Figure:
    """Two real radiographs, XNet's segmentation of them, and the masks outlined by hand."""
    folder = results / "real"
    if not (results / "real.csv").is_file():
        raise FileNotFoundError(f"{results} holds no real.csv; is pydicom-data installed?")
    agreement = pd.read_csv(results / "real.csv", index_col="picture")["accuracy"]
    figure, axes = plt.subplots(2, 3, figsize=(7.4, 5.6), squeeze=False)
    for row, (name, share) in zip(axes, agreement.items(), strict=True):
        titles = (name, f"XNet, {share:.0%} as by hand", "outlined by hand")
        for axis, kind, title in zip(row, ("image", "mask", "hand"), titles, strict=True):
            axis.set_axis_off()
            axis.set_title(title, fontsize=9)
            with Image.open(folder / f"{name}-{kind}.png") as opened:
                picture = np.asarray(opened)
            if kind == "image":
                # Shown as hospitals show it: bone white.
                axis.imshow(255 - picture, cmap="gray", vmin=0, vmax=255)
            else:
                show_labels(axis, picture)
    class_legend(figure)
    return _sign(figure, results)


def robustness(results: Path) -> Figure:
    """Macro F1 on the evaluation population, plain and under every other condition."""
    table = pd.read_csv(results / "robustness.csv").query("score == 'macro F1'")
    record = read_json(results / "robustness.json")
    figure, axis = plt.subplots(figsize=(8.6, 0.36 * len(table) + 1.2))
    at = np.arange(len(table))[::-1]
    spans = np.abs(table[["low", "high"]].to_numpy().T - table["value"].to_numpy())
    plain = table["value"].iloc[0]
    axis.axvspan(plain - ROBUSTNESS_MARGIN, plain, color="#21908c", alpha=0.12, lw=0)
    axis.errorbar(table["value"], at, xerr=spans, fmt="o", color="#21908c", capsize=3)
    axis.set(
        yticks=at,
        xlabel=f"macro F1; shaded: at most {ROBUSTNESS_MARGIN} below plain",
        ylim=(-0.7, len(table) - 0.3),
    )
    axis.set_yticklabels(table["condition"])
    text = (
        f"weights {record['weights_sha256'][:8]}, evaluation population "
        f"{record['population_sha256'][:8]} (simulated), {record['images']} images of "
        f"{record['subjects']} subjects"
    )
    figure.supxlabel(text, fontsize=7, color="#8a8a8a")
    return figure


def summary(results: Path, released: Path) -> pd.DataFrame:
    """Return the table paper / released / this run of scores on the test images.

    Args:
        results: folder of this run.
        released: folder of the release.
    """
    # The paper does not say whether its F1 is the macro or the weighted mean.
    published = {
        "accuracy": "results.accuracy",
        "macro F1": "results.f1",
        "weighted F1": "results.f1",
        "AUC": "results.auc",
    }
    table = pd.DataFrame(index=pd.Index(published, name="XNet on test images"))
    table["paper"] = [f"{paper(key):.2f}" for key in published.values()]
    for title, folder in (("released", released), ("this run", results)):
        table[title] = [_shown(folder, name) for name in published]
    return table


def read_scores(results: Path) -> pd.DataFrame:
    """Read ``scores.csv``."""
    return pd.read_csv(results / "scores.csv")


def paper(name: str):
    """Return a published figure by its name in ``results/paper.json``.

    Returns:
        The number or numbers, or ``"not available"``.
    """
    path = runs.REPOSITORY / "results" / "paper.json"
    return read_json(path)["figures"][name]["value"]


def _shown(folder: Path, name: str) -> str:
    if not (folder / "scores.csv").is_file():
        return "not available"
    scores = read_scores(folder)
    row = scores.query(
        "subset == 'test' and method == 'XNet' and score == @name and `class` == 'all'"
    ).iloc[0]
    if np.isnan(row["low"]):
        return f"{row['value']:.3f}"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _line_colours() -> np.ndarray:
    # Bone's yellow is too pale for a line on white.
    colours = classes.COLOURS / 255
    colours[classes.BONE] = [0.85, 0.65, 0.0]
    return colours


def _test_images(results: Path) -> str:
    simulated = read_json(results / "run.json")["simulated"]
    return "simulated test images" if simulated else "test images"


def _sign(figure: Figure, results: Path) -> Figure:
    """Write below the figure what it was made from."""
    run = read_json(results / "run.json")
    profile = run["profile"]
    text = (
        f"{profile['name']} profile, seed {profile['seed']}, weights {run['weights_sha256'][:8]}, "
        f"data {run['data_sha256'][:8]}{' (simulated)' if run['simulated'] else ''}, "
        f"{run['images']['test']} test images of {run['subjects']['test']} subjects"
    )
    figure.supxlabel(text, fontsize=7, color="#8a8a8a")
    return figure


FIGURES: dict[str, Callable[[Path], Figure]] = {
    "learning-curves": learning_curves,
    "scores": score_bars,
    "classes": class_bars,
    "confusion": confusion_matrices,
    "roc": roc_curves,
    "gallery": gallery,
    "real-radiographs": real_radiographs,
    "real-radiographs-wide": lambda results: real_radiographs(results / "wide"),
    "error-maps-wide": lambda results: comparison_figures.error_maps(results / "wide"),
    "robustness": robustness,
    **confidence_figures.FIGURES,
    **threshold_figures.FIGURES,
    **comparison_figures.FIGURES,
}
"""File name of each figure and the function that draws it."""

PICTURES = {"gallery", "error-maps", "error-maps-wide", "real-radiographs", "real-radiographs-wide"}
"""Figures made of pictures: as SVG they would be larger and no sharper."""
