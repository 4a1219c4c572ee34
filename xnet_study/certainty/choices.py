"""Choose thresholds and post-processing, judge them on other images, and write the tables.

``results/`` then holds ``thresholds-curves.csv``, ``thresholds-images.npz`` (each image's curve),
``thresholds-choices.csv``, ``thresholds-folds.csv``, ``thresholds-parts.csv``,
``thresholds-splits.csv``, ``thresholds-tuning.csv`` and ``thresholds-effects.csv``; beside the
run's weights, if it has any, lie the operating points that `xnet_study.certainty.operating` reads.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from xnet_study.certainty import guarantees, operating
from xnet_study.certainty.streaming import COARSE, Picture, Stream
from xnet_tf import calibration, classes, inference, metrics, thresholds
from xnet_tf.files import save_table, write_atomically
from xnet_tf.thresholds import Processing, boundary_f1

TARGETS = (0.05, 0.02, 0.005)
"""False discovery rates that are aimed at; the first and the last are the poster's."""

COST = 9.0
"""A false positive costs as much as so many missed pixels, for one of the choices."""

DELTA = 0.05
"""Chance that Learn-then-Test may break its promise."""

REPEATS = 1000
USEFUL_RECALL = 0.5
TISSUE = classes.SOFT_TISSUE
TUNED = [Processing(*sizes) for sizes in itertools.product((0, 5, 10), (0, 3, 5, 9), (0, 50, 200))]
PROMISES: dict[str, Callable[[np.ndarray, float], int | None]] = {
    "naive": guarantees.naive,
    "conformal": guarantees.conformal,
    "learn then test": lambda losses, target: guarantees.learn_then_test(losses, target, DELTA),
}


class Subjects(NamedTuple):
    """Each subject's mean over images, float ``(S, T)``: loss, recall, share of abstentions."""

    losses: np.ndarray
    recalls: np.ndarray
    abstained: np.ndarray


def by_subject(above: np.ndarray, pixels: np.ndarray, subjects: np.ndarray) -> Subjects:
    """Average false discovery proportion, recall and abstention over each subject's images.

    Args:
        above: integer ``(N, T, 3)``, the images' curves.
        pixels: integer ``(N, 3)``, pixels of each class.
        subjects: ``(N,)``.
    """
    recall = thresholds.recall(above, pixels)
    there = np.isfinite(recall)
    images = metrics.by_subject(np.ones((len(above), 1)), subjects)[1]
    with_tissue = metrics.by_subject(there.astype(float), subjects)[1]
    found = metrics.by_subject(np.where(there, recall, 0), subjects)[1]
    return Subjects(
        metrics.by_subject(thresholds.fdr(above), subjects)[1] / images,
        np.divide(found, with_tissue, out=np.full(found.shape, np.nan), where=with_tissue > 0),
        metrics.by_subject((above.sum(axis=-1) == 0).astype(float), subjects)[1] / images,
    )


def variants(processing: Processing) -> dict[str, Processing]:
    """Return the post-processings whose effects are compared, by name."""
    return {
        "none": Processing(),
        "opening 10": Processing(opening=10),
        "dilation 5": Processing(dilation=5),
        "islands 200": Processing(island=200),
        "all three": Processing(10, 5, 200),
        "tuned": processing,
    }


