"""A display table that cannot be used is as if it were not there; 8-bit entries in bytes are read.

PS3.3 C.11.1.1: LUT Data are OW, the third value of the descriptor is their number of bits.
"""

import numpy as np
import pytest
from picture_files import write_dicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from xnet_io import radiographs

RAMP = (np.linspace(0, 1, 64)[:, None] * np.linspace(0.2, 1, 48) * 3000 + 200).astype(np.uint16)
EIGHT = (np.arange(4096) // 16).astype(np.uint8).tobytes()


def item(descriptor, data, vr="OW"):
    lut = Dataset()
    lut.add_new(0x00283002, "US", descriptor)
    lut.add_new(0x00283006, vr, data)
    return Sequence([lut])


@pytest.mark.parametrize(
    "tags",
    [
        {"VOILUTSequence": item(None, None), "WindowCenter": "1700", "WindowWidth": "3400"},
        {"ModalityLUTSequence": item(None, None)},
        {"VOILUTSequence": item([4096, 0, 8], EIGHT)},
    ],
    ids=["empty VOI LUT item beside a window", "empty modality LUT item", "8-bit entries in bytes"],
)
@pytest.mark.filterwarnings("ignore")
def test_luts(tmp_path, tags):
    right = radiographs.read(write_dicom(tmp_path / "plain.dcm", RAMP, BitsStored=12), "bright")
    image = radiographs.read(write_dicom(tmp_path / "x.dcm", RAMP, BitsStored=12, **tags), "bright")
    assert np.abs(image - right).max() <= 0.05
