import dataclasses
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from xnet_tf import dataset, distributed, training
from xnet_tf.backend import tf
from xnet_tf.files import InputError

WORKER = Path(__file__).with_name("distributed_worker.py")


@pytest.mark.parametrize(
    ("replicas", "batch", "count"), [(1, 4, 5), (2, 4, 5), (3, 6, 6), (4, 4, 6), (8, 8, 8)]
)
def test_batch_and_epoch_are_enlarged_to_equal_shares(tiny_profile, capsys, replicas, batch, count):
    shared = distributed.share_equally(tiny_profile, parts=2, replicas=replicas)
    assert (shared.batch_size, shared.images_per_part) == (batch, count)
    assert bool(capsys.readouterr().out) == (shared != tiny_profile)


@pytest.mark.parametrize(
    "config",
    [
        "no JSON",
        "{}",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"], "ps": ["a:2"]}, "task": {"type": "worker", "index": 0}}',
    ],
)
def test_a_wrong_description_of_the_machines_is_refused(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(InputError, match=r"must look like .*docs/distributed-training\.md"):
        distributed.find_strategy()


def test_one_device_needs_no_strategy(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(distributed, "GPUS", ["one"])
    assert distributed.find_strategy() is None


def test_the_first_of_several_writes():
    for resolver, chief in ((None, True), (0, True), (1, False)):
        resolver = resolver if resolver is None else SimpleNamespace(task_id=resolver)
        assert distributed.is_chief(SimpleNamespace(cluster_resolver=resolver)) == chief


def test_means_weigh_batches_by_their_size():
    means = distributed.Means()
    means.add(tf.constant(1.0), tf.constant(0.0), tf.constant(3))
    means.add(tf.constant(5.0), tf.constant(1.0), tf.constant(1))
    assert means.values == {"loss": 2.0, "accuracy": 0.25}


def test_a_lost_worker_gives_advice(tiny_profile):
    advice = pytest.raises(InputError, match="start all workers again")
    with advice, training.advice(tiny_profile):
        raise tf.errors.UnavailableError(None, None, "Connection reset by peer")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(count, data, folder, losses, replicas=1):
    """Start processes that train together; the losses of the first go to a file."""
    workers = [f"localhost:{port}" for port in free_ports(count)]
    processes = []
    for index in range(count):
        environment = {**os.environ, "REPLICAS": str(replicas), "CUDA_VISIBLE_DEVICES": ""}
        if count > 1:
            task = {"type": "worker", "index": index}
            environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})
        command = [sys.executable, WORKER, data, folder, losses if index == 0 else os.devnull]
        processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
    return processes


def losses_in(path):
    return np.array([float(line) for line in path.read_text().split()]) if path.exists() else []


@pytest.fixture(scope="module")
def alone(data_folder, tmp_path_factory):
    """A run of one process, without any strategy: its folder and its steps' losses."""
    folder = tmp_path_factory.mktemp("alone")
    (process,) = start(1, data_folder, folder, folder / "losses")
    assert process.wait(900) == 0
    return folder, losses_in(folder / "losses")


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "replicas"), [(2, 1), (3, 1), (1, 2)])
def test_replicas_together_do_what_one_process_does(
    data_folder, alone, tmp_path, workers, replicas
):
    for process in start(workers, data_folder, tmp_path, tmp_path / "losses", replicas):
        assert process.wait(900) == 0
    shared = losses_in(tmp_path / "losses")
    assert len(shared) == len(alone[1]) >= 20
    np.testing.assert_allclose(shared[:20], alone[1][:20], rtol=0, atol=1e-4)


@pytest.mark.slow
def test_after_the_loss_of_a_worker_the_run_goes_on(data_folder, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for process in start(2, data_folder, whole, tmp_path / "whole-losses"):
        assert process.wait(900) == 0
    first, second = start(2, data_folder, killed, tmp_path / "killed-losses")
    while len(losses_in(tmp_path / "killed-losses")) < 9:
        assert first.poll() is None, "ended before a worker could be killed"
        time.sleep(0.05)
    second.kill()
    second.wait()
    try:
        assert first.wait(120) != 0
    except subprocess.TimeoutExpired:  # a launcher would end it as well
        first.kill()
        first.wait()
    for process in start(2, data_folder, killed, tmp_path / "killed-losses"):
        assert process.wait(900) == 0
    with (
        np.load(whole / "weights" / "xnet.npz") as expected,
        np.load(killed / "weights" / "xnet.npz") as found,
    ):
        for name in expected:
            np.testing.assert_allclose(expected[name], found[name], atol=2e-3, err_msg=name)
    records = [
        json.loads((run / "weights" / "xnet.json").read_text())["best_epoch"]
        for run in (whole, killed)
    ]
    assert records[0] == records[1]


def test_an_enlarged_batch_keeps_its_precision(data_folder, tiny_profile, tmp_path, monkeypatch):
    data = dataset.load(data_folder)

    class Reached(Exception):
        """Carries the profile that a network would be built from."""

    def build_model(profile, *_):
        raise Reached(profile)

    three = SimpleNamespace(num_replicas_in_sync=3, cluster_resolver=None, scope=nullcontext)
    profile = dataclasses.replace(tiny_profile, precision="auto")
    shared = distributed.share_equally(profile, data.subset("train")["body_part"].nunique(), 3)
    assert shared.batch_size != profile.batch_size
    begun = dataclasses.replace(shared, precision="float32")
    record = json.dumps({"identity": {"profile": begun.as_dict()}})
    np.savez(tmp_path / "state.npz", record=np.array(record))
    monkeypatch.setattr(training, "faster_precision", lambda: ("bfloat16", "measured again"))
    monkeypatch.setattr(training, "build_model", build_model)
    with pytest.raises(Reached) as reached:
        training.train(data, profile, tmp_path, strategy=three)
    assert reached.value.args[0] == begun
