"""Subjects, skeleton and scenes: what must hold for every body part."""

import dataclasses

import numpy as np
import pytest

from simulation import (
    bones,
    catalogue,
    cortex,
    extras,
    flesh,
    parts,
    physics,
    projector,
    skeleton,
    subjects,
    trunk,
    views,
)
from simulation.materials import INDEX, KINDS
from simulation.scene import Scene
from simulation.tests.phantoms import rng


@pytest.fixture(scope="module")
def person():
    return subjects.draw_subject("person-01", 1)


def test_subjects_are_functions_of_their_seed():
    assert subjects.draw_subject("a", 5) == subjects.draw_subject("a", 5)
    assert subjects.draw_subject("a", 5) != subjects.draw_subject("a", 6)
    first, second = (subjects.draw_subject("a", 5).generator(1).random(3) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_skeleton_is_complete(person):
    body = skeleton.pose(person)
    names = list(body.bones)
    assert sum(n.startswith("rib") for n in names) == 24
    assert sum(n.startswith("cervical") for n in names) == 7
    assert sum(n.startswith("toe") for n in names) == 28
    assert {"skull", "jaw", "sternum", "fibula_r", "fibula_l", "pelvis_r"} <= set(names)
    assert sum(n.endswith("_r") for n in names) == sum(n.endswith("_l") for n in names)


def test_vertebrae_of_the_neck_count_from_the_top_and_metatarsals_from_the_great_toe(person):
    middle = {n: b.vertices.mean(axis=0) for n, b in skeleton.pose(person).bones.items()}
    neck = [middle[f"cervical{i}"][2] for i in range(1, 8)]
    assert neck == sorted(neck, reverse=True) and neck[-1] > middle["thoracic1"][2]
    for side in ("_r", "_l"):
        out = [abs(middle[f"metatarsal{i}{side}"][0]) for i in range(1, 6)]
        assert out == sorted(out)


def test_couplings_follow_the_knee(person):
    straight = skeleton.pose(person).bones["patella_r"].vertices.mean(axis=0)
    bent = skeleton.pose(person, {"knee_angle_r": 1.2})
    femur = bent.bones["femur_r"].vertices
    moved = bent.bones["patella_r"].vertices
    assert np.linalg.norm(moved.mean(axis=0) - straight) > 8
    gap = np.min(np.linalg.norm(femur[:, None] - moved[None, ::5], axis=2))
    assert 1.0 < gap < 7.0


def test_lengths_scale_with_the_subject():
    small, large = (subjects.Subject("s", 1, height=h) for h in (0.9, 1.1))
    size = [np.ptp(skeleton.pose(s).bones["femur_r"].vertices[:, 2]) for s in (small, large)]
    assert size[1] / size[0] == pytest.approx(1.1 / 0.9, rel=1e-3)


def test_joint_limits_hold(person):
    far = skeleton.pose(person, {"knee_angle_r": 9.0}).frames["talus_r"][0]
    limit = skeleton.pose(person, {"knee_angle_r": np.radians(120)}).frames["talus_r"][0]
    np.testing.assert_allclose(far, limit, atol=1.0)


def test_muscle_has_the_volume_it_is_given(person):
    muscle = skeleton.Muscle("vastest", np.array([[0, 0, 0], [0, 0, 200.0]]), 1e5, 100.0)
    points, radii = flesh.belly(muscle, 1.0)
    step = np.linalg.norm(points[1] - points[0])
    assert np.sum(np.pi * radii**2) * step == pytest.approx(1.15e5, rel=0.15)


def test_joint_space_is_open():
    from simulation.grid import Grid

    g = Grid(np.zeros(3), 0.5, (40, 20, 20))
    full = np.zeros(g.shape, bool)
    bone = [
        skeleton.Bone(n, "b", np.zeros((1, 3)), np.zeros((0, 3), int))
        for n in ("femur_r", "tibia_r")
    ]
    left, right = full[:20].copy(), full[20:].copy()
    left[:, 5:15, 5:15] = right[:, 5:15, 5:15] = True
    filled = [
        bones.Filled(bone[0], (slice(0, 20), slice(0, 20), slice(0, 20)), left),
        bones.Filled(bone[1], (slice(20, 40), slice(0, 20), slice(0, 20)), right),
    ]
    cartilage = np.zeros(g.shape, bool)
    bones.open_joints(filled, g, cartilage)
    row = np.concatenate([left[:, 10, 10], right[:, 10, 10]])
    gap = (np.argmax(row[20:]) + 20) - (19 - np.argmax(row[:20][::-1])) - 1
    assert gap * 0.5 == pytest.approx(4.0, abs=1.1)
    assert cartilage[20, 10, 10]


def test_there_are_the_19_parts():
    from simulation.composition import PARTS

    assert set(parts.PARTS) == {*PARTS, "abdomen"} and len(PARTS) == 19


def test_bad_arguments(person):
    with pytest.raises(ValueError, match="unknown body part"):
        parts.scene("tail", person, rng())
    with pytest.raises(ValueError, match="unknown source"):
        parts.scene("hand", person, rng(), source="mri")
    with pytest.raises(ValueError, match="at least 1"):
        parts.scene("hand", person, rng(), views=0)


@pytest.mark.parametrize("part", sorted(catalogue.PARTS))
def test_scene(part, person):
    scene = parts.scene(part, person, rng(3), views=2)
    assert isinstance(scene, Scene) and scene.part == part and scene.subject == "person-01"
    low, high = catalogue.PARTS[part].kvp
    assert low - 1 <= scene.kvp <= high + 1
    volume = scene.volume
    assert volume.material.dtype == np.uint8 and volume.density.dtype == np.float16
    assert volume.material.shape == volume.density.shape
    assert np.isfinite(volume.density).all() and volume.density.min() >= 0
    share = np.bincount(volume.material.ravel(), minlength=len(INDEX)) / volume.material.size
    assert share[INDEX["cortical"]] > 0.001 and share[INDEX["muscle"]] > 0.02
    for geometry in scene.geometries:
        assert abs(geometry.right @ geometry.down) < 1e-9
        normal = np.cross(geometry.right, geometry.down)
        beam = geometry.detector_mm - geometry.source_mm
        assert abs(abs(normal @ beam) - np.linalg.norm(beam)) < 1e-6
        assert 0.6 <= geometry.width_mm / geometry.height_mm <= 1.6
        assert _seen(volume, geometry) > 0.1


def cut_voxels(volume, geometry):
    """Voxels of the body on the volume's faces that a picture shows edge on: straight cuts."""
    count = 0
    way = geometry.detector_mm - geometry.source_mm
    normal = way / np.linalg.norm(way)
    for axis in range(3):
        for end in (0, -1):
            face = np.argwhere(np.take(volume.material, end, axis=axis) != 0)
            index = np.insert(face, axis, end % volume.material.shape[axis], axis=1)
            ray = volume.origin_mm + volume.spacing_mm * index - geometry.source_mm
            edge_on = np.abs(ray[:, axis]) < 0.35 * np.linalg.norm(ray, axis=1)
            hit = ray * ((way @ normal) / (ray @ normal))[:, None] - way
            inside = np.abs(hit @ geometry.right) < geometry.width_mm / 2 - 3
            inside &= np.abs(hit @ geometry.down) < geometry.height_mm / 2 - 3
            count += int((edge_on & inside).sum())
    return count


@pytest.mark.parametrize("fat", [0.5, 2.5])
@pytest.mark.parametrize("part", ["neck", "lumbar spine", "knee", "head", "femur", "neck of femur"])
def test_no_body_part_ends_in_a_straight_cut(part, fat):
    stout = dataclasses.replace(subjects.draw_subject("s", 11), fat=fat)
    scene = parts.scene(part, stout, rng(9), views=2)
    assert sum(cut_voxels(scene.volume, g) for g in scene.geometries) < 50


def test_no_belly_ends_in_a_straight_cut():
    stout = dataclasses.replace(
        subjects.draw_subject("s", 11), fat=2.6, belly_mm=95.0, apron_mm=80.0, gas=2.0
    )
    scene = parts.scene("abdomen", stout, rng(9), views=3)
    assert sum(cut_voxels(scene.volume, g) for g in scene.geometries) < 75
    assert (scene.volume.material != 0).sum(axis=1).max() * scene.volume.spacing_mm > 330


def _seen(volume, geometry):
    """Share of 49 rays through the middle half of the picture that meet the body."""
    grid = np.linspace(-0.25, 0.25, 7)
    ends = [
        geometry.detector_mm
        + a * geometry.width_mm * geometry.right
        + b * geometry.height_mm * geometry.down
        for a in grid
        for b in grid
    ]
    t = np.linspace(0, 1, 1500)[:, None]
    hits = 0
    for end in ends:
        points = geometry.source_mm + t * (end - geometry.source_mm)
        index = np.round((points - volume.origin_mm) / volume.spacing_mm).astype(int)
        inside = np.all((index >= 0) & (index < volume.material.shape), axis=1)
        hits += volume.material[tuple(index[inside].T)].any()
    return hits / len(ends)


def test_scene_is_deterministic(person):
    a, b = (parts.scene("finger", person, rng(4), views=1) for _ in range(2))
    np.testing.assert_array_equal(a.volume.material, b.volume.material)
    np.testing.assert_array_equal(a.volume.density, b.volume.density)
    np.testing.assert_array_equal(a.geometries[0].source_mm, b.geometries[0].source_mm)


def test_scan_turns_about_one_axis(person):
    scene = parts.scene("knee", person, rng(5), views=4, source="ct-projection")
    directions = np.array([g.detector_mm - g.source_mm for g in scene.geometries])
    np.testing.assert_allclose(directions[:, 2], 0, atol=1e-6)
    angles = np.degrees(np.arctan2(directions[:, 1], directions[:, 0]))
    turns = np.diff(np.unwrap(angles, period=360))
    assert (np.abs(turns) > 1).all() and (np.sign(turns) == np.sign(turns[0])).all()
    assert scene.flags <= {"metal"}


def test_metal_and_cast_are_flagged(person, monkeypatch):
    monkeypatch.setattr(extras, "METAL_SHARE", 1.0)
    monkeypatch.setattr(extras, "CAST_SHARE", 1.0)
    scene = parts.scene("wrist", person, rng(6))
    present = set(np.unique(scene.volume.material))
    metals = {INDEX[n] for n in ("titanium", "steel", "cobalt_chrome", "gold")}
    assert INDEX["plaster"] in present and "cast" in scene.flags
    assert present & metals and "metal" in scene.flags


def test_projection_says_whether_metal_shows(person, monkeypatch):
    monkeypatch.setattr(extras, "METAL_SHARE", 1.0)
    scene = parts.scene("wrist", person, rng(6))
    beam_ = physics.beam(60.0)
    prepared = projector.prepare(scene.volume)
    (seen,) = projector.project(prepared, scene.geometries[0], [beam_], 80)
    bare = scene.volume.material.copy()
    bare[np.isin(bare, [INDEX[n] for n in ("titanium", "steel", "cobalt_chrome", "gold")])] = 0
    bare[bare == INDEX["plaster"]] = 0
    volume = dataclasses.replace(scene.volume, material=bare)
    (plain,) = projector.project(projector.prepare(volume), scene.geometries[0], [beam_], 80)
    assert seen.metal and not plain.metal and not plain.cast


def test_ribs_are_closed_and_cartilage_is_no_bone(person):
    body = skeleton.pose(person)
    assert sum(n.startswith("costal") for n in body.bones) == 20
    for name in ("rib00", "rib17", "sternum"):
        bone = body.bones[name]
        edges = np.sort(
            np.concatenate([bone.faces[:, [0, 1]], bone.faces[:, [1, 2]], bone.faces[:, [2, 0]]]),
            axis=1,
        )
        assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    values = np.array([INDEX["cortical"], INDEX["marrow"]], np.uint8)
    name = next(n for n in body.bones if n.startswith("costal"))
    turned, _ = trunk.cartilage_of_ribs(body.bones[name], values, np.ones(2))
    kept, _ = trunk.cartilage_of_ribs(body.bones["rib00"], values, np.ones(2))
    bone = KINDS[INDEX["cortical"]]
    assert (KINDS[turned] != bone).all() and KINDS[kept][0] == bone


def test_old_bone_holds_less_mineral():
    old = [subjects.draw_subject("a", s) for s in range(400)]
    groups = [[s.mineral for s in old if (s.age > 70) == late] for late in (False, True)]
    assert np.mean(groups[1]) < np.mean(groups[0]) - 0.1
    assert cortex.spongy(1.0, 0.0) < cortex.spongy(1.0, 0.5) < 1.18


def test_skull_is_hollow(person):
    scene = parts.scene("head", person, rng(7))
    brain = (scene.volume.material == INDEX["brain"]).sum() * scene.volume.spacing_mm**3
    assert 0.7e6 < brain < 1.8e6


def test_varied_subjects_differ_only_in_what_is_varied():
    for seed in range(50):
        plain, varied = (subjects.draw_subject("a", seed, varied=v) for v in (False, True))
        names = ("squareness", "furrow_mm", "bust_mm", "sag_mm", "masses", "gas")
        usual = {n: getattr(plain, n) for n in names}
        assert usual == {n: getattr(subjects.Subject("a", 1), n) for n in names}
        assert dataclasses.replace(varied, **usual) == plain != varied


def thickness(volume, x, z):
    """Millimetres from the front to the back of a body, where it is cut at x and z (mm)."""
    i, k = (round(float(v - volume.origin_mm[a]) / volume.spacing_mm) for v, a in ((x, 0), (z, 2)))
    return np.ptp(np.flatnonzero(volume.material[i, :, k])) * volume.spacing_mm


def test_varied_chests_are_fuller_and_may_hold_masses():
    woman = dataclasses.replace(subjects.draw_subject("a", 3), female=1.0, fat=0.8)
    full = dataclasses.replace(woman, squareness=4.0, furrow_mm=16.0)
    heavy = dataclasses.replace(woman, bust_mm=60.0, sag_mm=60.0, masses=9)
    scenes = [parts.scene("thorax", s, rng(2), varied=True) for s in (woman, full, heavy)]
    assert all(75 <= s.kvp <= 150 for s in scenes)
    plain, fuller, heavier = (s.volume for s in scenes)
    lungs = np.argwhere(plain.material == INDEX["lung"]) * plain.spacing_mm + plain.origin_mm
    x, low = lungs[:, 0].mean() + 90, lungs[:, 2].min() - 20
    assert thickness(fuller, x, low) > thickness(plain, x, low) + 15
    middle = lungs[:, 0].mean()
    assert abs(thickness(fuller, middle, low) - thickness(plain, middle, low)) < 6
    lower = slice(0, int((low + 60 - plain.origin_mm[2]) / plain.spacing_mm))
    flesh = [int((v.material[:, :, lower] != 0).sum()) for v in (plain, heavier)]
    assert flesh[1] > 1.02 * flesh[0]
    assert (heavier.material == INDEX["lung"]).sum() < (plain.material == INDEX["lung"]).sum()


def depth(volume):
    """Millimetres of body along y, (x, z), every other voxel."""
    return (volume.material[::2, :, ::2] != 0).sum(axis=1) * volume.spacing_mm


def test_heavy_breasts_have_a_sharp_lower_edge_and_are_not_cut_off():
    woman = dataclasses.replace(subjects.draw_subject("a", 3), female=1.0, fat=0.8)
    heavy = dataclasses.replace(woman, bust_mm=60.0, sag_mm=30.0)
    plain, heavier = (parts.scene("thorax", s, rng(2)).volume for s in (woman, heavy))
    more = depth(heavier) - depth(plain)
    assert 25 < more.max() < 75
    # Down the middle of a breast its thickness ends within a centimetre and a half.
    column = more[np.unravel_index(more.argmax(), more.shape)[0]]
    rows = round(15 / (2 * plain.spacing_mm))
    assert (column[rows:] - column[:-rows]).max() > 0.5 * more.max()
    before, after = ((v.material[:, 0, :] != 0).sum() for v in (plain, heavier))
    assert after <= before


def test_sagging_breasts_end_below_the_diaphragm():
    woman = dataclasses.replace(subjects.draw_subject("a", 3), female=1.0, fat=0.8)
    low = dataclasses.replace(woman, bust_mm=75.0, sag_mm=100.0)
    plain, lower = (parts.scene("thorax", s, rng(2)).volume for s in (woman, low))
    breasts = np.argwhere(depth(lower) - depth(plain) > 20)
    lungs = np.argwhere(plain.material == INDEX["lung"])
    # Depths are of every other voxel.
    assert 2 * breasts[:, 1].min() * plain.spacing_mm < lungs[:, 2].min() * plain.spacing_mm - 20


def test_what_a_bucky_takes_is_mostly_upright_when_varied():
    turns = np.array([views.upright_angle(rng(s)) for s in range(400)])
    usual = np.array([views.in_plane_angle(rng(s)) for s in range(400)])
    near = [np.mean(np.abs((t + 180) % 360 - 180) < 15) for t in (turns, usual)]
    assert near[0] > 0.75 and near[1] < 0.5
