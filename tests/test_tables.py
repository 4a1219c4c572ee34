import compared_folders as made
import numpy as np
import pandas as pd
import pytest

from xnet_study.comparison import compared, conclusions, questions, tables
from xnet_study.comparison.ledger import Ledger
from xnet_tf import classes, dataset, metrics, runs
from xnet_tf.files import InputError, read_json, write_json
from xnet_tf.metrics import count_columns


@pytest.fixture(scope="module")
def results(compared_ledger):
    return compared_ledger.folder.parent


@pytest.fixture(scope="module")
def methods(compared_ledger):
    return {method.title: method for method in compared.read(compared_ledger)}


def load(results, name):
    return conclusions.load(results, f"table3{name}")


def one(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    (row,) = (row for _, row in table.iterrows())
    return row


def pooled(entry, subset, where=slice(None)):
    return metrics.macro_f1(entry.arrays(subset)[0][where].sum(axis=0))


def test_one_row_for_each_method_variant_and_subset(results):
    table = load(results, "")
    assert len(table) == 7 * 3
    assert not table.duplicated(["method", "variant", "subset"]).any()
    row = one(table, method="XNet", subset="test")
    assert (row["images"], row["subjects"], row["seeds"]) == (22, 20, 3)
    assert (row["parameters"], row["milliseconds"]) == (1000, 12)
    assert row["interval_of"] == "new subjects and trainings"


def test_one_training_has_scipys_interval_by_subject(compared_ledger, results):
    """The test set, whose subjects are resampled all together."""
    row = one(load(results, ""), method="Otsu", variant="overall", subset="test")
    counts = compared_ledger.entry("otsu-overall").arrays("test")[0]
    subjects = compared_ledger.images("test")["subject"].to_numpy(str)
    parts = compared_ledger.images("test")["body_part"]
    assert row["interval_of"] == "new subjects" and parts.nunique() == 3
    expected = metrics.interval(counts, subjects, metrics.macro_f1)
    found = row[["macro F1", "macro F1 low", "macro F1 high"]].to_numpy(float)
    np.testing.assert_allclose(found, expected, rtol=0.01)


def test_seeds_are_averaged_and_their_spread_is_given(methods, results):
    each = metrics.accuracy(methods["XNet"].confusions("test").sum(axis=0))
    row = one(load(results, ""), method="XNet", subset="test")
    assert len(set(each)) == 3
    assert row["accuracy"] == pytest.approx(each.mean(), rel=1e-5)
    assert row["accuracy seed SD"] == pytest.approx(each.std(ddof=1), rel=1e-4)
    constant = one(load(results, ""), method="constant predictor", subset="test")
    assert np.isnan(constant["accuracy seed SD"])


def test_scores_follow_from_pooled_counts_and_sums(methods, results):
    row = one(load(results, ""), method="Otsu", variant="overall", subset="test")
    counts = methods["Otsu, overall"].confusions("test")[:, 0]
    for name in compared.PER_CLASS:
        values = metrics.CLASS_SCORES[name](counts.sum(axis=0))
        np.testing.assert_allclose([row[f"{name} {k}"] for k in classes.NAMES], values, rtol=1e-5)
    of_images = metrics.macro(metrics.macro_f1(counts))
    assert row["macro F1 per image"] == pytest.approx(of_images, rel=1e-5)
    for name, expected in (("NSD1", 0.8), ("NSD2", 0.9), ("HD95", 4), ("NSD1 bone", 0.8)):
        assert row[name] == pytest.approx(expected, rel=1e-3), "what is not defined is left out"


def test_areas_are_the_exact_ones_and_have_no_interval(results):
    """The coarse counts give 0.875, the exact 0.87; methods without scores have none."""
    table = load(results, "")
    row = one(table, method="U-Net", subset="test")
    for name in ("AUC", *(f"AUC {k}" for k in classes.NAMES)):
        assert row[name] == pytest.approx(0.87)
    assert "AUC low" not in table
    assert np.isnan(one(table, method="Otsu", variant="overall", subset="test")["AUC"])


def test_published_figures_are_in_columns_of_their_own(results):
    row = one(load(results, ""), method="XNet", subset="test")
    assert float(row["published accuracy"]) == 0.92
    assert float(row["published recall soft tissue"]) == 0.82
    assert float(row["published precision soft tissue"]) == pytest.approx(0.95)
    assert float(row["published parameters"]) == 11742275
    table = load(results, "")
    assert table[table["method"] != "XNet"].filter(like="published").isna().all(axis=None)


def test_differences_are_those_of_the_table(results):
    table, differences = load(results, ""), load(results, "-differences")
    own = one(table, method="XNet", subset="evaluation")
    for row in differences.query("subset == 'evaluation' and score == 'macro F1'").itertuples():
        other = one(table, method=row.other, variant=row.variant, subset="evaluation")
        assert row.value == pytest.approx(own["macro F1"] - other["macro F1"], abs=1e-5)
        assert row.low <= row.value <= row.high


def test_nothing_is_concluded_of_networks_from_one_training(results):
    rows = load(results, "-differences").query("score == 'macro F1' and subset == 'evaluation'")
    rows = rows.set_index(["other", "variant"])
    deeplab = rows.loc[("DeepLabV3+", "")]
    assert deeplab["high"] < 0 and np.isnan(deeplab["p"]) and not deeplab["significant"]
    assert deeplab["interval_of"] == "new subjects" and (
        deeplab["pairs above"],
        deeplab["pairs"],
    ) == (0, 3)
    assert rows.loc[("Otsu", "by part"), "significant"], "tuned, not trained"
    assert not rows.loc[("U-Net", ""), "significant"]


def test_holm_counts_methods_but_neither_bound_nor_constant(results):
    """U-Net and two tunings of Otsu: the smallest p is multiplied by three."""
    rows = load(results, "-differences").query("score == 'accuracy' and subset == 'test'")
    assert rows["p Holm"].notna().sum() == 3
    counted = rows[rows["p Holm"].notna()]
    assert counted["p Holm"].min() == pytest.approx(3 * counted["p"].min(), rel=1e-4)
    for odd in ("variant == 'oracle'", "other == 'constant predictor'"):
        assert rows.query(odd)["p Holm"].isna().all()


def test_parts_are_pooled_scores_of_their_images(compared_ledger, results):
    table = load(results, "-parts").query("method == 'Otsu' and variant == 'overall'")
    images = compared_ledger.images("evaluation")
    for part in images["body_part"].unique():
        where = (images["body_part"] == part).to_numpy()
        row = one(table, subset="evaluation", body_part=part, score="macro F1")
        expected = pooled(compared_ledger.entry("otsu-overall"), "evaluation", where)
        assert row["value"] == pytest.approx(expected, rel=1e-5)
        assert row["low"] <= row["value"] <= row["high"] and row["images"] == 20
    few = table.query("subset == 'test'")
    assert (few["subjects"] < 10).all() and few[["low", "high"]].isna().all(axis=None)


def test_counts_curves_and_trainings_stand_by_themselves(results):
    row = one(load(results, "-confusion"), method="XNet", subset="test")
    assert row[count_columns()].sum() == 3 * 22 * made.PIXELS
    curves = load(results, "-roc").query("method == 'XNet' and subset == 'test'")
    curve = curves[curves["class"] == "bone"]
    # Half the negatives lie below all positives: nothing is lost until a share of one half.
    expected = np.minimum(0.5 + curve["false_positive_rate"], 1)
    np.testing.assert_allclose(curve["true_positive_rate"], expected, rtol=1e-5)
    assert set(load(results, "-roc")["method"]) == {"XNet", "U-Net", "DeepLabV3+"}
    assert len(load(results, "-history")) == 2 * 7
    assert set(load(results, "-seeds")["method"]) == {"XNet", "U-Net"}, "one has no spread"


def test_the_record_says_what_the_table_was_made_from(results):
    record = read_json(results / "table3.json")
    assert record["data_sha256"] == "0" * 64
    assert not record["simulated"], "made up, not the simulated data"
    assert "constant" in record["runs"] and len(record["runs"]) == 11
    assert record["best_classical"] == "otsu"
    assert record["budget"] == (
        "width 16, 200x200 pixels, 10 epochs, 6 images per body part and epoch, "
        "5.0 to 5.0 minutes of training (2 CPU cores)"
    )


def test_simulated_is_what_the_repositorys_data_are(tmp_path, data_folder):
    ledger = Ledger(tmp_path / "comparison")
    entry = made.write(ledger, "XNet", slug="xnet", subsets=("test",))
    for data, expected in ((dataset.load(), True), (dataset.load(data_folder), False)):
        made_from = {**entry.record["made_from"], "data": data.fingerprint()}
        write_json(entry.folder / "record.json", {**entry.record, "made_from": made_from})
        record = tables.record(ledger, compared.read(ledger))
        assert record["simulated"] is expected
    assert runs.REPOSITORY in dataset.load().folder.parents


def test_xnet_alone_has_tables_without_rows_and_no_xnet_has_none(tmp_path):
    ledger = Ledger(tmp_path / "comparison")
    made.write(ledger, "Otsu", slug="otsu-overall", family="thresholding", variant="overall")
    with pytest.raises(InputError, match="no finished training of XNet"):
        tables.write(ledger, tmp_path)
    assert not (tmp_path / "table3.csv").exists()
    ledger = Ledger(tmp_path / "alone" / "comparison")
    made.write(ledger, "XNet", key="xnet", slug="xnet-seed1")
    tables.write(ledger, tmp_path / "alone")
    for name in ("differences", "seeds", "unseen", "changes", "rates"):
        assert load(tmp_path / "alone", f"-{name}").empty
    assert conclusions.verdicts(tmp_path / "alone").empty


def test_trials_stand_side_by_side_and_one_was_chosen(results):
    table = load(results, "-rates")
    assert table.groupby("method")["chosen"].sum().to_dict() == {"U-Net": 1, "XNet": 1}
    for _, rows in table.groupby("method"):
        assert rows.loc[rows["chosen"], "choice"].item() == rows["choice"].max()
        assert rows["relative"].tolist() == pytest.approx([1 / 3, 1, 3], rel=1e-5)


def test_convergence_is_by_the_rule(results):
    """Errors of 0.20, 0.10, 0.06 and 0.0585 at budgets of a third to nine."""
    table = load(results, "-budgets").query("method == 'XNet' and score == 'macro F1'")
    assert table["budget"].tolist() == pytest.approx([1 / 3, 1, 3, 9], rel=1e-5)
    np.testing.assert_allclose(table["gain"].iloc[:3], [0.1, 0.04, 0.0015], atol=0.002)
    assert table["converged"].tolist()[:3] == [False, False, True]
    assert pd.isna(table["converged"].iloc[3]), "nothing longer was trained"
    others = load(results, "-budgets").query("method == 'U-Net' and score == 'macro F1'")
    assert (others["XNet minus it low"].iloc[1], others["seeds"].iloc[1]) == (
        pytest.approx(-0.02, abs=0.02),
        3,
    )


def test_scores_stand_by_number_of_images(compared_ledger, results):
    table = load(results, "-images").query("score == 'macro F1'")
    own = table[table["method"] == "XNet"].set_index("images")
    assert list(own.index) == [15, 30, 60, 105, 305]
    entries = [e for e in compared_ledger.entries("xnet*") if e.task.images == 15]
    expected = np.mean([pooled(entry, "evaluation") for entry in entries])
    assert own.loc[15, "value"] == pytest.approx(expected, rel=1e-5) and own.loc[15, "seeds"] == 2
    assert list(own["interval_of"]) == ["new subjects and trainings"] * 4 + ["new subjects"]
    classical = table[table["method"] == "best classical (Otsu)"]
    assert classical["images"].tolist() == [15, 105]


def test_unseen_parts_are_set_beside_the_same_when_seen(compared_ledger, results):
    table = load(results, "-unseen").query("method == 'XNet' and score == 'macro F1'")
    images = compared_ledger.images("evaluation")
    where = (images["body_part"] == "knee").to_numpy()
    entries = {e.task.left_out: e for e in compared_ledger.entries("xnet*") if e.task.left_out}
    row = one(table, group="knee")
    assert row["value"] == pytest.approx(pooled(entries["knee"], "evaluation", where), rel=1e-5)
    assert row["loss"] == pytest.approx(row["seen"] - row["value"], abs=1e-5)
    assert row["images"] == 20
    assert one(table, group="all")["images"] == 40


def test_changes_are_set_beside_the_same_without_them(results):
    table = load(results, "-changes").query("score == 'macro F1'").set_index("change")
    expected = table.loc["l2 0.0", "value"] - table.loc["none", "value"]
    assert table.loc["l2 0.0", "difference"] == pytest.approx(expected, abs=1e-5)
    assert np.isnan(table.loc["none", "difference"])
    assert questions.CONVERGED == 0.005
