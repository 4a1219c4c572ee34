"""Figures of the comparison, from ``results/table3*.csv``, and error maps, from ``gallery/``.

`xnet_study.figures` lists them.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from xnet_study.comparison.compared import BOUND, JUDGED, XNET
from xnet_study.comparison.conclusions import load, titles
from xnet_study.comparison.ledger import Ledger
from xnet_study.figures import drawing
from xnet_study.figures.drawing import BLUE, GREY, METHOD_COLOURS, ORANGE, PALE, VERMILION, WIDTH
from xnet_study.figures.score_figures import published
from xnet_tf import classes
from xnet_tf.files import read_json
from xnet_tf.metrics import counts_of

ROWS = 9
"""Methods in the main figure; the others are in the table."""


def methods(results: Path) -> Figure:
    """Macro F1 and accuracy of the networks and the best others, with intervals, best first."""
    table, judged = _best_first(results), load_judged(results)
    shown = _shown(table, judged[-1])
    size = (WIDTH, 0.36 * len(shown) + 1.5)
    figure, axes = plt.subplots(1, len(judged), figsize=size, sharey=True, squeeze=False)
    at = {title: -k for k, title in enumerate(shown)}
    xnet = table[table["method"] == XNET].iloc[0]
    stars = [float(xnet[f"published {score}"]) for score in ("F1", "accuracy")]
    note = "paper's, on the authors' own images"
    for axis, subset in zip(axes[0], judged, strict=True):
        rows = table[(table["subset"] == subset) & table["title"].isin(shown)]
        for _, row in rows.iterrows():
            _dot(axis, row, "accuracy", at[row["title"]] + 0.18, fmt="s", ms=3, alpha=0.35)
            _dot(axis, row, "macro F1", at[row["title"]] - 0.08, fmt="o", ms=5)
        axis.plot(stars, [at[XNET]] * 2, "k*", ms=9, mfc="none", mew=0.8, label=note)
        images = "{images} images of {subjects} subjects".format(**rows.iloc[0])
        axis.set_title(f"{subset}: {images}", fontsize=9)
        axis.set_xlim(0, 1)
        axis.set_xlabel("macro F1 (dot), accuracy (pale square)")
        axis.grid(axis="x", color="#eeeeee")
    kinds = {"XNet": BLUE, "other networks": VERMILION, "classical": ORANGE, "floor": GREY}
    for kind, colour in kinds.items():
        axes[0, 0].plot([], [], "o", color=colour, label=kind)
    drawing.legend_above(figure, axes[0, 0], fontsize=8)
    names = [title.replace(" (", "\n(") for title in at]
    axes[0, 0].set_yticks(list(at.values()), names, fontsize=8)
    axes[0, 0].set_ylim(-len(shown) + 0.4, 0.6)
    return _sign(figure, results)


def numbers_of_images(results: Path) -> Figure:
    """Macro F1 by the number of training images, with intervals."""
    table = load(results, "table3-images").query("score == 'macro F1'")
    figure, axis = plt.subplots(figsize=(WIDTH, 4.6))
    numbers = sorted(table["images"].unique())
    methods = _by_method(table)
    for k, (name, colour, rows) in enumerate(methods):
        # Side by side, so that intervals can be told apart.
        at = rows["images"] * 1.015 ** (k - (len(methods) - 1) / 2)
        single = len(rows) == 1
        style = {"color": colour, "lw": 1.4, "ms": 5, "capsize": 2, "ls": "" if single else "-"}
        axis.errorbar(at, rows["value"], yerr=drawing.spans(rows), fmt="o", label=name, **style)
    axis.set_xscale("log")
    axis.set_xticks(numbers, [str(n) for n in numbers])
    axis.minorticks_off()
    axis.set(xlabel="training images", ylabel="macro F1 on the evaluation images")
    axis.grid(color="#eeeeee")
    drawing.legend_above(figure, axis, ncols=3, fontsize=8)
    return _sign(figure, results)


def budgets(results: Path) -> Figure:
    """Macro F1 of each network by training: in images shown, and in processor time."""
    table = load(results, "table3-budgets").query("score == 'macro F1'")
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.2), sharey=True)
    columns = {
        "budget": "budget (1: the profile's)",
        "core_seconds": "core-seconds of one training",
    }
    for axis, (column, label) in zip(axes, columns.items(), strict=True):
        for name, colour, rows in _by_method(table):
            style = {"color": colour, "lw": 1.4, "ms": 5, "capsize": 2, "label": name}
            spans = drawing.spans(rows)
            axis.errorbar(rows[column], rows["value"], yerr=spans, fmt="o-", **style)
        axis.set(xscale="log", xlabel=label)
        axis.grid(color="#eeeeee")
    numbers = sorted(table["budget"].unique())
    axes[0].set_xticks(numbers, [f"{n:.3g}" for n in numbers])
    axes[0].minorticks_off()
    axes[0].set_ylabel("macro F1 on the evaluation images")
    drawing.legend_above(figure, axes[0], ncols=3, fontsize=8)
    return _sign(figure, results)


def parts(results: Path) -> Figure:
    """Macro F1 by body part: XNet, the best other network, the best method that is none."""
    table, subset = _judged(load(results, "table3-parts").query("score == 'macro F1'"))
    by_method = dict(list(table.set_index("body_part").groupby(titles(table).to_numpy())))
    shown = _representatives(results)
    xnets = by_method[XNET].sort_values("value")
    figure, axis = plt.subplots(figsize=(WIDTH, 0.42 * len(xnets) + 1.4))
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
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.2))
    for axis, column in zip(axes, ("val_loss", "val_accuracy"), strict=True):
        for name, colour, rows in _by_method(history):
            curves = rows.pivot(index="epoch", columns="seed", values=column)
            axis.plot(curves, color=colour, lw=0.5, alpha=0.35)
            axis.plot(curves.mean(axis=1), color=colour, lw=1.6, label=name)
        axis.set(xlabel="epoch")
    axes[0].set(ylabel="validation loss (cross-entropy + L2)", yscale="log")
    axes[1].set(ylabel="validation accuracy", ylim=(history["val_accuracy"].quantile(0.1), None))
    drawing.legend_above(figure, axes[0], ncols=3, fontsize=8)
    return _sign(figure, results)


def roc(results: Path) -> Figure:
    """ROC curves of every network, each class against the rest; their upper left corners."""
    table, subset = _judged(load(results, "table3-roc"))
    figure, axes = plt.subplots(1, classes.COUNT, figsize=(WIDTH, 3.6), sharey=True)
    for axis, k in zip(axes, classes.NAMES, strict=True):
        for name, colour, rows in _by_method(table[table["class"] == k]):
            rates = rows["false_positive_rate"], rows["true_positive_rate"]
            axis.plot(*rates, color=colour, lw=1.2, label=name)
        axis.set(title=k, xlabel="false positive rate", xlim=(0, 0.4), ylim=(0.6, 1.005))
    axes[0].set_ylabel(f"true positive rate, {subset}")
    drawing.legend_above(figure, axes[0], ncols=3, fontsize=8)
    return _sign(figure, results)


def confusion_matrices(results: Path) -> Figure:
    """Row-normalised confusion matrices of the same methods as `parts`, beside the poster's."""
    table, _ = _judged(load(results, "table3-confusion"))
    counts = dict(zip(titles(table), counts_of(table), strict=True))
    panels = {"authors' poster": np.array(published("results.confusion_matrix"))}
    panels |= {title: counts[title] for title in _representatives(results)}
    figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 3.0), sharey=True)
    for axis, (title, matrix) in zip(axes, panels.items(), strict=True):
        shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1e-9)
        drawing.confusion(axis, shares, textwrap.fill(title, 20))
        axis.title.set_fontsize(9)
        axis.tick_params(labelsize=7)
    axes[0].set_ylabel("true")
    return _sign(figure, results)


