"""import-masks without a manifest leaves nothing out in silence.

There is a fault or at least a note for every folder and dead link in images/ and masks/.
"""

import numpy as np
import pytest
from PIL import Image

from xnet_io import importing
from xnet_tf import classes
from xnet_tf.files import InputError

MASK = np.zeros((40, 40), np.uint8)
MASK[10:30], MASK[15:25] = 1, 2


def put(folder, stem, shift=0):
    for name in ("images", "masks"):
        (folder / name / stem).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(200 - 60 * np.roll(MASK, shift, 0)).save(folder / "images" / f"{stem}.png")
    painted = Image.fromarray(classes.colour(np.roll(MASK, shift, 0)))
    painted.save(folder / "masks" / f"{stem}.png")


def subfolder(folder):
    put(folder, "person-2/b", 3)


def dead_links(folder):
    for name in ("images", "masks"):
        (folder / name / "b.png").symlink_to("../.git/annex/objects/not-fetched")


def circle(folder):
    (folder / "images" / "b.png").symlink_to("b.png")


@pytest.mark.parametrize("change", [subfolder, dead_links, circle])
def test_nothing_is_left_out_in_silence(tmp_path, change):
    put(tmp_path, "a")
    change(tmp_path)
    try:
        outcome = importing.import_masks(tmp_path, tmp_path / "set")
    except InputError:
        return
    assert outcome.problems
