"""Fit the polarity detector on the simulated radiographs and record how well it does.

    python tools/fit_polarity.py [--data data] [--out xnet_tf/polarity.json] [--copies 24]

Every image of the data set is turned into what hospitals make of raw pictures: logarithm, gamma,
sigmoid, local contrast equalisation, windows that clip, crops (also without any open beam),
rotations, collimators, noise. Half of the copies are inverted. The accuracy is cross-validated with
whole subjects left out; all subjects are simulated variants of one skeleton.
"""

from __future__ import annotations

import argparse
import csv
import platform
from pathlib import Path

import cv2
import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from xnet_io.pictures import decode
from xnet_io.polarity import LARGEST_LOG_ODDS, features
from xnet_tf import classes
from xnet_tf.files import sha256, write_json

SEED = 2018
FOLDS = 5


def hospital_copy(
    image: np.ndarray, mask: np.ndarray, random: np.random.Generator, collimated: bool = False
) -> tuple[np.ndarray, float]:
    """Turn a raw picture into one as a hospital might store it, open beam still bright.

    Args:
        image: float32 ``(H, W)`` in [0, 1], open beam bright.
        mask: uint8 ``(H, W)``, class ids.
        random: source of all choices.
        collimated: whether the picture has a collimator's shadow already.

    Returns:
        float32 ``(h, w)`` in [0, 1], and the share of open beam in it.
    """
    image, mask = _turned(image, mask, random)
    image, mask = _cropped(image, mask, random)
    share = float((mask == classes.OPEN_BEAM).mean())
    image = _toned(image, random)
    if random.random() < 0.3:
        # Local equalisation: what varies slowly is weakened, as multi-scale processing does.
        weight = random.uniform(0.2, 0.7)
        image = image - weight * cv2.GaussianBlur(image, (0, 0), random.uniform(10, 40))
    low = np.quantile(image, random.choice([0, random.uniform(0, 0.15)]))
    high = np.quantile(image, random.choice([1, random.uniform(0.7, 1)]))
    image = np.clip((image - low) / max(high - low, 1e-3), 0, 1)
    if random.random() < 0.3 and not collimated:
        image = _collimated(image, random)
    if random.random() < 0.2:
        image = _marked(image, random)
    if random.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.5, 2))
    noise = random.uniform(0, 0.03) * random.standard_normal(image.shape)
    return np.clip(image + noise, 0, 1).astype(np.float32), share


def _turned(image, mask, random):
    if random.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    quarters = int(random.integers(4))
    image, mask = np.rot90(image, quarters), np.rot90(mask, quarters)
    if random.random() < 0.5:
        return np.ascontiguousarray(image), np.ascontiguousarray(mask)
    rows, columns = image.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), random.uniform(-45, 45), 1.25)
    size = (columns, rows)
    border = cv2.BORDER_REFLECT
    turned = cv2.warpAffine(np.ascontiguousarray(image), matrix, size, borderMode=border)
    method = cv2.INTER_NEAREST
    labels = cv2.warpAffine(
        np.ascontiguousarray(mask), matrix, size, flags=method, borderMode=border
    )
    return turned, labels


def _cropped(image, mask, random):
    rows, columns = image.shape
    if random.random() < 0.3:
        return image, mask
    # Now and then the crop with the least open beam of many, so that full frames occur. Crops of
    # hardly anything but open beam are drawn again.
    tries = 20 if random.random() < 0.4 else 1
    best = None
    for attempt in range(100):
        if best and attempt >= tries:
            break
        height, width = (int(n * random.uniform(0.35, 1)) for n in (rows, columns))
        top, left = random.integers(rows - height + 1), random.integers(columns - width + 1)
        window = np.s_[top : top + height, left : left + width]
        open_beam = (mask[window] == classes.OPEN_BEAM).mean()
        if open_beam < (0.9 if best is None else best[0]):
            best = open_beam, window
    return (image[best[1]], mask[best[1]]) if best else (image, mask)


def _toned(image, random):
    kind = random.integers(4)
    if kind == 0:
        return image ** random.uniform(0.3, 3)
    if kind == 1:
        # The attenuation -ln I, which digital radiography presents, upside down.
        return np.log(image + 10 ** random.uniform(-4, -1))
    if kind == 2:
        logarithm = np.log(image + 10 ** random.uniform(-3, -1))
        middle = np.quantile(logarithm, random.uniform(0.2, 0.8))
        slope = random.uniform(1, 6) / max(float(np.ptp(logarithm)), 1e-3)
        return 1 / (1 + np.exp(-4 * slope * (logarithm - middle)))
    return image


def _collimated(image, random):
    # The open part is a rectangle, seldom quite straight, with a soft edge (the focal spot).
    rows, columns = image.shape
    depths = [random.choice([0, 0.02, random.uniform(0.03, 0.35)]) for _ in range(4)]
    size = (1 - depths[0] - depths[1]) * columns, (1 - depths[2] - depths[3]) * rows
    middle = (1 + depths[0] - depths[1]) * columns / 2, (1 + depths[2] - depths[3]) * rows / 2
    angle = random.choice([0, random.uniform(-3, 3), random.uniform(-20, 20)])
    corners = cv2.boxPoints((middle, size, angle)).round().astype(np.int32)
    opened = cv2.fillConvexPoly(np.zeros(image.shape, dtype=np.float32), corners, 1.0)
    opened = cv2.GaussianBlur(opened, (0, 0), random.uniform(0.3, 0.02 * columns + 0.3))
    level = random.choice([0, random.uniform(0, 0.15)])
    return level + opened * (image - level)