def unseen_parts(results: Path) -> Figure:
    """Macro F1 of body parts that were left out of training, and of the same when they were not."""
    table = load(results, "table3-unseen").query("score == 'macro F1'")
    if table.empty:
        raise FileNotFoundError(f"{results}: no group of body parts was left out yet")
    names = list(dict.fromkeys(table["group"]))[::-1]
    figure, axis = plt.subplots(figsize=(WIDTH, 0.55 * len(names) + 1.5))
    methods = _by_method(table)
    for k, (name, colour, rows) in enumerate(methods):
        at = rows["group"].map(names.index) + 0.16 * (len(methods) - 1 - 2 * k)
        axis.hlines(at, rows["value"], rows["seen"], color=PALE, lw=2, zorder=1)
        axis.plot(rows["seen"], at, "o", mfc="white", mec=colour, label=f"{name}, trained on them")
        # The interval is that of the loss: of how far the two are apart.
        spans = np.abs(rows[["loss low", "loss high"]].sub(rows["loss"], axis=0).to_numpy().T[::-1])
        style = {"fmt": "o", "color": colour, "capsize": 2, "label": f"{name}, without them"}
        axis.errorbar(rows["value"], at, xerr=spans, **style)
    sizes = table.drop_duplicates("group").set_index("group")["images"]
    axis.set_yticks(range(len(names)), [f"{name} ({sizes[name]})" for name in names])
    axis.set(xlabel="macro F1 on the evaluation images; bars: interval of the loss")
    drawing.legend_above(figure, axis, ncols=2, fontsize=8)
    return _sign(figure, results)


