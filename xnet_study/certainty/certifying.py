"""Certify operating points by the very path on which `xnet segment` makes its masks.

    python -m xnet_study.certainty.certifying [--weights users] [--population DIR] [--images FILE]

Every picture of the calibration and of the evaluation population is read as `segment` reads it,
polarity, margins and all, segmented by its network in one view, and decided upon at every
threshold. So what `segment --target-fdr` does is what was certified.
Two certificates stand side by side: of polarity found automatically, with its mistakes, and of
polarity given, as a user knows it.

Writes ``<weights>-operating-points.json`` beside the weights.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_io import radiographs, segmenting
from xnet_io.radiographs import Radiograph
from xnet_io.segmenting import Engine
from xnet_study.certainty import guarantees, operating, promises
from xnet_study.certainty.curves import by_subject
from xnet_study.certainty.operating import AUTO, GIVEN
from xnet_study.certainty.streaming import COARSE
from xnet_study.own_classes import are_processed, check_weights, guarded_class
from xnet_study.processing import Processing
from xnet_tf import calibration, dataset, inference, runs, thresholds
from xnet_tf.classes import IGNORE, Classes
from xnet_tf.files import InputError, read_json, write_atomically
from xnet_tf.weights import read_classes

CHOOSING, JUDGING = "calibration", "evaluation"


@dataclass(frozen=True)
class Curves:
    """What thresholds do to the pictures of a set.

    Attributes:
        manifest: a row for each of N pictures.
        guarded: the class that thresholds guard.
        above: int32 ``(N, GRID, C)``, pixels called that class by true class.
        processed: int32 ``(N, COARSE, C)``, the same after post-processing; ``(N, 0, C)`` without.
        pixels: int64 ``(N, C)``, true pixels of each class.
        inverted: bool ``(N,)``, whether the polarity was taken wrongly.
    """

    manifest: pd.DataFrame
    guarded: int
    above: np.ndarray
    processed: np.ndarray
    pixels: np.ndarray
    inverted: np.ndarray

    @property
    def passes(self) -> tuple[bool, ...]:
        """Whether there are curves without and with post-processing."""
        return (False, True) if self.processed.shape[1] else (False,)

    def at(self, processed: bool) -> np.ndarray:
        """Return the curves with or without post-processing."""
        return self.processed if processed else self.above

    def subjects(self, processed: bool) -> guarantees.Subjects:
        """Return the subjects' means."""
        names = self.manifest["subject"].to_numpy(str)
        return by_subject(self.at(processed), self.pixels, names, self.guarded)


def certify(
    weights: Path,
    engine: Engine,
    population: Path | None,
    tuned: Processing | None = None,
    guard: str = operating.SOFT_TISSUE,
    images: Path | None = None,
    simulated: bool = True,
) -> Path:
    """Certify the operating points of a network.

    Args:
        weights: beside which they go.
        engine: what `segment` computes with.
        population: folder with ``calibration/`` and ``evaluation/``; without them nothing can be
            promised: validation images chose the epoch and the post-processing.
        tuned: the post-processing, if the classes have one.
        guard: name of the class that thresholds guard.
        images: where each picture's curves go, with polarity found automatically; None for nowhere.
        simulated: whether the population is.
    """
    folders = {n: population / n for n in (CHOOSING, JUDGING)} if population else {}
    if not all((folder / "manifest.csv").is_file() for folder in folders.values()):
        folders = {}
    loaded = {name: dataset.load(folder) for name, folder in folders.items()}
    for data in loaded.values():
        check_weights(weights, data)
    sets = {name: passed(engine, data, tuned, guard) for name, data in loaded.items()}
    points = [
        point
        for polarity in (AUTO, GIVEN)
        if sets
        for point in operating_points({name: of[polarity] for name, of in sets.items()}, polarity)
    ]
    record = {
        "weights_sha256": read_json(weights.with_suffix(".json"))["sha256"],
        "working_size": inference.WORKING_SIZE,
        "guarded": guard,
        "simulated": simulated,
        "sets": {name: about(loaded[name], of) for name, of in sets.items()},
        "versions": runs.versions(),
    }
    if images and sets:
        save_images({name: of[AUTO] for name, of in sets.items()}, images)
    return operating.write(weights, points, tuned or Processing(), record)


def about(data: dataset.Dataset, of_set: dict[str, Curves]) -> dict:
    """Say of which pictures a set consists, and of how many the polarity was found wrongly."""
    manifest = of_set[AUTO].manifest
    return {
        "images": len(manifest),
        "subjects": int(manifest["subject"].nunique()),
        "polarity_wrong": int(of_set[AUTO].inverted.sum()),
        "data_sha256": data.fingerprint(),
    }