def _marked(image, random):
    # A lead letter: as dark as the picture gets.
    letters = np.zeros(image.shape, dtype=np.uint8)
    place = tuple(int(random.uniform(0.05, 0.85) * n) for n in image.shape[::-1])
    size = image.shape[1] / 200
    letter, thickness = str(random.choice(["L", "R"])), max(1, round(2 * size))
    cv2.putText(letters, letter, place, cv2.FONT_HERSHEY_SIMPLEX, size, 1, thickness)
    return np.where(letters > 0, 0, image)


def measure(data: Path, copies: int) -> dict[str, np.ndarray]:
    """Measure hospital copies of every image of a data set, half of them inverted.

    Returns:
        "features" ``(N, F)``, "bright" ``(N,)``, "open_beam" ``(N,)`` share of the picture,
        "altered" ``(N,)`` False for the pictures as simulated, "subject" ``(N,)``,
        "body_part" ``(N,)``, and "names", the F names.
    """
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    measured: dict[str, list] = {
        name: [] for name in ("features", "bright", "open_beam", "altered", "subject", "body_part")
    }
    for number, row in enumerate(rows):
        image = _read_raw(data, row["image"], "images")
        mask = _read_mask(data, row["mask"])
        collimated = row.get("collimated") == "1"
        for copy in range(copies):
            random = np.random.default_rng([SEED, number, copy])
            if copy == 0:
                picture, share = image, float((mask == classes.OPEN_BEAM).mean())
            else:
                picture, share = hospital_copy(image, mask, random, collimated)
            bright = bool(random.integers(2))
            found = features(picture if bright else 1 - picture)
            measured["features"].append(list(found.values()))
            measured["bright"].append(bright)
            measured["open_beam"].append(share)
            measured["altered"].append(copy > 0)
            measured["subject"].append(row["subject"])
            measured["body_part"].append(row["body_part"])
    arrays = {name: np.array(values) for name, values in measured.items()}
    return arrays | {"names": np.array(list(found))}


def _find(data: Path, name: str, folder: str) -> Path:
    return data / name if (data / name).exists() else data / folder / name


def _read_raw(data: Path, name: str, folder: str) -> np.ndarray:
    pixels = decode(_find(data, name, folder)).pixels[..., 0].astype(np.float32)
    return (pixels - pixels.min()) / max(float(np.ptp(pixels)), 1)


def _read_mask(data: Path, name: str) -> np.ndarray:
    from xnet_io.masks import read_mask

    return read_mask(_find(data, name, "masks"))


def fit(measured: dict[str, np.ndarray], strength: float) -> tuple[LogisticRegression, np.ndarray]:
    """Return a regression without constant term, and the root mean squares it was scaled by."""
    scale = np.sqrt((measured["features"] ** 2).mean(axis=0))
    # A feature may never vary in a small data set.
    scale[scale == 0] = 1
    # The L1 penalty leaves the features out that add nothing.
    model = LogisticRegression(
        C=strength, l1_ratio=1, solver="liblinear", fit_intercept=False, random_state=SEED
    )
    return model.fit(measured["features"] / scale, measured["bright"]), scale


def score(measured: dict[str, np.ndarray], strength: float) -> dict[str, float]:
    """Cross-validate with whole subjects left out.

    Returns:
        Accuracies: of all copies, of the pictures as simulated, of those with less and more
        than 5 % open beam, of the worst body
        part, and of the answers that reach the largest log odds (with their share).
    """
    model, scale = fit(measured, strength)
    folds = GroupKFold(min(FOLDS, len(set(measured["subject"]))))
    odds = cross_val_predict(
        model,
        measured["features"] / scale,
        measured["bright"],
        groups=measured["subject"],
        cv=folds,
        method="decision_function",
    )
    right = (odds > 0) == measured["bright"]
    full = measured["open_beam"] < 0.05
    altered = measured["altered"]
    sure = np.abs(odds) >= LARGEST_LOG_ODDS
    parts = {part: right[measured["body_part"] == part].mean() for part in measured["body_part"]}
    worst = min(parts, key=parts.get)
    return {
        "accuracy": round(float(right.mean()), 4),
        "accuracy_unaltered": round(float(right[~altered].mean()), 4),
        "accuracy_open_beam_below_5_percent": round(float(right[full].mean()), 4),
        "accuracy_open_beam_from_5_percent": round(float(right[~full].mean()), 4),
        "accuracy_of_sure_answers": round(float(right[sure].mean()), 4) if sure.any() else None,
        "share_of_sure_answers": round(float(sure.mean()), 4),
        "worst_body_part": str(worst),
        "accuracy_worst_body_part": round(float(parts[worst]), 4),
        "copies": len(right),
        "copies_open_beam_below_5_percent": int(full.sum()),
        "subjects": len(set(measured["subject"])),
    }


def main() -> None:
    """Fit, write the coefficients with the record, print the record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("xnet_tf/polarity.json"))
    parser.add_argument("--copies", type=int, default=24, help="hospital copies of each image")
    parser.add_argument("--strength", type=float, default=1.0, help="inverse L1 penalty")
    options = parser.parse_args()
    measured = measure(options.data, options.copies)
    model, scale = fit(measured, options.strength)
    coefficients = dict(
        zip(measured["names"].tolist(), (model.coef_[0] / scale).tolist(), strict=True)
    )
    record = score(measured, options.strength) | {
        "made_by": "tools/fit_polarity.py",
        "seed": SEED,
        "inverse_l1_penalty": options.strength,
        "manifest_sha256": sha256(options.data / "manifest.csv"),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }
    rounded = {name: round(value, 4) for name, value in coefficients.items() if value}
    write_json(options.out, {"coefficients": rounded, "record": record})
    for name, value in record.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
