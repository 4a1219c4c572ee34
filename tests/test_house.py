"""The house keeps its bounds: few modules, few lines, few floors (docs/architecture.md).

Lines of code are lines without blanks, comments and docstrings.
"""

import ast
import io
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = sorted((ROOT / "xnet_tf").glob("*.py"))
EVERY = [*CORE, *(ROOT / "xnet_io").rglob("*.py"), *(ROOT / "xnet_study").rglob("*.py")]
SILENT = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}


def lines_of_code(path):
    text = path.read_text(encoding="utf-8")
    silent = set()
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for part in body if isinstance(body, list) else []:
            value = getattr(part, "value", None) if isinstance(part, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                silent |= set(range(part.lineno, part.end_lineno + 1))
    filled = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in SILENT
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(filled - silent)


def imported(module):
    """Return the modules of the core that a module of it imports, wherever in its text."""
    names = {path.stem for path in CORE}
    modules = set()
    for node in ast.walk(ast.parse((ROOT / "xnet_tf" / f"{module}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "xnet_tf":
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("xnet_tf."):
            modules.add(node.module.removeprefix("xnet_tf."))
    return modules & names - {module}


@cache
def floor(module):
    return 1 + max((floor(other) for other in imported(module)), default=0)


def test_lines_are_counted_as_said(tmp_path):
    path = tmp_path / "module.py"
    path.write_text('"""Doc."""\n\n# why\nx = [\n    1,\n]  # end\n"""of x"""\n')
    assert lines_of_code(path) == 3


def test_the_core_is_thin():
    sizes = {path.stem: lines_of_code(path) for path in CORE}
    assert len(sizes) <= 26
    assert max(sizes.values()) <= 220
    assert sum(sizes.values()) <= 2600
    # `cli` calls what `xnet_tf` offers, and so stands beside the highest floor, not on it.
    assert max(floor(name) for name in sizes if not name.startswith("_")) <= 6


def test_the_house_stays_small():
    # Raised when a capability is added, after a look for what it supersedes.
    # A notebook's exercises are text, as the notebook is.
    house = [path for path in EVERY if not path.match("teaching/notebook*.py")]
    assert sum(map(lines_of_code, house)) <= 13_490


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_the_core_imports_no_other_room_but_at_the_door(path):
    rooms = {
        (node.module or "").split(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
    }
    assert path.stem == "cli" or not rooms & {"xnet_io", "xnet_study", "simulation"}


def test_the_top_level_has_at_most_twelve_folders():
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}
    made = {"runs", "build", "dist"} | {p.name for p in ROOT.glob("*.egg-info")}
    assert len(folders - made) <= 12
