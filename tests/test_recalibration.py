import numpy as np
import pytest
from test_calibration import class_counts, softmax_pixels

from xnet_study.certainty import recalibration
from xnet_tf import calibration

FITS = {"temperature": calibration.fit_temperature, "vector": recalibration.fit_vector}


@pytest.mark.parametrize("temperature", [0.5, 1.7, 3.0])
def test_a_known_temperature_is_recovered_to_one_percent(temperature):
    probabilities, truth = softmax_pixels(300_000, temperature=temperature)
    found = calibration.fit_temperature(probabilities, truth)
    assert 1 / found.factors[0] == pytest.approx(temperature, rel=0.01)
    assert found.biases == (0, 0, 0)


def test_temperature_keeps_every_decision():
    probabilities, truth = softmax_pixels(20_000, temperature=2.0)
    scaled = calibration.fit_temperature(probabilities, truth)(probabilities)
    np.testing.assert_array_equal(scaled.argmax(axis=1), probabilities.argmax(axis=1))
    np.testing.assert_allclose(scaled.sum(axis=1), 1, atol=1e-5)
    assert scaled.max(axis=1).mean() < probabilities.max(axis=1).mean(), "less sure"


def test_vector_scaling_recovers_known_factors_and_biases():
    probabilities, _ = softmax_pixels(50_000)
    factors, biases = np.array([0.6, 0.9, 1.2]), np.array([0.4, -0.5, 0.1])
    true = calibration.Scaling(tuple(factors), tuple(biases))(probabilities)
    rng = np.random.default_rng(2)
    truth = np.minimum((rng.random((len(true), 1)) > true.cumsum(axis=1)).sum(axis=1), 2)
    found = recalibration.fit_vector(probabilities, truth)
    np.testing.assert_allclose(found.factors, factors, atol=0.03)
    np.testing.assert_allclose(found.biases, biases, atol=0.03)


@pytest.mark.parametrize("fit", ["temperature", "vector", "isotonic"])
def test_every_kind_improves_an_over_sure_network(fit):
    probabilities, truth = softmax_pixels(temperature=2.0)
    before = class_counts(probabilities, truth)
    if fit == "isotonic":
        change = recalibration.fit_isotonic(before)
    else:
        change = FITS[fit](probabilities, truth)
    fresh, fresh_truth = softmax_pixels(seed=9, temperature=2.0)
    after = class_counts(change(fresh), fresh_truth)
    assert recalibration.nll(after) < recalibration.nll(class_counts(fresh, fresh_truth)) - 0.05
    for k in range(3):
        sums = calibration.bin_sums(
            recalibration.against_rest(after[k], k), calibration.equal_width()
        )
        assert calibration.ece(sums) < 0.02


def test_isotonic_is_never_certain():
    probabilities = np.float32([[0.98, 0.01, 0.01], [0.01, 0.98, 0.01], [0.01, 0.01, 0.98]])
    change = recalibration.fit_isotonic(class_counts(probabilities, np.arange(3)))
    changed = change(probabilities)
    assert 0.999 < changed.max() < 1
    np.testing.assert_allclose(changed.sum(axis=1), 1, rtol=1e-6)
