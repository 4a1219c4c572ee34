import dataclasses

import numpy as np
import pytest

from xnet_study.comparison import scoring, surfaces
from xnet_study.comparison.scoring import Prediction
from xnet_tf import dataset, metrics


@pytest.fixture(scope="module")
def arrays(data_folder):
    return dataset.read_arrays(dataset.load(data_folder), "test", 32)


def unsure(case):
    """Probabilities that prefer the truth, but not by much; labels that are all bone."""
    probabilities = np.full((*case.truth.shape, 3), 0.3, np.float32)
    np.put_along_axis(probabilities, case.truth[..., None].astype(int), 0.4, axis=-1)
    return Prediction(np.full_like(case.truth, 2), probabilities)


def test_numbers_are_those_of_each_image(arrays):
    scored = scoring.score(unsure, arrays, "test")
    expected = [metrics.confusion(truth, np.full_like(truth, 2)) for truth in arrays.labels]
    np.testing.assert_array_equal(scored.confusion, expected)
    first = surfaces.scores(arrays.labels[0], np.full_like(arrays.labels[0], 2))
    for k, name in enumerate(("nsd1", "nsd2", "hd95")):
        found = scored.surfaces[0, k]
        np.testing.assert_allclose(found, [row[name] for row in first], rtol=1e-3)
    np.testing.assert_allclose(scored.areas, 1)
    assert scored.levels.shape == (3, 2, 256)
    assert (scored.levels.sum(axis=(1, 2)) == 32 * 32 * len(arrays.images)).all()
    assert len(scored.labels) == len(arrays.images) and scored.milliseconds > 0


def test_what_fills_a_square_up_is_neither_shown_nor_counted(arrays):
    """All that is filled up is bone and would be right."""
    filled = dataclasses.replace(arrays, labels=arrays.labels.copy(), sizes=np.full((4, 2), 32))
    filled.sizes[0] = 20, 32
    filled.labels[0, 20:] = 2
    shown = []

    def segment(case):
        shown.append((case.image.shape, case.truth.shape))
        return unsure(case)

    scored = scoring.score(segment, filled, "test")
    assert shown[1:3] == [((20, 32, 1), (20, 32)), ((32, 32, 1), (32, 32))]
    truth = arrays.labels[0, :20]
    expected = metrics.confusion(truth, np.full_like(truth, 2))
    np.testing.assert_array_equal(scored.confusion[0], expected)
    distances = [row["hd95"] for row in surfaces.scores(truth, np.full_like(truth, 2))]
    np.testing.assert_allclose(scored.surfaces[0, 2], distances, rtol=1e-3)
    np.testing.assert_allclose(scored.areas, 1)


def test_methods_without_probabilities_leave_no_curves(arrays):
    scored = scoring.score(lambda case: Prediction(case.truth), arrays, "test")
    assert scored.levels is None and scored.areas is None
    assert scored.confusion.sum() == scored.confusion.trace(axis1=1, axis2=2).sum()
