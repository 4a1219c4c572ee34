"""Contact sheets: raw picture, gamma-brightened picture and mask side by side; histograms."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from xnet_tf.classes import COLOURS, NAMES

TILE = 200
GAMMA = 0.4


def _tile(row: dict, data: Path) -> np.ndarray:
    """RGB ``(TILE + 14, 3 * TILE, 3)``: one picture three ways, with its name above."""
    image = np.asarray(Image.open(data / row["image"])).astype(np.float32) / 65535
    mask = np.asarray(Image.open(data / row["mask"]).convert("RGB"))
    scale = TILE / max(image.shape)
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    canvas = np.full((TILE + 14, 3 * TILE, 3), 90, np.uint8)
    for n, view in enumerate((image, image**GAMMA)):
        canvas[14 : 14 + size[1], n * TILE : n * TILE + size[0]] = (view * 255)[..., None]
    canvas[14 : 14 + size[1], 2 * TILE : 2 * TILE + size[0]] = mask
    text = f"{Path(row['image']).stem} {row['view']} {row['kvp']}kV {row['subject']}"
    text += "".join(f" {flag}" for flag in ("metal", "cast", "collimated") if row[flag] == "1")
    cv2.putText(
        canvas, text, (2, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 255, 255), 1, cv2.LINE_AA
    )
    return canvas


def write(
    data: Path, out: Path, only: str | None = None, columns: int = 4, rows: int = 8
) -> list[Path]:
    """Write contact sheets of a data set.

    Args:
        data: folder with ``manifest.csv``.
        out: folder for ``sheet-1.png`` and so on.
        only: a body part, to show no other.
        columns: pictures beside one another.
        rows: pictures below one another on a sheet.

    Returns:
        the files written.
    """
    with (data / "manifest.csv").open(encoding="utf-8") as file:
        listed = [row for row in csv.DictReader(file) if only in (None, row["body_part"])]
    order = {p: n for n, p in enumerate(dict.fromkeys(row["body_part"] for row in listed))}
    listed.sort(key=lambda row: (order[row["body_part"]], row["image"]))
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for n in range(0, len(listed), columns * rows):
        tiles = [_tile(row, data) for row in listed[n : n + columns * rows]]
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
        strips = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
        paths.append(out / f"sheet-{len(paths) + 1}.png")
        Image.fromarray(np.vstack(strips)).save(paths[-1])
    return paths


def overview(data: Path, path: Path, tile: int = 88, columns: int = 10) -> None:
    """Write one small sheet of a whole data set: brightened picture and mask, side by side.

    Args:
        data: folder with ``manifest.csv``.
        path: JPEG to write.
        tile: longer side of each picture in pixels.
        columns: pictures beside one another.
    """
    with (data / "manifest.csv").open(encoding="utf-8") as file:
        listed = list(csv.DictReader(file))
    rows = -(-len(listed) // columns)
    canvas = np.full((rows * (tile + 2), columns * (2 * tile + 6), 3), 90, np.uint8)
    for n, row in enumerate(listed):
        image = np.asarray(Image.open(data / row["image"])).astype(np.float32) / 65535
        mask = np.asarray(Image.open(data / row["mask"]).convert("RGB"))
        size = [max(1, round(side * tile / max(mask.shape))) for side in mask.shape[1::-1]]
        y, x = n // columns * (tile + 2), n % columns * (2 * tile + 6)
        grey = cv2.resize(image, size, interpolation=cv2.INTER_AREA) ** GAMMA * 255
        canvas[y : y + size[1], x : x + size[0]] = grey[..., None]
        small = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
        canvas[y : y + size[1], x + tile : x + tile + size[0]] = small
    Image.fromarray(canvas).save(path, quality=80)


def histogram(data: Path, bins: int = 20) -> np.ndarray:
    """Pixels of each class by intensity, float64 ``(3, bins)``, each class summing to 1."""
    counts = np.zeros((len(NAMES), bins))
    with (data / "manifest.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            image = np.asarray(Image.open(data / row["image"])) / 65535
            mask = np.asarray(Image.open(data / row["mask"]).convert("RGB"))
            for index, colour in enumerate(COLOURS):
                chosen = image[(mask == colour).all(axis=-1)]
                counts[index] += np.histogram(chosen, bins, (0, 1))[0]
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
