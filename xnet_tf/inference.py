"""Probabilities and label maps of whole radiographs, of any size."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from xnet_tf import classes, models, radiographs, thresholds, variants
from xnet_tf.backend import faster_precision, keras, tf

WORKING_SIZE = 200
"""Longer side at which the network looks at an image, in pixels, as in the paper."""


class View(NamedTuple):
    """How an image is shown to the network: at first as it is, then changed.

    Attributes:
        size: relative to the working size.
        turns: quarter turns, counterclockwise.
        mirrored: left to right.
        gamma_normalised: by `xnet_tf.radiographs.normalise_gamma`.
    """

    size: float = 1.0
    turns: int = 0
    mirrored: bool = False
    gamma_normalised: bool = False


VIEWS = {
    "low": [View()],
    "normal": [View()],
    "turned": [View(1.0, turns, mirrored) for turns in range(4) for mirrored in (False, True)],
    "high": [View(1.0, turns) for turns in range(4)],
}
"""For each quality, the views of an image whose probabilities are averaged.

*High* is what users get unless they ask for less. From its four views it takes the turn of which
the network is surest, adds what `closer_views` has of that, and lets a view count the more the
surer the network is of it; ``results/qualities.csv`` has what that gains. *Turned* is the plain
mean of eight views. Both are about ten times the work of *normal*, the network as it is, which is
what is scored beside other methods. *Low* is the fastest form of the network: folded, in bfloat16
where the device gains from it.
"""

SIZES = (0.64, 0.8, 1.0, 1.24)
"""In which *high* shows an image once it has its turn, relative to the working size."""

SURENESS = 32.0
"""By which factor times its mean entropy, in nats, a view's weight in *high* falls, as exp(-x)."""


UPRIGHT = 0.02
"""By how many nats of mean entropy another turn must be surer than upright: most pictures are."""


def closer_views(turns: int) -> list[View]:
    """Return seven more views with a given turn: of each size one plain and one mirrored.

    Of the two, one has its gamma normalised; the plain one of size 1 is in *high* already.
    """
    found = [
        View(size, turns, mirrored, gamma_normalised=(number + mirrored) % 2 == 1)
        for number, size in enumerate(SIZES)
        for mirrored in (False, True)
    ]
    return [view for view in found if view != View(1.0, turns)]


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

    The image is averaged down to the working size, shown to the network in the quality's views,
    each filled up by reflection to a size that the network can halve and cut back, and brought to
    its own size: the probabilities are interpolated linearly and decided upon there.

    Args:
        model: a network, for instance of `xnet_tf.load_weights`.
        image: float32 ``(H, W, 1)`` in [0, 1], open beam bright, as `xnet_tf.radiographs.read`
            gives it.
        threshold: soft-tissue threshold in [0, 1], or None for the likeliest class.
        working_size: longer side the network looks at, in pixels.
        quality: ``"low"``, ``"normal"``, ``"turned"`` or ``"high"``; see `VIEWS` and `predict`.

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
        quality: ``"low"``, ``"normal"``, ``"turned"`` or ``"high"``; see `VIEWS`.

    Returns:
        float32 ``(N, H, W, 3)``.

    Raises:
        ValueError: if there is no such quality.
    """
    if quality not in VIEWS:
        raise ValueError(f"unknown quality {quality!r}; choose from {list(VIEWS)}")
    apply = _compiled(fast(model) if quality == "low" else model)
    parts = [
        _averaged(apply, images[start : start + batch_size], quality)
        for start in range(0, len(images), batch_size)
    ]
    if not parts:
        return np.zeros((0, *images.shape[1:3], classes.COUNT), np.float32)
    return np.concatenate(parts)


@functools.lru_cache(maxsize=4)
def fast(model: keras.Model) -> keras.Model:
    """Return the network in the form that this device is fastest with. See `variants.folded`."""
    return variants.folded(model, faster_precision()[0])


def _averaged(apply, images: np.ndarray, quality: str) -> np.ndarray:
    seen = [_seen(apply, images, view) for view in VIEWS[quality]]
    if quality != "high":
        return sum(seen) / len(seen)
    looks = np.stack(seen, axis=1)
    return np.stack([_closer(apply, *pair) for pair in zip(images, looks, strict=True)])


def _closer(apply, image: np.ndarray, seen: np.ndarray) -> np.ndarray:
    # Probabilities (H, W, C) of an image of which *high*'s views (V, H, W, C) have been seen. Much
    # is only known upright, and which way up it is, is told by what the network makes of it.
    views = VIEWS["high"]
    margin = np.array([UPRIGHT if view.turns else 0.0 for view in views])
    turns = views[int(np.argmin(_doubt(seen) + margin))].turns
    more = [_seen(apply, image[None], view)[0] for view in closer_views(turns)]
    seen = np.concatenate([seen, more])
    weights = special.softmax(-SURENESS * _doubt(seen)).astype(np.float32)
    return np.tensordot(weights, seen, axes=1)


def _doubt(seen: np.ndarray) -> np.ndarray:
    # Mean entropy, in nats, of the pixels of each view (V, H, W, C).
    return special.entr(np.maximum(seen, 0)).sum(axis=-1).mean(axis=(1, 2))


def _seen(apply, images: np.ndarray, view: View) -> np.ndarray:
    # Show images as the view says; bring the probabilities back.
    own = images.shape[1:3]
    height, width = (max(1, round(view.size * n)) for n in own)
    if (height, width) != own:
        images = np.stack([radiographs.resize_area(image, height, width) for image in images])
    if view.gamma_normalised:
        images = radiographs.normalise_gamma(images).numpy()
    step = 2**models.POOLINGS
    padding = ((0, 0), (0, -height % step), (0, -width % step), (0, 0))
    # Normalise first: what is filled in must not move the mean of what is there.
    shown = np.pad(radiographs.prepare(images).numpy(), padding, mode="symmetric")
    shown = np.rot90(shown, view.turns, axes=(1, 2))
    shown = shown[:, :, ::-1] if view.mirrored else shown
    seen = apply(tf.constant(shown)).numpy()
    seen = seen[:, :, ::-1] if view.mirrored else seen
    seen = np.rot90(seen, -view.turns, axes=(1, 2))[:, :height, :width]
    return seen if (height, width) == own else tf.image.resize(seen, own, antialias=True).numpy()


@functools.lru_cache(maxsize=8)
def _compiled(model: keras.Model):
    signature = tf.TensorSpec((None, None, None, model.input_shape[-1]), tf.float32)
    return tf.function(lambda x: model(x, training=False), input_signature=[signature])
