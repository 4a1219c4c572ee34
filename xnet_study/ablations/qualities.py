"""What test-time augmentation gains: the qualities of `segment`, side by side.

    python -m xnet_study.ablations.qualities [--population DIR]

Scores every quality of `xnet_tf.inference.VIEWS` on the evaluation population, each picture at its
own size, with the weights that `segment` uses.

Writes ``results/qualities.csv``: per quality and score the value of pooled pixels with its interval
by subject, the difference from *normal*, paired by subject, and the median time of an image as a
multiple of *normal*'s; and ``results/qualities.json``, of what and with which versions.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_study.ablations import common
from xnet_tf import dataset, metrics, runs

USUAL = "normal"


def measure(model, data: dataset.Dataset) -> dict[str, tuple]:
    """Segment a data set's images in every quality.

    Returns:
        By quality: confusion counts int64 ``(N, C, C)``, and seconds ``(N,)``.
    """
    from xnet_tf import inference

    counts = {quality: [] for quality in inference.VIEWS}
    seconds = {quality: [] for quality in inference.VIEWS}
    for row in tqdm(data.manifest.itertuples(), "images", len(data.manifest)):
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
    usual, seconds_of_usual = measured[USUAL]
    rows = [
        {"quality": quality, "images": len(subjects), **row}
        | {"times_normal": np.median(seconds) / np.median(seconds_of_usual)}
        for quality, (counts, seconds) in measured.items()
        for row in common.scored(counts, subjects, (counts, usual) if quality != USUAL else None)
    ]
    return pd.DataFrame(rows)


def main() -> None:
    """Segment, score and write the table."""
    options = common.parse(__doc__.splitlines()[0])
    from xnet_tf.weights import load_weights, read_record

    measured = measure(load_weights(), options.evaluation)
    table = score_table(measured, options.evaluation.manifest["subject"].to_numpy(str))
    used = read_record(runs.USER_WEIGHTS)["sha256"]
    common.save(options, "qualities", table, weights_sha256=used)


if __name__ == "__main__":
    common.command(main)
