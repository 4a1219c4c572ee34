"""Poses, orientations and centres that the table of parts refers to.

A pose draws joint angles; an orientation turns the upright body so that z runs up the part and y to
its back; a centre is the point that the central ray aims at.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from simulation.extremities import palm_normal
from simulation.skeleton import Body


def _rad(rng, low: float, high: float) -> float:
    return float(np.radians(rng.uniform(low, high)))


def bone_names(body: Body, pattern: str, sides: str = "r") -> tuple[str, ...]:
    """Bones whose name starts with the pattern; paired ones only of the wanted sides."""
    expression = re.compile(rf"^(?:{pattern})")
    ribs = re.compile(r"^(rib|costal)\d")
    return tuple(
        n
        for n in body.bones
        if expression.match(n) and (n[-2:] not in ("_r", "_l") or n[-1] in sides or ribs.match(n))
    )


# Orientation: rows of the rotation are the part's axes in the upright body.


def upright(body: Body) -> np.ndarray:
    """Return the identity: the part as it is in a standing body."""
    return np.eye(3)


def _rotation(up: np.ndarray, back: np.ndarray) -> np.ndarray:
    up = up / np.linalg.norm(up)
    back = back - up * (back @ up)
    back = back / np.linalg.norm(back)
    return np.stack([np.cross(back, up), back, up])


def by_hand(body: Body) -> np.ndarray:
    """Turn the right hand upright, palm to the back (that is, to the detector)."""
    up = body.frames["capitate_r"][0] - body.bones["thirdmc_r"].vertices.mean(axis=0)
    return _rotation(up, palm_normal(body, "_r"))


def by_forearm(body: Body) -> np.ndarray:
    """Turn the right forearm upright, its two bones side by side."""
    radius, ulna = (body.bones[n].vertices for n in ("radius_r", "ulna_r"))
    up = body.frames["ulna_r"][0] - body.frames["lunate_r"][0]
    wide = radius[np.argsort(radius @ up)[:40]].mean(axis=0) - ulna[
        np.argsort(ulna @ up)[:40]
    ].mean(axis=0)
    back = np.cross(up, wide)
    return _rotation(up, back)


def by_bone(start: str, stop: str, own: bool = False) -> Callable:
    """Long axis of a bone up; its own back behind, or the body's."""

    def orient(body: Body) -> np.ndarray:
        # In the legs of the model the x axis of a body points forward.
        back = -body.frames[start][1][:, 0] if own else np.array([0.0, 1.0, 0.0])
        return _rotation(body.frames[start][0] - body.frames[stop][0], back)

    return orient


def between(start: str, stop: str, low: float, high: float, spread: float = 8.0) -> Callable:
    """Centre on the way from one model body to another."""

    def centre(body: Body, rng) -> np.ndarray:
        a, b = body.frames[start][0], body.frames[stop][0]
        return a + rng.uniform(low, high) * (b - a) + spread * rng.standard_normal(3) * [1, 0, 1]

    return centre


def at_bones(pattern: str, spread: float, sides: str = "r", shift=(0.0, 0.0, 0.0)) -> Callable:
    """Centre of the box around the bones of a pattern, missed by ``spread`` mm."""

    def centre(body: Body, rng) -> np.ndarray:
        points = np.concatenate([body.bones[n].vertices for n in bone_names(body, pattern, sides)])
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        return middle + np.array(shift) + spread * rng.standard_normal(3) * [1, 0, 1]

    return centre


# Poses (degrees; see the joints of myofullbody).


def hand_pose(curl: float):
    """Hand with fingers spread or closed, and curled up to a share ``curl`` of a fist."""

    def pose(rng) -> dict[str, float]:
        angles = {"elbow_flexion_r": _rad(rng, 5, 20), "pro_sup_r": _rad(rng, -20, 20)}
        angles["flexion_r"] = _rad(rng, -12, 12)
        angles["deviation_r"] = _rad(rng, -8, 14)
        bent = curl * rng.beta(0.8, 2.2)
        spread = rng.uniform(-0.3, 1.0)
        for i, side in zip((2, 3, 4, 5), (1.0, 0.1, -0.7, -1.2), strict=True):
            own = bent * rng.uniform(0.6, 1.3)
            angles[f"mcp{i}_flexion_r"] = np.radians(4 + 60 * own)
            angles[f"mcp{i}_abduction_r"] = np.radians(9 * spread * side + rng.normal(0, 1.5))
            angles[f"pm{i}_flexion_r"] = np.radians(3 + 75 * own)
            suffix = "_r" if i != 3 else ""
            angles[f"md{i}_flexion{suffix}"] = np.radians(2 + 45 * own)
        angles["pm4_flexion"] = angles.pop("pm4_flexion_r")
        angles["cmc_flexion"] = _rad(rng, -25, 15)
        angles["cmc_abduction"] = _rad(rng, -15, 30)
        angles["mp_flexion_r"] = _rad(rng, -25, 15)
        angles["ip_flexion_r"] = _rad(rng, -25, 10)
        return angles

    return pose


