"""Detector effects, labels and determinism."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulation import (
    composition,
    contrast,
    dataset,
    detector,
    overlays,
    projector,
    render,
    technique,
)
from simulation.tests import phantoms
from simulation.tests.phantoms import rng

PLAIN = technique.Technique(kvp=55.0, heel=0.0, gain=0.0, glare=0.0)


def shoot(seed=0, scene=None, **changes):
    scene = scene or phantoms.limb_scene()
    chosen = replace(PLAIN, **changes)
    prepared, beam = projector.prepare(scene.volume), render.beam_of(chosen)
    (projection,) = projector.project(prepared, scene.geometries[0], [beam], 64)
    return render.render(projection, chosen, rng(seed), rng(99))


def test_open_beam_bright_bone_dark():
    picture = shoot()
    means = [picture.image[picture.label == k].mean() for k in range(3)]
    assert means[0] == pytest.approx(0.9, abs=0.03) and means[0] > means[1] > means[2] > 0
    assert picture.image.dtype == np.float32 and picture.label.dtype == np.uint8


def test_same_seed_same_picture():
    a, b, c = shoot(1), shoot(1), shoot(2)
    assert (a.image == b.image).all() and (a.image != c.image).any()


def test_noise_is_as_declared():
    picture = shoot(full_ugy=0.3, blur_mm=0.01)
    flesh = picture.label == 1
    pull = (picture.image - picture.clean)[flesh] / picture.noise[flesh]
    assert pull.std() == pytest.approx(1, abs=0.08) and abs(pull.mean()) < 0.1


def test_contrast_over_quanta_falls_with_dose():
    many, few = (contrast.over_quanta(shoot(full_ugy=dose)) for dose in (10, 0.1))
    assert many == pytest.approx(10 * few, rel=0.05)


def two_levels(sigma, slope=0.0):
    """Bone of 0.3 and tissue of 0.5 in stripes, with noise and with a slope along the stripes."""
    label = np.ones((120, 120), np.uint8)
    label[:, 40:60] = 2
    label[:, 80:100] = 2
    image = np.where(label == 2, 0.3, 0.5) + sigma * rng().standard_normal(label.shape)
    image = (image + slope * np.arange(120)[:, None]).astype(np.float32)
    nothing = np.zeros_like(image)
    return render.Picture(image, label, image, nothing + sigma, False, False, False, False)


def test_contrasts_of_known_pictures():
    plain = two_levels(0.05)
    for measure in (contrast.local, contrast.over_spread, contrast.over_quanta):
        assert measure(plain) == pytest.approx(4, rel=0.05)
    sloping = two_levels(0.05, slope=0.01)
    assert contrast.over_spread(sloping) < 0.8  # one threshold cannot serve both ends
    assert contrast.local(sloping) == pytest.approx(0.2 / np.hypot(0.05, 0.025), rel=0.1)
    sloping.label[:] = 0
    for measure in (contrast.local, contrast.over_spread, contrast.over_quanta):
        assert np.isnan(measure(sloping))


def test_contrast_leaves_the_rim_along_the_open_beam_out():
    plain, thin = two_levels(0.01), two_levels(0.01)
    for picture, cover in ((plain, 12), (thin, 4)):
        picture.label[:, 100 + cover :] = 0
        picture.image[:, 100 + cover :] = 1.0
        picture.image[:, 99 + cover] = 0.9  # where the blur mixes in the open beam
    assert contrast.local(plain) == pytest.approx(20, rel=0.1)
    assert contrast.local(thin) == pytest.approx(20, rel=0.1)


def test_scatter_grows_with_thickness_and_fills_in():
    primary = np.full((200, 200), 0.1, np.float32)
    thin, thick = (detector.scatter(primary, np.full_like(primary, t), 2.0, 0.14) for t in (5, 20))
    assert thick[100, 100] == pytest.approx(4 * thin[100, 100], rel=1e-3)
    # Behind 20 g/cm2 in a field of 40 cm the ratio comes near the endless slab's 2.8.
    assert 2.2 < thick[100, 100] / 0.1 <= 2.8 and thick[0, 0] < thick[100, 100]


def test_blades_make_open_beam():
    seen = [shoot(seed, collimated=True) for seed in range(8)]
    assert any(p.collimated for p in seen)
    plain, darkness = shoot().label, []
    for picture in seen:
        hidden = (plain != 0) & (picture.label == 0)
        hidden[[0, 1, -2, -1]] = hidden[:, [0, 1, -2, -1]] = False  # dead lines may be bright
        if hidden.any():
            darkness.append(np.median(picture.image[hidden]))
    assert darkness and max(darkness) < 0.06


def test_marker_is_bone_and_foam_is_nothing():
    coverage, plate = overlays.letter(np.zeros((240, 240), np.uint8), 1.0, rng(3))
    assert 10 < (coverage > 0.5).sum() < 1500 and coverage.max() <= 1 and plate.shape == (240, 240)
    np.testing.assert_array_equal(shoot(foam=True).label, shoot().label)
    plain = shoot().label
    marked = [p for p in (shoot(seed, marker=True) for seed in range(8)) if p.marker]
    assert marked
    for picture in marked:
        assert ((picture.label == 2) & (plain != 2)).any()


def test_heel_has_unit_mean_and_gain_is_around_one():
    assert detector.heel((80, 90), 0.2, 1.0).mean() == pytest.approx(1, abs=1e-5)
    assert detector.gain((80, 90), 1.0, rng()).mean() == pytest.approx(1, abs=0.05)


def test_quantising_stays_below_the_noise():
    noise = np.full((64, 64), 2e-3, np.float32)
    image = rng().random((64, 64), np.float32)
    levels = dataset.quantise(image, noise)
    assert levels.dtype == np.uint16 and np.abs(levels / 65535 - image).max() < 2e-3 / 2
    assert len(np.unique(levels)) < 2000


@pytest.mark.parametrize("part", ["hand", "pelvis", "thorax"])
@pytest.mark.parametrize("source", ["radiograph", "ct-projection"])
def test_techniques_are_plausible(part, source):
    for seed in range(20):
        drawn = technique.draw_technique(part, source, 60.0, rng(seed))
        assert drawn.scatter <= 0.14 and 0.7 < drawn.level < 1.4
        assert not (source == "ct-projection" and (drawn.collimated or drawn.marker))


def test_most_varied_trunks_are_exposed_for_the_body():
    def share(varied):
        drawn = (
            technique.draw_technique("thorax", "radiograph", 90.0, rng(s), varied)
            for s in range(200)
        )
        return np.mean([t.aec > 0 for t in drawn])

    assert 0.3 < share(False) < 0.5 and 0.65 < share(True) < 0.85


def test_streams_do_not_depend_on_order():
    first = composition.stream(5, "picture", "hand-01").random()
    composition.stream(5, "picture", "hand-02").random()
    assert composition.stream(5, "picture", "hand-01").random() == first


def test_exposure_control_lifts_the_body():
    body = shoot().label != 0
    lifted = shoot(aec=0.6)
    assert np.median(lifted.image[body]) == pytest.approx(0.6, abs=0.03)
    assert np.median(lifted.image[~body]) > 0.999


def test_tidy_removes_specks_only():
    label = np.zeros((20, 20), np.uint8)
    label[4:16, 4:16] = 1
    label[8, 8], label[10:13, 10:13], label[1, 1] = 2, 2, 2
    tidy = render.tidy(label)
    assert tidy[8, 8] == 1 and tidy[1, 1] == 0 and (tidy[10:13, 10:13] == 2).all()


@pytest.mark.parametrize("name", technique.SHIFTS)
def test_shifts_change_what_they_say_and_nothing_else(name):
    drawn = technique.draw_technique("knee", "radiograph", 62.0, rng())
    changed = {
        "kvp-low": {"kvp": 50.0},
        "kvp-high": {"kvp": 82.0},
        "noise": {"full_ugy": 0.1 * drawn.full_ugy},
        "gain": {"gain": 3.0, "heel": 0.35, "offset": 0.02},
    }[name]
    assert technique.shifted(drawn, name) == replace(drawn, **changed) != drawn
    with pytest.raises(ValueError, match="unknown shift"):
        technique.shifted(drawn, "colour")
