"""Dead filters are reinitialised, and the network says what it said."""

import numpy as np
import pytest

from xnet_study.ablations import reinitialise
from xnet_tf import load_weights
from xnet_tf.files import InputError, read_json
from xnet_tf.model import build_xnet, keras
from xnet_tf.weights import save_weights

FILTERS = (4, 8, 16, 32)
DEAD = {"conv3": [0, 5], "conv7": [1], "conv14": [3]}


@pytest.fixture
def model():
    """An XNet some of whose filters an L2 penalty has killed, with what they passed on."""
    model = build_xnet((None, None, 1), filters=FILTERS)
    for name, numbers in DEAD.items():
        layer = model.get_layer(name)
        kernel = layer.kernel.numpy()
        kernel[..., numbers] *= 1e-4
        layer.kernel.assign(kernel)
        layer.bias.assign(np.zeros(layer.bias.shape))
        norm = model.get_layer(f"{name}_bn")
        norm.gamma.assign([0.0 if k in numbers else 1.0 for k in range(norm.gamma.shape[0])])
    for layer, inputs in {"conv4": [0, 5], "conv7": [0, 5], "conv8": [9], "logits": [7]}.items():
        kernel = model.get_layer(layer).kernel.numpy()
        kernel[:, :, inputs] *= 1e-4
        model.get_layer(layer).kernel.assign(kernel)
    return model


@pytest.fixture
def pictures():
    return np.random.default_rng(1).uniform(-1, 1, (2, 48, 48, 1)).astype("float32")


def test_the_output_stays_and_no_filter_is_dead(model, pictures):
    before = model.predict(pictures, verbose=0)
    assert reinitialise.reinitialise(model, seed=1) == {
        name: len(which) for name, which in DEAD.items()
    }
    np.testing.assert_allclose(model.predict(pictures, verbose=0), before, atol=1e-3)
    assert reinitialise.reinitialise(model, seed=1) == {}


def test_what_the_new_filters_say_can_be_learned_from(model, pictures):
    # A filter that starts at zero, before and behind, would never get a gradient.
    reinitialise.reinitialise(model, seed=1)
    features = keras.Model(model.input, model.get_layer("conv7_relu").output)
    assert features.predict(pictures, verbose=0)[..., 1].std() > 1e-2
    kernel = model.get_layer("conv8").kernel.numpy()
    # conv8 sees conv2's 8 filters and behind them conv7's.
    assert not kernel[:, :, 8 + 1].any() and kernel[:, :, 8].any()


def test_a_class_is_no_dead_filter(model):
    logits = model.get_layer("logits")
    logits.kernel.assign(logits.kernel.numpy() * 1e-6)
    before = logits.kernel.numpy()
    assert "logits" not in reinitialise.reinitialise(model, seed=1)
    after = logits.kernel.numpy()
    np.testing.assert_array_equal(np.delete(after, 7, axis=2), np.delete(before, 7, axis=2))


def test_sources_follow_skips_in_order(model):
    assert reinitialise.sources(model.get_layer("conv13")) == ["conv9", "conv12"]
    assert reinitialise.sources(model.get_layer("conv1")) == []


def test_command(model, tmp_path, capsys):
    old, new = tmp_path / "xnet.npz", tmp_path / "new" / "xnet.npz"
    architecture = {"filters": FILTERS, "kernel_size": 3, "l2": 1e-4, "num_classes": 3}
    save_weights(model, old, {"architecture": architecture})
    reinitialise.main([str(old), "--out", str(new)])
    assert "4 filters reinitialised" in capsys.readouterr().out
    record = read_json(new.with_suffix(".json"))
    assert sum(record["reinitialised"].values()) == 4
    assert record["initial_sha256"] == read_json(old.with_suffix(".json"))["sha256"]
    assert reinitialise.reinitialise(load_weights(new), seed=1) == {}
    with pytest.raises(InputError, match="no such weights"):
        reinitialise.main([str(tmp_path / "none.npz"), "--out", str(new)])
