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

COUNT = len(NAMES)
"""Number of classes."""
