"""Ribs, breast bone and costal cartilage as tubes: the model's own are too coarse to show.

Shaped on the rib cage of the model at rest (mm; +x left, +y back, +z up), whose heights, widths and
depths the table holds, and varied by subject: broad or narrow, flat or barrel-chested, ribs level
or steep.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from simulation.subjects import Subject

# Per rib: height of its head, drop to its front end, greatest half width, rearmost y, y and x of
# the front end.
_RIBS = np.array(
    [
        [1513, 52, 66, 254, 177, 30],
        [1496, 70, 97, 266, 153, 42],
        [1476, 80, 115, 276, 138, 50],
        [1452, 84, 126, 280, 129, 56],
        [1428, 88, 133, 283, 122, 62],
        [1409, 98, 138, 285, 115, 70],
        [1388, 106, 140, 286, 110, 80],
        [1362, 110, 139, 287, 114, 93],
        [1340, 116, 135, 287, 126, 104],
        [1316, 110, 127, 286, 146, 112],
        [1288, 78, 116, 280, 186, 111],
        [1262, 44, 96, 268, 236, 74],
    ],
    float,
)
_VERTEBRA_FRONT = (218, 222, 226, 230, 231, 234, 234, 235, 233, 229, 222, 207)
_STERNUM = np.array(
    # height, y of the middle, half width, half thickness
    [
        [1479, 176, 22, 6.0],
        [1474, 174, 31, 7.0],
        [1462, 168, 29, 7.0],
        [1445, 160, 20, 6.5],
        [1430, 153, 16, 6.2],
        [1422, 149, 15, 5.5],
        [1395, 137, 16, 5.2],
        [1365, 125, 19, 5.2],
        [1342, 118, 18, 5.0],
        [1332, 116, 10, 3.6],
        [1316, 115, 7, 3.0],
        [1304, 115, 4, 2.2],
    ]
)
_TORSO = np.array([0.0, 204.0, 1111.2])  # where the model's torso has its frame, at rest
_SQUARE = 2.5  # exponent of the superellipse that a rib follows
_SECTORS = 12


def tube_mesh(path: np.ndarray, across: np.ndarray, half: np.ndarray):
    """Closed tube of elliptical sections.

    Args:
        path: ``(N, 3)`` centre line.
        across: ``(N, 3)`` rough direction of each section's first axis.
        half: ``(N, 2)`` half axes along ``across`` and at right angles to it and to the path.

    Returns:
        Vertices and faces of a watertight mesh.
    """
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    first = across - along * np.sum(across * along, axis=1, keepdims=True)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(along, first)
    angle = np.linspace(0, 2 * np.pi, _SECTORS, endpoint=False)
    ring = (
        first[:, None] * half[:, :1, None] * np.cos(angle)[None, :, None]
        + second[:, None] * half[:, 1:, None] * np.sin(angle)[None, :, None]
    )
    vertices = (path[:, None] + ring).reshape(-1, 3)
    vertices = np.concatenate([vertices, path[:1], path[-1:]])
    i, j = np.meshgrid(np.arange(len(path) - 1), np.arange(_SECTORS), indexing="ij")
    a, b = (i * _SECTORS + j).ravel(), (i * _SECTORS + (j + 1) % _SECTORS).ravel()
    c, d = a + _SECTORS, b + _SECTORS
    k = np.arange(_SECTORS)
    last = (len(path) - 1) * _SECTORS
    tip, end = np.full(_SECTORS, len(vertices) - 2), np.full(_SECTORS, len(vertices) - 1)
    faces = [
        np.stack([a, b, c], 1),
        np.stack([b, d, c], 1),
        np.stack([tip, (k + 1) % _SECTORS, k], 1),
        np.stack([end, last + k, last + (k + 1) % _SECTORS], 1),
    ]
    return vertices, np.concatenate(faces)


def _resampled(points: np.ndarray, count: int) -> np.ndarray:
    """Smooth curve through points, evenly sampled."""
    length = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
    fine = CubicSpline(length, points)(np.linspace(0, length[-1], 6 * count))
    s = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))]
    even = np.linspace(0, s[-1], count)
    return np.stack([np.interp(even, s, fine[:, k]) for k in range(3)], axis=1)


def _rib(i: int, steep: float, shape: np.ndarray) -> np.ndarray:
    """Centre line of the left rib ``i`` (0 to 11) from head to front end."""
    top, drop, wide, back, front, inner = _RIBS[i]
    bend = 2 / _SQUARE
    stop = np.arcsin(min(inner / wide, 0.999) ** (1 / bend))
    stop = np.pi - stop if i < 11 else stop
    c = -np.sign(np.cos(stop)) * np.abs(np.cos(stop)) ** bend
    rim = (2 * front - back * (1 - c)) / (1 + c)
    phi = np.linspace(np.arcsin(0.5 ** (1 / bend)), stop, 9)
    x = wide * np.abs(np.sin(phi)) ** bend
    y = (back + rim) / 2 + (back - rim) / 2 * np.sign(np.cos(phi)) * np.abs(np.cos(phi)) ** bend
    head = _VERTEBRA_FRONT[i] + (22 if i < 10 else 26)
    x = np.r_[17, 33, x]
    y = np.r_[head, min(head + 22, back - 2), y]
    if i == 0:
        y[2:] = np.interp(np.linspace(0, 1, 9), [0, 0.5, 1], [254, 226, front])
        x[2:] = [46, 54, 60, 64, 66, 64, 57, 45, 30]
    length = np.r_[0.0, np.cumsum(np.hypot(np.diff(x), np.diff(y)))]
    s = np.clip((length - length[1]) / (length[-1] - length[1]), 0, 1)
    forward = np.clip((y.max() - y) / (y.max() - y[-1] + 1e-6), 0, 1)
    z = top - steep * drop * (0.45 * s + 0.55 * forward) + np.r_[0, 1, np.zeros(len(s) - 2)]
    return _resampled(np.stack([x, y, z], axis=1), 44) * shape


def _deepened(points: np.ndarray, depth: float) -> np.ndarray:
    """Move the front forward by a factor on its distance from the spine."""
    out = points.copy()
    ahead = np.maximum(262.0 - points[:, 1], 0.0)
    out[:, 1] -= (depth - 1) * ahead
    return out


def _section(i: int, count: int, thick: float) -> tuple[np.ndarray, np.ndarray]:
    """Half height and half thickness along rib ``i``: low and stout behind, flat in front."""
    s = np.linspace(0, 1, count)
    height = np.interp(s, [0, 0.04, 0.12, 0.5, 0.9, 1.0], [4.0, 4.1, 5.0, 5.2, 5.8, 5.4])
    depth = np.interp(s, [0, 0.05, 0.2, 0.5, 1.0], [4.1, 4.5, 4.7, 3.9, 3.3])
    if i == 0:
        height, depth = 2.9 + 0 * s, np.interp(s, [0, 0.1, 0.5, 1.0], [4.0, 5.5, 9.0, 8.0])
    size = 1.0 if i < 10 else 0.85 if i == 10 else 0.72
    tip = np.interp(s, [0, 0.93, 1.0], [1, 1, 0.75 if i < 10 else 0.35])
    return height * size * thick * tip, depth * size * thick * tip


def build(subject: Subject):
    """Yield ``(name, vertices, faces)`` in the frame of the model's torso.

    Names are ``rib00`` to ``rib23`` (right side first), ``sternum``, and ``costalNN`` for the
    cartilage of rib NN.
    """
    rng = subject.generator(4)
    wide, depth = rng.normal([1.03, 1.04], [0.045, 0.06]).clip(0.9, 1.18)
    steep = float(np.clip(rng.normal(0.92, 0.16), 0.6, 1.4))
    thick = float(np.clip(rng.normal(1.0 - 0.08 * (subject.female - 0.5), 0.07), 0.8, 1.2))
    shape = np.array([wide, 1.0, 1.0])
    sternum = _resampled(np.stack([0 * _STERNUM[:, 0], _STERNUM[:, 1], _STERNUM[:, 0]], axis=1), 40)
    middle = _deepened(sternum, depth)
    middle[:, 2] -= (steep - 1) * 45.0
    half = np.stack(
        [np.interp(-sternum[:, 2], -_STERNUM[:, 0], _STERNUM[:, k]) for k in (2, 3)], axis=1
    )
    yield "sternum", *_local(tube_mesh(middle, np.tile([1.0, 0, 0], (40, 1)), half))
    fronts = {}
    for side, sign in ((0, -1.0), (1, 1.0)):
        for i in range(12):
            path = _deepened(_rib(i, steep, shape), depth) * [sign, 1, 1]
            outward = np.gradient(path, axis=0)
            up = np.array([0.0, 0.0, 1.0])
            outward = np.cross(outward, up) * sign
            height, flat = _section(i, len(path), thick)
            # The lower edge lies further out where the chest narrows upwards.
            lean = {0: 0.0, 1: 0.75}.get(i, 0.22 if i < 6 else 0.05)
            across = up[None] + lean * outward / np.linalg.norm(outward, axis=1, keepdims=True)
            fronts[side, i] = path[-1], path[-1] - path[-4]
            half = np.stack([height, flat], axis=1)
            yield f"rib{12 * side + i:02d}", *_local(tube_mesh(path, across, half))
        for i in range(10):
            yield from _cartilage(i, side, sign, fronts, middle, thick)


def _cartilage(i: int, side: int, sign: float, fronts, middle: np.ndarray, thick: float):
    """Cartilage from a rib's front end to the breast bone, or to the cartilage above."""
    start, way = fronts[side, i]
    if i < 7:
        level = np.array([0.06, 0.27, 0.40, 0.52, 0.62, 0.70, 0.75])[i]
        k = int(level * (len(middle) - 1))
        stop = middle[k] + np.array([sign * (24 if i == 0 else 14), 1.0, 0.0])
    else:
        stop = fronts[side, i - 1][0] + np.array([-sign * 16.0, 2.0, 10.0])
    # Goes on downwards with the rib, then turns up to the breast bone.
    turn = start + way / np.linalg.norm(way) * (10.0 if i < 4 else 16.0)
    bow = 0.5 * (turn + stop) - [0, 3.0, 2.0 * max(i - 2, 0)]
    path = _resampled(np.stack([start, turn, bow, stop]), 16)
    half = np.linspace([6.4 * thick, 3.4 * thick], [4.6, 3.6], 16)
    across = np.tile([0.0, 0, 1.0], (16, 1))
    yield f"costal{12 * side + i:02d}", *_local(tube_mesh(path, across, half))


def _local(mesh):
    """From the body at rest to the frame of the torso: x forward, y up, z to the right."""
    vertices, faces = mesh
    d = vertices - _TORSO
    return np.stack([-d[:, 1], d[:, 2], -d[:, 0]], axis=1), faces
