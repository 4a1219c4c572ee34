"""TensorFlow and Keras, loaded once and without their start-up chatter.

Modules that compute take both from here: ``from xnet_tf.backend import keras, tf``.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Hold back what libraries write to the standard error's descriptor; show it on failure.

    TensorFlow's C++ code logs there before any level can be set.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


with quiet_start():
    import keras
    import tensorflow as tf

    GPUS = tf.config.list_physical_devices("GPU")
    for gpu in GPUS:
        # Take memory as it is needed, so that a second notebook can use the same card.
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.zeros(()).numpy()


def describe_device() -> str:
    """Say in one line what training will run on."""
    if GPUS:
        names = [
            tf.config.experimental.get_device_details(g).get("device_name", g.name) for g in GPUS
        ]
        return f"{len(GPUS)} GPU(s): {', '.join(names)}"
    return f"no GPU found; {os.cpu_count()} CPU cores ({platform.machine()})"


__all__ = ["GPUS", "describe_device", "keras", "quiet_start", "tf"]
