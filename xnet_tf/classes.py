"""The three regions of a radiograph: ids, names and colours.

Every other module takes them from here. The colours are those of the authors' figures, in which
open beam is purple, soft tissue green and bone yellow.
"""

from __future__ import annotations

import numpy as np

OPEN_BEAM, SOFT_TISSUE, BONE = 0, 1, 2

NAMES = ("open beam", "soft tissue", "bone")
"""Class names; the position is the class id. Metal counts as bone."""

COLOURS = np.array([[68, 1, 84], [33, 144, 140], [253, 231, 36]], dtype=np.uint8)
"""uint8 ``(3, 3)``: the RGB colour of each class id, as displayed in the paper."""

AUTHORS_COLOURS = np.array([[255, 255, 255], [255, 255, 0], [0, 0, 255]], dtype=np.uint8)
"""uint8 ``(3, 3)``: the colour of each class id as the authors' code lists it, in its own order.

Read as RGB that is white, yellow, blue. Their code reads label files with OpenCV, whose channels
come as blue, green, red: a file must hold these rows reversed, white, cyan, red, to be understood.
"""

COUNT = len(NAMES)
"""Number of classes."""
