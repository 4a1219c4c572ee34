"""What is no X-ray decides neither grey scale nor polarity; what is one is left alone."""

import io

import numpy as np
import pytest
import tifffile
from picture_files import limb, write_dicom
from PIL import Image

from xnet_io import exposure, radiographs

RNG = np.random.default_rng(0)
NOISY = np.clip(limb(200, 160) * 0.8 + RNG.normal(0.1, 0.01, (200, 160)), 0, 1)
WHOLE = np.s_[0:200, 0:160]


def region(values):
    return exposure.find(np.asarray(values))


@pytest.mark.parametrize("level", [0, 0.5, 1, -3, 40])
def test_a_margin_is_cut_off_exactly(level):
    framed = np.pad(NOISY, ((5, 0), (17, 3)), constant_values=level)
    assert region(framed) == np.s_[5:205, 17:177]
    twice = np.pad(framed, 9, constant_values=1 - level)
    assert region(twice) == np.s_[14:214, 26:186]


def test_jpeg_blurs_the_edge_of_a_margin():
    framed = np.pad(NOISY, 21)
    stream = io.BytesIO()
    Image.fromarray(np.uint8(255 * framed)).save(stream, format="JPEG", quality=80)
    rows, columns = region(np.asarray(Image.open(stream)))
    assert abs(rows.start - 21) <= 1 and abs(rows.stop - 221) <= 1
    assert abs(columns.start - 21) <= 1 and abs(columns.stop - 181) <= 1


def test_pictures_without_margin_stay_whole():
    assert region(NOISY) == WHOLE
    # A saturated open beam is uniform, but ends where the body begins.
    y, x = np.mgrid[:400, :320]
    saturated = np.minimum(1, np.hypot(y - 200, x - 160) / 60)
    assert region(saturated) == np.s_[0:400, 0:320]
    for constant in (np.zeros((40, 40)), np.zeros((1, 500)), np.pad(NOISY[:9, :9], 50)):
        assert region(constant) == tuple(slice(0, side) for side in constant.shape)


def test_dead_lines_take_their_neighbours_values():
    broken = NOISY.copy()
    broken[:, 40:42], broken[71] = 60, -5
    mended = exposure.without_dead_lines(broken)
    np.testing.assert_array_equal(mended[:71, 40], NOISY[:71, 39])
    np.testing.assert_array_equal(mended[:71, 41], NOISY[:71, 42])
    np.testing.assert_array_equal(mended[71, :40], NOISY[70, :40])
    assert exposure.without_dead_lines(NOISY) is NOISY
    # Uniform, but like its neighbours: a saturated open beam.
    y, x = np.mgrid[:200, :160]
    beam = np.minimum(1, np.hypot(y - 100, x - 80) / 77)
    assert exposure.without_dead_lines(beam) is beam


def test_lone_values_far_away_are_brought_near():
    labelled = NOISY.copy()
    labelled[3:20, 5:40], labelled[150:160, 5:10] = 50, -80
    np.testing.assert_array_equal(
        exposure.without_boxes(labelled),
        np.clip(labelled, *(f(labelled[(labelled > -1) & (labelled < 9)]) for f in (min, max))),
    )
    assert exposure.without_boxes(NOISY) is NOISY
    halves = np.where(np.arange(160) < 80, 0.1, 0.9) * np.ones((200, 1))
    assert exposure.without_boxes(halves) is halves


@pytest.mark.parametrize("padding", [0, 60000])
def test_declared_padding_counts_for_nothing(tmp_path, padding):
    stored = np.uint16(20000 + 10000 * NOISY)
    before = radiographs.load(write_dicom(tmp_path / "a", stored))
    cut = np.add.outer(np.arange(200), np.arange(160)) < 60
    padded = np.where(cut, padding, stored).astype(np.uint16)
    after = radiographs.load(write_dicom(tmp_path / "b", padded, PixelPaddingValue=padding))
    np.testing.assert_allclose(after.image[~cut], before.image[~cut], atol=0.02)
    assert after.polarity == before.polarity


@pytest.mark.parametrize("share", [0.01, 0.15])
@pytest.mark.parametrize("level", [0, 30000, 65535])
@pytest.mark.parametrize("turned", [False, True])
def test_a_framed_picture_is_read_as_without_its_frame(tmp_path, share, level, turned):
    picture = np.uint16(65535 * (1 - NOISY if turned else NOISY))
    tifffile.imwrite(tmp_path / "x.tif", picture)
    before = radiographs.load(tmp_path / "x.tif")
    tifffile.imwrite(tmp_path / "x.tif", np.pad(picture, int(share * 200), constant_values=level))
    after = radiographs.load(tmp_path / "x.tif")
    assert (after.polarity, after.certainty) == (before.polarity, before.certainty)
    np.testing.assert_array_equal(after.image[after.exposed], before.image)
    labels = after.widen(np.full(before.image.shape[:2], 2, np.uint8))
    assert labels.shape == after.image.shape[:2]
    assert (labels[after.exposed] == 2).all() and np.count_nonzero(labels) == before.image.size


def test_a_framed_constant_is_finite(tmp_path):
    Image.fromarray(np.pad(np.full((60, 60), 300, np.uint16), 5)).save(tmp_path / "x.png")
    image = radiographs.read(tmp_path / "x.png")
    assert image.min() >= 0 and image.max() <= 1


def test_bright_letters_in_the_dark_are_writing():
    plain = np.float32(NOISY)
    assert not exposure.has_writing(plain) and not exposure.has_writing(np.zeros((1, 500)))
    labelled = np.float32(np.pad(plain, 30))
    labelled[40:60, 40:90:4] = 1
    assert not exposure.has_writing(labelled)  # on the bright open beam
    labelled[4:24, 40:90:4] = 1
    assert exposure.has_writing(labelled)
    assert not exposure.has_writing(1 - labelled)  # as lead letters are


def test_writing_is_warned_of(tmp_path):
    picture = np.pad(np.uint8(255 * limb(160, 128)), ((30, 0), (0, 0)))
    picture[::2, 0] = 3  # no margin
    picture[4:24, 10:60:4] = 255
    warnings = radiographs.interpret(picture, polarity="bright").warnings
    assert any("burnt in" in warning for warning in warnings)
