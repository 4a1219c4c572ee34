import numpy as np
import pytest
import scipy.ndimage

from xnet_tf import augmentation, intensity, preprocessing
from xnet_tf.augmentation import Augmentation
from xnet_tf.backend import tf

SHAPE = (40, 48)
AWAY = -1e6


def planes(count=3, seed=1):
    return np.random.default_rng(seed).uniform(0, 1, (count, *SHAPE)).astype("float32")


def blades(*sides, angle=0.0, penumbra=2.0, leak=0.0, glow=0.0, reach=5.0, see_through=1.0):
    values = {"blade_angle": angle, "penumbra": penumbra, "leak": leak, "glow": glow}
    values |= {"glow_reach": reach, "see_through": see_through}
    drawn = {name: tf.constant([value], tf.float32) for name, value in values.items()}
    return drawn | {"blades": tf.constant([sides], tf.float32)}


def changed(values, count=1, **draws):
    """Return images after some changes alone, and the labels 1 everywhere after them."""
    draws = {name: tf.constant(value, tf.float32) for name, value in draws.items()}
    images = tf.constant(values[:count, ..., None])
    labels = tf.ones(images.shape[:3], tf.uint8)
    images, labels = intensity.change_intensity(images, labels, draws)
    return images.numpy()[..., 0], labels.numpy()


def test_nothing_drawn_changes_nothing():
    image, label = changed(planes())
    np.testing.assert_array_equal(image, planes()[:1])
    assert label.min() == 1


def test_a_blade_has_a_soft_dark_edge():
    # A blade reaching 10 pixels in from the left, edge 4 pixels wide, on plain open beam.
    image, hidden = intensity.collimate(tf.ones((1, *SHAPE)), blades(10, *[AWAY] * 3, penumbra=4))
    row = image.numpy()[0, 20]
    # Pixel centres lie half a pixel in: the edge is between pixels 9 and 10, where half arrives.
    assert (row[9] + row[10]) / 2 == pytest.approx(0.5)
    assert row[10] - row[9] == pytest.approx(0.25, abs=0.01), "one over the width is the slope"
    assert np.all(np.diff(row) >= 0)
    assert row[0] < 1e-3
    assert row[-1] > 0.999
    np.testing.assert_array_equal(hidden.numpy()[0, 20], row < intensity.DIRECT_BEAM)


def test_a_glow_falls_with_the_distance_and_changes_no_label():
    drawn = blades(20, *[AWAY] * 3, leak=0.01, glow=0.08, reach=5.0)
    image, hidden = intensity.collimate(tf.ones((1, *SHAPE)), drawn)
    row = image.numpy()[0, 20]
    # Pixel 9 lies 10.5 pixels behind the edge, where next to nothing of the direct beam arrives.
    assert row[9] == pytest.approx(0.01 + 0.08 * np.exp(-10.5 / 5.0), abs=1e-5)
    assert row[14] > intensity.DIRECT_BEAM / 2 > row[0]
    without = intensity.collimate(tf.ones((1, *SHAPE)), blades(20, *[AWAY] * 3))[1]
    np.testing.assert_array_equal(hidden, without)


@pytest.mark.parametrize("see_through", [0.0, 1.0])
def test_the_patient_is_seen_through_a_leak_or_not(see_through):
    image = tf.constant(planes()[:1])
    drawn = blades(48, *[AWAY] * 3, leak=0.1, see_through=see_through, penumbra=0.5)
    seen = intensity.collimate(image, drawn)[0].numpy()[0, :, :40]
    patient = image.numpy()[0, :, :40] if see_through else np.mean(image)
    np.testing.assert_allclose(seen, 0.1 * np.broadcast_to(patient, seen.shape), atol=1e-5)


def test_turned_blades_cover_corners():
    eighth = np.pi / 4
    _, hidden = intensity.collimate(
        tf.ones((1, 41, 41)), blades(*[8.0] * 4, angle=eighth, penumbra=0.5)
    )
    hidden = hidden.numpy()[0]
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert hidden[corner]
    assert not hidden[20].any(), "the middle row and column stay free"
    assert not hidden[:, 20].any()


def test_blades_that_are_away_change_nothing():
    image, hidden = intensity.collimate(tf.constant(planes()[:1]), blades(*[AWAY] * 4, leak=0.1))
    np.testing.assert_allclose(image, planes()[:1], atol=1e-6)
    assert not hidden.numpy().any()


