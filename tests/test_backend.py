import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from xnet_tf import backend


def test_starting_tensorflow_prints_nothing():
    done = subprocess.run(
        [sys.executable, "-c", "import xnet_tf.models"], capture_output=True, text=True, check=True
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