def arm_pose(
    flexion: tuple[float, float],
    elevation: tuple[float, float] = (0, 12),
    turn: tuple[float, float] = (-25, 35),
):
    """Arm bent at the elbow, raised and turned at the shoulder within ranges in degrees."""

    def pose(rng) -> dict[str, float]:
        angles = hand_pose(0.7)(rng)
        angles["elbow_flexion_r"] = _rad(rng, *flexion)
        angles["pro_sup_r"] = _rad(rng, -80, 80)
        angles["shoulder_elv_r"] = _rad(rng, *elevation)
        angles["shoulder_elv_l"] = angles["shoulder_elv_r"]
        angles["elv_angle_r"] = angles["elv_angle_l"] = _rad(rng, -5, 35)
        angles["shoulder_rot_r"] = _rad(rng, *turn)
        return angles

    return pose


def leg_pose(
    knee: tuple[float, float], hip=(0, 6), ankle=(-12, 12), turn=(-12, 12), apart=(-14, -3)
):
    """Leg: ranges in degrees of knee, hip flexion, ankle, hip rotation and adduction."""

    def pose(rng) -> dict[str, float]:
        angles = {}
        share = rng.beta(0.7, 1.3)
        angles["knee_angle_r"] = np.radians(knee[0] + share * (knee[1] - knee[0]))
        angles["hip_flexion_r"] = _rad(rng, *hip)
        angles["hip_adduction_r"] = _rad(rng, *apart)
        angles["hip_rotation_r"] = _rad(rng, *turn)
        angles["hip_adduction_l"] = _rad(rng, *apart)
        angles["hip_rotation_l"] = _rad(rng, *turn)
        angles["ankle_angle_r"] = _rad(rng, *ankle)
        angles["subtalar_angle_r"] = _rad(rng, -12, 12)
        angles["mtp_angle_r"] = _rad(rng, -8, 20)
        return angles

    return pose


def trunk_pose(arms=(5, 25), bend: float = 1.0, forward=(-10, 30)):
    """Trunk bent by a share ``bend``; arms raised within ``arms`` degrees, brought ``forward``."""

    def pose(rng) -> dict[str, float]:
        angles = {
            "flex_extension": bend * _rad(rng, -16, 8),
            "lat_bending": bend * _rad(rng, -5, 5),
            "axial_rotation": bend * _rad(rng, -4, 4),
        }
        for side in ("_r", "_l"):
            angles["shoulder_elv" + side] = _rad(rng, *arms)
            angles["elv_angle" + side] = _rad(rng, *forward)
            angles["shoulder_rot" + side] = _rad(rng, -15, 30)
        return angles | leg_pose((0, 5))(rng)

    return pose


def chest_pose(rng) -> dict[str, float]:
    """For a picture from behind, shoulders rolled forward; for one from the side, arms raised."""
    side = rng.random() < 0.3
    angles = trunk_pose((28, 68), 0.3, (-20, 20))(rng)
    forward = _rad(rng, 6, 28)
    drop = _rad(rng, -14, -2)
    for end in ("_r", "_l"):
        if side:
            angles["shoulder_elv" + end] = _rad(rng, 125, 165)
            angles["elv_angle" + end] = _rad(rng, 75, 95)
            angles["elbow_flexion" + end] = _rad(rng, 30, 110)
            continue
        angles["elbow_flexion" + end] = _rad(rng, 10, 60)
        angles["+sternoclavicular_r2" + end] = forward
        angles["+acromioclavicular_r2" + end] = 0.8 * forward
        angles["+sternoclavicular_r3" + end] = drop
    return angles


def thigh_pose(rng) -> dict[str, float]:
    """Right leg as for a knee, the left one drawn up out of the way of a side view."""
    angles = leg_pose((0, 40), (0, 20))(rng)
    angles["hip_flexion_l"] = _rad(rng, 55, 95)
    angles["hip_adduction_l"] = _rad(rng, -25, -10)
    angles["knee_angle_l"] = _rad(rng, 50, 100)
    return angles
