"""Write XNet as a LiteRT (TensorFlow Lite) file, and check that it decides like the network.

    python -m xnet_study.litert [--weights FILE] [--out xnet.tflite] [--size 200]

LiteRT wants fixed sizes: one image of ``--size`` squared, prepared as
`xnet_tf.preprocessing.prepare` does. Input float32 ``(1, S, S, 1)``, output float32 probabilities
``(1, S, S, C)``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from xnet_tf import dataset, preprocessing, runs
from xnet_tf.backend import keras, tf
from xnet_tf.model import folded
from xnet_tf.weights import load_weights

LEAST_EQUAL = 0.9999
"""The share of pixels of which the file must say the same class as the network."""


def main() -> None:
    """Read the command line, write the file, and compare it on the validation images.

    Raises:
        SystemExit: if the file's classes differ from the network's.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=runs.USER_WEIGHTS, metavar="FILE")
    parser.add_argument("--out", type=Path, default=Path("xnet.tflite"), metavar="FILE")
    parser.add_argument("--size", type=_size, default=200, metavar="S", help="height and width")
    options = parser.parse_args()
    model, path = load_weights(options.weights), options.out
    export(model, path, options.size)
    images = dataset.read_arrays(dataset.load(), "validation", options.size).images
    share = share_of_equal_pixels(model, path, images)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; {share:.4%} of pixels equal")
    if share < LEAST_EQUAL:
        raise SystemExit("the exported network decides differently")


def _size(text: str) -> int:
    size = int(text)
    if size < 8 or size % 8:
        raise argparse.ArgumentTypeError(f"{text}: the network takes sizes divisible by 8")
    return size


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
    """Return a LiteRT file's probabilities ``(N, S, S, C)`` of prepared images ``(N, S, S, 1)``."""
    interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    (put,), (get,) = interpreter.get_input_details(), interpreter.get_output_details()
    probabilities = []
    for image in batch:
        interpreter.set_tensor(put["index"], image[None])
        interpreter.invoke()
        probabilities.append(interpreter.get_tensor(get["index"])[0])
    return np.stack(probabilities)


def share_of_equal_pixels(model: keras.Model, path: Path, images: np.ndarray) -> float:
    """Compare a file's classes with the network's.

    Args:
        model: the network.
        path: of the LiteRT file.
        images: float32 ``(N, S, S, 1)`` in [0, 1].
    """
    batch = preprocessing.prepare(images)
    ours = np.asarray(model(batch, training=False))
    return float((run(path, batch).argmax(-1) == ours.argmax(-1)).mean())


if __name__ == "__main__":
    main()
