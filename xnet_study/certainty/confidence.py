"""Go through images once and save what notebooks 7 and 8 and their figures are drawn from.

The sets are the validation and test images and, where they were rendered, the calibration and
evaluation populations (`make population`). Re-calibrations are fitted on validation and on the
calibration population, and are judged on test and on the evaluation population.

``results/`` of a run then holds

- ``confidence.json``: what all was made from, and the re-calibrations;
- ``calibration-*.csv``: the tables of `xnet_study.certainty.scores`, and ``strangers``;
- ``thresholds-*.csv``: those of ``curves``, ``choices``, ``promises`` and ``postprocessing``;
- ``thresholds-images.npz``: each image's curve.

Beside the run's weights, if it has any, lie the operating points.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study import serving
from xnet_study.certainty import (
    certifying,
    choices,
    curves,
    postprocessing,
    promises,
    recalibration,
    scores,
    strangers,
    streaming,
)
from xnet_study.certainty.streaming import FITTING, JUDGING, ImageSet, Judged, State, Stream
from xnet_study.own_classes import are_processed, check_weights, guarded_class
from xnet_tf import calibration, dataset, inference, runs
from xnet_tf.files import InputError, read_json, save_table, write_json
from xnet_tf.profiles import Profile
from xnet_tf.weights import load_weights

AS_TRAINED, VIEWS, ENSEMBLE = "as trained", "eight views", "ensemble"
RECORD = "confidence.json"


def find(data: dataset.Dataset, profile: Profile) -> tuple[Path, str]:
    """Find the numbers of the current run, else of the release; else make them from small sets.

    Args:
        data: whose validation and test images serve if nothing is found.
        profile: whose run is looked at first.

    Returns:
        The folder of results and where it comes from: ``"this run"``, ``"the release"`` or
        ``"validation and test images, just now"``.
    """
    made, released = (f / "results" / RECORD for f in (runs.folder(profile), runs.REPOSITORY))
    weights, _ = runs.weights(profile)
    if made.is_file() and read_json(made)["weights_sha256"] == _hash(weights):
        return made.parent, "this run"
    if released.is_file():
        return released.parent, "the release"
    return evaluate(data, profile), "validation and test images, just now"


def evaluate(
    data: dataset.Dataset,
    profile: Profile,
    population: Path | None = None,
    members: tuple[Path, ...] = (),
    guard: str = "soft tissue",
) -> Path:
    """Go through all sets and write every number; an interrupted call is gone on with.

    Args:
        data: with validation and test images.
        profile: whose weights are judged, or, without any, the released ones.
        population: folder of `make population`; None, or without its parts: the small sets alone.
        members: weights of further networks, for an ensemble with the run's own.
        guard: name of the class whose thresholds are chosen and certified.

    Returns:
        The folder of results.

    Raises:
        InputError: if a network or a set has other classes than the data, none is called so, or a
            set has no pixel of it.
    """
    weights, origin = runs.weights(profile)
    for network in (weights, *members):
        check_weights(network, data)
    guarded, names = guarded_class(data.classes, guard), data.classes.names
    run, sets = runs.folder(profile), find_sets(data, population)
    record = {
        "weights_sha256": _hash(weights),
        "members_sha256": [_hash(member) for member in members],
        "working_size": profile.image_size,
        "sets": {name: _about(image_set) for name, image_set in sets.items()},
        "guarded": names[guarded],
        "simulated": data.folder.resolve() == (runs.REPOSITORY / "data").resolve(),
        "versions": runs.versions(),
    }
    plain = Predictor(load_weights(weights), profile.image_size)
    judging = replace(plain, views=True, members=[load_weights(member) for member in members])
    tuned, effects = None, {}
    processed = are_processed(data.classes, guarded)
    if processed:
        tuned, tried = postprocessing.tune(sets["validation"].pictures(), plain.as_trained)
    judged = {}
    for name, image_set in sets.items():
        fitting = name in FITTING
        predictor, variants = plain if fitting else judging, {}
        if processed and not fitting:
            variants = postprocessing.variants(tuned)
        stream = Stream(predictor.methods, tuned, tuple(variants.values()), names, guarded)
        # Re-calibrations follow from the sets.
        made_from = [record, name, stream.methods, tuned and asdict(tuned)]
        state = State(run / "confidence" / f"{name}.npz", json.dumps(made_from, sort_keys=True))
        judged[name] = streaming.run(stream, image_set, predictor, state)
        if not judged[name].pixels[:, guarded].any():
            wrong = f"no image of {name} has any {names[guarded]}; guard another class"
            raise InputError(f"{image_set.data.folder}: {wrong}")
        if fitting:
            judging = judging.recalibrated(name, judged[name])
    results = run / "results"
    if processed:
        effects["thresholds-tuning"] = tried
        effects["thresholds-effects"] = postprocessing.effect_table(judged, tuned)
    for name, table in {
        **scores.tables(judged),
        "calibration-strangers": strangers.table(plain.as_trained, data),
        "thresholds-curves": curves.curve_table(judged),
        "thresholds-choices": choices.choice_table(judged),
        "thresholds-folds": choices.fold_table(judged),
        "thresholds-parts": choices.part_table(judged),
        "thresholds-splits": promises.split_table(judged),
        **effects,
    }.items():
        save_table(table, results / f"{name}.csv")
    curves.save_images(judged, results)
    if origin == "this run":
        engine = serving.load(weights, "normal")
        certifying.certify(
            weights, engine, population, tuned, names[guarded], simulated=record["simulated"]
        )
    fitted = judging.recalibrations.items()
    scalings = {name: asdict(f) for name, f in fitted if isinstance(f, calibration.Scaling)}
    write_json(results / RECORD, {**record, "recalibrations": scalings})
    return results


@dataclass(frozen=True)
class Predictor:
    """Gives the probabilities of every method for one image.

    Attributes:
        network: as trained.
        working_size: longer side at which networks work, in pixels.
        views: whether the mean over eight views of the image is a method too.
        members: further networks, for an ensemble with this one.
        recalibrations: by name.
    """

    network: inference.Network
    working_size: int
    views: bool = False
    members: list[inference.Network] = field(default_factory=list)
    recalibrations: dict[str, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, the network as trained first."""
        averages = [VIEWS] * self.views + [ENSEMBLE] * bool(self.members)
        return (AS_TRAINED, *self.recalibrations, *averages)

    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return float32 ``(H, W, C)`` by method, of float32 ``(H, W, 1)``."""
        plain = self.as_trained(image)
        answers = {AS_TRAINED: plain}
        answers |= {name: change(plain) for name, change in self.recalibrations.items()}
        if self.views:
            answers[VIEWS] = self._segment(self.network, image, "turned")
        if self.members:
            others = [self._segment(member, image) for member in self.members]
            answers[ENSEMBLE] = np.mean([plain, *others], axis=0)
        return answers

    def as_trained(self, image: np.ndarray) -> np.ndarray:
        """Return the probabilities of the network alone."""
        return self._segment(self.network, image)

    def recalibrated(self, name: str, fitting: Judged) -> Predictor:
        """Return a predictor with every kind of re-calibration, fitted on a set, beside its own."""
        sample = fitting.images.sample
        sample = sample.reshape(-1, sample.shape[-1])
        pixels = sample[:, :-1], sample[:, -1].astype(int)
        fitted = {
            f"temperature ({name})": calibration.fit_temperature(*pixels),
            f"vector scaling ({name})": recalibration.fit_vector(*pixels),
            f"isotonic ({name})": recalibration.fit_isotonic(fitting.class_levels[0]),
        }
        return replace(self, recalibrations=self.recalibrations | fitted)

    def _segment(self, network, image: np.ndarray, quality: str = "normal") -> np.ndarray:
        size = self.working_size
        return inference.segment(network, image, working_size=size, quality=quality).probabilities


def find_sets(data: dataset.Dataset, population: Path | None) -> dict[str, ImageSet]:
    """Return the images of each set, as far as it was rendered, those that fit something first."""
    sets = {name: ImageSet(data, data.subset(name)) for name in ("validation", "test")}
    for name in ("calibration", "evaluation"):
        if population and (population / name / "manifest.csv").is_file():
            part = dataset.load(population / name)
            if part.classes.names != data.classes.names:
                remedy = f"import it with --palette {data.folder / 'classes.csv'}"
                raise InputError(f"{part.folder}: has other classes than {data.folder}; {remedy}")
            sets[name] = ImageSet(part, part.manifest)
    return streaming.among(sets, (*FITTING, *JUDGING))


def answer(results: Path) -> pd.DataFrame:
    """Answer in numbers whether the network is well calibrated, from the tables of `evaluate`.

    Args:
        results: folder of results.

    Returns:
        Rows ``score, class`` of the network as trained on the largest set that chose nothing, and
        ``value, low, high``.
    """
    name = "evaluation" if "evaluation" in read_json(results / RECORD)["sets"] else "test"
    table = pd.read_csv(results / "calibration-scores.csv")
    asked = ["confidence", "accuracy", "ECE", "confidence where wrong", "confidence where right"]
    wanted = (
        (table["subset"] == name) & (table["method"] == AS_TRAINED) & (table["over"] == "pixels")
    )
    rows = table[wanted & table["score"].isin([*asked, "AURC"])]
    return rows.set_index(["score", "class"])[["value", "low", "high"]]


def _about(image_set: ImageSet) -> dict:
    return {
        "images": len(image_set.manifest),
        "subjects": int(image_set.manifest["subject"].nunique()),
        "data_sha256": image_set.data.fingerprint(),
    }


def _hash(weights: Path) -> str:
    return read_json(weights.with_suffix(".json"))["sha256"]
