import dataclasses

import numpy as np
import pytest

from xnet_tf import augmentation
from xnet_tf.augmentation import PRESETS, Augmentation
from xnet_tf.backend import tf

SHAPE = (40, 48)
COLLIMATED = Augmentation(collimation_probability=1.0, collimation=0.4, collimation_degrees=45)
ALONE = {
    "flips": Augmentation(flip_horizontal=0.5, flip_vertical=0.5),
    "rotation": Augmentation(rotation_degrees=180),
    "shear": Augmentation(shear_degrees=20),
    "translation": Augmentation(translation=0.3),
    "crop": Augmentation(crop=(0.1, 0.4)),
    "zoom": Augmentation(zoom=(0.5, 2.0)),
    "elastic": Augmentation(elastic_pixels=20, elastic_probability=1.0),
    "blur": Augmentation(blur_pixels=(0.0, 3.0)),
    "noise": Augmentation(noise=0.1),
    "gain": Augmentation(gain=1.5, offset=0.2, field=0.3),
    "gamma": Augmentation(gamma=(0.3, 3.0)),
    "collimator": COLLIMATED,
    "frame": Augmentation(frame_probability=1.0, frame=0.2),
    "hospital": Augmentation(
        hospital_probability=1.0,
        curve_probability=0.5,
        sharpen_probability=0.5,
        sharpness=1.5,
        window_probability=0.5,
        window=0.4,
    ),
    "now and then": Augmentation(rotation_degrees=180, moved_probability=0.5),
    "levels": Augmentation(levels_probability=1.0, levels=(16, 64)),
    "jpeg": Augmentation(jpeg_probability=1.0, jpeg_quality=(10, 90)),
    "folds": Augmentation(fold_probability=1.0, fold_depth=(0.1, 1.0), fold_radius=(0.1, 0.4)),
    "texture": Augmentation(texture_probability=1.0, texture=0.1, texture_pixels=(0.8, 5.0)),
    "paper": PRESETS["paper"],
    "robust": PRESETS["robust"],
    "uneven": PRESETS["uneven"],
}
# What only changes grey values, or paints over labels, set to nothing.
AS_DRAWN = {
    name: getattr(Augmentation(), name)
    for name in (
        *("blur_pixels", "collimation_probability", "noise", "gain", "field", "offset", "gamma"),
        *("hospital_probability", "frame_probability", "levels_probability"),
        *("jpeg_probability", "gamma_normalised_probability"),
        *("fold_probability", "texture_probability"),
    )
}


def seeds(count=6, run=1):
    return tf.constant([[run, k] for k in range(count)], tf.int64)


def batch(count=6):
    rng = np.random.default_rng(2)
    images = rng.uniform(0, 1, (count, *SHAPE, 1)).astype("float32")
    labels = rng.integers(0, 3, (count, *SHAPE)).astype("uint8")
    return tf.constant(images), tf.constant(labels)


def transform(images, labels, seeds, preset):
    return augmentation.apply(images, labels, preset, seeds)


@pytest.mark.parametrize("name", ALONE)
def test_a_label_map_passed_as_image_ends_as_the_label_output(name, monkeypatch):
    # The picture is the label map, read by nearest neighbour; grey changes are left out, but what
    # a collimator or a frame covers is covered in both.
    def nearest(images, points):
        return augmentation.geometry.resample_nearest(images[..., 0], points)[..., None]

    monkeypatch.setattr(augmentation.geometry, "resample_linear", nearest)
    _, labels = batch(20)
    spatial = dataclasses.replace(ALONE[name], **AS_DRAWN)
    picture = tf.cast(labels, tf.float32)[..., None] / 2
    moved, new_labels = transform(picture, labels, seeds(20), spatial)
    np.testing.assert_array_equal(moved[..., 0] * 2, new_labels)
    whole = transform(picture, labels, seeds(20), ALONE[name])[1].numpy()
    covered = whole != new_labels.numpy()
    assert not whole[covered].any(), "what differs is covered, and open beam"
    covering = ("collimator", "frame", "robust", "uneven")
    assert covered.any() == (name in covering)


@pytest.mark.parametrize("name", ALONE)
def test_no_new_ids_and_the_same_types(name):
    images, labels = batch()
    # Ids far apart: a mean of two of them would be another one.
    new_images, new_labels = transform(images, labels * 100, seeds(), ALONE[name])
    assert new_images.shape == images.shape
    assert new_labels.shape == labels.shape
    assert (new_images.dtype, new_labels.dtype) == (tf.float32, tf.uint8)
    assert set(np.unique(new_labels)) <= {0, 100, 200}
    assert np.isfinite(new_images).all()
    assert new_images.numpy().min() >= 0
    assert new_images.numpy().max() <= 1


@pytest.mark.parametrize("name", ALONE)
def test_something_happens(name):
    images, labels = batch()
    assert np.abs(transform(images, labels, seeds(), ALONE[name])[0] - images).max() > 0.01


def test_no_strength_changes_nothing():
    images, labels = batch()
    almost = Augmentation(rotation_degrees=1e-9, gamma=(1.0, 1.0 + 1e-9), blur_pixels=(0, 1e-9))
    almost = dataclasses.replace(almost, noise=1e-9, field=1e-9, gain=1 + 1e-9, offset=1e-9)
    never = dataclasses.replace(
        almost, elastic_probability=1e-12, elastic_pixels=9.0, collimation_probability=1e-12
    )
    never = dataclasses.replace(
        never, collimation=0.5, frame_probability=1e-12, frame=0.5, hospital_probability=1e-12
    )
    never = dataclasses.replace(
        never,
        curve_probability=0.5,
        sharpen_probability=0.5,
        sharpness=1.0,
        window_probability=0.5,
        window=0.4,
    )
    for preset in (Augmentation(), almost, never):
        new_images, new_labels = transform(images, labels, seeds(), preset)
        np.testing.assert_allclose(new_images, images, atol=1e-6)
        np.testing.assert_array_equal(new_labels, labels)


