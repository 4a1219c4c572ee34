"""The classical methods: thresholds, clusters and regions on pictures whose truth is known."""

import inspect

import numpy as np
import pytest

from xnet_study.baselines import classical, thresholding
from xnet_study.baselines.classical import METHODS

BEAM, TISSUE, BONE = 0, 1, 2
THREE_LEVELS = [m for m in METHODS.values() if m.slug not in ("local-entropy", "line-fluctuations")]


def leg(noise=0.01):
    """A bone in a leg in the beam: truth (60, 60) and its picture, grey 0.1, 0.4, 0.9."""
    truth = np.zeros((60, 60), np.uint8)
    truth[:, 12:48] = TISSUE
    truth[:, 24:36] = BONE
    picture = np.array([0.9, 0.4, 0.1])[truth] + np.random.default_rng(0).normal(0, noise, (60, 60))
    return np.clip(picture, 0, 1).astype(np.float32), truth


def collimated():
    """The same leg, turned a little, behind blades that leave 40 x 40 pixels."""
    picture, truth = leg()
    outside = np.ones((60, 60), bool)
    outside[10:50, 10:50] = False
    return np.where(outside, 0, picture).astype(np.float32), np.where(outside, BEAM, truth), outside


ODD = {
    "black": np.zeros((64, 64)),
    "white": np.ones((64, 64)),
    "grey": np.full((64, 64), 0.3),
    "two levels": np.where(np.arange(64) < 40, 0.2, 0.8) * np.ones((64, 1)),
    "one class": 0.05 + 1e-3 * np.random.default_rng(1).random((64, 64)),
    "noise": np.random.default_rng(2).random((64, 64)),
    "one pixel": np.pad([[1.0]], ((30, 33), (10, 53))),
    "narrow": np.random.default_rng(3).random((9, 130)),
    "nearly equal": np.eye(64) + 1e-7 * np.tri(64),
}


def test_there_are_at_least_ten_methods_with_at_most_25_different_settings_each():
    assert len(METHODS) >= 10
    families = {"thresholding", "clustering", "entropy", "line fluctuation", "region"}
    assert {method.family for method in METHODS.values()} == families
    for slug, method in METHODS.items():
        assert method.slug == slug
        assert 1 < len({str(setting) for setting in method.settings}) <= 25
        assert len({str(setting) for setting in method.settings}) == len(method.settings)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_first_setting_is_the_functions_own(method):
    plain = inspect.signature(method.function).parameters
    if method.function in (thresholding.otsu, thresholding.cross_entropy):
        plain = inspect.signature(thresholding.twice).parameters
    for key, value in method.settings[0].items():
        assert key == "texture" or value == plain[key].default


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_odd_images_are_segmented_without_a_crash(method, name):
    image = ODD[name].astype(np.float32)
    for setting in (*method.settings[:2], method.settings[-1]):
        labels = method.segment(image[..., None], **setting)
        assert labels.shape == image.shape
        assert labels.dtype == np.uint8
        assert labels.max() <= 2


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_an_image_of_one_grey_level_is_all_open_beam(method, value):
    assert not method.segment(np.full((40, 40), value, np.float32)).any()


@pytest.mark.parametrize("method", THREE_LEVELS, ids=lambda method: method.slug)
def test_three_grey_levels_are_told_apart(method):
    image, truth = leg()
    labels = method.segment(image, **method.settings[0])
    assert np.mean(labels != truth) <= 0.01


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_setting_changes_something_and_every_call_gives_the_same(method):
    noisy, _ = leg(noise=0.12)
    image = (noisy * np.linspace(0.5, 1, 60)).astype(np.float32)
    image[:6] *= 0.03  # a dark frame
    results = [method.segment(image, **setting) for setting in method.settings]
    for setting in (0, -1):
        again = method.segment(image, **method.settings[setting])
        np.testing.assert_array_equal(results[setting], again)
    for key in method.settings[0]:
        values = {str(setting[key]) for setting in method.settings}
        by_value = {
            value: [
                r for r, s in zip(results, method.settings, strict=True) if str(s[key]) == value
            ]
            for value in values
        }
        assert any(
            not np.array_equal(one, other)
            for group in by_value.values()
            for one, other in zip(group, by_value[str(method.settings[0][key])], strict=True)
        ), key


def test_the_exposed_field_is_the_lit_rectangle():
    image, _, outside = collimated()
    np.testing.assert_array_equal(thresholding.exposed(image, 0.02), ~outside)
    image[3, 3] = 0.5  # one pixel of noise does not stretch it
    np.testing.assert_array_equal(thresholding.exposed(image, 0.02), ~outside)
    assert thresholding.exposed(image, 0.0).all()
    assert thresholding.exposed(np.zeros((9, 9)), 0.02).all()


@pytest.mark.parametrize("method", THREE_LEVELS, ids=lambda method: method.slug)
def test_what_the_blades_hide_is_open_beam_if_the_field_is_looked_for(method):
    image, truth, outside = collimated()
    hidden = method.segment(image, field=0.02)
    assert not hidden[outside].any()
    assert np.mean(hidden != truth) < np.mean(method.segment(image) != truth)


def test_constant_predictor_is_the_commonest_class():
    assert classical.constant(np.array([[0, 1], [1, 2]])) == 1
