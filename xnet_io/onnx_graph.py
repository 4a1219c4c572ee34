"""XNet as an ONNX graph, written from released weights without TensorFlow and without `onnx`.

The network for use alone, as `xnet_tf.model.folded` has it: batch normalisation multiplied into
the convolutions, nearest up-sampling and its convolution as one transposed convolution. Input:
``image``, float32 ``(B, 1, H, W)``, prepared as `xnet_tf.preprocessing.prepare` does, H and W
divisible by 8. Output: ``probabilities``, float32 ``(B, C, H, W)``.

    python -m xnet_io.onnx_graph [--weights FILE] [--out xnet.onnx] [--float32]

ONNX files are messages of Protocol Buffers. Of the library `onnx` (31 MB) only some twenty of
their fields would be needed, and those are written here; the tests let it check the file.

References:
    github.com/onnx/onnx/blob/main/onnx/onnx.proto, protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from xnet_tf import runs
from xnet_tf.files import InputError, write_atomically
from xnet_tf.weights import UNFIT, read_record

OPSET, IR_VERSION = 17, 9

STAGES = (
    *(("conv1", "image"), ("pool1", "conv1"), ("conv2", "pool1"), ("pool2", "conv2")),
    *(("conv3", "pool2"), ("pool3", "conv3"), ("conv4", "pool3"), ("conv5", "conv4")),
    *(("up6", "conv5"), ("join6", "conv3", "up6"), ("up7", "join6"), ("join7", "conv2", "up7")),
    *(("conv8", "join7"), ("pool8", "conv8"), ("conv9", "pool8"), ("pool9", "conv9")),
    *(("conv10", "pool9"), ("conv11", "conv10"), ("up12", "conv11"), ("join12", "conv9", "up12")),
    *(("up13", "join12"), ("join13", "conv8", "up13")),
    *(("up14", "join13"), ("join14", "conv1", "up14"), ("logits", "join14")),
    ("probabilities", "logits"),
)
"""Every step of `xnet_tf.build_xnet`, and the steps that it takes."""

_EPSILON = 1e-3
"""What Keras adds to a batch normalisation's variance."""

_FLOAT, _FLOAT16, _INT = 1, 10, 2
"""Types of tensors, and of an attribute; a list of integers is of type 7."""


def build(
    weights: str | Path, half: bool = False, outputs: Sequence[str] = ("probabilities",)
) -> bytes:
    """Return the ONNX file of a released XNet.

    Args:
        weights: the ``.npz``, whose record lies beside it.
        half: keep the weights in float16, half as large; the arithmetic stays in float32.
        outputs: steps of `STAGES`, in this order; the graph ends with the last of them.

    Raises:
        InputError: if the record does not fit, or names another network than XNet.
    """
    record = read_record(weights)
    if record.get("network", "xnet") != "xnet":
        raise InputError(f"{weights}: a {record['network']}; only XNet is written as ONNX")
    try:
        with np.load(weights, allow_pickle=False) as arrays:
            return _model(dict(arrays), half, outputs)
    except UNFIT as error:
        raise InputError(f"{weights}: not weights of an XNet ({error})") from None


