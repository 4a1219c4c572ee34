"""What the training half and the judged sets have beyond the data set; on small, closed forms."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from simulation import (
    bowel,
    cushions,
    fixators,
    processing,
    projector,
    render,
    skeleton,
    subjects,
    technique,
    things,
    trunk,
)
from simulation.grid import Grid
from simulation.materials import INDEX
from simulation.physics import beam
from simulation.rig import Bone
from simulation.tests import phantoms
from simulation.tests.phantoms import rng

PLAIN = technique.Technique(kvp=60.0, heel=0.0, gain=0.0, glare=0.0)


@pytest.fixture(scope="module")
def body():
    return skeleton.pose(subjects.Subject("s", 1))


def outline(body, **changes):
    """Front and back of the skin on the midline, by height, on a coarse grid (mm)."""
    subject = dataclasses.replace(subjects.Subject("s", 1), **changes)
    marks = trunk.landmarks(body)
    low = [-260, marks["lumbar3"][1] - 330, marks["crotch"][2] - 60]
    grid = Grid.around(low, [260, marks["lumbar3"][1] + 160, marks["thoracic8"][2]], 6.0)
    wall, fat = trunk.envelope(body, grid, subject, rng())
    inside = (wall - fat < 0)[grid.shape[0] // 2]
    z = grid.axes()[2].ravel()
    front = grid.origin[1] + grid.spacing * inside.argmax(axis=0)
    back = grid.origin[1] + grid.spacing * (inside.shape[0] - 1 - inside[::-1].argmax(axis=0))
    return marks, z, front, back


def test_a_belly_pushes_the_front_forward_and_leaves_the_back(body):
    marks, z, front, back = outline(body)
    _, _, pushed, behind = outline(body, belly_mm=80.0)
    at = {n: int(np.argmin(np.abs(z - marks[n][2]))) for n in ("lumbar3", "hip", "thoracic8")}
    assert front[at["lumbar3"]] - pushed[at["lumbar3"]] == pytest.approx(80, abs=9)
    assert front[at["thoracic8"]] - pushed[at["thoracic8"]] < 25
    np.testing.assert_allclose(back, behind, atol=6)


def test_an_apron_hangs_below_the_groin_with_a_sharp_edge(body):
    marks, z, front, _ = outline(body)
    _, _, covered, _ = outline(body, apron_mm=80.0)
    more = front - covered
    low = z[more > 12].min()
    assert low == pytest.approx(marks["hip"][2] + 45 - 80, abs=20)
    rows = round(24 / 6)
    assert np.abs(more[rows:] - more[:-rows]).max() > 0.45 * more.max()


def test_stout_subjects_are_stout_and_others_stay():
    for seed in range(20):
        plain = subjects.draw_subject("a", seed)
        thick = subjects.draw_subject("a", seed, thick=True)
        assert thick.fat >= 1.2 and thick.gas > 0 == plain.gas == plain.belly_mm
        assert (thick.height, thick.mineral, thick.age) == (
            plain.height,
            plain.mineral,
            plain.age,
        )


def gas_volume(body, gas, seed):
    marks = trunk.landmarks(body)
    low = [-180, marks["lumbar3"][1] - 200, marks["crotch"][2]]
    grid = Grid.around(low, [180, marks["lumbar3"][1] + 60, marks["thoracic10"][2]], 5.0)
    material = np.full(grid.shape, INDEX["muscle"], np.uint8)
    density = np.ones(grid.shape, np.float32)
    deep = np.zeros(grid.shape, bool)
    deep[6:-6, 6:-6] = True
    subject = dataclasses.replace(subjects.Subject("s", 1), gas=gas)
    cavity = np.full(grid.shape, -20.0, np.float32)
    bowel.fill_variously(material, density, grid, grid, subject, rng(seed), deep, marks, cavity)
    assert (material[~deep] == INDEX["muscle"]).all() and 0.85 < density.min() <= 1
    assert set(np.unique(material)) <= {INDEX["muscle"], INDEX["gas"]}
    return (material == INDEX["gas"]).sum() * 0.125  # ml


def test_bowel_holds_from_little_to_much_gas(body):
    little, much = ([gas_volume(body, g, s) for s in range(4)] for g in (0.3, 3.0))
    assert np.mean(much) > 3 * np.mean(little) and 0 < np.mean(little) < 1000


def limb(radius=40.0, spacing=2.0):
    """A cylinder of flesh about z with a bone of 10 mm in it, room around, and its skeleton."""
    grid = Grid(np.array([-130.0, -130.0, 0.0]), spacing, (131, 131, 151))
    x, y, _ = grid.axes()
    r = np.broadcast_to(np.hypot(x, y), grid.shape)
    material = np.zeros(grid.shape, np.uint8)
    material[r < radius] = INDEX["muscle"]
    material[r < 10] = INDEX["cortical"]
    turn, z = np.meshgrid(np.linspace(0, 2 * np.pi, 16), np.linspace(0, 300, 60))
    points = np.stack([10 * np.cos(turn), 10 * np.sin(turn), z], axis=-1).reshape(-1, 3)
    bone = Bone("tibia_r", "tibia_r", points, np.zeros((0, 3), int))
    frames = {"tibia_r": (np.array([0.0, 0, 300]), np.eye(3))}
    whole = skeleton.Body({"tibia_r": bone}, {}, frames)
    return material, np.ones(grid.shape, np.float16), grid, whole


def test_the_skin_is_found_and_a_cut_body_has_none():
    material, density, grid, _ = limb()
    canvas = fixators.Field(material, density, grid, [0, 1, 0])
    assert fixators.skin(canvas, [0, 0, 150], [1, 0, 0]) == pytest.approx(40, abs=2)
    assert fixators.skin(canvas, [0, 0, 150], [0, 0, 1]) is None


@pytest.mark.parametrize("draw", [fixators.fixator, fixators.rings, fixators.screws])
def test_fixators_reach_from_the_bone_into_the_air(draw):
    metals = [INDEX["steel"], INDEX["titanium"]]
    for seed in range(3):
        material, density, grid, whole = limb()
        draw(fixators.Field(material, density, grid, [0, 1, 0]), whole, "tibia_r", rng(seed))
        x, y, _ = grid.axes()
        r = np.broadcast_to(np.hypot(x, y), grid.shape)[np.isin(material, metals)]
        assert r.min() < 10 and r.max() > 45


def pinned():
    """A cylinder of flesh across the view with a steel pin of 2 mm radius, half of it in air."""

    def paint(x, y, z, material):
        material[np.hypot(x, y) < 15] = INDEX["muscle"]
        material[(np.hypot(y, z) < 2) & (x > 0) & (x < 30)] = INDEX["steel"]

    return phantoms.volume((140, 80, 60), paint)


def test_metal_in_air_is_bone_and_its_map_says_so():
    volume, view = pinned(), phantoms.view(60, height=24)
    (whole,) = projector.project(projector.prepare(volume), view, [render.beam_of(PLAIN)], 120)
    picture = render.render(whole, PLAIN, rng(), rng(99))
    found = things.metal(volume, view, render.beam_of(PLAIN), whole, picture)
    # 15 mm of it in air and 15 in flesh, 4 mm wide, pixels of half a millimetre.
    for value in (things.ALONE, things.BEFORE_BODY):
        assert (found == value).sum() * 0.25 == pytest.approx(60, rel=0.15)
    assert (picture.label[found != 0] == 2).all()
    air = found == things.ALONE
    assert np.median(picture.image[air]) < 0.3 * np.median(picture.image[picture.label == 0])


def body_label():
    label = np.zeros((200, 240), np.uint8)
    label[60:140, 80:160] = 1
    return label


@pytest.mark.parametrize("name", cushions.KINDS)
def test_cushions_are_light_and_most_touch_the_body(name):
    touching = 0
    for seed in range(8):
        areal = cushions.KINDS[name](body_label(), 1.2, rng(seed))
        assert areal.shape == (200, 240) and areal.dtype == np.float32
        assert np.isfinite(areal).all() and areal.min() >= 0 and areal.max() < 3.5
        touching += bool((areal[55:145, 75:165] > cushions.VISIBLE).any())
    assert touching >= (4 if name == "table" else 6)


def shoot(seed=0, **changes):
    chosen = dataclasses.replace(PLAIN, **changes)
    scene = phantoms.limb_scene()
    (seen,) = projector.project(
        projector.prepare(scene.volume), scene.geometries[0], [render.beam_of(chosen)], 64
    )
    return render.render(seen, chosen, rng(seed), rng(99))


def test_cushions_count_for_nothing_and_rails_are_bone():
    plain = shoot(3)
    rested = shoot(3, cushions=("pad",))
    np.testing.assert_array_equal(rested.label, plain.label)
    map_ = things.cushions(rested)
    assert ((map_ == things.ALONE) <= (rested.label == 0)).all() and (map_ != 0).any()
    weaker = rested.clean[map_ == things.ALONE] / plain.clean[map_ == things.ALONE]
    assert weaker.min() > 0.5 and weaker.max() < 1
    railed = [shoot(s, cushions=("table",), rail=True) for s in range(4)]
    assert any((p.label[plain.label == 0] == 2).sum() > 30 for p in railed)


def test_thick_trunks_are_exposed_for_the_body_with_and_without_a_grid():
    drawn = [
        technique.draw_technique("pelvis", "radiograph", 80.0, rng(s), theme="trunk")
        for s in range(60)
    ]
    assert all(t.aec > 0 and t.ceiling > 60 and t.look is None for t in drawn)
    assert all(0.79 < t.full_ugy * t.aec < 8.01 for t in drawn)
    grid = [t.scatter < 0.05 for t in drawn]
    assert 0.35 < np.mean(grid) < 0.85 and max(t.scatter for t in drawn) > 0.1


def test_exposure_control_reaches_the_body_behind_forty_centimetres():
    mass = np.where(np.arange(80) < 60, 40.0, 0.0)[None].repeat(80, axis=0).astype(np.float32)
    rays = beam(80.0)
    signal = np.exp(-0.2 * mass)
    label = (mass > 0).astype(np.uint8)
    whole = projector.Projection(signal, signal, mass, label, 4.0)
    chosen = technique.Technique(kvp=80.0, aec=0.2, scatter=0.02, heel=0, gain=0, ceiling=5000.0)
    picture = render.render(whole, chosen, rng(), rng(9))
    assert np.median(picture.clean[label == 1]) == pytest.approx(0.2, rel=0.1)
    assert picture.clean[:, 75:].min() == 1 and len(rays.signal)
    dark = render.render(whole, dataclasses.replace(chosen, ceiling=60.0), rng(), rng(9))
    assert np.median(dark.clean[label == 1]) < 0.1


def test_varied_pictures_are_in_part_processed_and_others_never():
    def share(varied):
        drawn = (
            technique.draw_technique("knee", "radiograph", 60.0, rng(s), varied) for s in range(200)
        )
        return np.mean([t.look is not None for t in drawn])

    assert share(False) == 0 and 0.3 < share(True) < 0.5


def test_processing_keeps_the_order_of_grey_values_and_counts_levels():
    image = np.linspace(0.01, 1, 6400, dtype=np.float32).reshape(80, 80)
    body, hidden = image < 0.9, np.zeros((80, 80), bool)
    hidden[:5] = True
    shown = processing.process(image, body, hidden, 1.0, processing.Look(levels=256, shutter=False))
    assert (np.diff(shown.ravel()) >= 0).all() and shown.min() >= 0 and shown.max() <= 1
    assert 20 < len(np.unique(shown)) <= 256
    dark = processing.process(image, body, hidden, 1.0, processing.Look())
    assert (dark[:5] == 1).all() and dark[6:].min() < 0.2


def test_sharpening_puts_a_halo_along_edges():
    image = np.full((60, 60), 0.6, np.float32)
    image[:, 30:] = 0.2
    body, hidden = image < 0.5, np.zeros((60, 60), bool)
    plain, sharp = (
        processing.process(image, body | True, hidden, 1.0, processing.Look(sharpen=s, slope=0))
        for s in (0.0, 1.5)
    )
    assert np.ptp(plain[30]) > 0 and sharp[30, 28] > sharp[30, 10] and sharp[30, 31] < sharp[30, 50]


def test_processed_pictures_keep_open_beam_bright_and_labels():
    plain, shown = shoot(2), shoot(2, look=processing.Look(sharpen=0.5))
    np.testing.assert_array_equal(plain.label, shown.label)
    means = [np.median(shown.image[shown.label == k]) for k in range(3)]
    assert means[0] > means[1] > means[2]
