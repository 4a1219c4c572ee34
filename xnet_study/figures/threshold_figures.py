"""Figures of the soft-tissue threshold, from ``results/thresholds-*.csv``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from xnet_study.figures import drawing
from xnet_study.figures.confidence_figures import judged, sign
from xnet_study.figures.drawing import CLASS_COLOURS, GREY, METHOD_COLOURS, RED, SILVER, TEAL

MARKED = (0.3, 0.5, 0.7, 0.9)
"""Thresholds that are written along the curve."""

PUBLISHED = {0.05: ("before", "--"), 0.005: ("after post-processing", ":")}
"""The poster's false discovery rates of soft tissue; its recall is 0.82 before."""

RULES = ("naive", "conformal", "learn then test")
"""Ways to choose a threshold."""


def trade_off(results: Path) -> Figure:
    """Recall against false discovery rate, with the threshold along the curve."""
    name = judged(results)
    table = pd.read_csv(results / "thresholds-curves.csv")
    table = table.query("guarded == 'soft tissue'")
    figure, axis = plt.subplots(figsize=(7.6, 4.6))
    # Without a population the test images are judged, and shown once.
    for shown, colour in {"test": SILVER, name: TEAL}.items():
        rows = table[table["set"] == shown]
        axis.plot(rows["fdr"], rows["recall"], color=colour, lw=2, label=f"here, {shown} images")
    for threshold in MARKED:
        row = rows.iloc[(rows["threshold"] - threshold).abs().argmin()]
        at = row["fdr"], row["recall"]
        axis.plot(*at, "o", color=TEAL, ms=5)
        side = {"xytext": (7, -4), "textcoords": "offset points", "fontsize": 9}
        axis.annotate(f"T = {threshold:g}", at, **side)
    for value, (when, dashes) in PUBLISHED.items():
        axis.axvline(value, color="black", lw=0.9, ls=dashes, label=f"poster, {when}: {value:.1%}")
    axis.plot(0.05, 0.82, "k*", ms=10, label="poster, before: recall 0.82")
    axis.set(xlabel='false discovery rate (the paper\'s "FP")', xlim=(-0.003, None), ylim=(0, 1))
    axis.set_ylabel('recall (the paper\'s "TP")')
    axis.legend(loc="lower right")
    return sign(figure, results, *dict.fromkeys(("test", name)))


def against_threshold(results: Path) -> Figure:
    """Recall, false discovery and where it comes from, against the threshold."""
    name = judged(results)
    table = pd.read_csv(results / "thresholds-curves.csv")
    rows = table.query("guarded == 'soft tissue' and set == @name")
    at = np.log(rows["threshold"] / (1 - rows["threshold"]))
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.0))
    for column, pooled, label, colour in (
        ("image recall", "recall", "recall", TEAL),
        ("loss", "fdr", "false discovery", RED),
    ):
        axes[0].plot(at, rows[column], color=colour, label=f"{label}, mean over subjects")
        drawing.band(axes[0], at, rows[f"{column} low"], rows[f"{column} high"], colour)
        axes[0].plot(at, rows[pooled], color=colour, ls="--", lw=1, label=f"{label}, pooled pixels")
    axes[0].plot(at, rows["abstained"], color=GREY, ls=":", label="answers without soft tissue")
    wrong = {k: colour for k, colour in CLASS_COLOURS.items() if k != "soft tissue"}
    shares = [rows[f"share {k}"] for k in wrong]
    axes[1].stackplot(at, *shares, colors=wrong.values(), labels=wrong, alpha=0.85)
    axes[1].set(title="what is wrongly called soft tissue", ylabel="share of what is called so")
    axes[0].set(title="95 % bands by subject", ylim=(0, 1))
    ticks = np.array([0.1, 0.5, 0.9, 0.99, 0.999])
    for axis in axes:
        axis.set(xlabel="threshold T (logit scale)", xticks=np.log(ticks / (1 - ticks)))
        axis.set(xlim=(at.min(), np.log(0.9995 / 0.0005)))
        axis.set_xticklabels([f"{t:g}" for t in ticks])
    axes[1].legend(loc="upper right")
    drawing.legend_above(figure, axes[0], ncols=3, fontsize=8)
    return sign(figure, results, name)


