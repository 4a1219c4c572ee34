"""Give dead filters of trained weights a new beginning, without changing what the network says.

    python tools/revive.py runs/upright/weights/xnet.npz --out runs/revived/xnet.npz

With the published penalty on squared weights, a filter that the loss hardly needs decays until
batch normalisation's epsilon drowns it, and no gradient brings it back. Here every such filter gets
random weights as at the start of training; what it passes on to filters that live begins at zero.
Training goes on with a smaller penalty, which the new record states.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xnet_tf import models, networks
from xnet_tf.backend import keras
from xnet_tf.files import InputError, sha256

LARGEST_DEAD = 1e-3
"""No weight of a dead filter is larger; a living one's largest is ten times as large or more."""

SMALL_L2 = 1e-6


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="released weights (.npz)")
    parser.add_argument("--out", type=Path, required=True, help="where to write the new .npz")
    parser.add_argument("--l2", type=float, default=SMALL_L2, help="penalty to go on with")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    record = models.read_record(options.weights)
    model = networks.load_weights(options.weights)
    revived = revive(model, options.seed)
    record = {
        "network": record.get("network", "xnet"),
        "architecture": {**record["architecture"], "l2": options.l2},
        "revived": revived,
        "revived_from_sha256": sha256(options.weights),
        "seed": options.seed,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    models.save_weights(model, options.out, record)
    print(f"{sum(revived.values())} filters revived: {revived}")


def revive(model: keras.Model, seed: int) -> dict[str, int]:
    """Start dead filters anew, in place; the network's output stays as it is.

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
        reborn = dead[layer.name]
        kernel, bias = layer.kernel.numpy(), layer.bias.numpy()
        fresh = keras.initializers.GlorotUniform(seed + number)(kernel.shape)
        if above := sources(layer):
            kernel[:, :, np.concatenate([dead[name] for name in above])] = 0
        kernel[..., reborn] = fresh.numpy()[..., reborn]
        bias[reborn] = 0
        layer.kernel.assign(kernel)
        layer.bias.assign(bias)
        if reborn.any():
            _reset(model.get_layer(f"{layer.name}_bn"), reborn)
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
