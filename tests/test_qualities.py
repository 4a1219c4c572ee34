"""The qualities of segment, compared on pictures of which the answer is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from xnet_study.ablations import qualities
from xnet_tf import dataset, inference, metrics
from xnet_tf.model import build_xnet


def test_every_quality_counts_every_pixel(data_folder):
    data = dataset.load(data_folder)
    model = build_xnet((None, None, 1), filters=(4, 4, 4, 4))
    few = replace(data, manifest=data.manifest[:2])
    measured = qualities.measure(model, few)
    assert set(measured["quality"]) == set(inference.VIEWS)
    assert set(measured["image"]) == set(few.manifest.index)
    assert (metrics.counts_of(measured).sum(axis=(1, 2)) == 72 * 72).all()
    assert (measured["seconds"] > 0).all()


def test_differences_are_from_one_look():
    right, half = np.diag([4, 4, 4]), np.diag([2, 2, 2]) + np.diag([2, 2], 1)
    half[2, 0] = 2
    rows = [
        {"quality": quality, "image": name, "subject": name, "seconds": seconds}
        | dict(zip(metrics.count_columns(), counts.ravel(), strict=True))
        for quality, counts, seconds in (("normal", half, 1.0), ("high", right, 8.0))
        for name in "abcd"
    ]
    table = qualities.score_table(pd.DataFrame(rows))
    row = table.set_index(["quality", "score"]).loc[("high", "macro F1")]
    assert row["value"] == 1 and row["times_normal"] == 8 and row["images"] == 4
    assert row["difference"] == pytest.approx(1 - metrics.macro_f1(half))
