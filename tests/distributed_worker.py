"""One worker of a distributed training: ``python distributed_worker.py DATA FOLDER LOSSES``.

Without ``TF_CONFIG`` it is the only process; ``REPLICAS`` makes it pretend to have as many devices.
The loss of every step is appended to the file LOSSES.
"""

import dataclasses
import os
import sys
from pathlib import Path

import tensorflow as tf

REPLICAS = int(os.environ["REPLICAS"])
if REPLICAS > 1:
    # Possible only before TensorFlow does anything, which it does when xnet_tf takes it.
    (processor,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * REPLICAS
    tf.config.set_logical_device_configuration(processor, parts)

from xnet_tf import dataset, distributed, profiles, training  # noqa: E402
from xnet_tf.backend import keras  # noqa: E402

PROFILE = dataclasses.replace(
    profiles.get("smoke"),
    images_per_part=18,
    batch_size=6,
    epochs=4,
)


def main(data: str, folder: str, losses: str) -> None:
    """Train by plain gradient descent, and note every step's loss."""
    # RMSprop and Adam divide by the gradients' size, which would hide a wrong one, and make of the
    # last digits of a small gradient, which the order of a sum decides, a whole step. Momentum
    # and a high rate enlarge such digits too.
    training.make_optimizer = lambda profile, steps: keras.optimizers.SGD(0.001)
    make_train_step = distributed.make_train_step

    def noting(model, strategy):
        step = make_train_step(model, strategy)

        def noted(batch):
            results = step(batch)
            with Path(losses).open("a") as file:
                file.write(f"{float(results[0])!r}\n")
            return results

        return noted

    distributed.make_train_step = noting
    training.train(dataset.load(data), PROFILE, Path(folder), strategy=strategy())


def strategy():
    """Return the strategy that the environment asks for."""
    if "TF_CONFIG" in os.environ:
        return distributed.find_strategy()
    if REPLICAS == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([f"CPU:{k}" for k in range(REPLICAS)])


if __name__ == "__main__":
    main(*sys.argv[1:])
