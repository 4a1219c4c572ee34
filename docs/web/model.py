"""Write what the pages in the browser are built from: network, classes, the explorer's images.

python docs/web/model.py FOLDER
"""

import json
import sys
from base64 import b64encode
from pathlib import Path

import cv2
import numpy as np

from xnet_io import load_network, onnx_graph, read_mask
from xnet_tf import classes, inference, preprocessing, runs

DATA = runs.REPOSITORY / "data"
EXAMPLES = ("hand-08", "knee-03", "pelvis-01", "foot-04", "shoulder-04", "thorax-01")
"""Of the test images, for the explorer."""


def text(array: np.ndarray) -> str:
    """Return an array's bytes as text."""
    return b64encode(np.ascontiguousarray(array).tobytes()).decode()


def example(network, name: str) -> dict:
    """Return a test image at the network's working size, its truth and its probabilities."""
    image = cv2.imread(str(DATA / "images" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    truth = read_mask(DATA / "masks" / f"{name}.png")
    size = preprocessing.fitted(image.shape, inference.WORKING_SIZE)
    small = preprocessing.resize_area(image[..., None] / np.float32(65535), *size)
    (probabilities,) = inference.predict(network, small[None], quality="normal")
    return {
        "name": name,
        "rows": size[0],
        "columns": size[1],
        "grey": text(np.round(255 * np.clip(small, 0, 1)).astype(np.uint8)),
        "truth": text(preprocessing.resize_nearest(truth, *size)),
        "probabilities": text(np.round(65535 * probabilities).astype("<u2")),
    }


def main(out: Path) -> None:
    """Write the files."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "xnet.onnx").write_bytes(onnx_graph.build(runs.USER_WEIGHTS, half=True))
    palette = zip(classes.NAMES, classes.COLOURS.tolist(), strict=True)
    named = [{"name": name, "colour": colour} for name, colour in palette]
    (out / "classes.json").write_text(json.dumps(named), encoding="utf-8")
    record = runs.USER_WEIGHTS.with_name(f"{runs.USER_WEIGHTS.stem}-operating-points.json")
    points = [
        {"target": point["target_fdr"], "threshold": point["threshold"]}
        for point in json.loads(record.read_text(encoding="utf-8"))["points"]
        if point["threshold"] is not None and not point["processed"]
    ]
    network = load_network()
    shown = {"points": points, "images": [example(network, name) for name in EXAMPLES]}
    (out / "explorer.json").write_text(json.dumps(shown), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
