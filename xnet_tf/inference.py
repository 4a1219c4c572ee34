"""Probabilities and label maps of whole radiographs, of any size; test-time augmentation.

The network is a function from normalised images to probabilities: a Keras model, or anything else
that can be called so. Nothing here imports TensorFlow unless it is given a Keras model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xnet_tf import preprocessing, thresholds

if TYPE_CHECKING:
    from xnet_tf.backend import keras

Network = Callable[[np.ndarray], np.ndarray]
"""From images float32 ``(B, H, W, 1)`` in [-1, 1] to probabilities float32 ``(B, H, W, C)``."""

DIVISOR = 8
"""Networks here halve an image three times: height and width must be divisible by this."""

WORKING_SIZE = 200
"""Longer side at which the network looks at an image, in pixels, as in the paper."""


class View(NamedTuple):
    """One view of test-time augmentation: how an image is shown to the network.

    Attributes:
        size: relative to the working size.
        turns: quarter turns, counterclockwise.
        mirrored: left to right.
        gamma_normalised: by `xnet_tf.preprocessing.normalise_gamma`.
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
the network is surest, adds what `further_views` has of that, and lets a view count the more the
surer the network is of it; ``results/qualities.csv`` has what that gains. *Turned* is the plain
mean of eight views. They are about eleven and eight times the work of *normal*, the network as it
is, which is what is scored beside other methods. *Low* is the fastest form of the network: folded,
in bfloat16 where the device gains from it.
"""

SIZES = (0.64, 0.8, 1.0, 1.24)
"""In which *high* shows an image once it has its turn, relative to the working size."""

SURENESS = 32.0
"""By which factor times its mean entropy, in nats, a view's weight in *high* falls, as exp(-x)."""


UPRIGHT = 0.02
"""By how many nats of mean entropy another turn must be surer than upright: most pictures are."""


def further_views(turns: int) -> list[View]:
    """Return seven more views with a given turn: of each size one plain and one mirrored.

    Of the two, one has its gamma normalised; the plain one of size 1 is in *high* already.
    """
    views = [
        View(size, turns, mirrored, gamma_normalised=(number + mirrored) % 2 == 1)
        for number, size in enumerate(SIZES)
        for mirrored in (False, True)
    ]
    return [view for view in views if view != View(1.0, turns)]


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
    network: keras.Model | Network,
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
        network: for instance of `xnet_tf.load_weights`.
        image: float32 ``(H, W, 1)`` in [0, 1], open beam bright, as `xnet_io.read` gives it.
        threshold: soft-tissue threshold in [0, 1], or None for the likeliest class.
        working_size: longer side the network looks at, in pixels.
        quality: ``"low"``, ``"normal"``, ``"turned"`` or ``"high"``; see `VIEWS` and `predict`.

    Raises:
        ValueError: if there is no such quality.
    """
    height, width = image.shape[:2]
    small = preprocessing.resize_area(image, *preprocessing.fitted((height, width), working_size))
    probabilities = predict(network, small[None], quality=quality)[0]
    probabilities = preprocessing.resize_linear(probabilities, height, width)
    return Segmentation(thresholds.decide(probabilities, threshold), probabilities)


def predict(
    network: keras.Model | Network,
    images: np.ndarray,
    batch_size: int = 5,
    quality: str = "normal",
) -> np.ndarray:
    """Compute probabilities of images of one size.

    Args:
        network: of a Keras model, quality ``"low"`` takes the weights as they are at its first
            use, for speed; the others take them as they are now.
        images: float32 ``(N, H, W, 1)`` in [0, 1], open beam bright; any H and W; N at least 1.
        batch_size: images at a time.
        quality: ``"low"``, ``"normal"``, ``"turned"`` or ``"high"``; see `VIEWS`.

    Returns:
        float32 ``(N, H, W, C)``.

    Raises:
        ValueError: if there is no such quality.
    """
    if quality not in VIEWS:
        raise ValueError(f"unknown quality {quality!r}; choose from {list(VIEWS)}")
    apply = _as_function(network, quality)
    starts = range(0, len(images), batch_size)
    return np.concatenate([_average(apply, images[k : k + batch_size], quality) for k in starts])


def _as_function(network: keras.Model | Network, quality: str) -> Network:
    if not hasattr(network, "get_layer"):
        return network
    from xnet_tf.model import predictor

    return predictor(network, fastest=quality == "low")


def _average(apply: Network, images: np.ndarray, quality: str) -> np.ndarray:
    """Probabilities of images ``(B, H, W, 1)``, averaged over the quality's views."""
    views = np.stack([_view(apply, images, view) for view in VIEWS[quality]], axis=1)
    if quality != "high":
        return views.mean(axis=1)
    return np.stack([_refined(apply, *pair) for pair in zip(images, views, strict=True)])