def test_collimated_pixels_become_open_beam():
    image, label = changed(
        planes(), **{k: v.numpy() for k, v in blades(3, AWAY, AWAY, 5, penumbra=0.01).items()}
    )
    expected = np.ones(SHAPE)
    expected[:, :3] = 0
    expected[-5:] = 0
    np.testing.assert_array_equal(label[0], expected)
    np.testing.assert_allclose(image[0], planes()[0] * expected, atol=1e-6)


def test_a_frame_is_plain_and_open_beam():
    image, label = changed(planes(), frame=[[2, AWAY, 3, AWAY]], frame_value=[1.0])
    expected = planes()[0].copy()
    expected[:, :2] = expected[:, -3:] = 1
    np.testing.assert_array_equal(image[0], expected)
    np.testing.assert_array_equal(label[0, 0], [0] * 2 + [1] * 43 + [0] * 3)


def test_blur_is_the_gaussian():
    images = planes()
    sigma = np.array([0.0, 0.7, 2.0], "float32")
    kernels = intensity.gaussian(tf.constant(sigma), 2.0)
    assert kernels.shape == (3, 17)
    blurred = intensity.blur(tf.constant(images), kernels).numpy()
    for image, s, ours in zip(images, sigma, blurred, strict=True):
        expected = scipy.ndimage.gaussian_filter(image, s, mode="mirror", radius=8) if s else image
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_logarithm_gamma_gain_and_offset_worked_out_by_hand():
    grey = np.full((1, *SHAPE), 0.25, "float32")
    assert changed(grey, gamma=[0.5])[0].mean() == pytest.approx(0.5)
    expected = np.log(1 + 0.25 * 100) / np.log(101)
    assert changed(grey, log_factor=[100.0])[0].mean() == pytest.approx(expected)
    assert changed(grey, log_factor=[0.0])[0].mean() == 0.25
    assert changed(grey, gain=[1.2])[0].mean() == pytest.approx(0.3)
    assert changed(grey, offset=[-0.2])[0].mean() == pytest.approx(0.2)


