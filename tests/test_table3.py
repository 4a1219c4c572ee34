import compared_folders as made
import numpy as np
import pandas as pd
import pytest

from xnet_study.comparison import compared, conclusions, table3
from xnet_tf import classes, dataset, metrics, runs
from xnet_tf.files import InputError, read_json, write_json
from xnet_tf.metrics import counts_of


@pytest.fixture(scope="module")
def table(compared_run):
    return conclusions.load(compared_run / "results", "table3")


@pytest.fixture(scope="module")
def differences(compared_run):
    return conclusions.load(compared_run / "results", "table3-differences")


def one(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    (row,) = (row for _, row in table.iterrows())
    return row


def test_one_row_for_each_method_variant_and_subset(table):
    assert len(table) == 7 * 3
    assert not table.duplicated(["method", "variant", "subset"]).any()
    row = one(table, method="XNet", subset="test")
    assert (row["images"], row["subjects"], row["seeds"]) == (22, 20, 3)
    assert (row["parameters"], row["milliseconds"]) == (1000, 12)
    assert one(table, method="XNet", subset="evaluation")["subjects"] == 60


def test_scores_are_those_of_the_counts_with_scipys_intervals(compared_run, table):
    row = one(table, method="Otsu", variant="overall", subset="test")
    counts = pd.read_csv(compared_run / "comparison" / "otsu-overall" / "counts.csv").query(
        "subset == 'test'"
    )
    for name, score in (("accuracy", metrics.accuracy), ("macro F1", metrics.macro_f1)):
        expected = metrics.interval(counts_of(counts), counts["subject"].to_numpy(str), score)
        found = row[[name, f"{name} low", f"{name} high"]].to_numpy(float)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_seeds_are_averaged_and_their_spread_is_given(compared_run, table):
    own = next(m for m in compared.read(compared_run / "comparison") if m.name == "XNet")
    each = metrics.accuracy(own.confusions("test").sum(axis=0))
    row = one(table, method="XNet", subset="test")
    assert len(set(each)) == 3
    assert row["accuracy"] == pytest.approx(each.mean(), rel=1e-5)
    assert row["accuracy seed SD"] == pytest.approx(each.std(ddof=1), rel=1e-4)
    assert np.isnan(one(table, method="constant predictor", subset="test")["accuracy seed SD"])


def test_every_score_lies_in_its_interval(table):
    names = [column.removesuffix(" low") for column in table if column.endswith(" low")]
    assert len(names) == 34
    for name in names:
        rows = table[[f"{name} low", name, f"{name} high"]].astype(float).dropna().to_numpy()
        assert (np.diff(rows, axis=1) >= -1e-9).all(), name
    assert table["macro F1 low"].notna().all()
    assert (table["macro F1 low"] < table["macro F1 high"]).all()


def test_areas_are_the_exact_ones(table):
    """The coarse counts give 0.875, the exact 0.87; methods without scores have none."""
    row = one(table, method="U-Net", subset="test")
    for name in ("AUC", *(f"AUC {k}" for k in classes.NAMES)):
        assert row[name] == pytest.approx(0.87)
    assert np.isnan(one(table, method="Otsu", variant="overall", subset="test")["AUC"])


def test_published_figures_are_in_columns_of_their_own(table):
    row = one(table, method="XNet", subset="test")
    assert float(row["published accuracy"]) == 0.92
    assert float(row["published AUC bone"]) == 0.97
    assert float(row["published recall soft tissue"]) == 0.82
    assert float(row["published precision soft tissue"]) == pytest.approx(0.95)
    assert float(row["published parameters"]) == 11742275
    others = table[table["method"] != "XNet"].filter(like="published")
    assert others.isna().all(axis=None)


def test_differences_are_those_of_the_table(table, differences):
    own = one(table, method="XNet", subset="evaluation")
    for row in differences.query("subset == 'evaluation' and score == 'macro F1'").itertuples():
        other = one(table, method=row.other, variant=row.variant, subset="evaluation")
        assert row.value == pytest.approx(own["macro F1"] - other["macro F1"], abs=1e-5)
        assert row.low <= row.value <= row.high


def test_differences_of_two_single_runs_have_scipys_interval(tmp_path):
    made.write(tmp_path, "XNet", "seed 1", 0.1)
    made.write(tmp_path, "Otsu", "overall", 0.2)
    methods = compared.read(tmp_path / "comparison")
    row = one(table3.differences(methods), subset="test", score="macro F1")
    own, other = (m.confusions("test")[:, 0] for m in methods)
    expected = metrics.interval(own, methods[0].subjects("test"), metrics.macro_f1, other)
    # More resamples than metrics.interval takes: equal up to chance.
    np.testing.assert_allclose(row[["value", "low", "high"]].to_numpy(float), expected, atol=2e-3)


def test_better_worse_and_equal_methods_are_told_apart(differences):
    rows = differences.query("score == 'macro F1' and subset == 'evaluation'")
    significant = rows.set_index(["other", "variant"])["significant"]
    assert significant["DeepLabV3+", ""] and significant["Otsu", "by part"]
    assert not significant["U-Net", ""], "as good, and lucky with other images"
    pairs = rows.set_index("other").loc["DeepLabV3+"]
    assert (pairs["pairs above"], pairs["pairs"]) == (0, 3)
    assert (rows["p Holm"] >= rows["p"]).all()


def test_holm_counts_the_methods_of_one_subset_and_score(differences):
    """Six methods are compared: the smallest p is multiplied by six."""
    rows = differences.query("score == 'accuracy' and subset == 'test' and other != 'U-Net'")
    assert rows["p Holm"].min() == pytest.approx(6 * rows["p"].min(), rel=1e-4)


def test_the_record_says_what_the_table_was_made_from(compared_run):
    record = read_json(compared_run / "results" / "table3.json")
    assert record["data_sha256"] == "0" * 64
    assert not record["simulated"], "made up, not the simulated data"
    assert record["runs"][0] == "constant-predictor" and len(record["runs"]) == 11
    assert record["budget"] == (
        "width 16, 200x200 pixels, 10 epochs, 6 images per body part and epoch, "
        "5.0 to 5.0 minutes of training (2 CPU cores)"
    )
    assert record["versions"]["numpy"] == np.__version__


def test_runs_of_two_data_sets_are_refused(tmp_path):
    made.write(tmp_path, "XNet", "seed 1")
    other = made.write(tmp_path, "Otsu", "overall") / "record.json"
    other.write_text(other.read_text().replace("0" * 64, "1" * 64))
    with pytest.raises(InputError, match="2 data sets"):
        table3.write(tmp_path)


def test_nothing_is_overwritten_by_a_mixture(tmp_path):
    made.write(tmp_path, "XNet", "seed 1")
    table3.write(tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "results").iterdir()}
    other = made.write(tmp_path, "Otsu", "overall") / "record.json"
    write_json(other, {**read_json(other), "data": "1" * 64})
    with pytest.raises(InputError, match="2 data sets"):
        table3.write(tmp_path)
    assert {path: path.read_bytes() for path in (tmp_path / "results").iterdir()} == before


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"divided_from": "1" * 64}, "2 data sets"), ({"population": "b"}, "2 populations")],
)
def test_runs_with_other_images_held_out_must_fit_too(changed, message, tmp_path):
    own = made.write(tmp_path, "XNet", "seed 1") / "record.json"
    write_json(own, {**read_json(own), "population": "a"})
    fold = {"kind": "subjects", "name": "fold 1 of 5"}
    path = made.write(tmp_path, "XNet", "seed 1", fold=fold) / "record.json"
    fitting = {**read_json(path), "data": "2" * 64, "divided_from": "0" * 64, "population": "a"}
    write_json(path, fitting)
    table3.write(tmp_path)
    write_json(path, fitting | changed)
    with pytest.raises(InputError, match=message):
        table3.write(tmp_path)


