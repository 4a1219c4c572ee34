"""The search for a recipe: what a trial sees, how it learns, and what is recorded."""

import json
import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from conftest import build_toy

from xnet_study import real
from xnet_study.recipe import batches, search, trials
from xnet_study.recipe.learning import CrossEntropyDice, Schedule, make_optimizer
from xnet_study.recipe.settings import CORE_SECONDS, Settings, Stage, Trial, nominal_cost
from xnet_tf import dataset, runs
from xnet_tf.backend import keras, tf
from xnet_tf.transforms import Elastic, Flip, Sometimes

# 228 images an epoch: four and eight of them, in batches of four.
STAGES = Stage(16, 4 / 228), Stage(32, 8 / 228)
RATE = 1e-3


def test_steps_are_shared_out_by_stage_and_may_be_mixed():
    settings = Settings(stages=(Stage(64, 2), Stage(80, 1)), batch_size=12)
    views = search.step_views(Trial("", settings, 0.5))
    assert [view.size for view in views] == [64] * 19 + [80] * 10  # 228 / 12, 114 / 12 = 9.5
    mixed = search.step_views(Trial("", Settings(settings.stages, mixed=True, batch_size=12), 0.5))
    assert mixed != views
    assert Counter(mixed) == Counter(views)


def test_the_cost_is_relative_to_quick():
    assert nominal_cost(Settings()) == 1
    quick = 75 * CORE_SECONDS[104] + 25 * CORE_SECONDS[200]
    cost = nominal_cost(Settings(stages=(Stage(80, 10), Stage(200, 2, read=200))))
    assert cost == pytest.approx((10 * 0.0235 + 2 * 0.1125) / quick)


def test_an_epoch_is_balanced_as_asked():
    # An arm has one subject of six images, a leg two subjects of one and of three.
    manifest = pd.DataFrame(
        {"body_part": ["arm"] * 6 + ["leg"] * 4, "subject": list("aaaaaa") + list("bccc")}
    )
    order = {
        balance: batches.image_order(manifest, 456, balance, seed=3)
        for balance in ("part", "subject", "image")
    }
    shown = {k: np.bincount(v[:228], minlength=10) for k, v in order.items()}
    assert shown["part"][:6].tolist() == [19] * 6
    assert sorted(shown["part"][6:]) == [28, 28, 29, 29]
    assert sum(shown["subject"][:6]) == 114
    assert shown["subject"][6] == 57
    assert sum(shown["subject"][7:]) == 57
    assert set(shown["image"]) == {22, 23}
    for indices in order.values():
        assert len(indices) == 456
        assert not np.array_equal(indices[:228], indices[228:])
    with pytest.raises(ValueError, match="unknown balance"):
        batches.image_order(manifest, 1, "week", seed=3)


def test_only_kernels_decay():
    for name in ("adam", "sgd", "muon"):
        layer = keras.layers.Conv2D(2, 1, bias_initializer="ones")
        layer.build((None, 8, 8, 2))
        before = layer.kernel.numpy()
        settings = Settings(optimizer=name, learning_rate=0.1, weight_decay=0.5)
        still = [tf.zeros(v.shape) for v in layer.trainable_variables]
        optimizer = make_optimizer(settings, steps=10)
        optimizer.apply_gradients(zip(still, layer.trainable_variables, strict=True))
        np.testing.assert_allclose(layer.kernel.numpy(), before * 0.95, rtol=1e-5)
        assert (layer.bias.numpy() == 1).all()


def test_the_learning_rate_rises_and_falls():
    assert float(Schedule(2.0, 100, "cosine", 0.0)(50)) == pytest.approx(1.0)
    assert float(Schedule(2.0, 100, "poly", 0.0)(75)) == pytest.approx(2 * 0.25**0.9)
    rising = Schedule(2.0, 100, "trapezoid", 0.2)
    values = [float(rising(step)) for step in (0, 9, 50, 80, 100)]
    assert values == pytest.approx([0.1, 1.0, 2.0, 1.0, 0.0])


