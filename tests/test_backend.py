import os
import subprocess
import sys

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


def test_device_is_described():
    assert ("GPU" in backend.describe_device()) or ("CPU cores" in backend.describe_device())
