"""How bones are built and covered, and what phantoms stand on: closed forms and simple shapes."""

import dataclasses

import numpy as np
import pytest

from simulation import bones, cortex, cover, extras, parts, skeleton, subjects, variation
from simulation.grid import Grid
from simulation.materials import DENSITIES, INDEX, KINDS
from simulation.skeleton import Bone
from simulation.tests.phantoms import rng


def rod(name, radius, spacing=0.8, length=240.0):
    """A round bone along z in voxels, with its grid."""
    half = radius + 3
    shape = (int(2 * half / spacing), int(2 * half / spacing), int(length / spacing))
    grid = Grid(np.array([-half, -half, 0.0]), spacing, shape)
    x, y, _ = grid.axes()
    inside = np.broadcast_to(np.hypot(x, y) < radius, shape).copy()
    turn, z = np.meshgrid(np.linspace(0, 6, 12), np.linspace(0, length, 40))
    vertices = np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=-1).reshape(-1, 3)
    bone = Bone(name, "b", vertices, np.zeros((0, 3), int))
    window = tuple(slice(0, n) for n in shape)
    return bones.Filled(bone, window, inside), grid


@pytest.mark.parametrize(("radius", "wall"), [(6.0, 0.42 * 6.0), (14.0, 4.6)])
def test_shaft_keeps_a_canal(radius, wall):
    filled, grid = rod("tibia_r", radius)
    values, factors = cortex.structure(
        filled, grid, subjects.Subject("s", 1), cortex.Texture(grid.spacing, rng())
    )
    middle = grid.shape[2] // 2
    layers = slice(middle - 25, middle + 25)
    grams = (DENSITIES[values] * factors)[:, :, layers]
    hard = (grams > 1.5) & filled.inside[:, :, layers]
    share = hard.sum() / filled.inside[:, :, layers].sum()
    assert share == pytest.approx(1 - (1 - wall / radius) ** 2, abs=0.12)
    assert (values[grid.shape[0] // 2, grid.shape[1] // 2, layers] == INDEX["marrow"]).all()


def test_slim_shafts_are_rounded_and_ends_stay():
    turn, z = np.meshgrid(np.linspace(0, 2 * np.pi, 24, endpoint=False), np.linspace(0, 380, 120))
    points = np.stack([7 * np.cos(turn), 13 * np.sin(turn), z], axis=-1).reshape(-1, 3)
    bone = Bone("tibia_r", "b", points, np.zeros((0, 3), int))
    wide = variation.rounded(bone).vertices
    shaft, end = np.abs(points[:, 2] - 190) < 40, points[:, 2] < 20
    assert np.ptp(wide[shaft, 0]) == pytest.approx(2 * (7**4 + 9.3**4) ** 0.25, rel=0.05)
    assert np.ptp(wide[shaft, 1]) == pytest.approx(2 * (13**4 + 9.3**4) ** 0.25, rel=0.05)
    np.testing.assert_allclose(wide[end], points[end], atol=0.01)
    other = dataclasses.replace(bone, name="radius_r")
    assert variation.rounded(other) is other


def test_no_bone_lies_bare():
    grid = Grid(np.zeros(3), 0.8, (30, 30, 30))
    material = np.zeros(grid.shape, np.uint8)
    density = np.zeros(grid.shape, np.float16)
    material[10:20, 10:20, :] = INDEX["cortical"]
    material[12:18, 20:30, :] = INDEX["muscle"]
    before = material.copy()
    cover.add(material, density, grid, 2.6)
    assert (material[7:10, 12:18, 5:25] == INDEX["skin"]).all()
    assert (material[:6] == 0).all() and (material[before != 0] == before[before != 0]).all()
    assert (density[(before == 0) & (material != 0)] == 1).all()


@pytest.mark.parametrize("fat", [0.5, 2.0])
def test_limbs_have_skin_over_every_bone(fat):
    lean = dataclasses.replace(subjects.draw_subject("s", 3), fat=fat)
    volume = parts.scene("forearm", lean, rng(4)).volume
    bony = KINDS[volume.material] == 2
    air = volume.material == 0
    touching = np.zeros_like(air)
    for axis in range(3):
        for way in (-1, 1):
            touching |= np.roll(air, way, axis)
    inner = tuple(slice(2, -2) for _ in range(3))
    metal = DENSITIES[volume.material] > 3
    assert not (bony & ~metal & touching)[inner].any()


def test_phantom_head_ends_in_a_flat_base():
    grid = Grid(np.array([-100.0, -100.0, 0.0]), 2.0, (100, 100, 130))
    x, y, z = grid.axes()
    away = np.hypot(x, y) + 0 * z
    head = (away < 70) & (z > 140)
    neck = (away < 50) & (z > 60)
    shoulders = (np.abs(x) < 98) & (np.abs(y) < 60) & (z < 70)
    material = np.where(head | neck | shoulders, INDEX["muscle"], 0).astype(np.uint8)
    density = np.ones(grid.shape, np.float16)
    spine = np.stack([np.zeros(50), np.zeros(50), np.linspace(60, 150, 50)], axis=1)
    body = skeleton.Body(
        {"cervical3": Bone("cervical3", "b", spine, np.zeros((0, 3), int))}, {}, {}
    )
    for seed in range(4):
        cut = material.copy()
        extras._stand(cut, density.copy(), grid, body, rng(seed))
        areas = (cut != 0).sum(axis=(0, 1))
        assert areas[0] == 0 and (cut[:, :, 80:] == material[:, :, 80:]).all()
        # Nothing wider than a plate below the head: no shoulders.
        assert areas[:60].max() * 4.0 < np.pi * 97**2
