"""Measure how often the polarity is found, on subjects that neither fit nor choice has seen.

    python -m xnet_study.polarity_check [--data runs/population/calibration]

Every picture is read as it is and in two presentations of hospitals, each without and with a margin
of 1 to 15 % of its longer side. ``results/polarity.csv`` gets a row for each, ``polarity.json``
says what they were made of.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_io import polarity, radiographs
from xnet_io.radiographs import Radiograph
from xnet_study.certainty.robustness import windowed
from xnet_tf import dataset, runs
from xnet_tf.files import read_json, save_table, sha256, write_json

SEED = 27


def hospital_window(image: np.ndarray) -> np.ndarray:
    """Present a picture, float32 ``(H, W)``, air dark: logarithm, ends cut off, uint8."""
    return np.uint8(np.round(255 * (1 - windowed(image, image)[0])))


def logarithm(image: np.ndarray) -> np.ndarray:
    """Present a picture, float32 ``(H, W)``, air dark: three decades, nothing cut off, uint8."""
    return np.uint8(np.round(255 * (1 - np.log(image * 999 + 1) / np.log(1000))))


PRESENTATIONS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "raw": (lambda image: np.uint16(np.round(65535 * image)), "bright"),
    "hospital window": (hospital_window, "dark"),
    "logarithm": (logarithm, "dark"),
}
"""Name -> from a picture in [0, 1] to what a file holds, and how the open beam looks in that."""

MARGINS = {"none": None, "black": 0.0, "grey": 0.5, "white": 1.0}


def framed(picture: np.ndarray, share: float, level: float) -> np.ndarray:
    """Put a margin around a picture.

    Args:
        picture: ``(H, W)`` of an integer dtype.
        share: width of the margin, relative to the picture's longer side.
        level: its grey value, relative to the dtype's largest.
    """
    width = max(1, round(share * max(picture.shape)))
    return np.pad(picture, width, constant_values=round(level * np.iinfo(picture.dtype).max))


def measure(data: dataset.Dataset) -> pd.DataFrame:
    """Find the polarity of every picture of a data set in every presentation and margin.

    Returns:
        One row a reading: ``presentation``, ``margin``, ``body_part``, ``right`` (bool),
        ``certainty`` and ``warned`` (bool).
    """
    rows = []
    for number, row in enumerate(tqdm(data.manifest.itertuples(), "reading", len(data.manifest))):
        image = dataset.read_pair(data.folder, row)[0][..., 0]
        random = np.random.default_rng([SEED, number])
        for presentation, (present, truth) in PRESENTATIONS.items():
            shown = present(image)
            plain = radiographs.interpret(shown)
            for margin, level in MARGINS.items():
                radiograph = plain
                if level is not None:
                    radiograph = _read(framed(shown, random.uniform(0.01, 0.15), level), plain)
                about = {"presentation": presentation, "margin": margin, "body_part": row.body_part}
                right, warned = radiograph.polarity == truth, bool(radiograph.warnings)
                certainty = {"right": right, "certainty": radiograph.certainty, "warned": warned}
                rows.append(about | certainty)
    return pd.DataFrame(rows)


def _read(shown: np.ndarray, plain: Radiograph) -> Radiograph:
    """Read a picture with a margin; what is left without it may be the plain one, known already."""
    exposed, image = radiographs.stretched(shown)
    known = plain.image[plain.exposed][..., 0]
    known = known if plain.polarity == "bright" else 1 - known
    same = image[exposed].shape == known.shape and np.abs(image[exposed] - known).max() < 1e-6
    return plain if same else radiographs.interpret(shown)


def table(readings: pd.DataFrame) -> pd.DataFrame:
    """Count right readings by presentation and margin; the last row is of all."""

    def counts(group: pd.DataFrame) -> dict:
        wrong = ~group["right"]
        return {
            "images": len(group),
            "right": group["right"].mean(),
            "mean_certainty": group["certainty"].mean(),
            "warned": group["warned"].mean(),
            "wrong_without_warning": (wrong & ~group["warned"]).mean(),
        }

    keys = ["presentation", "margin"]
    groups = [*readings.groupby(keys, sort=False), (("all", "all"), readings)]
    return pd.DataFrame([dict(zip(keys, key, strict=True)) | counts(part) for key, part in groups])


def main() -> None:
    """Measure, write the table and its record, print them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=runs.population() / "calibration")
    parser.add_argument("--out", type=Path, default=runs.REPOSITORY / "results")
    options = parser.parse_args()
    data = dataset.load(options.data)
    readings = measure(data)
    result = table(readings)
    save_table(result, options.out / "polarity.csv")
    coefficients = Path(polarity.__file__).with_suffix(".json")
    record = {
        "made_by": "xnet_study/polarity_check.py",
        "seed": SEED,
        "data": data.fingerprint(),
        "subjects": int(data.manifest["subject"].nunique()),
        "coefficients_sha256": sha256(coefficients),
        "fitted_on": read_json(coefficients)["record"]["data"],
        "right_by_body_part": readings.groupby("body_part")["right"].mean().round(4).to_dict(),
        "versions": runs.versions(),
    }
    write_json(options.out / "polarity.json", record)
    print(result.to_string(index=False))


if __name__ == "__main__":
    main()
