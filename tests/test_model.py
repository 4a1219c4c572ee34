import subprocess
import sys

import numpy as np
import pytest
from conftest import logits_model

import xnet_tf
from xnet_study.teaching.inspection import stages
from xnet_tf.backend import keras, tf
from xnet_tf.files import InputError
from xnet_tf.model import UpConv2D, find_network, plain_layers

SMALL = {"filters": (4, 6, 8, 10)}


def small_model(size=32):
    keras.utils.set_random_seed(3)
    return xnet_tf.build_xnet((size, size, 1), **SMALL)


def images(count=2, size=32):
    return np.random.default_rng(1).uniform(-1, 1, (count, size, size, 1)).astype("float32")


def test_parameters_are_the_published_networks():
    model = xnet_tf.build_xnet()
    assert model.count_params() == 11_742_275
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == 11_734_851
    assert model.output_shape == (None, 200, 200, 3)


def test_every_convolution_has_its_l2_term():
    model = xnet_tf.build_xnet((32, 32, 1), **SMALL, l2=1e-3)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) == 15
    assert len(model.losses) == 15
    for layer, loss in zip(convolutions, model.losses, strict=True):
        expected = 1e-3 * np.sum(np.square(layer.kernel.numpy()))
        assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_sizes_follow_the_papers_table():
    sizes = [row["output"].split("x")[0] for row in stages(xnet_tf.build_xnet())]
    expected = [200, 100, 50, 25, 25, 50, 100, 100, 50, 25, 25, 50, 100, 200, 200]
    assert sizes == [str(size) for size in expected]


@pytest.mark.parametrize("shape", [(100, 104, 1), (104, 100, 1), (201, 201, 1)])
def test_sizes_not_divisible_by_eight_are_refused(shape):
    with pytest.raises(ValueError, match="divisible by 8"):
        xnet_tf.build_xnet(shape)


def two_layers(layer, x):
    doubled = keras.layers.UpSampling2D(2, interpolation="nearest")(x)
    return keras.ops.conv(doubled, layer.kernel, padding="same") + layer.bias


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_upconv_equals_upsampling_and_convolution(kernel_size):
    layer = UpConv2D(5, kernel_size, bias_initializer="normal")
    x = tf.constant(np.random.default_rng(1).normal(size=(2, 7, 6, 4)).astype("float32"))
    layer.build(x.shape)
    assert layer(x).shape == layer.compute_output_shape(x.shape) == (2, 14, 12, 5)
    np.testing.assert_allclose(layer(x), two_layers(layer, x), atol=1e-5)
    variables = [layer.kernel.value, layer.bias.value]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours = tf.reduce_sum(layer(x) ** 2)
        theirs = tf.reduce_sum(two_layers(layer, x) ** 2)
    for a, b in zip(
        tape.gradient(ours, [x, *variables]), tape.gradient(theirs, [x, *variables]), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


def test_plain_layers_give_equal_outputs():
    model = small_model()
    plain = plain_layers(model)
    assert not any(isinstance(layer, UpConv2D) for layer in plain.layers)
    assert [w.shape for w in plain.get_weights()] == [w.shape for w in model.get_weights()]
    np.testing.assert_allclose(plain(images()), model(images()), atol=1e-5)


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match="odd"):
        xnet_tf.build_xnet(kernel_size=4)


def test_wrong_number_of_filters_is_refused():
    with pytest.raises(ValueError, match="4 entries"):
        xnet_tf.build_xnet(filters=(64, 128, 256))


def test_open_size_takes_any_multiple_of_eight():
    model = xnet_tf.build_xnet((None, None, 1), **SMALL)
    assert model(images(1, 40)[:, :, :24]).shape == (1, 40, 24, 3)


def test_probabilities_sum_to_one_and_logits_are_reachable():
    model = small_model()
    probabilities = model(images()).numpy()
    logits = logits_model(model)(images())
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-6)
    np.testing.assert_allclose(tf.nn.softmax(logits), probabilities, atol=1e-6)


def test_other_numbers_of_classes_and_channels_work():
    model = xnet_tf.build_xnet((16, 16, 2), num_classes=5, **SMALL)
    assert model.output_shape == (None, 16, 16, 5)


def test_keras_file_gives_equal_predictions_in_safe_mode(tmp_path):
    model = small_model()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(model(images()), loaded(images()))


def test_plain_keras_file_loads_where_this_project_is_not_installed(tmp_path):
    plain_layers(small_model()).save(tmp_path / "model.keras")
    script = (
        "import sys; sys.modules['xnet_tf'] = None; import keras; "
        "print(keras.models.load_model('model.keras').count_params())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == small_model().count_params()


def test_every_weight_gets_a_gradient():
    model = small_model()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(logits_model(model)(images(), training=True) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert np.isfinite(gradient).all(), variable.path
        # A bias before batch normalisation is subtracted again: its gradient is zero by design.
        if not (variable.path.startswith("conv") and variable.path.endswith("/bias")):
            assert np.any(gradient != 0), variable.path


def test_two_images_are_overfitted():
    keras.utils.set_random_seed(1)
    model = xnet_tf.build_xnet((32, 32, 1), filters=(8, 8, 16, 16), l2=0.0)
    rng = np.random.default_rng(5)
    x = rng.uniform(-1, 1, (2, 32, 32, 1)).astype("float32")
    y = rng.integers(0, 3, (2, 4, 4)).repeat(8, 1).repeat(8, 2)
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.SparseCategoricalCrossentropy())
    model.fit(x, y, batch_size=2, epochs=100, verbose=0)
    predicted = model(x, training=True).numpy().argmax(-1)
    assert (predicted == y).mean() > 0.99


@pytest.mark.parametrize("size", [64, 72, 1024])
def test_sizes_from_64_to_1024_work(size):
    model = xnet_tf.build_xnet((None, None, 1), filters=(1, 2, 2, 2))
    outputs = model(images(1, size), training=False).numpy()
    assert outputs.shape == (1, size, size, 3)
    assert np.isfinite(outputs).all()


def test_an_unknown_network_is_refused():
    assert find_network("xnet") is xnet_tf.build_xnet
    with pytest.raises(InputError, match=r"no network is called 'ynet'.*baselines"):
        find_network("ynet")
