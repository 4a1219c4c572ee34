"""Which pictures segment takes, where it writes, and what it does not overwrite."""

from pathlib import Path

import pytest

from xnet_io import outputs
from xnet_tf.files import InputError


def test_masks_are_called_like_their_images(tmp_path):
    images = [Path("a/leg.png"), Path("b/knee.v2.dcm"), Path("1.2.840.1"), Path("scan.2024")]
    names = [path.name for path in outputs.plan(images, tmp_path).targets.values()]
    assert names == ["leg_mask.png", "knee.v2_mask.png", "1.2.840.1_mask.png", "scan.2024_mask.png"]


@pytest.mark.parametrize(
    "images", [["a/leg.png", "b/leg.png"], ["leg.png", "leg.dcm"], ["Leg.png", "leg.dcm"]]
)
def test_two_images_never_share_a_mask(tmp_path, images):
    made = outputs.plan([Path("hand.png"), *map(Path, images)], tmp_path)
    assert list(made.targets) == [Path("hand.png")]
    assert list(made.failures) == [Path(name) for name in images]
    assert all("would both be written to" in reason for reason in made.failures.values())


@pytest.mark.parametrize("other", ["leg_mask.png", "leg_overlay.png", "leg_seg.dcm"])
def test_no_image_is_overwritten(tmp_path, other):
    images = [tmp_path / "leg.png", tmp_path / other]
    made = outputs.plan(images, tmp_path)
    assert list(made.targets) == images[1:]
    assert "which is to be segmented" in made.failures[images[0]]


def test_a_folder_is_walked_in_order_and_mirrored_and_what_is_passed_over_is_noted(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "in" / "masks"
    for name in (
        "b.png", "a.dcm", "sub/c.PNG", "sub/deep/d.tif", "plain", "notes.txt", ".b.png",
        ".git/x.png", "DICOMDIR", "masks/b_mask.png",
    ):  # fmt: skip
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" if name == "plain" else b"words")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "round").symlink_to(folder)
    made = outputs.plan([folder], out)
    assert [path.relative_to(folder).as_posix() for path in made.targets] == [
        "a.dcm", "b.png", "gone.png", "plain", "sub/c.PNG", "sub/deep/d.tif",
    ]  # fmt: skip
    assert made.targets[folder / "sub" / "c.PNG"] == out / "sub" / "c_mask.png"
    noted = {note.split(": ")[0].removeprefix(f"{folder}/") for note in made.notes}
    assert noted == {".git", "masks", "round", ".b.png", "DICOMDIR", "notes.txt"}
    assert not made.failures


def test_masks_do_not_lie_among_the_pictures(tmp_path):
    with pytest.raises(InputError, match="among the pictures"):
        outputs.plan([tmp_path], tmp_path / "." / "x" / "..")


def test_an_empty_folder_is_a_failure(tmp_path):
    (tmp_path / "in").mkdir()
    assert "holds no picture" in outputs.plan([tmp_path / "in"], tmp_path).failures[tmp_path / "in"]
