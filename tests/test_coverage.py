import numpy as np

from xnet_study.comparison import compared, coverage


def world(subjects, seed=0, parts=3):
    """Counts of subjects whose accuracies vary by subject."""
    rng = np.random.default_rng(seed)
    wrong = rng.integers(5, 30, subjects)
    counts = np.full((subjects, 1, 3, 3), 0.0)
    counts[:, 0, range(3), range(3)] = (100 - wrong)[:, None]
    counts[:, 0, range(3), [1, 2, 0]] = wrong[:, None]
    names = np.array([f"s{k:03d}" for k in range(subjects)])
    return counts, names, np.array([f"p{k % parts}" for k in range(subjects)])


def test_many_subjects_are_covered_as_promised():
    counts, names, parts = world(120)
    found = coverage.coverage([counts], names, parts, 120, repetitions=200, resamples=300)
    np.testing.assert_allclose(found["truth"][0], counts[:, 0].trace(axis1=1, axis2=2).mean() / 300)
    assert (abs(found["coverage"] - 0.95) < 0.06).all(), "four standard errors"


def test_few_subjects_are_covered_less_and_their_intervals_are_wider():
    counts, names, parts = world(120)
    many = coverage.coverage([counts], names, parts, 120, repetitions=40, resamples=200)
    few = coverage.coverage([counts], names, parts, 12, repetitions=40, resamples=200)
    np.testing.assert_allclose(few["width"] / many["width"], np.sqrt(10), rtol=0.35)


def test_a_method_and_itself_differ_by_nothing_in_every_study():
    counts, names, parts = world(30)
    found = coverage.coverage([counts, counts], names, parts, 20, repetitions=3, resamples=20)
    np.testing.assert_array_equal(found["truth"], 0)


def test_scores_and_differences_are_covered_at_our_numbers_of_subjects(compared_ledger):
    table = coverage.simulated(compared.read(compared_ledger), repetitions=2, resamples=20)
    studies = table[["drawn_from", "subjects"]].drop_duplicates().to_numpy().tolist()
    assert studies == [["test", 20], ["evaluation", 20], ["evaluation", 60]]
    assert set(table["quantity"]) == {"XNet", "XNet - U-Net", "XNet - DeepLabV3+"}
    assert len(table) == 3 * 3 * 2
