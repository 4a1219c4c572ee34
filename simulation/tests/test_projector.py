"""Rays against closed forms."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from simulation.materials import BONE, INDEX, KINDS, MATERIALS, TISSUE
from simulation.physics import beam, mass_attenuation, transmission
from simulation.projector import BONE_MM, TISSUE_MM, pixel_grid, prepare, project
from simulation.scene import Volume
from simulation.tests import phantoms

BEAM = beam(60.0)


def look(volume, geometry, size=120):
    (projection,) = project(prepare(volume), geometry, [BEAM], size)
    return projection


def test_beams_share_their_rays_and_nothing_else():
    volume, geometry = prepare(phantoms.sphere(20.0, "cortical")), phantoms.view(60)
    beams = [BEAM, beam(100.0, copper_mm=0.2), beam(30.0)]
    together = project(volume, geometry, beams, 60)
    for own, one in zip(together, beams, strict=True):
        (alone,) = project(volume, geometry, [one], 60)
        for field in fields(alone):
            np.testing.assert_array_equal(getattr(own, field.name), getattr(alone, field.name))
    assert together[0].signal[30, 30] < together[1].signal[30, 30]


def test_sphere_path_and_area():
    radius, density = 20.0, MATERIALS[INDEX["muscle"]].density
    seen = look(phantoms.sphere(radius, "muscle"), phantoms.view(60))
    assert seen.areal[60, 60] == pytest.approx(2 * radius * 0.1 * density, rel=0.01)
    volume = seen.areal.sum() * seen.pixel_mm**2 * 0.01 / density * 1000
    assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.01)
    area = (seen.label == TISSUE).sum() * seen.pixel_mm**2
    assert area == pytest.approx(np.pi * radius**2, rel=0.015)
    assert not (seen.label == BONE).any()


def test_cylinder_profile():
    seen = look(phantoms.limb(), phantoms.view(60))
    row = seen.areal[60]
    x = (np.arange(120) + 0.5) * seen.pixel_mm - 30
    chord = {r: 2 * np.sqrt(np.maximum(r**2 - x**2, 0)) * 0.1 for r in (22, 20.5, 17, 8, 5)}
    rho = {m.name: m.density for m in MATERIALS}
    expected = (
        (chord[22] - chord[20.5]) * rho["skin"]
        + (chord[20.5] - chord[17]) * rho["fat"]
        + (chord[17] - chord[8]) * rho["muscle"]
        + (chord[8] - chord[5]) * rho["cortical"]
        + chord[5] * rho["marrow"]
    )
    # Voxels round the thin shells; away from tangents one voxel is 0.1 g/cm2 at the most.
    assert np.abs(row - expected).mean() < 0.03
    assert (seen.label[60] == BONE).sum() * seen.pixel_mm == pytest.approx(16, abs=0.8)
    assert (seen.label[60] != 0).sum() * seen.pixel_mm == pytest.approx(44, abs=1.0)


def test_slab_obeys_beer_lambert():
    def paint(x, y, z, material):
        material[np.abs(y) < 10] = INDEX["muscle"]
        material[np.abs(y) < 2.5] = INDEX["cortical"]

    seen = look(phantoms.volume((60, 60, 60), paint), phantoms.view(10), 16)
    rho = {m.name: m.density for m in MATERIALS}
    expected = transmission(
        BEAM, {INDEX["muscle"]: 1.5 * rho["muscle"], INDEX["cortical"]: 0.5 * rho["cortical"]}
    )
    assert seen.signal == pytest.approx(np.full((16, 16), expected), rel=2e-3)
    # The same by hand from xraydb, bin by bin.
    mu = {n: mass_attenuation(MATERIALS[INDEX[n]].composition, BEAM.energies_kev) for n in rho}
    by_hand = np.exp(-mu["muscle"] * 1.5 * rho["muscle"] - mu["cortical"] * 0.5 * rho["cortical"])
    assert expected == pytest.approx(float((BEAM.signal * by_hand).sum()), rel=1e-9)


def test_magnification():
    source_to_object, gap = 500.0, 250.0
    seen = look(phantoms.sphere(10.0, "cortical"), phantoms.view(60, source_to_object, gap))
    # The cone that touches a sphere: radius on the detector = (D + gap) tan(asin(r / D)).
    radius = (source_to_object + gap) * np.tan(np.arcsin(10.0 / source_to_object))
    area = (seen.label == BONE).sum() * seen.pixel_mm**2
    assert area == pytest.approx(np.pi * radius**2, rel=0.02)


@pytest.mark.parametrize(
    "name, path, label",
    [
        ("cortical", BONE_MM * 1.2, 2),
        ("cortical", BONE_MM * 0.8, 1),
        ("marrow", 5.0, 2),
        ("muscle", TISSUE_MM * 1.2, 1),
        ("muscle", TISSUE_MM * 0.7, 0),
        ("titanium", 1.0, 2),
        ("foam", 10.0, 0),
        ("gas", 10.0, 0),
        ("plaster", 5.0, 1),
        ("textile", 5.0, 0),
    ],
)
def test_label_rule(name, path, label):
    spacing = 0.05 if path < 2 else 0.5

    def paint(x, y, z, material):
        material[np.abs(y) < path / 2] = INDEX[name]

    block = phantoms.volume((20, round(path / spacing) + 20, 20), paint, spacing)
    seen = look(block, phantoms.view(20 * spacing * 0.5), 8)
    assert (seen.label == label).all()


def test_ray_direction_does_not_matter():
    ball = phantoms.sphere(15.0, "cortical")
    front = look(ball, phantoms.view(50))
    right, down = np.array([1, -1, 0]) / 2**0.5, np.array([1, 1, -2.4]) / 7.76**0.5
    towards = np.array([6.0, 6.0, 5.0])
    side = phantoms.Geometry(1e5 * towards, -10 * towards, right, down, 50, 50, "oblique")
    oblique = look(ball, side)
    assert oblique.areal.max() == pytest.approx(front.areal.max(), rel=0.01)
    assert (oblique.label == 2).sum() == pytest.approx((front.label == 2).sum(), rel=0.01)


def test_row_zero_is_up_and_column_zero_is_left():
    def paint(x, y, z, material):
        material[(x > 5) & (z > 5)] = INDEX["muscle"]

    seen = look(phantoms.volume((60, 20, 60), paint), phantoms.view(28), 28)
    assert seen.label[2, -3] == TISSUE and not seen.label[:, :12].any()
    assert not seen.label[-12:].any()


def test_pixel_grid_keeps_pixels_square():
    assert pixel_grid(phantoms.view(200, height=250), 250) == (250, 200, 1.0)


def test_bad_volumes_are_refused():
    good = phantoms.sphere(5.0, "fat", (30, 30, 30))
    with pytest.raises(ValueError, match="names no material"):
        prepare(Volume(good.material + np.uint8(200), good.density, 0.5, good.origin_mm))
    with pytest.raises(ValueError, match="equal"):
        prepare(Volume(good.material[:10], good.density, 0.5, good.origin_mm))


def test_kinds_are_class_ids():
    from xnet_tf import classes

    assert (classes.OPEN_BEAM, classes.SOFT_TISSUE, classes.BONE) == (0, TISSUE, BONE)
    assert len(KINDS) == len(MATERIALS) and MATERIALS[0].name == "air"
