"""Train on several GPUs of one machine, or on several machines.

Every replica, one for each GPU or for each machine without any, works on an equal share of every
batch; batch normalisation uses the statistics of the whole batch, and the gradients are added. A
step is therefore the step that one device would have made with the whole batch.

Several machines each run the same command with the variable ``TF_CONFIG`` saying who they all are.
``docs/distributed-training.md`` shows how to start them.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable

from xnet_tf.backend import GPUS, keras, tf
from xnet_tf.classes import IGNORE
from xnet_tf.files import InputError
from xnet_tf.profiles import Profile


def find_strategy() -> tf.distribute.Strategy | None:
    """Return the strategy for all devices; with ``TF_CONFIG``, wait for the other machines.

    It must be the first thing that TensorFlow does in the process.

    Returns:
        None if this machine is the only one and has at most one GPU.

    Raises:
        InputError: if ``TF_CONFIG`` is not the JSON that TensorFlow expects.
    """
    if "TF_CONFIG" not in os.environ:
        return tf.distribute.MirroredStrategy() if len(GPUS) > 1 else None
    try:
        config = json.loads(os.environ["TF_CONFIG"])
        cluster, task = config["cluster"], config["task"]
        complete = set(cluster) == {"worker"} and task["type"] == "worker"
        complete &= 0 <= task["index"] < len(cluster["worker"])
    except (KeyError, TypeError, json.JSONDecodeError):
        complete = False
    if not complete:
        raise InputError(
            'TF_CONFIG must look like {"cluster": {"worker": ["host:port", ...]}, "task": '
            '{"type": "worker", "index": 0}}; see docs/distributed-training.md'
        )
    return tf.distribute.MultiWorkerMirroredStrategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Tell whether this process is the only one, or the first of several, which writes files."""
    resolver = strategy.cluster_resolver
    return resolver is None or not resolver.task_id


def share_equally(profile: Profile, parts: int, replicas: int) -> Profile:
    """Enlarge batch and epoch until the replicas can share them equally, and say so.

    Args:
        profile: its batch size and images per body part are changed where need be.
        parts: number of body parts; see `xnet_tf.pipeline.parts_shown`.
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


def fit(
    model: keras.Model,
    batches: Callable[..., tf.data.Dataset],
    judged: tf.data.Dataset,
    strategy: tf.distribute.Strategy,
    callbacks: keras.callbacks.CallbackList,
    *,
    initial_epoch: int,
    epochs: int,
    steps_per_epoch: int,
) -> None:
    """Do what Keras' own `fit` does, which does not run on several machines.

    Args:
        model: compiled within the strategy's scope.
        batches: called with ``worker`` and ``workers``, gives that worker's training batches.
        judged: validation batches.
        strategy: of all devices.
        callbacks: as for Keras' `fit`; they may set ``model.stop_training``.
        initial_epoch: counted from 0.
        epochs: end, exclusive.
        steps_per_epoch: batches in an epoch.
    """
    train_step, evaluate = make_train_step(model, strategy), make_evaluation(model, strategy)
    shares = iter(distributed_batches(batches, strategy))
    model.stop_training = False
    callbacks.on_train_begin()
    for epoch in range(initial_epoch, epochs):
        means = Means()
        for step in range(steps_per_epoch):
            means.add(*train_step(next(shares)))
            callbacks.on_train_batch_end(step)
        scores = {f"val_{name}": value for name, value in evaluate(judged).items()}
        callbacks.on_epoch_end(epoch, {**means.values, **scores})
        if model.stop_training:
            break


def distributed_batches(
    batches: Callable[..., tf.data.Dataset], strategy: tf.distribute.Strategy
) -> tf.distribute.DistributedDataset:
    """Give each replica its share of the batches.

    Each machine augments only what its own replicas need.
    """

    def of_worker(context):
        replicas = context.num_replicas_in_sync // context.num_input_pipelines

        def shares(*batch):
            parts = tuple(tf.stack(tf.split(tensor, replicas)) for tensor in batch)
            return tf.data.Dataset.from_tensor_slices(parts)

        whole = batches(worker=context.input_pipeline_id, workers=context.num_input_pipelines)
        return whole.flat_map(shares).prefetch(tf.data.AUTOTUNE)

    return strategy.distribute_datasets_from_function(of_worker)


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
        means = Means()
        for batch in batches:
            means.add(*on_batch(*batch))
        return {name: float(agreed(tf.constant(v))) for name, v in means.values.items()}

    return evaluate


class Means:
    """Means of loss and accuracy over batches of unequal size, named as Keras does."""

    def __init__(self):
        self._means = {name: keras.metrics.Mean(name) for name in ("loss", "accuracy")}

    def add(self, loss, accuracy, count) -> None:
        """Add a batch of `count` images, without waiting for the numbers to be there."""
        for mean, value in zip(self._means.values(), (loss, accuracy), strict=True):
            mean.update_state(value, sample_weight=count)

    @property
    def values(self) -> dict[str, float]:
        """The means so far."""
        return {name: float(mean.result()) for name, mean in self._means.items()}


def _loss(model: keras.Model, labels, probabilities):
    # By `call`: called as a function, Keras' loss divides itself by the number of replicas, but
    # the L2 terms do not.
    return tf.reduce_mean(model.loss.call(labels, probabilities)) + tf.add_n(model.losses)


def _accuracy(labels, probabilities):
    correct = tf.argmax(probabilities, axis=-1) == tf.cast(labels, tf.int64)
    return tf.reduce_mean(tf.cast(tf.boolean_mask(correct, labels != IGNORE), tf.float32))
