"""The networks, written as the paper draws them, and their weights in and out.

A block is a convolution, batch normalisation and a ReLU. XNet goes down and up twice; the second
way up is helped by the first way down and up, so that fine detail survives three poolings.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from xnet_tf import classes
from xnet_tf.backend import keras, tf
from xnet_tf.files import InputError, read_json, sha256, write_atomically, write_json

layers = keras.layers

_DAMAGED = (zipfile.BadZipFile, zlib.error)
_UNFIT = (KeyError, TypeError, ValueError, AttributeError, EOFError, *_DAMAGED)

POOLINGS = 3
"""How often XNet halves the resolution; height and width must be divisible by 2 to this power."""


def build_xnet(
    input_shape: Sequence[int | None] = (200, 200, 1),
    num_classes: int = classes.COUNT,
    filters: Sequence[int] = (64, 128, 256, 512),
    kernel_size: int = 3,
    l2: float = 1e-4,
) -> keras.Model:
    """Build XNet.

    Args:
        input_shape: height, width and channels. Height and width divisible by 8, or None for any
            such size.
        num_classes: number of regions.
        filters: convolution filters at full, half, quarter and eighth resolution.
        kernel_size: side of the square convolution kernels.
        l2: factor of the squared kernel weights that every convolution adds to the loss.

    Returns:
        A model from images ``(B, H, W, C)``, normalised to [-1, 1], to float32 probabilities
        ``(B, H, W, num_classes)``. The layer before the softmax is named ``logits``.

    Raises:
        ValueError: if a size is not divisible by 8, the kernel size is even, or `filters` does not
            have four entries.

    References:
        Bullock, Cuesta-Lazaro and Quera-Bofarull, Proc. SPIE 10953 (2019), 10.1117/12.2512451.

    Example:
        >>> build_xnet().count_params()
        11742275
    """
    check_arguments(input_shape, filters, kernel_size)
    full, half, quarter, eighth = filters

    def block(x, filters, stage):
        return conv_block(x, filters, kernel_size, l2, name=f"conv{stage}")

    def up_block(x, filters, stage):
        return conv_block(x, filters, kernel_size, l2, name=f"conv{stage}", layer=UpConv2D)

    image = keras.Input(input_shape, name="image")

    # First way down: 200 -> 25 pixels.
    a1 = block(image, full, 1)
    a2 = block(pool(a1), half, 2)
    a3 = block(pool(a2), quarter, 3)
    a4 = block(pool(a3), eighth, 4)
    a5 = block(a4, eighth, 5)

    # First way up, to half resolution only.
    a6 = layers.Concatenate(name="skip6")([a3, up_block(a5, quarter, 6)])
    a7 = layers.Concatenate(name="skip7")([a2, up_block(a6, half, 7)])

    # Second way down.
    a8 = block(a7, half, 8)
    a9 = block(pool(a8), quarter, 9)
    a10 = block(pool(a9), eighth, 10)
    a11 = block(a10, eighth, 11)

    # Second way up, to full resolution.
    a12 = layers.Concatenate(name="skip12")([a9, up_block(a11, quarter, 12)])
    a13 = layers.Concatenate(name="skip13")([a8, up_block(a12, half, 13)])
    a14 = layers.Concatenate(name="skip14")([a1, up_block(a13, full, 14)])

    return keras.Model(image, classify(a14, num_classes, l2), name="xnet")


@keras.saving.register_keras_serializable("xnet_tf")
class UpConv2D(layers.Conv2D):
    """Nearest up-sampling by 2 and a convolution of odd kernel size, in one operation.

    A doubled pixel meets neighbouring weights of the kernel with the same value, so these weights
    can be added first: the two layers equal one transposed convolution of stride 2 whose kernel,
    one larger, is this kernel convolved with a 2x2 square of ones. It has the weights of the plain
    convolution, gives the same result, and needs 16 products per input pixel instead of 36.
    """

    def call(self, inputs):
        """Map ``(B, H, W, C)`` to ``(B, 2H, 2W, filters)``."""
        kernel = self.transposed_kernel()
        outputs = keras.ops.conv_transpose(inputs, kernel, strides=2, padding="same")
        return keras.ops.add(outputs, self.bias)

    def transposed_kernel(self):
        """Return the transposed convolution's kernel, ``(k + 1, k + 1, filters, C)``."""
        one = [1, 0], [0, 1]
        kernel = sum(
            keras.ops.pad(self.kernel, [rows, columns, [0, 0], [0, 0]])
            for rows in one
            for columns in one
        )
        # A transposed convolution scatters its kernel, a convolution gathers: mirror and swap.
        return keras.ops.transpose(keras.ops.flip(kernel, (0, 1)), (0, 1, 3, 2))

    def compute_output_shape(self, input_shape):
        """Double height and width."""
        height, width = (size and 2 * size for size in input_shape[1:3])
        return (input_shape[0], height, width, self.filters)


