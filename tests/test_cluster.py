"""A Dask cluster makes the masks and the table that one process makes, whichever worker is lost."""

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xnet_tf.cli import main

ROOT = Path(__file__).resolve().parents[1]

distributed = pytest.importorskip("distributed", reason="pip install 'xnet-tf[cluster]'")


def pictures(folder, count):
    """Write grey pictures of a limb, each of its own width."""
    folder.mkdir()
    columns = np.arange(64)
    for number in range(count):
        row = np.where(np.abs(columns - 32) < 8 + number % 16, 90 + number % 50, 230)
        Image.fromarray(row[None].repeat(64, 0).astype(np.uint8)).save(folder / f"{number:03}.png")
    return folder


def table(out):
    """Return the table without what differs between any two runs."""
    with (out / "segment.csv").open(newline="") as stream:
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(stream)]
    return sorted(rows, key=lambda row: row["file"])


def start(*words, log):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    with log.open("w") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", *words], stdout=stream, stderr=stream, env=environment
        )


def test_where_no_scheduler_answers_one_line_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("xnet_io.cluster._WAIT", "1s")
    images = pictures(tmp_path / "in", 2)
    words = ["segment", str(images), "--out", str(tmp_path / "out")]
    assert main([*words, "--dask", "tcp://127.0.0.1:9"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("xnet: --dask tcp://127.0.0.1:9: no scheduler answers")


@pytest.mark.slow
def test_a_lost_workers_pictures_are_done_by_another(tmp_path):
    images = pictures(tmp_path / "in", 300)
    options = ["--weights", "quick", "--quality", "normal"]
    assert main(["segment", str(images), "--out", str(tmp_path / "alone"), *options]) == 0
    address = tmp_path / "scheduler.json"
    cluster = [
        start(
            *("distributed.cli.dask_scheduler", "--scheduler-file", str(address)),
            *("--port", "0", "--no-dashboard"),
            log=tmp_path / "scheduler.log",
        )
    ]
    try:
        for number in range(2):
            worker = ("distributed.cli.dask_worker", "--scheduler-file", str(address), "--no-nanny")
            log = tmp_path / f"worker-{number}.log"
            cluster.append(start(*worker, "--nthreads", "1", "--no-dashboard", log=log))
        with distributed.Client(scheduler_file=str(address), timeout="120s") as client:
            client.wait_for_workers(2, timeout=240)
            where = client.scheduler.address
        out = tmp_path / "cluster"
        words = ("segment", images, "--out", out, *options, "--dask", where)
        run = start("xnet_tf", *map(str, words), log=tmp_path / "run.log")
        while len(list(out.glob("*_mask.png"))) < 100:
            assert run.poll() is None, (tmp_path / "run.log").read_text()[-2000:]
            time.sleep(0.05)
        cluster[1].kill()
        assert run.wait() == 0, (tmp_path / "run.log").read_text()[-2000:]
    finally:
        for process in cluster:
            process.kill()
            process.wait()
    assert table(out) == table(tmp_path / "alone")
    for mask in (tmp_path / "alone").glob("*_mask.png"):
        assert (out / mask.name).read_bytes() == mask.read_bytes()
