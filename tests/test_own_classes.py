"""A data set with classes of its own, from painted masks to a mask in GIMP and back."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest
from drawn_shapes import names, write

from xnet_io import masks, palettes
from xnet_study.own_classes import need_the_papers
from xnet_tf import cli, dataset, evaluation, profiles, training, transforms
from xnet_tf.appearance import Collimate, Frame, Texture
from xnet_tf.backend import tf
from xnet_tf.classes import PAPER
from xnet_tf.files import InputError, read_json
from xnet_tf.weights import read_classes


def xnet(*words):
    return cli.main([str(word) for word in words])


@pytest.fixture
def brief(monkeypatch, tmp_path, toy_profile):
    """Where runs lie, with a profile of a few steps."""
    monkeypatch.setenv("XNET_RUNS", str(tmp_path / "runs"))
    profile = dataclasses.replace(toy_profile, name="brief", epochs=1, image_size=32)
    monkeypatch.setitem(profiles.PROFILES, "brief", profile)
    return profile


def imported(folder, count, images=8, **kwargs):
    """Return a data set of so many classes, as import makes it, and its palette's path."""
    palette = write(folder / "own", count, images, **kwargs)
    words = ("import-masks", folder / "own", "--out", folder / "data", "--palette", palette)
    assert xnet(*words) == 0
    return folder / "data", palette


@pytest.mark.parametrize("count", [2, 4, 12])
def test_any_number_of_classes_goes_all_the_way(brief, tmp_path, count, capsys):
    data, palette = imported(tmp_path, count, ignored=0.1 * (count == 4))
    assert dataset.load(data).classes.names == names(count)
    assert xnet("verify", data) < 2
    assert xnet("palette", data, "--out", tmp_path / "own.gpl") == 0
    again = palettes.load(tmp_path / "own.gpl").classes
    assert set(again.names) == set(names(count))
    run = ("--profile", "brief", "--data", data)
    assert xnet("train", *run) == 0
    weights = tmp_path / "runs" / "brief" / "weights" / "toy.npz"
    assert read_classes(weights).names == names(count)
    shutil.copy(weights, weights.with_name("xnet.npz"))
    shutil.copy(weights.with_suffix(".json"), weights.with_name("xnet.json"))
    assert xnet("evaluate", *run) == 0
    scores = pd.read_csv(tmp_path / "runs/brief/results/scores.csv")
    assert set(names(count)) <= set(scores["class"]) and "multi-Otsu" not in set(scores["method"])
    picture, out = tmp_path / "own" / "images" / "p00.png", tmp_path / "out"
    words = ("--weights", weights, "--quality", "normal", "--threshold", "0.2")
    extras = ("--gimp", "--overlay", "--probabilities")
    assert xnet("segment", picture, "--out", out, *words, "--guard", "disc", *extras) == 0
    header = (out / "segment.csv").read_text().splitlines()[0]
    assert all(f"{name} (%)" in header for name in names(count))
    assert np.load(out / "p00_probabilities.npz")["classes"].tolist() == list(names(count))
    known = palettes.load(palette)
    mask = masks.read_mask(out / "p00_mask.png", known)
    np.testing.assert_array_equal(masks.read_mask(out / "p00_mask.xcf", known), mask)
    assert mask.max() < count, "what has no label is never predicted"
    capsys.readouterr()
    assert xnet("segment", picture, "--out", tmp_path / "no", *words) == 2
    assert "no class is called 'soft tissue'; choose one of ground" in capsys.readouterr().err


def test_confidence_and_thresholds_of_a_named_class(brief, tmp_path, capsys):
    data, _ = imported(tmp_path, 2, images=9, ignored=0.1)
    for name in ("calibration", "evaluation"):
        shutil.copytree(data, tmp_path / "population" / name)
    run = ("--profile", "brief", "--data", data, "--population", tmp_path / "population")
    assert xnet("train", *run[:4]) == 0
    weights = tmp_path / "runs" / "brief" / "weights" / "toy.npz"
    for suffix in (".npz", ".json"):
        shutil.copy(weights.with_suffix(suffix), weights.with_name("xnet").with_suffix(suffix))
    assert xnet("confidence", *run) == 2
    assert "no class is called 'soft tissue'" in capsys.readouterr().err
    assert xnet("confidence", *run, "--guard", "Disc") == 0
    record = read_json(weights.with_name("xnet-operating-points.json"))
    assert record["guarded"] == "disc" and not record["points"][0]["processed"]
    for promise in record["promises"].values():
        assert "disc" in promise and "simulated" not in promise
    results = tmp_path / "runs" / "brief" / "results"
    assert set(pd.read_csv(results / "thresholds-curves.csv")["guarded"]) == {"ground", "disc"}
    assert not (results / "thresholds-tuning.csv").exists(), "the paper's post-processing"
    (tmp_path / "population" / "evaluation" / "classes.csv").unlink()
    assert xnet("confidence", *run, "--guard", "disc") == 2
    assert "has other classes than" in capsys.readouterr().err


