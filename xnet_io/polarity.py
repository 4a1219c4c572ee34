"""Tell from a radiograph alone whether its open beam is bright or dark.

Numbers are measured on a small copy of the picture and weighed by a sparse logistic regression.
Most use the rank of a grey value instead of the value, so that gamma, logarithm and window, which
hospitals apply, change nothing. Each number only changes its sign when the picture is inverted, and
the regression has no constant term: an inverted picture gets exactly the opposite answer.

`xnet_study/polarity_fit.py` fits the coefficients in `polarity.json`, which tells how well they do.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np

THUMBNAIL = 96
"""Longer side, in pixels, of the copy that is measured; it makes the scales below comparable."""

LARGEST_LOG_ODDS = 5.0
"""Answers are cut at this: simulated pictures cannot vouch for more (1 error in 240 there)."""

_COEFFICIENTS = Path(__file__).with_name("polarity.json")

# Rows and columns that vary by less than this share of the full range show no body.
_BAND_VARIATION = 0.1

# Gaussian standard deviations in pixels of the thumbnail, from cortical bone to a finger.
_SCALES = (1.0, 2.0, 4.0)

# Steps to either side of an edge, in pixels of the thumbnail.
_DISTANCES = (4, 8)


def log_odds(image: np.ndarray) -> float:
    """Return the log odds that the open beam of a radiograph is bright.

    Args:
        image: any real dtype ``(H, W)`` or ``(H, W, 1)``, finite.

    Returns:
        Natural logarithm of p / (1 - p), between -`LARGEST_LOG_ODDS` and +`LARGEST_LOG_ODDS`;
        positive for bright; 0 for a constant image.
    """
    measured = features(image)
    weights = _coefficients()
    total = sum(weight * measured[name] for name, weight in weights.items())
    return float(np.clip(total, -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS))


def features(image: np.ndarray) -> dict[str, float]:
    """Measure the quantities that the regression weighs; each is odd under inversion.

    Args:
        image: any real dtype ``(H, W)`` or ``(H, W, 1)``, finite.

    Returns:
        Name -> number without unit; all 0 for a constant image.
    """
    whole = _thumbnail(np.asarray(image, dtype=np.float32).reshape(image.shape[:2]))
    # A collimator's shadow looks like an open beam of the wrong polarity: measure inside it too,
    # once where nothing but the body varies, once far from the border.
    trimmed = _without_bands(whole)
    views = {"whole": _measure(whole), "middle": _measure(_middle(whole))}
    same = trimmed.shape == whole.shape
    views["trimmed"] = views["whole"] if same else _measure(trimmed)
    return {f"{name}, {view}": float(n) for view, m in views.items() for name, n in m.items()}


def _measure(part: np.ndarray) -> dict[str, float]:
    values = _thumbnail(part)
    ranks = _ranks(values)
    measured = _position(ranks) | _extremes(values, ranks)
    for distance in _DISTANCES:
        measured |= _edge_sides(values, distance)
    for scale in _SCALES:
        measured |= _structure(ranks, scale)
    return measured


@functools.cache
def _coefficients() -> dict[str, float]:
    return json.loads(_COEFFICIENTS.read_text(encoding="utf-8"))["coefficients"]


def _thumbnail(image: np.ndarray) -> np.ndarray:
    import cv2

    rows, columns = image.shape[:2]
    factor = THUMBNAIL / max(rows, columns)
    size = max(4, round(columns * factor)), max(4, round(rows * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, size, interpolation=method)
    spread = small.max() - small.min()
    return (small - small.min()) / spread if spread > 0 else np.full_like(small, 0.5)


def _without_bands(values: np.ndarray) -> np.ndarray:
    """Cut off the rows and columns beside the body, in which nearly nothing varies."""
    kept = tuple(_varying(values, axis) for axis in (1, 0))
    return np.ascontiguousarray(values[kept])


def _middle(values: np.ndarray) -> np.ndarray:
    """Cut off a fifth of each side."""
    rows, columns = values.shape
    top, left = rows // 5, columns // 5
    return np.ascontiguousarray(values[top : rows - top, left : columns - left])


def _varying(values: np.ndarray, axis: int) -> slice:
    """Return the longest run of lines along `axis` that vary: it crosses the body."""
    low, high = np.quantile(values, (0.05, 0.95), axis=axis)
    varies = np.concatenate([[False], high - low > _BAND_VARIATION, [False]])
    # A run is alternately entered and left; a slanted collimator's edge is a short run of its own.
    changes = np.flatnonzero(varies[1:] != varies[:-1])
    starts, ends = changes[::2], changes[1::2]
    if not len(starts) or (ends - starts).max() < THUMBNAIL // 8:
        return slice(None)
    longest = (ends - starts).argmax()
    return slice(int(starts[longest]), int(ends[longest]))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Replace values by their mean rank, from -0.5 to 0.5; equal values get equal ranks."""
    # 1024 steps: what differs by less is equal, so that rounding does not order a flat region.
    steps = np.round(values * 1023).astype(np.int64)
    counts = np.bincount(steps.ravel(), minlength=1024)
    below = np.cumsum(counts) - counts
    return ((below + counts / 2) / values.size - 0.5)[steps]


