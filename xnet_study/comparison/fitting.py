"""Every method made ready to segment: trained, tuned, or taken up where that was left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study.baselines import classical, tuning
from xnet_study.comparison.scoring import Case, Prediction
from xnet_study.comparison.study import Study
from xnet_study.comparison.tasks import Task
from xnet_tf import inference, runs, training
from xnet_tf.backend import describe_device, keras
from xnet_tf.dataset import Arrays
from xnet_tf.files import read_json
from xnet_tf.profiles import Profile


@dataclass(frozen=True)
class FittedMethod:
    """A method that is ready to segment.

    Attributes:
        segment: the method.
        record: what is said of it in ``record.json``.
        history: learning curves of a network.
    """

    segment: Callable[[Case], Prediction]
    record: dict
    history: pd.DataFrame | None = None


def fit(study: Study, task: Task) -> FittedMethod:
    """Train or tune a task's method.

    Raises:
        FloatingPointError: if a training diverged.
    """
    if task.is_network:
        return fit_network(study, task)
    if task.family == "constant":
        return fit_constant(study.arrays(study.dataset, "train"))
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
    key = study.method(task)
    method, record = classical.METHODS[key], {}
    if task.key != key:
        record["chosen"] = study.ledger.best_classical(len(classical.METHODS))[1]
    if task.variant == "oracle":
        return FittedMethod(
            lambda case: Prediction(tuning.oracle(method, case.image, case.truth)), record
        )
    examined = tune(study, task, method)
    tuned = tuning.restored(method, examined)
    if task.variant == "overall":
        tuned, record["examined"] = replace(tuned, by_part={}), examined

    def segment(case: Case) -> Prediction:
        return Prediction(method.segment(case.image, **tuned.setting(case.body_part)))

    settings = tuned.by_part or tuned.overall
    return FittedMethod(segment, {"key": key, "settings": settings, **record})


def tune(study: Study, task: Task, method: classical.ClassicalMethod) -> dict:
    """Return what tuning gave, of the ledger if another variant of the task left it there."""
    overall = replace(task, slug=task.slug.replace("by-part", "overall"), variant="overall")
    entry = study.entry(overall) if task.variant == "by part" else None
    if entry:
        return entry.record["examined"]
    train = study.arrays(study.data(task), "train")
    return tuning.examine(method, train, study.arrays(study.dataset, "validation"))


def fit_network(study: Study, task: Task) -> FittedMethod:
    """Train a network, or take up or load its training."""
    keras.utils.clear_session()
    profile, data = study.settings(task), study.data(task)
    folder = runs.folder(profile)
    begun, started = _epochs(folder), time.process_time()
    trained = training.train(data, profile, folder)
    seconds = time.process_time() - started
    weights = read_json(trained.weights.with_suffix(".json"))
    network = trained.model

    def segment(case: Case) -> Prediction:
        # As `inference.segment` does at its working size, before it enlarges the answer.
        probabilities = inference.predict(network, case.image[None])[0]
        return Prediction(probabilities.argmax(axis=-1).astype(np.uint8), probabilities)

    rate, scores = study.ledger.chosen_rate(task.key)
    cost = core_seconds(profile, seconds, begun, len(trained.history))
    if cost is None:  # trained for another task, whose entry has it
        same = [e.record for e in study.ledger.entries(f"{task.key}-*") if not e.diverged]
        same = [r for r in same if r["weights_sha256"] == weights["sha256"]]
        cost = same[0]["core_seconds"] if same else None
    record = {
        "chosen": {} if task.rate else scores,
        "rate": task.rate or rate,
        "parameters": network.count_params(),
        "profile": profile.as_dict(),
        "weights_sha256": weights["sha256"],
        "device": describe_device(),
        "core_seconds": cost,
        **{name: weights[name] for name in ("best_epoch", "training_seconds")},
    }
    return FittedMethod(segment, record, trained.history)


def core_seconds(profile: Profile, seconds: float, begun: int, epochs: int) -> float | None:
    """Return the processor time of a whole training from that of its last part.

    Epochs count by the pixels that they show.

    Args:
        profile: of the training.
        seconds: processor time of the epochs from `begun` on.
        begun: how many were finished before.
        epochs: of the whole training.

    Returns:
        None if nothing was left to train.
    """
    shown = np.ones(epochs) * profile.image_size**2
    shown[: profile.coarse_epochs] = profile.coarse_size**2
    here = shown[begun:].sum()
    return round(seconds * shown.sum() / here, 1) if here else None


def _epochs(folder: Path) -> int:
    """Count the finished epochs of a training that was begun."""
    path = folder / "results" / "history.csv"
    return len(pd.read_csv(path)) if path.is_file() else 0
