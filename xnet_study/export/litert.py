"""Write XNet as a LiteRT (TensorFlow Lite) file, and check that it decides like the network.

    python -m xnet_study.export.litert [--weights FILE] [--out xnet.tflite] [--size 200]

LiteRT wants fixed sizes: one image of ``--size`` squared, prepared as
`xnet_tf.preprocessing.prepare` does. Input float32 ``(1, S, S, 1)``, output float32 probabilities
``(1, S, S, 3)``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from xnet_study.export import common
from xnet_tf.backend import keras, tf
from xnet_tf.model import folded


def export(model: keras.Model, path: Path, size: int) -> None:
    """Write a network of `xnet_tf.model` as a LiteRT file for one image of size x size."""
    network = folded(model)
    signature = [keras.InputSpec("float32", (1, size, size, 1))]
    with tempfile.TemporaryDirectory() as folder:
        network.export(folder, input_signature=signature, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        content = converter.convert()
    path.write_bytes(content)


def run(path: Path, batch: np.ndarray) -> np.ndarray:
    """Return a LiteRT file's probabilities ``(N, S, S, 3)`` of prepared images ``(N, S, S, 1)``."""
    interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    (put,), (get,) = interpreter.get_input_details(), interpreter.get_output_details()
    probabilities = []
    for image in batch:
        interpreter.set_tensor(put["index"], image[None])
        interpreter.invoke()
        probabilities.append(interpreter.get_tensor(get["index"])[0])
    return np.stack(probabilities)


if __name__ == "__main__":
    common.command(__doc__, "xnet.tflite", export, run)
