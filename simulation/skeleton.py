"""The skeleton of myo_sim's full-body model: bones and muscle paths in any pose and proportion.

World here: millimetres, +x to the subject's left, +y backwards, +z up; mid-sagittal plane x = 0.
Source: PyPI ``myo-sim`` (Apache-2.0), itself after OpenSim models (Holzbaur,
Rajagopal, lumbar spine).
"""

from __future__ import annotations

import copy
import tempfile
import warnings
from contextlib import chdir
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from simulation import meshes, ribcage
from simulation.subjects import Subject

_SPECIFIC_TENSION_N_PER_MM2 = 0.6


@dataclass(frozen=True)
class Bone:
    """One bone (or costal cartilage) as a triangle mesh, in mm."""

    name: str
    body: str
    vertices: np.ndarray
    faces: np.ndarray


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


def _side(body: str) -> str:
    return body[-2:] if body.endswith(("_r", "_l")) else ""


def _pieces(mesh: str, body: str, vertices: np.ndarray, faces: np.ndarray):
    """Yield ``(name, vertices, faces)`` of the bones in one of the model's meshes."""
    vertices, faces = meshes.merge_vertices(vertices, faces)
    parts = meshes.split(vertices, faces)
    side = _side(body)
    if "ribcage" in mesh:
        return  # see simulation.ribcage
    elif "cervical" in mesh:
        # Small open pieces are discs.
        for i, part in enumerate(p for p in parts if len(p[1]) > 200):
            yield f"cervical{i}", *part
    elif mesh.endswith("_foot"):
        names = ("calcaneus", *(f"metatarsal{i}" for i in range(1, 6)))
        # Metatarsals: from the great toe outwards, that is by distance from the other foot.
        first, rest = parts[0], sorted(parts[1:6], key=lambda p: abs(p[0].mean(axis=0)[2] + 1e3))
        small = parts[6:]
        for name, part in zip(names, [first, *rest], strict=True):
            yield name + side, *part
        for i, part in enumerate(small):
            yield f"tarsal{i}{side}", *part
    elif mesh.endswith("bofoot"):
        for i, part in enumerate(parts):
            yield f"toe{i:02d}{side}", *part
    elif "skull" in mesh:
        yield "skull", *parts[0]
    elif "jaw" in mesh:
        yield "jaw", *parts[0]
    elif mesh.endswith(("_pelvis", "_fibula")):
        stem = mesh.split("_")[1]
        yield f"{stem}_{mesh[0]}" if stem == "pelvis" else f"fibula{side}", *parts[0]
    elif "thoracic" in mesh:
        yield mesh.split("_")[3], *parts[0]
    else:
        yield body, vertices, faces


def _rounds(faces: int) -> int:
    """How often to subdivide so that no facets show."""
    return 0 if faces > 1500 else 1 if faces > 600 else 2


@dataclass(frozen=True)
class _Rig:
    model: object
    bones: tuple[Bone, ...]  # vertices in the frame of their body
    actuators: dict[int, int]  # tendon -> actuator


@lru_cache(maxsize=1)
def load() -> _Rig:
    """Load the model once per process (about two seconds)."""
    import mujoco

    # MuJoCo writes a log into the working directory, and myo_sim warns about prefixes.
    with tempfile.TemporaryDirectory() as folder, chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mujoco.set_mju_user_warning(lambda text: None)
        import myo_sim

        model, _ = myo_sim.load("myofullbody")
    bones = []
    for geom in range(model.ngeom):
        if model.geom_type[geom] != mujoco.mjtGeom.mjGEOM_MESH:
            continue
        mesh = model.geom_dataid[geom]
        body = model.body(model.geom_bodyid[geom]).name
        start = model.mesh_vertadr[mesh]
        local = model.mesh_vert[start : start + model.mesh_vertnum[mesh]].astype(float)
        rotation = np.zeros(9)
        mujoco.mju_quat2Mat(rotation, model.geom_quat[geom])
        vertices = (local @ rotation.reshape(3, 3).T + model.geom_pos[geom]) * 1000.0
        start = model.mesh_faceadr[mesh]
        faces = model.mesh_face[start : start + model.mesh_facenum[mesh]].astype(np.int64)
        for name, v, f in _pieces(model.mesh(mesh).name, body, vertices, faces):
            for _ in range(_rounds(len(f))):
                v, f = meshes.subdivide(v, f)
            bones.append(Bone(name, body, v, f))
    actuators = {
        int(model.actuator_trnid[a, 0]): a
        for a in range(model.nu)
        if model.actuator_trntype[a] == mujoco.mjtTrn.mjTRN_TENDON
    }
    return _Rig(model, tuple(bones), actuators)


def _scaled_model(rig: _Rig, subject: Subject):
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


def _muscles(model, data, rig: _Rig) -> dict[str, Muscle]:
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
    centre = bones["cervical0"].vertices.mean(axis=0)
    for name in ("skull", "jaw"):
        vertices = centre + (bones[name].vertices - centre) * factor
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


def displacement(points: np.ndarray, rng: np.random.Generator, amplitude: float, wavelength: float):
    """Smooth random displacement: a sum of plane waves.

    Args:
        points: ``(N, 3)`` in mm.
        rng: draws the waves; equal states give one field over all of space.
        amplitude: root mean square of each component in mm.
        wavelength: typical wavelength in mm.

    Returns:
        ``(N, 3)`` in mm.
    """
    waves = 20
    direction = rng.standard_normal((waves, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    vectors = direction * (2 * np.pi / (wavelength * rng.uniform(0.6, 1.8, (waves, 1))))
    phase = rng.uniform(0, 2 * np.pi, waves)
    coefficient = rng.standard_normal((waves, 3)) * np.sqrt(2 / waves) * amplitude
    return np.sin(points @ vectors.T + phase) @ coefficient


def vary(body: Body, subject: Subject, names=None) -> Body:
    """Apply the subject's free-form deformation, thickening and surface roughness.

    Args:
        body: posed skeleton.
        subject: draws the fields; the same for every picture.
        names: bones to keep; all if None.
    """

    def warp(points):
        rng = subject.generator(1)
        large = displacement(points, rng, subject.warp_mm, 260.0)
        middle = displacement(points, rng, 0.16 * subject.warp_mm, 70.0)
        return points + large + middle

    def rough(bone):
        v = warp(bone.vertices)
        normal = meshes.vertex_normals(v, bone.faces)
        bump = displacement(v, subject.generator(2), 0.25, 14.0)[:, :1]
        growth = np.clip(subject.bone_growth_mm, -0.06 * np.ptp(v, axis=0).min(), 10.0)
        return replace(bone, vertices=v + normal * (bump + growth))

    return Body(
        {n: rough(b) for n, b in body.bones.items() if names is None or n in names},
        {n: replace(m, path=warp(m.path)) for n, m in body.muscles.items()},
        {n: (warp(p[None])[0], r) for n, (p, r) in body.frames.items()},
    )
