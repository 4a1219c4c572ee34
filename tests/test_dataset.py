import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xnet_tf import dataset, preprocessing
from xnet_tf.files import InputError


@pytest.fixture
def copy(data_folder, tmp_path):
    return shutil.copytree(data_folder, tmp_path / "data")


def edit(folder, change):
    table = pd.read_csv(folder / "manifest.csv", dtype=str)
    change(table).to_csv(folder / "manifest.csv", index=False)


def test_arrays_have_the_promised_form(data_folder):
    arrays = dataset.read_arrays(dataset.load(data_folder), "all", 48)
    assert arrays.images.shape == (24, 48, 48, 1)
    assert arrays.images.dtype == np.float32
    assert 0 <= arrays.images.min() <= arrays.images.max() <= 1
    assert arrays.labels.shape == (24, 48, 48)
    assert arrays.labels.dtype == np.uint8
    assert set(np.unique(arrays.labels)) == {0, 1, 2}
    # Open beam is brighter than flesh, flesh than bone: image and mask belong together.
    means = [arrays.images[..., 0][arrays.labels == k].mean() for k in range(3)]
    assert means[0] > means[1] > means[2]


def test_pictures_are_found_again_in_their_squares(copy):
    for kind in ("images", "masks"):
        path = copy / kind / "arm-00.png"
        Image.open(path).crop((0, 0, 72, 45)).save(path)
    data = dataset.load(copy)
    arrays = dataset.read_arrays(data, "all", 48)
    first = list(data.manifest.index).index("images/arm-00.png")
    assert arrays.sizes[first].tolist() == [30, 48]
    assert (np.delete(arrays.sizes, first, axis=0) == 48).all()
    images, maps = arrays.unpadded
    assert images[first].shape == (30, 48, 1) and maps[first].shape == (30, 48)
    np.testing.assert_array_equal(arrays.labels[first, 30:], maps[first][:-19:-1])
    np.testing.assert_array_equal(arrays.images[first, :30], images[first])


def test_arrays_without_sizes_are_full():
    arrays = dataset.Arrays(np.zeros((2, 4, 4, 1)), np.zeros((2, 4, 4)), pd.DataFrame())
    images, maps = arrays.unpadded
    assert [image.shape for image in images] == [(4, 4, 1)] * 2
    assert [map_.shape for map_ in maps] == [(4, 4)] * 2


def test_subjects_lie_on_one_side_and_parts_on_all(data_folder):
    data = dataset.load(data_folder)
    sides = {name: set(data.subset(name)["subject"]) for name in dataset.SUBSETS}
    assert not (sides["train"] & sides["validation"] | sides["train"] & sides["test"])
    assert not sides["validation"] & sides["test"]
    assert sorted(i for images in data.split.values() for i in images) == sorted(
        data.manifest.index
    )
    for name in dataset.SUBSETS:
        assert set(data.subset(name)["body_part"]) == {"arm", "leg"}
    assert data.split == dataset.load(data_folder).split


def test_a_part_of_three_subjects_reaches_every_subset():
    parts = ["hand"] * 40 + ["thorax"] * 3
    table = pd.DataFrame(
        {"body_part": parts, "subject": [f"s{i}" for i in range(43)]},
        index=[f"{i}.png" for i in range(43)],
    )
    split = dataset.make_split(table)
    for images in split.values():
        assert "thorax" in set(table.loc[images, "body_part"])


def test_fingerprint_follows_the_pixels(copy):
    before = dataset.load(copy).fingerprint()
    assert before == dataset.load(copy).fingerprint()
    first, second = sorted((copy / "images").iterdir())[:2]
    first.write_bytes(second.read_bytes())
    assert dataset.load(copy).fingerprint() != before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="subject"), "lacks the columns subject"),
        (lambda t: pd.concat([t, t.head(1)]), "arm-00.png is listed more than once"),
        (
            lambda t: t.assign(mask=["masks/none.png", *t["mask"][1:]]),
            "line 2: mask 'masks/none.png'",
        ),
        (lambda t: t.assign(body_part=["", *t["body_part"][1:]]), "line 2: body_part is empty"),
        (lambda t: t.head(0), "no images"),
    ],
)
def test_faulty_manifests_are_refused(copy, change, message):
    edit(copy, change)
    with pytest.raises(InputError, match=message):
        dataset.load(copy)


def test_all_problems_are_named_at_once(copy):
    edit(copy, lambda t: t.assign(image=["images/no1.png", "images/no2.png", *t["image"][2:]]))
    with pytest.raises(InputError, match=r"no1.*no2"):
        dataset.load(copy)


