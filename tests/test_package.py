"""The package as a whole: quick to import, one test file per module, imports in one direction."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


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