def test_other_classes_keep_all_but_the_last_layer(brief, tmp_path, capsys):
    first, _ = imported(tmp_path / "a", 2)
    assert xnet("train", "--profile", "brief", "--data", first) == 0
    old = (tmp_path / "runs" / "brief" / "weights" / "toy.npz").rename(tmp_path / "old.npz")
    record = tmp_path / "runs" / "brief" / "weights" / "toy.json"
    record.rename(tmp_path / "old.json")
    second, _ = imported(tmp_path / "b", 4)
    capsys.readouterr()
    run = ("--profile", "brief", "--data", second)
    assert xnet("train", *run, "--init", old) == 0
    assert "knows ground, disc: all but its last layer is kept" in capsys.readouterr().out
    new = read_json(tmp_path / "runs" / "brief" / "weights" / "toy.json")
    assert new["architecture"]["num_classes"] == 4
    assert [row["name"] for row in new["classes"]] == list(names(4))
    shutil.copy(old, tmp_path / "runs" / "brief" / "weights" / "xnet.npz")
    shutil.copy(old.with_suffix(".json"), tmp_path / "runs" / "brief" / "weights" / "xnet.json")
    assert xnet("evaluate", *run) == 2
    line = capsys.readouterr().err
    assert "knows ground, disc; but" in line and "has ground, disc, bar, ring" in line


def test_what_is_for_the_papers_classes_says_so(tmp_path):
    need_the_papers(PAPER, "this")
    own, _ = imported(tmp_path, 2, images=3)
    with pytest.raises(InputError, match="this is for open beam, soft tissue, bone alone, not"):
        need_the_papers(dataset.load(own).classes, "this")
    assert xnet("compare", "--data", own, "--list") == 2


def test_without_open_beam_no_transform_makes_any():
    images, labels = tf.fill((1, 32, 32, 1), 0.5), tf.ones((1, 32, 32), tf.uint8)
    seeds = tf.constant([[1, 1]], tf.int64)
    preset = [Collimate(0.5), Frame(0.5), Texture(0.5)]
    changed, beam = transforms.apply(images, labels, preset, seeds)
    assert (beam.numpy() == 0).any() and (changed.numpy() != 0.5).any()
    same, kept = transforms.apply(images, labels, preset, seeds, open_beam=False)
    np.testing.assert_array_equal(same, images)
    np.testing.assert_array_equal(kept, labels)


def test_a_fingerprint_knows_other_classes(data_folder):
    data = dataset.load(data_folder)
    other = dataclasses.replace(PAPER, names=("open beam", "flesh", "bone"))
    assert data.fingerprint() != dataclasses.replace(data, classes=other).fingerprint()


def trained_score(folder, count, profile, **kwargs):
    """Import, train and evaluate; return the macro F1 on test images, all of them labelled."""
    whole, _ = imported(folder / "whole", count, images=150)
    # The same pictures and the same split, judged on every pixel.
    data, _ = imported(folder / "part", count, images=150, **kwargs)
    assert dataset.load(data).split == dataset.load(whole).split
    trained = training.train(dataset.load(data), profile, folder / "run")
    predictions = evaluation.predict(trained.model, dataset.load(whole), "test", profile.image_size)
    table = evaluation.score_table(evaluation.confusion_table(predictions), predictions)
    return table.query("score == 'macro F1'")["value"].item()


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_two_minutes_of_training_tell_shapes_apart(tmp_path, count):
    profile = profiles.Profile(
        *("shapes", 64, (8, 16, 32, 64)),
        l2=1e-6,
        augmentation="none",
        images_per_part=420,
        batch_size=10,
        epochs=10,
        optimizer="adam",
        learning_rate=3e-3,
        schedule="cosine",
    )
    score = trained_score(tmp_path / "all", count, profile)
    print(f"{count} classes: macro F1 {score:.3f}")
    assert score > 0.9
    half = trained_score(tmp_path / "half", count, profile, ignored=0.5)
    print(f"{count} classes, half of the pixels without label: macro F1 {half:.3f}")
    assert half > score - 0.05
