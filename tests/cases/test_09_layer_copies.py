"""Layers that the paint program named ("bone copy", "labels copy") are not dropped in silence.

A visible layer beside the chosen ones that holds class colours is refused, or used.
"""

import numpy as np
import pytest
from label_files import ora_bytes, png_bytes, write

from xnet_io import masks
from xnet_tf import classes
from xnet_tf.files import InputError

COLOURS = [tuple(int(v) for v in colour) for colour in classes.COLOURS]


def layer(colour, box):
    picture = np.zeros((60, 50, 4), np.uint8)
    picture[box[1] : box[3], box[0] : box[2]] = (*colour, 255)
    return png_bytes(picture)


AIR = layer(COLOURS[0], (0, 0, 50, 60))
BASE = [("soft tissue", layer(COLOURS[1], (10, 10, 40, 50))), ("open beam", AIR)]
BONE, MORE = layer(COLOURS[2], (20, 20, 25, 30)), layer(COLOURS[2], (26, 20, 35, 45))


@pytest.mark.parametrize(
    ("name", "stack"),
    [
        ("bone copy", [("bone", BONE), *BASE]),
        ("bone #1", [("bone", BONE), *BASE]),
        ("labels copy", [("labels", AIR)]),
    ],
)
def test_painted_layers(tmp_path, name, stack):
    layers = [(name, MORE), *stack]
    text = "".join(
        f'<layer name="{label}" src="{k}.png" x="0" y="0"/>' for k, (label, _) in enumerate(layers)
    )
    pictures = {f"{k}.png": picture for k, (_, picture) in enumerate(layers)}
    path = write(tmp_path / "mask.ora", ora_bytes(text, (60, 50), pictures))
    try:
        labels = masks.read(path, masks.Rules()).labels
    except InputError as error:
        assert name in str(error)
        return
    assert (labels[20:45, 26:35] == 2).all()
