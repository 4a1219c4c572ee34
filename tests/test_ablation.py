"""The ablation of the augmentation, ``tools/ablate_augmentation.py``."""

import ablate_augmentation
import numpy as np
import pandas as pd
import pytest

from xnet_tf import profiles
from xnet_tf.evaluation import COUNT_COLUMNS
from xnet_tf.files import InputError


def counts(share, images=12):
    """Counts of images in which this share of each class's 100 pixels is right."""
    wrong = round(100 - 100 * share)
    matrix = np.full((3, 3), wrong // 2) + np.diag([100 - wrong - wrong // 2] * 3)
    rows = [
        {"condition": name, "image": f"{k}.png", "subject": f"s{k // 2}"}
        | dict(zip(COUNT_COLUMNS, matrix.flat, strict=True))
        for name in ("plain", "gamma 2")
        for k in range(images)
    ]
    return pd.DataFrame(rows)


def test_scores_are_of_both_seeds_and_differences_from_the_preset_before():
    tables = {"none": [counts(0.6), counts(0.7)], "affine": [counts(0.8), counts(0.8)]}
    table = ablate_augmentation.score_table(tables).set_index(["preset", "condition"])
    # All classes are alike, so that macro F1 is the share of correct pixels.
    first, second = table.loc[("none", "plain")], table.loc[("affine", "plain")]
    assert first["value"] == pytest.approx(0.65, abs=0.01)
    assert (first["lowest_seed"], first["highest_seed"]) == pytest.approx((0.6, 0.7), abs=0.01)
    assert np.isnan(first["difference"])
    assert second["previous"] == "none"
    assert second["difference"] == pytest.approx(0.15, abs=0.01)
    assert len(table) == 4


def test_runs_share_everything_but_preset_and_seed():
    quick = profiles.get("quick")
    runs = [ablate_augmentation.shortened(quick, p, s) for p in ("none", "robust") for s in (1, 2)]
    assert len({run.name for run in runs}) == 4
    assert {run.epochs for run in runs} == {quick.epochs // 2}
    assert {run.coarse_epochs for run in runs} == {quick.coarse_epochs // 2}


def test_a_missing_population_is_said_before_training(tmp_path, monkeypatch):
    words = ["ablate", "--population", str(tmp_path), "--profile", "smoke"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(InputError, match="make population"):
        ablate_augmentation.main()
