import numpy as np
import pytest
import scipy.stats

from xnet_study.comparison import significance
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
        p = significance.p_value(found)[0]
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
    assert significance.p_value(found)[0] == pytest.approx(expected, rel=0.2)


def test_p_value_is_no_smaller_than_the_resamples_can_show():
    found = metrics.bootstrap(sample(np.linspace(1, 2, 30)), mean, resamples=999)
    assert 2 / 1000 <= significance.p_value(found)[0] < 3 / 1000


def test_p_value_of_a_mean_that_one_subject_makes_is_still_a_share():
    """The acceleration is so large that the interval's formula has a pole on the way to 0."""
    values = np.append(np.full(400, 1.0), -300.0)
    found = metrics.bootstrap(sample(values), mean)
    assert abs(found.acceleration()) > 0.16, "of the largest there can be: 1/6"
    assert 0 < significance.p_value(found)[0] <= 1


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
        assert np.isnan(significance.p_value(found)).all()


def test_quantiles_are_numpys():
    values = np.random.default_rng(0).normal(size=(101, 3))
    shares = np.array([[0.1, 0.5, 0.013], [0.9, 1.0, 0.5]])
    expected = [[np.quantile(values[:, q], shares[r, q]) for q in range(3)] for r in range(2)]
    np.testing.assert_allclose(metrics.quantiles(values, shares), expected)


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.04: 3 x 0.01, 2 x 0.02, and 0.04, which may not be smaller.
    np.testing.assert_allclose(significance.holm(np.array([0.02, 0.01, 0.04])), [0.04, 0.03, 0.04])
    adjusted = significance.holm(np.array([0.6, np.nan, 0.7]))
    np.testing.assert_allclose(adjusted, [1, np.nan, 1])
    assert np.isnan(significance.holm(np.array([np.nan]))).all()


def test_subjects_are_summed_up():
    names, sums = metrics.by_subject(np.array([[1, 2], [3, 4], [5, 6]]), np.array(list("bab")))
    assert names.tolist() == ["a", "b"]
    np.testing.assert_array_equal(sums, [[3, 4], [6, 8]])
