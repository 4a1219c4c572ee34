"""Train on several GPUs of one machine, or on several machines.

Every replica, one for each GPU or for each machine without any, works on an equal share of every
batch; batch normalisation uses the statistics of the whole batch, and the gradients are added. A
step is therefore the step that one device would have made with the whole batch.

Several machines each run the same command with the variable ``TF_CONFIG`` saying who they all are.
``docs/distributed-training.md`` shows how to start them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from xnet_tf import pipeline, runs, training
from xnet_tf.backend import GPUS, keras, tf
from xnet_tf.callbacks import Progress, RunState
from xnet_tf.dataset import Arrays, Dataset, read_arrays
from xnet_tf.files import InputError
from xnet_tf.profiles import Profile
from xnet_tf.training import Trained

_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)


def several_devices() -> bool:
    """Tell whether there are several GPUs here, or ``TF_CONFIG`` names several machines."""
    return len(GPUS) > 1 or "TF_CONFIG" in os.environ


def find_strategy() -> tf.distribute.Strategy:
    """Return the strategy for all devices; with ``TF_CONFIG``, wait for the other machines.

    It must be the first thing that TensorFlow does in the process.

    Raises:
        InputError: if ``TF_CONFIG`` is not the JSON that TensorFlow expects.
    """
    if "TF_CONFIG" not in os.environ:
        return tf.distribute.MirroredStrategy()
    try:
        config = json.loads(os.environ["TF_CONFIG"])
        workers, index = config["cluster"]["worker"], config["task"]["index"]
        complete = 0 <= index < len(workers) and config["task"]["type"] == "worker"
    except (KeyError, TypeError, json.JSONDecodeError):
        complete = False
    if not complete or set(config["cluster"]) != {"worker"}:
        raise InputError(
            'TF_CONFIG must look like {"cluster": {"worker": ["host:port", ...]}, "task": '
            '{"type": "worker", "index": 0}}; see docs/distributed-training.md'
        )
    return tf.distribute.MultiWorkerMirroredStrategy()


def train(
    dataset: Dataset,
    profile: Profile,
    folder: Path | None = None,
    strategy: tf.distribute.Strategy | None = None,
    initial: Path | None = None,
) -> Trained | None:
    """Train XNet on several devices, or take up or load the run that lies in the folder.

    Args:
        dataset: with a training and a validation subset.
        profile: every hyper-parameter. Its batch is the whole one, shared among the replicas.
        folder: of the run; all machines must see it. By default the profile's.
        strategy: by default `find_strategy`'s.
        initial: weights to begin with, as for `xnet_tf.training.train`; all machines must see them.

    Returns:
        What `xnet_tf.training.train` returns, on the first machine; None on the others, which
        write nothing.

    Raises:
        InputError: if the memory does not suffice, or another machine was lost.
    """
    strategy = strategy or find_strategy()
    folder = folder or runs.folder(profile)
    manifest = dataset.subset("train")
    parts = pipeline.parts_shown(manifest["body_part"], profile)
    profile = training.beginning_with(initial, profile)
    profile = share_equally(profile, parts, strategy.num_replicas_in_sync)
    # Last: a run that was begun is known by its shared batch.
    profile = training.settle_precision(profile, folder)
    keras.utils.set_random_seed(profile.seed)
    chief = is_chief(strategy)
    with strategy.scope():
        steps = pipeline.steps_per_epoch(manifest, profile)
        model = training.build_model(profile, steps, initial)
        identity = training.identity(dataset, profile, initial)
        state = RunState(folder, identity, profile.patience, chief)
        state.restore(model)
    if not state.finished:
        with training.memory_advice(profile), lost_worker_advice():
            fit(model, dataset, profile, state, strategy)
        if chief:
            training.released_weights(folder, profile).unlink(missing_ok=True)
    return training.release(state, profile) if chief else None


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Tell whether this process is the only one, or the first of several, which writes files."""
    resolver = strategy.cluster_resolver
    return resolver is None or not resolver.task_id


def share_equally(profile: Profile, parts: int, replicas: int) -> Profile:
    """Enlarge batch and epoch until the replicas can share them equally, and say so.

    Args:
        profile: its batch size and images per body part are changed where need be.
        parts: number of body parts; see `pipeline.parts_shown`.
        replicas: how many share each batch.
    """
    batch = math.ceil(profile.batch_size / replicas) * replicas
    count = profile.images_per_part
    while count * parts % replicas:
        count += 1
    if (batch, count) != (profile.batch_size, profile.images_per_part):
        print(
            f"for {replicas} equal shares: batches of {batch} (not {profile.batch_size}), "
            f"{count} images per body part (not {profile.images_per_part})"
        )
    return dataclasses.replace(profile, batch_size=batch, images_per_part=count)


@contextlib.contextmanager
def lost_worker_advice() -> Iterator[None]:
    """Turn the loss of another machine into an error that says what to do.

    Raises:
        InputError: instead of TensorFlow's errors.
    """
    try:
        yield
    except _LOST as error:
        raise InputError(
            "another worker was lost; start all workers again, and the run goes on after the last "
            "finished epoch"
        ) from error