def _position(ranks: np.ndarray) -> dict[str, float]:
    """Brightness where the open beam usually is: along the border, in the corners."""
    rows, columns = ranks.shape
    margin, inner = max(1, min(rows, columns) // 16), min(rows, columns) // 4
    ring = np.ones(ranks.shape, dtype=bool)
    ring[margin:-margin, margin:-margin] = False
    centre = np.zeros(ranks.shape, dtype=bool)
    centre[inner : rows - inner, inner : columns - inner] = True
    side = 2 * margin
    corners = [
        ranks[vertical, horizontal].mean()
        for vertical in (slice(side), slice(-side, None))
        for horizontal in (slice(side), slice(-side, None))
    ]
    border = ranks[ring]
    return {
        "border above centre": border.mean() - ranks[centre].mean(),
        "corners": float(np.mean(corners)),
        "extreme corners": max(corners) + min(corners),
        "extremes on border": (border > 0.35).mean() - (border < -0.35).mean(),
    }


def _extremes(values: np.ndarray, ranks: np.ndarray) -> dict[str, float]:
    """Whether flat regions are bright: the open beam is flat, and may be saturated."""
    slope = _slope(_blur(values, 1.0))
    flattest = slope <= np.quantile(slope, 0.2)
    bright, dark = slope[ranks > 0.4].sum(), slope[ranks < -0.4].sum()
    deviation = values - values.mean()
    return {
        "flat regions": float(ranks[flattest].mean()),
        "slope against rank": _correlation(slope, ranks),
        "slope of extremes": _share(dark, bright),
        "saturation": (values > 0.98).mean() - (values < 0.02).mean(),
        "skewness": _ratio((deviation**3).mean(), (deviation**2).mean() ** 1.5),
    }


def _edge_sides(values: np.ndarray, distance: int) -> dict[str, float]:
    """Which side of strong edges is flatter: outside the skin nothing changes, inside it does."""
    smooth = _blur(values, 1.0)
    down, across = np.gradient(smooth)
    slope = np.hypot(down, across)
    y, x = np.nonzero(slope > np.quantile(slope, 0.85))
    steps = np.stack([down[y, x], across[y, x]]) / np.maximum(slope[y, x], 1e-9) * distance
    bottom, right = values.shape[0] - 1, values.shape[1] - 1
    brighter, darker = (
        slope[
            np.clip(np.round(y + way * steps[0]), 0, bottom).astype(int),
            np.clip(np.round(x + way * steps[1]), 0, right).astype(int),
        ]
        for way in (1, -1)
    )
    # Relative to the edge itself, so that every edge counts the same.
    edge = np.maximum(slope[y, x], 1e-9)
    flatter = np.log((darker / edge + 0.02) / (brighter / edge + 0.02))
    return {f"flat side of edges {distance}": float(flatter.mean()) if len(y) else 0.0}


def _structure(ranks: np.ndarray, scale: float) -> dict[str, float]:
    """Whether details of one size are dark on bright, as bones and bodies are in an open beam."""
    import cv2

    smooth = _blur(ranks, scale)
    detail = smooth - _blur(ranks, 1.6 * scale)
    down, across = np.gradient(smooth)
    slope = np.hypot(down, across)
    # The divergence of the gradient's direction: positive around dark convex shapes.
    length = np.where(slope > 1e-6, slope, np.inf)
    bend = np.gradient(down / length, axis=0) + np.gradient(across / length, axis=1)
    # The Hessian's eigenvalue of larger magnitude: positive along the floor of a dark line.
    down_down, down_across = np.gradient(down)
    across_across = np.gradient(across, axis=1)
    mean = (down_down + across_across) / 2
    root = np.sqrt(((down_down - across_across) / 2) ** 2 + down_across**2)
    line = mean + np.where(mean >= 0, root, -root)
    radius = round(1.5 * scale)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    bright = cv2.morphologyEx(ranks, cv2.MORPH_TOPHAT, kernel).mean()
    dark = cv2.morphologyEx(ranks, cv2.MORPH_BLACKHAT, kernel).mean()
    return {
        f"thin and dark {scale:g}": _share(dark, bright),
        f"detail skewness {scale:g}": _ratio((detail**3).mean(), (detail**2).mean() ** 1.5),
        f"bend {scale:g}": _ratio((slope * bend).mean(), slope.mean()) * scale,
        f"lines {scale:g}": _ratio((line * np.abs(line)).mean(), (line**2).mean()),
    }


def _blur(values: np.ndarray, scale: float) -> np.ndarray:
    import cv2

    return cv2.GaussianBlur(values, (0, 0), scale, borderType=cv2.BORDER_REFLECT)


def _slope(values: np.ndarray) -> np.ndarray:
    return np.hypot(*np.gradient(values))


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    return _ratio((first * second).mean(), np.sqrt((first**2).mean() * (second**2).mean()))


def _share(first: float, second: float) -> float:
    return _ratio(first - second, first + second)


def _ratio(above: float, below: float) -> float:
    # Structure this weak is rounding: a constant image shall give zeros, never NaN.
    return float(above / below) if below > 1e-12 else 0.0
