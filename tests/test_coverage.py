import shutil

import compared_folders as made
import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap

from xnet_study.comparison import compared, coverage
from xnet_tf import metrics
from xnet_tf.files import InputError


def mean(totals):
    return totals[:, :1] / totals[:, 1:]


def world(values):
    return np.stack([values, np.ones_like(values)], axis=1)


def test_many_subjects_are_covered_as_promised():
    values = np.random.default_rng(0).normal(0.8, 0.1, 400)
    table = coverage.coverage(world(values), mean, 100, repetitions=300, resamples=400)
    assert table["truth"].unique() == pytest.approx(values.mean())
    assert list(table["interval"]) == ["BCa", "percentile", "jackknife t"]
    assert (abs(table["coverage"] - 0.95) < 4 * 0.0126).all(), "four standard errors"
    np.testing.assert_allclose(
        table["standard_error"], np.sqrt(table["coverage"] * (1 - table["coverage"]) / 300)
    )


def test_few_subjects_of_a_skewed_world_are_covered_less():
    values = np.random.default_rng(0).lognormal(0, 1.5, 400)
    table = coverage.coverage(world(values), mean, 5, repetitions=200, resamples=400)
    assert (table["coverage"] < 0.9).all()


def test_a_world_in_which_nothing_varies():
    """BCa and the jackknife's t differ: the first has no interval, the other a point."""
    table = coverage.coverage(world(np.full(9, 0.5)), mean, 4, repetitions=3, resamples=50)
    covered = table.set_index("interval")["coverage"]
    assert covered["BCa"] == 0
    assert covered["jackknife t"] == 1


def test_the_other_intervals_are_those_of_scipy_and_of_the_textbook():
    values = np.random.default_rng(1).exponential(1, 25)
    found = metrics.bootstrap(world(values), mean)
    expected = bootstrap(
        (values,), np.mean, n_resamples=2000, method="percentile", rng=np.random.Philox(1)
    ).confidence_interval
    np.testing.assert_allclose(coverage.percentile(found)[0], expected, rtol=0, atol=1e-12)
    # Of a mean the jackknife's standard error is the usual one.
    error = values.std(ddof=1) / 5
    np.testing.assert_allclose(
        coverage.student(found)[0], values.mean() + np.array([-1, 1]) * 2.0638986 * error
    )


@pytest.fixture(scope="module")
def folder(compared_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(compared_run / "comparison", folder / "comparison")
    coverage.write(folder, repetitions=20, resamples=100)
    return folder


def test_scores_and_differences_are_covered_at_our_numbers_of_subjects(folder):
    table = pd.read_csv(folder / "results" / "coverage.csv")
    studies = table[["drawn_from", "subjects"]].drop_duplicates().to_numpy().tolist()
    assert studies == [["test", 20], ["evaluation", 20], ["evaluation", 60]]
    others = ["U-Net", "DeepLabV3+", "Otsu, by part"]  # the best that is no network, no oracle
    assert set(table["quantity"]) == {"XNet", *(f"XNet - {name}" for name in others)}
    assert len(table) == 3 * 2 * 4 * 3
    assert table["coverage"].between(0, 1).all()
    few, many = (
        table.query("drawn_from == 'evaluation' and subjects == @n and quantity == 'XNet'")
        for n in (20, 60)
    )
    ratio = few["width"].to_numpy() / many["width"].to_numpy()
    np.testing.assert_allclose(ratio, np.sqrt(3), rtol=0.25)


def test_truths_are_the_tables_scores(folder):
    table = pd.read_csv(folder / "results" / "coverage.csv").query(
        "drawn_from == 'test' and score == 'macro F1' and interval == 'BCa'"
    )
    truth = table.set_index("quantity")["truth"]
    means = {
        m.title: metrics.macro_f1(m.confusions("test").sum(axis=0)).mean()
        for m in compared.read(folder / "comparison")
    }
    assert truth["XNet"] == pytest.approx(means["XNet"], rel=1e-5)
    for name in ("U-Net", "Otsu, by part"):
        expected = means["XNet"] - means[name]
        assert truth[f"XNet - {name}"] == pytest.approx(expected, abs=1e-6)


def test_a_comparison_without_xnet_is_refused(tmp_path):
    made.write(tmp_path, "Otsu", "overall")
    with pytest.raises(InputError, match="no finished run of XNet"):
        coverage.write(tmp_path)
