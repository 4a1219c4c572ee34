import subprocess
import sys

import numpy as np
import pytest

import xnet_tf
from xnet_tf import inference, preprocessing
from xnet_tf.backend import keras


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(2)
    return xnet_tf.build_xnet((None, None, 1), filters=(4, 4, 4, 4))


def image(height, width):
    return np.random.default_rng(1).uniform(0, 1, (height, width, 1)).astype("float32")


@pytest.mark.parametrize("size", [(200, 200), (331, 250), (90, 401), (1, 7), (8, 8)])
def test_the_mask_has_the_images_own_size(model, size):
    result = xnet_tf.segment(model, image(*size))
    assert result.labels.shape == size
    assert result.labels.dtype == np.uint8
    assert result.probabilities.shape == (*size, 3)
    np.testing.assert_allclose(result.probabilities.sum(-1), 1, atol=1e-5)


def test_padding_is_cut_off_and_does_not_reach_the_first_pixels(model):
    from xnet_tf.preprocessing import prepare

    picture = image(64, 64)
    plain = model(prepare(picture[None])).numpy()
    np.testing.assert_allclose(inference.predict(model, picture[None]), plain, atol=1e-5)
    assert inference.predict(model, image(61, 50)[None]).shape == (1, 61, 50, 3)


def test_batches_do_not_change_the_result(model):
    images = np.stack([image(40, 40) * k for k in (0.2, 0.5, 1.0)])
    together = inference.predict(model, images, batch_size=2)
    alone = np.concatenate([inference.predict(model, one[None]) for one in images])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_any_function_serves_as_network():
    """No Keras model, no TensorFlow, any number of classes."""

    def darkest(images):
        return np.stack([images[..., 0] < k for k in (-2, -0.5, 0, 2)], axis=-1) / 1.0

    result = inference.segment(darkest, image(50, 40), quality="high")
    assert result.probabilities.shape == (50, 40, 4)
    assert result.labels.max() == 3