def test_missing_folder_and_foreign_manifest_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"manifest\.csv"):
        dataset.load(tmp_path)
    (tmp_path / "manifest.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a CSV table"):
        dataset.load(tmp_path)


def test_a_split_that_divides_a_subject_is_refused(copy):
    images = sorted(dataset.load(copy).manifest.index)
    split = {"train": images[:13], "validation": images[13:18], "test": images[18:]}
    (copy / "split.json").write_text(json.dumps(split))
    with pytest.raises(InputError, match="subject s"):
        dataset.load(copy)


@pytest.mark.parametrize("content", ["[" * 100_000, "[]", '{"train": 1}'])
def test_a_split_that_is_none_is_refused(copy, content):
    (copy / "split.json").write_text(content)
    with pytest.raises(InputError, match=r"split\.json: not a split into"):
        dataset.load(copy)


def test_a_column_named_twice_is_refused(copy):
    path = copy / "manifest.csv"
    names, *rows = path.read_text().splitlines()
    path.write_text("\n".join([f"{names},note,note", *(f"{row},a,b" for row in rows)]))
    with pytest.raises(InputError, match=r"lacks the columns note, or has them twice"):
        dataset.load(copy)


def test_unreadable_classes_are_refused_in_one_line(copy):
    (copy / "classes.csv").write_text("id,name,colours\n0,air,#000000\n1,a,b,#ff0000\n")
    with pytest.raises(InputError, match=r"classes\.csv: .*; its columns are") as caught:
        dataset.load(copy)
    assert "\n" not in str(caught.value)


def test_a_split_that_forgets_an_image_is_refused(copy):
    split = dataset.load(copy).split
    split["train"] = split["train"][1:]
    (copy / "split.json").write_text(json.dumps(split))
    with pytest.raises(InputError, match="not listed just once"):
        dataset.load(copy)


def test_a_mask_of_another_size_is_refused(copy):
    path = copy / "masks" / "arm-00.png"
    Image.open(path).resize((50, 60), Image.Resampling.NEAREST).save(path)
    with pytest.raises(InputError, match="50x60 pixels, but its image"):
        dataset.read_arrays(dataset.load(copy), "all", 32)


@pytest.mark.parametrize("subjects", [1, 2])
def test_too_few_subjects_are_refused(copy, subjects):
    edit(copy, lambda t: t.assign(subject=[f"s{i % subjects}" for i in range(len(t))]))
    with pytest.raises(InputError, match="at least three subjects"):
        dataset.load(copy)


def test_every_unreadable_file_is_named_in_a_report(copy):
    for i in range(5):
        (copy / "masks" / f"arm-{2 * i:02d}.png").write_text("no mask")
    with pytest.raises(InputError, match="5 problems, all listed in") as error:
        dataset.read_arrays(dataset.load(copy), "all", 32)
    report = Path(re.search(r"listed in (\S+);", str(error.value))[1])
    assert len(report.read_text().splitlines()) == 5
    report.unlink()


def test_trailing_commas_do_not_shift_the_columns(copy):
    lines = (copy / "manifest.csv").read_text().splitlines()
    (copy / "manifest.csv").write_text("\n".join([lines[0], *(f"{x}," for x in lines[1:])]))
    assert len(dataset.load(copy).manifest) == 24


def test_an_open_beam_that_may_be_dark_is_for_import_to_settle(copy):
    edit(copy, lambda t: t.assign(polarity=["dark", *t["polarity"][1:]]))
    with pytest.raises(InputError, match="import-masks"):
        dataset.load(copy)


def test_the_default_data_set_states_its_polarity():
    manifest = dataset.load().manifest
    assert set(manifest["polarity"]) == {"bright"}
    assert [len(dataset.load().split[name]) for name in dataset.SUBSETS] == [105, 23, 22]


def test_unknown_subset_is_refused(data_folder):
    with pytest.raises(InputError, match="no subset"):
        dataset.load(data_folder).subset("exam")


def test_oblong_pictures_keep_their_proportions():
    image = np.zeros((20, 40))
    image[:, :20] = 1

    def shrink(array, height, width):
        return array[:: array.shape[0] // height, :: array.shape[1] // width]

    square = preprocessing.fit_square(image, 20, shrink)
    assert square.shape == (20, 20)
    np.testing.assert_array_equal(square[:10], square[10:][::-1])
    np.testing.assert_array_equal(square[:, :10], 1)
    np.testing.assert_array_equal(square[:, 10:], 0)
