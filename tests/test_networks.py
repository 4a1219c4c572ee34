import dataclasses
import itertools

import numpy as np
import pytest
from conftest import logits_model

import xnet_tf
from xnet_study.baselines import networks
from xnet_tf import dataset, inference, training
from xnet_tf.backend import keras, tf
from xnet_tf.files import InputError, read_json, write_json
from xnet_tf.model import folded, with_dtype

SMALL = {"filters": (4, 6, 8, 10)}
SLUGS = tuple(networks.NETWORKS)
OWN_LAYERS = ("segnet", "deeplab")
"""Networks with layers of our own; the others are made of what XNet is tested for elsewhere."""


@pytest.fixture(scope="module")
def models_of():
    """Every network, small, open in size; batch normalisation is not the identity."""
    made = {}
    for slug, network in networks.NETWORKS.items():
        keras.utils.set_random_seed(5)
        made[slug] = network.build((None, None, 1), **SMALL)
        rng = np.random.default_rng(6)
        for variable in made[slug].weights:
            if "_bn/" in variable.path:
                variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return made


def images(count=2, height=32, width=40):
    return np.random.default_rng(1).uniform(-1, 1, (count, height, width, 1)).astype("float32")


# Worked out by hand from the published widths: a convolution of k x k from a to b has k k a b + b
# weights, a batch normalisation of b filters 4 b.
def blocks(*widths):
    return sum(9 * a * b + 5 * b for a, b in itertools.pairwise(widths))


def test_parameters_by_hand():
    unet = blocks(1, 64, 64, 128, 128, 256, 256, 512, 512)
    for deep, width in ((512, 256), (256, 128), (128, 64)):
        unet += 4 * deep * width + width + blocks(2 * width, width, width)
    assert networks.NETWORKS["unet"].build().count_params() == unet + 64 * 3 + 3
    way_down = blocks(1, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512)
    way_up = blocks(512, 512, 512, 256, 256, 256, 128, 128, 64, 64)
    assert networks.NETWORKS["segnet"].build().count_params() == way_down + way_up + 64 * 3 + 3
    simple = blocks(1, 64, 128, 256, 512, 512, 256, 128, 64) + 64 * 3 + 3
    assert networks.NETWORKS["simple-segnet"].build().count_params() == simple
    widths = [1, 64, 64, 128, 128, 256, 256, 512, 512, 1024, 1024, 512, 512, 256, 256, 128, 128]
    wired = blocks(*widths, 64, 64, 2) - 4 * sum([*widths[1:], 64, 64, 2]) + 2 * 3 + 3
    assert networks.NETWORKS["unet-as-wired"].build().count_params() == wired