def test_simulated_is_what_the_repositorys_data_are(tmp_path, data_folder, monkeypatch):
    path = made.write(tmp_path, "XNet", "seed 1") / "record.json"
    simulated = dataset.load(runs.REPOSITORY / "data").fingerprint()
    own = dataset.load(data_folder).fingerprint()
    monkeypatch.setenv("XNET_DATA", str(data_folder))
    for data, expected in ((simulated, True), (own, False)):
        write_json(path, {**read_json(path), "data": data})
        table3.write(tmp_path)
        assert read_json(tmp_path / "results" / "table3.json")["simulated"] is expected


def test_xnet_alone_has_tables_without_rows(tmp_path):
    made.write(tmp_path, "XNet", "seed 1")
    table3.write(tmp_path)
    for name in ("differences", "seeds", "folds"):
        table = conclusions.load(tmp_path / "results", f"table3-{name}")
        assert table.empty and "subset" in table
    assert conclusions.verdicts(tmp_path / "results").empty


def test_runs_scored_on_two_populations_are_refused(tmp_path):
    for number, method in enumerate(("Otsu", "k-means")):
        path = made.write(tmp_path, method, "overall", subsets=("evaluation",)) / "record.json"
        write_json(path, {**read_json(path), "population": str(number)})
    with pytest.raises(InputError, match="2 populations"):
        folder = tmp_path / "comparison"
        table3.record(compared.read(folder), compared.read_runs(folder))


def test_a_comparison_without_xnet_is_refused(tmp_path):
    made.write(tmp_path, "Otsu", "overall")
    with pytest.raises(InputError, match="no finished run of XNet"):
        table3.write(tmp_path)


def test_the_table_can_be_made_before_the_population_is_scored(tmp_path):
    made.write(tmp_path, "XNet", "seed 1")
    made.write(tmp_path, "Otsu", "overall", 0.2, subsets=("test",), luck=10)
    table3.write(tmp_path)
    table = pd.read_csv(tmp_path / "results" / "table3.csv")
    assert sorted(table["subset"]) == ["test", "test", "validation"]
    verdicts = conclusions.verdicts(tmp_path / "results")["verdict"]
    assert verdicts.to_dict() == {("test", "Otsu, overall"): "better"}
