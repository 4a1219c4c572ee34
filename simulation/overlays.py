"""What lies beside and above the patient: positioning foam, pillows, clothing, lead letters.

They are drawn as areal densities in the detector's plane and not as voxels: faint, unlimited in
shape, and sharp where a voxel would be too coarse.
"""

from __future__ import annotations

import cv2
import numpy as np

_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)


def smooth_field(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth random field, float32 ``shape``, zero mean, unit variance.

    Args:
        shape: rows, columns.
        scale: size of its structures in pixels.
        rng: generator.
    """
    coarse = [max(3, int(n / scale) + 3) for n in shape]
    field = rng.standard_normal(coarse).astype(np.float32)
    field = cv2.resize(field, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return (field - field.mean()) / max(float(field.std()), 1e-6)


def foam(shape: tuple[int, int], pixel_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Areal density of a positioning wedge or block in g/cm2, float32 ``shape``."""
    rows, columns = shape
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:rows, :columns]
    x = x - columns * rng.uniform(0.1, 0.9)
    y = y - rows * rng.uniform(0.1, 0.9)
    u, v = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    half = rng.uniform(0.2, 0.7, 2) * max(shape)
    edge = rng.uniform(0.5, 4.0) / pixel_mm
    inside = np.clip(np.minimum(half[0] - np.abs(u), half[1] - np.abs(v)) / edge, 0, 1)
    wedge = 1 + rng.uniform(-0.9, 0.9) * np.clip(u / half[0], -1, 1)
    grain = 1 + 0.02 * smooth_field(shape, rng.uniform(3, 8), rng)
    return (rng.uniform(0.05, 0.35) * inside * wedge * grain).astype(np.float32)


def pillow(shape: tuple[int, int], pixel_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Areal density of a pillow, a lumpy cushion, in g/cm2, float32 ``shape``."""
    blob = smooth_field(shape, 120 / pixel_mm, rng) + rng.uniform(-0.5, 0.8)
    body = 1 / (1 + np.exp(-np.clip(blob * 8, -30, 30)))
    lumps = 1 + 0.2 * smooth_field(shape, 25 / pixel_mm, rng) + 0.05 * smooth_field(shape, 4, rng)
    return (rng.uniform(0.04, 0.2) * body * np.maximum(lumps, 0)).astype(np.float32)


def cloth(shape: tuple[int, int], pixel_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Areal density of a sheet with folds in g/cm2, float32 ``shape``."""
    rows, columns = shape
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[:rows, :columns]
    phase = (x * np.cos(angle) + y * np.sin(angle)) * pixel_mm / rng.uniform(15, 60)
    phase = phase + 1.2 * smooth_field(shape, 60 / pixel_mm, rng)
    ridge = np.exp(-((np.abs(np.sin(phase)) / rng.uniform(0.06, 0.25)) ** 2))
    ridge *= np.clip(0.4 + smooth_field(shape, 80 / pixel_mm, rng), 0, 2)
    end = smooth_field(shape, 200 / pixel_mm, rng) + rng.uniform(-0.4, 1.5)
    inside = np.clip(end * 20, 0, 1)
    return (rng.uniform(0.015, 0.05) * inside * (1 + 2.5 * ridge)).astype(np.float32)


def letter(
    label: np.ndarray, pixel_mm: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Coverage of a lead side marker in [0, 1], float32, where no bone lies if that can be.

    Args:
        label: uint8 ``(rows, columns)`` class ids; the marker avoids bone.
        pixel_mm: pixel pitch; letters are 8 to 15 mm high.
        rng: generator of this picture.

    Returns:
        coverage by lead, and by the plastic plate that may hold it; both ``(rows, columns)``.
    """
    rows, columns = label.shape
    text = str(rng.choice(["L", "R", "R", "L", "RE", "LI", "AP", "B", "7", "K3"]))
    height = rng.uniform(8, 15) / pixel_mm
    size = int(height * 2.2 * len(text)) + 4
    up = 8
    canvas = np.zeros((size * up, size * up), np.uint8)
    font = _FONTS[rng.integers(len(_FONTS))]
    scale = height * up / cv2.getTextSize("R", font, 1.0, 1)[0][1]
    thick = max(1, int(height * up * rng.uniform(0.14, 0.24)))
    (width, tall), _ = cv2.getTextSize(text, font, scale, thick)
    middle = size * up // 2
    cv2.putText(
        canvas,
        text,
        (middle - width // 2, middle + tall // 2),
        font,
        scale,
        255,
        thick,
        cv2.LINE_AA,
    )
    plate = np.zeros_like(canvas)
    if rng.random() < 0.6:
        half = np.array([width, tall]) // 2 + int(height * up * rng.uniform(0.2, 0.5))
        cv2.rectangle(plate, (middle - half).tolist(), (middle + half).tolist(), 255, -1)
    if rng.random() < 0.3:
        canvas = canvas[:, ::-1].copy()  # seen from behind
    angle = rng.normal(0, 8) if rng.random() < 0.5 else rng.uniform(-180, 180)
    turn = cv2.getRotationMatrix2D((middle, middle), angle, 1.0)
    coverage = np.zeros((2, rows, columns), np.float32)
    if size >= min(label.shape):
        return coverage[0], coverage[1]
    spots = np.stack([rng.integers(0, rows - size, 24), rng.integers(0, columns - size, 24)], 1)
    bone = [np.mean(label[r : r + size, c : c + size] == 2) for r, c in spots]
    row, column = spots[int(np.argmin(bone))]
    for n, drawn in enumerate((canvas, plate)):
        stamp = cv2.resize(
            cv2.warpAffine(drawn, turn, drawn.shape[::-1]),
            (size, size),
            interpolation=cv2.INTER_AREA,
        )
        coverage[n, row : row + size, column : column + size] = stamp / np.float32(255)
    return coverage[0], coverage[1]
