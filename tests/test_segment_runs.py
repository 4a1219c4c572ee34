"""Segmenting folders: what is made, kept, refused, and what a kill leaves."""

import dataclasses
import multiprocessing
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import filelock
import numpy as np
import pytest
import segment_fakes as fakes
from PIL import Image

from xnet_io import masks, overlay, segment_runs, segment_table
from xnet_tf.files import InputError

TESTS = Path(__file__).parent


@pytest.fixture
def folder(tmp_path):
    fakes.write_pictures(tmp_path / "in", 3)
    return tmp_path / "in"


def test_what_the_method_doubts_is_a_warning(folder, tmp_path, capsys):
    method = dataclasses.replace(fakes.method(), doubts=lambda image: (f"{image.ndim} axes",))
    assert segment_runs.run([folder], tmp_path / "out", method) == 0
    assert [row["warnings"] for row in fakes.rows_of(tmp_path / "out")] == ["3 axes"] * 3
    assert "3 masks made (3 with warnings)" in capsys.readouterr().out


def test_a_row_says_what_was_found(folder, tmp_path):
    out = tmp_path / "out"
    assert segment_runs.run([folder], out, fakes.method()) == 0
    rows = fakes.rows_of(out)
    assert [row["mask"] for row in rows] == [f"000/0000{k}_mask.png" for k in range(3)]
    labels = masks.read_mask(out / rows[0]["mask"])
    shares = [rows[0][f"{name} (%)"] for name in ("open beam", "soft tissue", "bone")]
    assert shares == [f"{100 * np.mean(labels == k):.2f}" for k in range(3)]
    assert rows[0]["network confidence"] == "0.8000"
    assert (rows[0]["polarity"], rows[0]["sure of polarity (%)"]) == ("bright", "100.0")
    assert float(rows[0]["seconds"]) >= 0 and rows[0]["error"] == ""


def test_a_second_run_makes_nothing_anew_and_a_changed_one_does(folder, tmp_path, capsys):
    out = tmp_path / "out"
    segment_runs.run([folder], out, fakes.method())
    before = fakes.content(out)
    assert segment_runs.run([folder], out, fakes.method(loading=None)) == 0
    assert "0 masks made (0 with warnings), 3 were there" in capsys.readouterr().out
    assert fakes.content(out) == before
    (first, *_) = sorted(folder.rglob("*.png"))
    segment_runs.run([folder], out, fakes.method(settings="others"))
    assert "3 masks made (0 with warnings), 0 were there" in capsys.readouterr().out
    first.write_bytes(sorted(folder.rglob("*.png"))[1].read_bytes())
    assert segment_runs.run([folder], out, fakes.method(settings="others")) == 1
    assert "was not made of this file" in capsys.readouterr().err


def test_what_lies_beside_a_mask_goes_with_it(folder, tmp_path):
    out = tmp_path / "out"
    record = {"threshold": 0.5}
    extras = ("gimp", "overlay", "probabilities")
    segment_runs.run([folder], out, fakes.method(*extras, settings="t", record=record))
    kinds = ("mask.json", "mask.png", "mask.xcf", "overlay.png", "probabilities.npz")
    assert [p.name for p in sorted((out / "000").glob("00000_*"))] == [f"00000_{k}" for k in kinds]
    with np.load(out / "000" / "00000_probabilities.npz") as kept:
        assert kept["probabilities"].dtype == np.float16
        assert list(kept["classes"]) == ["open beam", "soft tissue", "bone"]
        labels = masks.read_mask(out / "000" / "00000_mask.png")
        np.testing.assert_array_equal(kept["probabilities"].argmax(axis=-1), labels)
    # A project may hold somebody's work, so that it stays; the rest spoke of the former mask.
    segment_runs.run([folder], out, fakes.method(settings="u"))
    left = [p.name for p in sorted((out / "000").glob("00000_*"))]
    assert left == ["00000_mask.png", "00000_mask.xcf"]


def test_wishes_are_fulfilled_later_too(folder, tmp_path):
    out = tmp_path / "out"
    segment_runs.run([folder], out, fakes.method("gimp"))
    before = (out / "000" / "00000_mask.xcf").stat().st_mtime_ns
    assert segment_runs.run([folder], out, fakes.method("gimp", "overlay")) == 0
    assert (out / "000" / "00000_overlay.png").exists()
    assert (out / "000" / "00000_mask.xcf").stat().st_mtime_ns == before


