"""Presets of augmentation: lists of what may happen to a picture, and how far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from xnet_tf import appearance as grey
from xnet_tf.transforms import Crop, Elastic, Flip, Rotate, Shear, Sometimes, Translate, Zoom

# The ranges of the authors' code, step by step as the ablation adds them. Their elastic field
# (uniform noise smoothed with sigma 16 pixels, times 50 to 60) has a standard deviation of 0.56
# pixels.
_AFFINE = [Flip(0.5, 0.5), Translate(0.01), Crop(0.1, 0.4), Rotate(15), Shear(2)]
_AFFINE_ELASTIC = [*_AFFINE, Sometimes(0.5, Elastic(0.56))]

# What two minutes, or twenty, have time to learn: any place and size, and grey values that hardly
# change.
_MILD = [
    *(Flip(0.5, 0.5), Translate(0.05), Zoom(0.8, 1.35), Rotate(180)),
    Sometimes(0.6, Elastic(2.0)),
    *(grey.Blur(0.0, 0.4), grey.Noise(0.01), grey.Gamma(0.8, 1.25)),
]

# Wide ranges, for weights that meet radiographs of other hospitals and detectors. Some pictures are
# shown as hospitals show them: on a logarithmic scale, and then at times altered further.
_ROBUST = [
    *(Flip(0.5, 0.5), Translate(0.1), Zoom(0.7, 1.6), Rotate(180), Shear(8)),
    Sometimes(0.7, Elastic(4.0)),
    grey.Blur(0.0, 1.2),
    Sometimes(0.3, grey.Collimate(0.3, degrees=45)),
    *(grey.Noise(0.04), grey.Gain(1.3), grey.Field(0.15), grey.Offset(0.2), grey.Saturate()),
    Sometimes(0.4, grey.LogScale(), name="hospital"),
    grey.Gamma(0.35, 1.6),
    Sometimes(
        0.4,
        Sometimes(0.3, grey.SCurve()),
        Sometimes(0.5, grey.Sharpen(1.2)),
        Sometimes(0.5, grey.Window(0.4)),
        name="hospital",
    ),
    grey.Saturate(),
    Sometimes(0.08, grey.Frame(0.15)),
]

# For the weights that people use: less of what blots out ribs or turns a chest upside down, and
# most pictures stay where they are, since it is by its place that a heart is told from a spine;
# what files do to pictures; flesh that is less smooth than a simulation's; and what the processing
# of digital detectors does.
_UNEVEN = [
    Sometimes(
        0.4,
        *(Flip(0.5, 0.0), Translate(0.1), Zoom(0.8, 1.8), Rotate(30), Shear(4)),
        Sometimes(0.5, Elastic(2.0)),
    ),
    Sometimes(0.6, grey.Fold((0.1, 1.5), flatness=0.8)),
    Sometimes(0.6, grey.Texture(0.1)),
    grey.Blur(0.0, 0.7),
    Sometimes(0.3, grey.Collimate(0.3, degrees=45)),
    *(grey.Noise(0.02), grey.Gain(1.3), grey.Field(0.15), grey.Offset(0.2), grey.Saturate()),
    Sometimes(0.5, grey.LogScale(), name="hospital"),
    grey.Gamma(0.35, 1.6),
    Sometimes(
        0.5,
        Sometimes(0.3, grey.SCurve()),
        Sometimes(0.5, grey.ReduceLatitude(0.8)),
        Sometimes(0.5, grey.Sharpen(1.2)),
        Sometimes(0.5, grey.Window(0.4)),
        name="hospital",
    ),
    grey.Saturate(),
    Sometimes(0.08, grey.Frame(0.15)),
    Sometimes(0.3, grey.GreyLevels(24, 256)),
    Sometimes(0.2, grey.Jpeg(30, 95)),
    Sometimes(0.5, grey.NormaliseGamma()),
]

PRESETS = {
    "none": [],
    "affine": _AFFINE,
    "affine-elastic": _AFFINE_ELASTIC,
    "paper": [*_AFFINE_ELASTIC, grey.Blur(0.0, 0.4)],
    "mild": _MILD,
    "robust": _ROBUST,
    "uneven": _UNEVEN,
}


def describe(preset: Sequence) -> list:
    """Describe a preset by what JSON can hold, for the record of a training.

    Args:
        preset: transforms.

    Returns:
        For each its class's name and its fields: ``["Flip", {"horizontal": 0.5, ...}]``; a group's
        ``transforms`` are such a list.
    """

    def plain(name, value):
        if name == "transforms":
            return describe(value)
        return list(value) if isinstance(value, tuple) else value

    return [
        [type(one).__name__, {f.name: plain(f.name, getattr(one, f.name)) for f in fields(one)}]
        for one in preset
    ]
