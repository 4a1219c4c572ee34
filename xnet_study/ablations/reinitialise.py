"""Reinitialise dead filters of trained weights: those whose own weights have decayed to nothing.

    python -m xnet_study.ablations.reinitialise runs/base/weights/xnet.npz --out runs/new/xnet.npz

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

from xnet_study.ablations import common
from xnet_tf.backend import keras
from xnet_tf.files import sha256
from xnet_tf.weights import load_weights, read_record, save_weights

LARGEST_DEAD = 1e-3
"""No weight of a dead filter is larger.

In the weights that this was made for, 828 of 1,392 filters lay below a tenth of it, 4 between that
and it, and 9 between it and ten times it.
"""

FRESH = {"gamma": 1.0, "beta": 0.0, "moving_mean": 0.0, "moving_variance": 1.0}
"""Batch normalisation's variables at the start of training."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="released weights (.npz)")
    parser.add_argument("--out", type=Path, required=True, help="where to write the new .npz")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    old, model = read_record(options.weights), load_weights(options.weights)
    counts = reinitialise(model, options.seed)
    record = {"network": old.get("network", "xnet"), "architecture": old["architecture"]}
    record |= {"reinitialised": counts, "initial_sha256": sha256(options.weights)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_weights(model, options.out, record | {"seed": options.seed})
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
        layer.kernel.assign(kernel)
        layer.bias.assign(np.where(chosen, 0, bias))
        for name, value in FRESH.items() if chosen.any() else ():
            variable = getattr(model.get_layer(f"{layer.name}_bn"), name)
            variable.assign(np.where(chosen, value, variable.numpy()))
    return {name: int(flags.sum()) for name, flags in dead.items() if flags.any()}


def dead_filters(layer: keras.layers.Conv2D) -> np.ndarray:
    """Tell which of a convolution's filters are dead: bool ``(filters,)``."""
    return np.abs(layer.kernel.numpy()).max((0, 1, 2)) < LARGEST_DEAD


def sources(layer: keras.layers.Layer) -> list[str]:
    """Name the convolutions whose filters are a layer's input channels, in their order."""
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    parents = [tensor._keras_history.operation for tensor in inputs]
    return [
        name
        for parent in parents
        if not isinstance(parent, keras.layers.InputLayer)
        for name in ([parent.name] if isinstance(parent, keras.layers.Conv2D) else sources(parent))
    ]


if __name__ == "__main__":
    common.command(main)