def _refined(apply: Network, image: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """Add the further views of the turn that the network is surest of.

    Much is only known upright, and which way up it is, is told by what the network makes of it.

    Args:
        apply: the network.
        image: ``(H, W, 1)``.
        turned: its probabilities in the views of *high*, ``(V, H, W, C)``.
    """
    views = VIEWS["high"]
    margin = np.array([UPRIGHT if view.turns else 0.0 for view in views])
    turns = views[int(np.argmin(_mean_entropy(turned) + margin))].turns
    further = [_view(apply, image[None], view)[0] for view in further_views(turns)]
    every = np.concatenate([turned, further])
    weights = np.exp(-SURENESS * _mean_entropy(every))
    return np.tensordot(weights / weights.sum(), every, axes=1)


def _mean_entropy(views: np.ndarray) -> np.ndarray:
    """Mean over the pixels of each view ``(V, H, W, C)``, in nats."""
    exact = np.maximum(views, 1e-30, dtype=np.float64)  # of which the logarithm exists
    return (-exact * np.log(exact)).astype(np.float32).sum(axis=-1).mean(axis=(1, 2))


def _view(apply: Network, images: np.ndarray, view: View) -> np.ndarray:
    """Show images as the view says; bring the probabilities back."""
    shape = images.shape[1:3]
    height, width = (max(1, round(view.size * side)) for side in shape)
    if (height, width) != shape:
        images = np.stack([preprocessing.resize_area(i, height, width) for i in images])
    if view.gamma_normalised:
        images = preprocessing.normalise_gamma(images)
    padding = ((0, 0), (0, -height % DIVISOR), (0, -width % DIVISOR), (0, 0))
    # Normalise first: what is filled in must not move the mean of what is there.
    prepare = getattr(apply, "prepare", preprocessing.prepare)
    shown = np.pad(prepare(images), padding, mode="symmetric")
    shown = np.rot90(shown, view.turns, axes=(1, 2))
    shown = shown[:, :, ::-1] if view.mirrored else shown
    answer = np.asarray(apply(np.ascontiguousarray(shown)))
    answer = answer[:, :, ::-1] if view.mirrored else answer
    answer = np.rot90(answer, -view.turns, axes=(1, 2))[:, :height, :width]
    return answer if (height, width) == shape else _interpolated(answer, *shape)


def _interpolated(answer: np.ndarray, height: int, width: int) -> np.ndarray:
    """Interpolate linearly; where it shrinks, average over as many pixels as become one."""
    rows, columns = _triangles(answer.shape[1], height), _triangles(answer.shape[2], width)
    return np.einsum("yi,bijc,xj->byxc", rows, answer, columns, optimize=True)


def _triangles(size: int, new: int) -> np.ndarray:
    scale = size / new
    distance = (np.arange(new)[:, None] + 0.5) * scale - 0.5 - np.arange(size)
    weights = np.maximum(1 - np.abs(distance) / max(scale, 1), 0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
