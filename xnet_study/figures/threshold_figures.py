"""Figures of the soft-tissue threshold, from ``results/thresholds-*.csv``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from scipy.special import logit

from xnet_study.figures import drawing
from xnet_study.figures.confidence_figures import judged, sign
from xnet_study.figures.drawing import CLASS_COLOURS, METHOD_COLOURS, REFERENCE

MARKED = (0.3, 0.5, 0.7, 0.9)
"""Thresholds that are written along the curve."""

PUBLISHED = {0.05: ("before", "--"), 0.005: ("after post-processing", ":")}
"""The poster's false discovery rates of soft tissue; its recall is 0.82 before."""

RULES = ("naive", "conformal", "learn then test")
"""Ways to choose a threshold."""


def trade_off(results: Path) -> Figure:
    """Recall against false discovery rate, with the threshold along the curve."""
    name = judged(results)
    table = pd.read_csv(results / "thresholds-curves.csv").query("guarded == 'soft tissue'")
    figure, axis = plt.subplots(figsize=(7.6, 4.4))
    # Without a population the test images are judged, and shown once.
    for shown, colour in {"test": drawing.SILVER, name: drawing.BLUE}.items():
        rows = table.query("subset == @shown")
        axis.plot(rows["fdr"], rows["recall"], color=colour, lw=2, label=f"here, {shown} images")
    for threshold in MARKED:
        row = rows.iloc[(rows["threshold"] - threshold).abs().argmin()]
        at = row["fdr"], row["recall"]
        axis.plot(*at, "o", color=drawing.BLUE, ms=5)
        axis.annotate(f"T = {threshold:g}", at, (7, -4), textcoords="offset points", fontsize=9)
    for value, (when, dashes) in PUBLISHED.items():
        axis.axvline(value, color="black", lw=0.9, ls=dashes, label=f"poster, {when}: {value:.1%}")
    axis.plot(0.05, 0.82, "k*", ms=10, label="poster, before: recall 0.82")
    axis.set(xlim=(-0.003, None), ylim=(0, 1), ylabel='recall (the paper\'s "TP")')
    axis.set_xlabel('false discovery rate (the paper\'s "FP")')
    axis.legend(loc="lower right")
    return sign(figure, results, *dict.fromkeys(("test", name)))


def against_threshold(results: Path) -> Figure:
    """Recall, false discovery and where it comes from, against the threshold."""
    name = judged(results)
    table = pd.read_csv(results / "thresholds-curves.csv")
    rows = table.query("guarded == 'soft tissue' and subset == @name")
    at = logit(rows["threshold"])
    figure, axes = plt.subplots(1, 2, figsize=(drawing.WIDTH, 4.0))
    lines = {"image recall": ("recall", "recall", drawing.BLUE)}
    lines["loss"] = ("fdr", "false discovery", drawing.VERMILION)
    for column, (pooled, label, colour) in lines.items():
        axes[0].plot(at, rows[column], color=colour, label=f"{label}, mean over subjects")
        drawing.band(axes[0], at, rows[f"{column} low"], rows[f"{column} high"], colour)
        axes[0].plot(at, rows[pooled], color=colour, ls="--", lw=1, label=f"{label}, pooled pixels")
    axes[0].plot(
        at, rows["abstained"], color=drawing.GREY, ls=":", label="answers without soft tissue"
    )
    wrong = {k: CLASS_COLOURS[k] for k in ("open beam", "bone")}
    shares = rows[[f"share {k}" for k in wrong]].T
    axes[1].stackplot(at, shares, colors=wrong.values(), labels=wrong, alpha=0.85)
    axes[1].set(title="what is wrongly called soft tissue", ylabel="share of what is called so")
    axes[0].set(title="95 % bands by subject", ylabel="share", ylim=(0, 1))
    ticks = [0.1, 0.5, 0.9, 0.99, 0.999]
    for axis in axes:
        axis.set(xlabel="threshold T (logit scale)", xlim=(at.min(), logit(0.9995)))
        axis.set_xticks(logit(ticks), [f"{t:g}" for t in ticks])
    axes[1].legend(loc="upper right")
    drawing.legend_above(figure, axes[0], ncols=3, fontsize=8)
    return sign(figure, results, name)


