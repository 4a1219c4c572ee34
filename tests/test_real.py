"""The two real radiographs and their masks outlined by hand."""

import numpy as np
import pytest

from xnet_io import masks, radiographs
from xnet_study import real
from xnet_tf.files import InputError, read_json

PATHS = real.paths()
OUTLINES = read_json(real.MASKS / "outlines.json")


@pytest.mark.parametrize("name", OUTLINES)
def test_masks_are_what_their_outlines_draw(name):
    mask = masks.read_mask(real.MASKS / f"{name}.png")
    np.testing.assert_array_equal(mask, real.draw(OUTLINES[name]))
    assert set(np.unique(mask)) == {0, 1, 2}


@pytest.mark.parametrize("name", PATHS)
def test_masks_fit_their_radiographs(name):
    image = radiographs.read(PATHS[name])[..., 0]
    assert PATHS[name].name == OUTLINES[name]["file"]
    mask = masks.read_mask(real.MASKS / f"{name}.png")
    assert mask.shape == image.shape
    # Outlines that lay elsewhere would not tell bone, which is darker, from flesh.
    bone, flesh = (np.median(image[mask == k]) for k in (2, 1))
    assert bone < flesh


def test_outlines_are_filled_or_drawn_as_lines():
    outline = {
        "rows": 60,
        "columns": 80,
        "rest": "open beam",
        "shapes": [
            {"class": "soft tissue", "points": [[10, 10], [69, 10], [69, 49], [10, 49]]},
            {"class": "bone", "points": [[20, 30], [40, 30], [60, 30]], "width": 7},
        ],
    }
    mask = real.draw(outline)
    assert (mask[:10] == 0).all() and mask[12, 12] == 1
    assert 7 <= np.count_nonzero(mask[:, 40] == 2) <= 9 and mask[30, 40] == 2
    assert np.count_nonzero(mask) == 60 * 40


def test_drawing_writes_a_mask_for_each_picture(tmp_path):
    (tmp_path / "outlines.json").write_text((real.MASKS / "outlines.json").read_text())
    real.draw_masks(tmp_path)
    assert {path.stem for path in tmp_path.glob("*.png")} == set(OUTLINES)
    for name in OUTLINES:
        new, kept = (masks.read_mask(folder / f"{name}.png") for folder in (tmp_path, real.MASKS))
        np.testing.assert_array_equal(new, kept)


def test_scores_are_those_of_the_confusion():
    truth = np.array([[0, 0, 1, 1], [1, 1, 2, 2]])
    found = np.array([[0, 1, 1, 1], [1, 2, 2, 2]])
    scores = real.scores(truth, found)
    assert scores["accuracy"] == 6 / 8
    assert scores["macro F1"] == pytest.approx((2 / 3 + 0.75 + 0.8) / 3)
    assert scores["recall, open beam"] == 0.5
    assert scores["recall, soft tissue"] == 0.75
    assert scores["recall, bone"] == 1


@pytest.mark.skipif(not PATHS, reason="pydicom-data is not installed")
def test_a_missing_mask_is_named_and_costs_no_older_picture(tmp_path, monkeypatch):
    older = tmp_path / "out" / "chest-mask.png"
    older.parent.mkdir()
    older.write_bytes(b"older")
    monkeypatch.setattr(real, "MASKS", tmp_path)
    with pytest.raises(InputError, match=r"lower leg\.png"):
        real.segment(None, older.parent)
    assert older.read_bytes() == b"older"
