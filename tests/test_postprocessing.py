import numpy as np
import pytest

from xnet_study.boundaries import boundary, boundary_f1, near
from xnet_study.processing import Processing
from xnet_tf import classes

BEAM, TISSUE, BONE = range(3)


def certain(labels, other=(0.2, 0.5, 0.3)):
    """Probabilities in which a pixel that is given up goes to soft tissue, then bone, then beam."""
    return np.tile(np.float32(other), (*labels.shape, 1))


def blank(k=TISSUE):
    return np.full((200, 200), k, np.uint8)


def test_opening_gives_up_thin_bone_and_keeps_thick():
    labels = blank()
    labels[20:60, 20:60] = BONE
    labels[100:180, 100:104] = BONE
    opened = Processing(opening=10)(labels, certain(labels))
    assert (opened[20:60, 20:60] == BONE).all()
    assert (opened[100:180, 100:104] == TISSUE).all()


def test_dilation_takes_soft_tissue_and_leaves_open_beam():
    labels = blank()
    labels[:, :50] = BEAM
    labels[80:120, 50:90] = BONE
    grown = Processing(dilation=5)(labels, certain(labels))
    assert (grown[78:122, 50:92] == BONE).all()
    assert (grown[:, :50] == BEAM).all(), "open beam wins"
    assert (grown == BONE).sum() == 44 * 42


def test_small_islands_are_given_up_to_the_likelier_of_the_others():
    labels = blank(BEAM)
    labels[10:20, 10:20] = TISSUE
    labels[100:150, 100:150] = TISSUE
    kept = Processing(island=101)(labels, certain(labels))
    assert (kept[10:20, 10:20] == BONE).all()
    assert (kept[100:150, 100:150] == TISSUE).all()
    np.testing.assert_array_equal(Processing(island=100)(labels, certain(labels)), labels)


def test_sizes_grow_with_the_picture():
    labels = blank()
    labels[80:120, 80:120] = BONE
    large = labels.repeat(2, axis=0).repeat(2, axis=1)
    small = Processing(dilation=6)(labels, certain(labels))
    # A square of 12 pixels about every pixel: the same bone but for half a pixel of the small one.
    grown = Processing(dilation=6)(large, certain(large))[::2, ::2]
    assert np.mean(grown != small) < 0.005


def test_nothing_asked_changes_nothing_and_the_input_stays():
    labels = blank()
    labels[50:60] = BONE
    before = labels.copy()
    np.testing.assert_array_equal(Processing()(labels, certain(labels)), labels)
    Processing(10, 9, 50)(labels, certain(labels))
    np.testing.assert_array_equal(labels, before)


@pytest.mark.parametrize("k", range(classes.COUNT))
def test_pictures_of_one_class_survive_every_step(k):
    labels = blank(k)
    np.testing.assert_array_equal(Processing(10, 9, 50)(labels, certain(labels)), labels)


def test_boundaries_by_hand():
    labels = np.uint8([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    cross = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    assert boundary(labels).astype(int).tolist() == cross
    assert boundary(labels, 1).sum() == 1
    assert near(boundary(labels, 1), 1).astype(int).tolist() == cross
    assert not near(np.zeros((3, 3), bool), 9).any()


def test_boundary_f1():
    truth = blank(BEAM)
    truth[50:150, 50:150] = TISSUE
    assert boundary_f1(truth, truth) == 1
    assert boundary_f1(truth, np.roll(truth, 2, axis=0)) == 1, "within the tolerance"
    assert 0.4 < boundary_f1(truth, np.roll(truth, 20, axis=0)) < 0.9
    assert boundary_f1(truth, blank(BEAM)) == 0
    assert np.isnan(boundary_f1(blank(BEAM), blank(BEAM)))