def pictures(results: Path) -> Figure:
    """A few test images by each network, wrong pixels in the colour of what they were called."""
    ledger = Ledger(results / "comparison")
    shown, entries = ledger.shown(), [e for e in ledger.entries() if not e.diverged]
    maps = {e.task.method: labels for e in entries if (labels := e.pictures())}
    if not shown or not maps:
        raise FileNotFoundError(f"{ledger.folder}: holds no pictures yet")
    names = [XNET, *(name for name in maps if name != XNET)]
    size = (1.5 * (len(names) + 1), 1.6 * len(shown) + 0.6)
    figure, axes = plt.subplots(len(shown), len(names) + 1, figsize=size, squeeze=False)
    for row, (stem, (image, truth)) in zip(axes, shown.items(), strict=True):
        row[0].imshow(classes.COLOURS[truth])
        row[0].set_ylabel(Path(stem).stem, fontsize=8)
        for axis, name in zip(row[1:], names, strict=True):
            labels = maps[name][stem]
            axis.imshow(_errors(image, truth, labels))
            axis.set_xlabel(f"{np.mean(labels != truth):.0%} wrong", fontsize=8)
    for axis, title in zip(axes[0], ("truth", *names), strict=True):
        axis.set_title(title.replace(" (", "\n("), fontsize=8)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
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
    figure, blocks = drawing.picture_blocks(len(stems), columns=3, height=1.5)
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


def load_judged(results: Path) -> list[str]:
    """Return which of test and population were scored, as far as they were."""
    present = set(load(results, "table3")["subset"])
    return [name for name in JUDGED if name in present]


def _shown(table: pd.DataFrame, subset: str) -> list[str]:
    """Return the titles of the main figure's rows, best on a subset first.

    All networks, the constant, and as many classical methods that were tuned once as there is room
    for: the best on the validation images, for the best on those shown would be the luckiest.
    """
    trained = table["family"].isin(("network", "constant"))
    tuned = table[~trained & (table["variant"] == "overall") & (table["subset"] == "validation")]
    judged = table[table["subset"] == subset]
    room = max(0, ROWS - trained[judged.index].sum())
    titles_shown = {*judged.loc[trained[judged.index], "title"], *tuned["title"].iloc[:room]}
    return [title for title in judged["title"] if title in titles_shown]


def _judged(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the rows of the last of test and population that a table has, and its name."""
    subset = [name for name in JUDGED if name in set(table["subset"])][-1]
    return table[table["subset"] == subset], subset


def _by_method(table: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Return each method's name, colour and rows, XNet's and U-Net's first."""
    present = set(table["method"])
    names = dict.fromkeys(n for n in (XNET, "U-Net", *table["method"]) if n in present)
    return [(n, METHOD_COLOURS.get(n, GREY), table[table["method"] == n]) for n in names]


def _best_first(results: Path) -> pd.DataFrame:
    """Return the scores of all methods by macro F1, with each method's ``title`` and ``colour``."""
    table = load(results, "table3").copy()  # in one piece, to which columns are quickly added
    of_family = [table["family"] == family for family in ("network", "constant")]
    table["title"] = titles(table)
    colours = np.select([table["method"] == XNET, *of_family], (BLUE, VERMILION, GREY), ORANGE)
    table["colour"] = colours
    return table.sort_values("macro F1", ascending=False)


def _representatives(results: Path) -> dict[str, str]:
    """Return XNet, the best other network and the best method that is none, with their colours.

    Best on the validation images: the best on those that are shown would be the luckiest. The
    bound that knows the truth is no method.
    """
    table = _best_first(results).query("subset == 'validation' and variant != @BOUND")
    best = table.groupby("colour")["title"].first()
    return {best[colour]: colour for colour in (BLUE, VERMILION, ORANGE) if colour in best}


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
    "comparison-images": numbers_of_images,
    "comparison-budgets": budgets,
    "comparison-unseen-parts": unseen_parts,
    "comparison-pictures": pictures,
    "error-maps": error_maps,
}
"""File name of each figure and the function that draws it."""
