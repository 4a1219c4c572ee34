import shutil

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from xnet_study import figures
from xnet_study.certainty import confidence, curves, operating, promises
from xnet_study.evaluate import provenance
from xnet_study.figures.confidence_figures import FIGURES as CONFIDENCE_FIGURES
from xnet_study.figures.threshold_figures import FIGURES as THRESHOLD_FIGURES
from xnet_tf import classes, dataset, metrics, thresholds
from xnet_tf.files import read_json, write_json


@pytest.fixture(scope="module")
def judged(data_folder, trained_run, tmp_path_factory):
    """A tiny network, gone through with the tiny data set as both populations."""
    root = tmp_path_factory.mktemp("confidence")
    for name in ("calibration", "evaluation"):
        shutil.copytree(data_folder, root / name)
    folder, profile = trained_run
    shutil.copytree(folder, root / "runs" / profile.name)
    weights = folder / "weights" / "xnet.npz"
    data = dataset.load(data_folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XNET_RUNS", str(root / "runs"))
        patch.setattr(promises, "REPEATS", 20)
        patch.setattr(metrics, "RESAMPLES", 40)
        results = confidence.evaluate(data, profile, root, members=(weights,))
        write_json(results / "run.json", provenance(data, profile, weights))
        yield data, profile, results


def table(judged, name):
    return pd.read_csv(judged[2] / f"{name}.csv")


def test_every_method_is_scored_on_images_that_fitted_nothing(judged):
    scores = table(judged, "calibration-scores")
    kinds = [
        f"{k} ({s})"
        for s in ("validation", "calibration")
        for k in ("temperature", "vector scaling", "isotonic")
    ]
    expected = {"as trained", *kinds, "eight views", "ensemble"}
    for name in ("test", "evaluation"):
        assert set(scores[scores["subset"] == name]["method"]) == expected
    assert set(scores[scores["subset"] == "calibration"]["method"]) == {"as trained"}


def test_scores_have_intervals_that_hold_them(judged):
    scores = table(judged, "calibration-scores").dropna()
    assert {"NLL", "Brier", "ECE", "MCE", "accuracy", "confidence"} == set(scores["score"])
    assert (scores["low"] <= scores["value"] + 1e-9).mean() > 0.95
    assert (scores["value"] <= scores["high"] + 1e-9).mean() > 0.95


def test_temperature_changes_no_decision_and_an_ensemble_of_equals_nothing(judged):
    scores = table(judged, "calibration-scores").query(
        "over == 'pixels' and subset == 'evaluation'"
    )
    value = scores.set_index(["method", "score", "class"])["value"]
    accuracy = value["as trained", "accuracy", "top label"]
    assert value["temperature (calibration)", "accuracy", "top label"] == accuracy
    for score in ("NLL", "Brier"):
        assert value["ensemble", score, "all"] == pytest.approx(
            value["as trained", score, "all"], rel=1e-3
        )
        assert (
            value["temperature (calibration)", "NLL", "all"]
            <= value["as trained", "NLL", "all"] * 1.001
        )


def test_network_confidence_of_all_parts_is_the_pixels_mean(judged):
    parts = table(judged, "calibration-parts").query("subset == 'test'")
    whole = parts[parts["body_part"] == "all"].set_index("class")
    single = parts[parts["body_part"] != "all"]
    for name, rows in single.groupby("class"):
        mean = np.average(rows["confidence"], weights=rows["pixels"])
        assert whole.loc[name, "confidence"] == pytest.approx(mean, rel=1e-4)


def test_curves_fall_and_agree_with_the_images(judged):
    pooled = table(judged, "thresholds-curves").query("guarded == 'soft tissue'")
    for name, rows in pooled.groupby("subset"):
        assert (np.diff(rows["recall"]) <= 0).all()
        above, pixels, _, _ = curves.read_images(judged[2], name)
        rates = thresholds.fdr(above.sum(axis=0))
        np.testing.assert_allclose(rows["fdr"], rates, rtol=1e-4)
        assert pixels.sum() == len(above) * 72 * 72


def test_choices_stand_side_by_side_or_are_refused_with_what_they_need(judged):
    chosen = table(judged, "thresholds-choices")
    assert set(chosen["rule"]) == {"naive, pooled", *promises.PROMISES}
    refused = chosen[chosen["verdict"] == "refused"]
    assert (refused["needed"] > refused["subjects"]).all(), "what n allows is not refused here"
    half = refused.query("target == 0.005 and rule == 'learn then test'")
    assert (half["needed"] == 614).all() and len(half)


def test_operating_points_belong_to_their_weights(judged):
    weights = judged[2].parent / "weights" / "xnet.npz"
    points = operating.read(weights).points
    assert len(points) == 2 * 2 * len(operating.OFFERED), "with and without polarity given"
    assert {p.chosen_on for p in points} == {"calibration"}
    sure = [p for p in points if p.threshold is not None]
    assert all(p.target_fdr >= 0.2 for p in sure), "12 subjects allow no less than 22 %"


def test_results_are_found_again_and_not_those_of_other_weights(judged, tmp_path, monkeypatch):
    data, profile, results = judged
    assert confidence.find(data, profile) == (results, "this run")
    record = read_json(results / "confidence.json")
    assert record["sets"]["evaluation"]["images"] == 24
    copy = tmp_path / profile.name
    shutil.copytree(results.parent, copy)
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    monkeypatch.setattr(confidence.runs, "REPOSITORY", tmp_path / "none")
    write_json(copy / "results" / "confidence.json", {**record, "weights_sha256": "other"})
    found, origin = confidence.find(data, profile)
    assert origin == "validation and test images, just now"
    assert set(pd.read_csv(found / "calibration-scores.csv")["subset"]) == {"validation", "test"}
    assert curves.read_images(found, "evaluation")[0].shape == (0, len(thresholds.GRID), 3)


@pytest.mark.parametrize("name", [*CONFIDENCE_FIGURES, *THRESHOLD_FIGURES])
def test_every_figure_is_drawn_from_the_tables_alone(name, judged):
    figure = figures.FIGURES[name](judged[2])
    assert any(axis.has_data() for axis in figure.axes)
    plt.close(figure)


def test_the_answer_holds_the_numbers_of_the_tables(judged):
    answer = confidence.answer(judged[2])
    scores = table(judged, "calibration-scores").query(
        "subset == 'evaluation' and over == 'pixels'"
    )
    scores = scores[scores["method"] == "as trained"].set_index(["score", "class"])
    assert answer.loc[("ECE", "top label"), "low"] == scores.loc[("ECE", "top label"), "low"]
    assert set(classes.NAMES) < set(answer.loc["ECE"].index)
    wrong, right = (answer.loc[f"confidence where {k}", "value"].item() for k in ("wrong", "right"))
    assert wrong < right


def test_results_stay_small(judged):
    names = [*judged[2].glob("calibration-*"), *judged[2].glob("thresholds-*")]
    assert sum(path.stat().st_size for path in names) < 1e6
    assert set(table(judged, "calibration-strangers").columns) >= set(classes.NAMES)
