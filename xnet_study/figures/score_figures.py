"""Figures of one network's training and scores, and the table beside the paper's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from xnet_study.figures import drawing
from xnet_study.figures.drawing import BLUE, CLASS_COLOURS, GREY, INK, METHOD_COLOURS, PALE, WIDTH
from xnet_study.own_classes import are_the_papers
from xnet_tf import metrics, runs
from xnet_tf.classes import NAMES
from xnet_tf.files import read_json

ROBUSTNESS_MARGIN = 0.05


def learning_curves(results: Path) -> Figure:
    """Loss and accuracy of training and validation images, by epoch."""
    history = pd.read_csv(results / "history.csv")
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.4))
    labels = {"loss": "loss (cross-entropy + L2)", "accuracy": "pixel accuracy"}
    for axis, (name, label) in zip(axes, labels.items(), strict=True):
        axis.plot(history["epoch"], history[name], color=GREY, label="training (augmented)")
        axis.plot(history["epoch"], history[f"val_{name}"], color=BLUE, label="validation")
        axis.set(xlabel="epoch", ylabel=label)
    kept = history.loc[history["val_loss"].idxmin(), "epoch"]
    axes[0].axvline(kept, color="black", lw=0.8, ls=":")
    at = kept, axes[0].get_ylim()[1]
    axes[0].annotate("kept", at, (4, -12), textcoords="offset points")
    coarse = read_json(results / "run.json")["profile"].get("coarse_epochs")
    if coarse:
        for axis in axes:
            axis.axvline(coarse + 0.5, color=PALE, lw=0.8)
        note = {"ha": "right", "fontsize": 8, "color": INK, "xycoords": ("data", "axes fraction")}
        axes[0].annotate("coarse images ", (coarse + 0.5, 0.93), **note)
    axes[0].set_yscale("log")
    axes[1].legend(loc="lower right")
    return sign(figure, results)


def confusion_matrices(results: Path) -> Figure:
    """Row-normalised confusion matrices: the poster's, and XNet's here on the test images."""
    rows = pd.read_csv(results / "confusion.csv").query("method == 'XNet' and subset == 'test'")
    counts = metrics.counts_of(rows).sum(axis=0)
    here = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.9), sharey=True)
    poster = np.array(published("results.confusion_matrix"))
    drawing.confusion(axes[0], poster, "authors' poster (their images)")
    drawing.confusion(axes[1], here, f"here ({_test_images(results)})")
    axes[0].set_ylabel("true")
    return sign(figure, results)


def roc_curves(results: Path) -> Figure:
    """XNet's ROC curves on the test images, each class against the rest."""
    curves = pd.read_csv(results / "roc.csv").query("subset == 'test'")
    areas = read_scores(results).query("score == 'AUC'").set_index("class")["value"]
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.0))
    for axis in axes:
        axis.plot([0, 1], [0, 1], color=PALE, lw=1)
        for name, colour in CLASS_COLOURS.items():
            curve = curves[curves["class"] == name]
            rates = curve["false_positive_rate"], curve["true_positive_rate"]
            axis.plot(*rates, color=colour, label=f"{name}, AUC {areas[name]:.3f}")
        axis.set(xlabel="false positive rate", ylabel="true positive rate")
    axes[0].set_title("whole range")
    axes[1].set(title="upper left corner", xlim=(0, 0.2), ylim=(0.8, 1.0), xticks=(0, 0.1, 0.2))
    axes[0].legend(loc="lower right")
    return sign(figure, results)


def score_bars(results: Path) -> Figure:
    """Accuracy and F1 of every method with 95 % intervals, beside the published values."""
    scores = read_scores(results)
    f1 = published("results.f1")  # macro or weighted: the paper does not say
    values = {"accuracy": published("results.accuracy"), "macro F1": f1, "weighted F1": f1}
    figure, axis = plt.subplots(figsize=(WIDTH, 3.8))
    width = 0.8 / 3
    for k, method in enumerate(("XNet", "multi-Otsu", "constant"), -1):
        rows = scores.query("method == @method").set_index("score").loc[list(values)]
        at = np.arange(len(values)) + k * width
        style = {"color": METHOD_COLOURS[method], "label": method, "capsize": 3}
        axis.bar(at, rows["value"], width * 0.92, yerr=drawing.spans(rows), **style)
    for k, value in enumerate(values.values()):
        label = "published (authors' images)" if k == 0 else None
        axis.plot([k - 0.42, k + 0.42], [value] * 2, color="black", ls=":", label=label)
    axis.set_xticks(range(len(values)), values)
    axis.set(ylim=(0, 1.05), ylabel=f"score on {_test_images(results)}")
    axis.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.16))
    return sign(figure, results)


