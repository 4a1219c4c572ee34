import functools
import math

import numpy as np
import pytest

from xnet_study.certainty import guarantees


def test_on_a_flawless_sample_the_gambler_soon_stakes_everything():
    assert guarantees.betting(np.zeros((30, 1)), 0.1)[0] == pytest.approx(1.1**-30, rel=0.02)
    assert guarantees.betting(np.full((30, 1), 0.2), 0.1)[0] == 1, (
        "a mean above the target is no evidence"
    )


def test_betting_by_hand():
    # Two subjects: stakes are sqrt(2 log(20) / (2 * spread)), at most 1; spread begins at 1/4.
    losses = np.array([[0.0], [0.5]])
    assert guarantees.betting(losses, 0.3)[0] == pytest.approx(1 / (1.3 * 0.8)), "in either order"


def test_the_test_gives_one_answer_in_any_order_of_input():
    """Parts with small losses first would win at once, with large ones first lose at once."""
    rng = np.random.default_rng(0)
    losses = np.clip(rng.gamma(0.5, [[0.02]] * 300 + [[0.15]] * 300, (600, 1)), 0, 1) * [1, 0.7]
    easy_first, hard_first = np.sort(losses, axis=0), np.sort(losses, axis=0)[::-1]
    expected = guarantees.betting(losses, 0.06)
    for ordered in (easy_first, hard_first, rng.permutation(losses)):
        np.testing.assert_array_equal(guarantees.betting(ordered, 0.06), expected)
    assert guarantees.learn_then_test(easy_first, 0.06) == guarantees.learn_then_test(
        hard_first, 0.06
    )


@pytest.mark.parametrize("spread", ["coin", "narrow"])
def test_p_values_are_small_by_chance_alone_as_seldom_as_they_should(spread):
    # The worst case of "exceeds": a mean that equals the target.
    rng = np.random.default_rng(1)
    draws = rng.random((200, 2000))
    losses = (draws < 0.1).astype(float) if spread == "coin" else 0.2 * draws
    # Sorted, as names may sort subjects by how hard their body parts are.
    samples = np.sort(losses, axis=0).T[..., None]
    small = np.mean([guarantees.betting(s, 0.1, orders=5)[0] <= 0.05 for s in samples])
    assert small <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)


def test_betting_sees_a_narrow_spread():
    losses = np.random.default_rng(2).uniform(0, 0.06, (300, 1))
    # Hoeffding's bound knows the mean alone: exp(-300 kl(0.03, 0.05)).
    divergence = 0.03 * math.log(0.03 / 0.05) + 0.97 * math.log(0.97 / 0.95)
    assert guarantees.betting(losses, 0.05)[0] < 0.05 < math.exp(-300 * divergence)


def test_the_sequence_stops_at_the_first_failure():
    # Losses at four rising thresholds: the lowest looks good by chance, the one above it is bad.
    losses = np.tile([0.0, 0.9, 0.0, 0.0], (200, 1))
    assert guarantees.learn_then_test(losses, 0.1) == 2
    assert guarantees.naive(losses, 0.1) == 0
    assert guarantees.conformal(losses, 0.1) == 2, "the running maximum remembers it"
    assert guarantees.learn_then_test(np.zeros((200, 3)), 0.1) == 0
    assert guarantees.learn_then_test(np.ones((200, 3)), 0.1) is None
    assert guarantees.conformal(np.ones((200, 3)), 0.1) is None
    assert guarantees.naive(np.ones((200, 3)), 0.1) is None


def test_conformal_by_hand():
    losses = np.array([[0.4, 0.1, 0.0], [0.2, 0.3, 0.0], [0.0, 0.0, 0.0]])
    # Running maxima sum to 0.7, 0.4 and 0; with the one to come: 1.7 / 4, 1.4 / 4, 1 / 4.
    assert guarantees.conformal(losses, 0.42) == 1
    assert guarantees.conformal(losses, 0.43) == 0
    assert guarantees.conformal(losses, 0.34) == 2
    assert guarantees.conformal(losses, 0.24) is None


@pytest.mark.parametrize(
    ("target", "delta", "number"),
    [
        (0.005, None, 199),
        (0.05, None, 19),
        (0.005, 0.05, 614),
        (0.05, 0.05, 63),
        (0.2, 0.05, 17),
    ],
)
def test_subjects_that_a_promise_needs(target, delta, number):
    assert guarantees.needed(target, delta) == number


def test_needed_is_what_the_methods_need():
    for number, possible in ((198, False), (199, True)):
        assert (guarantees.conformal(np.zeros((number, 1)), 0.005) is not None) == possible
    for number, possible in ((613, False), (614, True)):
        found = guarantees.learn_then_test(np.zeros((number, 1)), 0.005, 0.05)
        assert (found is not None) == possible
    # 23 images: no bound below 1 in 24, which is 4.2 %.
    assert guarantees.needed(1 / 24) == 23 < guarantees.needed(0.041)


def world(n=400, seed=4):
    """Losses that fall with the threshold, not monotonically, and recalls that fall."""
    rng = np.random.default_rng(seed)
    scale = np.linspace(0.2, 0.005, 25)
    losses = np.clip(rng.gamma(0.5, 2 * scale, (n, 25)), 0, 1)
    recalls = np.tile(np.linspace(1, 0.2, 25), (n, 1))
    return guarantees.Subjects(losses, recalls, np.zeros((n, 25), bool))


def test_learn_then_test_holds_its_promise_over_random_draws():
    choose = functools.partial(guarantees.learn_then_test, target=0.1, delta=0.1)
    trials = guarantees.trial(world(), choose, 200, 300, replace=True)
    assert (trials["risk"] <= 0.1).mean() >= 0.9
    assert 0.2 < trials["recall"].mean() < 1
    assert trials["refused"].mean() == 0


def test_conformal_holds_in_the_mean_and_the_naive_choice_breaks():
    kept = guarantees.trial(world(), functools.partial(guarantees.conformal, target=0.1), 200, 200)
    assert kept["risk"].mean() <= 0.1
    choose = functools.partial(guarantees.naive, target=0.1)
    broken = guarantees.trial(world(), choose, 50, 300, replace=True)
    assert (broken["risk"] > 0.1).mean() > 0.3
    assert broken["recall"].mean() > kept["recall"].mean()


def test_a_refused_target_calls_nothing_soft_tissue():
    trials = guarantees.trial(world(50), lambda losses: None, 20, 5)
    assert (trials["refused"] == 1).all() and (trials["abstained"] == 1).all()
    assert (trials["risk"] == 0).all() and (trials["recall"] == 0).all()
