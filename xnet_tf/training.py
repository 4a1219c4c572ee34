"""Train a network, and go on after an interruption as if there had been none.

A run's folder holds ``best.keras`` (the epoch of lowest validation loss), ``state.npz`` (all that
is needed to go on: weights, optimiser, epoch, history), ``history.csv`` and, in the end,
``weights/xnet.npz``, or another network's name.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from xnet_tf import distributed, losses, pipeline, runs
from xnet_tf.backend import describe_device, dtype_policy, faster_precision, keras, tf
from xnet_tf.checkpoints import Progress, RunState, was_begun
from xnet_tf.classes import PAPER, Classes
from xnet_tf.dataset import Dataset, read_arrays
from xnet_tf.files import InputError, sha256
from xnet_tf.model import find_network
from xnet_tf.presets import PRESETS, describe
from xnet_tf.profiles import Profile
from xnet_tf.weights import assign_weights, load_weights, read_classes, read_record, save_weights

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""Keras' dtype policy for each of the profile's precisions."""

_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)


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


def train(
    dataset: Dataset,
    profile: Profile,
    folder: Path | None = None,
    initial: Path | None = None,
    strategy: tf.distribute.Strategy | None = None,
) -> Trained | None:
    """Train the profile's network, or take up or load the run that lies in the folder.

    Args:
        dataset: with a training and a validation subset.
        profile: every hyper-parameter, and which network. Its batch is the whole one, shared among
            the devices.
        folder: of the run; by default the profile's. Of several machines, all must see it.
        initial: released weights (``.npz``) to begin with, in place of random ones; the network
            and its size are then theirs, all else is the profile's.
        strategy: for several devices; by default `xnet_tf.distributed.find_strategy`'s.

    Returns:
        The trained network. It is loaded from its released form (float16 kernels), so that what is
        evaluated is what is given away. None on all machines but the first, which alone writes.

    Raises:
        InputError: if the device's memory does not suffice, `initial` cannot be used, or another
            machine was lost.
    """
    strategy = strategy or distributed.find_strategy()
    folder = folder or runs.folder(profile)
    manifest = dataset.subset("train")
    profile = beginning_with(initial, profile)
    if strategy:
        shown = pipeline.parts_shown(manifest["body_part"], profile)
        profile = distributed.share_equally(profile, shown, strategy.num_replicas_in_sync)
    # Last: a run that was begun is known by its shared batch.
    profile = settle_precision(profile, folder)
    keras.utils.set_random_seed(profile.seed)
    chief = strategy is None or distributed.is_chief(strategy)
    with strategy.scope() if strategy else contextlib.nullcontext():
        steps = pipeline.steps_per_epoch(manifest, profile)
        model = build_model(profile, steps, initial, dataset.classes)
        state = RunState(folder, identity(dataset, profile, initial), profile.patience, chief)
        state.restore(model)
    if not state.finished:
        with advice(profile):
            fit(model, dataset, profile, state, strategy)
        if chief:
            released_weights(folder, profile).unlink(missing_ok=True)
    return release(state, profile, dataset.classes) if chief else None


def beginning_with(initial: Path | None, profile: Profile) -> Profile:
    """Return the profile with the network and the size of the weights to begin with, if any.

    Raises:
        InputError: if the file or its record is missing or damaged.
    """
    if initial is None:
        return profile
    record = read_record(initial)
    try:
        size = {name: record["architecture"][name] for name in ("filters", "kernel_size")}
    except (KeyError, TypeError):
        raise InputError(f"{initial}: its record names no architecture") from None
    size["filters"] = tuple(size["filters"])
    return dataclasses.replace(profile, network=record.get("network", "xnet"), **size)


