import dataclasses
import itertools
import subprocess
import sys

import numpy as np
import pytest

import xnet_tf
from xnet_study.baselines import networks
from xnet_tf import dataset, inference, training
from xnet_tf.backend import keras, tf
from xnet_tf.files import InputError, read_json, write_json
from xnet_tf.model import folded, logits_model, with_dtype
from xnet_tf.weights import load_weights

SMALL = {"filters": (4, 6, 8, 10)}
SLUGS = tuple(networks.NETWORKS)


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
    assert networks.build_unet().count_params() == unet + 64 * 3 + 3
    way_down = blocks(1, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512)
    way_up = blocks(512, 512, 512, 256, 256, 256, 128, 128, 64, 64)
    assert networks.build_segnet().count_params() == way_down + way_up + 64 * 3 + 3
    simple = blocks(1, 64, 128, 256, 512, 512, 256, 128, 64) + 64 * 3 + 3
    assert networks.build_simple_segnet().count_params() == simple
    widths = [1, 64, 64, 128, 128, 256, 256, 512, 512, 1024, 1024, 512, 512, 256, 256, 128, 128]
    wired = blocks(*widths, 64, 64, 2) - 4 * sum([*widths[1:], 64, 64, 2]) + 2 * 3 + 3
    assert networks.build_unet_as_wired().count_params() == wired


@pytest.mark.parametrize("slug", SLUGS)
def test_every_convolution_has_its_l2_term(slug):
    model = networks.get(slug).build((32, 32, 1), **SMALL, l2=1e-3)
    kernels = [v for v in model.trainable_weights if v.path.endswith("/kernel")]
    assert len(kernels) == len(model.losses)
    expected = sum(1e-3 * np.sum(np.square(kernel.numpy())) for kernel in kernels)
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


@pytest.mark.parametrize("slug", SLUGS)
def test_other_forms_of_the_network_compute_the_same(slug, models_of):
    model = models_of[slug]
    expected = model(images())
    np.testing.assert_allclose(folded(model)(images()), expected, atol=1e-5)
    np.testing.assert_array_equal(with_dtype(model, "float32")(images()), expected)
    half = with_dtype(model, "mixed_bfloat16")(images())
    assert half.dtype == tf.float32
    assert np.abs(half - expected).mean() < 0.02


@pytest.mark.parametrize("slug", SLUGS)
def test_released_weights_give_the_same_network(slug, models_of, tmp_path):
    model = models_of[slug]
    architecture = {**SMALL, "num_classes": 3, "kernel_size": 3, "l2": 1e-4}
    record = {"network": slug, "architecture": architecture}
    path = xnet_tf.save_weights(model, tmp_path / "weights.npz", record)
    loaded = xnet_tf.load_weights(path)
    assert loaded.name == model.name
    np.testing.assert_allclose(loaded(images()), model(images()), atol=5e-3)
    if slug != "xnet":
        with pytest.raises(InputError, match="not weights for build_xnet"):
            load_weights(path)


@pytest.mark.parametrize("slug", SLUGS)
def test_keras_file_gives_equal_predictions_in_safe_mode(slug, models_of, tmp_path):
    models_of[slug].save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(models_of[slug](images()), loaded(images()))


def test_deeplabs_keras_file_loads_where_keras_hub_is_not_installed(models_of, tmp_path):
    models_of["deeplab"].save(tmp_path / "model.keras")
    script = (
        "import sys; sys.modules['keras_hub'] = None; import xnet_study.baselines.networks, keras; "
        "print(keras.models.load_model(sys.argv[1]).count_params())"
    )
    command = [sys.executable, "-c", script, tmp_path / "model.keras"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) == models_of["deeplab"].count_params()


def strange(kind, size):
    made = {"black": 0.0, "white": 1.0, "grey": 0.4}
    if kind in made:
        return np.full((1, size, size, 1), made[kind], np.float32)
    return np.random.default_rng(0).uniform(size=(1, size, size, 1)).astype(np.float32)


@pytest.mark.parametrize("kind", ["black", "white", "grey", "noise"])
@pytest.mark.parametrize("slug", SLUGS)
def test_images_without_a_picture_are_segmented(slug, kind, models_of):
    for size in (200, 61):
        probabilities = inference.predict(models_of[slug], strange(kind, size))
        assert probabilities.shape == (1, size, size, 3)
        assert np.isfinite(probabilities).all()
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)


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
    record = {"architecture": architecture}
    path = xnet_tf.save_weights(models_of["xnet"], tmp_path / "old.npz", record)
    assert networks.load_weights(path).name == "xnet"
    saved = read_json(path.with_suffix(".json"))
    write_json(path.with_suffix(".json"), {**saved, "network": "lenet"})
    with pytest.raises(InputError, match="no network is called 'lenet'; choose one of xnet, unet"):
        networks.load_weights(path)


@pytest.mark.parametrize("slug", SLUGS)
def test_impossible_arguments_are_refused(slug):
    build = networks.get(slug).build
    with pytest.raises(ValueError, match="divisible by 8"):
        build((100, 104, 1))
    with pytest.raises(ValueError, match="odd"):
        build(kernel_size=2)
    with pytest.raises(ValueError, match="4 entries"):
        build(filters=(1, 2, 3))