def test_flips_flip():
    images, labels = batch()
    for preset, axis in (
        (Augmentation(flip_horizontal=1.0), 2),
        (Augmentation(flip_vertical=1.0), 1),
    ):
        new_images, new_labels = transform(images, labels, seeds(), preset)
        np.testing.assert_array_equal(new_images, np.flip(images, axis))
        np.testing.assert_array_equal(new_labels, np.flip(labels, axis))


def test_some_pictures_are_not_moved():
    images, labels = batch(40)
    moving = {"rotation_degrees": 90, "elastic_pixels": 5.0, "elastic_probability": 1.0}
    preset = Augmentation(moved_probability=0.4, flip_horizontal=1.0, **moving)
    new_images, new_labels = transform(images, labels, seeds(40), preset)
    stayed = (new_images.numpy() == images.numpy()).all((1, 2, 3))
    assert 0.4 < stayed.mean() < 0.8
    np.testing.assert_array_equal(new_labels.numpy()[stayed], labels.numpy()[stayed])
    assert (new_labels.numpy() != labels.numpy())[~stayed].mean((1, 2)).min() > 0.3


def test_crop_keeps_the_stated_part():
    # A quarter cut off each side: the middle half fills the picture.
    drawn = augmentation.draw(seeds(1), Augmentation(crop=(0.25, 0.25)), SHAPE)
    np.testing.assert_allclose(drawn["matrix"][0], [[0.5, 0], [0, 0.5]])
    np.testing.assert_allclose(drawn["shift"][0], [0, 0])


def test_draws_fill_their_ranges():
    drawn = tf.function(augmentation.draw)(seeds(400), PRESETS["robust"], (200, 200))
    zoom = np.sqrt(1 / np.abs(np.linalg.det(drawn["matrix"])))
    assert 0.7 <= zoom.min() < 0.73
    assert 1.5 < zoom.max() <= 1.6
    elastic = np.abs(drawn["grid"]).max((1, 2, 3)) > 0
    assert elastic.mean() == pytest.approx(0.7, abs=0.07)
    assert drawn["grid"].numpy()[elastic].std() == pytest.approx(4.0, rel=0.05)
    noise = drawn["noise"].numpy()
    assert noise.mean() == pytest.approx(0, abs=1e-3)
    assert noise.std() == pytest.approx(1, abs=1e-3)
    collimated = (drawn["blades"].numpy() > 0).any(1)
    assert collimated.mean() == pytest.approx(0.3 * 15 / 16, abs=0.07)
    assert drawn["blades"].numpy().max() == pytest.approx(60, abs=3)
    degrees = np.abs(np.rad2deg(drawn["blade_angle"]))
    assert np.median(degrees) < 2
    assert degrees.max() > 30


@pytest.mark.parametrize("preset", ["robust", "uneven"])
def test_a_seed_decides_whatever_the_batch_it_lies_in(preset):
    whole = augmentation.draw(seeds(), PRESETS[preset], SHAPE)
    for k in (0, 4):
        alone = augmentation.draw(seeds()[k], PRESETS[preset], SHAPE)
        for name, value in whole.items():
            np.testing.assert_array_equal(alone[name], value[k], err_msg=name)


def test_another_run_or_example_is_drawn_otherwise():
    first, other = (augmentation.draw(seeds(run=r), PRESETS["robust"], SHAPE) for r in (1, 2))
    for name in ("matrix", "grid", "noise", "field", "gamma", "blade_angle"):
        assert not np.array_equal(first[name], other[name]), name
        assert not np.array_equal(first[name][0], first[name][1]), name


@pytest.mark.parametrize("name", ["paper", "robust", "uneven"])
def test_xla_draws_the_same_and_gives_the_same_pictures(name):
    images, labels = batch(32)
    # Smooth images, as radiographs are, at label maps of many borders.
    images = tf.nn.avg_pool2d(images, 5, 1, "SAME")

    def both(images, labels, seeds):
        draws = augmentation.draw(seeds, PRESETS[name], SHAPE)
        return draws, *augmentation.augment(images, labels, draws)

    usual = tf.function(both)(images, labels, seeds(32))
    compiled = tf.function(both, jit_compile=True)(images, labels, seeds(32))
    for key, value in usual[0].items():
        np.testing.assert_allclose(compiled[0][key], value, rtol=1e-5, atol=1e-7, err_msg=key)
    # Where there are few grey levels, a value half way between two may be rounded to either.
    differs = np.mean(np.abs(compiled[1] - usual[1]) > 1e-4)
    assert differs <= (1e-4 if PRESETS[name].levels_probability else 0)
    assert np.mean(compiled[2] != usual[2]) <= 1e-4


def test_random_numbers_are_the_same_bits_under_xla():
    def random(seed):
        uniform = augmentation._uniform(seed, (500,))
        return uniform, augmentation._normal(seed, "grid", (500,))

    usual, compiled = (tf.function(random, jit_compile=jit)(seeds()[3]) for jit in (False, True))
    for one, other in zip(usual, compiled, strict=True):
        np.testing.assert_array_equal(one, other)
