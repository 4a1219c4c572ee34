"""A mask as DICOM Segmentation: what it holds, and to what it refers."""

import numpy as np
import pydicom
import pytest
import segment_fakes as fakes
from picture_files import limb, write_dicom

from xnet_io import dicom_seg, masks, segment_runs
from xnet_study import real
from xnet_tf import classes
from xnet_tf.classes import Classes
from xnet_tf.files import InputError

UIDS = {"StudyInstanceUID": "1.2.3.4", "SeriesInstanceUID": "1.2.3.5"}
STORED = np.round(limb(60, 48) * 4000).astype(np.uint16)


def read_back(path):
    hd = pytest.importorskip("highdicom")
    segmentation = hd.seg.segread(path)
    (uid,) = [uids[2] for uids in segmentation.get_source_image_uids()]
    pixels = segmentation.get_pixels_by_source_instance([uid], combine_segments=True)
    return segmentation, uid, pixels[0]


def labels_like(dataset):
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    return np.random.default_rng(1).integers(0, 3, (rows, columns), np.uint8)


@pytest.mark.parametrize("name", real.paths())
def test_of_real_radiographs_it_holds_the_mask_and_refers_to_its_source(name, tmp_path):
    pytest.importorskip("highdicom")
    source = pydicom.dcmread(real.paths()[name], stop_before_pixels=True)
    labels = labels_like(source)
    path = dicom_seg.write(tmp_path / "seg.dcm", labels, real.paths()[name])
    segmentation, uid, pixels = read_back(path)
    np.testing.assert_array_equal(pixels, labels)
    assert uid == source.SOPInstanceUID
    assert segmentation.PatientID == source.PatientID
    assert segmentation.StudyInstanceUID == source.StudyInstanceUID
    assert [s.SegmentLabel for s in segmentation.SegmentSequence] == list(classes.NAMES[1:])


@pytest.mark.parametrize("first", ["lung", "Open_Beam", "background"])
def test_only_what_lies_around_by_its_name_is_no_segment(first, tmp_path):
    pytest.importorskip("highdicom")
    about = UIDS | {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg"}
    write_dicom(tmp_path / "limb.dcm", STORED, **about)
    own = Classes((first, "Soft-Tissue", "Zähne 歯"), (("#000000",), ("#00ff00",), ("#ff0000",)))
    labels = labels_like(pydicom.dcmread(tmp_path / "limb.dcm"))
    path = dicom_seg.write(tmp_path / "seg.dcm", labels, tmp_path / "limb.dcm", own)
    segmentation, _, pixels = read_back(path)
    described = segmentation.SegmentSequence
    kept = own.names[first != "lung" :]
    named = labels + (first == "lung")
    assert [s.SegmentLabel for s in described] == list(kept)
    assert segmentation.PatientName == "Müller^Jörg"
    assert [s.SegmentNumber for s in described] == list(range(1, len(kept) + 1))
    np.testing.assert_array_equal(pixels, named)
    codes = [s.SegmentedPropertyTypeCodeSequence[0].CodeMeaning for s in described]
    assert codes[-2:] == ["Soft tissue", "Zähne 歯"]


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_segment_writes_it_in_the_frame_of_the_stored_pixels(photometric, tmp_path):
    pytest.importorskip("highdicom")
    path = tmp_path / "limb.dcm"
    write_dicom(path, np.pad(STORED, 9), PhotometricInterpretation=photometric, **UIDS)
    out, polarity = tmp_path / "out", "dark" if photometric == "MONOCHROME1" else "bright"
    method = fakes.method("dicom-seg", polarity=polarity)
    assert segment_runs.run([path], out, method) == 0
    mask = masks.read_mask(out / "limb_mask.png")
    assert set(np.unique(mask)) == {0, 1, 2} and not mask[:9].any()
    np.testing.assert_array_equal(read_back(out / "limb_seg.dcm")[2], mask)


def test_what_cannot_be_referred_to_is_refused(tmp_path):
    pytest.importorskip("highdicom")
    path = tmp_path / "limb.dcm"
    write_dicom(path, STORED)
    (picture,) = fakes.write_pictures(tmp_path / "in", 1)
    method = fakes.method("dicom-seg")
    with pytest.raises(InputError, match="lacks StudyInstanceUID, SeriesInstanceUID"):
        segment_runs.run([path], tmp_path / "out", method)
    with pytest.raises(InputError, match="is PNG, not DICOM"):
        segment_runs.run([picture], tmp_path / "out", method)


def test_a_missing_library_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(dicom_seg.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"xnet-tf\[dicom-seg\]"):
        segment_runs.run([tmp_path / "limb.dcm"], tmp_path / "out", fakes.method("dicom-seg"))
