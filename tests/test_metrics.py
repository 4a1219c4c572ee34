import numpy as np
import pytest
from sklearn import metrics as sk

from xnet_study import evaluate
from xnet_tf import metrics

# Worked out by hand on a 3x3 picture.
TRUTH = np.array([[0, 0, 0], [1, 1, 1], [2, 2, 2]])
GUESS = np.array([[0, 0, 1], [1, 1, 2], [2, 2, 2]])
COUNTS = np.array([[2, 1, 0], [0, 2, 1], [0, 0, 3]])


def random_maps(seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 3, (2, 50, 60))


def test_counts_and_scores_by_hand():
    np.testing.assert_array_equal(metrics.confusion(TRUTH, GUESS), COUNTS)
    assert metrics.accuracy(COUNTS) == pytest.approx(7 / 9)
    np.testing.assert_allclose(metrics.recall(COUNTS), [2 / 3, 2 / 3, 1])
    np.testing.assert_allclose(metrics.precision(COUNTS), [1, 2 / 3, 3 / 4])
    np.testing.assert_allclose(metrics.f1(COUNTS), [4 / 5, 2 / 3, 6 / 7])
    np.testing.assert_allclose(metrics.iou(COUNTS), [2 / 3, 1 / 2, 3 / 4])
    np.testing.assert_allclose(metrics.false_discovery_rate(COUNTS), [0, 1 / 3, 1 / 4])
    assert metrics.macro_f1(COUNTS) == pytest.approx((4 / 5 + 2 / 3 + 6 / 7) / 3)
    assert metrics.balanced_accuracy(COUNTS) == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_dice_by_hand():
    """Twice the overlap over the sum of the sizes: 2 x 2 / 5, 2 x 2 / 6, 2 x 3 / 7."""
    np.testing.assert_allclose(metrics.f1(COUNTS), [4 / 5, 4 / 6, 6 / 7])


def test_weighted_means_by_hand():
    """One pixel of class 0, three of class 1, none of class 2, which is wrongly predicted once."""
    counts = np.array([[1, 0, 0], [1, 1, 1], [0, 0, 0]])
    assert metrics.weighted_f1(counts) == pytest.approx((2 / 3 * 1 + 1 / 2 * 3) / 4)
    assert metrics.weighted(metrics.recall(counts), counts) == pytest.approx((1 + 3 / 3) / 4)
    assert metrics.macro(metrics.recall(counts)) == pytest.approx((1 + 1 / 3) / 2)


@pytest.mark.parametrize("seed", range(3))
def test_scores_agree_with_scikit_learn(seed):
    truth, guess = random_maps(seed)
    counts, flat = metrics.confusion(truth, guess), (truth.ravel(), guess.ravel())
    np.testing.assert_array_equal(counts, sk.confusion_matrix(*flat))
    expected = sk.precision_recall_fscore_support(*flat)
    for ours, theirs in zip(
        (metrics.precision, metrics.recall, metrics.f1), expected, strict=False
    ):
        np.testing.assert_allclose(ours(counts), theirs, atol=1e-9)
    np.testing.assert_allclose(
        metrics.iou(counts), sk.jaccard_score(*flat, average=None), rtol=0, atol=1e-9
    )
    for average, mean in (("macro", metrics.macro), ("weighted", metrics.weighted)):
        for ours, theirs in (
            (metrics.precision, sk.precision_score),
            (metrics.recall, sk.recall_score),
            (metrics.f1, sk.f1_score),
            (metrics.iou, sk.jaccard_score),
        ):
            values = (ours(counts),) if mean is metrics.macro else (ours(counts), counts)
            assert mean(*values) == pytest.approx(theirs(*flat, average=average), abs=1e-9)
    for ours, theirs in (
        (metrics.accuracy, sk.accuracy_score),
        (metrics.balanced_accuracy, sk.balanced_accuracy_score),
    ):
        assert ours(counts) == pytest.approx(theirs(*flat), abs=1e-9)


def test_many_matrices_at_once_are_each_by_itself():
    counts = np.stack([metrics.confusion(*random_maps(seed)) for seed in range(6)])
    counts[0, 2], counts[1, :, 2] = 0, 0  # a class absent, and one never predicted
    for score in (
        metrics.accuracy,
        metrics.balanced_accuracy,
        metrics.f1,
        metrics.iou,
        metrics.macro_f1,
        metrics.precision,
        metrics.recall,
        metrics.weighted_f1,
    ):
        expected = [score(one) for one in counts]
        np.testing.assert_array_equal(score(counts), expected)
        np.testing.assert_array_equal(score(counts.reshape(2, 3, 3, 3))[1, 0], expected[3])


def test_per_image_pooled_and_per_part_by_hand():
    """A large image that is all right, and two small ones of another part, half right."""
    large, small = np.diag([80, 10, 10]), np.array([[2, 2, 0], [0, 0, 0], [2, 0, 2]])
    counts, parts = np.stack([large, small, small]), np.array(["knee", "hand", "hand"])
    assert metrics.accuracy(counts.sum(axis=0)) == pytest.approx(108 / 116)
    assert metrics.macro(metrics.accuracy(counts).T) == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    # Soft tissue has no pixel in the small images: its recall is the large one's.
    np.testing.assert_allclose(metrics.macro(metrics.recall(counts).T), [2 / 3, 1, 2 / 3])
    hands = counts[parts == "hand"].sum(axis=0)
    assert metrics.accuracy(hands) == 0.5
    np.testing.assert_allclose(metrics.recall(hands), [0.5, np.nan, 0.5])