def test_dice_is_of_the_whole_batch():
    truth = np.array([[[0, 1]]], np.uint8)
    certain = np.array([[[[1.0, 0.0], [1.0, 0.0]]]], np.float32)
    half = np.full((1, 1, 2, 2), 0.5, np.float32)
    # One pixel right and one wrong: 2 / 3 and 0 of the two classes; halves: 1 / 2 of each.
    assert float(CrossEntropyDice().call(truth, certain)[0, 0, 0]) == pytest.approx(2 / 3, abs=1e-4)
    assert float(CrossEntropyDice().call(truth, half)[0, 0, 0]) == pytest.approx(np.log(2) + 0.5)


def test_a_variant_replaces_transforms_of_its_classes():
    preset = (Flip(0.5, 0.5), Sometimes(0.6, Elastic(2.0)))
    other = trials.replaced(preset, Sometimes(0.1, Elastic(9.0)))
    assert other == (Flip(0.5, 0.5), Sometimes(0.1, Elastic(9.0)))
    described = Settings(augmentation=(Flip(0.5, 0.0),), stages=(Stage(64, 2),)).described()
    assert json.loads(json.dumps(described)) == {
        "augmentation": [["Flip", {"horizontal": 0.5, "vertical": 0.0}]],
        "stages": [{"size": 64, "epochs": 2}],
    }
    keys = [trial.key for trial in trials.TRIALS]
    assert len(set(keys)) == len(keys)


def test_a_square_is_cut_alike_from_picture_and_labels():
    labels = tf.reshape(tf.range(64), (1, 8, 8))
    images = tf.cast(labels, tf.float32)[..., None]
    cut, of_labels = batches._cut(images, labels, tf.constant([[1, 5]], tf.int64), Stage(4, 1, 8))
    assert of_labels.shape == (1, 4, 4)
    np.testing.assert_array_equal(cut[..., 0], of_labels)


def test_a_trial_leaves_one_row_and_is_not_done_again(data_folder, tmp_path, monkeypatch):
    pytest.importorskip("data_store", reason="has the real radiographs")
    monkeypatch.setenv("XNET_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("XNET_DATA", str(data_folder))
    monkeypatch.setattr(runs, "REPOSITORY", tmp_path)
    monkeypatch.setattr(search, "SCORED_SIZE", 32)
    monkeypatch.setattr(search, "WIDTHS", (4, 4, 4, 4))
    monkeypatch.setattr(search, "build_xnet", build_toy)
    monkeypatch.setattr(search, "_code", lambda: "0123456")
    for size in (16, 32):
        monkeypatch.setitem(CORE_SECONDS, size, 0.01)
    shutil.copytree(data_folder, tmp_path / "population" / "choice")
    settings = Settings(
        stages=STAGES, batch_size=4, augmentation=(), optimizer="muon", ema=0.9, bn_momentum=0.5
    )
    first, second = (Trial("toy", settings, 1.0, seed) for seed in (1, 2))
    monkeypatch.setattr(search, "TRIALS", [first, second])
    assert search.pending() == first
    search.run(first, tmp_path / "population")
    assert search.pending() == second
    (row,) = search.record().to_dict("records")
    assert (row["trial"], row["share"], row["seed"], row["code"]) == ("toy", "1.000", 1, "0123456")
    assert (row["images"], row["dead"]) == (12, 0)
    assert {name for name in row if name.startswith("real ")} == {f"real {k}" for k in real.paths()}
    assert json.loads(row["settings"])["optimizer"] == "muon"
    with np.load(tmp_path / "runs" / "recipe" / "counts" / "toy-1.000-1.npz") as counts:
        assert counts["choice"].sum() == 24 * 32 * 32
        assert len(counts["validation"]) == len(dataset.load(data_folder).split["validation"])


def test_the_committed_record_is_of_listed_trials():
    rows = pd.read_csv(runs.REPOSITORY / "results" / "recipe.csv", dtype={"share": str})
    listed = {trial.key for trial in trials.TRIALS}
    assert set(zip(rows["trial"], rows["share"], rows["seed"], strict=True)) <= listed
