"""Fit the polarity detector on the simulated radiographs and record how well it does.

    python -m xnet_study.polarity_fit [--data DIR] [--copies 24] [--out xnet_io/polarity.json]

Every image of the data set is turned into what hospitals make of raw pictures: logarithm, gamma,
sigmoid, local contrast equalisation, windows that clip, crops (also without any open beam),
rotations, collimators, noise. Half of the copies are inverted. The accuracy is cross-validated with
whole subjects left out; all subjects are simulated variants of one skeleton.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from tqdm import tqdm

from xnet_io import polarity
from xnet_tf import classes, dataset
from xnet_tf.files import write_json

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


def measure(data: dataset.Dataset, copies: int) -> pd.DataFrame:
    """Measure hospital copies of every image of a data set, half of them inverted.

    The first copy of each image is the image as simulated.

    Returns:
        One row a copy: the features, and in the index what is known of it: ``bright``,
        ``open_beam`` (its share of the picture), ``altered``, ``subject``, ``body_part``.
    """
    rows, known = [], []
    for number, row in enumerate(tqdm(data.manifest.itertuples(), "measuring", len(data.manifest))):
        image, mask = dataset.read_pair(data.folder, row)
        for copy in range(copies):
            random = np.random.default_rng([SEED, number, copy])
            picture, share = image[..., 0], float((mask == classes.OPEN_BEAM).mean())
            if copy:
                collimated = getattr(row, "collimated", "") == "1"
                picture, share = hospital_copy(picture, mask, random, collimated)
            bright = bool(random.integers(2))
            rows.append(polarity.features(picture if bright else 1 - picture))
            known.append((bright, share, copy > 0, row.subject, row.body_part))
    names = ["bright", "open_beam", "altered", "subject", "body_part"]
    return pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(known, names=names))


def fit(measured: pd.DataFrame, strength: float) -> tuple[LogisticRegression, pd.Series]:
    """Return a regression without constant term, and the root mean squares it was scaled by."""
    # A feature may never vary in a small data set.
    scale = np.sqrt((measured**2).mean()).replace(0, 1)
    # The L1 penalty leaves the features out that add nothing.
    model = LogisticRegression(
        C=strength, l1_ratio=1, solver="liblinear", fit_intercept=False, random_state=SEED
    )
    bright = measured.index.get_level_values("bright")
    return model.fit((measured / scale).to_numpy(), bright), scale


def score(measured: pd.DataFrame, strength: float) -> dict[str, object]:
    """Cross-validate with whole subjects left out.

    Returns:
        Accuracies: of all copies, of the pictures as simulated, of those with less and more than
        5 % open beam, of the worst body part, and of the answers that reach the largest log odds
        (with their share).
    """
    model, scale = fit(measured, strength)
    known = measured.index.to_frame(index=False)
    odds = cross_val_predict(
        model,
        (measured / scale).to_numpy(),
        known["bright"],
        groups=known["subject"],
        cv=GroupKFold(min(FOLDS, known["subject"].nunique())),
        method="decision_function",
    )
    right = (odds > 0) == known["bright"]
    sure = np.abs(odds) >= polarity.LARGEST_LOG_ODDS
    full = known["open_beam"] < 0.05
    parts = right.groupby(known["body_part"]).mean()
    accuracies = {
        "accuracy": right.mean(),
        "accuracy_unaltered": right[~known["altered"]].mean(),
        "accuracy_open_beam_below_5_percent": right[full].mean(),
        "accuracy_open_beam_from_5_percent": right[~full].mean(),
        "accuracy_of_sure_answers": right[sure].mean() if sure.any() else None,
        "share_of_sure_answers": sure.mean(),
        "accuracy_worst_body_part": parts.min(),
    }
    return {name: value and round(float(value), 4) for name, value in accuracies.items()} | {
        "worst_body_part": str(parts.idxmin()),
        "copies": len(right),
        "copies_open_beam_below_5_percent": int(full.sum()),
        "subjects": known["subject"].nunique(),
    }


def main() -> None:
    """Fit, write the coefficients with the record, print the record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="data set (default: XNET_DATA, else data)")
    parser.add_argument("--out", type=Path, default=Path(polarity.__file__).with_suffix(".json"))
    parser.add_argument("--copies", type=int, default=24, help="hospital copies of each image")
    parser.add_argument("--strength", type=float, default=1.0, help="inverse L1 penalty")
    options = parser.parse_args()
    data = dataset.load(options.data)
    measured = measure(data, options.copies)
    model, scale = fit(measured, options.strength)
    weights = (model.coef_[0] / scale).round(4)
    record = score(measured, options.strength) | {
        "made_by": "xnet_study/polarity_fit.py",
        "seed": SEED,
        "inverse_l1_penalty": options.strength,
        "data": data.fingerprint(),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }
    write_json(options.out, {"coefficients": weights[weights != 0].to_dict(), "record": record})
    for name, value in record.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
