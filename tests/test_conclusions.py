import pandas as pd
import pytest

from xnet_study.comparison import conclusions


@pytest.fixture(scope="module")
def results(compared_ledger):
    return compared_ledger.folder.parent


def test_verdicts_say_who_is_better_worse_and_undecided(results):
    table = conclusions.verdicts(results)
    assert list(dict.fromkeys(table.index.get_level_values("subset"))) == ["evaluation", "test"]
    of_population = table.loc["evaluation"]
    assert of_population["difference"].is_monotonic_increasing, "the best of the others first"
    assert of_population["verdict"].to_dict() == {
        "DeepLabV3+": "undecided",
        "U-Net": "undecided",
        "Otsu, by part": "better",
        "Otsu, overall": "better",
        "constant predictor": "undecided",
    }, "one training decides nothing, and neither bound nor constant is a method"
    assert of_population.loc["DeepLabV3+", "seeds above"] == "0 of 3"


def test_verdicts_are_the_tables_numbers(results):
    table = conclusions.load(results, "table3-differences")
    row = table.query("other == 'Otsu' and variant == 'overall' and subset == 'test'")
    row = row[row["score"] == "accuracy"].iloc[0]
    verdict = conclusions.verdicts(results, "accuracy").loc[("test", "Otsu, overall")]
    assert verdict["difference"] == row["value"]
    assert (verdict[["low", "high", "p Holm"]] == row[["low", "high", "p Holm"]]).all()


def test_coverage_is_that_of_the_tables_intervals(tmp_path):
    rows = [("test", 20, q, "macro F1", "BCa", c) for q, c in (("XNet", 0.85), ("XNet - A", 0.9))]
    rows.append(("test", 20, "XNet", "macro F1", "percentile", 0.1))
    columns = ["drawn_from", "subjects", "quantity", "score", "interval", "coverage"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "coverage.csv", index=False)
    table = conclusions.coverage(tmp_path)
    assert table["test", 20].to_dict() == {"XNet": 0.85, "XNet - A": 0.9}


def test_a_body_part_may_be_called_na(tmp_path):
    rows = {"method": "XNet", "variant": "", "body_part": ["NA", "7"], "low": [None, 0.5]}
    pd.DataFrame(rows).to_csv(tmp_path / "table3-parts.csv", index=False)
    table = conclusions.load(tmp_path, "table3-parts")
    assert list(table["body_part"]) == ["NA", "7"] and (table["variant"] == "").all()
    assert table["low"].isna().tolist() == [True, False]
