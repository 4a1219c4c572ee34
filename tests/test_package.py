"""The package as a whole: quick to import, one test file per module, imports in one direction."""

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


def test_imports_have_no_cycles():
    imports = {
        name: {
            word
            for line in re.findall(
                r"^from xnet_tf(?:\.\w+)? import .*$",
                (ROOT / "xnet_tf" / f"{name}.py").read_text(),
                re.MULTILINE,
            )
            for word in re.findall(r"\w+", line)
            if word in MODULES and word != name
        }
        for name in MODULES
    }
    remaining = dict(imports)
    while remaining:
        free = [name for name, needs in remaining.items() if not needs & remaining.keys()]
        assert free, f"cycle among {sorted(remaining)}"
        for name in free:
            del remaining[name]


@pytest.mark.parametrize("name", ["build_xnet", "load_weights", "save_weights", "segment"])
def test_public_names_are_reachable(name):
    import xnet_tf

    assert callable(getattr(xnet_tf, name))
    assert name in dir(xnet_tf)


def test_unknown_name_is_an_attribute_error():
    import xnet_tf

    with pytest.raises(AttributeError, match="no attribute"):
        _ = xnet_tf.nothing
