"""EXIF and TIFF orientation: a mask painted on what viewers show lies on its radiograph.

The orientation is applied on reading, to image and mask.
"""

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from xnet_io import importing
from xnet_tf import classes, dataset

SHOWN = np.full((90, 120), 230, np.uint8)  # air, a limb in the upper part, bone in it
SHOWN[5:45, 5:80], SHOWN[15:30, 5:60] = 120, 40
MASK = np.zeros(SHOWN.shape, np.uint8)
MASK[5:45, 5:80], MASK[15:30, 5:60] = 1, 2
STORED = {
    2: SHOWN[:, ::-1],
    3: SHOWN[::-1, ::-1],
    4: SHOWN[::-1],
    5: SHOWN.T,
    6: np.rot90(SHOWN),
    7: SHOWN.T[::-1, ::-1],
    8: np.rot90(SHOWN, -1),
}


def jpeg(path, stored, tag):
    exif = Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(stored).save(path.with_suffix(".jpg"), exif=exif, quality=95)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path.with_suffix(".jpg"))))
    assert np.abs(upright.astype(int) - SHOWN).max() < 12, "the viewer shows it upright"


def png(path, stored, tag):
    exif = Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(stored).save(path.with_suffix(".png"), exif=exif)


def tiff(path, stored, tag):
    extra = [(274, "H", 1, tag, False)]
    tifffile.imwrite(path.with_suffix(".tif"), stored, photometric="minisblack", extratags=extra)


@pytest.mark.parametrize("write", [jpeg, png, tiff])
@pytest.mark.parametrize("tag", STORED)
def test_orientation(tmp_path, write, tag):
    (tmp_path / "images").mkdir(), (tmp_path / "masks").mkdir()
    write(tmp_path / "images" / "film", np.ascontiguousarray(STORED[tag]), tag)
    Image.fromarray(classes.colour(MASK)).save(tmp_path / "masks" / "film.png")  # as shown
    (tmp_path / "manifest.csv").write_text(
        "image,mask,body_part,subject,source,polarity\n"
        f"images/{next((tmp_path / 'images').iterdir()).name},masks/film.png,leg,p,own,bright\n"
    )
    importing.import_masks(tmp_path, tmp_path / "set")
    grey = dataset.read_image(tmp_path / "set" / "images" / "film.png")[..., 0]
    labels = dataset.read_mask(tmp_path / "set" / "masks" / "film.png")
    assert np.median(grey[labels == 2]) < np.median(grey[labels == 0])
    np.testing.assert_allclose(grey[MASK == 0], grey.max(), atol=0.1)
