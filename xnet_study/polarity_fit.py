"""Fit the polarity detector on the simulated radiographs and record how well it does.

    python -m xnet_study.polarity_fit --data runs/population/learning

Every image of the data sets is taken as it is, in logarithmic presentations, and as what hospitals
may make of raw pictures besides: gamma, sigmoid, local contrast equalisation, windows that clip,
crops (also without any open beam), rotations, collimators, noise. Half of the copies are inverted.
The accuracy is cross-validated with whole subjects left out; all subjects are simulated variants of
one skeleton. `xnet_study/polarity_check.py` measures it on other subjects.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from tqdm import tqdm

from xnet_io import polarity, radiographs
from xnet_tf import classes, dataset, runs
from xnet_tf.files import write_json

SEED = 2018
FOLDS = 5


PRESENTED = 4
"""Logarithmic presentations of each image, beside the image itself and the hospital copies."""


def presented(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Present a raw picture as displays show it, open beam still bright: logarithm and window.

    Args:
        image: float32 ``(H, W)`` in [0, 1], open beam bright.
        random: source of the logarithm's range and of the window's ends.

    Returns:
        float32 ``(H, W)`` in [0, 1], of 256 grey values.
    """
    shown = np.log1p(10 ** random.uniform(1.5, 3.5) * image)
    ends = (random.uniform(0, 5), 100 - random.choice([0, random.uniform(0, 20)]))
    low, high = np.percentile(shown, ends)
    shown = np.clip((shown - low) / max(high - low, 1e-6), 0, 1)
    return np.round(255 * shown).astype(np.float32) / 255


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
    image, share = _toned(image, random), _open_beam(mask)
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
    pair = [image, mask]
    if random.random() < 0.5:
        pair = [np.fliplr(array) for array in pair]
    quarters = int(random.integers(4))
    pair = [np.ascontiguousarray(np.rot90(array, quarters)) for array in pair]
    if random.random() < 0.5:
        return pair
    rows, columns = pair[1].shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), random.uniform(-45, 45), 1.25)
    return [
        cv2.warpAffine(array, matrix, (columns, rows), flags=how, borderMode=cv2.BORDER_REFLECT)
        for array, how in zip(pair, (cv2.INTER_LINEAR, cv2.INTER_NEAREST), strict=True)
    ]


def _cropped(image, mask, random):
    if random.random() < 0.3:
        return image, mask
    # Now and then the crop with the least open beam of many, so that full frames occur. Crops of
    # hardly anything but open beam are drawn again.
    tries = 20 if random.random() < 0.4 else 1
    least, best = 0.9, np.s_[:]
    for attempt in range(100):
        if least < 0.9 and attempt >= tries:
            break
        height, width = (int(n * random.uniform(0.35, 1)) for n in mask.shape)
        top = random.integers(mask.shape[0] - height + 1)
        left = random.integers(mask.shape[1] - width + 1)
        window = np.s_[top : top + height, left : left + width]
        open_beam = _open_beam(mask[window])
        if open_beam < least:
            least, best = open_beam, window
    return image[best], mask[best]


def _toned(image, random):
    kind = random.integers(4)
    if kind == 0:
        return image ** random.uniform(0.3, 3)
    if kind == 3:
        return image
    # The attenuation -ln I, which digital radiography presents, upside down.
    logarithm = np.log(image + 10 ** random.uniform(-4 if kind == 1 else -3, -1))
    if kind == 1:
        return logarithm
    middle = np.quantile(logarithm, random.uniform(0.2, 0.8))
    slope = random.uniform(1, 6) / max(float(np.ptp(logarithm)), 1e-3)
    return 1 / (1 + np.exp(-4 * slope * (logarithm - middle)))


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


def _open_beam(mask):
    return float((mask == classes.OPEN_BEAM).mean())


