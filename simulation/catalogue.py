"""Table of the 19 parts: anatomy, pose ranges, projections, fields of view, tube voltages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulation.poses import (
    arm_pose,
    at_bones,
    between,
    bone_names,
    by_bone,
    by_forearm,
    by_hand,
    hand_pose,
    leg_pose,
    thigh_pose,
    trunk_pose,
    upright,
)
from simulation.skeleton import Body
from simulation.tissue import Recipe
from simulation.views import View

_HAND = (
    r"lunate|scaphoid|pisiform|triquetrum|capitate|trape|hamate|firstmc|secondmc|thirdmc|fourthmc"
    r"|fifthmc|.proxph|midph|distph|proximal_thumb|distal_thumb"
)
_FOOT = r"talus|calcaneus|tarsal|metatarsal|toe"
_TRUNK = r"lumbar|thoracic|cervical|rib|costal|sternum|sacrum|scapula|clavicle|pelvis"
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
        pose: draws joint angles.
        orient: rotation from the upright body to part coordinates (z up the part, y to its back).
        centre: point the central ray aims at.
        sides: ``"r"`` or ``"rl"``.
        flesh: which soft tissue: any of ``arm``, ``hand``, ``leg``, ``foot``, ``trunk``, ``head``.
        bucky: taken on a table or wall stand, with a gap behind the patient.
        tight: share of pictures whose field the part fills.
        coarse_factor: soft tissue is shaped on voxels this many times as large.
        bends: joint that, bent by more than 25 degrees, allows side views only.
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
    coarse_factor: int = 2

    def select(self, body: Body) -> tuple[str, ...]:
        """Names of the bones in reach."""
        return bone_names(body, self.bones, self.sides)

    def needed(self, body: Body) -> frozenset[str]:
        """Bones in reach and those that the outline of the trunk hangs on."""
        outline = bone_names(body, _TRUNK, "rl") if "trunk" in self.flesh else ()
        return frozenset(self.select(body)) | frozenset(outline)

    def views_for(self, angles: dict[str, float]) -> tuple[View, ...]:
        """Projections usual in this pose."""
        if abs(angles.get(self.bends, 0.0)) < np.radians(25):
            return self.views
        return tuple(v for v in self.views if v.name == "lateral")

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
            sides=self.sides,
            hand="hand" in self.flesh,
            foot="foot" in self.flesh,
            trunk="trunk" in self.flesh,
            head="head" in self.flesh,
        )


def _frontal(
    oblique: float = 45.0, ap: float = 1.0, pa: float = 0.0, lateral: float = 1.0, side: float = 0.5
):
    found = (
        View("ap", 0, 0, ap),
        View("pa", 180, 0, pa),
        View("lateral", 90, 0, lateral / 2),
        View("lateral", -90, 0, lateral / 2),
        View("oblique", oblique, 0, side / 2),
        View("oblique", -oblique, 0, side / 2),
    )
    return tuple(v for v in found if v.weight > 0)


_HANDS = frozenset({"arm", "hand"})
_LEGS = frozenset({"leg", "foot"})
_PALM_DOWN = (
    View("pa", 0, 0, 2.0),
    View("oblique", 42, 0, 0.5),
    View("oblique", -42, 0, 0.5),
    View("lateral", 90, 0, 0.4),
    View("lateral", -90, 0, 0.4),
)
_ARM = rf"humerus|radius|ulna|{_HAND}"
_LEG = rf"femur|patella|tibia|fibula|{_FOOT}"

PARTS: dict[str, Part] = {
    p.name: p
    for p in (
        Part(
            "hand",
            (48, 56),
            (170, 260),
            _PALM_DOWN,
            _ARM,
            0.65,
            26,
            hand_pose(0.7),
            by_hand,
            at_bones(_HAND, 9),
            flesh=_HANDS,
        ),
        Part(
            "finger",
            (45, 52),
            (70, 120),
            _PALM_DOWN,
            _ARM,
            0.5,
            22,
            hand_pose(0.8),
            by_hand,
            at_bones(r"3proxph|midph3|distph[23]", 9),
            flesh=_HANDS,
            tight=0.0,
        ),
        Part(
            "wrist",
            (50, 58),
            (110, 190),
            _PALM_DOWN,
            _ARM,
            0.65,
            30,
            hand_pose(0.7),
            by_hand,
            between("lunate_r", "thirdmc_r", -0.5, 0.5),
            flesh=_HANDS,
        ),
        Part(
            "forearm",
            (52, 60),
            (230, 330),
            _frontal(),
            _ARM,
            0.9,
            62,
            arm_pose((0, 25)),
            by_forearm,
            between("ulna_r", "lunate_r", 0.35, 0.65),
            flesh=_HANDS,
        ),
        Part(
            "elbow",
            (55, 65),
            (130, 220),
            _frontal(),
            _ARM,
            0.8,
            70,
            arm_pose((5, 100)),
            by_bone("humerus_r", "ulna_r"),
            between("ulna_r", "lunate_r", -0.1, 0.1),
            flesh=_HANDS,
            bends="elbow_flexion_r",
        ),
        Part(
            "humerus",
            (60, 70),
            (240, 350),
            (
                View("ap", 0, 0),
                View("ap", 15, 0),
                View("pa", 180, 0, 0.5),
                View("oblique", -30, 0, 0.6),
            ),
            rf"{_TRUNK}|humerus|radius|ulna",
            1.4,
            80,
            arm_pose((0, 40), (20, 75), (-75, 75)),
            upright,
            between("humerus_r", "ulna_r", 0.35, 0.6),
            flesh=frozenset({"arm", "shoulder", "trunk"}),
        ),
        Part(
            "shoulder",
            (65, 77),
            (200, 300),
            (
                View("ap", 0, 0, 2),
                View("oblique", -38, 0, 1),
                View("oblique", 35, 0, 0.4),
                View("ap", 0, 15, 0.5),
                View("y-view", 125, 0, 0.5),
            ),
            rf"{_TRUNK}|humerus|radius|ulna",
            1.3,
            60,
            arm_pose((0, 20), (2, 45)),
            upright,
            at_bones(r"scapula", 10, shift=(-12, 0, 8)),
            flesh=frozenset({"arm", "shoulder", "trunk"}),
            bucky=True,
        ),
        Part(
            "clavicle",
            (62, 75),
            (170, 250),
            (View("ap", 0, 0), View("pa", 180, 0, 0.6), View("ap axial", 0, -20)),
            rf"{_TRUNK}|humerus|skull|jaw",
            1.2,
            50,
            arm_pose((0, 20), (0, 20)),
            upright,
            at_bones(r"clavicle", 8),
            flesh=frozenset({"arm", "shoulder", "trunk", "head"}),
            bucky=True,
        ),
        Part(
            "neck",
            (65, 78),
            (180, 260),
            (
                View("ap", 0, -8),
                View("lateral", 90, 0, 0.8),
                View("lateral", -90, 0, 0.4),
                View("oblique", 48, -8, 0.5),
            ),
            rf"{_TRUNK}|humerus|skull|jaw",
            1.35,
            45,
            trunk_pose((0, 12), 0.15),
            upright,
            at_bones(r"cervical", 8),
            sides="rl",
            flesh=frozenset({"shoulder", "trunk", "head"}),
            bucky=True,
        ),
        Part(
            "head",
            (68, 82),
            (210, 290),
            (
                View("ap", 0, 0),
                View("pa", 180, 0),
                View("lateral", 90, 0),
                View("lateral", -90, 0),
                View("towne", 0, 30, 0.4),
            ),
            r"cervical|skull|jaw|thoracic[1-4]$|rib|costal|clavicle|scapula|sternum|lumbar|pelvis|sacrum|humerus",
            1.2,
            32,
            trunk_pose((0, 12), 0.15),
            upright,
            at_bones(r"skull", 7),
            sides="rl",
            flesh=frozenset({"shoulder", "trunk", "head"}),
            bucky=True,
        ),
        Part(
            "thorax",
            (85, 120),
            (330, 430),
            (View("pa", 180, 0, 2), View("ap", 0, 0), View("lateral", 90, 0)),
            rf"{_TRUNK}|humerus|skull|jaw",
            1.8,
            50,
            trunk_pose((20, 60), 0.3),
            upright,
            at_bones(r"rib|sternum", 14, "rl"),
            sides="rl",
            flesh=frozenset({"arm", "shoulder", "trunk", "head"}),
            bucky=True,
        ),
        Part(
            "lumbar spine",
            (75, 95),
            (230, 400),
            (View("ap", 0, 0, 1.2), View("lateral", 90, 0), View("oblique", 42, 0, 0.4)),
            rf"{_TRUNK}|femur",
            1.5,
            60,
            trunk_pose(),
            upright,
            at_bones(r"lumbar", 12),
            sides="rl",
            flesh=frozenset({"leg", "trunk"}),
            bucky=True,
        ),
        Part(
            "pelvis",
            (70, 85),
            (330, 430),
            (
                View("ap", 0, 0, 2),
                View("inlet", 0, 25, 0.3),
                View("outlet", 0, -25, 0.3),
                View("oblique", 40, 0, 0.4),
            ),
            rf"{_TRUNK}|femur",
            1.5,
            70,
            trunk_pose(),
            upright,
            at_bones(r"pelvis", 12, "rl"),
            sides="rl",
            flesh=frozenset({"leg", "trunk"}),
            bucky=True,
        ),
        Part(
            "neck of femur",
            (70, 85),
            (170, 260),
            (View("ap", 0, 0, 2), View("oblique", 30, 0, 0.5), View("oblique", -25, 0, 0.5)),
            rf"{_TRUNK}|femur",
            1.2,
            70,
            leg_pose((0, 5), (0, 35), turn=(-30, 25), apart=(-30, 0)),
            upright,
            between("femur_r", "tibia_r", 0.0, 0.16, 10),
            sides="rl",
            flesh=frozenset({"leg", "trunk"}),
            bucky=True,
        ),
        Part(
            "femur",
            (66, 80),
            (240, 430),
            _frontal(lateral=0.7),
            rf"{_TRUNK}|femur|patella|tibia|fibula",
            1.6,
            95,
            thigh_pose,
            upright,
            between("femur_r", "tibia_r", 0.35, 0.75),
            sides="rl",
            flesh=frozenset({"leg", "trunk"}),
            bucky=True,
        ),
        Part(
            "knee",
            (58, 70),
            (140, 260),
            _frontal(),
            _LEG,
            0.95,
            88,
            leg_pose((0, 75)),
            by_bone("femur_r", "tibia_r", True),
            between("tibia_r", "talus_r", -0.04, 0.06),
            flesh=_LEGS,
            bends="knee_angle_r",
        ),
        Part(
            "lower leg",
            (56, 66),
            (260, 430),
            _frontal(),
            _LEG,
            1.1,
            88,
            leg_pose((0, 20)),
            by_bone("tibia_r", "talus_r", True),
            between("tibia_r", "talus_r", 0.3, 0.8),
            flesh=_LEGS,
        ),
        Part(
            "ankle",
            (52, 62),
            (130, 220),
            (
                View("ap", 0, 0),
                View("mortise", 18, 0),
                View("lateral", 90, 0),
                View("lateral", -90, 0, 0.6),
                View("oblique", -42, 0, 0.5),
            ),
            _LEG,
            0.8,
            50,
            leg_pose((0, 15)),
            by_bone("tibia_r", "talus_r", True),
            between("tibia_r", "talus_r", 0.93, 1.05),
            flesh=_LEGS,
        ),
        Part(
            "foot",
            (48, 58),
            (190, 310),
            (
                View("dp", 0, 78),
                View("oblique", 32, 60),
                View("lateral", 90, 0),
                View("lateral", -90, 0, 0.5),
            ),
            _LEG,
            0.85,
            32,
            leg_pose((0, 10), ankle=(-25, 12)),
            upright,
            at_bones(_FOOT, 9),
            flesh=_LEGS,
        ),
    )
}
"""All parts by name."""
