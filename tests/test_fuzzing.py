"""Damaged files end in a label map or in our own error: no crash, no hang, no 2 GiB."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import fuzzing
import pytest

from xnet_io import masks
from xnet_tf.files import InputError


def run(kinds, cases, timeout):
    script = Path(__file__).with_name("fuzzing.py")
    done = subprocess.run(
        [sys.executable, script, str(cases), *kinds],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={"PYTHONPATH": str(script.parents[1]), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["format"] for result in results] == list(kinds)
    for result in results:
        # Hypothesis may stop early where a format leaves few different files.
        assert result["tried"] >= 0.9 * cases
        assert result["slowest s"] < fuzzing.SLOWEST
        assert result["peak MB"] < 2048


def test_a_tiff_whose_pages_form_a_ring(tmp_path):
    path = tmp_path / "ring.tif"
    # One page without tags at byte 8 that names itself as the next, then one at 14 and back.
    header = struct.pack("<2sHI", b"II", 42, 8)
    path.write_bytes(header + struct.pack("<HI", 0, 14) + struct.pack("<HI", 0, 8))
    with pytest.raises(InputError, match=r"more than 64 pictures|damaged"):
        masks.read(path, masks.Rules())


def test_damaged_files():
    run(fuzzing.FORMATS, 25, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("kind", fuzzing.FORMATS)
def test_very_many_damaged_files(kind):
    run([kind], -(-20_000 // len(fuzzing.FORMATS)), timeout=1500)
