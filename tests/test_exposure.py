"""What is no X-ray decides neither grey scale nor polarity; what is one is left alone."""

import io

import numpy as np
import pytest
import tifffile
from picture_files import limb, write_dicom
from PIL import Image

from xnet_io import exposure, radiographs
from xnet_study import real_forms

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


def labelled(level=0.02):
    """Return a picture with a dark border on top, the same with a label in that, and its box."""
    border = np.full((80, 400), level) + RNG.normal(0, 0.002, (80, 400))
    plain = np.float32(np.vstack([border, 0.95 * limb(400, 400)]))
    written = real_forms.label_box(plain, 1)
    return plain, written, np.s_[30:60, -110:-30]


@pytest.mark.parametrize("level", [0.02, 0.2])
def test_bright_letters_in_the_dark_are_filled_with_their_box(level):
    plain, written, box = labelled(level)
    assert written[box].min() == 0 and written[box].max() == 1
    filled = exposure.without_writing(written)
    np.testing.assert_allclose(filled, plain, atol=0.02)
    # What is far from the letters stays.
    changed = np.argwhere(filled != written)
    assert changed.min() >= 20 and changed[:, 0].max() <= 70 and changed[:, 1].max() <= 390
    np.testing.assert_array_equal(exposure.without_writing(written.T), filled.T)


def test_a_label_at_the_border_takes_what_there_is_beside_it():
    plain, written, _ = labelled(0.2)
    cut = np.s_[34:, :-32]
    np.testing.assert_allclose(exposure.without_writing(written[cut]), plain[cut], atol=0.02)


def test_what_is_no_writing_is_left():
    plain, written, _ = labelled()
    bright = np.maximum(plain, written[::-1])  # on the open beam
    noise = np.random.default_rng(0).random((70, 90), np.float32)
    for image in (plain, np.zeros((1, 500), np.float32), bright, noise, 1 - written):  # as of lead
        assert exposure.without_writing(image) is image


def test_a_picture_with_letters_is_read_as_without_and_warned_of():
    before, after = (radiographs.interpret(each, polarity="bright") for each in labelled(0.2)[:2])
    assert [warning for warning in after.warnings if warning not in before.warnings] == [
        "letters or lines are burnt in and were filled from beside them; look at the mask there"
    ]
    np.testing.assert_allclose(after.image, before.image, atol=0.03)
