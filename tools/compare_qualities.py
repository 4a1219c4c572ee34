"""What looking at a radiograph in several ways gives: the qualities of `segment`, side by side.

    python tools/compare_qualities.py [--population DIR] [--weights FILE] [--count N]

Scores every quality of `xnet_tf.inference.VIEWS` on the evaluation population, each picture at its
own size, with the weights that `segment` uses.

Writes ``results/qualities.csv``: per quality and score the value of pooled pixels with its interval
by subject, the difference from *normal*, paired by subject, and the median time of an image as a
multiple of *normal*'s; and ``results/qualities.json``, of what and with which versions.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_tf import dataset, metrics, runs
from xnet_tf.files import InputError, read_json, save_table, write_json

SCORES = {"accuracy": metrics.accuracy, "macro F1": metrics.macro_f1}
USUAL = "normal"


def measure(model, data: dataset.Dataset, rows: pd.DataFrame) -> dict[str, tuple]:
    """Segment images in every quality.

    Args:
        model: the network.
        data: whose images they are.
        rows: of its manifest.

    Returns:
        By quality: confusion counts int64 ``(N, C, C)``, and seconds ``(N,)``.
    """
    from xnet_tf import inference

    counts = {quality: [] for quality in inference.VIEWS}
    seconds = {quality: [] for quality in inference.VIEWS}
    for row in tqdm(rows.itertuples(), "images", len(rows)):
        image, truth = dataset.read_pair(data.folder, row)
        for quality in inference.VIEWS:
            start = time.perf_counter()
            labels = inference.segment(model, image, quality=quality).labels
            seconds[quality].append(time.perf_counter() - start)
            counts[quality].append(metrics.confusion(truth, labels))
    return {q: (np.array(counts[q]), np.array(seconds[q])) for q in counts}


def score_table(measured: dict[str, tuple], subjects: np.ndarray) -> pd.DataFrame:
    """Compare the qualities.

    Args:
        measured: as `measure` returns it; *normal* is among them.
        subjects: str ``(N,)``, the subject of each image.

    Returns:
        Columns ``quality, images, score, value, low, high, difference, difference_low,
        difference_high, times_normal``.
    """
    usual, duration = measured[USUAL]
    rows = []
    for quality, (counts, seconds) in measured.items():
        for title, score in SCORES.items():
            value = metrics.interval(counts, subjects, score)
            difference = (np.nan, np.nan, np.nan)
            if quality != USUAL:
                difference = metrics.interval(counts, subjects, score, other=usual)
            longer = np.median(seconds) / np.median(duration)
            rows.append((quality, len(subjects), title, *value, *difference, longer))
    columns = ["quality", "images", "score", "value", "low", "high"]
    columns += ["difference", "difference_low", "difference_high", "times_normal"]
    return pd.DataFrame(rows, columns=columns)


def main() -> None:
    """Segment, score and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--population", type=Path, default=runs.REPOSITORY / "runs/population")
    parser.add_argument("--weights", type=Path, default=runs.USER_WEIGHTS, metavar="FILE")
    parser.add_argument("--count", type=int, metavar="N", help="the first N images (default: all)")
    parser.add_argument("--out", type=Path, default=runs.REPOSITORY / "results", metavar="DIR")
    options = parser.parse_args()
    folder = options.population / "evaluation"
    if not (folder / "manifest.csv").is_file():
        raise InputError(f"{options.population}: no population; run `make population` first")
    from xnet_study.baselines import networks

    data, model = dataset.load(folder), networks.load_weights(options.weights)
    rows = data.manifest[: options.count]
    table = score_table(measure(model, data, rows), rows["subject"].to_numpy(str))
    made_from = {
        "weights_sha256": read_json(options.weights.with_suffix(".json"))["sha256"],
        "population_sha256": data.fingerprint(),
        "images": len(rows),
        "versions": runs.versions(),
    }
    write_json(options.out / "qualities.json", made_from)
    print(save_table(table, options.out / "qualities.csv"))
    print(table.to_string(index=False))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(str(error)) from None
