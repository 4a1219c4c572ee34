import json

import numpy as np
import pytest

import xnet_tf
from xnet_tf import dataset, inference, runs
from xnet_tf.backend import keras
from xnet_tf.files import InputError, sha256

SMALL = {"filters": (4, 6, 8, 10)}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    return xnet_tf.build_xnet((32, 32, 1), **SMALL)


def images(count=2, size=32):
    return np.random.default_rng(1).uniform(-1, 1, (count, size, size, 1)).astype("float32")


def record():
    return {"architecture": {**SMALL, "num_classes": 3, "kernel_size": 3, "l2": 1e-4}}


def test_released_weights_give_the_same_network(model, tmp_path):
    path = xnet_tf.save_weights(model, tmp_path / "xnet.npz", record())
    loaded = xnet_tf.load_weights(path)
    assert {v.dtype for v in loaded.variables} == {"float32"}
    np.testing.assert_allclose(model(images()), loaded(images()), atol=2e-3)
    with np.load(path) as arrays:
        assert arrays["conv1/kernel"].dtype == np.float16
        assert arrays["conv1_bn/gamma"].dtype == np.float32


def test_damaged_or_foreign_weights_are_refused(model, tmp_path):
    path = xnet_tf.save_weights(model, tmp_path / "xnet.npz", record())
    with pytest.raises(InputError, match="no such weights file"):
        xnet_tf.load_weights(tmp_path / "other.npz")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="does not match its record"):
        xnet_tf.load_weights(path)
    path.with_suffix(".json").write_text(json.dumps({**record(), "sha256": sha256(path)}))
    with pytest.raises(InputError, match=r"not weights for xnet|fits no build_xnet"):
        xnet_tf.load_weights(path)
    path.with_suffix(".json").write_text("[]")
    with pytest.raises(InputError, match="no JSON object"):
        xnet_tf.load_weights(path)
    other = tmp_path / "best.keras"
    other.touch()
    with pytest.raises(InputError, match=r"give the \.npz"):
        xnet_tf.load_weights(other)
    xnet_tf.save_weights(model, path, {"architecture": {"filters": [4, 6, 8, 99]}})
    with pytest.raises(InputError, match=r"not weights for xnet|fits no build_xnet"):
        xnet_tf.load_weights(path)


@pytest.mark.parametrize("weights", [runs.RELEASED_WEIGHTS, runs.USER_WEIGHTS])
def test_half_precision_weights_decide_alike(weights):
    exact = xnet_tf.load_weights(weights)
    # A trained network whose kernels have digits that float16 does not hold.
    rng = np.random.default_rng(3)
    for variable in exact.variables:
        if "_bn/" not in variable.path:
            variable.assign(variable * (1 + 4e-4 * rng.uniform(-1, 1, variable.shape)))
    rounded = keras.models.clone_model(exact)
    rounded.set_weights(
        [
            w if "_bn/" in v.path else w.astype("float16").astype("float32")
            for v, w in zip(exact.variables, exact.get_weights(), strict=True)
        ]
    )
    assert any(
        np.any(a != b) for a, b in zip(exact.get_weights(), rounded.get_weights(), strict=True)
    )
    arrays = dataset.read_arrays(dataset.load(), "validation", 104)
    labels = [inference.predict(m, arrays.images).argmax(-1) for m in (exact, rounded)]
    assert (labels[0] == labels[1]).mean() >= 0.999


def test_weights_of_an_unknown_network_say_so(model, tmp_path):
    path = xnet_tf.save_weights(model, tmp_path / "a.npz", {**record(), "network": "ynet"})
    with pytest.raises(InputError, match="no network is called 'ynet'"):
        xnet_tf.load_weights(path)
