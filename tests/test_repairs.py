"""Snapping and relabelling, by hand."""

import numpy as np
import pytest
from label_files import GREEN, PURPLE, YELLOW

from xnet_io import repairs
from xnet_io.diagnosis import UNKNOWN
from xnet_io.masks import look_up
from xnet_io.palettes import KNOWN, PAPER
from xnet_tf.files import InputError


def row(*colours):
    return np.array([colours], dtype=np.uint8)


def test_snap_counts_the_largest_difference_of_a_channel():
    pixels = row(PURPLE, (71, 4, 81), (72, 1, 84), GREEN)
    labels = look_up(pixels)
    assert repairs.snap(pixels, labels, PAPER, 3) == 1
    assert labels.tolist() == [[0, 0, UNKNOWN, 1]]


def test_no_colour_is_near_two_classes():
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (200_000, 3)).astype(int)
    for palette in KNOWN.values():
        apart = np.abs(colours[:, None] - palette.colours.astype(int)).max(-1)
        assert ((apart <= palette.widest_snap).sum(1) <= 1).all()
        repairs.check_snap(palette.widest_snap, palette)
        with pytest.raises(InputError, match="settled within 1 to"):
            repairs.check_snap(palette.widest_snap + 1, palette)


@pytest.mark.parametrize("distance", [0, -1, 255])
def test_bounds_of_snapping(distance):
    with pytest.raises(InputError):
        repairs.check_snap(distance, PAPER)


def test_edges_take_the_class_of_most_neighbours():
    middle = (np.add(PURPLE, YELLOW) // 2).tolist()
    pixels = np.array([[PURPLE] * 9, [PURPLE] * 8 + [middle], [YELLOW] * 9], np.uint8)
    pixels[1, 4] = middle
    labels = look_up(pixels)
    # (4, 1) has five purple neighbours and three yellow ones; (8, 1) three and two.
    assert repairs.relabel_edges(pixels, labels, PAPER) == 2
    assert labels[1].tolist() == [0] * 9


def test_ties_go_to_the_nearer_colour():
    for t, winner in ((0.4, 0), (0.6, 2)):
        mixed = np.round(np.add(np.multiply(PURPLE, 1 - t), np.multiply(YELLOW, t)))
        pixels = row(PURPLE, PURPLE, mixed, YELLOW, YELLOW)
        labels = look_up(pixels)
        assert repairs.relabel_edges(pixels, labels, PAPER) == 1
        assert labels[0, 2] == winner


def test_foreign_colours_wide_bands_and_whole_pictures_stay_unknown():
    pixels = np.full((20, 40, 3), PURPLE, np.uint8)
    pixels[:, 20:] = YELLOW
    pixels[5, 5] = (0, 255, 255)
    labels = look_up(pixels)
    assert repairs.relabel_edges(pixels, labels, PAPER) == 0
    assert labels[5, 5] == UNKNOWN
    middle = (np.add(PURPLE, YELLOW) // 2).tolist()
    pixels[:, 16:24] = middle
    labels = look_up(pixels)
    # Three rounds from either side of a band eight pixels wide leave two.
    assert repairs.relabel_edges(pixels, labels, PAPER) == 20 * 6
    assert (labels[:, 19:21] == UNKNOWN).all()
    pixels[:, 8:32] = middle
    assert repairs.relabel_edges(pixels, look_up(pixels), PAPER) == 0


def test_in_a_jpeg_any_colour_at_an_edge_counts():
    pixels = row(PURPLE, PURPLE, PURPLE, PURPLE, (0, 255, 255), GREEN, GREEN, GREEN)
    labels = look_up(pixels)
    assert repairs.relabel_edges(pixels, labels, PAPER, lossy=True) == 1
    assert labels[0, 4] == 1


def test_nothing_unknown_is_nothing_to_do():
    pixels = row(PURPLE, GREEN)
    assert repairs.relabel_edges(pixels, look_up(pixels), PAPER) == 0
