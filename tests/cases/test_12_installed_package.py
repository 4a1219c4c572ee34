"""Installed as a package, `xnet segment` has its weights, and runs lie below the working folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def test_segment_works_outside_of_the_checkout(tmp_path):
    site, work = tmp_path / "site-packages", tmp_path / "work"
    for room in ("xnet_tf", "xnet_io", "xnet_study"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, site / room, ignore=ignored)
    work.mkdir()
    row = np.where(np.abs(np.arange(64) - 32) < 16, 120, 230).astype(np.uint8)
    Image.fromarray(row[None].repeat(64, 0)).save(work / "leg.png")
    code = (
        "import sys; from xnet_tf import cli, profiles, runs;"
        "print(runs.folder(profiles.get('quick')).resolve());"
        "sys.exit(cli.main(['segment', 'leg.png', '--out', 'out', '--quality', 'normal']))"
    )
    environment = os.environ | {"PYTHONPATH": str(site), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=work, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (work / "out" / "leg_mask.png").is_file()
    assert Path(done.stdout.splitlines()[0]).is_relative_to(work)
