import itertools

import cv2
import numpy as np
import pytest
import scipy.ndimage

from xnet_tf import preprocessing, transforms
from xnet_tf.appearance import (
    DIRECT_BEAM,
    Blur,
    Collimate,
    Field,
    Fold,
    Frame,
    Gain,
    Gamma,
    GreyLevels,
    Jpeg,
    LogScale,
    Noise,
    NormaliseGamma,
    Offset,
    ReduceLatitude,
    SCurve,
    Sharpen,
    Texture,
    Window,
)
from xnet_tf.backend import tf
from xnet_tf.transforms import Sometimes

SHAPE = (40, 48)
ONE = 200 / SHAPE[1]
"""A pixel of these images in pixels of an image 200 wide."""

AWAY = -0.5
"""Draw of a blade or a side of a frame that is not there."""


class Given:
    """Hands out numbers set by hand, in place of `transforms.Draws`."""

    def __init__(self, *numbers, noise=None):
        self.numbers, self.field = iter(numbers), noise

    def uniform(self, low=0.0, high=1.0):
        return tf.reshape(tf.constant(next(self.numbers), tf.float32), (-1, 1, 1))

    log_uniform = uniform

    def noise(self, shape):
        return tf.constant(self.field)


def planes(count=1, seed=1):
    return np.random.default_rng(seed).uniform(0, 1, (count, *SHAPE)).astype("float32")


def seeds(count):
    return tf.constant([[1, k] for k in range(count)], tf.int64)


def changed(transform, values, *numbers, labels=None, noise=None):
    """Return planes and labels, 1 everywhere if not given, after one change with these numbers."""
    labels = np.ones(np.shape(values), np.uint8) if labels is None else labels
    pair = transform(tf.constant(values), tf.constant(labels), Given(*numbers, noise=noise))
    return tuple(one.numpy() for one in pair)


def collimated(values, *sides, turn=0.0, penumbra=2.0, leak=0.0, glow=0.0, reach=5.0, seen=1.0):
    """Blades that reach so many pixels into the picture; turn as drawn, from -1 to 1."""
    shares = np.array(sides) / np.array([SHAPE[1], SHAPE[0]] * 2)
    numbers = (*shares, turn, penumbra * ONE, leak, glow, reach * ONE, seen)
    return changed(Collimate(1.0, degrees=45), values, *numbers)


OPEN = np.ones((1, *SHAPE), "float32")


def test_a_blade_has_a_soft_dark_edge_and_is_open_beam():
    # A blade reaching 10 pixels in from the left, edge 4 pixels wide, on plain open beam.
    image, labels = collimated(OPEN, 10, *[AWAY] * 3, penumbra=4)
    row = image[0, 20]
    # Pixel centres lie half a pixel in: the edge is between pixels 9 and 10, where half arrives.
    assert (row[9] + row[10]) / 2 == pytest.approx(0.5)
    assert row[10] - row[9] == pytest.approx(0.25, abs=0.01), "one over the width is the slope"
    assert np.all(np.diff(row) >= 0)
    assert row[0] < 1e-3
    assert row[-1] > 0.999
    np.testing.assert_array_equal(labels[0, 20] == 0, row < DIRECT_BEAM)


def test_a_glow_falls_with_the_distance_and_changes_no_label():
    image, labels = collimated(OPEN, 20, *[AWAY] * 3, leak=0.01, glow=0.08, reach=5.0)
    row = image[0, 20]
    # Pixel 9 lies 10.5 pixels behind the edge, where next to nothing of the direct beam arrives.
    assert row[9] == pytest.approx(0.01 + 0.08 * np.exp(-10.5 / 5.0), abs=1e-5)
    assert row[14] > DIRECT_BEAM / 2 > row[0]
    np.testing.assert_array_equal(labels, collimated(OPEN, 20, *[AWAY] * 3)[1])


@pytest.mark.parametrize("seen", [0.0, 1.0])
def test_the_patient_is_seen_through_a_leak_or_not(seen):
    image = planes()
    behind = collimated(image, 48, *[AWAY] * 3, leak=0.1, seen=seen, penumbra=0.5)[0][0, :, :40]
    patient = image[0, :, :40] if seen else np.full(behind.shape, image.mean())
    np.testing.assert_allclose(behind, 0.1 * patient, atol=1e-5)


def test_turned_blades_cover_corners():
    labels = collimated(OPEN, *[8.0] * 4, turn=1.0, penumbra=0.5)[1][0]
    for row, column in itertools.product((0, -1), repeat=2):
        assert labels[row, column] == 0
    assert labels[20].all(), "the middle row and column stay free"
    assert labels[:, 24].all()


