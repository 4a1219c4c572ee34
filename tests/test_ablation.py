"""The ablation of the augmentation, ``tools/ablate_augmentation.py``."""

import ablate_augmentation
import numpy as np
import pytest
from made_counts import counts

from xnet_tf import profiles
from xnet_tf.files import InputError


def test_scores_are_of_both_seeds_and_differences_from_the_preset_before():
    def of(share):
        return counts(share, "condition", ("plain", "gamma 2"))

    tables = {"none": [of(0.6), of(0.7)], "affine": [of(0.8), of(0.8)]}
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