def test_files_of_somebody_else_are_not_overwritten(folder, tmp_path, capsys):
    out = tmp_path / "out"
    (out / "000").mkdir(parents=True)
    (out / "000" / "00001_overlay.png").write_text("mine")
    assert segment_runs.run([folder], out, fakes.method()) == 1
    assert "00001_overlay.png exists and was not made" in capsys.readouterr().err
    assert (out / "000" / "00001_overlay.png").read_text() == "mine"


def test_bad_files_are_listed_and_the_others_segmented(folder, tmp_path, capsys):
    (folder / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "000" / "00001.png").write_bytes(b"")
    (folder / "read.me").write_text("words")
    out = tmp_path / "out"
    assert segment_runs.run([folder], out, fakes.method()) == 1
    said = capsys.readouterr()
    failed = [line for line in said.err.splitlines() if line.startswith("failed: ")]
    assert failed[0].startswith(f"failed: {folder / 'cut.png'}: damaged or truncated PNG file")
    empty = "is empty (0 bytes); copy or export it again"
    assert failed[1:] == [f"failed: {folder / '000' / '00001.png'}: {empty}"]
    assert "read.me: no picture" in said.out
    assert [bool(row["error"]) for row in fakes.rows_of(out)] == [False, True, False, True]
    for path in folder.rglob("*.png"):
        path.write_bytes(b"")
    assert segment_runs.run([folder], tmp_path / "none", fakes.method()) == 2


def test_a_failure_is_forgotten_when_it_is_mended(folder, tmp_path):
    out, path = tmp_path / "out", folder / "000" / "00001.png"
    good = path.read_bytes()
    path.write_bytes(b"")
    segment_runs.run([folder], out, fakes.method())
    path.write_bytes(good)
    assert segment_runs.run([folder], out, fakes.method()) == 0
    assert [row["error"] for row in fakes.rows_of(out)] == ["", "", ""]


def test_rows_of_other_calls_stay_while_their_masks_do(folder, tmp_path):
    out = tmp_path / "out"
    first, second, third = sorted(folder.rglob("*.png"))
    for path in (first, second, third):
        segment_runs.run([path], out, fakes.method())
    assert len(fakes.rows_of(out)) == 3
    (out / "00001_mask.png").unlink()
    segment_runs.run([first], out, fakes.method())
    assert [row["mask"] for row in fakes.rows_of(out)] == ["00000_mask.png", "00002_mask.png"]


def test_a_torn_row_is_made_anew(folder, tmp_path, capsys):
    out = tmp_path / "out"
    segment_runs.run([folder], out, fakes.method())
    whole = (out / "segment.csv").read_text()
    (out / "segment.csv").write_text(whole[:-30])
    segment_runs.run([folder], out, fakes.method())
    assert "1 masks made (0 with warnings), 2 were there" in capsys.readouterr().out
    assert len(fakes.rows_of(out)) == 3


def test_a_row_that_a_spreadsheet_changed_is_made_anew(folder, tmp_path, capsys):
    out = tmp_path / "out"
    segment_runs.run([folder], out, fakes.method("overlay"))
    text = (out / "segment.csv").read_text()
    (out / "segment.csv").write_text(text.replace("0.8000", '"0,8"', 1))
    assert segment_runs.run([folder], out, fakes.method("overlay")) == 0
    assert "1 masks made" in capsys.readouterr().out
    assert (out / "segment.csv").read_text().count("0.8000") == 3


