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

import pandas as pd
from tqdm import tqdm

from xnet_study.ablations import common
from xnet_tf import dataset, inference, metrics, runs
from xnet_tf.classes import NAMES
from xnet_tf.weights import load_weights, read_record

USUAL = "normal"


def measure(model, data: dataset.Dataset) -> pd.DataFrame:
    """Segment a data set's images in every quality.

    Returns:
        A row for each image and quality: columns ``quality, image, subject, seconds`` and the
        pixel counts.
    """
    rows = []
    for row in tqdm(data.manifest.itertuples(), "images", len(data.manifest)):
        image, truth = dataset.read_pair(data.folder, row)
        for quality in inference.VIEWS:
            start = time.perf_counter()
            labels = inference.segment(model, image, quality=quality).labels
            about = {"quality": quality, "image": row.Index, "subject": row.subject}
            about["seconds"] = time.perf_counter() - start
            rows.append(about | metrics.counts_row(truth, labels, NAMES))
    return pd.DataFrame(rows)


def score_table(measured: pd.DataFrame) -> pd.DataFrame:
    """Compare the qualities.

    Args:
        measured: as `measure` returns it; *normal* is among them.

    Returns:
        Columns ``quality, images, score, value, low, high, difference, difference low,
        difference high, times_normal``.
    """
    groups = measured.assign(images=measured["image"].nunique()).groupby("quality", sort=False)
    tables = {quality: [table] for quality, table in groups}
    pairs = {quality: (quality, USUAL) for quality in tables if quality != USUAL}
    table = common.compare(tables, "images", pairs).rename(columns={"network": "quality"})
    seconds = groups["seconds"].median()
    table["times_normal"] = table["quality"].map(seconds / seconds[USUAL])
    return table.drop(columns=common.SEEDS)


def main() -> None:
    """Segment, score and write the table."""
    options = common.parse(__doc__)
    table = score_table(measure(load_weights(), options.evaluation))
    used = read_record(runs.USER_WEIGHTS)["sha256"]
    common.save(options, "qualities", table, weights_sha256=used)


if __name__ == "__main__":
    common.command(main)
