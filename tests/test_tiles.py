"""Long radiographs are shown to the network in tiles of the form that it knows."""

from pathlib import Path

import numpy as np
import pytest

import xnet_io
from xnet_io import tiles
from xnet_tf import inference, preprocessing

DATA = Path(__file__).resolve().parents[1] / "data"
SPINE = ("neck-01", "thorax-01", "lumbar-spine-01", "pelvis-01")


@pytest.mark.parametrize(
    ("size", "length"),
    [((200, 100), 200), ((201, 100), 125), ((100, 700), 125), ((4000, 100), 200), ((9, 1), 1)],
)
def test_what_the_network_is_shown_has_the_form_that_it_knows(size, length):
    assert tiles.shown_length(*size) == length


@pytest.mark.parametrize("turned", [False, True])
def test_tiles_fade_into_each_other(turned):
    """Ten rows in nine tiles of two: each row but the first and the last is half of two tiles'."""
    shown = []

    def engine(image):
        shown.append(image.copy())
        return np.full((*image.shape[:2], 3), len(shown) - 1, np.float32)

    image = np.arange(20, dtype=np.float32).reshape(10, 2, 1)
    image = image.swapaxes(0, 1) if turned else image
    result = tiles.probabilities(engine, image)
    assert result.shape == (*image.shape[:2], 3)
    assert result.dtype == np.float32
    line = result[0, :, 0] if turned else result[:, 0, 0]
    np.testing.assert_allclose(line, [0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8])
    np.testing.assert_array_equal(shown[3], image[:, 3:5] if turned else image[3:5])


def test_what_is_decided_by_the_pixel_does_not_depend_on_tiles():
    image = np.random.default_rng(1).uniform(0, 1, (311, 60, 1)).astype(np.float32)
    result = tiles.probabilities(lambda part: np.concatenate([part, 1 - part], -1), image)
    np.testing.assert_allclose(result, np.concatenate([image, 1 - image], -1), atol=1e-6)


def test_a_spine_of_several_pictures_is_segmented_as_each_of_them_alone():
    network = xnet_io.load_network()

    def whole(image):
        return inference.segment(network, image, quality="normal").probabilities

    parts = []
    for name in SPINE:
        image = xnet_io.read(DATA / "images" / f"{name}.png")
        height = round(240 * image.shape[0] / image.shape[1])
        parts.append(preprocessing.resize_area(image, height, 240))
    alone = np.concatenate([whole(part).argmax(-1) for part in parts])
    spine = np.concatenate(parts)
    assert spine.shape[0] > 3 * spine.shape[1]
    tiled = (tiles.probabilities(whole, spine).argmax(-1) == alone).mean()
    squeezed = (whole(spine).argmax(-1) == alone).mean()
    assert tiled > 0.9 and squeezed < 0.8, (tiled, squeezed)
