"""The skeleton of myo_sim's full-body model: bones and muscle paths in any pose and proportion.

World here: millimetres, +x to the subject's left, +y backwards, +z up; mid-sagittal plane x = 0.
Source: PyPI ``myo-sim`` (Apache-2.0), itself after OpenSim models (Holzbaur,
Rajagopal, lumbar spine).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from simulation import ribcage
from simulation.rig import Bone, Rig, load
from simulation.subjects import Subject

_SPECIFIC_TENSION_N_PER_MM2 = 0.6


@dataclass(frozen=True)
class Muscle:
    """A muscle's path from origin to insertion, in mm, with the volume of its belly in mm3."""

    name: str
    path: np.ndarray
    volume_mm3: float
    fibre_mm: float


@dataclass(frozen=True)
class Body:
    """A posed skeleton.

    Attributes:
        bones: by name.
        muscles: by name.
        frames: body name to its position ``(3,)`` in mm and rotation ``(3, 3)`` (columns: axes).
    """

    bones: dict[str, Bone]
    muscles: dict[str, Muscle]
    frames: dict[str, tuple[np.ndarray, np.ndarray]]

    def moved(self, rotation: np.ndarray, shift: np.ndarray) -> Body:
        """Return the body turned by ``rotation`` (``new = rotation @ old``), then shifted."""

        def move(points):
            return points @ rotation.T + shift

        return Body(
            {n: replace(b, vertices=move(b.vertices)) for n, b in self.bones.items()},
            {n: replace(m, path=move(m.path)) for n, m in self.muscles.items()},
            {n: (move(p), rotation @ r) for n, (p, r) in self.frames.items()},
        )


def segment_of(body: str) -> str:
    """Name the segment (see :data:`simulation.subjects.SEGMENTS`) whose scale a body takes."""
    stem = body.removesuffix("_r").removesuffix("_l")
    for names, segment in (
        (("pelvis", "sacrum", "Full Body", "myolegs_root"), "pelvis"),
        (("humerus", "humphant", "humphant1", "scapphant"), "upper_arm"),
        (("ulna", "radius"), "forearm"),
        (("femur", "patella"), "thigh"),
        (("tibia",), "shank"),
        (("talus", "calcn", "toes"), "foot"),
    ):
        if stem in names:
            return segment
    # Head and neck hang on an arm half a metre long: they take the trunk's factor.
    trunk = (
        "head",
        "neck",
        "lumbar",
        "Abdomen",
        "torso",
        "Arm",
        "chest",
        "cerv",
        "myoarm",
        "clav",
        "scapula",
        "world",
    )
    return "trunk" if body.startswith(trunk) else "hand"


def _scaled_model(rig: Rig, subject: Subject):
    """Copy the model with every body's lengths multiplied by its segment's factor."""
    model = copy.copy(rig.model)
    factor = np.array(
        [
            subject.height * subject.segments[segment_of(model.body(b).name)]
            for b in range(model.nbody)
        ]
    )
    parent = factor[model.body_parentid]
    model.body_pos[:] *= parent[:, None]
    model.jnt_pos[:] *= factor[model.jnt_bodyid][:, None]
    model.site_pos[:] *= factor[model.site_bodyid][:, None]
    model.geom_pos[:] *= factor[model.geom_bodyid][:, None]
    model.geom_size[:] *= factor[model.geom_bodyid][:, None]
    return model, factor


def _joint_values(model, factor, angles: dict[str, float]) -> np.ndarray:
    """Set joints, clip them to their limits and let the couplings follow."""
    import mujoco

    qpos = model.qpos0.copy()
    # Stands upright at the origin.
    for name, value in angles.items():
        if name.startswith("+"):
            continue
        joint = model.joint(name).id
        low, high = model.jnt_range[joint]
        qpos[model.jnt_qposadr[joint]] = np.clip(value, low, high)
    for eq in range(model.neq):
        if model.eq_type[eq] != mujoco.mjtEq.mjEQ_JOINT:
            continue
        first, second = int(model.eq_obj1id[eq]), int(model.eq_obj2id[eq])
        x = 0.0 if second < 0 else qpos[model.jnt_qposadr[second]]
        value = float(np.polyval(model.eq_data[eq][4::-1], x))
        if model.jnt_type[first] == mujoco.mjtJoint.mjJNT_SLIDE:
            value *= factor[model.body_parentid[model.jnt_bodyid[first]]]
        qpos[model.jnt_qposadr[first]] = value
    for name, value in angles.items():
        if name.startswith("+"):
            qpos[model.jnt_qposadr[model.joint(name[1:]).id]] += value
    return qpos


