"""Can the bone be seen beside the flesh? Three ratios, from the strictest to the kindest.

All take a finished picture at its native size and look at bone and soft tissue that lie within
``REACH`` pixels of each other; all are NaN where a picture has no such place.
"""

from __future__ import annotations

import cv2
import numpy as np

from simulation.render import Picture

REACH = 5
"""Pixels from the border between bone and tissue that still count as beside it."""

RIM = 2
"""Pixels along the open beam that :func:`local` leaves out: two standard deviations of the blur.

There the flesh's signal is mixed with the open beam's, five to ten times as bright; where bone lies
just below the skin, this rim and not the tissue would decide what counts as the tissue's noise."""


def over_spread(picture: Picture) -> float:
    """Contrast over the tissue's standard deviation along all of the bones' outline.

    The spread counts how thickness, gas and fat differ from one end of the picture to the other;
    below 1 no single threshold tells bone from the tissue beside it, however well the eye does.
    """
    bone, tissue = _beside(picture.label)
    if not bone.any():
        return float("nan")
    difference = picture.image[bone].mean() - picture.image[tissue].mean()
    return float(abs(difference) / max(picture.image[tissue].std(), 1e-9))


def local(picture: Picture) -> float:
    """Contrast-to-noise ratio as an eye has it, which compares a bone with the flesh beside it.

    Around each place on the outline, in a Gaussian window that reaches ``REACH`` pixels (two
    standard deviations): the means of bone and tissue, and the tissue's standard deviation, which
    counts as noise whatever its cause, quanta or anatomy, but for the :data:`RIM` along the open
    beam. The picture's ratio is the mean of |difference of means| over the root mean square of that
    noise.
    """
    image = picture.image.astype(np.float64)
    bone, tissue = (picture.label == k for k in (2, 1))
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RIM + 1, 2 * RIM + 1))
    tissue &= cv2.dilate((picture.label == 0).astype(np.uint8), rim) == 0
    shares = [_window(mask.astype(np.float64)) for mask in (bone, tissue)]
    border = np.minimum(*shares) > 0.2
    if border.sum() < 30:
        return float("nan")
    means = [
        _window(image * mask)[border] / share[border]
        for mask, share in zip((bone, tissue), shares, strict=True)
    ]
    squares = _window(image**2 * tissue)[border] / shares[1][border]
    noise = np.sqrt(np.mean(np.maximum(squares - means[1] ** 2, 0)))
    return float(np.mean(np.abs(means[0] - means[1])) / max(noise, 1e-9))


def over_quanta(picture: Picture) -> float:
    """Contrast over the known quantum noise of the tissue (root mean square)."""
    bone, tissue = _beside(picture.label)
    if not bone.any():
        return float("nan")
    noise = np.sqrt(np.mean(picture.noise[tissue] ** 2))
    difference = picture.clean[bone].mean() - picture.clean[tissue].mean()
    return float(abs(difference) / max(noise, 1e-9))


def _window(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), REACH / 2)


def _beside(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bone near tissue and tissue near bone, bool; both empty if either is too small to measure."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * REACH + 1, 2 * REACH + 1))
    bone, tissue = label == 2, label == 1
    near = [
        mine & cv2.dilate(other.astype(np.uint8), disc).astype(bool)
        for mine, other in ((bone, tissue), (tissue, bone))
    ]
    if min(n.sum() for n in near) < 10:
        return np.zeros_like(bone), np.zeros_like(bone)
    return near[0], near[1]