def settle_precision(profile: Profile, folder: Path | None = None) -> Profile:
    """Replace the precision ``"auto"`` by what this device is faster with, and say which.

    Args:
        profile: as the user chose it.
        folder: of the run; if one of this profile was begun there, it keeps its precision.

    Raises:
        ValueError: if the profile's precision is unknown.
    """
    if profile.precision == "auto":
        for precision in POLICIES if folder else ():
            settled = dataclasses.replace(profile, precision=precision)
            if was_begun(folder, settled.as_dict()):
                print(f"training in {precision}, as this run was begun")
                return settled
        precision, reason = faster_precision()
        print(f"training in {precision}: {reason}")
        return dataclasses.replace(profile, precision=precision)
    if profile.precision not in POLICIES:
        raise ValueError(
            f"unknown precision {profile.precision!r}; choose from {sorted([*POLICIES, 'auto'])}"
        )
    return profile


def build_model(
    profile: Profile, steps_per_epoch: int, initial: Path | None = None, classes: Classes = PAPER
) -> keras.Model:
    """Build the profile's network in its precision, open in size, and compile it.

    If the initial weights know other classes, their last layer is exchanged for a new one.
    """
    build = find_network(profile.network)
    with dtype_policy(POLICIES[profile.precision]):
        model = build((None, None, 1), num_classes=classes.count, **profile.architecture)
    if initial is not None:
        but = "" if read_classes(initial).names == classes.names else "logits"
        assign_weights(model, initial, but)
    compile_model(model, profile, steps_per_epoch)
    return model


def identity(dataset: Dataset, profile: Profile, initial: Path | None = None) -> dict:
    """Return what a run's result depends on: profile, augmentation, data, initial weights."""
    content = {
        "profile": profile.as_dict(),
        "augmentation": describe(PRESETS[profile.augmentation]),
        "data": dataset.fingerprint(),
    }
    if initial is not None:
        content["initial_sha256"] = sha256(initial)
    # What JSON makes of tuples, so that a state read back compares equal.
    return json.loads(json.dumps(content))


def released_weights(folder: Path, profile: Profile) -> Path:
    """Return where a run's weights lie in the form in which they are given away."""
    return folder / "weights" / f"{profile.network}.npz"


def release(state: RunState, profile: Profile, classes: Classes = PAPER) -> Trained:
    """Load a finished run's best weights, written to `released_weights` if they are not there."""
    weights = released_weights(state.folder, profile)
    if not _belongs_to(weights, state.identity):
        best = keras.models.load_model(state.folder / "best.keras", compile=False)
        record = {
            **state.identity,
            "network": profile.network,
            "architecture": {**profile.architecture, "num_classes": classes.count},
            "classes": classes.rows,
            "versions": runs.versions(),
            "device": describe_device(),
            "epochs": len(state.history),
            "best_epoch": state.best_epoch,
            "validation_loss": state.best,
            "training_seconds": round(state.seconds),
        }
        save_weights(best, weights, record)
    return Trained(load_weights(weights), pd.DataFrame(state.history), weights)


@contextlib.contextmanager
def advice(profile: Profile) -> Iterator[None]:
    """Turn lack of memory, and the loss of another machine, into errors that say what to do.

    Raises:
        InputError: instead of TensorFlow's errors.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise InputError(
            f"out of memory with batches of {profile.batch_size} images of "
            f"{profile.image_size}x{profile.image_size} and filters {profile.filters}: halve the "
            "profile's batch_size, which halves the need; or its filters, which does too and "
            "quarters the arithmetic"
        ) from error
    except _LOST as error:
        raise InputError(
            "another worker was lost; start all workers again, and the run goes on after the last "
            "finished epoch"
        ) from error


def compile_model(model: keras.Model, profile: Profile, steps_per_epoch: int) -> None:
    """Attach the profile's optimiser and loss, and accuracy."""
    model.compile(
        optimizer=make_optimizer(profile, steps_per_epoch),
        loss=losses.get(profile.loss),
        metrics=[losses.LabelledAccuracy(name="accuracy")],
    )


