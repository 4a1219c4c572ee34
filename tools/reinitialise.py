"""Reinitialise dead filters of trained weights: those whose own weights have decayed to nothing.

    python tools/reinitialise.py weights/xnet-wide.npz --out runs/reinitialised/xnet.npz

With L2 regularisation of 1e-4, a filter that the loss hardly needs shrinks in hours of training
until batch normalisation's epsilon drowns it, and no gradient brings it back. Here every such
filter gets random weights as at the start of training. What it passes on to living filters begins
at zero, which it nearly was: the network's answers hardly change. Training goes on by `train
--init`, with a profile of a smaller penalty.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xnet_study.baselines import networks
from xnet_tf.backend import keras
from xnet_tf.files import InputError, sha256
from xnet_tf.weights import read_record, save_weights

LARGEST_DEAD = 1e-3
"""No weight of a dead filter is larger.

In the weights that this was made for, 828 of 1,392 filters lay below a tenth of it, 4 between that
and it, and 9 between it and ten times it.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="released weights (.npz)")
    parser.add_argument("--out", type=Path, required=True, help="where to write the new .npz")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    record = read_record(options.weights)
    model = networks.load_weights(options.weights)
    counts = reinitialise(model, options.seed)
    record = {
        "network": record.get("network", "xnet"),
        "architecture": record["architecture"],
        "reinitialised": counts,
        "initial_sha256": sha256(options.weights),
        "seed": options.seed,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_weights(model, options.out, record)
    print(f"{sum(counts.values())} filters reinitialised: {counts}")


def reinitialise(model: keras.Model, seed: int) -> dict[str, int]:
    """Reinitialise dead filters in place, and leave the network's output nearly as it is.

    Args:
        model: an XNet, or another network of convolutions followed by batch normalisation.
        seed: of the new weights.

    Returns:
        How many filters of each convolution were dead.
    """
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    dead = {layer.name: dead_filters(layer) for layer in convolutions}
    dead[convolutions[-1].name][:] = False  # the classes
    for number, layer in enumerate(convolutions):
        chosen = dead[layer.name]
        kernel, bias = layer.kernel.numpy(), layer.bias.numpy()
        fresh = keras.initializers.GlorotUniform(seed + number)(kernel.shape)
        if above := sources(layer):
            kernel[:, :, np.concatenate([dead[name] for name in above])] = 0
        kernel[..., chosen] = fresh.numpy()[..., chosen]
        bias[chosen] = 0
        layer.kernel.assign(kernel)
        layer.bias.assign(bias)
        if chosen.any():
            _reset(model.get_layer(f"{layer.name}_bn"), chosen)
    return {name: int(flags.sum()) for name, flags in dead.items() if flags.any()}


def dead_filters(layer: keras.layers.Conv2D) -> np.ndarray:
    """Tell which of a convolution's filters are dead: bool ``(filters,)``."""
    return np.abs(layer.kernel.numpy()).max((0, 1, 2)) < LARGEST_DEAD


def sources(layer: keras.layers.Layer) -> list[str]:
    """Name the convolutions whose filters are a layer's input channels, in their order."""
    found = []
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    for parent in (tensor._keras_history.operation for tensor in inputs):
        if isinstance(parent, keras.layers.Conv2D):
            found.append(parent.name)
        elif not isinstance(parent, keras.layers.InputLayer):
            found += sources(parent)
    return found


def _reset(norm: keras.layers.BatchNormalization, which: np.ndarray) -> None:
    start = {"gamma": 1.0, "beta": 0.0, "moving_mean": 0.0, "moving_variance": 1.0}
    for name, value in start.items():
        variable = getattr(norm, name)
        variable.assign(np.where(which, value, variable.numpy()))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(str(error)) from None
