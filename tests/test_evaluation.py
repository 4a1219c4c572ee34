import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import xnet_tf
from xnet_io import masks, radiographs
from xnet_study import evaluate, real
from xnet_tf import classes, dataset, metrics
from xnet_tf.files import read_json


@pytest.fixture(scope="module")
def evaluated(data_folder, trained_run, tmp_path_factory):
    """A tiny network, evaluated once for all tests."""
    folder, profile = trained_run
    copy = shutil.copytree(folder, tmp_path_factory.mktemp("runs") / profile.name)
    data = dataset.load(data_folder)
    return data, profile, evaluate.evaluate(data, profile, copy)


def read(evaluated, name):
    return pd.read_csv(evaluated[2] / f"{name}.csv")


def test_every_image_is_counted_once_per_method(evaluated):
    data, _, _ = evaluated
    table = read(evaluated, "confusion")
    assert set(table["method"]) == {"XNet", "multi-Otsu", "constant"}
    for (subset, _), group in table.groupby(["subset", "method"]):
        assert sorted(group["image"]) == sorted(data.split[subset])
        assert (group[metrics.count_columns()].sum(axis=1) == 72 * 72).all(), "at its own size"


def test_scores_follow_from_the_counts(evaluated):
    table = read(evaluated, "confusion").query("subset == 'test' and method == 'multi-Otsu'")
    pooled = metrics.counts_of(table).sum(axis=0)
    scores = read(evaluated, "scores").query("subset == 'test' and method == 'multi-Otsu'")
    values = scores.set_index(["score", "class"])["value"]
    assert values["macro F1", "all"] == pytest.approx(metrics.macro_f1(pooled), rel=1e-5)
    for k, name in enumerate(classes.NAMES):
        assert values["recall", name] == pytest.approx(metrics.recall(pooled)[k], rel=1e-5)


def test_the_constant_predictor_knows_one_class(evaluated):
    table = read(evaluated, "confusion").query("method == 'constant'")
    pooled = metrics.counts_of(table).sum(axis=0)
    assert np.count_nonzero(pooled.sum(axis=0)) == 1


def test_intervals_hold_their_estimate(evaluated):
    scores = read(evaluated, "scores").dropna()
    assert set(scores["score"]) == {"accuracy", "macro F1", "weighted F1"}
    assert (scores["low"] <= scores["value"]).all()
    assert (scores["value"] <= scores["high"]).all()


def test_differences_are_between_pooled_scores(evaluated):
    scores = read(evaluated, "scores").query("subset == 'test' and score == 'macro F1'")
    value = scores.set_index("method")["value"]
    row = read(evaluated, "differences").query("subset == 'test'").set_index("difference")
    expected = value["XNet"] - value["constant"]
    assert row.loc["XNet - constant", "value"] == pytest.approx(expected, abs=1e-5)


def test_counts_are_those_of_segment_looking_once(evaluated):
    data, profile, results = evaluated
    name = data.split["test"][0]
    image = radiographs.read(data.folder / name, polarity="bright")
    truth = masks.read_mask(data.folder / data.manifest.loc[name, "mask"])
    model = xnet_tf.load_weights(results.parent / "weights" / "xnet.npz")
    mask = xnet_tf.segment(model, image, working_size=profile.image_size, quality="normal").labels
    table = read(evaluated, "confusion").query("method == 'XNet' and image == @name")
    counts = metrics.confusion(truth, mask)
    np.testing.assert_array_equal(counts, metrics.counts_of(table)[0])


def test_gallery_holds_the_test_images_and_nothing_older(evaluated, tmp_path):
    data, _, results = evaluated
    stems = {Path(name).stem for name in data.split["test"]}
    expected = {f"{s}-{k}.png" for s in stems for k in ("image", "truth", "xnet", "multi-otsu")}
    assert {path.name for path in (results / "gallery").iterdir()} == expected


def test_results_name_what_they_were_made_from(evaluated):
    data, profile, results = evaluated
    run = read_json(results / "run.json")
    assert run["profile"] == profile.as_dict()
    assert run["augmentation"] == [], "none"
    assert run["trained_on_sha256"] == run["data_sha256"]
    assert not run["simulated"]
    assert run["data_sha256"] == data.fingerprint()
    assert len(run["weights_sha256"]) == 64
    assert run["versions"]["tensorflow"]


def test_real_radiographs_are_segmented_and_scored(evaluated):
    results = evaluated[2]
    agreement = pd.read_csv(results / "real.csv", index_col="picture")
    assert list(agreement.index) == ["lower leg", "chest"]
    for name, row in agreement.iterrows():
        image, mask, hand = (
            np.asarray(Image.open(results / "real" / f"{name}-{kind}.png"))
            for kind in ("image", "mask", "hand")
        )
        assert mask.shape == hand.shape == image.shape
        assert set(np.unique(mask)) <= {0, 1, 2}
        # The small maps agree as far as the large ones, which were scored.
        assert row["accuracy"] == pytest.approx(np.mean(mask == hand), abs=0.02)


def test_without_real_radiographs_no_older_scores_stay(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    for name in ("real.csv", "real/chest-mask.png"):
        (tmp_path / name).write_bytes(b"older")
    monkeypatch.setattr(real, "paths", dict)
    assert evaluate.score_real_radiographs(None, tmp_path).empty
    assert list(tmp_path.iterdir()) == []