def measure(data: dataset.Dataset, copies: int) -> pd.DataFrame:
    """Measure every image of a data set, presentations and hospital copies of it; half inverted.

    Args:
        data: the data set.
        copies: hospital copies of each image, beside `PRESENTED` presentations and itself.

    Returns:
        One row a copy: the features, and in the index what is known of it: ``bright``,
        ``open_beam`` (its share of the picture), ``form``, ``subject``, ``body_part``.
    """
    forms = ["raw"] + ["presented"] * PRESENTED + ["altered"] * copies
    rows, known = [], []
    for number, row in enumerate(tqdm(data.manifest.itertuples(), "measuring", len(data.manifest))):
        image, mask = dataset.read_pair(data.folder, row)
        collimated = getattr(row, "collimated", "") == "1"
        for copy, form in enumerate(forms):
            random = np.random.default_rng([SEED, number, copy])
            picture, share = image[..., 0], _open_beam(mask)
            if form == "presented":
                picture = presented(picture, random)
            elif form == "altered":
                picture, share = hospital_copy(picture, mask, random, collimated)
            bright = bool(random.integers(2))
            exposed, picture = radiographs.stretched(picture if bright else 1 - picture)
            rows.append(polarity.features(picture[exposed]))
            known.append((bright, share, form, row.subject, row.body_part))
    names = ["bright", "open_beam", "form", "subject", "body_part"]
    return pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(known, names=names))


def scaled(measured: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Return features divided by their root mean squares, and these."""
    # A feature may never vary in a small data set.
    scale = np.sqrt((measured**2).mean()).replace(0, 1)
    return measured / scale, scale


def score(model: LogisticRegression, measured: pd.DataFrame) -> dict[str, object]:
    """Cross-validate with whole subjects left out.

    Args:
        model: the regression; copies of it are fitted.
        measured: of `measure`, scaled.

    Returns:
        Accuracy and number of copies: of all, and by what is known of them, ``sure`` being answers
        that reach the largest log odds.
    """
    known = measured.index.to_frame(index=False)
    folds = GroupKFold(min(FOLDS, known["subject"].nunique()))
    pairs, groups = (measured.to_numpy(), known["bright"]), known["subject"]
    odds = cross_val_predict(model, *pairs, groups=groups, cv=folds, method="decision_function")
    known["right"] = (odds > 0) == known["bright"]
    known["sure"] = np.abs(odds) >= polarity.LARGEST_LOG_ODDS
    known["open_beam_below_5_percent"] = known["open_beam"] < 0.05
    record = {"accuracy": round(known["right"].mean(), 4), "copies": len(known)}
    for name in ("form", "sure", "open_beam_below_5_percent", "body_part"):
        groups = known.groupby(known[name].astype(str))["right"]
        record[f"by_{name}"] = groups.agg(accuracy="mean", copies="size").round(4).to_dict("index")
    return record | {"subjects": known["subject"].nunique()}


def main() -> None:
    """Fit, write the coefficients with the record, print the record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    option, module = parser.add_argument, Path(polarity.__file__)
    option("--data", type=Path, nargs="+", default=[runs.data_folder()], help="data sets")
    option("--out", type=Path, default=module.with_suffix(".json"))
    option("--copies", type=int, default=2, help="hospital copies of each image")
    option("--strength", type=float, default=1.0, help="inverse L1 penalty")
    options = parser.parse_args()
    sets = [dataset.load(folder) for folder in options.data]
    measured, scale = scaled(pd.concat([measure(data, options.copies) for data in sets]))
    # No constant term: an inverted picture gets the opposite answer. The L1 penalty leaves the
    # features out that add nothing.
    model = LogisticRegression(
        C=options.strength, l1_ratio=1, solver="liblinear", fit_intercept=False, random_state=SEED
    )
    model.fit(measured.to_numpy(), measured.index.get_level_values("bright"))
    weights = (model.coef_[0] / scale).round(4)
    record = score(model, measured) | {
        "made_by": "xnet_study/polarity_fit.py",
        "seed": SEED,
        "inverse_l1_penalty": options.strength,
        "data": [data.fingerprint() for data in sets],
        "versions": runs.versions(),
    }
    write_json(options.out, {"coefficients": weights[weights != 0].to_dict(), "record": record})
    print(pd.Series(record).to_string())


if __name__ == "__main__":
    main()
