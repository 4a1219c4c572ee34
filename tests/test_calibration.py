import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from xnet_study.certainty import recalibration
from xnet_tf import calibration


def drawn(n=400_000, seed=0, change=lambda p: p):
    """Counts of pixels that are of the class with a changed probability."""
    rng = np.random.default_rng(seed)
    level = calibration.levels(rng.normal(0, 2.5, n).astype(np.float32))
    return calibration.count(level, rng.random(n) < change(calibration.PROBABILITIES[level]))


def softmax_pixels(n=100_000, seed=1, temperature=1.0):
    """Probabilities (N, 3) and classes that follow them at a temperature."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(0, 2, (n, 3))
    shares = [
        np.exp(r - np.logaddexp.reduce(r, axis=1, keepdims=True)) for r in (raw, raw / temperature)
    ]
    truth = (rng.random((n, 1)) > shares[1].cumsum(axis=1)).sum(axis=1)
    return shares[0].astype(np.float32), np.minimum(truth, 2)


def class_counts(probabilities, truth):
    level = calibration.levels(calibration.logits(probabilities))
    return np.stack([calibration.count(level[:, k], truth, 3) for k in range(3)])


def test_levels_hold_what_exceeds_their_edge():
    x = np.float32([-20, -16, -calibration.STEP, 0, 1e-5, calibration.STEP, 15.9999, 20])
    assert calibration.levels(x).tolist() == [0, 0, 32766, 32767, 32768, 32768, 65535, 65535]
    edges = calibration.edge(np.arange(1, 65536))
    reached = calibration.levels(calibration.logits(np.stack([1 - edges, edges], axis=-1)))[:, 1]
    np.testing.assert_allclose(reached, np.arange(1, 65536), atol=1)


def test_logits_keep_their_precision_where_the_network_is_sure():
    sure = np.float32([[1.0, 1e-10, 1e-12]])
    expected = -np.log(1e-10 + 1e-12)
    assert calibration.logits(sure)[0, 0] == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(calibration.logits(np.float32([[1, 0, 0]]))).all()


def test_a_toy_worked_out_by_hand():
    # Four pixels at 3/4, of which two are of the class; four at 1/4, of which one is.
    high, low = calibration.levels(np.log(np.float32([3, 1 / 3])))
    counts = calibration.count(np.repeat([high, low], 4), np.array([1, 1, 0, 0, 1, 0, 0, 0]))
    sums = calibration.bin_sums(counts, calibration.equal_width(2))
    np.testing.assert_allclose(sums, [[4, 1, 1], [4, 2, 3]], atol=1e-3)
    assert calibration.ece(sums) == pytest.approx((4 * 0 + 4 * 0.25) / 8, abs=1e-3)
    assert recalibration.mce(sums) == pytest.approx(0.25, abs=1e-3)
    assert recalibration.ks(counts) == pytest.approx(1 / 8, abs=1e-3)
    squares = 2 * (1 / 16) + 2 * (9 / 16) + 1 * (9 / 16) + 3 * (1 / 16)
    assert recalibration.brier(counts) == pytest.approx(squares / 8, abs=1e-3)
    # Best map: 1/2 and 1/4. Discrimination is their spread about the share 3/8.
    miscalibration, discrimination, uncertainty = recalibration.brier_parts(counts)
    assert miscalibration == pytest.approx(0.5 * 0.25**2, abs=1e-3)
    assert discrimination == pytest.approx((1 / 8) ** 2, abs=1e-9)
    assert uncertainty == pytest.approx(3 / 8 * 5 / 8)


def test_perfect_calibration_scores_zero_within_sampling_error():
    counts = drawn()
    # A bin's share errs by sqrt(p (1 - p) / n): about 0.003 for 400,000 pixels in 15 bins.
    for bounds in (calibration.equal_width(), recalibration.equal_mass(counts)):
        assert calibration.ece(calibration.bin_sums(counts, bounds)) < 0.003
        assert recalibration.mce(calibration.bin_sums(counts, bounds)) < 0.01
    assert recalibration.ks(counts) < 0.002
    assert recalibration.brier_parts(counts)[0] < 5e-4


@pytest.mark.parametrize("bias", [0.05, -0.1])
def test_a_known_bias_is_the_ece(bias):
    rng = np.random.default_rng(3)
    level = calibration.levels(rng.uniform(-1.2, 1.2, 400_000).astype(np.float32))
    truth = rng.random(len(level)) < calibration.PROBABILITIES[level] + bias
    counts = calibration.count(level, truth)
    assert calibration.ece(
        calibration.bin_sums(counts, calibration.equal_width())
    ) == pytest.approx(abs(bias), abs=3e-3)
    assert recalibration.ks(counts) == pytest.approx(abs(bias), abs=3e-3)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_bins_agree_with_scikit_learn(strategy):
    rng = np.random.default_rng(5)
    level = calibration.levels(rng.normal(0, 2, 5000).astype(np.float32))
    truth = rng.random(5000) < 0.5
    counts = calibration.count(level, truth)
    bounds = (
        calibration.equal_width() if strategy == "uniform" else recalibration.equal_mass(counts)
    )
    sums = calibration.bin_sums(counts, bounds)
    sums = sums[sums[:, 0] > 0]
    if strategy == "uniform":
        shares, means = calibration_curve(
            truth, calibration.PROBABILITIES[level], n_bins=calibration.BINS
        )
        np.testing.assert_allclose(sums[:, 1] / sums[:, 0], shares, atol=1e-9, rtol=0)
        np.testing.assert_allclose(sums[:, 2] / sums[:, 0], means, atol=1e-9, rtol=0)
    else:
        assert len(sums) == calibration.BINS
        assert np.ptp(sums[:, 0]) <= 0.02 * 5000


def test_streamed_scores_are_those_of_memory_at_the_resolution():
    probabilities, truth = softmax_pixels(temperature=2.0)
    streamed = sum(
        class_counts(p, t)
        for p, t in zip(np.array_split(probabilities, 7), np.array_split(truth, 7), strict=True)
    )
    np.testing.assert_array_equal(streamed, class_counts(probabilities, truth))
    hit = np.eye(3)[truth]
    log_likelihood = -np.log(probabilities[np.arange(len(truth)), truth]).mean()
    assert recalibration.nll(streamed) == pytest.approx(log_likelihood, abs=calibration.STEP / 2)
    exact = ((probabilities - hit) ** 2).sum(axis=1).mean()
    assert recalibration.multiclass_brier(streamed) == pytest.approx(
        exact, abs=calibration.STEP / 2
    )


def test_brier_parts_add_up():
    counts = drawn(20_000, change=lambda p: p**2)
    miscalibration, discrimination, uncertainty = recalibration.brier_parts(counts)
    assert miscalibration - discrimination + uncertainty == pytest.approx(
        recalibration.brier(counts)
    )
    assert miscalibration > 0.01
    assert 0 < discrimination < uncertainty


def test_the_monotone_map_recovers_a_known_distortion():
    counts = drawn(change=lambda p: p**2)
    fitted = recalibration.recalibrated(counts)
    assert (np.diff(fitted) >= 0).all()
    middle = slice(*np.searchsorted(calibration.PROBABILITIES, (0.2, 0.9)))
    np.testing.assert_allclose(fitted[middle], calibration.PROBABILITIES[middle] ** 2, atol=0.03)


def test_a_class_that_is_absent_has_scores():
    counts = calibration.count(np.array([10, 40_000]), np.array([0, 0]))
    assert recalibration.brier_parts(counts)[2] == 0
    assert np.isfinite(recalibration.ks(counts))


def test_the_papers_network_confidence_by_hand():
    probabilities = np.array([[[7, 2, 1], [1, 6, 3]], [[2, 5, 3], [3, 3, 4]]]) / 10
    sums = calibration.network_confidence(probabilities, np.array([[0, 2], [1, 2]]))
    np.testing.assert_allclose(sums, [[1, 1, 0.7], [2, 1, 1.1], [1, 1, 0.4]])


def test_a_diagram_of_two_pixels_of_two_subjects():
    # Resampled subjects are both right, one of them, or none; the second bin is empty.
    sums = np.array([[[1, 1, 0.5], [0, 0, 0]], [[1, 0, 0.4], [0, 0, 0]]], float)
    (row,) = calibration.diagram(sums).itertuples()
    assert (row.bin, row.pixels, row.low, row.high) == (0, 2, 0.0, 1.0)
    assert (row.confidence, row.accuracy) == (pytest.approx(0.45), pytest.approx(0.5))


def test_scaled_probabilities_by_hand():
    # Squared and, for the second class, three times as likely: 4, 1 x 3, 1 of 8.
    scaling = calibration.Scaling((2.0,), (0.0, float(np.log(3)), 0.0))
    scaled = scaling(np.array([[0.5, 0.25, 0.25]]))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, [[4 / 8, 3 / 8, 1 / 8]], rtol=1e-5)
    # The mean of log 2 and log 8.
    logs = np.log([[0.5, 0.5], [0.125, 0.875]])
    assert calibration.mean_nll(logs, np.array([1, 0])) == pytest.approx(np.log(16) / 2)