def test_a_table_of_others_is_refused(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "segment.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="other columns"):
        segment_runs.run([folder], out, fakes.method())


def test_two_runs_do_not_write_into_one_folder(folder, tmp_path):
    (tmp_path / "out").mkdir()
    with (
        filelock.FileLock(tmp_path / "out" / ".xnet-segment.lock"),
        pytest.raises(InputError, match="another xnet segment"),
    ):
        segment_runs.run([folder], tmp_path / "out", fakes.method())


def test_several_processes_make_the_same(folder, tmp_path):
    segment_runs.run([folder], tmp_path / "one", fakes.method("overlay"))
    segment_runs.run([folder], tmp_path / "two", fakes.method("overlay"), jobs=2)
    assert fakes.content(tmp_path / "one") == fakes.content(tmp_path / "two")


def test_a_network_that_cannot_be_loaded_ends_the_run(folder, tmp_path):
    def load():
        raise InputError("weights.npz: damaged")

    with pytest.raises(InputError, match=r"weights\.npz: damaged"):
        segment_runs.run([folder], tmp_path / "out", fakes.method(settings="bad", loading=load))


def test_a_full_disk_ends_the_run(folder, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(masks, "write_mask", full)
    with pytest.raises(InputError, match="No space left"):
        segment_runs.run([folder], tmp_path / "out", fakes.method())


def test_margins_are_open_beam_in_probabilities_too(tmp_path):
    (path,) = fakes.write_pictures(tmp_path / "in", 1, 120, 100)
    framed = np.pad(np.asarray(Image.open(path)), 12, constant_values=0)
    Image.fromarray(framed).save(path)
    segment_runs.run([path], tmp_path / "out", fakes.method("probabilities"))
    with np.load(tmp_path / "out" / "00000_probabilities.npz") as kept:
        assert kept["probabilities"].shape == (144, 124, 3)
        assert (kept["probabilities"][:12] == [1, 0, 0]).all()


KILLED = {1: ("gimp", "overlay", "probabilities"), 2: ("gimp",)}


def run_until(folder, out, jobs, number=None):
    """Segment a folder; end at some touch of a file, or in several processes after some rows."""
    overlay.LONGER_SIDE = 160  # to be fast
    if number is not None and jobs == 1:
        fakes.die_at(out, number)
    elif number is not None:
        adding, left = segment_table.Table.add, iter(range(number // 30))

        def add(*arguments):
            if next(left, None) is None:
                os._exit(9)
            adding(*arguments)

        segment_table.Table.add = add
    method = fakes.method(*KILLED[jobs], settings=f"killed {jobs}")
    segment_runs.run([folder], out, method, jobs)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_at_random_moments_it_goes_on_to_the_same(tmp_path, jobs, monkeypatch):
    monkeypatch.setattr(overlay, "LONGER_SIDE", 160)
    fakes.write_pictures(tmp_path / "in", 60)
    run_until(tmp_path / "in", tmp_path / "undisturbed", jobs)
    out, draw, context = tmp_path / "out", random.Random(5), multiprocessing.get_context("spawn")
    killed = []
    for _ in range(20):
        arguments = (tmp_path / "in", out, jobs, draw.randrange(200))
        process = context.Process(target=run_until, args=arguments)
        process.start()
        process.join()
        killed.append(process.exitcode == 9)
    time.sleep(2)  # what worked for the last one ends with it
    run_until(tmp_path / "in", out, jobs)
    assert sum(killed) >= 15
    assert fakes.content(out) == fakes.content(tmp_path / "undisturbed")


MANY = """
import os, resource, sys
from pathlib import Path
import segment_fakes as fakes
from xnet_io import overlay, radiographs, segment_runs
# To be fast: none of these keeps anything from one picture to the next.
overlay.LONGER_SIDE, radiographs.log_odds, os.fsync = 64, lambda image: 3.0, lambda number: None
folder, out = map(Path, sys.argv[1:])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
first = next(folder.rglob("*.png"))
segment_runs.run([first], out / "one", fakes.method("overlay"))
before = peak()
status = segment_runs.run([folder], out / "all", fakes.method("overlay"))
print("grown", peak() - before, status)
"""


@pytest.mark.slow
def test_memory_stays_over_ten_thousand_pictures(tmp_path):
    fakes.write_pictures(tmp_path / "in", 10_000)
    words = [sys.executable, "-c", MANY, str(tmp_path / "in"), str(tmp_path / "out")]
    environment = {"PYTHONPATH": f"{TESTS.parent}:{TESTS}", "PATH": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
    grown, status = done.stdout.split("grown")[1].split()
    assert status == "0" and float(grown) < 200
    assert len(fakes.rows_of(tmp_path / "out" / "all")) == 10_000
