"""Table of the limbs: anatomy, pose ranges, projections, fields of view, tube voltages."""

from __future__ import annotations

from simulation.part import Part
from simulation.poses import (
    arm_pose,
    at_bones,
    between,
    by_bone,
    by_forearm,
    by_hand,
    hand_pose,
    leg_pose,
    upright,
)
from simulation.views import View, frontal

_HAND = (
    r"lunate|scaphoid|pisiform|triquetrum|capitate|trape|hamate|firstmc|secondmc|thirdmc|fourthmc"
    r"|fifthmc|.proxph|midph|distph|proximal_thumb|distal_thumb"
)
_FOOT = r"talus|calcaneus|tarsal|metatarsal|toe"


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

LIMBS: tuple[Part, ...] = (
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
        stout_mm=4.0,
    ),
    Part(
        "forearm",
        (52, 60),
        (230, 330),
        frontal(),
        _ARM,
        0.85,
        62,
        arm_pose((0, 25)),
        by_forearm,
        between("ulna_r", "lunate_r", 0.35, 0.65),
        flesh=_HANDS,
        stout_mm=10.0,
    ),
    Part(
        "elbow",
        (55, 65),
        (130, 220),
        frontal(),
        _ARM,
        0.8,
        70,
        arm_pose((5, 100)),
        by_bone("humerus_r", "ulna_r"),
        between("ulna_r", "lunate_r", -0.1, 0.1),
        flesh=_HANDS,
        bends="elbow_flexion_r",
        stout_mm=10.0,
    ),
    Part(
        "knee",
        (58, 70),
        (140, 260),
        frontal(),
        _LEG,
        0.95,
        88,
        leg_pose((0, 75)),
        by_bone("femur_r", "tibia_r", True),
        between("tibia_r", "talus_r", -0.04, 0.06),
        flesh=_LEGS,
        bends="knee_angle_r",
        stout_mm=12.0,
    ),
    Part(
        "lower leg",
        (56, 66),
        (260, 430),
        frontal(),
        _LEG,
        1.1,
        88,
        leg_pose((0, 20)),
        by_bone("tibia_r", "talus_r", True),
        between("tibia_r", "talus_r", 0.3, 0.8),
        flesh=_LEGS,
        stout_mm=12.0,
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
        stout_mm=6.0,
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
        0.8,
        32,
        leg_pose((0, 10), ankle=(-25, 12)),
        upright,
        at_bones(_FOOT, 9),
        flesh=_LEGS,
        stout_mm=3.0,
    ),
)
"""Parts taken without a trunk in reach."""
