"""The package as a whole: quick to import, one test file per module, imports in one direction."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(p.stem for p in (ROOT / "xnet_tf").glob("[a-z]*.py"))


def test_importing_is_quick_and_loads_no_tensorflow():
    script = (
        "import sys, time; t = time.perf_counter(); import xnet_tf; "
        "print(time.perf_counter() - t, 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    seconds = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        taken, *loaded = done.stdout.split()
        assert loaded == ["False", "False"]
        seconds.append(float(taken))
    assert min(seconds) < 0.5


@pytest.mark.parametrize("module", MODULES)
def test_module_has_its_test_file(module):
    assert (ROOT / "tests" / f"test_{module}.py").is_file()


def imported(module):
    """Return the modules of ours that a module imports, wherever in its text."""
    tree = ast.parse((ROOT / "xnet_tf" / f"{module}.py").read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("xnet_tf"):
            found |= {node.module.removeprefix("xnet_tf.")} | {alias.name for alias in node.names}
    return found & set(MODULES) - {module}


def test_imports_have_no_cycles():
    remaining = {name: imported(name) for name in MODULES}
    assert remaining["cli"] >= {"dataset", "evaluation", "figures"}
    while remaining:
        free = [name for name, needs in remaining.items() if not needs & remaining.keys()]
        assert free, f"cycle among {sorted(remaining)}"
        for name in free:
            del remaining[name]


def test_no_placeholder_is_left():
    texts = [ROOT / "README.md", *(ROOT / "notebooks").glob("*.ipynb")]
    for path in texts:
        assert not re.findall(r"\b[A-Z]+_(?:TEXT|CAPTION|TABLE|MINUTES)\b", path.read_text()), path


@pytest.mark.parametrize("name", ["build_xnet", "load_weights", "save_weights", "segment"])
def test_public_names_are_reachable(name):
    import xnet_tf

    assert callable(getattr(xnet_tf, name))
    assert name in dir(xnet_tf)


def test_unknown_name_is_an_attribute_error():
    import xnet_tf

    with pytest.raises(AttributeError, match="no attribute"):
        _ = xnet_tf.nothing