def passed(
    engine: Engine,
    data: dataset.Dataset,
    tuned: Processing | None = None,
    guard: str = operating.SOFT_TISSUE,
) -> dict[str, Curves]:
    """Go through a set, with polarity found automatically and with it given.

    Args:
        engine: the network.
        data: pictures whose open beam is bright, as in every data set.
        tuned: the post-processing.
        guard: name of the class that thresholds guard.

    Returns:
        Curves by `AUTO` and `GIVEN`.
    """
    guarded = guarded_class(data.classes, guard)
    rows: dict[str, list] = {AUTO: [], GIVEN: []}
    name, total = data.folder.name, len(data.manifest)
    for row in tqdm(data.manifest.itertuples(), name, total, delay=5):
        truth = dataset.read_mask(data.folder / row.mask, data.classes)
        found = radiographs.load(data.folder / row.Index, "auto")
        counted = counts(engine, found, truth, tuned, guarded, data.classes)
        wrong = found.polarity != "bright"
        rows[AUTO].append((*counted, wrong))
        if wrong:
            known = radiographs.load(data.folder / row.Index, "bright")
            counted = counts(engine, known, truth, tuned, guarded, data.classes)
        rows[GIVEN].append((*counted, False))
    return {
        polarity: Curves(data.manifest, guarded, *map(np.stack, zip(*of_one, strict=True)))
        for polarity, of_one in rows.items()
    }


def counts(
    engine: Engine,
    radiograph: Radiograph,
    truth: np.ndarray,
    tuned: Processing | None,
    guarded: int,
    known: Classes,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count what `segment` calls the guarded class at every threshold of the grids.

    Args:
        engine: the network.
        radiograph: as `segment` has read it.
        truth: uint8 ``(H, W)`` of the whole picture.
        tuned: the post-processing.
        guarded: the class.
        known: the classes that the network tells apart.

    Returns:
        The rows of `Curves` ``above``, ``processed`` and ``pixels``.
    """
    radiograph, probabilities = segmenting.predict(radiograph, engine, known)
    processed = []
    for threshold in calibration.edge(COARSE) if tuned else ():
        labels = tuned(thresholds.decide(probabilities, float(threshold), guarded), probabilities)
        processed.append(_pixels(truth[radiograph.widen(labels) == guarded], known))
    whole = radiograph.widen_probabilities(probabilities)
    above = thresholds.curve(whole, truth, guarded)[thresholds.GRID]
    return np.int32(above), np.int32(processed).reshape(-1, known.count), _pixels(truth, known)


def _pixels(truth: np.ndarray, known: Classes) -> np.ndarray:
    """Count pixels by true class; what has no label counts for nothing."""
    return np.bincount(truth[truth != IGNORE], minlength=known.count)


def operating_points(sets: dict[str, Curves], polarity: str) -> list[operating.Point]:
    """Certify thresholds by Learn-then-Test, and note what each reaches on other images."""
    points = []
    for target, processed in itertools.product(operating.OFFERED, sets[CHOOSING].passes):
        losses = sets[CHOOSING].subjects(processed).losses
        position = guarantees.learn_then_test(losses, target, promises.DELTA)
        threshold, reached = None, {}
        if position is not None:
            threshold = promises.at_position(position, processed)
            reached = judged(sets[JUDGING], processed, position, target)
        needed = guarantees.needed(target, promises.DELTA)
        where = (CHOOSING, len(losses), promises.DELTA)
        points.append(
            operating.Point(target, processed, threshold, needed, *where, reached, polarity)
        )
    return points


def judged(curves: Curves, processed: bool, position: int, target: float) -> dict:
    """Return what a threshold reaches on a set: means over subjects, and of each body part."""
    loss, recall, abstained = (v[:, position] for v in curves.subjects(processed))
    called = curves.at(processed)[:, position][:, None]
    proportions = thresholds.fdr(called, curves.guarded)[:, 0]
    by_part = pd.Series(proportions).groupby(curves.manifest["body_part"].to_numpy(str)).mean()
    return {
        "set": JUDGING,
        "mean_fdr": float(loss.mean()),
        "mean_recall": float(np.nanmean(recall)),
        "abstained": float(abstained.mean()),
        "images_above_target": float((proportions > target).mean()),
        "mean_fdr_by_part": {part: round(float(value), 5) for part, value in by_part.items()},
    }


def save_images(sets: dict[str, Curves], path: Path) -> Path:
    """Write each picture's curves, as `curves.read_images` reads them."""
    arrays = {}
    for name, one in sets.items():
        parts = one.manifest["body_part"].to_numpy(str)
        subjects = one.manifest["subject"].to_numpy(str)
        about = {"subjects": subjects, "parts": parts, "pixels": one.pixels}
        about |= {"above": one.above, "processed": one.processed}
        arrays |= {f"{k}-{name}": array for k, array in about.items()}
    return write_atomically(path, lambda temporary: np.savez_compressed(temporary, **arrays))


def main() -> None:
    """Read the command line and certify anew what was certified."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = runs.USER_WEIGHTS
    parser.add_argument("--weights", type=runs.weights_path, default=default, metavar="FILE")
    parser.add_argument("--population", type=Path, default=runs.population(), metavar="DIR")
    parser.add_argument("--images", type=Path, metavar="FILE", help="each picture's curves")
    options = parser.parse_args()
    from xnet_study import serving

    made, known = read_json(operating.path_for(options.weights)), read_classes(options.weights)
    processed = are_processed(known, guarded_class(known, made["guarded"]))
    tuned = Processing(**made["processing"]) if processed else None
    engine = serving.load(options.weights, "normal")
    of_before = {"guard": made["guarded"], "simulated": made["simulated"], "images": options.images}
    print(certify(options.weights, engine, options.population, tuned, **of_before))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(str(error)) from None
