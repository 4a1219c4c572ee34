"""TensorFlow and Keras, loaded once and without their start-up chatter; what devices they find.

Modules that compute take both from here: ``from xnet_tf.backend import keras, tf``.
"""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np


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
    if "TF_CONFIG" not in os.environ:
        # Start TensorFlow's runtime now, while its messages are held back. With other machines to
        # be found, `xnet_tf.distributed` must set them up before it starts.
        tf.zeros(()).numpy()


def describe_device() -> str:
    """Say in one line what training will run on."""
    if GPUS:
        names = [
            tf.config.experimental.get_device_details(g).get("device_name", g.name) for g in GPUS
        ]
        return f"{len(GPUS)} GPU(s): {', '.join(names)}"
    return f"no GPU found; {os.cpu_count()} CPU cores ({platform.machine()})"


def faster_precision() -> tuple[str, str]:
    """Choose the precision that this device is faster with, and say why.

    Of processors it is measured, for some list instructions for bfloat16 that are slower than those
    for float32.

    Returns:
        ``"bfloat16"`` or ``"float32"``, and the reason in a few words.
    """
    if GPUS:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in GPUS]
        capability = min(d.get("compute_capability", (0, 0)) for d in details)
        name = f"a GPU of compute capability {capability[0]}.{capability[1]}"
        if capability >= (8, 0):
            return "bfloat16", f"{name} multiplies bfloat16 faster"
        return "float32", f"{name} has no fast bfloat16"
    if not _BFLOAT16_UNITS & _processor_flags():
        return "float32", "this processor has no fast bfloat16"
    gain = _bfloat16_gain()
    times = f"this processor multiplies matrices in bfloat16 {gain:.1f} times as fast"
    return ("bfloat16" if gain >= _WORTHWHILE else "float32"), times


@functools.cache
def _bfloat16_gain() -> float:
    """Time a matrix product in float32 and in bfloat16, in turn; return the best times' ratio."""
    multiply = tf.function(lambda matrix: matrix @ matrix)
    side = 1024  # a few milliseconds, long enough for a clock
    best = dict.fromkeys((tf.float32, tf.bfloat16), float("inf"))
    matrices = {dtype: tf.ones((side, side), dtype) for dtype in best}
    for attempt in range(6):
        for dtype, matrix in matrices.items():
            started = time.perf_counter()
            multiply(matrix).numpy()
            if attempt:  # the first one compiles
                best[dtype] = min(best[dtype], time.perf_counter() - started)
    return best[tf.float32] / best[tf.bfloat16]


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Let layers made meanwhile compute in a dtype policy, for instance ``"mixed_bfloat16"``."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def random_words(seeds: tf.Tensor, streams: Sequence[str], count: int) -> list[tf.Tensor]:
    """Four tensors of random uint32 words ``(B, streams, count)``: Philox 4x32 with 10 rounds.

    It is TensorFlow's own generator, whose operation takes one seed at a time. The first integer
    of the seeds is the key; stream, second integer and index are the counter.
    """
    bits = tf.bitcast(seeds, tf.uint32)[..., None, None]
    names = np.array([zlib.crc32(name.encode()) for name in streams], np.uint32)[:, None]
    words = [tf.cast(tf.range(count), tf.uint32), names, bits[:, 1, 0], bits[:, 1, 1]]
    shape = tf.shape(words[0] + names + words[2])

    def turn(words, keys):
        first, other = _multiply(words[0], 0xD2511F53), _multiply(words[2], 0xCD9E8D57)
        words = [other[0] ^ words[1] ^ keys[0], other[1], first[0] ^ words[3] ^ keys[1], first[1]]
        return words, [keys[0] + 0x9E3779B9, keys[1] + 0xBB67AE85]

    # A loop, whose result compilers keep: written out, they would find it anew for each pixel.
    state = [tf.broadcast_to(word, shape) for word in words], [bits[:, 0, 0], bits[:, 0, 1]]
    return tf.while_loop(lambda *_: True, turn, state, maximum_iterations=10)[0]


def _multiply(words: tf.Tensor, factor: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Upper and lower halves of products of uint32 words."""
    product = tf.cast(words, tf.uint64) * factor
    return tf.cast(tf.bitwise.right_shift(product, 32), tf.uint32), tf.cast(product, tf.uint32)


_BFLOAT16_UNITS = {"amx_bf16", "avx512_bf16"}
_WORTHWHILE = 1.2
"""How much faster products in bfloat16 must be: less would be lost on conversions."""


def _processor_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return set()
    line = next((line for line in text.splitlines() if line.startswith("flags")), ":")
    return set(line.split(":", 1)[1].split())
