"""Train a network, and go on after an interruption as if there had been none.

A run's folder holds ``best.keras`` (the epoch of lowest validation loss), ``state.npz`` (all that
is needed to go on: weights, optimiser, epoch, history), ``history.csv`` and, in the end,
``weights/xnet.npz``.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_tf import augmentation, classes, models, pipeline, runs
from xnet_tf.backend import describe_device, keras
from xnet_tf.dataset import Dataset, read_arrays
from xnet_tf.files import UNFINISHED, InputError, read_json, sha256, write_atomically
from xnet_tf.profiles import Profile

INVERSE_DECAY = 1e-6
"""Decay per step of the published learning rate."""


@dataclass(frozen=True)
class Trained:
    """A finished run.

    Attributes:
        model: with the weights of the best epoch.
        history: one row per epoch: ``epoch, loss, accuracy, val_loss, val_accuracy``.
        weights: path of the ``.npz`` of the best epoch.
    """

    model: keras.Model
    history: pd.DataFrame
    weights: Path


def train(dataset: Dataset, profile: Profile, folder: Path | None = None) -> Trained:
    """Train XNet, or take up or load the run that lies in the folder.

    Args:
        dataset: with a training and a validation subset.
        profile: every hyper-parameter.
        folder: of the run; by default the profile's.

    Returns:
        The trained network. It is loaded from its released form (float16 kernels), so that what is
        evaluated is what is given away.
    """
    folder = folder or runs.folder(profile)
    weights = folder / "weights" / "xnet.npz"
    identity = {
        "profile": profile.as_dict(),
        "augmentation": asdict(augmentation.PRESETS[profile.augmentation]),
        "data": dataset.fingerprint(),
    }
    # What JSON makes of tuples, so that a state read back compares equal.
    identity = json.loads(json.dumps(identity))
    keras.utils.set_random_seed(profile.seed)
    model = models.build_xnet((None, None, 1), **profile.architecture)
    compile_model(model, profile, pipeline.steps_per_epoch(dataset.subset("train"), profile))
    state = RunState(folder, identity, profile.patience)
    state.restore(model)
    if not state.finished:
        fit(model, dataset, profile, state)
        weights.unlink(missing_ok=True)
    if not _belongs_to(weights, identity):
        best = keras.models.load_model(folder / "best.keras", compile=False)
        record = {
            **identity,
            "architecture": {**profile.architecture, "num_classes": classes.COUNT},
            "versions": runs.versions(),
            "device": describe_device(),
            "epochs": len(state.history),
            "best_epoch": state.best_epoch,
            "validation_loss": state.best,
            "training_seconds": round(state.seconds),
        }
        models.save_weights(best, weights, record)
    return Trained(models.load_weights(weights), pd.DataFrame(state.history), weights)


def compile_model(model: keras.Model, profile: Profile, steps_per_epoch: int) -> None:
    """Attach the optimiser, cross-entropy and accuracy."""
    model.compile(
        optimizer=make_optimizer(profile, steps_per_epoch),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
    )


def make_optimizer(profile: Profile, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Return the profile's optimiser with its learning-rate schedule.

    Raises:
        ValueError: if the optimiser's or the schedule's name is unknown.
    """
    schedules = {
        "inverse": lambda rate: keras.optimizers.schedules.InverseTimeDecay(
            rate, decay_steps=1, decay_rate=INVERSE_DECAY
        ),
        "cosine": lambda rate: keras.optimizers.schedules.CosineDecay(
            rate, decay_steps=profile.epochs * steps_per_epoch
        ),
    }
    optimizers = {"rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam}
    if profile.optimizer not in optimizers or profile.schedule not in schedules:
        raise ValueError(
            f"unknown optimizer {profile.optimizer!r} or schedule {profile.schedule!r}; "
            f"choose from {sorted(optimizers)} and {sorted(schedules)}"
        )
    return optimizers[profile.optimizer](schedules[profile.schedule](profile.learning_rate))


def fit(model: keras.Model, dataset: Dataset, profile: Profile, state: RunState) -> None:
    """Run the epochs that remain, saving the state after each.

    Validation images have the profile's full size in every phase.
    """
    validation = read_arrays(dataset, "validation", profile.image_size)
    steps = pipeline.steps_per_epoch(dataset.subset("train"), profile)
    progress = Progress(profile.epochs * steps, len(state.history) * steps)
    for size, start, end in profile.phases:
        first = max(start, len(state.history))
        if first >= end or state.stopped:
            continue
        arrays = read_arrays(dataset, "train", size)
        model.fit(
            pipeline.training_batches(arrays, profile, first, end),
            validation_data=pipeline.evaluation_batches(validation, profile.batch_size),
            initial_epoch=first,
            epochs=end,
            steps_per_epoch=steps,
            callbacks=[state, progress],
            shuffle=False,
            verbose=0,
        )
    progress.close()
    if not state.best_epoch:
        raise FloatingPointError(
            "the validation loss was never finite; lower the profile's learning rate"
        )
    state.finish(model)


class RunState(keras.callbacks.Callback):
    """Saves everything a run needs to go on, keeps the best epoch and stops early.

    Args:
        folder: of the run.
        identity: profile and data fingerprint; a state of another identity is not taken up.
        patience: epochs without a lower validation loss before training stops.
    """

    def __init__(self, folder: Path, identity: dict, patience: int):
        super().__init__()
        self.folder, self.identity, self.patience = folder, identity, patience
        self.history: list[dict] = []
        self.best, self.best_epoch = float("inf"), 0
        self.finished, self.seconds = False, 0.0

    @property
    def stopped(self) -> bool:
        """Whether the best epoch is longer ago than patience allows."""
        return len(self.history) - self.best_epoch >= self.patience

    @property
    def path(self) -> Path:
        """The state file."""
        return self.folder / "state.npz"

    def restore(self, model: keras.Model) -> None:
        """Load weights, optimiser and history, if the folder holds a state of this run.

        A state of another profile or other data is put aside with what was made from it.
        """
        for left_by_a_kill in self.folder.rglob(f"{UNFINISHED}*"):
            left_by_a_kill.unlink()
        if not self.path.exists():
            return
        with np.load(self.path, allow_pickle=False) as saved:
            record = json.loads(str(saved["record"]))
            if record.pop("identity") != self.identity:
                self._put_aside()
                return
            model.optimizer.build(model.trainable_variables)
            for name, variable in _variables(model).items():
                variable.assign(saved[name])
        vars(self).update(record)

    def _put_aside(self) -> None:
        number = 1 + len(list(self.folder.glob("previous-*")))
        aside = self.folder / f"previous-{number}"
        aside.mkdir()
        for name in ("state.npz", "best.keras", "weights", "results"):
            if (self.folder / name).exists():
                (self.folder / name).rename(aside / name)
        print(f"another profile or other data: the earlier run was moved to {aside}")

    def on_train_begin(self, logs=None):
        """Start the clock."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Record the epoch; save the best weights, then the state."""
        now = time.monotonic()
        self.seconds, self._started = self.seconds + now - self._started, now
        self.history.append({"epoch": epoch + 1, **{k: float(v) for k, v in logs.items()}})
        if logs["val_loss"] < self.best:
            self.best, self.best_epoch = float(logs["val_loss"]), epoch + 1
            write_atomically(self.folder / "best.keras", self.model.save)
        self.model.stop_training = self.stopped
        self.save(self.model)

    def finish(self, model: keras.Model) -> None:
        """Mark the run as complete."""
        self.finished = True
        self.save(model)

    def save(self, model: keras.Model) -> None:
        """Write the state and the history."""
        names = ("history", "best", "best_epoch", "finished", "seconds")
        record = {"identity": self.identity, **{name: getattr(self, name) for name in names}}
        arrays = {name: v.numpy() for name, v in _variables(model).items()}
        arrays["record"] = np.array(json.dumps(record))
        write_atomically(self.path, lambda temporary: np.savez(temporary, **arrays))
        table = pd.DataFrame(self.history)
        path = self.folder / "results" / "history.csv"
        write_atomically(path, lambda temporary: table.to_csv(temporary, index=False))


class Progress(keras.callbacks.Callback):
    """One progress bar over all steps of a run."""

    def __init__(self, total: int, done: int):
        super().__init__()
        self.bar = tqdm(total=total, initial=done, desc="training", unit="step", mininterval=2)

    def on_train_batch_end(self, batch, logs=None):
        """Count a step."""
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None):
        """Show the last epoch's losses."""
        shown = {name: f"{logs[name]:.3f}" for name in ("loss", "val_loss", "val_accuracy")}
        self.bar.set_postfix(epoch=epoch + 1, **shown)

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.close()


def _variables(model: keras.Model) -> dict:
    weights = {f"model/{i}": v for i, v in enumerate(model.variables)}
    return weights | {f"optimizer/{i}": v for i, v in enumerate(model.optimizer.variables)}


def _belongs_to(weights: Path, identity: dict) -> bool:
    try:
        record = read_json(weights.with_suffix(".json"))
        whole = record["sha256"] == sha256(weights)
    except (InputError, KeyError, OSError):
        return False
    return whole and all(record.get(key) == value for key, value in identity.items())