@pytest.mark.parametrize("slug", SLUGS)
def test_every_convolution_has_its_l2_term(slug, models_of):
    model = models_of[slug]
    kernels = [v for v in model.trainable_weights if v.path.endswith("/kernel")]
    assert len(kernels) == len(model.losses)
    expected = sum(1e-4 * np.sum(np.square(kernel.numpy())) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("slug", SLUGS)
def test_probabilities_at_the_images_size_and_logits_are_reachable(slug, models_of):
    model = models_of[slug]
    probabilities = model(images())
    assert probabilities.shape == (2, 32, 40, 3) and probabilities.dtype == tf.float32
    np.testing.assert_allclose(tf.reduce_sum(probabilities, axis=-1), 1, atol=1e-6)
    logits = logits_model(model)(images())
    np.testing.assert_allclose(tf.nn.softmax(logits), probabilities, atol=1e-6)


@pytest.mark.parametrize("slug", SLUGS)
def test_every_kernel_gets_a_gradient(slug, models_of):
    model = models_of[slug]
    keras.utils.set_random_seed(1)
    with tf.GradientTape() as tape:
        outputs = logits_model(model)(images(4), training=True)
        loss = tf.reduce_mean(tf.square(outputs - 1))
    kernels = [v for v in model.trainable_weights if v.path.endswith("/kernel")]
    for kernel, gradient in zip(kernels, tape.gradient(loss, kernels), strict=True):
        assert np.isfinite(gradient).all() and np.any(gradient != 0), kernel.path


@pytest.mark.parametrize("slug", (*OWN_LAYERS, "unet-as-wired"))
def test_other_forms_of_the_network_compute_the_same(slug, models_of):
    model = models_of[slug]
    expected = model(images())
    np.testing.assert_allclose(folded(model)(images()), expected, atol=1e-5)
    np.testing.assert_array_equal(with_dtype(model, "float32")(images()), expected)
    half = with_dtype(model, "mixed_bfloat16")(images())
    assert half.dtype == tf.float32
    assert np.abs(half - expected).mean() < 0.02


def test_every_weight_has_a_name_of_its_own(models_of):
    for model in models_of.values():
        assert len({variable.path for variable in model.weights}) == len(model.weights)


@pytest.mark.parametrize("slug", OWN_LAYERS)
def test_released_weights_give_the_same_network(slug, models_of, tmp_path):
    architecture = {**SMALL, "num_classes": 3, "kernel_size": 3, "l2": 1e-4}
    record = {"network": slug, "architecture": architecture}
    path = xnet_tf.save_weights(models_of[slug], tmp_path / "weights.npz", record)
    loaded = xnet_tf.load_weights(path)
    assert loaded.name == models_of[slug].name
    np.testing.assert_allclose(loaded(images()), models_of[slug](images()), atol=5e-3)


@pytest.mark.parametrize("slug", OWN_LAYERS)
def test_keras_file_gives_equal_predictions_in_safe_mode(slug, models_of, tmp_path):
    models_of[slug].save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(models_of[slug](images()), loaded(images()))


def test_deeplabs_keras_file_names_nothing_of_keras_hub(models_of):
    """It loads where keras-hub is not installed."""
    assert "keras_hub" not in models_of["deeplab"].to_json()


@pytest.mark.parametrize("slug", SLUGS)
def test_images_without_a_picture_are_segmented(slug, models_of):
    """Black, white, grey and noise, of a size that does not divide by eight."""
    strange = np.zeros((4, 61, 61, 1), np.float32)
    strange[1:3] = np.array([1, 0.4]).reshape(2, 1, 1, 1)
    strange[3] = np.random.default_rng(0).uniform(size=(61, 61, 1))
    probabilities = inference.predict(models_of[slug], strange)
    assert probabilities.shape == (4, 61, 61, 3)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)


def test_a_state_holds_the_numbers_that_dropout_has_drawn(tmp_path):
    """Taken up again, a run draws what it would have drawn."""

    def network():
        model = networks.NETWORKS["unet-as-wired"].build((16, 16, 1), filters=(2, 2, 2, 2))
        model.compile("adam")
        model.optimizer.build(model.trainable_variables)
        return model

    first, again = network(), network()
    x = images(1, 16, 16)
    first(x, training=True)
    training.RunState(tmp_path, {}, patience=1).save(first)
    assert not np.array_equal(first(x, training=True), again(x, training=True))
    training.RunState(tmp_path, {}, patience=1).restore(first)
    training.RunState(tmp_path, {}, patience=1).restore(again)
    np.testing.assert_array_equal(first(x, training=True), again(x, training=True))


@pytest.mark.slow
def test_training_takes_another_network_and_goes_on(data_folder, tiny_profile, tmp_path):
    slug = "unet-as-wired"  # whose dropout draws numbers, which must go on too
    data = dataset.load(data_folder)
    profile = dataclasses.replace(tiny_profile, network=slug, epochs=2, images_per_part=4)

    class Interrupted(training.RunState):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            raise KeyboardInterrupt

    first = training.train(data, profile, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "RunState", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            training.train(data, profile, tmp_path / "cut")
    again = training.train(data, profile, tmp_path / "cut")
    assert first.weights.name == f"{slug}.npz"
    assert read_json(first.weights.with_suffix(".json"))["profile"]["network"] == slug
    for one, other in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_records_without_a_networks_name_are_xnets(models_of, tmp_path):
    architecture = {**SMALL, "num_classes": 3, "kernel_size": 3, "l2": 1e-4}
    path = tmp_path / "old.npz"
    xnet_tf.save_weights(models_of["xnet"], path, {"architecture": architecture})
    assert xnet_tf.load_weights(path).name == "xnet"
    saved = read_json(path.with_suffix(".json"))
    write_json(path.with_suffix(".json"), {**saved, "network": "lenet"})
    with pytest.raises(InputError, match="no network is called 'lenet' among xnet, unet"):
        xnet_tf.load_weights(path)


@pytest.mark.parametrize("slug", SLUGS)
def test_impossible_arguments_are_refused(slug):
    build = networks.NETWORKS[slug].build
    with pytest.raises(ValueError, match="divisible by 8"):
        build((100, 104, 1))
    with pytest.raises(ValueError, match="odd"):
        build(kernel_size=2)
    with pytest.raises(ValueError, match="4 entries"):
        build(filters=(1, 2, 3))
