import numpy as np
import pytest

from xnet_study.comparison import images
from xnet_tf import dataset
from xnet_tf.files import InputError


@pytest.fixture(scope="module")
def data():
    return dataset.load()


def test_groups_hold_every_part_of_the_data_once(data):
    groups = images.groups_of(data)
    parts = [part for members in groups.values() for part in members]
    assert len(groups) == 7
    assert sorted(parts) == sorted(set(data.manifest["body_part"])) and len(parts) == 19


def test_parts_in_no_group_are_groups_by_themselves(data_folder):
    assert images.groups_of(dataset.load(data_folder)) == {"arm": ("arm",), "leg": ("leg",)}


@pytest.mark.parametrize("name", images.REGION_GROUPS)
def test_parts_left_out_are_neither_trained_on_nor_validated_with(name, data):
    parts = set(images.REGION_GROUPS[name])
    rest = images.without(data, tuple(parts))
    for subset in ("train", "validation"):
        expected = [i for i in data.split[subset] if data.manifest.loc[i, "body_part"] not in parts]
        assert rest.split[subset] == expected
    assert rest.split["test"] == data.split["test"]


def test_fewer_images_are_nested_and_hold_every_part_as_long_as_they_suffice(data):
    sets = [set(images.fewer(data, n, 1).split["train"]) for n in (15, 30, 60, 105)]
    assert [len(chosen) for chosen in sets] == [15, 30, 60, 105]
    assert sets[0] < sets[1] < sets[2] < sets[3] == set(data.split["train"])
    parts = [data.manifest.loc[sorted(chosen), "body_part"].nunique() for chosen in sets]
    assert parts == [15, 19, 19, 19]
    assert images.fewer(data, 30, 1).split == images.fewer(data, 30, 1).split
    assert images.fewer(data, 30, 1).split != images.fewer(data, 30, 2).split
    assert images.fewer(data, 30, 1).split["validation"] == data.split["validation"]


def test_a_parts_images_come_subject_by_subject(data):
    rows = data.manifest.loc[images.fewer(data, 60, 3).split["train"]]
    train = data.subset("train")
    for part in ("knee", "foot", "head"):
        chosen = rows[rows["body_part"] == part]["subject"].value_counts()
        whole = train[train["body_part"] == part]["subject"].value_counts()
        assert (chosen < whole[chosen.index]).sum() <= 1, "all but the last are there wholly"


def test_more_images_are_copied_once_and_are_new_training_images(data_folder, tmp_path):
    data = dataset.load(data_folder)
    learning = tmp_path / "learning"
    for row in data.manifest.itertuples():
        for name in (row.Index, row.mask):
            to = learning / name.replace("/", "/new-")
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes((data_folder / name).read_bytes())
    table = data.manifest.reset_index()
    for column in ("image", "mask"):
        table[column] = table[column].str.replace("/", "/new-")
    table.assign(subject="new-" + table["subject"]).to_csv(learning / "manifest.csv", index=False)
    added = images.more(data, dataset.load(learning), 5, tmp_path / "made")
    extra = set(added.split["train"]) - set(data.split["train"])
    assert extra == set(table["image"][:5])
    assert {k: added.split[k] for k in ("validation", "test")} == {
        k: data.split[k] for k in ("validation", "test")
    }
    again = images.more(data, dataset.load(learning), 5, tmp_path / "made")
    assert again.fingerprint() == added.fingerprint()
    assert len(dataset.read_arrays(added, "train", 16).images) == len(added.split["train"])
    with pytest.raises(InputError, match="has 24 images, and 25 are wanted"):
        images.more(data, dataset.load(learning), 25, tmp_path / "other")
    assert not np.any([p.name.startswith(".writing") for p in tmp_path.iterdir()])
