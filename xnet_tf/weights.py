"""Released weights in and out, with the record that lies beside them."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xnet_tf import runs
from xnet_tf.classes import PAPER, Classes
from xnet_tf.files import InputError, read_json, sha256, write_atomically, write_json

if TYPE_CHECKING:
    from xnet_tf.backend import keras

_DAMAGED = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError)
UNFIT = (KeyError, TypeError, ValueError, AttributeError, *_DAMAGED)
"""What reading a damaged archive of arrays, or another network's, may raise."""


def save_weights(model: keras.Model, path: str | Path, record: dict) -> Path:
    """Write weights for release: an ``.npz`` and, beside it, a JSON of what they are.

    Convolution kernels and biases are stored as float16, batch-norm variables as float32.

    Args:
        model: a network of `xnet_tf.model` or of `xnet_study.baselines.networks`.
        path: destination ending in ``.npz``.
        record: how the weights were made; ``architecture`` must hold `build_xnet`'s arguments
            ``filters``, ``kernel_size``, ``num_classes`` and ``l2``.

    Returns:
        The path of the ``.npz``.
    """
    path = Path(path)
    arrays = {v.path: _for_release(v.path, v.numpy()) for v in model.weights}
    write_atomically(path, lambda temporary: np.savez_compressed(temporary, **arrays))
    write_json(path.with_suffix(".json"), {**record, "sha256": sha256(path)})
    return path


def load_weights(
    path: str | Path = runs.USER_WEIGHTS, input_shape: Sequence[int | None] = (None, None, 1)
) -> keras.Model:
    """Load released weights into the network that they were saved from, in float32.

    Args:
        path: the ``.npz``; its JSON must lie beside it and names the network, XNet if it names
            none. By default the weights for radiographs of one's own, which are in the package.
        input_shape: as for `build_xnet`.

    Returns:
        The model.

    Raises:
        InputError: if a file is missing, damaged, or does not belong to the other, or the network
            is not known (`xnet_tf.model.find_network`).

    Example:
        >>> load_weights().name
        'xnet'
    """
    from xnet_tf.model import find_network

    record = read_record(path)
    build = find_network(record.get("network", "xnet"))
    try:
        model = build(input_shape, **record["architecture"])
    except UNFIT as error:
        raise InputError(f"{path}: its record fits no {build.__name__} ({error})") from None
    return assign_weights(model, path)


def assign_weights(model: keras.Model, path: str | Path, but: str = "") -> keras.Model:
    """Give a model the weights of a file, whatever its precision. Returns the model.

    Args:
        model: of the file's network.
        path: of the ``.npz``.
        but: name of a layer that keeps the weights it has.

    Raises:
        InputError: if the file does not hold the model's weights.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for variable in model.weights:
                if variable.path.split("/")[0] != but:
                    variable.assign(arrays[variable.path].astype("float32"))
    except UNFIT as error:
        raise InputError(f"{path}: not weights for {model.name} ({error})") from None
    return model


def read_record(path: str | Path) -> dict:
    """Return the record that lies beside released weights.

    Raises:
        InputError: if a file is missing, damaged, or does not belong to the other.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such weights file")
    if path.suffix != ".npz":
        raise InputError(f"{path}: give the .npz of the weights")
    record = read_json(path.with_suffix(".json"))
    if record.get("sha256") != sha256(path):
        raise InputError(f"{path}: does not match its record {path.with_suffix('.json').name}")
    return record


def read_classes(path: str | Path) -> Classes:
    """Return the classes of released weights: the paper's, unless their record names others.

    Raises:
        InputError: as `read_record`, or if what the record names are no classes.
    """
    try:
        return Classes.of_rows(read_record(path).get("classes", PAPER.rows))
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: the classes of its record: {error}") from None


def _for_release(name: str, value: np.ndarray) -> np.ndarray:
    return value.astype("float32" if "_bn/" in name else "float16")
