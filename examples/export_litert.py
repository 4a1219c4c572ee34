"""Write XNet as a LiteRT (TensorFlow Lite) file, and check that it decides like the network.

    python examples/export_litert.py [--weights weights/xnet-wide.npz] [--out xnet.tflite]

LiteRT wants fixed sizes: one image of ``--size`` squared, prepared as
`xnet_tf.preprocessing.prepare` does. Input float32 ``(1, S, S, 1)``, output
float32 probabilities ``(1, S, S, 3)``.
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


def export(model: keras.Model, path: Path, size: int) -> None:
    """Write a network of `xnet_tf.model` as a LiteRT file for one image of size x size."""
    network = folded(model)
    signature = [keras.InputSpec("float32", (1, size, size, 1))]
    with tempfile.TemporaryDirectory() as folder:
        network.export(folder, input_signature=signature, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        content = converter.convert()
    path.write_bytes(content)


def share_of_equal_pixels(model: keras.Model, path: Path, images: np.ndarray) -> float:
    """Compare the LiteRT file's classes with the network's on images ``(N, S, S, 1)``."""
    interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    (put,), (get,) = interpreter.get_input_details(), interpreter.get_output_details()
    equal = []
    for image in preprocessing.prepare(images).numpy():
        interpreter.set_tensor(put["index"], image[None])
        interpreter.invoke()
        theirs = interpreter.get_tensor(get["index"])
        ours = np.asarray(model(image[None], training=False))
        equal.append((theirs.argmax(-1) == ours.argmax(-1)).mean())
    return float(np.mean(equal))


def main() -> None:
    """Export, compare on the validation images, say what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=runs.USER_WEIGHTS, metavar="FILE")
    parser.add_argument("--out", type=Path, default=Path("xnet.tflite"), metavar="FILE")
    parser.add_argument("--size", type=int, default=200, metavar="S")
    options = parser.parse_args()
    model = load_weights(options.weights)
    export(model, options.out, options.size)
    images = dataset.read_arrays(dataset.load(), "validation", options.size).images
    share = share_of_equal_pixels(model, options.out, images)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB; {share:.4%} of pixels equal")
    if share < 0.9999:
        raise SystemExit("the exported network decides differently")


if __name__ == "__main__":
    main()
