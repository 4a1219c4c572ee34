"""Bones of myo_sim's full-body model, taken apart and named."""

from __future__ import annotations

import tempfile
import warnings
from contextlib import chdir
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simulation import meshes


@dataclass(frozen=True)
class Bone:
    """One bone (or costal cartilage) as a triangle mesh, in mm."""

    name: str
    body: str
    vertices: np.ndarray
    faces: np.ndarray


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
        # Small open pieces are discs. The model comes by size; the atlas is 1, as in anatomy.
        vertebrae = [p for p in parts if len(p[1]) > 200]
        heights = [p[0].mean(axis=0)[1] for p in vertebrae]
        for part, height in zip(vertebrae, heights, strict=True):
            yield f"cervical{1 + sum(h > height for h in heights)}", *part
    elif mesh.endswith("_foot"):
        names = ("calcaneus", *(f"metatarsal{i}" for i in range(1, 6)))
        # Metatarsals: from the great toe outwards; z points to the subject's right.
        out = 1 if side == "_r" else -1
        first, rest = parts[0], sorted(parts[1:6], key=lambda p: out * p[0].mean(axis=0)[2])
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
class Rig:
    """The loaded model and its bones."""

    model: object
    bones: tuple[Bone, ...]  # vertices in the frame of their body
    actuators: dict[int, int]  # tendon -> actuator


@lru_cache(maxsize=1)
def load() -> Rig:
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
    return Rig(model, tuple(bones), actuators)
