"""Tuning: which setting is chosen, from which images, worked out by hand."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from xnet_study.baselines import classical, tuning
from xnet_tf import dataset

# A method that divides by two thresholds, so that the right setting of an image is known.
STEPS = classical.ClassicalMethod(
    "steps",
    "steps",
    "thresholding",
    lambda image, low, high: (2 - np.digitize(image, [low, high])).astype(np.uint8),
    ({"low": 0.1, "high": 0.9}, {"low": 0.3, "high": 0.7}, {"low": 0.5, "high": 0.6}),
)


def pictures(*right):
    """Images of random grey whose truth is what the given settings make of them."""
    images = np.random.default_rng(0).random((len(right), 20, 20)).astype(np.float32)
    return images, np.stack(
        [STEPS.segment(i, **STEPS.settings[k]) for i, k in zip(images, right, strict=True)]
    )


def test_forty_images_are_taken_part_by_part_in_turn():
    parts = np.array(["knee"] * 60 + ["hand"] * 10 + ["thorax"])
    chosen = tuning.balanced(parts)
    assert len(chosen) == len(set(chosen)) == 40
    # The only thorax, all ten hands, and knees for the rest, the first of each.
    assert list(chosen) == [*range(29), *range(60, 71)]
    np.testing.assert_array_equal(tuning.balanced(parts[:5]), range(5))
    np.testing.assert_array_equal(tuning.balanced(parts, 4), [0, 1, 60, 70])


def test_no_subject_comes_twice_before_all_of_its_part_came_once():
    parts = np.array(["knee"] * 5 + ["hand"])
    subjects = np.array(["a", "a", "b", "a", "c", "a"])
    for count, expected in ((3, [0, 2, 5]), (4, [0, 2, 4, 5]), (5, [0, 1, 2, 4, 5])):
        np.testing.assert_array_equal(tuning.balanced(parts, count, subjects), expected)


def test_the_best_setting_overall_and_of_each_part():
    images, truth = pictures(1, 1, 1, 0, 2)
    parts = np.array(["hand", "hand", "hand", "knee", "thorax"])
    tuned = tuning.tune(STEPS, images, truth, parts)
    assert tuned.overall == STEPS.settings[1]
    assert tuned.by_part == {
        "hand": STEPS.settings[1],
        "knee": STEPS.settings[0],
        "thorax": STEPS.settings[2],
    }
    assert tuned.images == {"hand": 3, "knee": 1, "thorax": 1}
    assert tuned.scores["hand"] == tuned.scores["knee"] == tuned.scores["thorax"] == 1
    assert tuned.setting("knee") == STEPS.settings[0]
    assert tuned.setting("elbow") == tuned.overall
    table = tuning.scores(STEPS, images, truth)
    assert table.shape == (3, 5)
    assert tuned.scores["all"] == pytest.approx(table[1].mean())


def test_of_equally_good_settings_the_first_is_taken():
    image = np.zeros((1, 4, 4), np.float32)
    tuned = tuning.tune(STEPS, image, np.zeros((1, 4, 4), np.uint8), np.array(["hand"]))
    assert tuned.overall == tuned.by_part["hand"] == STEPS.settings[0]


def test_the_score_is_the_mean_over_classes_of_f1():
    # Beam: 1 of 2 found, 1 of 1 right: F1 2/3. Tissue: 1 of 1 found, 1 of 2 right: 2/3. No bone.
    assert tuning.score(np.array([[0, 1, 1]]), np.array([[0, 0, 1]])) == pytest.approx(2 / 3)


def test_images_beyond_the_forty_do_not_matter():
    images, truth = pictures(*[1] * 40, *[0] * 60)
    parts = np.array(["knee"] * 100)
    assert tuning.tune(STEPS, images, truth, parts).overall == STEPS.settings[1]


def test_the_oracle_takes_each_image_at_its_best():
    images, truth = pictures(2, 0)
    for image, labels in zip(images, truth, strict=True):
        np.testing.assert_array_equal(tuning.oracle(STEPS, image, labels), labels)


def test_what_fills_a_square_up_chooses_nothing():
    """The first setting is right on the pictures, the third on what fills them up."""
    images, truth = pictures(0, 0)
    truth[:, 8:] = STEPS.segment(images[:, 8:], **STEPS.settings[2])
    rows = pd.DataFrame({"body_part": ["hand", "knee"], "subject": ["s", "t"]}, index=["a", "b"])
    arrays = dataset.Arrays(images, truth, rows)
    cut = dataclasses.replace(arrays, sizes=np.array([[8, 20], [8, 20]]))
    examined = tuning.examine(STEPS, cut, cut)
    assert examined["overall"] == 0 and examined["scores"]["all"] == 1
    assert set(examined["validation"]["macro F1"]) == {1}
    assert tuning.examine(STEPS, arrays, arrays)["overall"] == 2


def test_what_was_found_is_the_same_after_json():
    images, truth = pictures(1, 0)
    rows = pd.DataFrame({"body_part": ["hand", "knee"], "subject": ["s", "t"]}, index=["a", "b"])
    arrays = dataset.Arrays(images, truth, rows)
    examined = json.loads(json.dumps(tuning.examine(STEPS, arrays, arrays)))
    found = tuning.restored(STEPS, examined)
    assert found == tuning.tune(STEPS, images, truth, arrays.parts, arrays.subjects)


def test_tables_hold_choices_and_scores_of_validation_images(tmp_path):
    data = dataset.load()
    split = {name: images[:3] for name, images in data.split.items()}
    small = dataset.Dataset(data.folder, data.manifest, split)
    seen = [dataset.read_arrays(small, subset, 40) for subset in ("train", "validation")]
    examined = {s: tuning.examine(classical.METHODS[s], *seen) for s in ("otsu", "watershed")}
    files = tuning.save_tables(examined, tmp_path)
    assert [f.name for f in files] == ["classical-tuning.csv", "classical-validation.csv"]
    choices = pd.read_csv(tmp_path / "classical-tuning.csv")
    assert set(choices["slug"]) == {"otsu", "watershed"}
    for row in choices.itertuples():
        assert json.loads(row.setting) in classical.METHODS[row.slug].settings
    overall = choices[choices["body_part"] == "all"]
    assert (overall["images"] == 3).all()
    values = pd.read_csv(tmp_path / "classical-validation.csv")
    assert len(values) == 2 * len(tuning.VARIANTS) * 3
    assert set(values["image"]) == set(split["validation"])
    assert (values["milliseconds"] > 0).all()
    wide = values.pivot(index=["slug", "image"], columns="variant", values="macro F1")
    assert set(wide) == set(tuning.VARIANTS)
    for variant in ("untuned", "overall", "by part"):
        assert (wide["oracle"] >= wide[variant] - 1e-6).all()
    images, truth = seen[1].unpadded
    for _, row in values[values["variant"] == "untuned"].iterrows():
        index = split["validation"].index(row.image)
        method = classical.METHODS[row.slug]
        labels = method.segment(images[index], **method.settings[0])
        assert row["macro F1"] == pytest.approx(tuning.score(labels, truth[index]), abs=1e-5)
