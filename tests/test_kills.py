"""Commands killed at random moments: the next run completes, and equals the undisturbed one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

KILLS = 20

UNLIKE = ("seconds", "milliseconds", "device", "date")
"""Columns and entries that two undisturbed runs do not share either."""


def start(words, folder):
    """Start a command in a process group of its own, with its runs below a folder."""
    repository = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(repository), "XNET_RUNS": str(folder / "runs")}
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, words)],
        env=environment,
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def plain(content):
    """Return JSON without what differs between any two runs."""
    if isinstance(content, dict):
        kept = {k: v for k, v in content.items() if not any(word in k for word in UNLIKE)}
        return {key: plain(value) for key, value in kept.items()}
    return [plain(one) for one in content] if isinstance(content, list) else content


def content(path):
    """Return what a file holds, in a form that can be compared."""
    if path.suffix == ".json":
        return json.dumps(plain(json.loads(path.read_text())), sort_keys=True)
    if path.suffix == ".csv":
        table = pd.read_csv(path)
        shared = [name for name in table if not any(word in name for word in UNLIKE)]
        return table[shared].to_csv()
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            names = [name for name in arrays if name != "record"]
            return [(name, arrays[name].tobytes()) for name in sorted(names)]
    return path.read_bytes()


def assert_equal_folders(first, second):
    files, others = (
        sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
        for root in (first, second)
    )
    assert files == others
    for name in files:
        # Keras names layers and dates its archives; the weights in them are in the .npz, too.
        if name.suffix not in {".keras", ".ipynb"}:
            assert content(first / name) == content(second / name), name


def survive(words, whole, killed, seed):
    """Run a command in one folder; in another kill it `KILLS` times, then let it end."""
    began = time.monotonic()
    assert start(words, whole).wait(900) == 0
    takes = time.monotonic() - began
    moments = np.random.default_rng(seed).uniform(0, takes, KILLS)
    for moment in moments:
        process = start(words, killed)
        try:
            # What ended in time has nothing left to do, and that is to be repeated as well.
            assert process.wait(moment) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert start(words, killed).wait(900) == 0
    assert_equal_folders(whole, killed)


@pytest.fixture
def folders(tmp_path):
    """Two empty folders, for the undisturbed and the killed."""
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    return tmp_path / "whole", tmp_path / "killed"


@pytest.mark.slow
def test_import_survives_kills(data_folder, folders):
    for folder in folders:
        shutil.copytree(data_folder, folder / "own")
    # Once it is there a data set is not made again: each kill is followed by a removal.
    words = ["xnet_tf", "import-masks", "own", "--out", "dataset"]
    whole, killed = folders
    began = time.monotonic()
    assert start(words, whole).wait(300) == 0
    takes = time.monotonic() - began
    for moment in np.random.default_rng(1).uniform(0, takes, KILLS):
        process = start(words, killed)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if (killed / "dataset").exists():  # whole, or not there
            assert_equal_folders(whole / "dataset", killed / "dataset")
            shutil.rmtree(killed / "dataset")
    assert start(words, killed).wait(300) == 0
    assert_equal_folders(whole, killed)


@pytest.mark.slow
def test_training_and_evaluation_survive_kills(data_folder, folders):
    settings = ["--profile", "smoke", "--data", data_folder]
    survive(["xnet_tf", "train", *settings], *folders, seed=2)
    survive(["xnet_tf", "evaluate", *settings], *folders, seed=3)


@pytest.mark.slow
def test_notebooks_survive_kills(folders):
    # All of them, as `make reproduce` runs them: three quarters of an hour.
    survive(["xnet_study.notebooks", "--profile", "smoke"], *folders, seed=4)
