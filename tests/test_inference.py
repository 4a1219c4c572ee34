import numpy as np
import pytest

import xnet_tf
from xnet_tf import inference, radiographs
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
    from xnet_tf.radiographs import prepare

    picture = image(64, 64)
    plain = model(prepare(picture[None])).numpy()
    np.testing.assert_allclose(inference.predict(model, picture[None]), plain, atol=1e-5)
    assert inference.predict(model, image(61, 50)[None]).shape == (1, 61, 50, 3)


def test_batches_do_not_change_the_result(model):
    images = np.stack([image(40, 40) * k for k in (0.2, 0.5, 1.0)])
    together = inference.predict(model, images, batch_size=2)
    alone = np.concatenate([inference.predict(model, one[None]) for one in images])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_no_images_give_no_probabilities(model):
    assert inference.predict(model, np.zeros((0, 16, 16, 1), "float32")).shape == (0, 16, 16, 3)


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
def test_eight_views_are_averaged(model, size, quality):
    assert len({view[1:] for view in inference.VIEWS[quality]}) == 8
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


def test_high_quality_shows_two_views_of_each_size(model):
    sizes = [view.size for view in inference.VIEWS["high"]]
    assert sorted(sizes) == sorted(2 * inference.SIZES)
    changed = [view.size for view in inference.VIEWS["high"] if view.gamma_normalised]
    assert sorted(changed) == sorted(inference.SIZES)
    smaller = inference.View(0.5)
    halved = inference._seen(lambda x: x, image(40, 64)[None], smaller)
    assert halved.shape == (1, 40, 64, 1)


def test_a_gamma_normalised_view_shows_the_normalised_picture(model):
    picture = image(16, 16)
    shown = inference._seen(lambda x: x, picture[None], inference.View(gamma_normalised=True))
    expected = inference._seen(
        lambda x: x, radiographs.normalise_gamma(picture)[None], inference.View()
    )
    np.testing.assert_array_equal(shown, expected)
    plain = inference._seen(lambda x: x, picture[None], inference.View())
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