def precision_recall(results: Path) -> Figure:
    """Precision against recall of every class, with what a blind guess reaches."""
    name = judged(results)
    table = pd.read_csv(results / "thresholds-curves.csv").query("set == @name")
    figure, axis = plt.subplots(figsize=(5.6, 4.4))
    for k, colour in CLASS_COLOURS.items():
        rows = table[(table["guarded"] == k) & (table["recall"] > 0)]
        axis.plot(rows["recall"], 1 - rows["fdr"], color=colour, label=k)
        for prevalence in rows["prevalence"].unique():
            axis.axhline(prevalence, color=colour, lw=0.8, ls=":")
    axis.set(xlabel="recall", ylabel="precision (1 - false discovery rate)")
    axis.set(xlim=(0, 1), ylim=(0, 1.02))
    axis.legend(loc="lower left", title="dotted: share of the class")
    return sign(figure, results, name)


def promises(results: Path) -> Figure:
    """How often each way of choosing keeps its target over random splits, and at what recall."""
    table = pd.read_csv(results / "thresholds-splits.csv")
    table = table[table["drawn"] == "with replacement"]
    sizes = sorted(table["subjects"].unique())
    width = max(3.1 * len(sizes) + 1.4, 7.6)  # room for the line of origin
    figure, axes = plt.subplots(2, len(sizes), figsize=(width, 5.0), sharey="row")
    axes = axes.reshape(2, -1)
    targets = sorted(table["target"].unique(), reverse=True)
    for column, size in zip(axes.T, sizes, strict=True):
        for offset, rule in zip((-0.25, 0, 0.25), RULES, strict=True):
            colour = METHOD_COLOURS[rule]
            rows = table[(table["subjects"] == size) & (table["rule"] == rule)]
            rows = rows.set_index("target").loc[targets]
            at = np.arange(len(targets)) + offset
            column[0].bar(at, rows["held"], 0.23, color=colour, label=rule)
            column[1].bar(at, rows["recall"], 0.23, color=colour)
            for x, refused in zip(at, rows["refused"], strict=True):
                if refused > 0.5:
                    note = {"rotation": 90, "ha": "center", "va": "bottom", "fontsize": 8}
                    column[1].text(x, 0.02, "refused", color=colour, **note)
        column[0].axhline(0.95, color=GREY, lw=0.8, ls=":")
        column[0].set(title=f"chosen on {size} subjects", ylim=(0, 1.03))
        column[1].set(ylim=(0, 1), xlabel="target for the false discovery rate")
        for axis in column:
            axis.set_xticks(range(len(targets)), [f"{t:.1%}" for t in targets])
    axes[0, 0].set_ylabel("kept its target")
    axes[1, 0].set_ylabel("mean recall")
    drawing.legend_above(figure, axes[0, 0])
    return sign(figure, results, *table["world"].iloc[0].split(" + "))


def post_processing(results: Path) -> Figure:
    """What each step does to false discovery, recall and the boundary."""
    name = judged(results)
    rows = pd.read_csv(results / "thresholds-effects.csv").query("set == @name").iloc[::-1]
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.2), sharey=True)
    panels = {"fdr": "false discovery rate", "recall": "recall", "boundary_f1": "boundary F1"}
    for axis, (column, title) in zip(axes, panels.items(), strict=True):
        drawing.dots(axis, rows, np.arange(len(rows)), column)
        axis.axvline(rows[column].iloc[-1], color=GREY, lw=0.8, ls=":")
        axis.set(title=title, yticks=range(len(rows)))
    tuned = rows[rows["variant"] == "tuned"].iloc[0]
    names = rows["variant"].replace(
        "tuned", f"tuned: {tuned['opening']:g}, {tuned['dilation']:g}, {tuned['island']:g}"
    )
    axes[0].set_yticklabels(names)
    return sign(figure, results, name)


FIGURES = {
    "threshold-trade-off": trade_off,
    "threshold": against_threshold,
    "precision-recall": precision_recall,
    "threshold-promises": promises,
    "post-processing": post_processing,
}
"""File name of each figure and the function that draws it."""