def test_importing_and_segmenting_load_no_tensorflow():
    script = (
        "import sys, numpy as np; from xnet_tf import inference; "
        "network = lambda x: np.concatenate([x, 1 - x, 0 * x], axis=-1); "
        "inference.segment(network, np.ones((20, 30, 1), np.float32) / 2); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_constant_image_is_no_error(model, value):
    result = xnet_tf.segment(model, np.full((50, 60, 1), value, "float32"))
    assert np.isfinite(result.probabilities).all()


def test_a_higher_threshold_gives_less_soft_tissue(model):
    picture = image(64, 64)
    areas = [
        np.count_nonzero(xnet_tf.segment(model, picture, t).labels == 1) for t in (0.0, 0.3, 0.6, 1)
    ]
    assert areas == sorted(areas, reverse=True)
    assert areas[-1] == 0


@pytest.mark.parametrize("size", [(40, 40), (37, 58)])
@pytest.mark.parametrize("quality", ["turned", "high"])
def test_views_are_averaged(model, size, quality):
    picture = image(*size)[None]
    straight = inference.predict(model, picture, quality=quality)
    assert straight.shape == (1, *size, 3)
    np.testing.assert_allclose(straight.sum(-1), 1, atol=1e-5)
    assert np.abs(straight - inference.predict(model, picture)).max() > 1e-4


def test_turned_views_do_not_depend_on_the_images_own_turn(model):
    picture = image(40, 40)[None]  # without padding, turning the image turns the answer
    straight = inference.predict(model, picture, quality="turned")
    turned = inference.predict(model, np.rot90(picture, axes=(1, 2)), quality="turned")
    np.testing.assert_allclose(turned, np.rot90(straight, axes=(1, 2)), atol=1e-5)


def test_high_quality_treats_images_of_a_batch_alike(model):
    pictures = np.stack([image(32, 40), image(32, 40)[::-1]])
    together = inference.predict(model, pictures, quality="high")
    alone = [inference.predict(model, picture[None], quality="high")[0] for picture in pictures]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_high_quality_adds_views_of_the_surest_turn():
    shown = []

    def upright_only(batch):
        """Sure of a picture whose first row is brighter than all others."""
        rows = batch[0, ..., 0].mean(axis=1)
        shown.append(rows[0] > rows[1:].max() + 0.1)
        probabilities = [0.98, 0.01, 0.01] if shown[-1] else [0.4, 0.35, 0.25]
        return np.broadcast_to(np.float32(probabilities), (1, *batch.shape[1:3], 3))

    picture = np.full((40, 40, 1), 0.2, np.float32)
    picture[:, :1] = 1.0  # on its side: upright after three quarter turns
    views = inference.VIEWS["high"]
    seen = np.concatenate([inference._view(upright_only, picture[None], v) for v in views])
    del shown[:]
    result = inference._refined(upright_only, picture, seen)
    assert len(shown) == len(inference.further_views(3)) == 7
    assert all(shown)
    np.testing.assert_allclose(result, np.broadcast_to([0.98, 0.01, 0.01], (40, 40, 3)), atol=1e-3)


def test_a_turn_must_be_clearly_surer_than_upright():
    shown = []

    def record(batch):
        shown.append(batch[0, 0, :, 0].min() == batch.max())  # bright row on top
        return np.full((1, *batch.shape[1:3], 3), 1 / 3, np.float32)

    picture = np.full((40, 40, 1), 0.2, np.float32)
    picture[:1] = 1.0
    for surer, upright in ((0.5 * inference.UPRIGHT, True), (2 * inference.UPRIGHT, False)):
        entropies = np.array([0.3, 0.3, 0.3 - surer, 0.3])
        seen = np.stack([np.full((40, 40, 3), _with_entropy(entropy)) for entropy in entropies])
        del shown[:]
        inference._refined(record, picture, seen)
        assert (sum(shown) > 3) == upright


def _with_entropy(nats):
    """Probabilities of three classes whose entropy is as asked for."""
    p = np.linspace(1 / 3, 1 - 1e-6, 100_000)
    rest = (1 - p) / 2
    entropy = -(p * np.log(p) + 2 * rest * np.log(rest))
    k = int(np.argmin(np.abs(entropy - nats)))
    return np.array([p[k], rest[k], rest[k]])


def test_the_surer_view_counts_more():
    sure, unsure = np.array([0.7, 0.2, 0.1]), np.array([0.4, 0.35, 0.25])
    views = np.stack([np.tile(p, (4, 5, 1)) for p in (sure, unsure)]).astype(np.float32)
    entropy = [-(p * np.log(p)).sum() for p in (sure, unsure)]
    np.testing.assert_allclose(inference._mean_entropy(views), entropy, rtol=1e-5)
    seen = np.concatenate([views, views])[[0, 1, 1, 1]]
    result = inference._refined(lambda x: np.tile(x, (1, 1, 1, 3)) * 0 + sure, image(4, 5), seen)
    weights = np.exp(-inference.SURENESS * np.array(entropy)) * [8, 3]
    expected = (weights[0] * sure + weights[1] * unsure) / weights.sum()
    np.testing.assert_allclose(result, np.broadcast_to(expected, (4, 5, 3)), atol=1e-5)


def test_further_views_are_of_every_size_twice():
    views = [inference.View(1.0, 2), *inference.further_views(2)]
    assert len(set(views)) == 8 and {view.turns for view in views} == {2}
    assert sorted(view.size for view in views) == sorted(2 * inference.SIZES)
    changed = [view.size for view in views if view.gamma_normalised]
    assert sorted(changed) == sorted(inference.SIZES)


def test_a_smaller_view_comes_back_at_the_images_size():
    smaller = inference.View(0.5)
    halved = inference._view(lambda x: x, image(40, 64)[None], smaller)
    assert halved.shape == (1, 40, 64, 1)


def test_a_gamma_normalised_view_shows_the_normalised_picture(model):
    picture = image(16, 16)
    shown = inference._view(lambda x: x, picture[None], inference.View(gamma_normalised=True))
    expected = inference._view(
        lambda x: x, preprocessing.normalise_gamma(picture)[None], inference.View()
    )
    np.testing.assert_array_equal(shown, expected)
    plain = inference._view(lambda x: x, picture[None], inference.View())
    assert np.abs(shown - plain).max() > 0.01


def test_low_quality_is_nearly_the_same(model):
    picture = image(64, 64)[None]
    low, normal = (inference.predict(model, picture, quality=q) for q in ("low", "normal"))
    assert low.dtype == np.float32
    assert np.abs(low - normal).max() < 0.02
    result = xnet_tf.segment(model, picture[0], quality="low")
    assert result.labels.shape == (64, 64)


def test_unknown_quality_is_refused(model):
    with pytest.raises(ValueError, match="choose from"):
        xnet_tf.segment(model, image(16, 16), quality="best")
