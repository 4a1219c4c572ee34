import numpy as np
import pytest

from xnet_study.certainty import choices, curves
from xnet_tf import calibration, classes, thresholds
from xnet_tf.thresholds import decide

PIXELS = np.array([[0.5, 0.3, 0.2], [0.2, 0.7, 0.1], [0.1, 0.45, 0.45], [0.05, 0.9, 0.05]])


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (None, [0, 1, 1, 1]),
        (0.0, [1, 1, 1, 1]),
        (0.5, [0, 1, 2, 1]),
        (0.8, [0, 0, 2, 1]),
        (0.95, [0, 0, 2, 0]),
        (1.0, [0, 0, 2, 0]),
    ],
)
def test_decisions_worked_out_by_hand(threshold, expected):
    decided = decide(PIXELS, threshold)
    assert decided.tolist() == expected
    assert decided.dtype == np.uint8


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan])
def test_thresholds_outside_the_unit_interval_are_refused(threshold):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        decide(PIXELS, threshold)


def test_any_class_can_be_guarded():
    assert decide(PIXELS, 0.6, guarded=classes.OPEN_BEAM).tolist() == [1, 1, 1, 1]
    assert decide(PIXELS, 0.4, guarded=classes.BONE).tolist() == [0, 1, 2, 1]


def test_from_one_half_upwards_the_rule_only_takes():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1, 1], 2000)
    likeliest, guarded = decide(probabilities), decide(probabilities, 0.5)
    changed = likeliest != guarded
    assert (likeliest[changed] == classes.SOFT_TISSUE).all()


# A 3x3 picture: probabilities of soft tissue, and the true classes.
TISSUE = np.array([[0.9, 0.8, 0.7], [0.6, 0.55, 0.3], [0.2, 0.1, 0.05]])
TRUTH = np.array([[1, 1, 2], [1, 0, 1], [0, 2, 2]])


def three(tissue):
    return np.stack([(1 - tissue) * 0.7, tissue, (1 - tissue) * 0.3], axis=-1).astype(np.float32)


@pytest.mark.parametrize(
    ("threshold", "found", "given", "beam", "bone"),
    [(0.0, 4, 9, 2, 3), (0.5, 3, 5, 1, 1), (0.65, 2, 3, 0, 1), (0.85, 1, 1, 0, 0), (1, 0, 0, 0, 0)],
)
def test_a_picture_worked_out_by_hand(threshold, found, given, beam, bone):
    curve, pixels = thresholds.curve(three(TISSUE), TRUTH), np.bincount(TRUTH.ravel())
    at = np.searchsorted(calibration.edge(np.arange(calibration.LEVELS)), threshold)
    assert curve[at].tolist() == [beam, found, bone]
    assert thresholds.recall(curve, pixels)[at] == found / 4
    assert thresholds.fdr(curve)[at] == (beam + bone) / max(given, 1)
    assert thresholds.fpr(curve, pixels)[at] == (beam + bone) / 5
    assert thresholds.f1(curve, pixels)[at] == 2 * found / (given + 4)
    assert curves.sources(curve)[at].sum() == (1 if given else 0)


def test_ties_exceed_together_or_not_at_all():
    curve = thresholds.curve(three(np.full((4, 4), 0.75)), np.tile([1, 1, 0, 2], (4, 1)))
    assert {tuple(row) for row in curve.tolist()} == {(4, 8, 4), (0, 0, 0)}


def test_an_absent_class_has_no_recall_and_an_empty_decision_no_false_discovery():
    curve = thresholds.curve(three(TISSUE), np.zeros((3, 3), int))
    assert np.isnan(thresholds.recall(curve, np.array([9, 0, 0]))).all()
    assert thresholds.fdr(curve)[0] == 1
    assert thresholds.fdr(curve)[-1] == 0


