import numpy as np
import pytest
import scipy.stats

from xnet_study.comparison import intervals
from xnet_tf import metrics


def some_counts(subjects=30, seed=0):
    """Confusion counts of subjects of one to three images, for two methods."""
    rng = np.random.default_rng(seed)
    names = np.repeat(np.arange(subjects), rng.integers(1, 4, subjects)).astype(str)
    skill = rng.uniform(2, 9, (subjects, 1, 1))[names.astype(int)]
    shares = np.eye(3) * skill + rng.uniform(0.2, 1.5, (2, len(names), 3, 3))
    return rng.poisson(1000 * shares), names


def many(counts):
    return np.stack([metrics.accuracy(counts), metrics.macro_f1(counts)], axis=-1)


def scipys(counts, names, statistic, seed=1):
    """Estimate and BCa bounds by SciPy, of counts ``(N, M, C, C)`` of M methods."""
    sums = metrics.by_subject(counts, names)[1]
    bounds = scipy.stats.bootstrap(
        (np.arange(len(sums)),),
        lambda index: statistic(sums[index].sum(axis=0)),
        n_resamples=metrics.RESAMPLES,
        method="BCa",
        vectorized=False,
        rng=np.random.Generator(np.random.Philox(seed)),
    ).confidence_interval
    return statistic(sums.sum(axis=0)), bounds.low, bounds.high


@pytest.mark.parametrize("subjects", [20, 300])
def test_bounds_are_scipys(subjects):
    (counts, _), names = some_counts(subjects)
    _, sums = metrics.by_subject(counts, names)
    ours = metrics.bootstrap(sums, many)
    bounds = ours.bca()
    for q, score in enumerate((metrics.accuracy, metrics.macro_f1)):
        expected = scipys(counts[:, None], names, lambda totals, of=score: of(totals[0]))
        np.testing.assert_allclose([ours.estimate[q], *bounds[q]], expected, rtol=0, atol=1e-12)


def test_bounds_of_paired_differences_are_scipys():
    (own, other), names = some_counts(seed=1)
    _, sums = metrics.by_subject(np.stack([own, other], axis=1), names)

    def difference(totals):
        return (metrics.macro_f1(totals[:, 0]) - metrics.macro_f1(totals[:, 1]))[:, None]

    ours = metrics.bootstrap(sums, difference, seed=5)
    both = np.stack([own, other], axis=1)
    expected = scipys(both, names, lambda t: metrics.macro_f1(t[0]) - metrics.macro_f1(t[1]), 5)
    np.testing.assert_allclose([*ours.estimate, *ours.bca()[0]], expected, rtol=0, atol=1e-12)
    single = metrics.interval(own, names, metrics.macro_f1, other=other, seed=5)
    np.testing.assert_allclose(single, expected, rtol=0, atol=1e-12)


def mean(totals):
    return totals[:, :1] / totals[:, 1:]


def sample(values):
    return np.stack([values, np.ones_like(values)], axis=1)


def test_p_value_is_below_a_level_where_the_interval_excludes_zero():
    rng = np.random.default_rng(3)
    seen = set()
    for shift in np.linspace(0, 0.8, 25):
        found = metrics.bootstrap(sample(rng.exponential(1, 40) - 1 + shift), mean)
        p = intervals.p_value(found)[0]
        for level in (0.9, 0.95, 0.99):
            if abs(p - (1 - level)) < 0.004:  # the bound is at 0 up to one resample
                continue
            low, high = found.bca(level)[0]
            excluded = low > 0 or high < 0
            assert excluded == (p < 1 - level)
            seen.add(excluded)
    assert seen == {True, False}


def test_p_value_of_a_mean_is_near_that_of_the_t_test():
    from scipy.stats import ttest_1samp

    rng = np.random.default_rng(0)
    values = rng.normal(0.12, 1, 200)
    found = metrics.bootstrap(sample(values), mean, resamples=20_000)
    expected = ttest_1samp(values, 0).pvalue
    assert 0.01 < expected < 0.2
    assert intervals.p_value(found)[0] == pytest.approx(expected, rel=0.2)


def test_p_value_is_no_smaller_than_the_resamples_can_show():
    found = metrics.bootstrap(sample(np.linspace(1, 2, 30)), mean, resamples=999)
    assert 2 / 1000 <= intervals.p_value(found)[0] < 3 / 1000


def test_p_value_of_a_mean_that_one_subject_makes_is_still_a_share():
    """The acceleration is so large that the interval's formula has a pole on the way to 0."""
    values = np.append(np.full(400, 1.0), -300.0)
    found = metrics.bootstrap(sample(values), mean)
    assert abs(found.acceleration()) > 0.16, "of the largest there can be: 1/6"
    assert 0 < intervals.p_value(found)[0] <= 1


def test_resamples_without_a_score_are_left_out():
    """A class that one subject of eight shows is absent from a third of the resamples."""
    sums = np.zeros((8, 2))
    sums[0] = 3, 6
    found = metrics.bootstrap(sums, lambda t: metrics._ratio(t[:, :1], t[:, 1:]))
    assert np.isnan(found.drawn).mean() == pytest.approx((7 / 8) ** 8, abs=0.05)
    assert found.estimate == [0.5]
    assert np.isnan(found.bca()).all(), "all that are defined give the same"