def make_optimizer(profile: Profile, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Return the profile's optimiser with its learning-rate schedule.

    Raises:
        ValueError: if the optimiser's or the schedule's name is unknown.
    """
    known, steps = keras.optimizers.schedules, profile.epochs * steps_per_epoch
    schedules = {
        "inverse": functools.partial(known.InverseTimeDecay, decay_steps=1, decay_rate=1e-6),
        "cosine": functools.partial(known.CosineDecay, decay_steps=steps),
    }
    optimizers = {
        "rmsprop": keras.optimizers.RMSprop,
        "adam": keras.optimizers.Adam,
        "muon": functools.partial(ConvolutionMuon, weight_decay=None, adam_weight_decay=None),
    }
    try:
        return optimizers[profile.optimizer](schedules[profile.schedule](profile.learning_rate))
    except KeyError as error:
        known = f"choose from {sorted(optimizers)} and {sorted(schedules)}"
        raise ValueError(f"unknown optimizer or schedule {error}; {known}") from None


class ConvolutionMuon(keras.optimizers.Muon):
    """Muon for convolutions: a kernel is a matrix with a column for each filter.

    Keras' own leaves every variable that is not a matrix to Adam, and so all of XNet. Here Adam
    moves biases, batch normalisation and the last convolution, as usual with Muon.

    References:
        Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024; Liu et al.,
        Muon is scalable for LLM training, arXiv:2502.16982, for the size of the steps.
    """

    def _should_use_adamw(self, variable):
        return len(variable.shape) != 4 or "logits" in variable.path

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign_add(m, gradient + m * (self.momentum - 1))
        direction = gradient + self.momentum * m if self.nesterov else m
        matrix = tf.reshape(direction, (-1, variable.shape[-1]))
        update = self.lr_adjust(self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, lr * tf.reshape(update, variable.shape))

    def zeropower_via_newtonschulz5(self, x, steps: int):
        """Return Keras' iterate of a matrix ``(M, N)``, at a third of the cost where M is above N.

        Every step multiplies x by a polynomial of its Gram matrix: those are gathered, N x N each.
        """
        x, one = x / (tf.norm(x) + 1e-7), tf.eye(x.shape[1])
        gram, product = tf.matmul(x, x, transpose_a=True), one
        for _ in range(steps):
            step = self.muon_a * one + self.muon_b * gram + self.muon_c * gram @ gram
            gram, product = gram @ step @ step, product @ step
        return x @ product


def fit(
    model: keras.Model,
    dataset: Dataset,
    profile: Profile,
    state: RunState,
    strategy: tf.distribute.Strategy | None = None,
) -> None:
    """Run the epochs that remain, saving the state after each.

    Validation images have the profile's full size in every phase.

    Raises:
        FloatingPointError: if no epoch gave a finite validation loss.
    """
    validation = read_arrays(dataset, "validation", profile.image_size)
    judged = pipeline.evaluation_batches(validation, profile.batch_size)
    steps = pipeline.steps_per_epoch(dataset.subset("train"), profile)
    progress = Progress(profile.epochs * steps, len(state.history) * steps, shown=state.writes)
    for size, start, end in profile.phases:
        first = max(start, len(state.history))
        if first >= end or state.stopped:
            continue
        arrays = read_arrays(dataset, "train", size)
        batches = functools.partial(pipeline.training_batches, arrays, profile, first, end)
        schedule = {"initial_epoch": first, "epochs": end, "steps_per_epoch": steps}
        if strategy:
            callbacks = keras.callbacks.CallbackList([state, progress], model=model)
            distributed.fit(model, batches, judged, strategy, callbacks, **schedule)
        else:
            model.fit(
                batches(),
                validation_data=judged,
                callbacks=[state, progress],
                shuffle=False,
                verbose=0,
                **schedule,
            )
    progress.bar.close()
    if not state.best_epoch:
        raise FloatingPointError(
            "the validation loss was never finite; lower the profile's learning rate"
        )
    state.finish(model)


def _belongs_to(weights: Path, identity: dict) -> bool:
    try:
        record = read_record(weights)
    except InputError:
        return False
    return {key: record.get(key) for key in identity} == identity
