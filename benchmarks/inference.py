"""One image through the network: as the authors' code does it, as plain layers, and here.

    python benchmarks/inference.py [--widths 64 16] [--runs 9]

The authors call `model.predict` on one image after the other. The qualities of `segment` are
scored on the validation and test images with the weights given.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import measuring
import numpy as np

from xnet_tf import dataset, inference, metrics, runs
from xnet_tf.backend import faster_precision, keras, tf
from xnet_tf.model import build_xnet, folded, plain_layers, with_dtype
from xnet_tf.weights import load_weights

SIZE = 200


def image_times(width: int, count: int, peaks: dict[str, float]) -> list[dict]:
    """Time one image of 200 x 200."""
    keras.utils.set_random_seed(1)
    filters = [width * factor for factor in (1, 2, 4, 8)]
    model = build_xnet((None, None, 1), filters=filters)
    plain = plain_layers(model)
    networks = {
        "model.predict float32": plain,
        "plain layers compiled float32": plain,
        "plain layers compiled bfloat16": with_dtype(plain, "mixed_bfloat16"),
        "xnet_tf float32": model,
        "xnet_tf folded float32": folded(model),
        "xnet_tf folded bfloat16": folded(model, "bfloat16"),
    }
    rng = np.random.default_rng(1)
    image = tf.constant(rng.uniform(-1, 1, (1, SIZE, SIZE, 1)).astype("float32"))
    methods, operations = {}, {}
    for name, network in networks.items():
        full_name = f"{name}, width {width}"
        methods[full_name] = forward(network, image, name.startswith("model.predict"))
        operations[full_name] = measuring.arithmetic(network, SIZE)
    seconds = measuring.alternate(methods, count)
    ours = f"xnet_tf folded {faster_precision()[0]}, width {width}"
    return measuring.speed_rows(seconds, ours, count, operations, peaks)


def forward(network: keras.Model, image: tf.Tensor, by_predict: bool):
    """Return a function of no arguments that computes the image's probabilities."""
    if by_predict:
        array = image.numpy()
        return lambda: network.predict(array, verbose=0)
    compiled = tf.function(lambda x: network(x, training=False))
    return lambda: compiled(image).numpy()


def quality_rows(weights: Path) -> list[dict]:
    """Score the qualities of `segment` on the validation and test images."""
    model, data = load_weights(weights), dataset.load()
    rows = []
    for subset in ("validation", "test"):
        arrays = dataset.read_arrays(data, subset, SIZE)
        normal = inference.predict(model, arrays.images).argmax(-1)
        for quality in inference.VIEWS:
            labels = inference.predict(model, arrays.images, quality=quality).argmax(-1)
            score = metrics.macro_f1(metrics.confusion(arrays.labels, labels))
            for unit, value in (
                (f"macro F1, {subset}", score),
                (f"pixels as normal, {subset}", (labels == normal).mean()),
            ):
                row = {"method": f"xnet_tf quality {quality}", "value": round(float(value), 4)}
                rows.append({**row, "unit": unit, "runs": len(labels), "ratio": None})
    return rows


def main() -> None:
    """Run the comparisons and write ``results/bench-inference.csv``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", nargs="+", type=int, default=[64, 16], metavar="W")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--weights", type=Path, default=runs.RELEASED_WEIGHTS, metavar="FILE")
    options = parser.parse_args()
    # It takes several networks in turn for one network traced again and again.
    tf.get_logger().setLevel("ERROR")
    peaks = {dtype: measuring.peak(dtype) for dtype in ("bfloat16", "float32")}
    rows = [row for width in options.widths for row in image_times(width, options.runs, peaks)]
    measuring.write(rows + quality_rows(options.weights), "inference")


if __name__ == "__main__":
    main()