def _muscles(model, data, rig: Rig) -> dict[str, Muscle]:
    points = data.wrap_xpos.reshape(-1, 3)
    muscles = {}
    for tendon, actuator in rig.actuators.items():
        start, count = data.ten_wrapadr[tendon], data.ten_wrapnum[tendon]
        path = points[start : start + count] * 1000.0
        low, high = model.actuator_gainprm[actuator][:2]
        force = model.actuator_gainprm[actuator][2]
        lengths = model.actuator_lengthrange[actuator]
        fibre = float((lengths[1] - lengths[0]) / max(high - low, 1e-6)) * 1000.0
        area = float(force) / _SPECIFIC_TENSION_N_PER_MM2
        keep = np.r_[True, np.linalg.norm(np.diff(path, axis=0), axis=1) > 1e-6]
        name = model.tendon(tendon).name.replace("_tendon", "")
        muscles[name] = Muscle(name, path[keep], area * fibre, fibre)
    return muscles


def _resize_head(bones: dict[str, Bone], subject: Subject) -> None:
    """Scale skull and jaw about the atlas."""
    factor = subject.segments["head"] / subject.segments["trunk"]
    # Long and short, broad and narrow heads; the model's is small.
    own = subject.generator(6).normal([1.035, 1.04, 1.02], [0.035, 0.035, 0.025]).clip(0.93, 1.13)
    centre = bones["cervical1"].vertices.mean(axis=0)
    for name in ("skull", "jaw"):
        vertices = centre + (bones[name].vertices - centre) * factor * own
        bones[name] = replace(bones[name], vertices=vertices)


def _seat_patella(bones: dict[str, Bone], side: str, gap_mm: float = 3.5) -> None:
    """Shift the patella onto the femur: in the model it hovers a centimetre before it."""
    patella, femur = bones[f"patella{side}"], bones[f"femur{side}"]
    distance, nearest = cKDTree(femur.vertices).query(patella.vertices)
    closest = np.argsort(distance)[:10]
    away = femur.vertices[nearest[closest]] - patella.vertices[closest]
    direction = away.mean(axis=0) / np.linalg.norm(away.mean(axis=0))
    shift = direction * (distance[closest].mean() - gap_mm)
    bones[patella.name] = replace(patella, vertices=patella.vertices + shift)


def pose(subject: Subject, angles: dict[str, float] | None = None) -> Body:
    """Pose the skeleton of one subject.

    Args:
        subject: gives the lengths of the segments.
        angles: joint name to radians; clipped to the joint's limits. Coupled joints follow; a name
            with "+" before it turns a coupled joint further.

    Returns:
        Bones, muscles and frames, upright, mid-sagittal plane at x = 0.
    """
    import mujoco

    rig = load()
    model, factor = _scaled_model(rig, subject)
    data = mujoco.MjData(model)
    data.qpos[:] = _joint_values(model, factor, angles or {})
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_tendon(model, data)
    root = data.xpos[model.body("sacrum").id].copy() * [1, 0, 0]
    bones = {}
    chest = [Bone(n, "torso", v, f) for n, v, f in ribcage.build(subject)]
    for bone in (*rig.bones, *chest):
        body = model.body(bone.body).id
        rotation = data.xmat[body].reshape(3, 3)
        vertices = bone.vertices * factor[body] @ rotation.T + (data.xpos[body] - root) * 1000.0
        bones[bone.name] = Bone(bone.name, bone.body, vertices, bone.faces)
    muscles = {
        n: replace(m, path=m.path - root * 1000.0) for n, m in _muscles(model, data, rig).items()
    }
    _resize_head(bones, subject)
    for side in ("_r", "_l"):
        _seat_patella(bones, side)
    frames = {
        model.body(b).name: ((data.xpos[b] - root) * 1000.0, data.xmat[b].reshape(3, 3).copy())
        for b in range(model.nbody)
    }
    return Body(bones, muscles, frames)
