"""Classical methods that cluster pixels by grey level, or by grey level and texture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import skfuzzy
from scipy import ndimage
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from xnet_study.baselines.thresholding import exposed, prepare, texture_entropy
from xnet_tf import classes

SAMPLE = 2000
"""Clusters are found on about so many pixels, evenly spread; all pixels then join the nearest."""

TEXTURE_WEIGHT = 0.5
"""What deviation and entropy count beside grey; with as much weight, edges would be a cluster."""


def k_means(
    image: np.ndarray,
    scale: str = "linear",
    smooth: float = 0.0,
    field: float = 0.0,
    groups: tuple[int, int] = (3, 1),
    texture: int = 0,
) -> np.ndarray:
    """Cluster pixels by similarity: the brightest cluster is open beam, the darkest are bone.

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1], open beam bright.
        scale: see `thresholding.prepare`.
        smooth: standard deviation of a Gaussian blur, in pixels.
        field: see `thresholding.exposed`.
        groups: number of clusters, and how many of the darkest are bone; those between bone and
            beam are soft tissue.
        texture: 0 for grey level alone, else the radius within which texture is described.

    Returns:
        uint8 ``(H, W)``, class ids. An image with fewer values than clusters is all open beam.

    References:
        Lloyd, Least squares quantization in PCM, IEEE Trans. Inf. Theory 28 (1982), by
        scikit-learn.
    """

    def fit(sample: np.ndarray) -> np.ndarray:
        shares = _shares(sample, groups[0])
        start = (shares @ sample) / shares.sum(axis=1, keepdims=True)
        return KMeans(groups[0], init=start, n_init=1).fit(sample).cluster_centers_

    return _cluster(image, fit, groups, field, features(image, scale, smooth, texture))


def fuzzy_c_means(
    image: np.ndarray,
    scale: str = "linear",
    smooth: float = 0.0,
    field: float = 0.0,
    groups: tuple[int, int] = (3, 1),
    texture: int = 0,
    fuzziness: float = 2.0,
) -> np.ndarray:
    """Cluster pixels that may belong to several clusters in part; each goes where it belongs most.

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1], open beam bright.
        scale: see `thresholding.prepare`.
        smooth: standard deviation of a Gaussian blur, in pixels.
        field: see `thresholding.exposed`.
        groups: as in `k_means`.
        texture: as in `k_means`.
        fuzziness: exponent of the memberships, above 1; near 1 it is k-means.

    Returns:
        uint8 ``(H, W)``, class ids. An image with fewer values than clusters is all open beam.

    References:
        Bezdek, Pattern recognition with fuzzy objective function algorithms (1981), by
        scikit-fuzzy.
    """

    def fit(sample: np.ndarray) -> np.ndarray:
        start = _shares(sample, groups[0])
        return skfuzzy.cmeans(sample.T, groups[0], fuzziness, 1e-3, 100, init=start)[0]

    return _cluster(image, fit, groups, field, features(image, scale, smooth, texture))


def features(
    image: np.ndarray, scale: str = "linear", smooth: float = 0.0, texture: int = 0
) -> np.ndarray:
    """Describe each pixel by its grey level and, if asked, by the texture around it.

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1].
        scale: see `thresholding.prepare`.
        smooth: standard deviation of a Gaussian blur, in pixels.
        texture: 0, or the radius, in pixels, of the neighbourhood.

    Returns:
        float64 ``(H, W, 1)``, or ``(H, W, 4)``: grey, then local mean, standard deviation and
        entropy, each scaled to a standard deviation of 1 (the last two: `TEXTURE_WEIGHT`), unless
        it is the same everywhere.
    """
    grey = prepare(image, scale, smooth).astype(np.float64)
    if not texture:
        return grey[..., None]
    side = 2 * texture + 1
    mean = ndimage.uniform_filter(grey, side)
    variance = ndimage.uniform_filter(grey**2, side) - mean**2
    spread = np.sqrt(np.maximum(variance, 0))
    stack = np.stack([grey, mean, spread, texture_entropy(grey, texture)], axis=-1)
    deviation = stack.std(axis=(0, 1))
    weights = np.array([1, 1, TEXTURE_WEIGHT, TEXTURE_WEIGHT])
    return weights * stack / np.where(deviation > 1e-9, deviation, 1)


def _cluster(
    image: np.ndarray,
    fit: Callable[[np.ndarray], np.ndarray],
    groups: tuple[int, int],
    field: float,
    described: np.ndarray,
) -> np.ndarray:
    """Cluster the exposed pixels by what describes them; name the clusters by their brightness."""
    inside, (count, bone) = exposed(image, field), groups
    labels = np.full(inside.shape, classes.OPEN_BEAM, np.uint8)
    points = described[inside]
    sample = points[:: max(1, len(points) // SAMPLE)]
    if len(np.unique(sample, axis=0)) < count:
        return labels
    # One thread: the order in which several add up would decide the last digit.
    with threadpool_limits(1):
        centres = fit(sample)
    centres = centres[np.argsort(centres[:, 0])]
    nearest = ((points[:, None] - centres) ** 2).sum(axis=-1).argmin(axis=1)
    names = np.full(count, classes.SOFT_TISSUE, np.uint8)
    names[:bone], names[-1] = classes.BONE, classes.OPEN_BEAM
    labels[inside] = names[nearest]
    return labels


def _shares(sample: np.ndarray, count: int) -> np.ndarray:
    """Divide pixels by brightness into equal shares, a start without chance; float ``(C, N)``."""
    rank = np.argsort(np.argsort(sample[:, 0], kind="stable"))
    return np.eye(count)[rank * count // len(rank)].T
