"""DICOM files named by their UID, without ending, as archives do it: the last number is no ending.

Only a known ending (.dcm, .png, .tif, ...) is taken off: 1.2.840.1_mask.png, 1.2.840.2_mask.png.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from xnet_io import importing, outputs
from xnet_tf import classes

NAMES = [Path("1.2.840.99999.1.1"), Path("1.2.840.99999.1.2")]


def test_segment_gives_a_mask_each():
    together = outputs.plan(NAMES, Path("out"))
    assert len(set(together.targets.values())) == 2 and not together.failures
    each = [outputs.plan([name], Path("out")).targets[name] for name in NAMES]
    assert each[0] != each[1]


def test_import_masks_finds_the_pairs(tmp_path):
    (tmp_path / "images").mkdir(), (tmp_path / "masks").mkdir()
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30], mask[15:25] = 1, 2
    for k, name in enumerate(NAMES):
        image = Image.fromarray((200 - 60 * mask + k).astype(np.uint8))
        image.save(tmp_path / "images" / name, format="PNG")
        painted = Image.fromarray(classes.colour(np.roll(mask, k, 0)))
        painted.save(tmp_path / "masks" / f"{name}_mask.png")
    assert importing.import_masks(tmp_path, tmp_path / "set").pairs == 2