@pytest.mark.filterwarnings("error")
def test_what_is_never_defined_or_never_varies_has_no_interval():
    never = metrics.bootstrap(np.ones((5, 1)), lambda t: np.full((len(t), 1), np.nan))
    same = metrics.bootstrap(np.ones((5, 2)), mean)
    for found in (never, same):
        assert np.isnan(found.bca()).all()
        assert np.isnan(intervals.p_value(found)).all()


def test_quantiles_are_numpys():
    values = np.random.default_rng(0).normal(size=(101, 3))
    shares = np.array([[0.1, 0.5, 0.013], [0.9, 1.0, 0.5]])
    expected = [[np.quantile(values[:, q], shares[r, q]) for q in range(3)] for r in range(2)]
    np.testing.assert_allclose(metrics.quantiles(values, shares), expected)


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.04: 3 x 0.01, 2 x 0.02, and 0.04, which may not be smaller.
    np.testing.assert_allclose(intervals.holm(np.array([0.02, 0.01, 0.04])), [0.04, 0.03, 0.04])
    adjusted = intervals.holm(np.array([0.6, np.nan, 0.7]))
    np.testing.assert_allclose(adjusted, [1, np.nan, 1])
    assert np.isnan(intervals.holm(np.array([np.nan]))).all()


def test_subjects_are_summed_up():
    names, sums = metrics.by_subject(np.array([[1, 2], [3, 4], [5, 6]]), np.array(list("bab")))
    assert names.tolist() == ["a", "b"]
    np.testing.assert_array_equal(sums, [[3, 4], [6, 8]])


def sums_of(rng, subjects, trainings, spread, difficulty):
    """Sums whose mean over subjects is a training's skill plus the subjects' difficulty."""
    skill = 0.8 + spread * rng.normal(size=trainings)
    values = skill + difficulty[:, None] + 0.02 * rng.normal(size=(subjects, trainings))
    return {"v": np.stack([values, np.ones_like(values)], axis=-1)}


def ratio(totals):
    return totals["v"][..., :1] / totals["v"][..., 1:]


@pytest.mark.parametrize("trainings", [2, 5])
def test_intervals_over_subjects_and_trainings_hold_in_simulation(trainings):
    """Difference of two networks whose trainings vary more than people do: the truth is 0."""
    held, alone = [], []
    for study in range(400):
        rng = np.random.default_rng([study, trainings])
        difficulty = 0.1 * rng.normal(size=40)
        methods = [sums_of(rng, 40, trainings, 0.03, difficulty) for _ in range(2)]
        names, parts = np.arange(40).astype(str), np.repeat(["a", "b"], 20)
        found = intervals.estimate(ratio, *methods, subjects=names, strata=parts, resamples=200)
        assert found.over == intervals.ALL
        held.append(found.low[0] <= 0 <= found.high[0])
        first = [{"v": sums["v"][:, :1]} for sums in methods]
        one = intervals.estimate(ratio, *first, subjects=names, strata=parts, resamples=200)
        assert one.over == intervals.THESE
        alone.append(one.low[0] <= 0 <= one.high[0])
    assert np.mean(held) > 0.95 - 3 * 0.011, "0.95, three standard errors"
    assert np.mean(alone) < 0.5, "two trainings are never the networks"


def test_what_is_only_tuned_varies_by_subject_alone():
    rng = np.random.default_rng(0)
    difficulty = 0.1 * rng.normal(size=30)
    network = sums_of(rng, 30, 3, 0.03, difficulty)
    tuned = sums_of(rng, 30, 1, 0.0, difficulty)
    about = {"subjects": np.arange(30).astype(str), "strata": np.repeat("a", 30)}
    found = intervals.estimate(ratio, network, tuned, trained=(True, False), **about)
    assert found.over == intervals.ALL and np.isfinite(found.p).all()
    assert intervals.estimate(ratio, network, tuned, **about).over == intervals.THESE


def test_parts_are_fixed_and_people_are_drawn():
    parts = np.repeat(["head", "knee"], [4, 6])
    times = intervals.draw(parts, resamples=50)
    np.testing.assert_array_equal(times[:, :4].sum(axis=1), 4)
    np.testing.assert_array_equal(times[:, 4:].sum(axis=1), 6)
    assert len(np.unique(times, axis=0)) > 10
    # One subject a part, as in the test set: all are drawn together.
    single = intervals.draw(np.array(list("abcdef")), resamples=50)
    assert (single.max(axis=1) > 1).any()


def test_parts_that_differ_do_not_widen_a_stratified_interval():
    """Two parts of very different scores, in equal shares by design."""
    rng = np.random.default_rng(1)
    parts = np.repeat(["a", "b"], 50)
    values = np.where(parts == "a", 0.2, 0.9)[:, None] + 0.05 * rng.normal(size=(100, 1))
    sums = {"v": np.stack([values, np.ones_like(values)], axis=-1)}
    names = np.arange(100).astype(str)
    widths = [
        np.ptp(intervals.estimate(ratio, sums, subjects=names, strata=strata)[1:3])
        for strata in (parts, np.repeat("all", 100))
    ]
    # By hand: 4 x 0.05 / 10 against 4 x 0.354 / 10.
    np.testing.assert_allclose(widths, [0.02, 0.14], rtol=0.25)
