"""Count which pictures `xnet segment` warns of: radiographs, wrong polarity, no radiographs.

    python -m xnet_study.certainty.warnings_check [--data runs/population/calibration]

``results/warnings.csv`` gets a row for each kind of input, ``warnings.json`` says what it was made
of. Photographs, words and fonts are others than those that the measure was fitted on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from xnet_io import familiarity, polarity, radiographs
from xnet_io.radiographs import Radiograph
from xnet_study import real
from xnet_study.certainty import no_radiographs
from xnet_study.polarity_check import hospital_window
from xnet_tf import dataset, runs
from xnet_tf.files import save_table, sha256, write_json

SEED = 27
OTHERS = 300


def of_radiographs(data: dataset.Dataset) -> Iterator[tuple[str, Radiograph]]:
    """Read every picture of a data set as it is, and otherwise.

    Yields:
        The kind of input, and what was read.
    """
    for row in tqdm(data.manifest.itertuples(), "radiographs", len(data.manifest)):
        image = dataset.read_pair(data.folder, row)[0][..., 0]
        yield "plain", radiographs.interpret(image)
        yield "hospital window", radiographs.interpret(hospital_window(image))
        yield "wrong polarity given", radiographs.interpret(1 - image, polarity="bright")
        yield "right polarity given", radiographs.interpret(image, polarity="bright")


def of_others(count: int) -> Iterator[tuple[str, Radiograph]]:
    """Read pictures that are no radiographs."""
    for kind, picture in tqdm(no_radiographs.draw(count, SEED, "check"), "others", count):
        yield kind, radiographs.interpret(picture)


def of_real() -> Iterator[tuple[str, Radiograph]]:
    """Read the real radiographs."""
    for name, path in real.paths().items():
        yield f"real {name}", radiographs.load(path)


def table(readings: Iterator[tuple[str, Radiograph]], measure: familiarity.Familiarity):
    """Count the warnings.

    Args:
        readings: kinds of input, and what was read.
        measure: of the network.

    Returns:
        A row for each kind: ``images``, and the shares of them that are ``warned`` of, for their
        polarity or form (``by_reading``) and for being unlike radiographs (``by_features``).
    """
    rows = []
    for kind, radiograph in readings:
        unlike = bool(measure.doubts(radiograph.image[radiograph.exposed]))
        doubted = bool(radiograph.warnings)
        row = {"input": kind, "warned": unlike or doubted, "by_reading": doubted}
        rows.append(row | {"by_features": unlike})
    every = pd.DataFrame(rows)
    others = every["input"].isin(no_radiographs.KINDS)
    total = every[others].assign(input="no radiographs, all")
    groups = pd.concat([every, total]).groupby("input", sort=False)
    counted = groups.mean()
    counted.insert(0, "images", groups.size())
    return counted.reset_index()


def main() -> None:
    """Write the table and its record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=runs.population() / "calibration")
    parser.add_argument("--out", type=Path, default=runs.REPOSITORY / "results")
    options = parser.parse_args()
    data, measure = dataset.load(options.data), familiarity.load(runs.USER_WEIGHTS)

    def readings():
        yield from of_radiographs(data)
        yield from of_others(OTHERS)
        yield from of_real()

    result = table(readings(), measure)
    save_table(result, options.out / "warnings.csv")
    record = {
        "made_by": "xnet_study/certainty/warnings_check.py",
        "seed": SEED,
        "data": data.fingerprint(),
        "weights_sha256": sha256(runs.USER_WEIGHTS),
        "familiarity_sha256": sha256(familiarity.path_for(runs.USER_WEIGHTS)),
        "polarity_sha256": sha256(Path(polarity.__file__).with_suffix(".json")),
        "versions": runs.versions(),
    }
    write_json(options.out / "warnings.json", record)
    print(result.to_string(index=False))


if __name__ == "__main__":
    main()
