"""Table of the 19 parts, and of the abdomen, which only some populations have."""

from __future__ import annotations

from simulation.limbs import LIMBS
from simulation.part import Part
from simulation.torso import TORSO

PARTS: dict[str, Part] = {p.name: p for p in (*LIMBS, *TORSO)}
"""All parts by name."""
