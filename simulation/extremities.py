"""Flesh of hands and feet: pads, palm, web, heel and sole as chains of spheres."""

from __future__ import annotations

import numpy as np

from simulation.grid import tube
from simulation.skeleton import Body
from simulation.subjects import Subject

_FINGERS = {
    "1": ("firstmc", "proximal_thumb", "distal_thumb"),
    "2": ("secondmc", "2proxph", "midph2", "distph2"),
    "3": ("thirdmc", "3proxph", "midph3", "distph3"),
    "4": ("fourthmc", "4proxph", "midph4", "distph4"),
    "5": ("fifthmc", "5proxph", "midph5", "distph5"),
}


def ends(vertices: np.ndarray, toward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the two ends of a long bone, the one nearer to ``toward`` first."""
    centre = vertices.mean(axis=0)
    axis = np.linalg.svd(vertices - centre, full_matrices=False)[2][0]
    t = (vertices - centre) @ axis
    low = vertices[t < np.quantile(t, 0.06)].mean(axis=0)
    high = vertices[t > np.quantile(t, 0.94)].mean(axis=0)
    near_first = np.linalg.norm(low - toward) < np.linalg.norm(high - toward)
    return (low, high) if near_first else (high, low)


def palm_normal(body: Body, side: str) -> np.ndarray:
    """Unit vector out of the palm."""
    wrist = body.frames[f"capitate{side}"][0]
    index, little = (
        body.bones[f"{n}{side}"].vertices.mean(axis=0) for n in ("secondmc", "fifthmc")
    )
    normal = np.cross(index - wrist, little - wrist)
    thumb = body.bones[f"firstmc{side}"].vertices.mean(axis=0) - (index + little) / 2
    normal /= np.linalg.norm(normal)
    # The thumb's metacarpal and the pisiform lie on the palmar side.
    pisiform = body.bones[f"pisiform{side}"].vertices.mean(axis=0) - wrist
    return normal if normal @ (pisiform + 0.3 * thumb) > 0 else -normal


def hand_shapes(body: Body, side: str, subject: Subject, rng):
    """Spheres of finger pads, web, palm, thenar and hypothenar: list of (points, radii)."""
    palm = palm_normal(body, side)
    scale = subject.height * subject.segments["hand"]
    thick = (
        scale
        * (0.94 + 0.06 * subject.muscle)
        * rng.uniform(0.94, 1.1)
        * (1 + 0.06 * (subject.fat - 1))
    )
    shapes = []
    heads = {}
    for finger, names in _FINGERS.items():
        toward = body.frames[f"capitate{side}"][0]
        for i, name in enumerate(names):
            near, far = ends(body.bones[name + side].vertices, toward)
            toward = far
            if i == 0:
                heads[finger] = (near, far)
                if finger != "1":
                    shapes.append((near + palm * 7, far + palm * 5, 10.5, 9.5))
                    shapes.append((near - palm * 1, far - palm * 1, 8.0, 8.2))
                continue
            # Flesh lies on the palmar side; the last phalanx ends in a pad beyond the bone.
            width = (
                (8.6, 7.9, 7.4)[i - 1]
                if finger not in "15"
                else (9.6, 8.8, 8)[i - 1]
                if finger == "1"
                else (7.6, 7.0, 6.5)[i - 1]
            )
            last = i == len(names) - 1
            axis = (far - near) / np.linalg.norm(far - near)
            side_palm = palm - axis * (palm @ axis)
            side_palm /= max(np.linalg.norm(side_palm), 1e-6)
            tip = far + axis * (1.0 if last else 0.0)
            lift = side_palm * 1.6
            shapes.append((near + lift, tip + lift, width, width * (0.86 if last else 0.97)))
    base, ball = heads["1"]
    shapes.append((base + palm * 3, ball + palm * 2, 15.0, 11.5))
    middle_base, middle_head = heads["3"]
    shapes.append((base + palm * 6, (middle_base + middle_head) / 2 + palm * 8, 12.0, 9.0))
    little_base, little_head = heads["5"]
    shapes.append((little_base + palm * 5, little_head + palm * 4, 12.5, 10.5))
    index_base, index_head = heads["2"]
    shapes.append((ball * 0.35 + base * 0.65, index_base * 0.4 + index_head * 0.6, 9.0, 8.0))
    for a, b in (("2", "3"), ("3", "4"), ("4", "5")):
        shapes.append((heads[a][1] + palm * 3, heads[b][1] + palm * 3, 9.5, 9.5))
        shapes.append((heads[a][0] + palm * 5, heads[b][0] + palm * 5, 10.0, 10.0))
    wrist = body.frames[f"capitate{side}"][0]
    arm = body.bones[f"radius{side}"].vertices, body.bones[f"ulna{side}"].vertices
    distal = [ends(v, wrist)[0] for v in arm]
    for d in distal:
        shapes.append((d, wrist + (d - wrist) * 0.2 + palm * 3, 13.0, 14.0))
    return [tube(np.stack([a, b]), np.array([ra, rb]) * thick, 2.0) for a, b, ra, rb in shapes]


def foot_shapes(body: Body, side: str, subject: Subject, rng):
    """Spheres of heel pad, sole, instep and toes: list of (points, radii)."""
    bones = body.bones
    scale = subject.height * subject.segments["foot"] * rng.uniform(0.95, 1.08)
    heel = bones[f"calcaneus{side}"].vertices
    shin = body.frames[f"tibia{side}"][0] - body.frames[f"talus{side}"][0]
    up = body.frames[f"calcn{side}"][1] @ np.array([0.0, 1.0, 0.0])
    up = up if up @ shin > 0 else -up
    back_low = heel[np.argsort(heel @ up)[: len(heel) // 8]].mean(axis=0)
    shapes = []
    middle = heel.mean(axis=0)
    shapes.append((back_low + up * 6, middle - up * 4, 20.0, 19.0))
    centres = {}
    for i in range(1, 6):
        near, far = ends(bones[f"metatarsal{i}{side}"].vertices, middle)
        centres[i] = (near, far)
        # The arch: the sole is thick under heel and ball, and rises between them on the inside.
        arch = 9.0 if i < 3 else 12.0
        shapes.append((near - up * arch, far - up * 6, 13.0, 12.5 if i > 1 else 14.5))
        shapes.append((middle * 0.5 + near * 0.5 - up * 8, near - up * arch, 16.0, 13.0))
    for i in range(1, 5):
        shapes.append((centres[i][1] - up * 2, centres[i + 1][1] - up * 2, 11.0, 11.0))
        shapes.append((centres[i][0], centres[i + 1][0], 12.0, 12.0))
    toes = [n for n in bones if n.startswith("toe") and n.endswith(side)]
    for name in toes:
        near, far = ends(bones[name].vertices, middle)
        great = (
            np.linalg.norm(bones[name].vertices.mean(axis=0) - centres[1][1]) < 55
            and np.ptp(bones[name].vertices, axis=0).max() > 24
        )
        radius = 9.8 if great else 6.6
        shapes.append((near - up * 1.5, far - up * 1.5, radius, radius))
    return [tube(np.stack([a, b]), np.array([ra, rb]) * scale, 2.0) for a, b, ra, rb in shapes]
