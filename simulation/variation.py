"""A subject's own shape: smooth free-form deformation, thickness, rough surfaces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulation import meshes
from simulation.skeleton import Body
from simulation.subjects import Subject


def displacement(points: np.ndarray, rng: np.random.Generator, amplitude: float, wavelength: float):
    """Smooth random displacement: a sum of plane waves.

    Args:
        points: ``(N, 3)`` in mm.
        rng: draws the waves; equal states give one field over all of space.
        amplitude: root mean square of each component in mm.
        wavelength: typical wavelength in mm.

    Returns:
        ``(N, 3)`` in mm.
    """
    waves = 20
    direction = rng.standard_normal((waves, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    vectors = direction * (2 * np.pi / (wavelength * rng.uniform(0.6, 1.8, (waves, 1))))
    phase = rng.uniform(0, 2 * np.pi, waves)
    coefficient = rng.standard_normal((waves, 3)) * np.sqrt(2 / waves) * amplitude
    return np.sin(points @ vectors.T + phase) @ coefficient


def vary(body: Body, subject: Subject, names=None) -> Body:
    """Apply the subject's free-form deformation, thickening and surface roughness.

    Args:
        body: posed skeleton.
        subject: draws the fields; the same for every picture.
        names: bones to keep; all if None.
    """

    def warp(points):
        rng = subject.generator(1)
        large = displacement(points, rng, subject.warp_mm, 260.0)
        middle = displacement(points, rng, 0.16 * subject.warp_mm, 70.0)
        return points + large + middle

    def rough(bone):
        v = warp(bone.vertices)
        normal = meshes.vertex_normals(v, bone.faces)
        bump = displacement(v, subject.generator(2), 0.22 + 0.3 * subject.wear, 14.0)[:, :1]
        growth = np.clip(subject.bone_growth_mm, -0.06 * np.ptp(v, axis=0).min(), 10.0)
        return replace(bone, vertices=v + normal * (bump + growth))

    return Body(
        {n: rough(b) for n, b in body.bones.items() if names is None or n in names},
        {n: replace(m, path=warp(m.path)) for n, m in body.muscles.items()},
        {n: (warp(p[None])[0], r) for n, (p, r) in body.frames.items()},
    )
