"""What computes the network when radiographs are segmented: onnxruntime, which starts in a moment.

It serves XNet, of any width and any classes. Keras, which takes seconds to start, is the truth that
`onnx_graph` is tested against, and computes the networks of the comparison.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xnet_io import onnx_graph
from xnet_tf import runs
from xnet_tf.inference import Network


def load_network(weights: str | Path | None = None, threads: int = 0) -> Network:
    """Load released weights for segmenting.

    Args:
        weights: the ``.npz``, its record beside it. By default those for radiographs of one's own.
        threads: how many may compute at once; 0 for one on each core.

    Returns:
        A network as `xnet_tf.inference` takes it.

    Raises:
        InputError: if the weights cannot be used, or are those of another network than XNet.
    """
    return OnnxNetwork(onnx_graph.build(runs.USER_WEIGHTS if weights is None else weights), threads)


class OnnxNetwork:
    """An ONNX file's content as a function of arrays.

    Args:
        content: of `onnx_graph.build`.
        threads: see `load_network`.
    """

    def __init__(self, content: bytes, threads: int = 0):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Map normalised images ``(B, H, W, 1)`` to float32 probabilities ``(B, H, W, C)``."""
        return self.outputs(images)[0]

    def outputs(self, images: np.ndarray) -> list[np.ndarray]:
        """Return all outputs of the graph, float32 ``(B, h, w, C)``."""
        values = self._session.run(None, {"image": images.transpose(0, 3, 1, 2)})
        return [value.transpose(0, 2, 3, 1) for value in values]
