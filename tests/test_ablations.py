"""The ablations of augmentation and calibration, and what all ablations share."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from made_counts import counts

from xnet_study.ablations import augmentation, calibration, qualities, seeds
from xnet_study.ablations.common import varied
from xnet_tf import dataset, profiles
from xnet_tf.files import InputError


def test_scores_are_of_both_seeds_and_differences_from_the_preset_before():
    def of(share):
        return counts(share, "condition", ("plain", "gamma 2"))

    tables = {
        "none": [of(0.6), of(0.7)],
        "affine": [of(0.8), of(0.8)],
        augmentation.BESIDE: [of(0.9), of(0.9)],
    }
    table = augmentation.score_table(tables).set_index(["preset", "condition"])
    # All classes are alike, so that macro F1 is the share of correct pixels.
    first, second = table.loc[("none", "plain")], table.loc[("affine", "plain")]
    assert first["value"] == pytest.approx(0.65, abs=0.01)
    assert (first["lowest_seed"], first["highest_seed"]) == pytest.approx((0.6, 0.7), abs=0.01)
    assert np.isnan(first["difference"])
    assert second["previous"] == "none"
    assert second["difference"] == pytest.approx(0.15, abs=0.01)
    beside = table.loc[(augmentation.BESIDE, "plain")]
    assert beside["previous"] == "none"
    assert beside["difference"] == pytest.approx(0.25, abs=0.01)
    assert len(table) == 6


def test_runs_share_everything_but_the_change_and_the_seed():
    quick = profiles.get("quick")
    runs = {
        (preset, seed): varied(quick, seed, preset, augmentation=preset)
        for preset in ("none", "robust")
        for seed in (1, 2)
    }
    assert len({run.name for run in runs.values()}) == 4
    assert {run.epochs for run in runs.values()} == {quick.epochs // 3}
    assert {run.coarse_epochs for run in runs.values()} == {runs["none", 1].coarse_epochs}
    # What is not changed is trained but once, whatever it is called.
    unchanged = varied(quick, 2, "as-it-is", augmentation=quick.augmentation)
    assert unchanged == varied(quick, 2) and unchanged.name == "quick/ablation/plain-seed2"


def test_calibration_changes_one_thing_at_a_time():
    quick = profiles.get("quick")
    runs = calibration.changes(quick, 2)
    usual = runs.pop("as usual").as_dict()
    lengths = {"epochs", "coarse_epochs", "patience"}
    assert calibration.changes(profiles.get("smoke"), 1)["half the epochs"].epochs == 1
    for change, run in runs.items():
        differing = {k for k, v in run.as_dict().items() if v != usual[k]} - {"name"}
        assert differing <= lengths if "epochs" in change else len(differing) == 1, change
    assert runs["half the epochs"].coarse_epochs == usual["coarse_epochs"] // 2
    assert len({run.name for run in runs.values()}) == len(runs)


def test_what_is_left_out_is_neither_trained_on_nor_validated_with():
    data, quick = dataset.load(), profiles.get("quick")
    rest, run = calibration.without_unseen(data, quick)
    for subset in ("train", "validation"):
        assert not {"head", "neck"} & set(rest.subset(subset)["body_part"])
    assert run.images_per_part == round(quick.images_per_part * 19 / 17)


@pytest.mark.slow
def test_calibration_is_scored_and_not_trained_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    data = dataset.load()
    few = dataclasses.replace(data, split={"test": data.split["test"][:3]})
    population = dataclasses.replace(few, manifest=few.subset("test"))
    run = calibration.changes(profiles.get("smoke"), 1)["label smoothing"]
    first = calibration.scores(data, population, run)
    assert set(zip(first["score"], first["class"], strict=True)) == calibration.KEPT
    monkeypatch.setattr("xnet_tf.training.fit", None)
    pd.testing.assert_frame_equal(calibration.scores(data, population, run), first)
    part = population.manifest["body_part"].iloc[0]
    assert not calibration.scores(data, population, run, (part,)).equals(first)


@pytest.mark.parametrize("ablation", [augmentation, calibration, qualities, seeds])
def test_a_missing_population_is_said_before_training(ablation, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["ablation", "--population", str(tmp_path)])
    with pytest.raises(InputError, match="make population"):
        ablation.main()
