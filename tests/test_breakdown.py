import compared_folders as made
import numpy as np
import pandas as pd
import pytest

from xnet_study.comparison import breakdown, compared
from xnet_tf import metrics
from xnet_tf.metrics import COUNT_COLUMNS, counts_of


@pytest.fixture(scope="module")
def methods(compared_run):
    return compared.read(compared_run / "comparison")


def one(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    (row,) = (row for _, row in table.iterrows())
    return row


def by_name(methods, title):
    return next(m for m in methods if m.title == title)


def test_seeds_stand_by_themselves(methods):
    table = breakdown.seeds(methods)
    assert set(table["method"]) == {"XNet", "U-Net"}, "one run has no spread"
    counts = by_name(methods, "XNet").confusions("test")[:, 1].sum(axis=0)
    row = one(table, method="XNet", subset="test", seed=2)
    assert row["macro F1"] == pytest.approx(metrics.macro_f1(counts))


def test_parts_are_pooled_scores_of_their_images(methods):
    table = breakdown.parts(methods)
    method = by_name(methods, "Otsu, overall")
    images, counts = method.images("evaluation"), method.confusions("evaluation")[:, 0]
    for part in images["body_part"].unique():
        expected = metrics.macro_f1(counts[images["body_part"] == part].sum(axis=0))
        where = {"variant": "overall", "subset": "evaluation", "body_part": part}
        row = one(table, score="macro F1", **where)
        assert row["value"] == pytest.approx(expected)
        assert row["low"] <= row["value"] <= row["high"]
        assert row["images"] == row["subjects"] == 20


def test_a_handful_of_subjects_has_no_interval(methods):
    rows = breakdown.parts(methods).query("subset == 'test'")
    assert (rows["subjects"] < breakdown.FEWEST).all()
    assert rows[["low", "high"]].isna().all(axis=None)
    assert rows["value"].notna().all()


def test_the_authors_protocol_by_hand(tmp_path):
    """Every test image is a tenth wrong, every validation image all right."""
    folder = made.write(tmp_path, "XNet", "seed 1")
    table = pd.read_csv(folder / "counts.csv")
    tested = (table["subset"] == "test").to_numpy()
    matrix = np.where(tested[:, None], [90, 10, 0, 0, 100, 0, 0, 20, 80], np.eye(3).ravel() * 100)
    table[COUNT_COLUMNS] = matrix.astype(int)
    table.to_csv(folder / "counts.csv", index=False)
    row = one(breakdown.authors_protocol(compared.read(tmp_path / "comparison")), score="accuracy")
    assert row["test"] == pytest.approx(0.9)
    assert row["validation"] == 1
    assert row["together"] == pytest.approx((22 * 0.9 + 23) / 45)
    assert row["together minus test"] == pytest.approx(row["together"] - 0.9)
    assert 0 < row["low"] < row["together minus test"] < row["high"]
    assert "evaluation" not in row


def test_the_authors_protocol_is_set_beside_the_population(methods):
    table = breakdown.authors_protocol(methods)
    row = one(table, method="Otsu", variant="overall", score="macro F1")
    counts = by_name(methods, "Otsu, overall").confusions("evaluation")[:, 0].sum(axis=0)
    assert row["evaluation"] == pytest.approx(metrics.macro_f1(counts))
    assert row["together minus evaluation"] == pytest.approx(row["together"] - row["evaluation"])


def test_confusion_counts_are_summed(methods):
    row = one(breakdown.confusion(methods), method="XNet", subset="test")
    assert row[COUNT_COLUMNS].sum() == 3 * 22 * made.PIXELS


def test_roc_curves_by_hand(methods):
    """Half the negatives below all positives: nothing is lost until a share of one half."""
    table = breakdown.roc(methods).query(
        "method == 'XNet' and subset == 'test' and `class` == 'bone'"
    )
    rates = table["false_positive_rate"], table["true_positive_rate"]
    np.testing.assert_allclose(rates[1], np.minimum(0.5 + rates[0], 1))
    assert set(breakdown.roc(methods)["method"]) == {"XNet", "U-Net", "DeepLabV3+"}


def test_methods_without_scores_have_no_curve(tmp_path):
    made.write(tmp_path, "Otsu", "overall")
    assert breakdown.roc(compared.read(tmp_path / "comparison")).empty


def test_learning_curves_are_kept_by_seed(methods):
    table = breakdown.history(methods)
    assert len(table) == 2 * 7
    assert set(table.query("method == 'XNet'")["seed"]) == {1, 2, 3}


def test_folds_are_pooled_and_groups_are_set_beside_them(tmp_path):
    for name, parts in (("1", ["hand"]), ("2", ["knee", "thorax"])):
        made.held_out(tmp_path, "subjects", name, parts, 0.1)
        made.held_out(tmp_path, "region group", name, parts, 0.3, luck=5)
    table = breakdown.folds(compared.read_runs(tmp_path / "comparison"))
    every = one(table, kind="subjects", fold="all", score="accuracy")
    assert (every["images"], every["subjects"]) == (22, 20)
    assert every["low"] < every["value"] < every["high"]
    assert np.isnan(every["seen"]), "folds of subjects are what groups are set beside"
    unseen = one(table, kind="region group", fold="all", score="accuracy")
    assert unseen["seen"] == pytest.approx(every["value"])
    assert unseen["loss"] == pytest.approx(every["value"] - unseen["value"])
    assert unseen["loss low"] < unseen["loss"] < unseen["loss high"]
    part = one(table, kind="region group", fold="1", score="accuracy")
    assert part["images"] == 8
    assert np.isnan(part["low"]) and np.isnan(part["loss low"]), "eight subjects"
    assert part["loss"] == pytest.approx(
        one(table, kind="subjects", fold="1", score="accuracy")["value"] - part["value"]
    )


def test_on_the_population_groups_are_set_beside_the_papers_split(tmp_path):
    both = ("test", "evaluation")
    made.held_out(tmp_path, "region group", "legs", ["knee"], 0.3, luck=5, subsets=both)
    made.write(tmp_path, "XNet", "seed 2", 0.5, both)
    made.write(tmp_path, "XNet", "seed 1", 0.1, both)
    runs = compared.read_runs(tmp_path / "comparison")
    table = breakdown.folds(runs)
    row = one(table, subset="evaluation", fold="legs", score="macro F1")
    split = next(r for r in runs if not r.fold and r.record["seed"] == 1).counts["evaluation"]
    knees = counts_of(split[split["body_part"] == "knee"]).sum(axis=0)
    assert row["seen"] == pytest.approx(metrics.macro_f1(knees))
    assert row["loss low"] < row["loss"] < row["loss high"]
    rows = table.query("subset == 'test'")
    assert rows["seen"].isna().all(), "no folds of subjects are finished"


def test_groups_alone_have_no_seen_score(tmp_path):
    made.held_out(tmp_path, "region group", "1", ["hand"], 0.3)
    table = breakdown.folds(compared.read_runs(tmp_path / "comparison"))
    assert "seen" not in table
    for empty in (breakdown.folds([]), breakdown.seeds([])):
        assert empty.empty and {"method", "subset"} < set(empty)
