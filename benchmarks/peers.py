"""One augmentation method as a process: ``benchmarks/augmentation.py`` starts it and times it.

    python benchmarks/peers.py PEER VARIANT DATA.npz

It runs in its peer's own environment, so every library is imported where it is used.
"""

from __future__ import annotations

import itertools
import sys

import numpy as np
import serving

BATCH = 5
SIDE = 200


def ours(variant: str, images: np.ndarray, labels: np.ndarray):
    """xnet_tf's preset ``paper``; yields the number of images done."""
    import pandas as pd

    from xnet_tf import pipeline, profiles
    from xnet_tf.backend import tf
    from xnet_tf.dataset import Arrays

    arrays = Arrays(images, labels, pd.DataFrame())
    transform = pipeline.augmented_batch(arrays, profiles.get("paper"))
    if "xla" in variant:
        transform = pipeline.compiled(transform, BATCH)

    @tf.function
    def batch(number):
        example = number * BATCH + tf.range(BATCH, dtype=tf.int64)
        return transform(example % len(images), tf.stack([tf.ones_like(example), example], -1))

    if "tf.data" in variant:
        numbers = tf.data.Dataset.counter()
        batches = numbers.map(batch, num_parallel_calls=tf.data.AUTOTUNE)
        for image, _ in batches.prefetch(tf.data.AUTOTUNE):
            yield len(image)
    for number in itertools.count():
        image, _ = batch(tf.constant(number, tf.int64))
        image.numpy()
        yield len(image)


def imgaug(variant: str, images: np.ndarray, labels: np.ndarray):
    """The authors' chain, label maps moved with the images; yields the number of images done."""
    from imgaug import augmenters as iaa
    from imgaug.augmentables.segmaps import SegmentationMapsOnImage

    shift = {"x": (-0.01, 0.01), "y": (-0.01, 0.01)}
    chain = iaa.Sequential(
        [
            iaa.Fliplr(0.5),
            iaa.Flipud(0.5),
            iaa.Affine(
                translate_percent=shift, rotate=(-15, 15), shear=(-2, 2), order=1, mode="reflect"
            ),
            iaa.Crop(percent=(0.1, 0.4)),
            iaa.GaussianBlur((0, 0.4)),
            iaa.Sometimes(0.5, iaa.ElasticTransformation(alpha=(50, 60), sigma=16)),
        ]
    )
    images = _as(variant, images)
    maps = [SegmentationMapsOnImage(label, shape=(SIDE, SIDE)) for label in labels]
    for chosen in _batches(len(images)):
        chain(images=images[chosen], segmentation_maps=[maps[k] for k in chosen])
        yield len(chosen)


def elasticdeform(variant: str, images: np.ndarray, labels: np.ndarray):
    """Elastic displacement alone, by its own random grid; yields the number of images done."""
    import elasticdeform as library

    for chosen in _batches(len(images)):
        for k in chosen:
            pair = [images[k, ..., 0], labels[k]]
            orders = [int(variant), 0]
            library.deform_random_grid(pair, sigma=0.56, points=8, order=orders, mode="mirror")
        yield len(chosen)


def albumentations(variant: str, images: np.ndarray, labels: np.ndarray):
    """The authors' ranges in albumentations; yields the number of images done."""
    import albumentations as library
    import cv2

    chain = library.Compose(
        [
            library.HorizontalFlip(p=0.5),
            library.VerticalFlip(p=0.5),
            library.Affine(
                translate_percent=(-0.01, 0.01),
                rotate=(-15, 15),
                shear=(-2, 2),
                border_mode=cv2.BORDER_REFLECT_101,
                p=1.0,
            ),
            library.CropAndPad(percent=(-0.4, -0.1), keep_size=True, p=1.0),
            library.GaussianBlur(blur_limit=0, sigma_limit=(0.0, 0.4), p=1.0),
            library.ElasticTransform(alpha=55, sigma=16, p=0.5),
        ],
        seed=1,
    )
    images = _as(variant, images)
    for chosen in _batches(len(images)):
        for k in chosen:
            chain(image=images[k], mask=labels[k])
        yield len(chosen)


def keras(variant: str, images: np.ndarray, labels: np.ndarray):
    """The authors' ranges in Keras' layers, in tf.data; yields the number of images done."""
    from xnet_tf.backend import keras as library
    from xnet_tf.backend import tf

    layers = library.layers
    chain = [
        layers.RandomFlip(),
        layers.RandomRotation(15 / 360),
        layers.RandomTranslation(0.01, 0.01),
        layers.RandomShear(0.035, 0.035),
        layers.RandomZoom((-0.8, -0.2), (-0.8, -0.2)),
        layers.RandomGaussianBlur(kernel_size=3, sigma=(0.0, 0.4), value_range=(0, 1)),
        layers.RandomElasticTransform(0.5, value_range=(0, 1)),
    ]

    def transform(image, label):
        both = {"images": image, "segmentation_masks": tf.cast(label[..., None], tf.float32)}
        for layer in chain:
            both = layer(both, training=True)
        return both["images"], both["segmentation_masks"]

    batches = tf.data.Dataset.from_tensor_slices((images, labels)).repeat().batch(BATCH)
    batches = batches.map(transform, num_parallel_calls=tf.data.AUTOTUNE)
    for image, _ in batches.prefetch(tf.data.AUTOTUNE):
        yield len(image)


def _as(variant: str, images: np.ndarray) -> np.ndarray:
    return np.round(images * 255).astype(np.uint8) if variant == "uint8" else images


def _batches(count: int):
    for start in itertools.count(0, BATCH):
        yield [k % count for k in range(start, start + BATCH)]


def main() -> None:
    """Serve until the input ends."""
    peer, variant, path = sys.argv[1:]
    with np.load(path) as data:
        images, labels = data["images"], data["labels"]
    work = globals()[peer](variant, images, labels)
    serving.serve(work)


if __name__ == "__main__":
    main()
