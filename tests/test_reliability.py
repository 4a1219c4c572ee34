import numpy as np
import pytest

from xnet_study.certainty import selective, streaming
from xnet_tf import calibration, metrics


def counts_of(levels, right):
    return calibration.count(np.array(levels), np.array(right, int))


def brute_aurc(levels, right):
    """Mean over random orders of equal levels, worked out pixel by pixel."""
    rng, areas = np.random.default_rng(0), []
    for _ in range(4000):
        order = np.lexsort((rng.random(len(levels)), -np.array(levels)))
        wrong = 1 - np.array(right)[order]
        areas.append((wrong.cumsum() / np.arange(1, len(wrong) + 1)).mean())
    return np.mean(areas)


def test_aurc_by_hand_and_with_ties():
    # Surest first: right, wrong, right. Risks 0, 1/2, 1/3.
    assert selective.aurc(counts_of([9, 8, 7], [1, 0, 1])) == pytest.approx((1 / 2 + 1 / 3) / 3)
    levels, right = [5, 5, 5, 5, 3, 3, 9], [1, 0, 1, 1, 0, 1, 1]
    expected = brute_aurc(levels, right)
    assert selective.aurc(counts_of(levels, right)) == pytest.approx(expected, abs=3e-3)
    alike = counts_of([4] * 10, [1] * 7 + [0] * 3)
    assert selective.aurc(alike) == pytest.approx(0.3), "no order: the error rate"


def test_coverage_lies_between_oracle_and_the_whole():
    rng = np.random.default_rng(1)
    level = rng.integers(0, calibration.LEVELS, 5000)
    right = rng.random(5000) < level / calibration.LEVELS
    table = selective.coverage(counts_of(level, right))
    assert (table["oracle"] <= table["risk"] + 1e-12).all()
    assert table["risk"].iloc[-1] == pytest.approx(table["random"].iloc[0])
    area = table["risk"].mean()
    assert selective.aurc(counts_of(level, right)) == pytest.approx(area, abs=5e-3)


def test_images_are_taken_in_the_order_of_their_confidence():
    table = selective.image_coverage(np.array([0.5, 0.9, 0.7]), np.array([0.3, 0.0, 0.6]))
    np.testing.assert_allclose(table["risk"], [0, 0.3, 0.3])
    np.testing.assert_allclose(table["oracle"], [0, 0.15, 0.3])


def test_network_confidence_as_the_paper_defines_it():
    probabilities = np.array([[0.8, 0.1, 0.1], [0.6, 0.4, 0.0], [0.2, 0.7, 0.1], [0.1, 0.5, 0.4]])
    sums = calibration.network_confidence(probabilities, np.array([0, 1, 1, 2]))
    np.testing.assert_allclose(sums, [[2, 1, 1.4], [2, 1, 1.2], [0, 0, 0]])


def test_diagram_resamples_subjects():
    # Two subjects, one always right and one always wrong: resampled pixels would claim certainty.
    sums = np.zeros((2, 3, 3))
    sums[:, 1] = [[1000, 1000, 500], [1000, 0, 500]]
    table = calibration.diagram(sums)
    assert table["bin"].tolist() == [1]
    row = table.iloc[0]
    assert (row["pixels"], row["confidence"], row["accuracy"]) == (2000, 0.5, 0.5)
    assert (row["low"], row["high"]) == (0, 1)


def test_bins_of_an_image_are_those_of_its_counts():
    rng = np.random.default_rng(2)
    level = rng.integers(0, calibration.LEVELS, 3000).astype(np.uint16)
    right = rng.random(3000) < 0.7
    expected = calibration.bin_sums(counts_of(level, right), calibration.equal_width())
    np.testing.assert_allclose(streaming.image_bins(level, right), expected, rtol=1e-9)


def test_subjects_add_up_their_images():
    total = metrics.by_subject(np.array([[1.0], [2.0], [4.0]]), np.array(["b", "a", "b"]))[1]
    assert total.tolist() == [[2.0], [5.0]]
