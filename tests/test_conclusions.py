import compared_folders as made
import pandas as pd
import pytest

from xnet_study.comparison import compared, conclusions, table3


@pytest.fixture(scope="module")
def methods(tmp_path_factory):
    return compared.read(made.comparison(tmp_path_factory.mktemp("run")) / "comparison")


@pytest.fixture(scope="module")
def table(methods):
    return table3.table(methods)


@pytest.fixture(scope="module")
def differences(methods):
    return table3.differences(methods)


def one(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    (row,) = (row for _, row in table.iterrows())
    return row


def test_conclusions_name_who_is_better_worse_and_undecided(table, differences):
    text = conclusions.statement(table, differences, "population", simulated=True)
    own = one(table, method="XNet", subset="population")
    other = one(table, method="DeepLabV3+", subset="population")
    assert "(60 simulated images of 60 subjects)" in text
    assert f"XNet has macro F1 {own['macro F1']:.3f} [" in text
    by = other["macro F1"] - own["macro F1"]
    assert f"significantly worse than DeepLabV3+ (by {by:.3f} [" in text
    assert "cannot be told apart from U-Net (difference " in text
    better = text.split("significantly better than ")[1].split(" It cannot")[0]
    assert "Otsu, overall" in better and "constant predictor" in better
    assert "oracle" not in text, "a bound is no method"


def test_conclusions_follow_the_numbers(table, differences):
    """Turn the significant differences round, and the sentences turn."""
    turned = differences.copy()
    columns = ["value", "low", "high"]
    turned[columns] = -turned[["value", "high", "low"]].to_numpy()
    turned["pairs above"] = turned["pairs"] - turned["pairs above"]
    text = conclusions.statement(table, turned, "test")
    assert "better than DeepLabV3+ (by" in text
    assert "worse than" in text and "constant predictor (by" in text.split("worse than")[1]
    none = turned.assign(significant=False)
    text = conclusions.statement(table, none, "test", "accuracy")
    assert "worse than no other method" in text and "better than no other method" in text


def test_many_classical_methods_are_summed_up(table, differences):
    rows = differences.query("other == 'Otsu' and variant == 'overall'")
    more = [rows.assign(other=f"Otsu {k}", value=rows["value"] + k / 100) for k in range(1, 6)]
    text = conclusions.statement(table, pd.concat([differences, *more]), "test")
    nearest = differences.query(
        "other == 'Otsu' and variant == 'by part' and subset == 'test' and score == 'macro F1'"
    )["value"].iloc[0]
    assert f"8 methods that are no networks, from Otsu, by part (by {nearest:.3f} [" in text
    assert "to constant predictor (by" in text


def test_coverage_is_said_whatever_it_is(tmp_path):
    rows = [("test", 20, q, "macro F1", "BCa", c) for q, c in (("XNet", 0.85), ("XNet - A", 0.9))]
    rows.append(("test", 20, "XNet", "macro F1", "percentile", 0.1))
    columns = ["drawn_from", "subjects", "quantity", "score", "interval", "coverage"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "coverage.csv", index=False)
    text = conclusions.coverage(tmp_path)
    assert text.startswith("With 20 subjects, drawn from the test set, the 95 % interval")
    assert "in 85.0% of simulated studies" in text and "90.0% to 90.0%" in text


def test_without_another_method_only_its_own_score_is_said(tmp_path, table, differences):
    text = conclusions.statement(table, differences.head(0), "test")
    assert text.startswith("On the test set") and text.count("XNet has macro F1") == 1
    assert "significantly" not in text
    columns = ["drawn_from", "subjects", "quantity", "score", "interval", "coverage"]
    rows = [("test", 20, "XNet", "macro F1", "BCa", 0.85)]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "coverage.csv", index=False)
    assert conclusions.coverage(tmp_path).endswith("in 85.0% of simulated studies.")


def test_a_body_part_may_be_called_na(tmp_path):
    rows = {"method": "XNet", "variant": "", "body_part": ["NA", "7"], "low": [None, 0.5]}
    pd.DataFrame(rows).to_csv(tmp_path / "table3-parts.csv", index=False)
    table = conclusions.load(tmp_path, "table3-parts")
    assert list(table["body_part"]) == ["NA", "7"] and (table["variant"] == "").all()
    assert table["low"].isna().tolist() == [True, False]


def test_conclusions_doubt_what_other_seeds_could_turn_round(table, differences):
    mixed = differences.copy()
    mixed.loc[mixed["other"] == "DeepLabV3+", "pairs above"] = 1
    text = conclusions.statement(table, mixed, "population")
    assert text.endswith("DeepLabV3+ (1 of 3).")
    assert "Other seeds" not in conclusions.statement(table, differences, "population")
