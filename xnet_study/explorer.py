"""Threshold and dilation by sliders: an interactive picture for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import ipywidgets as widgets
import numpy as np

from xnet_tf import classes, thresholds
from xnet_tf.thresholds import Processing

WRONG, MISSED = (214, 39, 40), (170, 170, 170)
"""Colours of pixels that are wrongly called soft tissue, and of soft tissue that is not found."""


@dataclass(frozen=True)
class Example:
    """An image that was segmented.

    Attributes:
        name: shown in the list.
        image: float32 ``(H, W, 1)`` in [0, 1].
        probabilities: float32 ``(H, W, 3)``.
        truth: uint8 ``(H, W)``, class ids.
    """

    name: str
    image: np.ndarray
    probabilities: np.ndarray
    truth: np.ndarray


def segment(example: Example, threshold: float, dilation: int) -> np.ndarray:
    """Return the label map, uint8 ``(H, W)``, at a threshold and with bone dilated."""
    labels = thresholds.decide(example.probabilities, threshold)
    return Processing(dilation=dilation)(labels, example.probabilities)


def numbers(example: Example, labels: np.ndarray) -> dict[str, float]:
    """Return recall and false discovery rate of soft tissue, and the share that is called so."""
    called = np.bincount(example.truth[labels == classes.SOFT_TISSUE], minlength=classes.COUNT)
    pixels = np.bincount(example.truth.ravel(), minlength=classes.COUNT)
    curve = called[None]
    return {
        "recall": float(thresholds.recall(curve, pixels)[0]),
        "false discovery rate": float(thresholds.fdr(curve)[0]),
        "called soft tissue": float(called.sum() / pixels.sum()),
    }


def draw(example: Example, labels: np.ndarray) -> np.ndarray:
    """Draw radiograph, label map and what is wrong with its soft tissue, side by side.

    Returns:
        uint8 ``(H, 3 W, 3)``, RGB. On the right soft tissue is green where it was found, grey where
        it was missed, and what is wrongly called so is red.
    """
    grey = np.sqrt(np.clip(example.image, 0, 1)) * 255
    grey = np.repeat(grey.astype(np.uint8), 3, axis=2)
    true, called = example.truth == classes.SOFT_TISSUE, labels == classes.SOFT_TISSUE
    errors = np.full(grey.shape, 245, np.uint8)
    errors[true] = MISSED
    errors[called & true] = classes.COLOURS[classes.SOFT_TISSUE]
    errors[called & ~true] = WRONG
    return np.concatenate([grey, classes.COLOURS[labels], errors], axis=1)


class Explorer(widgets.VBox):
    """Sliders for threshold and dilation over a picture that follows them."""

    def __init__(self, examples: Sequence[Example]):
        """Show the first example at a threshold of one half.

        Args:
            examples: to choose from.
        """
        self.examples = {example.name: example for example in examples}
        self.choice = widgets.Dropdown(options=list(self.examples), description="image")
        self.threshold = widgets.FloatSlider(
            0.5, min=0, max=1, step=0.01, description="T", readout_format=".2f"
        )
        self.dilation = widgets.IntSlider(0, min=0, max=15, description="dilation")
        self.picture = widgets.Image(format="png")
        self.text = widgets.HTML()
        controls = [self.choice, self.threshold, self.dilation]
        for control in controls:
            control.observe(self.follow, names="value")
        self.follow()
        super().__init__([widgets.HBox(controls), self.picture, self.text])

    def follow(self, change: object = None) -> None:
        """Bring picture and numbers in line with the controls."""
        example = self.examples[self.choice.value]
        labels = segment(example, self.threshold.value, self.dilation.value)
        drawn = cv2.cvtColor(draw(example, labels), cv2.COLOR_RGB2BGR)
        self.picture.value = cv2.imencode(".png", drawn)[1].tobytes()
        found = numbers(example, labels)
        self.text.value = ", ".join(f"{name} <b>{value:.3f}</b>" for name, value in found.items())
