"""Write a mask as DICOM Segmentation that refers to the DICOM file that it was made of.

The mask is in the frame of the stored pixels: readers here neither turn nor crop DICOM pictures,
and MONOCHROME1 is a matter of grey values alone. Open beam, with what no X-rays reached, is the
background; each other class is a segment. They are numbered from 1 in the order of the class ids.

Source of the attributes: DICOM PS3.3, A.51 (Segmentation IOD) and C.8.20.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

import xnet_tf
from xnet_io.overlay import background
from xnet_io.pictures import fault, quiet
from xnet_tf.classes import PAPER, Classes, normal_name
from xnet_tf.files import InputError, write_atomically

_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")

# Type 2: they must be there, but may be empty.
_MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID",
    "StudyDate", "StudyTime", "ReferringPhysicianName",
)  # fmt: skip

_CODES = {
    "soft tissue": ("87784001", "SCT", "Soft tissue"),
    "bone": ("272673000", "SCT", "Bone"),
}
_TISSUE = ("85756007", "SCT", "Tissue")
_STRUCTURE = ("123037004", "SCT", "Anatomical Structure")


def check_installed() -> None:
    """Raise InputError if the library is missing."""
    if importlib.util.find_spec("highdicom") is None:
        raise InputError("--dicom-seg needs highdicom; pip install 'xnet-tf[dicom-seg]'")


def check(path: Path) -> None:
    """Raise InputError if nothing can refer to a DICOM file, for want of identifiers."""
    dataset = _tags(path)
    missing = [keyword for keyword in _NEEDED if not dataset.get(keyword)]
    if missing:
        wrong = f"lacks {', '.join(missing)}, to which a DICOM Segmentation refers"
        raise fault(path, wrong, "leave --dicom-seg away")


def write(path: Path, labels: np.ndarray, source: Path, classes: Classes = PAPER) -> Path:
    """Write a label map as DICOM Segmentation.

    Args:
        path: destination.
        labels: uint8 ``(H, W)``, class ids.
        source: the DICOM file.
        classes: of the labels.

    Raises:
        InputError: if it lacks what the standard wants to be referred to.
    """
    import highdicom as hd
    from pydicom.uid import generate_uid

    check(source)
    dataset = _tags(source)
    _mend(dataset)
    segments = [k for k in range(classes.count) if k != background(classes)]
    numbers = np.zeros(classes.count, np.uint8)
    numbers[segments] = np.arange(1, len(segments) + 1)
    version = xnet_tf.__version__
    with quiet():
        segmentation = hd.seg.Segmentation(
            source_images=[dataset],
            pixel_array=numbers[labels],
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=_described(version, classes, segments),
            series_instance_uid=generate_uid(),
            series_number=1,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer="XNet, reproduced",
            manufacturer_model_name="xnet-tf",
            software_versions=version,
            device_serial_number=version,
            content_label="XNET",
            content_description="Regions of a radiograph",
            omit_empty_frames=False,
        )
    segmentation.SpecificCharacterSet = "ISO_IR 192"  # names of classes are in any language
    segmentation.PatientOrientation = dataset.get("PatientOrientation") or ""
    return write_atomically(path, lambda temporary: segmentation.save_as(temporary))


def _tags(path: Path):
    import pydicom

    with quiet():
        return pydicom.dcmread(path, stop_before_pixels=True, force=True)


def _mend(dataset) -> None:
    """Add what must be there, if empty, and take away a size of pixels that is none."""
    for keyword in _MAY_BE_EMPTY:
        if keyword not in dataset:
            setattr(dataset, keyword, "")
    if not all(float(side) > 0 for side in dataset.get("PixelSpacing") or ()):
        del dataset.PixelSpacing


def _described(version: str, classes: Classes, segments: list[int]) -> list:
    """Describe the classes that are segments."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    algorithm = hd.AlgorithmIdentificationSequence(
        name="XNet", version=version, family=codes.DCM.ArtificialIntelligence
    )
    colours, described = classes.palette.tolist(), []
    for number, class_id in enumerate(segments, start=1):
        name = classes.names[class_id]
        own = (f"CLASS{class_id}", "99XNET", name[:64])
        category = _TISSUE if normal_name(name) == "soft tissue" else _STRUCTURE
        described.append(
            hd.seg.SegmentDescription(
                segment_number=number,
                segment_label=name[:64],
                segmented_property_category=hd.sr.CodedConcept(*category),
                segmented_property_type=hd.sr.CodedConcept(*_CODES.get(normal_name(name), own)),
                algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
                algorithm_identification=algorithm,
                display_color=hd.color.CIELabColor.from_rgb(*colours[class_id]),
            )
        )
    return described
