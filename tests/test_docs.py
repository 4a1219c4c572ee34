"""What README and docs/ say holds: links, length, and numbers against ``results/``."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = (path for path in (ROOT / "docs").rglob("*.md") if "node_modules" not in path.parts)
PAGES = sorted([*ROOT.glob("*.md"), *OURS])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def prose(text: str) -> str:
    """Return Markdown without its fenced blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def table(text: str, first: str) -> list[dict[str, str]]:
    """Return the rows of the table whose header begins with a column, bold marks taken off."""
    lines = text.replace("**", "").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {first} |"))
    cells = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        cells.append([cell.strip() for cell in line.strip("|").split("|")])
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def anchors(text: str) -> set[str]:
    """Return the anchors that the usual hosts make of headings, and those that are set."""
    titles = re.findall(r"^#+ (.+)$", prose(text), flags=re.MULTILINE)
    written = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return written | set(re.findall(r'<a id="([^"]+)"', text))


def score(value: float, low: float, high: float) -> str:
    """Write a score as the pages do; without its interval if it has none."""
    return f"{value:.3f}" + ("" if pd.isna(low) else f" [{low:.3f}, {high:.3f}]")


def long_scores(path: Path, **where: str) -> dict[str, str]:
    """Return the scores of a table with the columns ``score, value, low, high``, by name."""
    rows = pd.read_csv(path)
    for column, wanted in where.items():
        rows = rows[rows[column] == wanted]
    assert rows["score"].is_unique
    return {row.score: score(row.value, row.low, row.high) for row in rows.itertuples()}


def published() -> dict[str, str]:
    """Return the paper's scores."""
    figures = json.loads((ROOT / "results" / "paper.json").read_text())["figures"]
    names = {"accuracy": "results.accuracy", "macro F1": "results.f1", "AUC": "results.auc"}
    return {name: str(figures[key]["value"]) for name, key in names.items()}


TEST, NEW = "22 simulated test images", "600 new simulated subjects"
SOURCES = {
    ("quick network", TEST): ("scores.csv", {"subset": "test", "method": "XNet", "class": "all"}),
    ("quick network", NEW): ("robustness.csv", {"condition": "plain"}),
    ("users' weights", TEST): (
        "wide/scores.csv",
        {"subset": "test", "method": "XNet", "class": "all"},
    ),
    ("users' weights", NEW): ("wide/robustness.csv", {"condition": "plain"}),
    ("users' weights, eleven views", NEW): ("qualities.csv", {"quality": "high"}),
    ("constant predictor", TEST): (
        "scores.csv",
        {"subset": "test", "method": "constant", "class": "all"},
    ),
}
"""Where the scores of README's table are: a file of ``results/`` and the rows' keys."""


def test_readme_has_at_most_a_thousand_words_beside_code():
    words = [w for w in prose((ROOT / "README.md").read_text()).split() if re.search(r"\w", w)]
    assert len(words) <= 1000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(page):
    broken = []
    for link in LINK.findall(prose(page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    assert not broken


def test_readmes_scores_are_those_of_the_results():
    rows = {
        (row["network"], row["scored on"]): row
        for row in table((ROOT / "README.md").read_text(), "network")
    }
    paper = rows.pop(("paper", "the authors' images"))
    expected = published()
    assert {name: paper[name].split(" (")[0] for name in expected} == expected
    assert rows.keys() == SOURCES.keys()
    for key, (name, where) in SOURCES.items():
        expected = long_scores(ROOT / "results" / name, **where)
        for column in ("accuracy", "macro F1", "AUC"):
            assert rows[key][column] == expected.get(column, ""), (key, column)


def recorded(path: Path) -> dict[str, set[str]]:
    """Return everything that a file of ``results/`` says of accuracy and of macro F1, as written.

    Tables are either long (``score, value, low, high``) or wide (``accuracy``, ``accuracy low``).
    """
    if path.suffix == ".json":
        return {name: {value} for name, value in published().items()}
    rows = pd.read_csv(path)
    if "preset" in rows:
        rows = rows.assign(score="macro F1")
    if "score" in rows:
        groups = rows.groupby("score")[["value", "low", "high"]]
        return {name: {score(*row) for row in group.to_numpy()} for name, group in groups}
    if "low" in rows:
        rows = rows.rename(columns={"low": "macro F1 low", "high": "macro F1 high"})
    found = {}
    for name in ("accuracy", "macro F1"):
        bounded = rows.reindex(columns=[name, f"{name} low", f"{name} high"]).to_numpy(float)
        found[name] = {score(*row) for row in bounded}
    return found


@pytest.mark.parametrize("name", ["accuracy", "macro F1"])
def test_every_score_of_the_ladder_is_in_the_file_it_names(name):
    page = ROOT / "docs" / "results.md"
    rows = table(page.read_text(), "network")
    assert len(rows) > 80
    for row in rows:
        source = page.parent / LINK.search(row["from"]).group(1)
        assert not row[name] or row[name] in recorded(source)[name], row


def test_teachers_plan_with_the_minutes_that_notebooks_say():
    courses = (ROOT / "docs" / "teaching" / "courses.md").read_text()
    planned = {row["notebook"].split()[0]: row for row in table(courses, "notebook")}
    for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        text = "\n".join(
            "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
        )
        exercises = re.findall(r"^### Exercise \d \((\d+) minutes", text, re.MULTILINE)
        row = planned[path.stem.split("-")[0].lstrip("0") or "0"]
        assert row["read"] == re.search(r"(\d+) minutes to read", text)[1], path.stem
        assert int(row["exercises"]) == sum(map(int, exercises)), path.stem