def test_an_s_curve_keeps_black_white_and_its_centre():
    grey = np.linspace(0, 1, SHAPE[0] * SHAPE[1], dtype="float32").reshape(1, *SHAPE)
    curved = changed(grey, curve=[6.0], curve_centre=[0.5])[0].ravel()
    assert curved[0] == pytest.approx(0, abs=1e-6)
    assert curved[-1] == pytest.approx(1, abs=1e-6)
    assert np.interp(0.5, grey.ravel(), curved) == pytest.approx(0.5, abs=1e-4)
    assert np.all(np.diff(curved) > 0)
    assert curved[len(curved) // 4] < 0.25


def test_sharpening_adds_what_a_blur_takes_away():
    grey = 0.5 + 0.1 * planes(1)
    sharp = changed(grey, sharpness=[1.0], sharpness_sigma=[2.0])[0]
    # In the middle, where borders do not matter.
    expected = 2 * grey - scipy.ndimage.gaussian_filter(grey[0], 2.0, truncate=6)
    np.testing.assert_allclose(sharp[:, 14:-14, 14:-14], expected[:, 14:-14, 14:-14], atol=1e-5)


def test_a_window_clips_both_ends():
    grey = np.linspace(0.2, 0.6, SHAPE[0] * SHAPE[1], dtype="float32").reshape(1, *SHAPE)
    # Half of the way to the mean of 0.4 from either end: 0.3 becomes 0 and 0.5 becomes 1.
    shown = changed(grey, window=[[0.5, 0.5]])[0]
    np.testing.assert_allclose(shown, np.clip((grey - 0.3) / 0.2, 0, 1), atol=1e-4)
    np.testing.assert_array_equal(changed(grey, window=[[-1, -1]])[0], grey)


def test_noise_grows_with_the_square_root_of_the_signal():
    preset = Augmentation(noise=0.04)
    seeds = tf.constant([[1, k] for k in range(40)], tf.int64)
    draws = augmentation.draw(seeds, preset, SHAPE)
    dark, bright = (
        intensity.change_intensity(tf.fill((40, *SHAPE, 1), v), tf.zeros((40, *SHAPE)), draws)[0]
        for v in (0.16, 0.64)
    )
    ratio = np.std(bright, axis=(1, 2)) / np.std(dark, axis=(1, 2))
    np.testing.assert_allclose(ratio, 2, atol=0.02)


def test_a_seen_penumbra_is_noisy_too():
    # Noise comes after the blades: behind a leaking blade there are few quanta, but some.
    sides = {k: v.numpy() for k, v in blades(48, *[AWAY] * 3, leak=0.02).items()}
    noise = np.random.default_rng(1).normal(size=(1, *SHAPE))
    image, _ = changed(np.ones((1, *SHAPE), "float32"), **sides, noise=noise, noise_strength=[0.04])
    assert image[:, :, :30].std() == pytest.approx(0.04 * np.sqrt(0.02), rel=0.2)


def test_some_pictures_are_gamma_normalised():
    values = planes(2) * np.float32(0.5) + np.float32(0.2)
    labels = tf.ones(values.shape, tf.uint8)
    draws = {"gamma_normalised": tf.constant([False, True])}
    images, after = intensity.change_intensity(tf.constant(values[..., None]), labels, draws)
    np.testing.assert_array_equal(images[0, ..., 0], values[0])
    expected = preprocessing.normalise_gamma(values[1, ..., None])
    np.testing.assert_allclose(images[1], expected, rtol=1e-5)
    np.testing.assert_array_equal(after, labels)


def test_a_fold_darkens_the_body_by_its_thickness_and_no_open_beam():
    labels = np.ones((1, *SHAPE), np.uint8)
    labels[0, :, :10] = 0
    folds = tf.constant([[[20.0, 15.0, 12.0, 8.0], [500.0, 500.0, 5.0, 5.0]]])
    round_ones = {"folds": folds, "fold_flatness": tf.zeros((1, 2))}
    drawn = round_ones | {"fold_depth": tf.constant([0.7])}
    seen = intensity.fold(tf.ones((1, *SHAPE)), tf.constant(labels), drawn).numpy()[0]
    assert seen[15, 20] == pytest.approx(np.exp(-0.7), rel=1e-5)
    # Half way out, an ellipsoid is as thick as the cosine of 30 degrees.
    assert seen[15, 26] == pytest.approx(np.exp(-0.7 * np.sqrt(0.75)), rel=1e-5)
    assert seen[19, 20] == pytest.approx(seen[15, 26], rel=1e-5)
    assert (seen[:, :10] == 1).all() and (seen[:, 33:] == 1).all() and seen[15, 10] < 1
    none = drawn | {"fold_depth": tf.constant([0.0])}
    np.testing.assert_array_equal(intensity.fold(seen[None], tf.constant(labels), none)[0], seen)


def test_a_fold_pressed_flat_is_as_thick_almost_everywhere():
    labels = tf.ones((1, *SHAPE), tf.uint8)
    folds = tf.constant([[[20.0, 15.0, 12.0, 8.0], [500.0, 500.0, 5.0, 5.0]]])
    drawn = {"folds": folds, "fold_depth": tf.constant([0.7])}
    drawn["fold_flatness"] = tf.constant([[0.8, 0.0]])
    seen = intensity.fold(tf.ones((1, *SHAPE)), labels, drawn).numpy()[0]
    assert seen[15, 20] == pytest.approx(np.exp(-0.7), rel=1e-5)
    # Half way out an ellipsoid has lost an eighth of its thickness.
    assert np.exp(-0.7) < seen[15, 26] < np.exp(-0.7 * 0.96)
    assert (seen[:, :8] == 1).all() and (seen[:, 33:] == 1).all()


def test_folds_are_drawn_as_often_and_as_large_as_asked_for():
    preset = Augmentation(
        fold_probability=0.3, fold_depth=(0.2, 0.9), fold_radius=(0.1, 0.4), fold_flatness=0.8
    )
    seeds = tf.stack([tf.ones(500, tf.int64), tf.range(500, dtype=tf.int64)], axis=1)
    drawn = {k: v.numpy() for k, v in augmentation.draw(seeds, preset, SHAPE).items()}
    assert set(drawn) == {"folds", "fold_depth", "fold_flatness"}
    assert drawn["folds"].shape == (500, 2, 4) and drawn["fold_flatness"].shape == (500, 2)
    assert 0 <= drawn["fold_flatness"].min() < 0.02 and 0.78 < drawn["fold_flatness"].max() <= 0.8
    there = drawn["fold_depth"] > 0
    assert 0.22 < there.mean() < 0.38
    assert drawn["fold_depth"][there].min() >= 0.2 and drawn["fold_depth"].max() <= 0.9
    shares = drawn["folds"] / np.array([SHAPE[1], SHAPE[0]] * 2)
    assert shares[..., :2].min() >= 0 and shares[..., :2].max() < 1
    assert 0.1 <= shares[..., 2:].min() < 0.12 and 0.38 < shares[..., 2:].max() <= 0.4


def test_less_latitude_brings_broad_levels_together_and_leaves_fine_structure():
    x = np.arange(200, dtype="float32")
    stripes = 0.02 * (-1.0) ** (x // 2)
    scene = np.where(x < 100, 0.3, 0.7) + stripes
    planes = np.broadcast_to(scene, (2, 40, 200)).astype("float32")
    drawn = {"latitude": tf.constant([0.5, 0.0]), "latitude_sigma": tf.fill([2], 10.0)}
    seen = intensity.display(tf.constant(planes), drawn).numpy()
    np.testing.assert_array_equal(seen[1], planes[1])
    assert seen[0].min() == pytest.approx(0.28) and seen[0].max() == pytest.approx(0.72)

    def relief(picture):  # fine structure against the step between the levels, far from it
        low, high = picture[20, 20:60], picture[20, 140:180]
        return low.std() / (high.mean() - low.mean())

    assert relief(seen[0]) == pytest.approx(2 * relief(planes[0]), rel=0.02)


def test_latitude_is_drawn_for_some_of_the_hospital_pictures():
    ranges = {"latitude": 0.6, "latitude_pixels": (10.0, 40.0)}
    preset = Augmentation(hospital_probability=0.5, latitude_probability=0.4, **ranges)
    seeds = tf.stack([tf.ones(500, tf.int64), tf.range(500, dtype=tf.int64)], axis=1)
    drawn = {k: v.numpy() for k, v in augmentation.draw(seeds, preset, (20, 200)).items()}
    there = drawn["latitude"] > 0
    assert 0.14 < there.mean() < 0.26 and 0.5 < drawn["latitude"].max() <= 0.6
    assert (drawn["log_factor"][there] > 0).all()
    assert drawn["latitude_sigma"].min() >= 10 and drawn["latitude_sigma"].max() <= 40


@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_texture_is_as_strong_and_as_coarse_as_asked_for(sigma):
    noise = np.random.default_rng(1).standard_normal((4, 200, 200)).astype("float32")
    labels = np.ones(noise.shape, np.uint8)
    labels[:, :, :20] = 0
    drawn = {"texture": tf.constant(noise), "texture_strength": tf.fill([4], 0.06)}
    drawn["texture_sigma"] = tf.fill([4], sigma)
    seen = intensity.texture(tf.ones(noise.shape), tf.constant(labels), drawn).numpy()
    assert (seen[:, :, :20] == 1).all()
    uneven = np.log(seen[:, 20:-20, 40:-20])
    assert uneven.std() == pytest.approx(0.06, rel=0.15)
    beside = np.mean(uneven[:, :, 1:] * uneven[:, :, :-1]) / uneven.var()
    # White noise blurred by sigma is correlated as a Gaussian of twice its variance.
    assert beside == pytest.approx(np.exp(-0.25 / sigma**2), abs=0.02)


def test_texture_is_drawn_as_often_as_asked_for():
    preset = Augmentation(texture_probability=0.4, texture=0.1, texture_pixels=(1.0, 4.0))
    seeds = tf.stack([tf.ones(300, tf.int64), tf.range(300, dtype=tf.int64)], axis=1)
    drawn = {k: v.numpy() for k, v in augmentation.draw(seeds, preset, (20, 200)).items()}
    assert set(drawn) == {"texture", "texture_strength", "texture_sigma"}
    there = drawn["texture_strength"] > 0
    assert 0.3 < there.mean() < 0.5 and 0.08 < drawn["texture_strength"].max() <= 0.1
    assert drawn["texture_sigma"].min() >= 1 and drawn["texture_sigma"].max() <= 4
    assert drawn["texture"].std() == pytest.approx(1, abs=0.01)
    other = augmentation.draw(seeds, Augmentation(noise=0.1), (20, 200))["noise"].numpy()
    assert abs(np.corrcoef(other.ravel(), drawn["texture"].ravel())[0, 1]) < 0.01
