import numpy as np
import pandas as pd
import pytest

from xnet_study.comparison import partitions
from xnet_tf import dataset


@pytest.fixture(scope="module")
def data():
    return dataset.load()


def sides(data):
    """Return which subsets each subject is in."""
    where = {}
    for name, images in data.split.items():
        for subject in data.manifest.loc[images, "subject"]:
            where.setdefault(subject, set()).add(name)
    return where


def test_groups_hold_every_part_of_the_data_once(data):
    groups = partitions.region_groups(data.manifest)
    assert len(groups) == 7
    parts = [part for members in groups.values() for part in members]
    assert sorted(parts) == sorted(set(data.manifest["body_part"]))
    assert len(parts) == 19


def test_parts_in_no_group_are_groups_and_absent_ones_are_none():
    parts = ["tail"] * 6 + ["knee"] * 7
    manifest = pd.DataFrame({"body_part": parts, "subject": [f"s{k}" for k in range(13)]})
    groups = partitions.region_groups(manifest)
    assert groups == {"thigh and knee": ("knee",), "tail": ("tail",)}


def test_groups_without_which_nobody_is_left_are_not_left_out():
    parts = ["tail"] * 6 + ["knee"] * 6
    subjects = [f"s{k % 6}" for k in range(12)]
    assert not partitions.region_groups(pd.DataFrame({"body_part": parts, "subject": subjects}))


def test_folds_hold_out_every_image_once_and_no_subject_is_on_two_sides(data):
    held_out = []
    for number in range(1, partitions.FOLDS + 1):
        divided = partitions.fold(data, number)
        assert all(len(names) == 1 for names in sides(divided).values())
        assert sum(map(len, divided.split.values())) == 150
        assert 25 <= len(divided.split["test"]) <= 35
        assert 14 <= len(divided.split["validation"]) <= 26
        held_out += divided.split["test"]
    assert sorted(held_out) == sorted(data.manifest.index)


def few(parts, subjects, each=1):
    """A manifest of so many subjects, with images of so many parts of each."""
    pairs = [(f"p{p}", f"s{s}") for s in range(subjects) for p in range(parts) for _ in range(each)]
    return pd.DataFrame(pairs, columns=["body_part", "subject"])


@pytest.mark.parametrize(
    ("manifest", "possible"),
    [
        (few(1, 8), True),  # a fold has two subjects at most, and six are divided again
        (few(1, 6), False),
        (few(1, 4, each=5), False),
        (pd.concat([few(1, 4), few(2, 4).assign(subject="s9")]), False),
        (few(1, 8).assign(body_part=list("abcdefgh")), False),
    ],
)
def test_small_data_sets_have_no_folds(manifest, possible):
    assert partitions.has_folds(manifest) is possible
    if possible:
        whole = dataset.Dataset(None, manifest, {})
        for number in range(1, partitions.FOLDS + 1):
            assert all(partitions.fold(whole, number).split.values())


def test_a_group_is_left_out_only_if_the_others_can_be_divided():
    """Six other subjects, but each with another body part."""
    manifest = few(1, 8)
    manifest.loc[2:, "body_part"] = [f"p{k}" for k in range(2, 8)]
    assert not partitions.region_groups(manifest)
    manifest.loc[2:, "body_part"] = "p2"
    assert partitions.region_groups(manifest) == {"p0": ("p0",)}


def test_folds_spread_the_common_parts(data):
    parts = data.manifest["body_part"]
    tests = [parts[partitions.fold(data, k).split["test"]] for k in range(1, partitions.FOLDS + 1)]
    for part in ("knee", "foot", "head"):
        share = np.array([(test == part).sum() for test in tests]) / (parts == part).sum()
        assert share.max() <= 0.4, "a fifth each, as far as subjects allow"


def test_folds_are_the_same_every_time(data):
    assert partitions.fold(data, 2).split == partitions.fold(data, 2).split


@pytest.mark.parametrize("name", partitions.REGION_GROUPS)
def test_left_out_parts_are_on_the_test_side_alone(name, data):
    parts = partitions.REGION_GROUPS[name]
    divided = partitions.without_parts(data, parts)
    seen = divided.manifest.loc[divided.split["train"] + divided.split["validation"]]
    assert not set(seen["body_part"]) & set(parts)
    assert set(divided.subset("test")["body_part"]) == set(parts)
    assert len(divided.split["test"]) == data.manifest["body_part"].isin(parts).sum()
    assert all(len(names) == 1 for names in sides(divided).values())