def folded(arrays: Mapping[str, np.ndarray], name: str, up: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return kernel and bias of a convolution that does its batch normalisation's work as well.

    Args:
        arrays: the released weights by name.
        name: of the convolution.
        up: whether it doubles the size: it is written as a transposed convolution then.

    Returns:
        float64, in ONNX's order: ``(filters, channels, k, k)`` or, upwards, ``(channels, filters,
        k, k)``, mirrored and four times as large; and ``(filters,)``.
    """
    kernel, bias = (arrays[f"{name}/{part}"].astype(np.float64) for part in ("kernel", "bias"))
    if f"{name}_bn/gamma" in arrays:
        gamma, beta, mean, variance = (
            arrays[f"{name}_bn/{part}"].astype(np.float64)
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + _EPSILON)
        kernel, bias = kernel * scale, (bias - mean) * scale + beta
    if up:
        return 4 * kernel[::-1, ::-1].transpose(2, 3, 0, 1), bias
    return kernel.transpose(3, 2, 0, 1), bias


def _model(arrays: Mapping[str, np.ndarray], half: bool, outputs: Sequence[str]) -> bytes:
    nodes, constants, channels = [], [], {}
    names = [name for name, *_ in STAGES]
    for name, *inputs in STAGES[: names.index(outputs[-1]) + 1]:
        kind = name.rstrip("0123456789")
        if kind == "pool":
            nodes.append(_node("MaxPool", inputs, name, kernel_shape=[2, 2], strides=[2, 2]))
        elif kind == "join":
            nodes.append(_node("Concat", inputs, name, axis=1))
        elif kind == "probabilities":
            nodes.append(_node("Softmax", inputs, name, axis=1))
            channels[name] = channels["logits"]
        else:
            # The convolution that doubles the size at stage 6 is called conv6 in the weights.
            kernel, bias = folded(arrays, name.replace("up", "conv"), kind == "up")
            for part, value in (("kernel", kernel), ("bias", bias)):
                stored = value.astype(np.float16 if half else np.float32)
                constants.append(_tensor(f"{name}/{part}{'16' if half else ''}", stored))
                if half:
                    nodes.append(_node("Cast", [f"{name}/{part}16"], f"{name}/{part}", to=_FLOAT))
            channels[name] = len(bias)
            nodes += _convolution(name, kind, inputs, kernel.shape[-1] // 2)
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "xnet")
    graph += b"".join(_field(5, constant) for constant in constants)
    graph += _field(11, _value("image", 1))
    graph += b"".join(_field(12, _value(name, channels[name])) for name in outputs)
    opset = _field(1, "") + _field(2, OPSET)
    return _field(1, IR_VERSION) + _field(2, "xnet_io") + _field(7, graph) + _field(8, opset)


def _convolution(name: str, kind: str, inputs: list[str], margin: int) -> list[bytes]:
    inputs = [*inputs, f"{name}/kernel", f"{name}/bias"]
    if kind == "logits":
        return [_node("Conv", inputs, name)]
    relu = _node("Relu", [f"{name}/sum"], name)
    if kind != "up":
        return [_node("Conv", inputs, f"{name}/sum", pads=[margin] * 4), relu]
    # The kernel convolved with a square of four ones, see `xnet_tf.model.UpConv2D`; whoever loads
    # the graph works it out once.
    square = {"kernel_shape": [2, 2], "pads": [1] * 4, "count_include_pad": 1}
    wide = _node("AveragePool", [f"{name}/kernel"], f"{name}/wide", **square)
    inputs[-2] = f"{name}/wide"
    form = {"strides": [2, 2], "pads": [margin] * 4}
    return [wide, _node("ConvTranspose", inputs, f"{name}/sum", **form), relu]


def _node(operator: str, inputs: list[str], output: str, **attributes) -> bytes:
    message = b"".join(_field(1, name) for name in inputs) + _field(2, output)
    message += _field(3, output) + _field(4, operator)
    for name, value in attributes.items():
        if isinstance(value, list):
            numbers = b"".join(_field(8, number) for number in value) + _field(20, 7)
        else:
            numbers = _field(3, value) + _field(20, _INT)
        message += _field(5, _field(1, name) + numbers)
    return message


def _tensor(name: str, array: np.ndarray) -> bytes:
    kind = _FLOAT16 if array.dtype == np.float16 else _FLOAT
    message = b"".join(_field(1, size) for size in array.shape) + _field(2, kind)
    return message + _field(8, name) + _field(9, np.ascontiguousarray(array).tobytes())


def _value(name: str, channels: int) -> bytes:
    """Describe a tensor of any number of pictures of any size."""
    sizes = [_field(2, "B"), _field(1, channels), _field(2, "H"), _field(2, "W")]
    shape = b"".join(_field(1, size) for size in sizes)
    return _field(1, name) + _field(2, _field(1, _field(1, _FLOAT) + _field(2, shape)))


def _field(number: int, value: int | str | bytes) -> bytes:
    """Encode a field: an integer, or text or a message with its length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Encode an integer from 0 upwards in groups of seven bits, the lowest first."""
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])


def main(arguments: list[str] | None = None) -> None:
    """Write the ONNX file that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--weights", type=runs.weights_path, default=runs.USER_WEIGHTS, metavar="FILE"
    )
    parser.add_argument("--out", type=Path, default=Path("xnet.onnx"), metavar="FILE")
    parser.add_argument("--float32", action="store_true", help="twice as large")
    options = parser.parse_args(arguments)
    content = build(options.weights, half=not options.float32)
    write_atomically(options.out, lambda temporary: temporary.write_bytes(content))
    print(f"{options.out}: {len(content) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
