"""Augmentation ahead of time: the images of whole epochs, written as TFRecord files.

Training needs none of this: it augments on the fly. The files hold the same pixels, for lessons
that show them, or for a program that reads TFRecord. A folder of them has ``augmented.json``, which
says how they were made, and ``epoch-NNN-PPP.tfrecord``: part PPP of epoch NNN, compressed by gzip.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import tqdm

from xnet_tf import pipeline
from xnet_tf.augmentation import PRESETS
from xnet_tf.backend import tf
from xnet_tf.dataset import Dataset, read_arrays
from xnet_tf.files import InputError, read_json, write_atomically, write_json
from xnet_tf.profiles import Profile

PER_FILE = 500
"""Images in one file; at 200 x 200 pixels, up to 100 MB before compression."""

_GZIP = tf.io.TFRecordOptions(compression_type="GZIP")


def write(dataset: Dataset, profile: Profile, epochs: int, out: Path) -> list[Path]:
    """Write the training images of the first epochs as `pipeline.training_batches` gives them.

    Each record is a ``tf.train.Example`` of ``image`` (bytes of float32 ``(S, S, 1)``, normalised),
    ``label`` (bytes of uint8 ``(S, S)``), ``body_part`` and ``source`` (the image's file name).

    Args:
        dataset: its training images are used.
        profile: size, augmentation, balance and seed.
        epochs: how many.
        out: the folder; it is made, and must not hold such files yet.

    Returns:
        The TFRecord files.

    Raises:
        InputError: if the folder holds an augmented set.
    """
    if any(out.glob("epoch-*.tfrecord")):
        raise InputError(f"{out}: holds an augmented set already; name another folder or empty it")
    arrays = read_arrays(dataset, "train", profile.image_size)
    sources = arrays.manifest.index.to_numpy()
    written = []
    for epoch in range(epochs):
        order = pipeline.epoch_order(arrays.parts, profile, epoch)
        batches = pipeline.training_batches(arrays, profile, epoch, epoch + 1).unbatch()
        title = f"epoch {epoch + 1} of {epochs}"
        augmented = tqdm.tqdm(batches.as_numpy_iterator(), title, len(order), unit="image")
        records = (
            _record(*pixels, arrays.parts[index], sources[index])
            for index, pixels in zip(order, augmented, strict=True)
        )
        for part in range(-(-len(order) // PER_FILE)):
            path = out / f"epoch-{epoch:03d}-{part:03d}.tfrecord"
            some = itertools.islice(records, PER_FILE)
            written.append(write_atomically(path, functools.partial(_write_file, records=some)))
    content = {
        "profile": profile.as_dict(),
        "augmentation": asdict(PRESETS[profile.augmentation]),
        "data": dataset.fingerprint(),
        "epochs": epochs,
        "images": epochs * len(order),
    }
    write_json(out / "augmented.json", content)
    return written


def read(folder: Path, batch_size: int) -> tf.data.Dataset:
    """Read what `write` wrote, in its order.

    Args:
        folder: with ``augmented.json``.
        batch_size: images in a batch; batches run on from one epoch into the next.

    Returns:
        A data set of images float32 ``(B, S, S, 1)`` in [-1, 1] and labels uint8 ``(B, S, S)``.

    Raises:
        InputError: if the folder holds no complete augmented set.
    """
    size = read_json(folder / "augmented.json")["profile"]["image_size"]
    files = [str(path) for path in sorted(folder.glob("epoch-*.tfrecord"))]
    if not files:
        raise InputError(f"{folder}: holds no TFRecord files; make them by `xnet_tf augment`")
    kinds = {name: tf.io.FixedLenFeature((), tf.string) for name in ("image", "label")}

    def decode(records):
        found = tf.io.parse_example(records, kinds)
        images = tf.io.decode_raw(found["image"], tf.float32)
        labels = tf.io.decode_raw(found["label"], tf.uint8)
        return tf.reshape(images, (-1, size, size, 1)), tf.reshape(labels, (-1, size, size))

    records = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(batch_size)
    return records.map(decode, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _write_file(path: Path, records: Iterable[bytes]) -> None:
    with tf.io.TFRecordWriter(str(path), _GZIP) as writer:
        for record in records:
            writer.write(record)


def _record(image: np.ndarray, label: np.ndarray, part: str, source: str) -> bytes:
    values = {"image": image.tobytes(), "label": label.tobytes()}
    values |= {"body_part": str(part).encode(), "source": str(source).encode()}
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for name, value in values.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
