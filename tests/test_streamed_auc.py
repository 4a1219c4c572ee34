import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from xnet_study.comparison import streamed_auc
from xnet_tf import calibration, metrics


def images(n=5, side=60, seed=0):
    """Random probabilities, and classes that follow them."""
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        given = rng.dirichlet([0.3, 0.5, 0.4], (side, side)).astype(np.float32)
        truth = (rng.random((side, side, 1)) > given.cumsum(axis=-1)).sum(axis=-1)
        yield np.minimum(truth, 2).astype(np.uint8), given


def pooled():
    truth, given = zip(*images(), strict=True)
    return np.concatenate(truth).ravel(), np.concatenate(given).reshape(-1, 3)


@pytest.fixture(scope="module")
def counts():
    return sum(streamed_auc.counts(truth, given) for truth, given in images())


def tied(counts):
    """Share of pairs of a positive and a negative that meet in a level."""
    meeting = (counts[..., 0, :] * counts[..., 1, :]).sum(axis=-1)
    return meeting / counts.sum(axis=-1).prod(axis=-1)


def test_areas_are_scikit_learns_on_the_levels(counts):
    truth, given = pooled()
    level = calibration.levels(calibration.logits(given))
    expected = [roc_auc_score(truth == k, level[:, k]) for k in range(3)]
    np.testing.assert_allclose(streamed_auc.area(counts), expected, rtol=0, atol=1e-12)


def test_areas_are_those_in_memory_at_the_resolution_of_the_levels(counts):
    off = np.abs(streamed_auc.area(counts) - metrics.auc(*pooled()))
    assert (off <= tied(counts) / 2 + 1e-12).all()
    assert off.max() < 1e-5


def test_the_area_of_coarse_counts_is_near(counts):
    coarse = streamed_auc.coarse(counts)
    assert coarse.shape == (3, 2, 256)
    np.testing.assert_array_equal(coarse[2, 1, 7], counts[2, 1, 7 * 256 : 8 * 256].sum())
    off = np.abs(streamed_auc.area(coarse) - streamed_auc.area(counts))
    assert (off <= tied(coarse) / 2).all()
    assert off.max() < 1e-3


def test_area_by_hand():
    # Negatives at levels 0, 1 and 2, positives at 1, 2 and 2. Of the nine pairs the positive wins
    # 1 + 2 + 2, and ties 1 + 1 + 1: (5 + 3 / 2) / 9.
    assert streamed_auc.area(np.array([[1, 1, 1], [0, 1, 2]])) == pytest.approx(6.5 / 9)
    assert streamed_auc.area(np.array([[4, 0], [0, 4]])) == 1
    assert streamed_auc.area(np.array([[0, 4], [4, 0]])) == 0
    assert np.isnan(streamed_auc.area(np.array([[4, 1], [0, 0]])))


def test_a_constant_score_has_half_the_area():
    counts = streamed_auc.counts(np.array([0, 1, 2, 2]), np.full((4, 3), 1 / 3))
    np.testing.assert_array_equal(streamed_auc.area(counts), [0.5, 0.5, 0.5])


def test_curve_is_scikit_learns(counts):
    truth, given = pooled()
    level = calibration.levels(calibration.logits(given))[:, 1].astype(int)
    false, true, _ = roc_curve(truth == 1, level, drop_intermediate=False)
    ours = streamed_auc.curve(counts[1])
    np.testing.assert_allclose(ours, (false, true), rtol=0, atol=1e-12)
    assert np.trapezoid(ours[1], ours[0]) == pytest.approx(streamed_auc.area(counts)[1], abs=1e-12)


def test_shapes_that_do_not_fit_are_refused():
    for given in (np.zeros((2, 3)), np.zeros((3, 3, 3))):
        with pytest.raises(ValueError, match=r"truth \(3,\) and probabilities .* differ"):
            streamed_auc.counts(np.zeros(3, int), given)