def tune(pictures: Iterable[Picture], model, working_size: int) -> tuple[Processing, pd.DataFrame]:
    """Choose the post-processing of the best F-score of soft tissue, precision counting double.

    Args:
        pictures: validation images.
        model: the network.
        working_size: longer side the network looks at, in pixels.

    Returns:
        The processing and a table of all that were tried.
    """
    given = np.zeros((len(TUNED), classes.COUNT))
    edges: list[list[float]] = [[] for _ in TUNED]
    total = 0
    for _, image, truth in pictures:
        seen = inference.segment(model, image, working_size=working_size, quality="normal")
        probabilities = seen.probabilities
        labels = thresholds.decide(probabilities)
        total += np.count_nonzero(truth == TISSUE)
        for t, processing in enumerate(TUNED):
            processed = processing(labels, probabilities)
            called = truth[processed == TISSUE]
            given[t] += np.bincount(called, minlength=classes.COUNT)
            edges[t].append(boundary_f1(truth, processed))
    table = pd.DataFrame([asdict(p) for p in TUNED])
    table["fdr"] = thresholds.fdr(given)
    table["recall"] = given[:, TISSUE] / max(total, 1)
    # F with beta 1/2: (1 + b^2) TP / (TP + FP + b^2 (TP + FN)).
    table["f_half"] = 1.25 * given[:, TISSUE] / np.maximum(given.sum(axis=1) + 0.25 * total, 1)
    table["boundary_f1"] = [np.nanmean(e) for e in edges]
    return TUNED[int(table["f_half"].argmax())], table


def write(
    streams: dict[str, Stream],
    manifests: dict[str, pd.DataFrame],
    processing: Processing,
    tried: pd.DataFrame,
    record: dict,
    results: Path,
    weights: Path | None,
) -> None:
    """Write every table of the thresholds, and the operating points.

    Args:
        streams: by set; `xnet_study.certainty.confidence` says which.
        manifests: rows of the images of each.
        processing: that was tuned.
        tried: table of `tune`.
        record: what the numbers are made from.
        results: folder of the tables.
        weights: of the run, beside which the operating points go; None for none.
    """
    subjects = {name: m["subject"].to_numpy(str) for name, m in manifests.items()}
    chosen = choice_table(streams, subjects)
    for name, table in {
        "curves": curve_table(streams, subjects),
        "choices": chosen,
        "folds": fold_table(streams, subjects),
        "parts": part_table(streams, manifests),
        "splits": split_table(streams, subjects),
        "tuning": tried,
        "effects": effect_table(streams, subjects, processing),
    }.items():
        save_table(table, results / f"thresholds-{name}.csv")
    arrays = {f"subjects-{name}": names for name, names in subjects.items()}
    for name, stream in streams.items():
        arrays[f"above-{name}"] = stream.per_image("above")
        arrays[f"processed-{name}"] = stream.per_image("processed")
        arrays[f"pixels-{name}"] = _pixels(stream)
        arrays[f"parts-{name}"] = manifests[name]["body_part"].to_numpy(str)
    write_atomically(
        results / "thresholds-images.npz", lambda path: np.savez_compressed(path, **arrays)
    )
    if weights:
        operating.write(weights, operating_points(streams, subjects), processing, record)


