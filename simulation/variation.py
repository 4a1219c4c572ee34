"""A subject's own shape: smooth free-form deformation, thickness, rough surfaces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulation import meshes
from simulation.skeleton import Body, Bone
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


# Half-width in mm that a shaft keeps across its narrow side; the model's tibia has 17 mm there
# where adults have some 22, its femur 22 where they have some 27.
_LEAST_MM = (("tibia", 9.3), ("femur", 10.5))


def rounded(bone: Bone, factor: float = 1.0) -> Bone:
    """Widen the shafts of tibia and femur where the model's mesh is slimmer than the bone.

    Radii r about the shaft's axis become (r^4 + m^4)^(1/4), m the least half-width: narrow sides
    move out by millimetres, wide ones by tenths, and the ends stay.

    Args:
        bone: any bone; others return unchanged.
        factor: on the least half-width.
    """
    least = factor * next((mm for stem, mm in _LEAST_MM if bone.name.startswith(stem)), 0.0)
    if not least:
        return bone
    v = bone.vertices
    centre = v.mean(axis=0)
    axes = np.linalg.svd(v - centre, full_matrices=False)[2]
    local = (v - centre) @ axes.T
    u = (local[:, 0] - local[:, 0].min()) / np.ptp(local[:, 0])
    knots = np.linspace(0.08, 0.92, 22)
    middle = []
    for knot in knots:
        near = local[np.argsort(np.abs(u - knot))[:40], 1:]
        middle.append((near.min(axis=0) + near.max(axis=0)) / 2)
    middle = np.array(middle)
    away = local[:, 1:] - np.stack([np.interp(u, knots, middle[:, i]) for i in (0, 1)], axis=1)
    radius = np.maximum(np.linalg.norm(away, axis=1), 1.0)
    share = np.clip((np.minimum(u, 1 - u) - 0.08) / 0.16, 0, 1)
    wider = (radius**4 + (share * least) ** 4) ** 0.25
    local[:, 1:] += away * (wider / radius - 1)[:, None]
    return replace(bone, vertices=centre + local @ axes)


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
        v = warp(rounded(bone, subject.height).vertices)
        normal = meshes.vertex_normals(v, bone.faces)
        bump = displacement(v, subject.generator(2), 0.22 + 0.3 * subject.wear, 14.0)[:, :1]
        growth = np.clip(subject.bone_growth_mm, -0.06 * np.ptp(v, axis=0).min(), 10.0)
        return replace(bone, vertices=v + normal * (bump + growth))

    return Body(
        {n: rough(b) for n, b in body.bones.items() if names is None or n in names},
        {n: replace(m, path=warp(m.path)) for n, m in body.muscles.items()},
        {n: (warp(p[None])[0], r) for n, (p, r) in body.frames.items()},
    )
