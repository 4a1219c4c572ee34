"""Figures of network confidence and calibration, from ``results/calibration-*.csv``."""

from __future__ import annotations

from pathlib import Path

import matplotlib.ticker
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from xnet_study.figures import drawing
from xnet_study.figures.drawing import CLASS_COLOURS, METHOD_COLOURS, REFERENCE
from xnet_tf import classes
from xnet_tf.files import read_json


def reliability(results: Path) -> Figure:
    """Reliability diagrams of each class and of the top label, before and after re-calibration."""
    name = judged(results)
    table = pd.read_csv(results / "calibration-bins.csv")
    table = table.query("subset == @name and bins == 'equal width'")
    figure, axes = plt.subplots(
        2, 4, figsize=(drawing.WIDTH, 4.4), sharex="col", sharey="row", height_ratios=(3, 1)
    )
    fitted_on = (
        "calibration" if "temperature (calibration)" in set(table["method"]) else "validation"
    )
    shown = ["as trained", *(f"{k} ({fitted_on})" for k in ("temperature", "isotonic"))]
    for (diagram, pixels), target in zip(axes.T, (*classes.NAMES, "top label"), strict=True):
        drawing.diagonal(diagram)
        for method in shown:
            rows = table.query("method == @method and `class` == @target")
            at, colour = rows["confidence"], METHOD_COLOURS[kind(method)]
            style = {"color": colour, "lw": 1.2, "ms": 3}
            diagram.plot(at, rows["accuracy"], "o-", label=_spelt(method), **style)
            if method == "as trained":
                drawing.band(diagram, at, rows["low"], rows["high"], colour)
                pixels.bar(at, rows["pixels"], width=0.045, color=colour, alpha=0.75)
        diagram.set(title=target, xlim=(0, 1), ylim=(0, 1))
        pixels.set(yscale="log", xlabel="confidence")
        pixels.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    axes[0, 0].set_ylabel("share that is right")
    axes[1, 0].set_ylabel("pixels")
    drawing.legend_above(figure, axes[0, 0])
    return sign(figure, results, name)


def border(results: Path) -> Figure:
    """Reliability of the top label within 3 pixels of a true boundary, and elsewhere."""
    name = judged(results)
    table = pd.read_csv(results / "calibration-bins.csv")
    table = table.query("subset == @name and method == 'as trained'")
    places = {
        "interior": ("farther away", drawing.BLUE),
        "border": ("within 3 pixels of a boundary", drawing.VERMILION),
    }
    figure, axes = plt.subplots(1, 2, figsize=(drawing.WIDTH, 4.0), sharey=True)
    for axis, bins in zip(axes, ("equal width", "equal mass"), strict=True):
        drawing.diagonal(axis)
        for target, (label, colour) in places.items():
            rows = table[(table["class"] == target) & (table["bins"] == bins)]
            at = rows["confidence"]
            axis.plot(at, rows["accuracy"], "o-", ms=3.5, color=colour, label=label)
            if bins == "equal width":
                drawing.band(axis, at, rows["low"], rows["high"], colour)
        axis.set(title=f"bins of {bins}", xlabel="confidence", xlim=(0.3, 1.005), ylim=(0.2, 1.01))
    axes[0].set_ylabel("share that is right")
    axes[0].legend(loc="upper left")
    return sign(figure, results, name)


def network_confidence(results: Path) -> Figure:
    """The paper's network confidence against the accuracy reached, by body part and by image."""
    name = judged(results)
    parts = pd.read_csv(results / "calibration-parts.csv").query("subset == @name")
    images = pd.read_csv(results / "calibration-images.csv").query("subset == @name")
    figure, axes = plt.subplots(1, 2, figsize=(drawing.WIDTH, 4.4), sharex=True, sharey=True)
    for axis, title in zip(axes, ("each body part", "each image"), strict=True):
        drawing.diagonal(axis)
        axis.set(title=title, xlabel="network confidence", xlim=(0.4, 1.005), ylim=(-0.02, 1.02))
    diamond = {"marker": "D", "s": 70, "edgecolor": "white", "zorder": 3}
    for k, colour in CLASS_COLOURS.items():
        single = parts.query("`class` == @k and body_part != 'all'")
        whole = parts.query("`class` == @k and body_part == 'all'")
        dots = {"color": colour, "label": k, "lw": 0}
        axes[0].scatter(single["confidence"], single["accuracy"], s=22, alpha=0.75, **dots)
        axes[0].scatter(whole["confidence"], whole["accuracy"], color=colour, **diamond)
        axes[1].scatter(images[f"confidence {k}"], images[f"accuracy {k}"], s=9, alpha=0.5, **dots)
    axes[0].set_ylabel("share of the assigned pixels that is right")
    axes[1].legend(*axes[0].get_legend_handles_labels(), loc="lower left")
    axes[0].text(0.42, 0.03, "diamonds: all parts together", color=drawing.INK, fontsize=9)
    return sign(figure, results, name)


