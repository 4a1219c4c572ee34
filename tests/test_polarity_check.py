"""How the polarity's measurement is made, on pictures whose answer is known."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from picture_files import limb

from xnet_io import polarity, radiographs
from xnet_study import polarity_check, polarity_fit
from xnet_tf import dataset, runs
from xnet_tf.files import read_json, sha256


@pytest.mark.parametrize("name", polarity_check.PRESENTATIONS)
def test_presentations_look_as_they_say(name):
    present, truth = polarity_check.PRESENTATIONS[name]
    raw = limb(160, 128).astype(np.float32)
    shown = present(raw)
    assert shown.dtype == (np.uint16 if name == "raw" else np.uint8) and shown.shape == raw.shape
    order = np.corrcoef(shown.ravel(), raw.ravel())[0, 1]
    assert (order > 0.8) == (truth == "bright") and abs(order) > 0.8
    assert radiographs.interpret(shown).polarity == truth


def test_margins_are_of_the_share_and_the_level():
    framed = polarity_check.framed(np.full((20, 50), 7, np.uint8), 0.1, 0.5)
    assert framed.shape == (30, 60) and framed[0, 0] == 128 and (framed[5:25, 5:55] == 7).all()
    assert polarity_check.framed(np.zeros((9, 9), np.uint16), 0.01, 1.0)[0, 0] == 65535


def test_the_table_counts():
    readings = pd.DataFrame(
        {
            "presentation": ["raw", "raw", "logarithm", "logarithm"],
            "margin": "none",
            "right": [True, False, True, False],
            "certainty": [1.0, 0.5, 0.9, 0.7],
            "warned": [False, True, True, False],
        }
    )
    table = polarity_check.table(readings).set_index("presentation")
    assert list(table["images"]) == [2, 2, 4]
    assert list(table["right"]) == [0.5, 0.5, 0.5]
    assert list(table["wrong_without_warning"]) == [0, 0.5, 0.25]
    assert list(table["mean_certainty"]) == pytest.approx([0.75, 0.8, 0.775])


@pytest.fixture
def four(data_folder):
    data = dataset.load(data_folder)
    return dataclasses.replace(data, manifest=data.manifest.head(4))


def test_every_picture_is_read_in_every_form(four):
    readings = polarity_check.measure(four)
    forms = len(polarity_check.PRESENTATIONS) * len(polarity_check.MARGINS)
    assert len(readings) == 4 * forms
    # Plain margins are cut off, so that they change nothing.
    raw = readings[readings["presentation"] == "raw"]
    plain, grey = (raw.loc[raw["margin"] == m, "certainty"].to_numpy() for m in ("none", "grey"))
    np.testing.assert_allclose(grey, plain)


def test_the_fit_measures_every_copy_and_draws_anew_for_each(four):
    measured = polarity_fit.measure(four, copies=2)
    known = measured.index.to_frame(index=False)
    assert known["form"].value_counts().to_dict() == {"raw": 4, "presented": 16, "altered": 8}
    assert 0.2 < known["bright"].mean() < 0.8
    assert len(measured.drop_duplicates()) == len(measured)


def test_the_published_readings_are_of_the_shipped_coefficients():
    record = read_json(runs.REPOSITORY / "results" / "polarity.json")
    assert record["coefficients_sha256"] == sha256(Path(polarity.__file__).with_suffix(".json"))
    table = pd.read_csv(runs.REPOSITORY / "results" / "polarity.csv")
    assert table["images"].min() == 600 and table["right"].min() >= 0.98