def read_images(results: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read the images' curves of a set.

    Args:
        results: folder of results.
        name: of the set.

    Returns:
        ``above`` int32 ``(N, GRID, 3)``, ``pixels`` int64 ``(N, 3)``, subjects and body parts
        ``(N,)``; all empty if the set is not there.
    """
    with np.load(results / "thresholds-images.npz") as content:
        if f"above-{name}" not in content:
            none = np.zeros(0, str)
            return np.zeros((0, len(thresholds.GRID), 3)), np.zeros((0, 3)), none, none
        return tuple(content[f"{k}-{name}"] for k in ("above", "pixels", "subjects", "parts"))


def curve_table(streams: dict[str, Stream], subjects: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return every quantity at every threshold of the grid, for each set and guarded class."""
    parts = []
    for name, stream in streams.items():
        pixels = _pixels(stream).sum(axis=0)
        for k, guarded in enumerate(classes.NAMES):
            curve = thresholds.above(stream.classes[0, k])[thresholds.GRID]
            table = pd.DataFrame({"threshold": calibration.edge(thresholds.GRID)})
            table["recall"] = thresholds.recall(curve, pixels, k)
            table["fdr"] = thresholds.fdr(curve, k)
            table["fpr"] = thresholds.fpr(curve, pixels, k)
            table["f1"] = thresholds.f1(curve, pixels, k)
            table["prevalence"] = pixels[k] / pixels.sum()
            shares = thresholds.sources(curve, k)
            for j, source in enumerate(classes.NAMES):
                table[f"share {source}"] = shares[:, j]
            if k == TISSUE:
                table = pd.concat([table, _bands(stream, subjects[name])], axis=1)
            parts.append(table.assign(set=name, guarded=guarded))
    return pd.concat(parts)


def choice_table(streams: dict[str, Stream], subjects: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return each choice of a threshold and what it reaches on images that it did not see."""
    rows = []
    for fitted, target, processed in itertools.product(
        ("validation", "calibration"), TARGETS, (False, True)
    ):
        if fitted not in streams:
            continue
        seen = _subjects(streams[fitted], subjects[fitted], processed)
        pooled = thresholds.fdr(_curves(streams[fitted], processed).sum(axis=0))
        length = len(pooled)
        found = {"naive, pooled": thresholds.for_fdr(pooled, target)}
        found |= {name: choose(seen.losses, target) for name, choose in PROMISES.items()}
        for rule, position in found.items():
            position = None if position == length else position
            row = (f"FDR {target:.1%}", target, rule, fitted, len(seen.losses), processed)
            rows += _judged(row, position, streams, subjects, processed)
    for fitted in (n for n in ("validation", "calibration") if n in streams):
        curve, pixels = _curves(streams[fitted], False).sum(axis=0), _pixels(streams[fitted])
        best = int(thresholds.f1(curve, pixels.sum(axis=0)).argmax())
        cheap = thresholds.for_cost(curve, pixels.sum(axis=0), COST)
        for aim, position in (("best F1", best), (f"cost {COST:g} : 1", cheap)):
            row = (aim, np.nan, "naive, pooled", fitted, len(set(subjects[fitted])), False)
            rows += _judged(row, position, streams, subjects, False)
    first = ["aim", "target", "rule", "chosen_on", "subjects", "processed", "threshold", "needed"]
    numbers = [f"{n}{end}" for n in ("fdr", "loss", "recall") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=[*first, "set", *numbers, "abstained", "useful"])


def fold_table(
    streams: dict[str, Stream], subjects: dict[str, np.ndarray], folds: int = 5
) -> pd.DataFrame:
    """Return the naive threshold chosen on each four fifths of the subjects."""
    rows = []
    for fitted in (n for n in ("validation", "calibration") if n in streams):
        curves, names = _curves(streams[fitted], False), subjects[fitted]
        rng = np.random.Generator(np.random.Philox(1))
        unique = rng.permutation(np.unique(names))
        for fold, target in itertools.product(range(folds), TARGETS):
            kept = ~np.isin(names, unique[fold::folds])
            position = thresholds.for_fdr(thresholds.fdr(curves[kept].sum(axis=0)), target)
            rows.append((fitted, target, fold + 1, _edge(thresholds.GRID, position)))
    return pd.DataFrame(rows, columns=["chosen_on", "target", "fold", "threshold"])


def part_table(
    streams: dict[str, Stream], manifests: dict[str, pd.DataFrame], target: float = TARGETS[0]
) -> pd.DataFrame:
    """Return a threshold for each body part, and what it and the common one reach elsewhere."""
    fitted, judged = _pair(streams)
    curves, others = _curves(streams[fitted], False), _curves(streams[judged], False)
    pixels = _pixels(streams[judged])
    common = thresholds.for_fdr(thresholds.fdr(curves.sum(axis=0)), target)
    overall = _edge(thresholds.GRID, common)
    rows = []
    for part in np.unique(manifests[fitted]["body_part"]):
        own = curves[(manifests[fitted]["body_part"] == part).to_numpy()]
        alone = _edge(thresholds.GRID, thresholds.for_fdr(thresholds.fdr(own.sum(axis=0)), target))
        mixed = thresholds.shrunk(alone, overall, len(own))
        there = (manifests[judged]["body_part"] == part).to_numpy()
        if not there.any():
            continue
        row = [fitted, judged, part, len(own), alone, mixed, overall]
        for threshold in (mixed, overall):
            at = int(np.searchsorted(calibration.edge(thresholds.GRID), threshold - 1e-12))
            curve = np.append(others[there], np.zeros((there.sum(), 1, 3)), axis=1).sum(axis=0)
            row.append(thresholds.fdr(curve)[at])
            row.append(thresholds.recall(curve, pixels[there].sum(axis=0))[at])
        rows.append(row)
    columns = ["chosen_on", "judged_on", "body_part", "images", "alone", "shrunk", "common"]
    numbers = ["fdr_shrunk", "recall_shrunk", "fdr_common", "recall_common"]
    return pd.DataFrame(rows, columns=columns + numbers)


def split_table(streams: dict[str, Stream], subjects: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return how often each rule keeps its target over many random splits.

    Subjects that trained nothing and chose no epoch serve: both populations; without them the
    validation and test images, so that there is something to see.
    """
    names = _pair(streams)
    world = Subjects(
        *(
            np.concatenate(columns)
            for columns in zip(
                *(_subjects(streams[n], subjects[n], False) for n in names), strict=True
            )
        )
    )
    half = len(world.losses) // 2
    sizes = [n for n in (20, 100, 300, 600) if n <= half] or [half]
    rows = []
    for size, target, (rule, choose), replace in itertools.product(
        sizes, TARGETS, PROMISES.items(), (True, False)
    ):
        found = guarantees.trial(
            *world, lambda x, c=choose, t=target: c(x, t), size, REPEATS, replace
        )
        recall = found["recall"].mean()
        rows.append(
            {
                "world": " + ".join(names),
                "drawn": "with replacement" if replace else "halves",
                "subjects": size,
                "target": target,
                "rule": rule,
                "promised": {"learn then test": 1 - DELTA}.get(rule, np.nan),
                "held": (found["risk"] <= target).mean(),
                "risk": found["risk"].mean(),
                "recall": recall,
                "abstained": found["abstained"].mean(),
                "refused": found["refused"].mean(),
                "verdict": "useful" if recall >= USEFUL_RECALL else "not useful",
            }
        )
    return pd.DataFrame(rows)


def effect_table(
    streams: dict[str, Stream], subjects: dict[str, np.ndarray], processing: Processing
) -> pd.DataFrame:
    """Return what each step of the post-processing does to the likeliest-class decision."""
    rows = []
    for name in (n for n in ("test", "evaluation") if n in streams):
        effects = streams[name].per_image("effects").astype(float)
        total = _pixels(streams[name])[:, TISSUE]
        for v, (variant, steps) in enumerate(variants(processing).items()):
            given, edges = effects[:, v, : classes.COUNT], effects[:, v, classes.COUNT]
            with_total = np.concatenate([given, total[:, None]], axis=1)
            there = np.isfinite(edges)
            sums = np.stack([edges[there], np.ones(there.sum())], axis=1)
            rows.append(
                (
                    name,
                    variant,
                    *asdict(steps).values(),
                    *metrics.interval(given, subjects[name], thresholds.fdr),
                    *metrics.interval(
                        with_total, subjects[name], lambda s: s[:, TISSUE] / s[:, -1]
                    ),
                    *metrics.interval(sums, subjects[name][there], lambda s: s[:, 0] / s[:, 1]),
                )
            )
    numbers = [
        f"{n}{end}" for n in ("fdr", "recall", "boundary_f1") for end in ("", "_low", "_high")
    ]
    columns = ["set", "variant", "opening", "dilation", "island", *numbers]
    return pd.DataFrame(rows, columns=columns)


def operating_points(
    streams: dict[str, Stream], subjects: dict[str, np.ndarray]
) -> list[operating.Point]:
    """Certify thresholds by Learn-then-Test, and note what each reaches on other images.

    Without a calibration population nothing is certified: validation images chose the epoch and
    the post-processing, so that nothing can be promised from them.
    """
    fitted, judged = _pair(streams)
    if fitted != "calibration":
        return []
    points = []
    for target, processed in itertools.product(operating.OFFERED, (False, True)):
        seen = _subjects(streams[fitted], subjects[fitted], processed)
        position = guarantees.learn_then_test(seen.losses, target, DELTA)
        reached: dict[str, float | str] = {}
        threshold = None
        if position is not None:
            other = _subjects(streams[judged], subjects[judged], processed)
            threshold = _edge(COARSE if processed else thresholds.GRID, position)
            reached = {
                "set": judged,
                "mean_fdr": float(other.losses[:, position].mean()),
                "mean_recall": float(np.nanmean(other.recalls[:, position])),
                "abstained": float(other.abstained[:, position].mean()),
            }
        points.append(
            operating.Point(
                target,
                processed,
                threshold,
                guarantees.needed(target, DELTA),
                fitted,
                len(seen.losses),
                DELTA,
                reached,
            )
        )
    return points


def _judged(
    row: tuple,
    position: int | None,
    streams: dict[str, Stream],
    subjects: dict[str, np.ndarray],
    processed: bool,
) -> list[tuple]:
    target, rule = row[1], row[2]
    delta = {"learn then test": DELTA, "conformal": None}
    needed = guarantees.needed(target, delta[rule]) if rule in delta else np.nan
    if position is None:
        return [(*row, np.nan, needed, "refused", *[np.nan] * 9, np.nan, "refused")]
    threshold = _edge(COARSE if processed else thresholds.GRID, position)
    rows = []
    for name in (n for n in ("test", "evaluation") if n in streams):
        stream, names = streams[name], subjects[name]
        given = _curves(stream, processed)[:, position]
        with_total = np.concatenate([given, _pixels(stream)[:, [TISSUE]]], axis=1)
        loss = np.stack([thresholds.fdr(given[:, None])[:, 0], np.ones(len(given))], axis=1)
        recall = metrics.interval(with_total, names, lambda s: s[:, TISSUE] / s[:, -1])
        numbers = (
            *metrics.interval(given, names, thresholds.fdr),
            *metrics.interval(loss, names, lambda s: s[:, 0] / s[:, 1]),
            *recall,
        )
        useful = "useful" if recall[0] >= USEFUL_RECALL else "not useful"
        abstained = (given.sum(axis=1) == 0).mean()
        rows.append((*row, threshold, needed, name, *numbers, abstained, useful))
    return rows


def _bands(stream: Stream, subjects: np.ndarray) -> pd.DataFrame:
    means = _subjects(stream, subjects, False)
    columns = {"abstained": means.abstained.mean(axis=0)}
    for name, values in (("loss", means.losses), ("image recall", means.recalls)):
        there = np.isfinite(values).astype(float)
        sums = np.stack([np.nan_to_num(values), there], axis=-1)
        times = metrics.draw(len(sums), 1, calibration.BAND_RESAMPLES)
        drawn = np.tensordot(times, sums, axes=1)
        columns[name] = sums.sum(axis=0)[:, 0] / np.maximum(sums.sum(axis=0)[:, 1], 1)
        shares = drawn[..., 0] / np.maximum(drawn[..., 1], 1)
        columns[f"{name} low"], columns[f"{name} high"] = np.percentile(shares, (2.5, 97.5), axis=0)
    return pd.DataFrame(columns)


def _subjects(stream: Stream, subjects: np.ndarray, processed: bool) -> Subjects:
    return by_subject(_curves(stream, processed), _pixels(stream), subjects)


def _curves(stream: Stream, processed: bool) -> np.ndarray:
    return stream.per_image("processed" if processed else "above")


def _pixels(stream: Stream) -> np.ndarray:
    return stream.per_image("confusion").sum(axis=2)


def _pair(streams: dict[str, Stream]) -> tuple[str, str]:
    large = "calibration" in streams and "evaluation" in streams
    return ("calibration", "evaluation") if large else ("validation", "test")


def _edge(grid: np.ndarray, position: int) -> float:
    return float(calibration.edge(grid[position])) if position < len(grid) else 1.0
