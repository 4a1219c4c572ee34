"""onnxruntime computes what Keras computes, from the same weights, and without TensorFlow."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xnet_io
import xnet_tf
from xnet_io import engines, onnx_graph
from xnet_tf import runs
from xnet_tf.backend import keras
from xnet_tf.files import InputError, read_json, sha256, write_json

ROOT = Path(__file__).resolve().parents[1]


def saved(folder, num_classes=3, kernel_size=3):
    """Return a small network whose batch normalisation is not the identity, and its file."""
    keras.utils.set_random_seed(4)
    form = {"filters": (4, 6, 8, 10), "num_classes": num_classes, "kernel_size": kernel_size}
    network = xnet_tf.build_xnet((None, None, 1), **form)
    rng = np.random.default_rng(3)
    for variable in network.variables:
        if "_bn/" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    record = {"architecture": form | {"l2": 1e-6}}
    path = xnet_tf.save_weights(network, folder / "own.npz", record)
    return xnet_tf.load_weights(path), path


@pytest.mark.parametrize(("num_classes", "kernel_size"), [(3, 3), (5, 5)])
def test_probabilities_are_those_of_keras(tmp_path, num_classes, kernel_size):
    network, path = saved(tmp_path, num_classes, kernel_size)
    images = np.random.default_rng(1).uniform(-1, 1, (2, 40, 64, 1)).astype("float32")
    theirs = np.asarray(network(images, training=False))
    ours = xnet_io.load_network(path)(images)
    assert ours.shape == (2, 40, 64, num_classes)
    np.testing.assert_allclose(ours, theirs, atol=2e-6)
    half = engines.OnnxNetwork(onnx_graph.build(path, half=True))(images)
    np.testing.assert_allclose(half, theirs, atol=2e-3)


def test_inner_steps_are_those_of_keras(tmp_path):
    network, path = saved(tmp_path)
    images = np.random.default_rng(1).uniform(-1, 1, (1, 40, 64, 1)).astype("float32")
    names = ("conv2", "conv3")
    inner = keras.Model(network.input, [network.get_layer(f"{n}_relu").output for n in names])
    ours = engines.OnnxNetwork(onnx_graph.build(path, outputs=names)).outputs(images)
    for theirs, values in zip(inner(images, training=False), ours, strict=True):
        np.testing.assert_allclose(values, theirs, atol=1e-5)


def test_the_users_weights_are_small_enough_to_send():
    assert len(onnx_graph.build(runs.USER_WEIGHTS, half=True)) <= 4e6


def test_other_weights_are_refused_in_one_line(tmp_path):
    _, path = saved(tmp_path)
    record = path.with_suffix(".json")
    write_json(record, read_json(record) | {"network": "unet"})
    with pytest.raises(InputError, match="only XNet"):
        onnx_graph.build(path)


@pytest.mark.parametrize("at", [4, 30, -60])
def test_damaged_weights_are_refused_even_if_their_record_fits(tmp_path, at):
    path = saved(tmp_path)[1]
    content = path.read_bytes()
    path.write_bytes(content[:at] + b"\xff" * 24 + content[at:][24:])
    record = path.with_suffix(".json")
    write_json(record, read_json(record) | {"sha256": sha256(path)})
    with pytest.raises(InputError, match="not weights of an XNet"):
        onnx_graph.build(path)


@pytest.mark.parametrize(
    ("value", "encoded"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02")]
)
def test_integers_are_encoded_as_the_format_says(value, encoded):
    assert onnx_graph._varint(value).hex() == encoded


@pytest.mark.slow
def test_the_file_is_what_the_library_onnx_calls_valid(tmp_path):
    onnx = pytest.importorskip("onnx")
    for half in (False, True):
        model = onnx.load_from_string(onnx_graph.build(runs.USER_WEIGHTS, half))
        onnx.checker.check_model(model, full_check=True)


def test_reading_segmenting_verifying_and_importing_need_no_more_than_they_install(
    tmp_path, data_folder
):
    calls = (
        ["segment", str(ROOT / "data/images/hand-03.png"), "--out", str(tmp_path)],
        ["verify", str(data_folder)],
        ["import-masks", str(data_folder), "--out", str(tmp_path / "imported")],
    )
    code = (
        "import sys; from xnet_tf.cli import main;"
        "heavy = {'tensorflow', 'keras', 'pandas', 'scipy', 'matplotlib', 'sklearn', 'skimage'};"
        f"failed = any([main(words) for words in {calls!r}]);"
        "sys.exit(failed or ' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "hand-03_mask.png").is_file()
    assert (tmp_path / "imported" / "manifest.csv").is_file()
