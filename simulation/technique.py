"""How a picture is taken: exposure, filtration, and everything else that is not anatomy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simulation.cushions import KINDS
from simulation.processing import Look, draw_look

TRUNK = frozenset(
    {"thorax", "lumbar spine", "pelvis", "neck of femur", "shoulder", "head", "neck", "clavicle"}
    | {"abdomen"}
)
"""Parts taken with a grid and copper filtration when they are standard radiographs."""

_BELLY = frozenset({"abdomen", "lumbar spine", "pelvis", "neck of femur"})
"""Parts that nobody takes without an exposure control where ranges are wide."""


@dataclass(frozen=True)
class Technique:
    """How a picture is taken; everything that is not anatomy or geometry.

    Attributes:
        kvp: tube voltage in kV.
        aluminium_mm: filtration.
        copper_mm: filtration.
        full_ugy: air kerma at the detector that fills its range, in uGy; with ``level`` it sets
            the dose and so the noise.
        level: the open beam's mean in parts of full scale; above 1 it saturates.
        aec: 0, or what an exposure control makes of the body's median in parts of full scale; the
            open beam then saturates.
        scatter: scatter-to-primary ratio per g/cm2 (air gap and grid included).
        blur_mm: focal spot, motion and detector, standard deviation at the detector.
        heel: fall-off towards the anode over the field.
        gain: strength of the uncorrected gain pattern.
        glare: share of the light that spreads.
        offset: dark signal in parts of full scale.
        collimated: blades are in the picture.
        foam: positioning foam or a pillow is in the picture.
        cloth: clothing or a sheet is in the picture.
        marker: a lead letter is in the picture.
        ceiling: the open beam's mean at most, in parts of full scale, whatever ``aec`` asks for.
        cushions: names in :data:`simulation.cushions.KINDS` of what the body touches.
        rail: a table's metal rail is in the picture.
        look: how a hospital processes the picture; None for a raw one.
    """

    kvp: float
    aluminium_mm: float = 2.7
    copper_mm: float = 0.0
    full_ugy: float = 10.0
    level: float = 0.9
    aec: float = 0.0
    scatter: float = 0.1
    blur_mm: float = 0.3
    heel: float = 0.1
    gain: float = 0.5
    glare: float = 0.01
    offset: float = 0.0
    collimated: bool = False
    foam: bool = False
    cloth: bool = False
    marker: bool = False
    ceiling: float = 60.0
    cushions: tuple[str, ...] = ()
    rail: bool = False
    look: Look | None = None


def draw_technique(
    part: str,
    source: str,
    kvp: float,
    rng: np.random.Generator,
    varied: bool = False,
    theme: str = "",
) -> Technique:
    """Draw how a picture of ``part`` is taken.

    Args:
        part: body part.
        source: ``"radiograph"`` or ``"ct-projection"`` (no grid, a wide gap, no blades).
        kvp: tube voltage from the scene.
        rng: generator of this picture, or of the scan for projections of one scan.
        varied: exposure control for most trunks, as in hospitals, and not for two in five; more of
            what patients lie on; two of five pictures as hospitals show them.
        theme: as of :class:`simulation.composition.Sitting`.
    """
    trunk, scan = part in TRUNK, source == "ct-projection"
    grid = trunk and not scan and rng.random() < 0.8
    strength = 0.14 * (rng.uniform(0.12, 0.25) if grid else rng.uniform(0.6, 1.0))
    # Limbs rest on the detector; a scanner's wide gap lets most of the scatter miss it.
    strength *= rng.uniform(0.25, 0.5) if scan else 1.0
    full = (1.5, 20) if scan else (8, 60) if trunk else (3, 40)
    over = rng.random() < 0.15
    drawn = Technique(
        kvp=float(round(kvp)),
        aluminium_mm=float(rng.choice([4.0, 6.0]) if scan else rng.choice([2.5, 2.7, 3.2])),
        copper_mm=float(rng.choice([0.0, 0.1, 0.2])) if trunk and not scan else 0.0,
        full_ugy=float(np.exp(rng.uniform(*np.log(full)))),
        level=float(rng.uniform(1.0, 1.35) if over else rng.uniform(0.75, 1.0)),
        aec=float(np.exp(rng.uniform(*np.log([0.03, 0.3]))))
        if trunk and not scan and rng.random() < (0.75 if varied else 0.4)
        else 0.0,
        scatter=float(strength),
        blur_mm=float(rng.uniform(0.2, 0.7)),
        heel=float(rng.uniform(0.02, 0.25)),
        gain=float(np.exp(rng.uniform(np.log(0.15), np.log(1.5)))),
        glare=float(rng.uniform(0.003, 0.02)),
        offset=float(rng.choice([0.0, 0.0, 0.004, 0.01])),
        collimated=bool(not scan and rng.random() < 0.4),
        foam=bool(rng.random() < (0.5 if scan else 0.25)),
        cloth=bool(not scan and rng.random() < (0.3 if trunk else 0.1)),
        marker=bool(not scan and rng.random() < 0.3),
    )
    if theme == "trunk" or (varied and part in _BELLY):
        drawn = _for_the_body(drawn, rng)
    if theme == "cushions" or (varied and rng.random() < 0.25):
        drawn = _on_cushions(drawn, rng, plainly=theme == "cushions")
    if varied and not scan and rng.random() < 0.4:
        drawn = replace(drawn, look=draw_look(rng))
    return drawn


def _for_the_body(drawn: Technique, rng: np.random.Generator) -> Technique:
    """A thick trunk's exposure: the control ends it at a dose behind the body, grid or not.

    Bedside pictures have no grid, so that scatter exceeds the primary several times.
    """
    aec = float(np.exp(rng.uniform(*np.log([0.03, 0.3]))))
    dose = float(np.exp(rng.uniform(*np.log([0.8, 8.0]))))  # uGy behind the body
    strength = 0.14 * (rng.uniform(0.1, 0.25) if rng.random() < 0.65 else rng.uniform(0.45, 0.9))
    return replace(drawn, aec=aec, full_ugy=dose / aec, scatter=float(strength), ceiling=5000.0)


def _on_cushions(drawn: Technique, rng: np.random.Generator, plainly: bool) -> Technique:
    """One to three things that the body touches; ``plainly`` in an exposure that shows them."""
    names = tuple(str(n) for n in rng.choice(list(KINDS), int(rng.integers(1, 4)), replace=False))
    rail = bool("table" in names and rng.random() < 0.25)
    aec = 0.0 if plainly else drawn.aec
    return replace(drawn, aec=aec, foam=False, cushions=names, rail=rail)


SHIFTS = ("kvp-low", "kvp-high", "noise", "gain")
"""Unusual techniques, for robustness tables: see :func:`shifted`."""


def shifted(technique: Technique, name: str) -> Technique:
    """Alter ``technique``, mostly to beyond what :func:`draw_technique` draws.

    Voltages of chests and scans, where ranges are wide, may stay within it.

    Args:
        technique: as drawn.
        name: one of :data:`SHIFTS`: tube voltage a fifth lower or a third higher, a tenth of the
            dose, or a raw panel (gain pattern twice the strongest, strong heel, dark offset).

    Raises:
        ValueError: for another name.
    """
    if name == "kvp-low":
        return replace(technique, kvp=float(max(40, round(0.8 * technique.kvp))))
    if name == "kvp-high":
        return replace(technique, kvp=float(min(150, round(1.33 * technique.kvp))))
    if name == "noise":
        return replace(technique, full_ugy=0.1 * technique.full_ugy)
    if name == "gain":
        return replace(technique, gain=3.0, heel=0.35, offset=0.02)
    raise ValueError(f"unknown shift {name!r}; one of {', '.join(SHIFTS)}")