def test_most_turns_are_small():
    # The fifth power: half of the turns are below 45 / 32 degrees.
    half = collimated(planes(), 9, 9, 9, 9, turn=0.5)[0]
    shares = np.array([9, 9, 9, 9]) / np.array([SHAPE[1], SHAPE[0]] * 2)
    numbers = (*shares, 1.0, 2 * ONE, 0.0, 0.0, 5 * ONE, 1.0)
    np.testing.assert_allclose(
        changed(Collimate(1.0, degrees=45 / 32), planes(), *numbers)[0], half, atol=1e-5
    )


def test_collimated_pixels_become_open_beam_and_blades_away_change_nothing():
    image, labels = collimated(planes(), 3, AWAY, AWAY, 5, penumbra=0.01)
    expected = np.ones(SHAPE)
    expected[:, :3] = 0
    expected[-5:] = 0
    np.testing.assert_array_equal(labels[0], expected)
    np.testing.assert_allclose(image[0], planes()[0] * expected, atol=1e-6)
    image, labels = collimated(planes(), *[AWAY] * 4, leak=0.1)
    np.testing.assert_allclose(image, planes(), atol=1e-6)
    assert labels.all()


@pytest.mark.parametrize(("covering", "largest"), [(Collimate(0.3), 0.3), (Frame(0.2), 0.2)])
def test_each_side_is_covered_in_every_second_picture_and_no_further_than_asked(covering, largest):
    count = 400
    pair = tf.zeros((count, *SHAPE, 1)), tf.ones((count, *SHAPE), tf.uint8)
    labels = transforms.apply(*pair, [Sometimes(0.5, covering)], seeds(count))[1].numpy()
    # Opposite sides never meet, so that the middle row tells how far left and right reach.
    middle = labels[:, SHAPE[0] // 2]
    middle = middle[middle.any(1)]
    left, right = np.argmax(middle, axis=1), np.argmax(middle[:, ::-1], axis=1)
    for reach in (left, right):
        assert np.mean(reach > 0) == pytest.approx(0.25, abs=0.08)
        assert largest * SHAPE[1] - 2 < reach.max() <= np.ceil(largest * SHAPE[1])
    assert np.mean((labels == 0).any((1, 2))) == pytest.approx(0.5 * 15 / 16, abs=0.08)


def test_a_frame_is_plain_and_open_beam():
    image, labels = changed(Frame(0.2), planes(), 2 / 48, AWAY, 3 / 48, AWAY, 0.9)
    expected = planes()[0].copy()
    expected[:, :2] = expected[:, -3:] = 1
    np.testing.assert_array_equal(image[0], expected)
    np.testing.assert_array_equal(labels[0, 0], [0] * 2 + [1] * 43 + [0] * 3)
    assert changed(Frame(0.2), planes(), *[2 / 48] * 4, 0.1)[0][0, 0].max() == 0


def test_blur_is_the_gaussian():
    images = planes(3)
    sigma = np.array([0.0, 0.7, 2.0], "float32")
    blurred = changed(Blur(0.0, 2 * ONE), images, sigma * ONE)[0]
    for image, s, ours in zip(images, sigma, blurred, strict=True):
        expected = scipy.ndimage.gaussian_filter(image, s, mode="mirror", radius=8) if s else image
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_logarithm_gamma_gain_and_offset_worked_out_by_hand():
    grey = np.full((1, *SHAPE), 0.25, "float32")
    expected = np.log(1 + 0.25 * 100) / np.log(101)
    assert changed(LogScale(), grey, 100.0)[0].mean() == pytest.approx(expected)
    assert changed(Gamma(0.3, 3), grey, 0.5)[0].mean() == pytest.approx(0.5)
    assert changed(Gain(1.3), grey, 1.2)[0].mean() == pytest.approx(0.3)
    assert changed(Offset(0.2), grey, -0.2)[0].mean() == pytest.approx(0.2)


def test_a_field_varies_slowly_and_as_much_as_asked_for():
    flat = tf.fill((300, *SHAPE, 1), 0.5)
    pair = flat, tf.zeros((300, *SHAPE), tf.uint8)
    logs = np.log(transforms.apply(*pair, [Field(0.15)], seeds(300))[0].numpy()[..., 0] / 0.5)
    # At a control point; between them a spline varies less.
    assert logs[:, 0, 0].std() == pytest.approx(0.15, rel=0.15)
    assert np.abs(np.diff(logs, axis=2)).max() < 0.1


def test_an_s_curve_keeps_black_white_and_its_centre():
    grey = np.linspace(0, 1, SHAPE[0] * SHAPE[1], dtype="float32").reshape(1, *SHAPE)
    curved = changed(SCurve(), grey, 6.0, 0.5)[0].ravel()
    assert curved[0] == pytest.approx(0, abs=1e-6)
    assert curved[-1] == pytest.approx(1, abs=1e-6)
    assert np.interp(0.5, grey.ravel(), curved) == pytest.approx(0.5, abs=1e-4)
    assert np.all(np.diff(curved) > 0)
    assert curved[len(curved) // 4] < 0.25


def test_sharpening_adds_what_a_blur_takes_away():
    grey = 0.5 + 0.1 * planes()
    sharp = changed(Sharpen(1.2), grey, 1.0, 2.0 * ONE)[0]
    # In the middle, where borders do not matter.
    expected = 2 * grey - scipy.ndimage.gaussian_filter(grey[0], 2.0, truncate=6)
    np.testing.assert_allclose(sharp[:, 14:-14, 14:-14], expected[:, 14:-14, 14:-14], atol=1e-5)


def test_a_window_clips_both_ends():
    grey = np.linspace(0.2, 0.6, SHAPE[0] * SHAPE[1], dtype="float32").reshape(1, *SHAPE)
    # Half of the way to the mean of 0.4 from either end: 0.3 becomes 0 and 0.5 becomes 1.
    shown = changed(Window(0.9), grey, 0.5, 0.5)[0]
    np.testing.assert_allclose(shown, (grey - 0.3) / 0.2, atol=1e-4)


def test_noise_grows_with_the_square_root_of_the_signal():
    def deviation(grey):
        pair = tf.fill((40, *SHAPE, 1), grey), tf.zeros((40, *SHAPE), tf.uint8)
        return np.std(transforms.apply(*pair, [Noise(0.04)], seeds(40))[0], axis=(1, 2, 3))

    np.testing.assert_allclose(deviation(0.64) / deviation(0.16), 2, atol=0.02)
    assert 0.025 < deviation(0.64).max() <= 0.0325


def test_some_pictures_are_gamma_normalised():
    images = planes(20)[..., None] * np.float32(0.5) + np.float32(0.2)
    labels = tf.ones(images.shape[:3], tf.uint8)
    preset = [Sometimes(0.5, NormaliseGamma())]
    after, labels_after = transforms.apply(tf.constant(images), labels, preset, seeds(20))
    expected = preprocessing.normalise_gamma(tf.constant(images)).numpy()
    kept, normalised = (
        np.isclose(after, one, rtol=1e-5).all((1, 2, 3)) for one in (images, expected)
    )
    assert (kept ^ normalised).all() and 5 <= kept.sum() <= 15
    np.testing.assert_array_equal(labels_after, labels)


def folded(values, labels, flatness=0.0, depth=0.7):
    """Fold an ellipsoid about x 20, y 15 of half axes 12 and 8 pixels over it, another far away."""
    sizes = np.array([SHAPE[1], SHAPE[0]] * 2)
    first, second = (np.array(one) / sizes for one in ((20, 15, 12, 8), (500, 500, 5, 5)))
    numbers = (depth, *first, flatness, *second, 0.0)
    return changed(Fold((0.1, 1.0)), values, *numbers, labels=labels)[0][0]


def test_a_fold_darkens_the_body_by_its_thickness_and_no_open_beam():
    labels = np.ones((1, *SHAPE), np.uint8)
    labels[0, :, :10] = 0
    dark = folded(OPEN, labels)
    assert dark[15, 20] == pytest.approx(np.exp(-0.7), rel=1e-5)
    # Half way out, an ellipsoid is as thick as the cosine of 30 degrees.
    assert dark[15, 26] == pytest.approx(np.exp(-0.7 * np.sqrt(0.75)), rel=1e-5)
    assert dark[19, 20] == pytest.approx(dark[15, 26], rel=1e-5)
    assert (dark[:, :10] == 1).all() and (dark[:, 33:] == 1).all() and dark[15, 10] < 1


def test_a_fold_pressed_flat_is_as_thick_almost_everywhere():
    dark = folded(OPEN, np.ones((1, *SHAPE), np.uint8), flatness=0.8)
    assert dark[15, 20] == pytest.approx(np.exp(-0.7), rel=1e-5)
    # Half way out an ellipsoid has lost an eighth of its thickness.
    assert np.exp(-0.7) < dark[15, 26] < np.exp(-0.7 * 0.96)
    assert (dark[:, :8] == 1).all() and (dark[:, 33:] == 1).all()


def test_folds_are_as_often_as_deep_and_as_large_as_asked_for():
    pair = tf.ones((500, *SHAPE, 1)), tf.ones((500, *SHAPE), tf.uint8)
    preset = [Sometimes(0.3, Fold((0.2, 0.9), radius=(0.1, 0.4)))]
    depth = -np.log(transforms.apply(*pair, preset, seeds(500))[0].numpy()[..., 0])
    # Half axes of a tenth of the sides reach every picture whose ellipses' middles lie inside.
    folded = depth.max((1, 2)) > 0
    assert 0.22 < folded.mean() < 0.38
    covered = np.mean(depth[folded] > 0, axis=(1, 2))
    assert covered.max() <= 2 * np.pi * 0.4**2
    deepest = depth[folded].max((1, 2))
    assert deepest.max() <= 2 * 0.9 + 1e-5 and np.median(deepest) > 0.2


def test_less_latitude_brings_broad_levels_together_and_leaves_fine_structure():
    x = np.arange(200, dtype="float32")
    stripes = 0.02 * (-1.0) ** (x // 2)
    scene = np.where(x < 100, 0.3, 0.7) + stripes
    scene = np.broadcast_to(scene, (1, 40, 200)).astype("float32")
    seen = changed(ReduceLatitude(0.8), scene, 0.5, 10.0)[0]
    assert seen[0].min() == pytest.approx(0.28) and seen[0].max() == pytest.approx(0.72)

    def relief(picture):  # fine structure against the step between the levels, far from it
        low, high = picture[20, 20:60], picture[20, 140:180]
        return low.std() / (high.mean() - low.mean())

    assert relief(seen[0]) == pytest.approx(2 * relief(scene[0]), rel=0.02)


@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_texture_is_as_strong_and_as_coarse_as_asked_for(sigma):
    noise = np.random.default_rng(1).standard_normal((4, 200, 200)).astype("float32")
    labels = np.ones(noise.shape, np.uint8)
    labels[:, :, :20] = 0
    seen = changed(Texture(0.1), np.ones_like(noise), sigma, 0.06, labels=labels, noise=noise)[0]
    assert (seen[:, :, :20] == 1).all()
    uneven = np.log(seen[:, 20:-20, 40:-20])
    assert uneven.std() == pytest.approx(0.06, rel=0.15)
    beside = np.mean(uneven[:, :, 1:] * uneven[:, :, :-1]) / uneven.var()
    # White noise blurred by sigma is correlated as a Gaussian of twice its variance.
    assert beside == pytest.approx(np.exp(-0.25 / sigma**2), abs=0.02)


def picture(levels=255, shape=(43, 50)):
    y, x = np.mgrid[: shape[0], : shape[1]] / shape[0]
    smooth = 0.5 + 0.3 * np.sin(7 * x) * np.cos(5 * y) + 0.15 * (x > y)
    return np.round(smooth * levels).astype("float32") / np.float32(levels)


def stored(*qualities, values=None):
    values = np.stack([picture()] * len(qualities)) if values is None else values
    return changed(Jpeg(1, 100), values, np.array(qualities, "float32"))[0]


@pytest.mark.parametrize("quality", [20, 50, 75, 95])
def test_blocks_are_as_a_jpeg_file_has_them(quality):
    written = cv2.imencode(".jpg", np.uint8(255 * picture()), [cv2.IMWRITE_JPEG_QUALITY, quality])
    read = cv2.imdecode(written[1], cv2.IMREAD_UNCHANGED) / 255
    # The file's grey values are rounded; blocks beyond the border are filled up otherwise.
    whole = np.s_[:40, :48]
    mean_difference = np.abs(stored(quality)[0] - read)[whole].mean() * 255
    assert mean_difference < 0.35
    if quality < 90:
        assert np.abs(picture() - read)[whole].mean() * 255 > 2 * mean_difference


def test_lower_quality_changes_more_and_each_picture_is_stored_for_itself():
    together = stored(10, 30, 60, 90)
    changes = np.abs(together - picture()).mean((1, 2))
    assert list(changes) == sorted(changes, reverse=True)
    for quality, one in zip((10, 30, 60, 90), together, strict=True):
        np.testing.assert_allclose(stored(quality)[0], one, atol=1e-6)


def test_number_of_grey_levels():
    values = np.stack([picture(60000)] * 2)
    few = changed(GreyLevels(16, 256), values, np.array([20.2, 255.0], "float32"))[0]
    assert set(np.unique(np.round(few[0] * 20, 4))) <= set(range(21))
    np.testing.assert_allclose(few[0], values[0], atol=0.5 / 20)
    np.testing.assert_allclose(few[1], values[1], atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_black_and_white_stay(value):
    plain = np.full((1, 16, 16), value, "float32")
    np.testing.assert_allclose(stored(95, values=plain), plain, atol=1e-2)
    np.testing.assert_array_equal(changed(GreyLevels(16, 256), plain, 24.0)[0], plain)