def test_the_constant_predictor_on_half_open_beam():
    """Accuracy calls it half right; the scores that ask every class do not."""
    counts = np.array([[50, 0, 0], [30, 0, 0], [20, 0, 0]])
    assert metrics.accuracy(counts) == 0.5
    assert metrics.balanced_accuracy(counts) == pytest.approx(1 / 3)
    assert metrics.macro_f1(counts) == pytest.approx(2 / 3 / 3)
    assert metrics.weighted_f1(counts) == pytest.approx(1 / 3)


def test_counts_add_up():
    truth, guess = random_maps()
    halves = metrics.confusion(truth[:20], guess[:20]) + metrics.confusion(truth[20:], guess[20:])
    np.testing.assert_array_equal(halves, metrics.confusion(truth, guess))


def test_absent_classes_have_no_score_and_do_not_count():
    counts = metrics.confusion([0, 0, 1], [0, 1, 1])
    assert np.isnan(metrics.recall(counts)[2])
    assert np.isnan(metrics.f1(counts)[2])
    assert metrics.macro_f1(counts) == pytest.approx(2 / 3)


def test_a_class_that_is_only_predicted_counts_as_zero():
    counts = metrics.confusion([0, 0, 1], [0, 2, 1])
    assert np.isnan(metrics.recall(counts)[2])
    assert metrics.f1(counts)[2] == 0


def test_wrong_shapes_and_ids_are_refused():
    with pytest.raises(ValueError, match="shape"):
        metrics.confusion([0, 1], [0])
    for wrong in (3, -1):
        with pytest.raises(ValueError, match="0 to 2"):
            metrics.confusion([0, wrong], [0, 1])


def test_auc_by_hand_and_by_scikit_learn():
    truth = np.array([0, 0, 1, 1])
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
    # Of the four pairs of one positive and one negative pixel, three are in the right order.
    np.testing.assert_allclose(metrics.auc(truth, scores), [0.75, 0.75])
    assert np.isnan(metrics.auc(np.zeros(4, int), scores)).all()


def test_roc_keeps_its_ends_and_its_area():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 5000) == 1
    scores = truth + rng.normal(0, 1, 5000)
    false, true = evaluate.roc(truth, scores, points=100)
    assert len(false) <= 100
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(sk.roc_auc_score(truth, scores), abs=2e-3)


def test_interval_resamples_subjects_and_not_images():
    # Two subjects, each with ten equal images: resampling images would claim near certainty.
    good, bad = np.diag([9, 9, 9]), np.array([[3, 6, 0], [0, 3, 6], [6, 0, 3]])
    counts = np.stack([good] * 10 + [bad] * 10)
    subjects = np.array(["a"] * 10 + ["b"] * 10)
    value, low, high = metrics.interval(counts, subjects, metrics.accuracy)
    assert value == pytest.approx(2 / 3)
    assert low <= 0.34
    assert high >= 0.99


def test_paired_difference_cancels_what_both_share():
    rng = np.random.default_rng(1)
    right = rng.integers(50, 90, 30)
    better = np.stack([np.diag([r, r, r]) + np.full((3, 3), 5) for r in right])
    worse = np.stack([np.diag([r, r, r]) + np.full((3, 3), 7) for r in right])
    subjects = np.arange(30).astype(str)
    value, low, high = metrics.interval(better, subjects, metrics.macro_f1, other=worse)
    assert low < value < high
    assert low > 0
    _, alone_low, alone_high = metrics.interval(better, subjects, metrics.macro_f1)
    assert high - low < alone_high - alone_low


def test_one_subject_has_no_interval():
    value, low, high = metrics.interval(COUNTS[None], np.array(["a"]), metrics.accuracy)
    assert value == pytest.approx(7 / 9)
    assert np.isnan([low, high]).all()


def test_pixels_without_label_count_in_no_score():
    """A 3x3 picture: of five labelled pixels four are right."""
    truth = np.array([[0, 0, 255], [1, 255, 255], [1, 1, 255]])
    guess = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    counts = metrics.confusion(truth, guess, 2)
    assert counts.tolist() == [[1, 1], [0, 3]]
    assert metrics.accuracy(counts) == 0.8
    assert metrics.macro_f1(counts) == pytest.approx((2 / 3 + 6 / 7) / 2)


def test_counts_have_the_names_of_their_columns():
    row = metrics.counts_row(TRUTH, GUESS, ("a", "b", "c"))
    assert {name: count for name, count in row.items() if count} == {
        "a as a": 2, "a as b": 1, "b as b": 2, "b as c": 1, "c as c": 3,
    }  # fmt: skip
    assert len(row) == 9


def test_the_area_under_roc_by_hand():
    # The one pixel of class 1 lies above two of the three others; class 2 is absent.
    probabilities = np.array([[0.6, 0.4, 0], [0.2, 0.8, 0], [0.5, 0.5, 0], [0.9, 0.1, 0]])
    areas = metrics.auc(np.array([0, 0, 1, 0]), probabilities)
    np.testing.assert_allclose(areas, [2 / 3, 2 / 3, np.nan])
