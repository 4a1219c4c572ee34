import dataclasses

import numpy as np
import pandas as pd
import pytest

from xnet_study.comparison import scoring, surfaces
from xnet_study.comparison.scoring import Prediction
from xnet_tf import dataset, metrics
from xnet_tf.metrics import counts_of


@pytest.fixture(scope="module")
def arrays(data_folder):
    return dataset.read_arrays(dataset.load(data_folder), "test", 32)


def unsure(case):
    """Probabilities that prefer the truth, but not by much; labels that are all bone."""
    probabilities = np.full((*case.truth.shape, 3), 0.3, np.float32)
    np.put_along_axis(probabilities, case.truth[..., None].astype(int), 0.4, axis=-1)
    return Prediction(np.full_like(case.truth, 2), probabilities)


def saved(folder):
    """The tables of a folder, and its coarse counts of the test images."""
    names = ("counts", "surfaces", "auc")
    with np.load(folder / "scores.npz") as arrays:
        return *(scoring.read_table(folder / f"{name}.csv") for name in names), arrays["test"]


def test_numbers_are_those_of_each_image(arrays, tmp_path):
    milliseconds = scoring.score(unsure, arrays, "test", tmp_path)
    counts, boundaries, areas, coarse = saved(tmp_path)
    assert list(counts["image"]) == list(arrays.manifest.index)
    expected = [metrics.confusion(truth, np.full_like(truth, 2)) for truth in arrays.labels]
    np.testing.assert_array_equal(counts_of(counts), expected)
    first = surfaces.scores(arrays.labels[0], np.full_like(arrays.labels[0], 2))
    shown = boundaries[boundaries["image"] == arrays.manifest.index[0]]
    np.testing.assert_allclose(shown["hd95"], [row["hd95"] for row in first], rtol=1e-15)
    np.testing.assert_allclose(areas["auc"], 1)
    assert coarse.shape == (len(arrays.images), 3, 2, 256)
    assert (coarse.sum(axis=(2, 3)) == 32 * 32).all()
    assert len(milliseconds) == len(arrays.images)


def test_what_fills_a_square_up_is_neither_shown_nor_counted(arrays, tmp_path):
    """All that is filled up is bone and would be right."""
    filled = dataclasses.replace(arrays, labels=arrays.labels.copy(), sizes=np.full((4, 2), 32))
    filled.sizes[0] = 20, 32
    filled.labels[0, 20:] = 2
    shown = []

    def segment(case):
        shown.append((case.image.shape, case.truth.shape))
        return unsure(case)

    scoring.score(segment, filled, "test", tmp_path)
    counts, boundaries, areas, coarse = saved(tmp_path)
    assert shown[1:3] == [((20, 32, 1), (20, 32)), ((32, 32, 1), (32, 32))]
    truth = arrays.labels[0, :20]
    expected = metrics.confusion(truth, np.full_like(truth, 2))
    np.testing.assert_array_equal(counts_of(counts)[0], expected)
    first = surfaces.scores(truth, np.full_like(truth, 2))
    distances = [row["hd95"] for row in first]
    np.testing.assert_allclose(boundaries["hd95"][:3], distances, rtol=1e-15)
    assert coarse[0].sum(axis=(1, 2)).tolist() == [20 * 32] * 3
    np.testing.assert_allclose(areas["auc"], 1)


@pytest.mark.parametrize("name", ["NA", "None", "null", "007"])
def test_subjects_and_parts_may_have_any_name(name, arrays, tmp_path):
    named = arrays.manifest.assign(subject=name, body_part=name)
    strange = dataclasses.replace(arrays, manifest=named)
    for subset in ("test", "evaluation"):
        scoring.score(lambda case: Prediction(case.truth), strange, subset, tmp_path)
    counts = scoring.read_table(tmp_path / "counts.csv")
    assert len(counts) == 2 * len(named)
    assert set(counts["subject"]) == set(counts["body_part"]) == {name}
    boundaries = scoring.read_table(tmp_path / "surfaces.csv")
    assert boundaries["hd95"].dtype == float, "what is not defined stays NaN"


def test_a_subset_scored_again_replaces_its_own_rows_alone(arrays, tmp_path):
    for subset in ("test", "evaluation", "test"):
        scoring.score(unsure, arrays, subset, tmp_path)
    counts = pd.read_csv(tmp_path / "counts.csv")
    assert counts["subset"].value_counts().to_dict() == {
        "test": len(arrays.images),
        "evaluation": len(arrays.images),
    }
    assert len(pd.read_csv(tmp_path / "surfaces.csv")) == 6 * len(arrays.images)
    assert len(pd.read_csv(tmp_path / "auc.csv")) == 6
    with np.load(tmp_path / "scores.npz") as coarse:
        assert set(coarse) == {"test", "evaluation"}
        np.testing.assert_array_equal(coarse["test"], coarse["evaluation"])


def test_methods_without_probabilities_leave_no_curves(arrays, tmp_path):
    scoring.score(lambda case: Prediction(case.truth), arrays, "test", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"counts.csv", "surfaces.csv"}
