"""What the figures of the classical methods show."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from xnet_study.figures import classical_figures


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_panels_draw_greys_and_labels_in_rows():
    grey, labels = np.full((5, 4, 1), 0.25), np.ones((5, 4), np.uint8)
    figure = classical_figures.panels({"a": grey, "b": labels, "c": labels}, columns=2)
    axes = figure.axes
    assert [axis.get_title() for axis in axes] == ["a", "b", "c", ""]
    np.testing.assert_allclose(axes[0].images[0].get_array(), 0.5)  # brightened for the eye
    np.testing.assert_array_equal(axes[1].images[0].get_array(), labels)
    assert not axes[3].images


def test_tuning_shows_each_variants_mean(tmp_path):
    rows = [
        (method, variant, value + 0.1 * k)
        for k, method in enumerate(("worse", "better"))
        for variant, value in zip(classical_figures.VARIANTS, (0.3, 0.4, 0.5, 0.6), strict=True)
    ]
    table = pd.DataFrame(rows * 2, columns=["method", "variant", "macro F1"])
    table.to_csv(tmp_path / "classical-validation.csv")
    axis = classical_figures.tuning(tmp_path).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["worse", "better"]
    points = np.array([dots.get_offsets() for dots in axis.collections[:4]])
    np.testing.assert_allclose(points[:, 0, 0], [0.3, 0.4, 0.5, 0.6])
    np.testing.assert_allclose(points[:, 1, 0], [0.4, 0.5, 0.6, 0.7])
