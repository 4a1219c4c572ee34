"""Analytic phantoms: volumes whose projections have closed forms; and random numbers."""

from __future__ import annotations

import numpy as np

from simulation.materials import INDEX
from simulation.scene import Geometry, Scene, Volume

SPACING = 0.5


def rng(seed: int = 0) -> np.random.Generator:
    """Return the kind of generator that all draws of the simulation come from."""
    return np.random.Generator(np.random.Philox(seed))


def volume(shape: tuple[int, int, int], rule, spacing: float = SPACING) -> Volume:
    """Build a volume centred on the world's origin; ``rule(x, y, z, material)`` paints it."""
    axes = [(np.arange(n) - (n - 1) / 2) * spacing for n in shape]
    material = np.zeros(shape, np.uint8)
    rule(*np.meshgrid(*axes, indexing="ij"), material)
    origin = np.array([axis[0] for axis in axes])
    return Volume(material, np.ones(shape, np.float16), spacing, origin)


def sphere(radius: float, name: str, shape=(120, 120, 120)) -> Volume:
    """A ball of one material in air; millimetres."""

    def paint(x, y, z, material):
        material[x**2 + y**2 + z**2 < radius**2] = INDEX[name]

    return volume(shape, paint)


def limb(shape=(100, 100, 160)) -> Volume:
    """A cylinder of flesh along z with a cortical tube and marrow within."""

    def paint(x, y, z, material):
        r = np.hypot(x, y)
        for radius, name in (
            (22, "skin"),
            (20.5, "fat"),
            (17, "muscle"),
            (8, "cortical"),
            (5, "marrow"),
        ):
            material[r < radius] = INDEX[name]

    return volume(shape, paint)


def view(
    width: float, distance: float = 1e6, gap: float = 100.0, height: float | None = None
) -> Geometry:
    """Look along +y from ``distance`` in front of the origin to a detector ``gap`` behind it."""
    return Geometry(
        np.array([0.0, -distance, 0.0]),
        np.array([0.0, gap, 0.0]),
        np.array([1.0, 0.0, 0.0]),
        np.array([0.0, 0.0, -1.0]),
        width,
        height or width,
        "ap",
    )


def limb_scene(views: int = 1) -> Scene:
    """A scene of :func:`limb` for tests of the renderer."""
    return Scene(limb(), (view(60, 900, 40),) * views, "forearm", "test", 55.0)