@pytest.mark.parametrize("guarded", range(3))
def test_curves_equal_a_full_pass_for_each_threshold(guarded):
    rng = np.random.default_rng(guarded)
    probabilities = rng.dirichlet([0.5, 0.5, 0.5], (30, 30)).astype(np.float32)
    truth = rng.integers(0, 3, (30, 30))
    curve = thresholds.curve(probabilities, truth, guarded)
    for at in rng.integers(20_000, 46_000, 40):
        called = decide(probabilities, float(calibration.edge(at)), guarded) == guarded
        # The decision compares float32 probabilities: one pixel may lie on the edge.
        np.testing.assert_allclose(curve[at], np.bincount(truth[called], minlength=3), atol=1)
    assert (np.diff(thresholds.recall(curve, np.bincount(truth.ravel()))) <= 0).all()
    assert (np.diff(curve, axis=0) <= 0).all()


def test_a_curve_counts_each_level_and_those_above():
    counts = np.zeros((2, 3, calibration.LEVELS), np.int64)
    counts[0, 1, [0, 7]], counts[1, 2, 7] = (5, 2), 4
    curves = thresholds.above(counts)
    assert curves.shape == (2, calibration.LEVELS + 1, 3) and len(thresholds.GRID) == 113
    assert curves[0, [0, 1, 7, 8]].tolist() == [[0, 7, 0], [0, 2, 0], [0, 2, 0], [0, 0, 0]]
    assert curves[1, [0, 7, 8]].tolist() == [[0, 0, 4], [0, 0, 4], [0, 0, 0]]
    for together, alone in zip(curves, counts, strict=True):
        np.testing.assert_array_equal(together, thresholds.above(alone))


def test_choices_of_a_threshold():
    rates = np.array([0.3, 0.04, 0.06, 0.02])
    assert choices.for_fdr(rates, 0.05) == 1
    assert choices.for_fdr(rates, 0.02) == 3
    assert choices.for_fdr(rates, 0.01) == 4, "none: nothing may be called soft tissue"


def test_the_threshold_of_least_cost_is_the_calibrated_one():
    rng = np.random.default_rng(8)
    tissue = rng.random((400, 400))
    truth = (rng.random((400, 400)) < tissue).astype(int)
    curve, pixels = thresholds.curve(three(tissue), truth), np.bincount(truth.ravel(), minlength=3)
    for ratio in (1, 4):
        chosen = calibration.edge(choices.for_cost(curve, pixels, ratio))
        assert chosen == pytest.approx(ratio / (1 + ratio), abs=0.03)


def test_a_parts_threshold_is_drawn_towards_the_common_one():
    assert choices.shrunk(0.9, 0.5, images=9) == 0.5, "too few images"
    assert choices.shrunk(0.9, 0.5, images=20) == pytest.approx(0.75), "half of a logit of log 9"
    assert choices.shrunk(0.9, 0.5, images=10_000) == pytest.approx(0.9, abs=1e-3)
    assert choices.shrunk(1.0, 0.5, images=20) < 1


def test_rates_of_a_curve_by_hand():
    # Of 10, 4 and 6 pixels; 3 of the guarded class and 1 other lie above the second threshold.
    curve, pixels = np.array([[10, 4, 6], [0, 3, 1], [0, 0, 0]]), np.array([10, 4, 6])
    np.testing.assert_allclose(thresholds.recall(curve, pixels), [1, 3 / 4, 0])
    np.testing.assert_allclose(thresholds.fdr(curve), [16 / 20, 1 / 4, 0])
    np.testing.assert_allclose(thresholds.fpr(curve, pixels), [1, 1 / 16, 0])
    np.testing.assert_allclose(thresholds.f1(curve, pixels), [8 / 24, 6 / 8, 0])
    np.testing.assert_allclose(thresholds.recall(curve, pixels, guarded=2), [1, 1 / 6, 0])
    with np.errstate(all="raise"):
        assert np.isnan(thresholds.recall(curve, np.array([10, 0, 6]))).all()
        assert (thresholds.fpr(curve[2:], np.array([0, 4, 0])) == 0).all()
