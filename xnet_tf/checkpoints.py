"""What happens after each step and epoch of a training: state saved, progress shown.

A run's state and its history are written together, after each epoch; ``history.csv`` is made anew
from what the state holds. A run taken up again therefore never tells of steps that were lost.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_tf.backend import keras
from xnet_tf.files import UNFINISHED, write_atomically
from xnet_tf.model import with_dtype

STATE = "state.npz"
"""Name of a run's state file."""


KEPT = ("history", "best", "best_epoch", "finished", "seconds")
"""What the state file holds beside weights and optimiser."""


class RunState(keras.callbacks.Callback):
    """Saves everything a run needs to go on, keeps the best epoch and stops early.

    Args:
        folder: of the run.
        identity: profile and data fingerprint; a state of another identity is not taken up.
        patience: epochs without a lower validation loss before training stops.
        writes: whether this process leaves files; of several workers only one does.
    """

    def __init__(self, folder: Path, identity: dict, patience: int, writes: bool = True):
        super().__init__()
        self.folder, self.identity, self.patience = folder, identity, patience
        self.writes = writes
        self.history: list[dict] = []
        self.best, self.best_epoch = float("inf"), 0
        self.finished, self.seconds = False, 0.0

    @property
    def stopped(self) -> bool:
        """Whether the best epoch is longer ago than patience allows."""
        return len(self.history) - self.best_epoch >= self.patience

    def restore(self, model: keras.Model) -> None:
        """Load weights, optimiser and history, if the folder holds a state of this run.

        A state of another profile or other data is put aside with what was made from it.
        """
        if self.writes:
            # Not deeper: other runs lie there, and may be writing just now.
            for place in (self.folder, self.folder / "weights", self.folder / "results"):
                for left_by_a_kill in place.glob(f"{UNFINISHED}*"):
                    left_by_a_kill.unlink(missing_ok=True)
        if not (self.folder / STATE).exists():
            return
        with np.load(self.folder / STATE, allow_pickle=False) as saved:
            record = json.loads(str(saved["record"]))
            if record.pop("identity") != self.identity:
                if self.writes:
                    self._put_aside()
                return
            model.optimizer.build(model.trainable_variables)
            for name, variable in _variables(model).items():
                variable.assign(saved[name])
        for name in KEPT:
            setattr(self, name, record[name])

    def _put_aside(self) -> None:
        number = 1 + len(list(self.folder.glob("previous-*")))
        aside = self.folder / f"previous-{number}"
        aside.mkdir()
        for name in (STATE, "best.keras", "weights", "results"):
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
            if self.writes:
                path = self.folder / "best.keras"
                write_atomically(path, lambda temporary: _save_model(self.model, temporary))
        self.model.stop_training = self.stopped
        self.save(self.model)

    def finish(self, model: keras.Model) -> None:
        """Mark the run as complete."""
        self.finished = True
        self.save(model)

    def save(self, model: keras.Model) -> None:
        """Write the state and the table made from it, ``history.csv``."""
        if not self.writes:
            return
        record = {"identity": self.identity, **{name: getattr(self, name) for name in KEPT}}
        arrays = {name: v.numpy() for name, v in _variables(model).items()}
        arrays["record"] = np.array(json.dumps(record))
        write_atomically(self.folder / STATE, lambda temporary: np.savez(temporary, **arrays))
        table = pd.DataFrame(self.history)
        path = self.folder / "results" / "history.csv"
        write_atomically(path, lambda temporary: table.to_csv(temporary, index=False))


class Progress(keras.callbacks.Callback):
    """One progress bar over all steps of a run."""

    def __init__(self, total: int, done: int, shown: bool = True):
        super().__init__()
        options = {"unit": "step", "mininterval": 2, "disable": not shown}
        self.bar = tqdm(desc="training", total=total, initial=done, **options)

    def on_train_batch_end(self, batch, logs=None):
        """Count a step."""
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None):
        """Show the last epoch's losses."""
        shown = {name: f"{logs[name]:.3f}" for name in ("loss", "val_loss", "val_accuracy")}
        self.bar.set_postfix(epoch=epoch + 1, **shown)


def was_begun(folder: Path, profile: dict) -> bool:
    """Tell whether a folder holds a state of a run with this profile, as plain JSON types."""
    path = folder / STATE
    if not path.exists():
        return False
    with np.load(path, allow_pickle=False) as saved:
        begun = json.loads(str(saved["record"]))["identity"]
    return begun.get("profile") == profile


def _variables(model: keras.Model) -> dict:
    weights = {f"model/{i}": v for i, v in enumerate(model.variables)}
    return weights | {f"optimizer/{i}": v for i, v in enumerate(model.optimizer.variables)}


def _save_model(model: keras.Model, path: Path) -> None:
    # In float32, so that the file loads and computes alike on every device.
    in_float32 = {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    synchronised = any(getattr(layer, "synchronized", False) for layer in model.layers)
    plain = model if in_float32 and not synchronised else with_dtype(model, "float32")
    plain.save(path)
