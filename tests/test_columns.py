"""Every column of every table in ``results/`` is described in ``COLUMNS.md``, and has one type."""

import re

import pandas as pd
import pytest

from xnet_tf import classes, runs

RESULTS = runs.REPOSITORY / "results"
TABLES = [*RESULTS.glob("*.csv"), *(RESULTS / "wide").glob("*.csv")]
TEXT = (RESULTS / "COLUMNS.md").read_text(encoding="utf-8")
CELL = re.compile(f"({'|'.join(classes.NAMES)}) as ({'|'.join(classes.NAMES)})")


def described(name):
    """Return the names in backticks of the paragraph about a table."""
    paragraphs = [p for p in TEXT.split("\n\n") if f"**`{name}`**" in p]
    assert len(paragraphs) == 1, f"{name} has {len(paragraphs)} paragraphs"
    return set(re.findall(r"`([^`]+)`", paragraphs[0]))


def stems(column):
    """Return the names under which a column may stand: itself, or what it is made of."""
    if CELL.fullmatch(column):
        return {"A as B"}
    bare = re.sub(r" (low|high|seed SD)$", "", column)
    names = {column, bare, re.sub(f" ({'|'.join(classes.NAMES)})$", "", bare)}
    return names | ({"published X"} if column.startswith("published ") else set())


def test_stems_are_what_a_reader_looks_for():
    assert stems("bone as open beam") == {"A as B"}
    assert "IoU" in stems("IoU soft tissue low")
    assert "published X" in stems("published recall bone")


@pytest.mark.parametrize("path", TABLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_column_is_described(path):
    names = described(path.name)
    columns = list(pd.read_csv(path, nrows=0))
    assert [column for column in columns if not stems(column) & names] == []


def test_no_table_is_described_that_does_not_exist():
    named = set(re.findall(r"\*\*`([\w-]+\.csv)`\*\*", TEXT))
    made_later = {"width.csv", "width-history.csv"}
    made_later |= {f"table3-{n}.csv" for n in ("rates", "budgets", "images", "unseen", "changes")}
    assert named - made_later == {path.name for path in TABLES} - made_later


@pytest.mark.parametrize("path", TABLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_column_holds_one_type(path):
    for name, values in pd.read_csv(path, dtype=str).items():
        numbers = pd.to_numeric(values.dropna(), errors="coerce").notna()
        assert numbers.all() or not numbers.any(), name
