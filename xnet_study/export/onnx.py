"""Write XNet as an ONNX file, and check that it decides like the network it was made from.

    pip install -r xnet_study/export/requirements-onnx.txt
    python -m xnet_study.export.onnx [--weights FILE] [--out xnet.onnx]

The network for use alone consists of six kinds of layers, each of which is one operator of ONNX,
so that no converter is needed. Layouts differ: ONNX has the channels second, kernels with the
filters first. Input: ``image``, float32 ``(B, 1, H, W)``, prepared as
`xnet_tf.preprocessing.prepare` does, H and W divisible by 8. Output: ``probabilities``, float32
``(B, 3, H, W)``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from xnet_study.export import common
from xnet_tf.backend import keras
from xnet_tf.model import folded

OPSET = 17

OPERATORS = {
    keras.layers.ReLU: ("Relu", {}),
    keras.layers.MaxPooling2D: ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    keras.layers.Concatenate: ("Concat", {"axis": 1}),
    keras.layers.Softmax: ("Softmax", {"axis": 1}),
    keras.layers.Conv2D: ("Conv", {"auto_pad": "SAME_UPPER"}),
    # A 4x4 kernel at stride 2 writes one pixel beyond each border, which is cut off.
    keras.layers.Conv2DTranspose: ("ConvTranspose", {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
}


def export(model: keras.Model, path: Path) -> None:
    """Write a network of `xnet_tf.model` as an ONNX file.

    Args:
        model: the network.
        path: of the ONNX file.
    """
    network = folded(model)
    nodes, constants = [], []
    for layer in network.layers[1:]:
        nodes.append(node(layer, names_of(layer.input, network)))
        for weight in layer.weights:
            # Both kinds of kernels: height, width, a, b -> b, a, height, width.
            value = np.transpose(weight, (3, 2, 0, 1)) if weight.shape.rank == 4 else weight
            name = f"{layer.name}/{weight.name}"
            constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    image, probabilities = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", channels, "H", "W"])
        for name, channels in (("image", 1), ("probabilities", 3))
    )
    graph = helper.make_graph(nodes, "xnet", [image], [probabilities], constants)
    opset = helper.make_opsetid("", OPSET)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)


def node(layer: keras.Layer, inputs: list[str]) -> onnx.NodeProto:
    """Return the operator of a layer, whose output has the layer's name."""
    operator, attributes = OPERATORS[type(layer)]
    weights = [f"{layer.name}/{weight.name}" for weight in layer.weights]
    return helper.make_node(operator, [*inputs, *weights], [layer.name], **attributes)


def names_of(tensors, network: keras.Model) -> list[str]:
    """Return the names of the layers that made a layer's inputs."""
    makers = {id(layer.output): layer.name for layer in network.layers}
    return [makers[id(t)] for t in (tensors if isinstance(tensors, list) else [tensors])]


def run(path: Path, batch: np.ndarray) -> np.ndarray:
    """Return an ONNX file's probabilities ``(N, H, W, 3)`` of prepared images ``(N, H, W, 1)``."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(None, {"image": np.transpose(batch, (0, 3, 1, 2))})
    return np.transpose(probabilities, (0, 2, 3, 1))


if __name__ == "__main__":
    common.command(__doc__, "xnet.onnx", lambda model, path, _: export(model, path), run)
