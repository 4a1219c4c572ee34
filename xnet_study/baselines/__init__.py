"""The networks and methods that XNet is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xnet_tf.inference import Network


def load_network(weights: Path, threads: int = 0) -> Network:
    """Return released weights for segmenting: XNet's by onnxruntime, another network's by Keras.

    Args:
        weights: the ``.npz``.
        threads: how many onnxruntime may compute on at once; 0 for one on each core.

    Raises:
        InputError: if the weights cannot be used.
    """
    from xnet_io import engines
    from xnet_tf.weights import load_weights, read_record

    if read_record(weights).get("network", "xnet") == "xnet":
        return engines.load_network(weights, threads)
    from xnet_study.baselines import networks  # noqa: F401 - makes the other networks known

    return load_weights(weights)
