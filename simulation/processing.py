"""What a hospital's workstation makes of a raw picture before anyone sees it.

Logarithm, a window on the body, less latitude, sharper edges, an S-shaped curve, few grey levels.
The result stays as all pictures here are: open beam bright, bone dark.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Look:
    """How one picture is processed; lengths in mm.

    Attributes:
        low: grey value, 0 bright to 1 dark, of the body's most exposed hundredth.
        high: the same of its least exposed.
        slope: steepness of the S-shaped curve; 0 is straight.
        flatten: share of the coarse differences of thickness that is taken away.
        coarse_mm: their size.
        sharpen: how much of the fine structure is added.
        fine_mm: its size.
        levels: grey levels.
        shutter: what the collimator hides is painted as the open beam is.
    """

    low: float = 0.1
    high: float = 0.95
    slope: float = 3.0
    flatten: float = 0.0
    coarse_mm: float = 40.0
    sharpen: float = 0.0
    fine_mm: float = 3.0
    levels: int = 4096
    shutter: bool = True


def draw_look(rng: np.random.Generator) -> Look:
    """Draw how a picture is processed."""
    return Look(
        low=float(rng.uniform(0.03, 0.3)),
        high=float(rng.uniform(0.8, 0.99)),
        slope=float(rng.uniform(0, 5)),
        flatten=float(rng.choice([0.0, rng.uniform(0.1, 0.75)])),
        coarse_mm=float(np.exp(rng.uniform(*np.log([15, 70])))),
        sharpen=float(rng.choice([0.0, rng.uniform(0.2, 2.5)])),
        fine_mm=float(np.exp(rng.uniform(*np.log([1.0, 12.0])))),
        levels=int(rng.choice([256, 1024, 4096])),
        shutter=bool(rng.random() < 0.5),
    )


def process(
    image: np.ndarray, body: np.ndarray, hidden: np.ndarray, pixel_mm: float, look: Look
) -> np.ndarray:
    """Process one picture.

    Args:
        image: float32 ``(rows, columns)`` in [0, 1], linear, open beam bright.
        body: bool of the same shape, what is no open beam.
        hidden: bool of the same shape, what the collimator hides.
        pixel_mm: pixel pitch.
        look: how.

    Returns:
        float32 of the same shape in [0, 1], open beam bright.
    """
    dark = -np.log(np.maximum(image, 3e-4))
    if look.flatten:
        dark = dark - look.flatten * (_blurred(dark, look.coarse_mm / pixel_mm) - dark.mean())
    if look.sharpen:
        dark = dark + look.sharpen * (dark - _blurred(dark, look.fine_mm / pixel_mm))
    inside = dark[body & ~hidden] if (body & ~hidden).sum() > 50 else dark
    least, most = np.quantile(inside, [0.01, 0.99])
    grey = look.low + (look.high - look.low) * (dark - least) / max(float(most - least), 0.05)
    grey = np.clip(grey, 0, 1)
    if look.slope:
        ends = 1 / (1 + np.exp(look.slope / 2))
        grey = (1 / (1 + np.exp(-look.slope * (grey - 0.5))) - ends) / (1 - 2 * ends)
    grey = np.round(np.clip(grey, 0, 1) * (look.levels - 1)) / (look.levels - 1)
    if look.shutter:
        grey = np.where(hidden, 0, grey)
    return (1 - grey).astype(np.float32)


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur, at a quarter of the resolution where it is broad."""
    if sigma < 6:
        return cv2.GaussianBlur(image, (0, 0), max(sigma, 0.3), borderType=cv2.BORDER_REFLECT)
    rows, columns = image.shape
    small = cv2.resize(image, (columns // 4, rows // 4), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4, borderType=cv2.BORDER_REFLECT)
    return cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR)
