"""What `xnet verify` finds in data sets that are broken on purpose, one thing at a time."""

import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest

from xnet_io.verify import verify
from xnet_tf import cli, dataset
from xnet_tf.files import InputError


@pytest.fixture
def copy(data_folder, tmp_path):
    return shutil.copytree(data_folder, tmp_path / "data")


def found(folder, fault):
    """Return what is said of each file that has a fault, or a note."""
    findings = verify(folder).findings
    return {finding.file: finding.what for finding in findings if finding.fault == fault}


def edit(folder, change):
    table = pd.read_csv(folder / "manifest.csv", dtype=str)
    change(table).to_csv(folder / "manifest.csv", index=False)


def pixels(folder, name):
    """Return the grey values of an image, or the ids of a mask."""
    if name.startswith("masks"):
        return dataset.read_mask(folder / name)
    return cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED)


def test_a_sound_data_set_has_a_table_and_no_findings(data_folder, capsys):
    report = verify(data_folder)
    assert (report.status, report.findings) == (0, [])
    assert len(report.pairs) == sum(row["images"] for row in report.summary()) == 24
    shares = [[row[n] for n in ("open beam", "soft tissue", "bone")] for row in report.pairs]
    np.testing.assert_allclose(np.sum(shares, axis=1), 1)
    assert cli.main(["verify", str(data_folder)]) == 0
    assert "24 pairs; 0 faults, 0 notes" in capsys.readouterr().out


def test_shares_are_of_the_masks_pixels(copy):
    labels = pixels(copy, "masks/arm-00.png")
    (row,) = (row for row in verify(copy).pairs if row["image"] == "images/arm-00.png")
    assert row["bone"] == pytest.approx((labels == 2).mean())
    assert (row["height"], row["width"]) == labels.shape


def test_masks_of_0_and_255_are_explained(copy):
    labels = pixels(copy, "masks/arm-00.png")
    cv2.imwrite(str(copy / "masks/arm-00.png"), np.where(labels == 2, 255, 0).astype(np.uint8))
    assert "palette of two classes" in found(copy, True)["images/arm-00.png"]


def test_files_that_do_not_fit_are_all_named(copy):
    small = pixels(copy, "masks/arm-00.png")[:-1]
    cv2.imwrite(str(copy / "masks/arm-00.png"), small)
    (copy / "images/arm-02.png").write_bytes(b"no picture")
    (copy / "masks/arm-04.png").unlink()
    faults = verify(copy).faults
    text = " ".join(finding.what for finding in faults)
    assert len(faults) == 3
    assert "scale the mask" in text and "no PNG" in text and "arm-04.png" in text


def test_one_picture_on_both_sides_of_the_split_is_a_fault(copy):
    split = {"train": [], "validation": [], "test": []}
    images = pd.read_csv(copy / "manifest.csv", dtype=str)
    for number, (_, rows) in enumerate(images.groupby("subject")):
        split[("train", "train", "validation", "test")[number % 4]] += list(rows["image"])
    (copy / "split.json").write_text(json.dumps(split))
    first, second = split["train"][0], split["test"][0]
    # The same pixels in a file of other bytes.
    picture = pixels(copy, first)
    cv2.imwrite(str(copy / second), picture, [cv2.IMWRITE_PNG_COMPRESSION, 0])
    assert (copy / first).read_bytes() != (copy / second).read_bytes()
    shape = picture.shape
    for name in (first, second):
        pair = images.set_index("image").loc[name, "mask"]
        cv2.imwrite(str(copy / pair), np.resize(np.uint8([0, 1, 2]), shape))
    faults = found(copy, True)
    assert list(faults) == [max(first, second, key=list(images["image"]).index)]
    assert "train" in str(faults) and "test" in str(faults)


def test_one_picture_of_two_subjects_on_one_side_is_a_note(copy):
    rows = dataset.load(copy).subset("train")
    rows = rows.drop_duplicates("subject")
    first, second = rows.index[:2]
    shutil.copy(copy / first, copy / second)
    shutil.copy(copy / rows.loc[first, "mask"], copy / rows.loc[second, "mask"])
    notes = found(copy, False)
    assert list(notes) == [second] and "one subject" in notes[second]


def test_doubts_about_pixels_are_told(copy):
    image = pixels(copy, "images/arm-00.png")
    cv2.imwrite(str(copy / "images/arm-00.png"), np.full_like(image, 7))
    labels = pixels(copy, "masks/arm-02.png")
    cv2.imwrite(str(copy / "masks/arm-02.png"), np.ones_like(labels))
    assert "one grey value" in found(copy, True)["images/arm-00.png"]
    assert "soft tissue everywhere" in found(copy, False)["masks/arm-02.png"]


def test_a_dark_open_beam_is_noted(tmp_path):
    from picture_files import limb

    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    rows = []
    for number in range(3):
        raw = limb(160 + number)
        labels = np.uint8(raw < 0.9)
        grey = (255 * (1 - raw if number == 1 else raw)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"images/{number}.png"), grey)
        cv2.imwrite(str(tmp_path / f"masks/{number}.png"), labels)
        rows.append([f"images/{number}.png", f"masks/{number}.png", "arm", str(number), "own"])
    columns = ["image", "mask", "body_part", "subject", "source"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "manifest.csv", index=False)
    notes = found(tmp_path, False)
    assert "looks dark" in notes.pop("images/1.png")
    # No mask has bone, and nothing else is noted.
    assert list(notes) == ["masks"] and "any bone" in notes["masks"]


def test_parts_of_few_subjects_and_forgotten_files_are_noted(copy):
    edit(copy, lambda table: table.assign(body_part=["toe", *table["body_part"][1:]]))
    shutil.copy(copy / "images/arm-00.png", copy / "images/forgotten.png")
    notes = found(copy, False)
    assert "only 1 subject" in notes["body part toe"]
    assert "takes no part" in notes["images/forgotten.png"]
    assert cli.main(["verify", str(copy)]) == 1


def test_a_folder_that_is_no_data_set_is_told_how_to_become_one(tmp_path):
    with pytest.raises(InputError, match="import-masks"):
        verify(tmp_path)


def test_training_refuses_what_verify_calls_a_fault(copy, capsys, monkeypatch):
    image = pixels(copy, "images/arm-00.png")
    cv2.imwrite(str(copy / "images/arm-00.png"), np.full_like(image, 7))
    monkeypatch.setattr("xnet_tf.train", lambda *_, **__: pytest.fail("trained"))
    assert cli.main(["train", "--data", str(copy), "--profile", "smoke"]) == 2
    assert "one grey value" in capsys.readouterr().err
