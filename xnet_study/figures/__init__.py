"""Saved numbers to figures. Needs neither TensorFlow nor a trained network.

Each function draws one figure from the files of a ``results/`` folder; `draw_all` writes them all
as PNG and, unless it is made of pictures, as SVG.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from xnet_study.figures import (
    comparison_figures,
    confidence_figures,
    picture_figures,
    score_figures,
    threshold_figures,
)
from xnet_study.own_classes import need_the_papers
from xnet_tf.files import InputError, write_atomically
from xnet_tf.plots import STYLE

FIGURES: dict[str, Callable[[Path], Figure]] = {
    **score_figures.FIGURES,
    **confidence_figures.FIGURES,
    **threshold_figures.FIGURES,
    **comparison_figures.FIGURES,
    **picture_figures.FIGURES,
    "error-maps-wide": lambda results: comparison_figures.error_maps(results / "wide"),
}
"""File name of each figure and the function that draws it."""

PICTURES = {*picture_figures.FIGURES, "comparison-pictures", "error-maps", "error-maps-wide"}
"""Figures made of pictures: as SVG they would be larger and no sharper."""


def draw_all(results: Path, out: Path) -> list[Path]:
    """Draw every figure whose numbers are there.

    Args:
        results: folder of CSV and JSON files.
        out: where ``<name>.png`` and ``<name>.svg`` go; `PICTURES` as PNG alone.

    Returns:
        The files written.

    Raises:
        InputError: if the folder holds no results at all, or not of the paper's classes.
    """
    if not (results / "run.json").is_file():
        raise InputError(f"{results}: holds no run.json; evaluate a network first")
    need_the_papers(score_figures.class_names(results), f"{results}: what is drawn here")
    # Chosen within `rc_context`, a notebook's backend would not show what is plotted later.
    plt.switch_backend(mpl.get_backend())
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


def save(figure: Figure, path: Path, suffixes: tuple[str, ...] = (".png", ".svg")) -> list[Path]:
    """Write a figure, without a date, so that equal numbers give equal files."""
    metadata = {".png": {"Software": None}, ".svg": {"Date": None}}
    return [
        write_atomically(
            path.with_suffix(suffix),
            lambda temporary, keys=metadata[suffix]: figure.savefig(temporary, metadata=keys),
        )
        for suffix in suffixes
    ]
