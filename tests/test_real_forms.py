"""The forms in which the real radiographs are read."""

import numpy as np
import pytest
from picture_files import limb, write_dicom

from xnet_io import dicom, radiographs
from xnet_study import real, real_forms

STORED = np.uint16(900 * limb(160, 128)) + np.uint16(50)


@pytest.fixture
def original(tmp_path):
    return write_dicom(tmp_path / "original", STORED, BitsStored=10)


def test_alterations_change_what_they_say():
    dead = real_forms.dead_column(STORED, 1023)
    assert (dead[:, 42] == 1023).all() and (dead != STORED).sum() <= 160
    corners = real_forms.padding(STORED, 1023)
    assert corners[0, 0] == corners[-1, -1] == 1023 and corners[0, -1] == STORED[0, -1]
    assert (corners != STORED).sum() == 20 * 21
    labelled = real_forms.label_box(STORED, 1023)
    assert set(np.unique(labelled[10:20, -35:-10])) == {0, 1023}
    np.testing.assert_array_equal(labelled[20:], STORED[20:])


def test_every_form_is_written_and_read(original, tmp_path):
    truth, seen = dicom.read(original)[0], []
    for about, same, path in real_forms.write_forms(original, tmp_path):
        shown, prior = radiographs.shown_by(path)
        width = (len(same) - 160) // 2
        covered = {"none": 0, "dead column": 160, "padding": 420, "label box": 250}
        assert abs(160 * 128 - same.sum() - covered[about["alteration"]]) <= 5
        assert (prior != 0) == about["format"].startswith("DICOM")
        assert shown.shape == same.shape == (160 + 2 * width, 128 + 2 * width)
        seen.append(tuple(about.values()))
        if about["alteration"] == "none" and about["format"].startswith("DICOM"):
            inner = shown[width : width + 160, width : width + 128]
            error = np.abs(inner - truth).max()
            assert error == 0 if "12 bits" not in about["format"] else error < 40
    assert len(set(seen)) == len(seen) == 10 * 4 * 9


def test_equal_pictures_are_segmented_once(original, tmp_path):
    calls = []

    def network(images):
        calls.append(images.shape)
        return np.full((*images.shape[:3], 3), 1 / 3, np.float32)

    reader = real_forms.Reader(network)
    assert reader(original)[1].shape == (160, 128)
    once = len(calls)
    assert reader(original)[1].shape == (160, 128) and len(calls) == once > 0


@pytest.mark.slow
@pytest.mark.skipif(not real.paths(), reason="pydicom-data is not installed")
def test_a_sample_of_the_forms_is_segmented_as_the_plain_file(tmp_path, monkeypatch):
    from xnet_io.engines import load_network

    monkeypatch.setattr(real_forms, "MARGINS", [("white", 0.05)])
    reader, path = real_forms.Reader(load_network()), real.paths()["lower leg"]
    forms = real_forms.write_forms(path, tmp_path)
    for row in real_forms.measure(reader, "lower leg", path, forms):
        assert row["as_plain"] or row["warned"], row
