"""Triangle meshes: connected pieces, smooth subdivision, filling a voxel grid by ray parity."""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def merge_vertices(vertices: np.ndarray, faces: np.ndarray, decimals: int = 4):
    """Join vertices that lie in one place, so that neighbouring faces share edges.

    Args:
        vertices: ``(V, 3)`` in mm.
        faces: int ``(F, 3)``.
        decimals: digits after which two positions count as one.

    Returns:
        Vertices and faces without duplicates and without degenerate faces.
    """
    _, first, inverse = np.unique(
        np.round(vertices, decimals), axis=0, return_index=True, return_inverse=True
    )
    faces = inverse.reshape(-1)[faces]
    proper = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
    )
    return vertices[first], faces[proper]


def split(vertices: np.ndarray, faces: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Separate a mesh into its connected pieces, most faces first."""
    n = len(vertices)
    rows = np.concatenate([faces[:, 0], faces[:, 1]])
    cols = np.concatenate([faces[:, 1], faces[:, 2]])
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, cols)), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    face_label = label[faces[:, 0]]
    pieces = []
    for piece in np.unique(face_label):
        chosen = faces[face_label == piece]
        used, local = np.unique(chosen, return_inverse=True)
        pieces.append((vertices[used], local.reshape(-1, 3)))
    pieces.sort(key=lambda p: (-len(p[1]), *p[0].mean(axis=0)))
    return pieces


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals, ``(V, 3)``; zero where no face touches a vertex."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    face_normal = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(normals, faces[:, i], face_normal)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / np.maximum(length, 1e-12)


def subdivide(vertices: np.ndarray, faces: np.ndarray):
    """Split every face into four and bulge the new vertices along the old normals.

    Edge midpoints lie on the curved PN triangle of Vlachos et al. (2001), which keeps the old
    vertices: unlike Loop subdivision, thin coarse bones do not shrink.

    Returns:
        Vertices ``(V + E, 3)`` and faces ``(4 F, 3)``.
    """
    normals = vertex_normals(vertices, faces)
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    unique, inverse = np.unique(edges, axis=0, return_inverse=True)
    p0, p1 = vertices[unique[:, 0]], vertices[unique[:, 1]]
    n0, n1 = normals[unique[:, 0]], normals[unique[:, 1]]
    w01 = np.sum((p1 - p0) * n0, axis=1, keepdims=True)
    w10 = np.sum((p0 - p1) * n1, axis=1, keepdims=True)
    middle = (p0 + p1) / 2 - (w01 * n0 + w10 * n1) / 8
    count = len(faces)
    m = len(vertices) + inverse.reshape(-1)
    m01, m12, m20 = m[:count], m[count : 2 * count], m[2 * count :]
    a, b, c = faces.T
    parts = [(a, m01, m20), (m01, b, m12), (m20, m12, c), (m01, m12, m20)]
    return (
        np.concatenate([vertices, middle]),
        np.concatenate([np.stack(part, axis=1) for part in parts]),
    )


def sample(vertices: np.ndarray, faces: np.ndarray, step: float) -> np.ndarray:
    """Points on the faces, nowhere further than about ``step`` mm apart, ``(N, 3)``."""
    corners = vertices[faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    parts = np.clip(np.ceil(longest / step), 1, 64).astype(int)
    points = [vertices]
    for n in np.unique(parts[parts > 1]):
        u, v = np.meshgrid(np.arange(n + 1) / n, np.arange(n + 1) / n)
        keep = u + v <= 1 + 1e-9
        weights = np.stack([1 - u[keep] - v[keep], u[keep], v[keep]], axis=1)
        points.append((weights @ corners[parts == n]).reshape(-1, 3))
    return np.concatenate(points)


@njit(cache=True)
def _toggle(points, faces, toggles):
    """Toggle ``toggles[j, k, i]`` where the line (j, k) along axis 0 meets a face before i."""
    n_i = toggles.shape[2] - 1
    for f in range(faces.shape[0]):
        p, q, r = points[faces[f, 0]], points[faces[f, 1]], points[faces[f, 2]]
        det = (q[1] - p[1]) * (r[2] - p[2]) - (r[1] - p[1]) * (q[2] - p[2])
        if abs(det) < 1e-12:
            continue
        j0 = max(int(np.ceil(min(p[1], q[1], r[1]))), 0)
        j1 = min(int(np.floor(max(p[1], q[1], r[1]))), toggles.shape[0] - 1)
        k0 = max(int(np.ceil(min(p[2], q[2], r[2]))), 0)
        k1 = min(int(np.floor(max(p[2], q[2], r[2]))), toggles.shape[1] - 1)
        for j in range(j0, j1 + 1):
            for k in range(k0, k1 + 1):
                u = ((j - p[1]) * (r[2] - p[2]) - (r[1] - p[1]) * (k - p[2])) / det
                v = ((q[1] - p[1]) * (k - p[2]) - (j - p[1]) * (q[2] - p[2])) / det
                if u < 0.0 or v < 0.0 or u + v > 1.0:
                    continue
                x = p[0] + u * (q[0] - p[0]) + v * (r[0] - p[0])
                i = min(max(int(np.ceil(x)), 0), n_i)
                toggles[j, k, i] ^= 1


@njit(cache=True)
def _vote(toggles, votes, axis):
    """Add 1 to the votes of every voxel that an odd number of crossings precedes."""
    for j in range(toggles.shape[0]):
        for k in range(toggles.shape[1]):
            last = 0
            total = 0
            for i in range(toggles.shape[2]):
                total += toggles[j, k, i]
            if total % 2 == 1:
                # An open mesh: this line is not to be trusted.
                continue
            for i in range(toggles.shape[2] - 1):
                last ^= toggles[j, k, i]
                if last:
                    if axis == 0:
                        votes[i, j, k] += 1
                    elif axis == 1:
                        votes[k, i, j] += 1
                    else:
                        votes[j, k, i] += 1


def fill(vertices: np.ndarray, faces: np.ndarray, origin, spacing: float, shape) -> np.ndarray:
    """Mark the voxels inside a mesh that need not be watertight.

    Lines along the three axes count crossings; a voxel is inside if two of its three lines say so.

    Args:
        vertices: ``(V, 3)`` in mm.
        faces: int ``(F, 3)``.
        origin: ``(3,)``, centre of voxel ``[0, 0, 0]`` in mm.
        spacing: edge of a voxel in mm.
        shape: three ints.

    Returns:
        bool array of the given shape.
    """
    # The offset keeps lines from running exactly through vertices of symmetric meshes.
    points = (np.asarray(vertices, np.float64) - origin) / spacing + np.array(
        [1.3e-4, 2.1e-4, 1.7e-4]
    )
    votes = np.zeros(shape, np.uint8)
    for axis in range(3):
        order = [axis, (axis + 1) % 3, (axis + 2) % 3]
        toggles = np.zeros((shape[order[1]], shape[order[2]], shape[axis] + 1), np.uint8)
        _toggle(np.ascontiguousarray(points[:, order]), faces, toggles)
        _vote(toggles, votes, axis)
    return votes >= 2