def fit(
    model: keras.Model,
    dataset: Dataset,
    profile: Profile,
    state: RunState,
    strategy: tf.distribute.Strategy,
) -> None:
    """Run the epochs that remain. Keras' own `fit` does not run on several machines."""
    validation = read_arrays(dataset, "validation", profile.image_size)
    steps = pipeline.steps_per_epoch(dataset.subset("train"), profile)
    progress = Progress(profile.epochs * steps, len(state.history) * steps, shown=state.writes)
    train_step, evaluate = make_train_step(model, strategy), make_evaluation(model, strategy)
    state.set_model(model)
    state.on_train_begin()
    for size, start, end in profile.phases:
        first = max(start, len(state.history))
        if first >= end or state.stopped:
            continue
        arrays = read_arrays(dataset, "train", size)
        batches = iter(distributed_batches(arrays, profile, first, end, strategy))
        for epoch in range(first, end):
            mean = Mean()
            for _ in range(steps):
                mean.add(*train_step(next(batches)))
                progress.on_train_batch_end(epoch)
            scores = evaluate(pipeline.evaluation_batches(validation, profile.batch_size))
            logs = {**mean.values, **{f"val_{name}": v for name, v in scores.items()}}
            state.on_epoch_end(epoch, logs)
            progress.on_epoch_end(epoch, logs)
            if state.stopped:
                break
    progress.close()
    training.finish(model, state)


def distributed_batches(
    arrays: Arrays, profile: Profile, first: int, end: int, strategy: tf.distribute.Strategy
) -> tf.distribute.DistributedDataset:
    """Give each replica its share of the batches of `xnet_tf.pipeline.training_batches`.

    Each machine augments only what its own replicas need.
    """

    def own_batches(context):
        replicas = context.num_replicas_in_sync // context.num_input_pipelines
        batches = pipeline.training_batches(
            arrays,
            profile,
            first,
            end,
            worker=context.input_pipeline_id,
            workers=context.num_input_pipelines,
        )

        def shares(*batch):
            parts = tuple(tf.stack(tf.split(tensor, replicas)) for tensor in batch)
            return tf.data.Dataset.from_tensor_slices(parts)

        return batches.flat_map(shares).prefetch(tf.data.AUTOTUNE)

    return strategy.distribute_datasets_from_function(own_batches)


def make_train_step(model: keras.Model, strategy: tf.distribute.Strategy) -> Callable:
    """Return a function of a distributed batch: one step.

    It returns the loss and the accuracy on the whole batch, and the number of images in it.
    """
    replicas = strategy.num_replicas_in_sync

    def on_replica(images, labels):
        with tf.GradientTape() as tape:
            probabilities = model(images, training=True)
            # The gradients of the replicas are added: each counts for its share, L2 terms too.
            loss = _loss(model, labels, probabilities) / replicas
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss, _accuracy(labels, probabilities) / replicas, tf.shape(images)[0]

    @tf.function
    def train_step(batch):
        results = strategy.run(on_replica, args=batch)
        return [strategy.reduce(tf.distribute.ReduceOp.SUM, r, axis=None) for r in results]

    return train_step


def make_evaluation(model: keras.Model, strategy: tf.distribute.Strategy) -> Callable:
    """Return a function of batches: the loss, L2 included, and the accuracy on all of them.

    The few validation images are seen by every machine. What they find is averaged, so that all
    decide alike when to stop, though their last digits may differ.
    """

    @tf.function(reduce_retracing=True)
    def on_batch(images, labels):
        probabilities = model(images, training=False)
        loss = _loss(model, labels, probabilities)
        return loss, _accuracy(labels, probabilities), tf.shape(images)[0]

    @tf.function
    def agreed(value):
        everywhere = strategy.run(tf.identity, args=(value,))
        return strategy.reduce(tf.distribute.ReduceOp.MEAN, everywhere, axis=None)

    def evaluate(batches: tf.data.Dataset) -> dict[str, float]:
        mean = Mean()
        for batch in batches:
            mean.add(*on_batch(*batch))
        return {name: float(agreed(tf.constant(v))) for name, v in mean.values.items()}

    return evaluate


class Mean:
    """Means of loss and accuracy over batches of unequal size."""

    def __init__(self):
        self._sums, self._count = tf.zeros(2, tf.float64), tf.zeros((), tf.float64)

    def add(self, loss, accuracy, count) -> None:
        """Add a batch of `count` images, without waiting for the numbers to be there."""
        count = tf.cast(count, tf.float64)
        self._sums += tf.cast(tf.stack([loss, accuracy]), tf.float64) * count
        self._count += count

    @property
    def values(self) -> dict[str, float]:
        """The means so far, named as Keras does."""
        loss, accuracy = (self._sums / self._count).numpy().tolist()
        return {"loss": loss, "accuracy": accuracy}


def _loss(model: keras.Model, labels, probabilities):
    # By `call`: called as a function, Keras' loss divides itself by the number of replicas, but
    # the L2 terms do not.
    return tf.reduce_mean(model.loss.call(labels, probabilities)) + tf.add_n(model.losses)


def _accuracy(labels, probabilities):
    correct = tf.argmax(probabilities, axis=-1) == tf.cast(labels, tf.int64)
    return tf.reduce_mean(tf.cast(correct, tf.float32))
