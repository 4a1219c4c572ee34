"""Probabilities and label maps of whole radiographs, of any size."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from xnet_tf import classes, models, radiographs, thresholds, variants
from xnet_tf.backend import faster_precision, keras, tf

WORKING_SIZE = 200
"""Longer side at which the network looks at an image, in pixels, as in the paper."""

VIEWS = {
    "low": [(0, False)],
    "normal": [(0, False)],
    "high": [(turns, mirrored) for turns in range(4) for mirrored in (False, True)],
}
"""For each quality, how the image is shown to the network: quarter turns, and whether mirrored.

*High* averages the probabilities of eight views, eight times the work of one, and is what users get
unless they ask for less: the errors of the views differ. *Normal* is the network as it is, and what
is scored beside other methods. *Low* is the fastest form of the network: folded, in bfloat16 where
the device gains from it.
"""


@dataclass(frozen=True)
class Segmentation:
    """A segmented radiograph.

    Attributes:
        labels: uint8 ``(H, W)``, class ids, at the radiograph's own size.
        probabilities: float32 ``(H, W, 3)``, interpolated from the size the network worked at.
    """

    labels: np.ndarray
    probabilities: np.ndarray


def segment(
    model: keras.Model,
    image: np.ndarray,
    threshold: float | None = None,
    working_size: int = WORKING_SIZE,
    quality: str = "high",
) -> Segmentation:
    """Segment one radiograph.

    The image is averaged down to the working size, filled up by reflection to a size that the
    network can halve, segmented, cut back and brought to its own size: the probabilities are
    interpolated linearly and decided upon there.

    Args:
        model: a network, for instance of `xnet_tf.load_weights`.
        image: float32 ``(H, W, 1)`` in [0, 1], open beam bright, as `xnet_tf.radiographs.read`
            gives it.
        threshold: soft-tissue threshold in [0, 1], or None for the likeliest class.
        working_size: longer side the network looks at, in pixels.
        quality: ``"low"``, ``"normal"`` or ``"high"``; see `VIEWS` and `predict`.

    Raises:
        ValueError: if there is no such quality.
    """
    height, width = image.shape[:2]
    scale = working_size / max(height, width)
    small = radiographs.resize_area(
        image, max(1, round(height * scale)), max(1, round(width * scale))
    )
    probabilities = predict(model, small[None], quality=quality)[0]
    probabilities = tf.image.resize(probabilities, (height, width)).numpy()
    return Segmentation(thresholds.decide(probabilities, threshold), probabilities)


def predict(
    model: keras.Model, images: np.ndarray, batch_size: int = 5, quality: str = "normal"
) -> np.ndarray:
    """Compute probabilities of images of one size.

    Args:
        model: the network. In quality ``"low"`` its weights are taken as they are at its first
            use, for speed; in the others as they are now.
        images: float32 ``(N, H, W, 1)`` in [0, 1], open beam bright; any H and W.
        batch_size: images at a time.
        quality: ``"low"``, ``"normal"`` or ``"high"``; see `VIEWS`.

    Returns:
        float32 ``(N, H, W, 3)``.

    Raises:
        ValueError: if there is no such quality.
    """
    if quality not in VIEWS:
        raise ValueError(f"unknown quality {quality!r}; choose from {list(VIEWS)}")
    height, width = images.shape[1:3]
    step = 2**models.POOLINGS
    padding = ((0, 0), (0, -height % step), (0, -width % step), (0, 0))
    # Normalise first: what is filled in must not move the mean of what is there.
    prepared = np.pad(radiographs.prepare(images).numpy(), padding, mode="symmetric")
    apply = _compiled(fast(model) if quality == "low" else model)
    parts = [
        _mean_of_views(apply, prepared[start : start + batch_size], VIEWS[quality])
        for start in range(0, len(images), batch_size)
    ]
    if not parts:
        return np.zeros((0, height, width, classes.COUNT), np.float32)
    return np.concatenate(parts)[:, :height, :width]


@functools.lru_cache(maxsize=4)
def fast(model: keras.Model) -> keras.Model:
    """Return the network in the form that this device is fastest with. See `variants.folded`."""
    return variants.folded(model, faster_precision()[0])


def _mean_of_views(apply, batch: np.ndarray, views: list[tuple[int, bool]]) -> np.ndarray:
    # Show the batch turned and mirrored, turn the probabilities back, average them.
    total = 0
    for turns, mirrored in views:
        view = np.rot90(batch, turns, axes=(1, 2))
        view = view[:, :, ::-1] if mirrored else view
        seen = apply(tf.constant(view)).numpy()
        seen = seen[:, :, ::-1] if mirrored else seen
        total = total + np.rot90(seen, -turns, axes=(1, 2))
    return total / len(views) if len(views) > 1 else total


@functools.lru_cache(maxsize=8)
def _compiled(model: keras.Model):
    signature = tf.TensorSpec((None, None, None, model.input_shape[-1]), tf.float32)
    return tf.function(lambda x: model(x, training=False), input_signature=[signature])
