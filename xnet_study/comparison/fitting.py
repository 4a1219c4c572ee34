"""Every method made ready to segment: trained, tuned, or taken up where that was left."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from xnet_study.baselines import classical, tuning
from xnet_study.comparison.scoring import Case, Prediction
from xnet_study.comparison.study import Study
from xnet_study.comparison.tasks import Task
from xnet_tf import inference, training
from xnet_tf.backend import describe_device, keras
from xnet_tf.dataset import Arrays
from xnet_tf.files import read_json, write_atomically


@dataclass(frozen=True)
class FittedMethod:
    """A method that is ready to segment.

    Attributes:
        segment: the method.
        record: what is said of it in ``record.json``.
    """

    segment: Callable[[Case], Prediction]
    record: dict


def fit(study: Study, task: Task) -> FittedMethod:
    """Train or tune a task's method, as far as that has not been done."""
    if task.family == "network":
        return fit_network(study, task)
    if task.family == "constant":
        return fit_constant(study.arrays(study.data(task), "train"))
    return fit_classical(study, task)


def fit_constant(arrays: Arrays) -> FittedMethod:
    """Find the commonest class of the pictures."""
    _, maps = arrays.unpadded
    commonest = classical.constant(np.concatenate([labels.ravel() for labels in maps]))
    return FittedMethod(
        lambda case: Prediction(np.full(case.truth.shape, commonest, np.uint8)),
        {"settings": {"class": commonest}},
    )


def fit_classical(study: Study, task: Task) -> FittedMethod:
    """Tune a classical method as the task's variant says."""
    method = classical.METHODS[task.key]
    if task.variant == "oracle":
        return FittedMethod(
            lambda case: Prediction(tuning.oracle(method, case.image, case.truth)), {}
        )
    tuned = tune(study, method)
    if task.variant == "overall":
        tuned = replace(tuned, by_part={})

    def segment(case: Case) -> Prediction:
        return Prediction(method.segment(case.image, **tuned.setting(case.body_part)))

    return FittedMethod(segment, {"settings": tuned.by_part or tuned.overall})


def tune(study: Study, method: classical.ClassicalMethod) -> tuning.Tuned:
    """Return a method's settings; tune it but once."""
    examined = study.tuning(method)
    if examined is None:
        subsets = (study.arrays(study.dataset, name) for name in ("train", "validation"))
        examined = tuning.examine(method, *subsets)
        study.keep_tuning(method, examined)
    return tuning.restored(method, examined)


def fit_network(study: Study, task: Task) -> FittedMethod:
    """Train a network, or take up or load its training."""
    keras.utils.clear_session()
    folder = study.folder / task.slug
    profile = training.settle_precision(study.settings(task), folder)
    trained = training.train(study.data(task), profile, folder)
    history = folder / "results" / "history.csv"
    write_atomically(folder / "history.csv", lambda path: shutil.copyfile(history, path))
    weights = read_json(trained.weights.with_suffix(".json"))

    def segment(case: Case) -> Prediction:
        # As `inference.segment` does at its working size, before it enlarges the answer.
        probabilities = inference.predict(trained.model, case.image[None])[0]
        return Prediction(probabilities.argmax(axis=-1).astype(np.uint8), probabilities)

    return FittedMethod(
        segment,
        {
            "parameters": trained.model.count_params(),
            "profile": profile.as_dict(),
            "weights_sha256": weights["sha256"],
            "device": describe_device(),
            **{name: weights[name] for name in ("best_epoch", "training_seconds")},
        },
    )
