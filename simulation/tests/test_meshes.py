"""Meshes and grids against shapes whose answers are known."""

import numpy as np
import pytest
import trimesh

from simulation import grid as grids
from simulation import meshes


def ball(radius=10.0, rounds=3):
    mesh = trimesh.creation.icosphere(subdivisions=rounds, radius=radius)
    return np.array(mesh.vertices), np.array(mesh.faces)


def test_fill_has_the_volume_of_a_ball():
    vertices, faces = ball()
    g = grids.Grid.around([-12] * 3, [12] * 3, 0.5)
    inside = meshes.fill(vertices, faces, g.origin, g.spacing, g.shape)
    assert inside.sum() * 0.5**3 == pytest.approx(4 / 3 * np.pi * 1000, rel=0.03)


def test_fill_survives_a_missing_face():
    vertices, faces = ball()
    g = grids.Grid.around([-12] * 3, [12] * 3, 0.5)
    whole = meshes.fill(vertices, faces, g.origin, g.spacing, g.shape)
    torn = meshes.fill(vertices, np.delete(faces, 17, axis=0), g.origin, g.spacing, g.shape)
    assert np.mean(whole != torn) < 0.002


def test_fill_of_a_mesh_that_the_grid_cuts():
    vertices, faces = ball()
    g = grids.Grid.around([0, -12, -12], [12, 12, 12], 0.5)
    inside = meshes.fill(vertices, faces, g.origin, g.spacing, g.shape)
    assert inside[0, 24, 24] and not inside[-1, 24, 24]
    assert inside.sum() * 0.5**3 == pytest.approx(2 / 3 * np.pi * 1000, rel=0.06)


def test_subdivision_keeps_vertices_and_rounds_an_icosahedron():
    vertices, faces = ball(rounds=0)
    fine, more = meshes.subdivide(vertices, faces)
    assert len(more) == 4 * len(faces)
    np.testing.assert_array_equal(fine[: len(vertices)], vertices)
    # The flat midpoint of an icosahedron's edge lies at 0.85 of the radius.
    assert np.linalg.norm(fine[len(vertices) :], axis=1).min() > 9.3


def test_split_and_merge():
    vertices, faces = ball(rounds=1)
    double = np.concatenate([vertices, vertices + 50])
    pieces = meshes.split(double, np.concatenate([faces, faces + len(vertices)]))
    assert [len(f) for _, f in pieces] == [len(faces)] * 2
    soup = vertices[faces].reshape(-1, 3)
    merged, kept = meshes.merge_vertices(soup, np.arange(len(soup)).reshape(-1, 3))
    assert len(merged) == len(vertices) and len(kept) == len(faces)


def test_distance_equals_brute_force():
    mask = np.zeros((7, 9, 11), bool)
    mask[1, 2, 3] = mask[6, 8, 10] = True
    points = np.argwhere(mask)
    index = np.argwhere(np.ones(mask.shape, bool))
    wanted = np.min(np.linalg.norm(index[:, None] - points[None], axis=2), axis=1).reshape(
        mask.shape
    )
    np.testing.assert_allclose(grids.distance_outside(mask, 1.5), 1.5 * wanted, rtol=1e-5)
    assert grids.distance_outside(np.zeros((3, 3, 3), bool), 1.0).min() == 1e3


def test_refine_is_exact_on_a_plane():
    fine = grids.Grid.around([0, 0, 0], [20, 16, 12], 1.0)
    coarse = fine.coarse(2)
    x, y, z = coarse.axes()
    plane = (x + 2 * y - z).astype(np.float32)
    x, y, z = fine.axes()
    np.testing.assert_allclose(grids.refine(plane, coarse, fine), x + 2 * y - z, atol=1e-2)


def test_stamped_tube_has_the_volume_of_a_cylinder():
    g = grids.Grid.around([-8, -8, -2], [8, 8, 42], 0.5)
    field = np.full(g.shape, 20.0, np.float32)
    points, radii = grids.tube(np.array([[0, 0, 0], [0, 0, 40.0]]), 5.0, 0.5)
    grids.stamp(field, g, points, radii, 2.0)
    middle = (field < 0)[:, :, 24:64].sum() * 0.125
    assert middle == pytest.approx(np.pi * 25 * 20, rel=0.03)
