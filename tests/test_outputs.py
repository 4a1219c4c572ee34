"""Where segment writes, and what it does not overwrite."""

from pathlib import Path

import numpy as np
import pytest
from label_files import MAP, save

from xnet_io import masks, outputs
from xnet_tf.files import InputError


def test_masks_are_called_like_their_images(tmp_path):
    images = [Path("a/leg.png"), Path("b/knee.v2.dcm"), Path("1.2.840.1"), Path("scan.2024")]
    names = [path.name for path in outputs.mask_paths(images, tmp_path).values()]
    assert names == ["leg_mask.png", "knee.v2_mask.png", "1.2.840.1_mask.png", "scan.2024_mask.png"]


@pytest.mark.parametrize(
    "images", [["a/leg.png", "b/leg.png"], ["leg.png", "leg.dcm"], ["Leg.png", "leg.dcm"]]
)
def test_two_images_never_share_a_mask(tmp_path, images):
    with pytest.raises(InputError, match="would both be written to"):
        outputs.mask_paths([Path(name) for name in images], tmp_path)


def test_a_mask_is_replaced_if_it_was_made_of_the_same_file_alone(tmp_path):
    image = save(tmp_path / "leg.png", np.full((2, 3), 7))
    target = outputs.mask_paths([image], tmp_path / "out")[image]
    masks.write_mask(target, MAP, image)
    assert masks.source_of(target) != ""
    assert outputs.mask_paths([image], tmp_path / "out") == {image: target}
    (tmp_path / "other").mkdir()
    other = save(tmp_path / "other" / "leg.png", np.full((2, 3), 8))
    with pytest.raises(InputError, match="was not made of this file"):
        outputs.mask_paths([other], tmp_path / "out")
    masks.write_mask(target, MAP)  # by hand, for all that it says
    with pytest.raises(InputError, match="was not made of this file"):
        outputs.mask_paths([image], tmp_path / "out")


def test_no_image_is_overwritten(tmp_path):
    images = [tmp_path / "leg.png", tmp_path / "leg_mask.png"]
    with pytest.raises(InputError, match="which is to be segmented"):
        outputs.mask_paths(images, tmp_path)
