import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from xnet_tf import backend


def test_starting_tensorflow_prints_nothing():
    done = subprocess.run(
        [sys.executable, "-c", "import xnet_tf.model"], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_what_was_held_back_is_shown_on_failure(capfd):
    with pytest.raises(RuntimeError), backend.quiet_start():
        os.write(2, b"the reason\n")
        raise RuntimeError
    assert "the reason" in capfd.readouterr().err


def test_device_is_described(monkeypatch):
    monkeypatch.setattr(backend, "GPUS", [])
    assert backend.describe_device().startswith("no GPU found; ")
    card = SimpleNamespace(name="/physical_device:GPU:0")
    details = SimpleNamespace(get_device_details=lambda gpu: {"device_name": "Test card"})
    monkeypatch.setattr(backend, "GPUS", [card, card])
    monkeypatch.setattr(backend.tf.config, "experimental", details)
    assert backend.describe_device() == "2 GPU(s): Test card, Test card"


@pytest.mark.parametrize(("capability", "chosen"), [((7, 5), "float32"), ((8, 0), "bfloat16")])
def test_precision_follows_the_weakest_gpu(monkeypatch, capability, chosen):
    found = {"old": {"compute_capability": capability}, "new": {"compute_capability": (9, 0)}}
    monkeypatch.setattr(backend, "GPUS", list(found))
    details = SimpleNamespace(get_device_details=found.get)
    monkeypatch.setattr(backend.tf.config, "experimental", details)
    precision, reason = backend.faster_precision()
    assert precision == chosen
    assert f"{capability[0]}.{capability[1]}" in reason


@pytest.mark.parametrize(
    ("flags", "gain", "chosen"),
    [
        ({"avx512f"}, 9.0, "float32"),  # not even measured
        ({"avx512f", "avx512_bf16"}, 1.9, "bfloat16"),
        ({"avx512f", "avx512_bf16"}, 0.6, "float32"),
    ],
)
def test_precision_follows_the_processor(monkeypatch, flags, gain, chosen):
    monkeypatch.setattr(backend, "GPUS", [])
    monkeypatch.setattr(backend, "_processor_flags", lambda: flags)
    monkeypatch.setattr(backend, "_bfloat16_gain", lambda: gain)
    assert backend.faster_precision()[0] == chosen


def test_gain_is_the_ratio_of_the_best_times(monkeypatch):
    # After a first round of products that does not count, by a made-up clock: float32 and bfloat16
    # take 8 and 8 seconds, then 4 and 2, then 8 and 8.
    takes = [8, 8, 4, 2, 8, 8, 8, 8, 8, 8]
    ticks = iter([0.0, 0.0] + [tick for seconds in takes for tick in (0.0, seconds)])
    monkeypatch.setattr(backend, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    assert backend._bfloat16_gain.__wrapped__() == 2.0


def test_dtype_policy_is_put_back():
    with pytest.raises(RuntimeError), backend.dtype_policy("mixed_bfloat16"):
        assert backend.keras.layers.ReLU().compute_dtype == "bfloat16"
        raise RuntimeError
    assert backend.keras.layers.ReLU().compute_dtype == "float32"