def class_bars(results: Path) -> Figure:
    """XNet's precision and recall per class on the test images."""
    scores = read_scores(results).query("method == 'XNet'")
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.2), sharey=True)
    for axis, name in zip(axes, ("precision", "recall"), strict=True):
        values = scores.query("score == @name").set_index("class").loc[list(CLASS_COLOURS), "value"]
        bars = axis.bar(values.index, values, color=list(CLASS_COLOURS.values()))
        axis.bar_label(bars, fmt="%.2f")
        axis.set(title=name, ylim=(0, 1.08))
    return sign(figure, results)


def robustness(results: Path) -> Figure:
    """What every other condition changes in macro F1 on the evaluation population."""
    table = pd.read_csv(results / "robustness.csv").query("score == 'macro F1'")
    plain, table = table["value"].iloc[0], table.iloc[1:]
    figure, axis = plt.subplots(figsize=(WIDTH, 0.36 * len(table) + 1.2))
    at = np.arange(len(table))[::-1]
    axis.axvspan(-ROBUSTNESS_MARGIN, 0, color=BLUE, alpha=0.12, lw=0)
    axis.axvline(0, color=BLUE, lw=1)
    drawing.dots(axis, table, at, "difference")
    axis.set_yticks(at, table["condition"] + " (" + table["subjects"].astype(str) + ")")
    axis.set_ylim(-0.7, len(table) - 0.3)
    axis.set_xlabel(f"macro F1 minus plain; shaded: at most {ROBUSTNESS_MARGIN} lost")
    axis.set_title(f"plain: {plain:.3f}; in brackets: subjects")
    text = (
        "weights {weights_sha256:.8}, evaluation population {population_sha256:.8} (simulated), "
        "{images} images of {subjects} subjects"
    )
    return drawing.sign(figure, text.format(**read_json(results / "robustness.json")))


def class_names(results: Path) -> list[str]:
    """Return the names of the classes that a run's results are of; without any, the paper's."""
    record = results / "run.json"
    return read_json(record).get("classes", [*NAMES]) if record.is_file() else [*NAMES]


def summary(results: Path, released: Path) -> pd.DataFrame:
    """Return the table paper / released / this run of scores on the test images.

    Of a run with other classes than the paper's, its own scores, a row for each class.

    Args:
        results: folder of this run.
        released: folder of the release.
    """
    if not are_the_papers(class_names(results)):
        rows = read_scores(results).query("method == 'XNet'")
        table = rows.pivot(index="class", columns="score", values="value").round(3)
        return table.reindex([*class_names(results), "all"])
    # The paper does not say whether its F1 is the macro or the weighted mean.
    f1 = published("results.f1")
    paper = {"accuracy": published("results.accuracy"), "macro F1": f1, "weighted F1": f1}
    paper["AUC"] = published("results.auc")
    columns = {
        "paper": [f"{value:.2f}" for value in paper.values()],
        "released": [_shown(released, name) for name in paper],
        "this run": [_shown(results, name) for name in paper],
    }
    return pd.DataFrame(columns, index=pd.Index(paper, name="XNet on test images"))


def read_scores(results: Path) -> pd.DataFrame:
    """Return the rows of ``scores.csv`` on the test images."""
    return pd.read_csv(results / "scores.csv").query("subset == 'test'")


def published(name: str):
    """Return a published figure by its name in ``results/paper.json``.

    Returns:
        The number or numbers, or ``"not available"``.
    """
    return read_json(runs.REPOSITORY / "results" / "paper.json")["figures"][name]["value"]


def sign(figure: Figure, results: Path) -> Figure:
    """Write below a figure which run it was made from."""
    run = read_json(results / "run.json")
    text = (
        "{profile[name]} profile, seed {profile[seed]}, weights {weights_sha256:.8}, data "
        "{data_sha256:.8}{}, {images[test]} test images of {subjects[test]} subjects"
    )
    return drawing.sign(figure, text.format(" (simulated)" if run["simulated"] else "", **run))


def _shown(folder: Path, name: str) -> str:
    if not (folder / "scores.csv").is_file():
        return "not available"
    rows = read_scores(folder).query("method == 'XNet' and score == @name and `class` == 'all'")
    text = "{value:.3f}" if rows["low"].isna().all() else "{value:.3f} [{low:.3f}, {high:.3f}]"
    return text.format(**rows.iloc[0])


def _test_images(results: Path) -> str:
    return (
        "simulated test images" if read_json(results / "run.json")["simulated"] else "test images"
    )


FIGURES = {
    "learning-curves": learning_curves,
    "scores": score_bars,
    "classes": class_bars,
    "confusion": confusion_matrices,
    "roc": roc_curves,
    "robustness": robustness,
}
"""File name of each figure and the function that draws it."""
