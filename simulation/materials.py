"""Materials that a voxel can be made of, and how the label rule counts them.

Element fractions by mass of the tissues are those of ICRU Report 44 (1989), as NIST tabulates them
(https://physics.nist.gov/PhysRefData/XrayMassCoef/tab2.html); spongiosa and yellow marrow are from
the same report's table of the adult skeleton. Implant alloys follow ASTM F136 (Ti-6Al-4V), F138
(316L) and F75 (cobalt-chrome); plaster is set gypsum, textile is cellulose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BEAM, TISSUE, BONE = 0, 1, 2
"""Kinds of the label rule; equal to the class ids of ``xnet_tf.classes``."""


@dataclass(frozen=True)
class Material:
    """One material.

    Attributes:
        name: how anatomy refers to it.
        composition: mass fraction by element symbol; normalised on use.
        density: nominal mass density in g/cm3.
        kind: "beam", "tissue" or "bone": what a ray through it counts towards.
    """

    name: str
    composition: dict[str, float]
    density: float
    kind: str


def _m(name: str, density: float, kind: str, **composition: float) -> Material:
    return Material(name, composition, density, kind)


def _soft(name: str, density: float, shares: str, **more: float) -> Material:
    """Soft tissue: mass fractions of :data:`_ORGANIC` in one line, then the rest."""
    values = dict(zip(_ORGANIC, map(float, shares.split()), strict=True))
    return Material(name, {e: v for e, v in values.items() if v} | more, density, "tissue")


_ORGANIC = ("H", "C", "N", "O", "Na", "P", "S", "Cl", "K")

MATERIALS: tuple[Material, ...] = (
    _m("air", 0.001205, "beam", C=0.000124, N=0.755268, O=0.231781, Ar=0.012827),
    # Inflated: ICRU-44 lung tissue at the density of a breathing lung.
    _soft("lung", 0.26, "0.103 0.105 0.031 0.749 0.002 0.002 0.003 0.003 0.002"),
    _m("fat", 0.95, "tissue", H=0.114, C=0.598, N=0.007, O=0.278, Na=0.001, S=0.001, Cl=0.001),
    _soft("muscle", 1.05, "0.102 0.143 0.034 0.710 0.001 0.002 0.003 0.001 0.004"),
    _soft("brain", 1.04, "0.107 0.145 0.022 0.712 0.002 0.004 0.002 0.003 0.003"),
    _soft("skin", 1.09, "0.100 0.204 0.042 0.645 0.002 0.001 0.002 0.003 0.001"),
    _soft("blood", 1.06, "0.102 0.110 0.033 0.745 0.001 0.001 0.002 0.003 0.002", Fe=0.001),
    # Yellow marrow. It fills the canal, so it counts as bone: nobody draws a canal in a mask.
    _m("marrow", 0.98, "bone", H=0.115, C=0.644, N=0.007, O=0.231, Na=0.001, S=0.001, Cl=0.001),
    _m(
        "spongiosa",
        1.18,
        "bone",
        H=0.085,
        C=0.404,
        N=0.028,
        O=0.367,
        Na=0.001,
        Mg=0.001,
        P=0.034,
        S=0.002,
        Cl=0.002,
        K=0.001,
        Ca=0.074,
        Fe=0.001,
    ),
    _m(
        "cortical",
        1.92,
        "bone",
        H=0.034,
        C=0.155,
        N=0.042,
        O=0.435,
        Na=0.001,
        Mg=0.002,
        P=0.103,
        S=0.003,
        Ca=0.225,
    ),
    _m(
        "cartilage",
        1.10,
        "tissue",
        H=0.096,
        C=0.099,
        N=0.022,
        O=0.744,
        Na=0.005,
        P=0.022,
        S=0.009,
        Cl=0.003,
    ),
    # Gas inside the body: no path of its own; the flesh around it decides the label.
    _m("gas", 0.001205, "beam", C=0.000124, N=0.755268, O=0.231781, Ar=0.012827),
    _m("titanium", 4.43, "bone", Ti=0.90, Al=0.06, V=0.04),
    _m("steel", 7.99, "bone", Fe=0.655, Cr=0.17, Ni=0.12, Mo=0.025, Mn=0.02, Si=0.01),
    _m("cobalt_chrome", 8.29, "bone", Co=0.645, Cr=0.285, Mo=0.06, Si=0.005, Mn=0.005),
    _m("gold", 15.4, "bone", Au=0.75, Ag=0.125, Cu=0.125),
    _m("lead", 11.35, "bone", Pb=1.0),
    _m("plaster", 1.10, "tissue", H=0.0234, O=0.5576, S=0.1862, Ca=0.2328),
    _m("foam", 0.03, "beam", C=0.60, H=0.08, N=0.06, O=0.26),
    _m("textile", 0.25, "beam", H=0.0622, C=0.4444, O=0.4934),
)
"""Materials; the position is the voxel's value. Index 0 is air and is skipped by the projector."""

NAMES: tuple[str, ...] = tuple(material.name for material in MATERIALS)
"""Names by voxel value."""

INDEX: dict[str, int] = {name: index for index, name in enumerate(NAMES)}
"""Voxel value by name, e.g. ``INDEX["cortical"]``."""

KINDS: np.ndarray = np.array(
    [{"beam": BEAM, "tissue": TISSUE, "bone": BONE}[m.kind] for m in MATERIALS], dtype=np.uint8
)
"""uint8 ``(len(MATERIALS),)``: what a path through each material counts towards."""

DENSITIES: np.ndarray = np.array([m.density for m in MATERIALS])
"""float64 ``(len(MATERIALS),)``: nominal densities in g/cm3."""
