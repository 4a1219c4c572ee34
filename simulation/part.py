"""What the table of parts says about one part, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulation.poses import bone_names
from simulation.skeleton import Body
from simulation.tissue import Recipe
from simulation.views import View

TRUNK = r"lumbar|thoracic|cervical|rib|costal|sternum|sacrum|scapula|clavicle|pelvis"
"""Pattern of the bones inside the trunk's envelope."""

_ARM_MUSCLES = re.compile(
    r"^(TRI|ANC|SUP$|SUP_|BIC|BRA|BRD|EC|FC|PL|PT|PQ|FD|ED|EI|EP|FPL|APL|CORB|DELT)"
)
_SHOULDER_MUSCLES = re.compile(r"^(DELT|SUPSP|INFSP|SUBSC|TMIN|TMAJ|PECM|LAT|CORB|TRI|BIC|BRA)")
_TRUNK_MUSCLES = re.compile(
    r"^(Ps_|IL_|LTp|QL|MF|rect_abd|IO|EO|PEC|LAT|INFSP|SUPSP|SUBSC|TMIN|TMAJ|DELT|CORB)"
)


@dataclass(frozen=True)
class Part:
    """How one body part is simulated and taken.

    Attributes:
        name: as in the manifest.
        kvp: range of the tube voltage.
        field_mm: range of the field of view along the part.
        views: projections.
        bones: pattern of the bones in reach of a picture.
        spacing_mm: voxel edge.
        pad_mm: flesh around the bones that the volume must hold.
        stout_mm: more of it, per factor of fatness above 0.8.
        varied_kvp: highest tube voltage where ranges are wide; 0 for no other than usual.
        varied_drop_mm: range of how far the field lies lower in one of three pictures where ranges
            are wide.
        pose: draws joint angles.
        orient: rotation from the upright body to part coordinates (z up the part, y to its back).
        centre: point the central ray aims at.
        sides: ``"r"`` or ``"rl"``.
        flesh: which soft tissue: any of ``arm``, ``shoulder``,
            ``hand``, ``leg``, ``foot``, ``trunk``, ``head``.
        bucky: taken on a table or wall stand, with a gap behind the patient.
        tight: share of pictures whose field the part fills.
        coarse_factor: soft tissue is shaped on voxels this many times as large.
        bends: joint that, bent by more than 25 degrees, allows side views only.
        bent_for_side: side views are taken with that joint bent and not otherwise.
    """

    name: str
    kvp: tuple[float, float]
    field_mm: tuple[float, float]
    views: tuple[View, ...]
    bones: str
    spacing_mm: float
    pad_mm: float
    pose: Callable
    orient: Callable
    centre: Callable
    sides: str = "r"
    flesh: frozenset[str] = frozenset()
    bucky: bool = False
    tight: float = 0.10
    bends: str = ""
    bent_for_side: bool = False
    stout_mm: float = 0.0
    varied_kvp: float = 0.0
    varied_drop_mm: tuple[float, float] = (0.0, 0.0)
    coarse_factor: int = 2

    def select(self, body: Body) -> tuple[str, ...]:
        """Names of the bones in reach."""
        return bone_names(body, self.bones, self.sides)

    def needed(self, body: Body) -> frozenset[str]:
        """Bones in reach and those that the outline of the trunk hangs on."""
        outline = bone_names(body, TRUNK, "rl") if "trunk" in self.flesh else ()
        return frozenset(self.select(body)) | frozenset(outline)

    def views_for(self, angles: dict[str, float]) -> tuple[View, ...]:
        """Projections usual in this pose."""
        if abs(angles.get(self.bends, 0.0)) >= np.radians(70 if self.bent_for_side else 25):
            return tuple(v for v in self.views if v.name == "lateral")
        if self.bent_for_side:
            return tuple(v for v in self.views if v.name != "lateral")
        return self.views

    def recipe(self, body: Body, grid) -> Recipe:
        """What to build in a given grid."""
        muscles = []
        for name in body.muscles:
            left = name.endswith("_l")
            if left and "l" not in self.sides:
                continue
            leg = (
                name.endswith(("_r", "_l"))
                and not _TRUNK_MUSCLES.match(name)
                and not _ARM_MUSCLES.match(name)
            )
            if (
                ("shoulder" in self.flesh and _SHOULDER_MUSCLES.match(name))
                or ("arm" in self.flesh and _ARM_MUSCLES.match(name))
                or ("leg" in self.flesh and leg)
            ):
                muscles.append(name)
        chosen = [
            n
            for n in self.select(body)
            if grid.window(body.bones[n].vertices.min(axis=0), body.bones[n].vertices.max(axis=0))
        ]
        return Recipe(
            bones=tuple(chosen),
            muscles=tuple(muscles),
            hand="hand" in self.flesh,
            foot="foot" in self.flesh,
            trunk="trunk" in self.flesh,
            head="head" in self.flesh,
        )
