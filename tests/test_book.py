"""The book builds without a warning, lacks nothing, and asks no other host for anything."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-book" / "bin" / "python"
BROWSED = shutil.which("chromium") and (ROOT / "docs" / "web" / "node_modules").is_dir()

pytestmark = pytest.mark.slow


@pytest.mark.skipif(not PYTHON.is_file(), reason="needs `make book`, which makes .venv-book")
@pytest.mark.skipif(not BROWSED, reason="needs Chromium and `make web`")
def test_every_page_is_whole_and_keeps_to_itself(tmp_path):
    subprocess.run(
        [PYTHON, "-m", "sphinx", "-c", "docs", "-q", "--fail-on-warning", ".", tmp_path / "book"],
        cwd=ROOT,
        check=True,
        stdout=sys.stderr,
    )
    words = ["node", ROOT / "docs" / "web" / "tests" / "pages.mjs", tmp_path / "book"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