def precision_recall(results: Path) -> Figure:
    """Precision against recall of every class, with what a blind guess reaches."""
    name = judged(results)
    table = pd.read_csv(results / "thresholds-curves.csv").query("subset == @name")
    figure, axis = plt.subplots(figsize=(5.6, 4.4))
    for i, (k, colour) in enumerate(CLASS_COLOURS.items()):
        rows = table.query("guarded == @k and recall > 0")
        axis.plot(rows["recall"], 1 - rows["fdr"], color=colour, label=k)
        for prevalence in rows["prevalence"].unique():
            axis.axhline(prevalence, **REFERENCE | {"color": colour, "ls": (4 * i, (4, 8))})
    axis.set(xlabel="recall", xlim=(0, 1), ylim=(0, 1.02))
    axis.set_ylabel("precision (1 - false discovery rate)")
    axis.legend(loc="lower left", title="dashed: share of the class")
    return sign(figure, results, name)


def promises(results: Path) -> Figure:
    """How often each way of choosing keeps its target over random splits, and at what recall."""
    table = pd.read_csv(results / "thresholds-splits.csv").query("drawn == 'with replacement'")
    sizes = dict(list(table.groupby("subjects")))
    targets = sorted(table["target"].unique(), reverse=True)
    figure, axes = plt.subplots(
        2, len(sizes), figsize=(drawing.WIDTH, 4.8), sharey="row", squeeze=False
    )
    for (held, recall), (size, of_size) in zip(axes.T, sizes.items(), strict=True):
        for offset, rule in zip((-0.25, 0, 0.25), RULES, strict=True):
            rows = of_size.query("rule == @rule").set_index("target").loc[targets]
            at, colour = np.arange(len(targets)) + offset, METHOD_COLOURS[rule]
            held.bar(at, rows["held"], 0.23, color=colour, label=rule)
            recall.bar(at, rows["recall"], 0.23, color=colour)
            refused = at[rows["refused"] > 0.5]
            recall.plot(refused, 0 * refused + 0.03, "x", color=colour, ms=6)
        held.axhline(0.95, **REFERENCE)
        held.set(title=f"{size} subjects", ylim=(0, 1.03))
        recall.set(ylim=(0, 1), xlabel="target")
        for axis in (held, recall):
            axis.set_xticks(range(len(targets)), [f"{t:.1%}" for t in targets], fontsize=8)
    axes[0, 0].set_ylabel("kept its target")
    axes[1, 0].set_ylabel("mean recall (x: refused)")
    drawing.legend_above(figure, axes[0, 0])
    return sign(figure, results, *table["world"].iloc[0].split(" + "))


def post_processing(results: Path) -> Figure:
    """What each step does to false discovery, recall and the boundary."""
    name = judged(results)
    rows = pd.read_csv(results / "thresholds-effects.csv").query("subset == @name").iloc[::-1]
    figure, axes = plt.subplots(1, 3, figsize=(drawing.WIDTH, 3.2), sharey=True)
    panels = {"fdr": "false discovery rate", "recall": "recall", "boundary_f1": "boundary F1"}
    for axis, (column, title) in zip(axes, panels.items(), strict=True):
        drawing.dots(axis, rows, np.arange(len(rows)), column)
        axis.axvline(rows[column].iloc[-1], **REFERENCE)
        axis.set_title(title)
    sizes = rows.set_index("variant").loc["tuned", ["opening", "dilation", "island"]]
    tuned = f"tuned: {', '.join(f'{size:g}' for size in sizes)}"
    axes[0].set_yticks(range(len(rows)), rows["variant"].replace("tuned", tuned))
    return sign(figure, results, name)


FIGURES = {
    "threshold-trade-off": trade_off,
    "threshold": against_threshold,
    "precision-recall": precision_recall,
    "threshold-promises": promises,
    "post-processing": post_processing,
}
"""File name of each figure and the function that draws it."""