def plain_layers(model: keras.Model) -> keras.Model:
    """Return the same network with `UpConv2D` written as the two standard layers.

    Its ``.keras`` file loads wherever Keras is, without this project.
    """

    def call(layer, *args, **kwargs):
        if not isinstance(layer, UpConv2D):
            return layer(*args, **kwargs)
        return layers.Conv2D.from_config(layer.get_config())(upsample(*args))

    plain = keras.models.clone_model(model, call_function=call)
    plain.set_weights(model.get_weights())
    return plain


def conv_block(x, filters: int, kernel_size: int, l2: float, name: str, layer=layers.Conv2D):
    """Convolution, batch normalisation and ReLU; with `UpConv2D` as layer, at doubled size."""
    x = layer(
        filters,
        kernel_size,
        padding="same",
        kernel_regularizer=keras.regularizers.L2(l2),
        name=name,
    )(x)
    # Several replicas that each measured their own mean would be another, noisier network.
    shared = tf.distribute.has_strategy()
    x = layers.BatchNormalization(synchronized=shared, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def pool(x):
    """Halve height and width by the maximum of 2x2 pixels."""
    return layers.MaxPooling2D(2)(x)


def upsample(x):
    """Double height and width by repeating each pixel."""
    return layers.UpSampling2D(2, interpolation="nearest")(x)


def classify(x, num_classes: int, l2: float):
    """1x1 convolution and softmax, in float32 whatever the network computes in."""
    logits = layers.Conv2D(
        num_classes,
        1,
        kernel_regularizer=keras.regularizers.L2(l2),
        dtype="float32",
        name="logits",
    )(x)
    return layers.Softmax(dtype="float32", name="probabilities")(logits)


def check_arguments(
    input_shape: Sequence[int | None], filters: Sequence[int], kernel_size: int
) -> None:
    """Raise ValueError if a network cannot be built so. See `build_xnet`."""
    step = 2**POOLINGS
    height, width = input_shape[:2]
    if any(size is not None and size % step for size in (height, width)):
        raise ValueError(
            f"the image is halved {POOLINGS} times: height and width must be divisible by "
            f"{step}, not {height}x{width}; resize, or use xnet_tf.segment, which pads and crops"
        )
    if kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd, not {kernel_size}")
    if len(filters) != POOLINGS + 1:
        raise ValueError(f"filters must have {POOLINGS + 1} entries, not {len(filters)}")


def stages(model: keras.Model) -> list[dict]:
    """List a model's convolutions in order.

    Returns:
        A dictionary each: ``stage``, ``filters``, ``kernel``, ``output`` (size), ``parameters``
        (of the convolution and its batch normalisation).
    """
    rows = []
    for layer in model.layers:
        if not isinstance(layer, layers.Conv2D):
            continue
        norm = next((n for n in model.layers if n.name == f"{layer.name}_bn"), None)
        rows.append(
            {
                "stage": layer.name,
                "filters": layer.filters,
                "kernel": "x".join(map(str, layer.kernel_size)),
                "output": "x".join(map(str, layer.output.shape[1:3])),
                "parameters": layer.count_params() + (norm.count_params() if norm else 0),
            }
        )
    return rows


def logits_model(model: keras.Model) -> keras.Model:
    """Return a model with the same weights that gives logits instead of probabilities."""
    return keras.Model(model.input, model.get_layer("logits").output, name=f"{model.name}_logits")


def save_weights(model: keras.Model, path: str | Path, record: dict) -> Path:
    """Write weights for release: an ``.npz`` and, beside it, a JSON of what they are.

    Convolution kernels and biases are stored as float16, batch-norm variables as float32.

    Args:
        model: a network of this module or of `xnet_tf.networks`.
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
    path: str | Path,
    input_shape: Sequence[int | None] = (None, None, 1),
    build: Callable[..., keras.Model] = build_xnet,
) -> keras.Model:
    """Load released weights into a float32 XNet, or another network.

    Args:
        path: the ``.npz``; its JSON must lie beside it.
        input_shape: as for `build_xnet`.
        build: of the network that they are weights of. `xnet_tf.networks.load_weights` finds it.

    Returns:
        The model.

    Raises:
        InputError: if a file is missing, damaged, or does not belong to the other.
    """
    record = read_record(path)
    try:
        model = build(input_shape, **record["architecture"])
        _assign(model, path)
    except _UNFIT as error:
        raise InputError(f"{path}: not weights for {build.__name__} ({error})") from None
    return model


def assign_weights(model: keras.Model, path: str | Path) -> keras.Model:
    """Give a model the weights of a file, whatever its precision. Returns the model.

    Raises:
        InputError: if the file does not hold the model's weights.
    """
    try:
        _assign(model, path)
    except _UNFIT as error:
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


def _assign(model: keras.Model, path: str | Path) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        for variable in model.weights:
            variable.assign(arrays[variable.path].astype("float32"))


def _for_release(name: str, value: np.ndarray) -> np.ndarray:
    return value.astype("float32" if "_bn/" in name else "float16")