def recalibration(results: Path) -> Figure:
    """Scores before and after every re-calibration, with intervals by subject."""
    table = pd.read_csv(results / "calibration-scores.csv").query("over == 'pixels'")
    panels = {"NLL": ("NLL", "all"), "Brier score": ("Brier", "all")}
    panels |= {f"ECE, {k}": ("ECE", k) for k in ("mean of classes", "soft tissue")}
    sets = [s for s in ("evaluation", "test") if s in set(table["subset"])]
    methods = table["method"][table["subset"] == sets[0]].unique()[::-1]
    height = 0.34 * len(methods) + 1.3
    figure, axes = plt.subplots(1, len(panels), figsize=(drawing.WIDTH, height), sharey=True)
    table = table.set_index(["score", "class", "subset", "method"]).sort_index()
    for axis, (title, panel) in zip(axes, panels.items(), strict=True):
        rows = table.loc[panel]
        for name, offset, colour in zip(
            sets, (0.12, -0.16), (drawing.BLUE, drawing.SILVER), strict=False
        ):
            style = {"label": name, "color": colour, "capsize": 2, "ms": 4}
            at = np.arange(len(methods)) + offset
            drawing.dots(axis, rows.loc[name].loc[methods], at, **style)
        axis.axvline(rows.loc[(sets[0], "as trained"), "value"], **REFERENCE)
        axis.set(yticks=range(len(methods)), xlim=(0, None))
        axis.set_title(title.replace(", ", ",\n"), fontsize=10)
    axes[0].set_yticklabels(methods, fontsize=9)
    drawing.legend_above(figure, axes[0])
    return sign(figure, results, *sets)


def risk_coverage(results: Path) -> Figure:
    """Share of errors among the surest pixels, and images, as more are accepted."""
    name = judged(results)
    table = pd.read_csv(results / "calibration-coverage.csv").query("subset == @name")
    figure, axes = plt.subplots(1, 2, figsize=(drawing.WIDTH, 3.9), sharey=True)
    methods = [m for m in ("as trained", "eight views", "ensemble") if m in set(table["method"])]
    for axis, over in zip(axes, ("pixels", "images"), strict=True):
        for method in methods:
            rows = table.query("method == @method and over == @over")
            axis.plot(rows["coverage"], rows["risk"], color=METHOD_COLOURS[method], label=method)
            if method == "as trained":
                axis.plot(
                    rows["coverage"], rows["oracle"], color=drawing.GREY, ls="--", label="oracle"
                )
                axis.plot(
                    rows["coverage"], rows["random"], color=drawing.GREY, ls=":", label="random"
                )
        axis.set(title=f"{over}, surest first", xlabel="coverage", xlim=(0, 1))
    axes[0].set(ylabel="share of wrong pixels", ylim=(0, None))
    axes[1].legend(loc="lower right")
    return sign(figure, results, name)


def judged(results: Path) -> str:
    """Return the largest set that chose nothing: the evaluation population, else the test."""
    sets = read_json(results / "confidence.json")["sets"]
    return "evaluation" if "evaluation" in sets else "test"


def sign(figure: Figure, results: Path, *sets: str) -> Figure:
    """Write below a figure which weights and images it was made from."""
    record = read_json(results / "confidence.json")
    text = "{} {images} images of {subjects} subjects ({data_sha256:.8})"
    held = ", ".join(text.format(name, **record["sets"][name]) for name in sets)
    simulated = "simulated; " if record["simulated"] else ""
    return drawing.sign(figure, f"weights {record['weights_sha256'][:8]}; {simulated}{held}")


def kind(method: str) -> str:
    """Return a method's name without the set that it was fitted on."""
    return method.split(" (")[0]


def _spelt(method: str) -> str:
    return method.replace(" (", ", fitted on ").replace(")", "")


FIGURES = {
    "calibration-reliability": reliability,
    "calibration-border": border,
    "network-confidence": network_confidence,
    "recalibration": recalibration,
    "risk-coverage": risk_coverage,
}
"""File name of each figure and the function that draws it."""
