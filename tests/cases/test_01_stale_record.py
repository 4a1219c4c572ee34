"""A mask's own record (leg_mask.json) does not outlive it.

After `segment leg.png` without a wish no leg_mask.json lies there, or it describes this mask.
"""

import numpy as np
import pytest
from picture_files import limb
from PIL import Image

from xnet_io import masks
from xnet_tf import cli


@pytest.fixture
def words(tmp_path):
    Image.fromarray((limb(160, 128) * 255).astype(np.uint8)).save(tmp_path / "leg.png")
    folder = tmp_path / "out"
    return ["segment", str(tmp_path / "leg.png"), "--out", str(folder), "--quality", "normal"]


def test_no_record_of_an_earlier_mask(tmp_path, words):
    record = tmp_path / "out" / "leg_mask.json"
    assert cli.main([*words, "--target-fdr", "0.05"]) == 0
    assert record.exists()
    assert cli.main(words) == 0
    assert not record.exists()


def test_not_even_after_a_kill_between_the_two(tmp_path, words, monkeypatch):
    assert cli.main([*words, "--target-fdr", "0.05"]) == 0
    before = (tmp_path / "out" / "leg_mask.png").read_bytes()

    def killed(*arguments):
        raise SystemExit

    monkeypatch.setattr(masks, "write_mask", killed)
    with pytest.raises(SystemExit):
        cli.main(words)
    assert (tmp_path / "out" / "leg_mask.png").read_bytes() == before
    assert not (tmp_path / "out" / "leg_mask.json").exists()
