"""What notebooks conclude from numbers is so in the released tables."""

from pathlib import Path

import pandas as pd
import pytest

from xnet_tf import metrics

RESULTS = Path(__file__).resolve().parents[1] / "results"


def test_notebook_0_the_leg_is_right_and_a_quarter_of_the_chest_is_not():
    accuracy = pd.read_csv(RESULTS / "wide" / "real.csv").set_index("picture")["accuracy"]
    assert accuracy["lower leg"] > 0.9
    assert accuracy["chest"] == pytest.approx(0.75, abs=0.05)


def test_notebook_2_augmentation_costs_where_nobody_waits():
    ablation = pd.read_csv(RESULTS / "ablation-augmentation.csv")
    plain = ablation.query("condition == 'plain'").set_index("preset")["value"]
    quick = pd.read_csv(RESULTS / "population.csv").query("condition == 'plain'")
    patient = metrics.macro_f1(metrics.counts_of(quick).sum(axis=0))
    assert plain["none"] - plain.drop("none").max() > 0.04
    assert patient > plain["none"] - 0.02


def test_notebook_4_training_pictures_are_harder_than_validation_pictures():
    last = pd.read_csv(RESULTS / "history.csv").tail(10).mean(numeric_only=True)
    assert last["loss"] > last["val_loss"]


def test_notebook_5_tuning_helps_over_all_parts_and_overfits_by_part():
    saved = pd.read_csv(RESULTS / "classical-validation.csv")
    means = saved.pivot_table("macro F1", "method", "variant")
    assert (means["overall"] > means["untuned"]).all()
    assert means["by part"].mean() < means["overall"].mean() < means["oracle"].mean()
    fluctuations = means.loc["line fluctuations", "overall"]
    assert fluctuations == pytest.approx(means.loc["Otsu, twice", "overall"], abs=0.02)
    table = saved.pivot_table("macro F1", "body_part", "variant")
    gain = (table["by part"] - table["overall"]).sort_values()
    assert set(gain.index[:2]) == {"shoulder", "clavicle"}
    assert (gain > 0).sum() > len(gain) / 2
    assert gain.index[-1] == "neck of femur"

    choices = pd.read_csv(RESULTS / "classical-tuning.csv")
    parts = choices[choices["body_part"] != "all"]
    reached = (parts["macro F1"] * parts["images"]).groupby(parts["slug"]).sum() / 40
    assert reached.mean() > choices[choices["body_part"] == "all"]["macro F1"].mean()
