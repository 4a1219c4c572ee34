"""Fit what tells radiographs from other pictures by a network's features (`xnet_io.familiarity`).

    python -m xnet_study.certainty.familiarity_fit --data data runs/population/learning

Radiographs of the data sets, as they are and in a presentation, against pictures that are none. The
log odds below which `xnet segment` warns are chosen on ``choice``, radiographs of other subjects.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from xnet_io import familiarity, radiographs
from xnet_study import polarity_fit
from xnet_study.certainty import no_radiographs
from xnet_tf import dataset, runs
from xnet_tf.files import sha256, write_json

SEED = 2018
OTHERS = 900
"""Pictures that are no radiographs."""

WARNED = 0.005
"""Share of the radiographs of ``choice``, as they are, that may be warned of."""

Measure = Callable[[np.ndarray], np.ndarray]


def of_radiographs(measure: Measure, data: dataset.Dataset) -> np.ndarray:
    """Measure every radiograph of a data set as it is, and in a presentation.

    Args:
        measure: from an image float32 ``(H, W, 1)`` to its features ``(D,)``.
        data: the data set, open beam bright.

    Returns:
        float64 ``(N, 2, D)``.
    """
    rows = []
    for number, row in enumerate(tqdm(data.manifest.itertuples(), "measuring", len(data.manifest))):
        image = dataset.read_pair(data.folder, row)[0][..., 0]
        random = np.random.default_rng([SEED, number])
        forms = [image, polarity_fit.presented(image, random)]
        rows.append([_measured(measure, form) for form in forms])
    return np.array(rows)


def of_others(measure: Measure, count: int) -> np.ndarray:
    """Measure pictures that are no radiographs: float64 ``(N, D)``."""
    pictures = no_radiographs.draw(count, SEED, "fit")
    return np.array([_measured(measure, picture) for _, picture in tqdm(pictures, total=count)])


def _measured(measure: Measure, shown: np.ndarray) -> np.ndarray:
    exposed, image = radiographs.stretched(shown)
    return measure(image[exposed][..., np.newaxis])


def fit(radiograph: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit a logistic regression.

    Args:
        radiograph: features ``(N, D)``.
        other: features ``(M, D)``.

    Returns:
        Coefficients ``(D,)`` and constant of the log odds that a picture is a radiograph.
    """
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000)
    )
    truth = np.repeat([True, False], [len(radiograph), len(other)])
    model.fit(np.concatenate([radiograph, other]), truth)
    scaler, regression = model[0], model[1]
    coefficients = regression.coef_[0] / scaler.scale_
    return coefficients, float(regression.intercept_[0] - coefficients @ scaler.mean_)


def main() -> None:
    """Fit, choose the limit, write both beside the weights."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    option = parser.add_argument
    option("--data", type=Path, nargs="+", default=[runs.data_folder()], help="radiographs")
    option("--choice", type=Path, default=runs.population() / "choice", help="other radiographs")
    option("--weights", type=runs.weights_path, default=runs.USER_WEIGHTS, metavar="FILE")
    options = parser.parse_args()
    measure = familiarity.Features(options.weights)
    sets, choice = [dataset.load(folder) for folder in options.data], dataset.load(options.choice)
    radiograph = np.concatenate([of_radiographs(measure, data) for data in sets])
    other = of_others(measure, OTHERS)
    coefficients, constant = fit(radiograph.reshape(-1, radiograph.shape[-1]), other)
    chosen_on = of_radiographs(measure, choice)[:, 0] @ coefficients + constant
    least = float(np.quantile(chosen_on, WARNED))
    content = {
        "constant": round(constant, 4),
        "least_log_odds": round(least, 4),
        "weights_sha256": sha256(options.weights),
        "made_by": "xnet_study/certainty/familiarity_fit.py",
        "seed": SEED,
        "radiographs": len(radiograph),
        "no_radiographs": OTHERS,
        "no_radiographs_above": round(float((other @ coefficients + constant >= least).mean()), 4),
        "data": [data.fingerprint() for data in sets],
        "chosen_on": choice.fingerprint(),
        "versions": runs.versions(),
        "coefficients": coefficients.round(4).tolist(),
    }
    print(write_json(familiarity.path_for(options.weights), content))


if __name__ == "__main__":
    main()
