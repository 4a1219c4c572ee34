"""Files of every depth, kind and shape: each is read as it is shown, or refused with a reason."""

import matrix_files
import numpy as np
import pandas as pd
import pytest
from matrix_files import CASES, GREY
from picture_files import message
from PIL import Image

from xnet_io import radiographs


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.name}")
@pytest.mark.filterwarnings("ignore")
def test_inputs(tmp_path, case):
    got, right = matrix_files.outcome(case, tmp_path)
    assert right, got


def test_the_published_table_is_of_these_inputs():
    table = pd.read_csv(matrix_files.TABLE)
    assert list(table["input"]) == [case.name for case in CASES]
    assert table["as_expected"].all()
    assert matrix_files.page(table) == matrix_files.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (7, 9), (1, 10_000), (10_000, 1), (3000, 400)])
def test_shapes(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 65535, shape, dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    radiograph = radiographs.load(tmp_path / "x.png")
    assert radiograph.image.shape == (*shape, 1)
    assert radiograph.widen(np.ones(shape, np.uint8)).shape == shape
    long = any("times as long as wide" in warning for warning in radiograph.warnings)
    assert long == (max(shape) >= 25 * min(shape))


def test_links_and_odd_names(tmp_path):
    path = tmp_path / "\u00fc \u6f22\x07.dcm"
    Image.fromarray(GREY).save(path, format="PNG")
    expected = radiographs.read(path)
    (tmp_path / "link.png").symlink_to(path.name)
    np.testing.assert_array_equal(radiographs.read(tmp_path / "link.png"), expected)
    (tmp_path / "dead.png").symlink_to("nowhere.png")
    assert "is a link to a file that is not there" in message(tmp_path / "dead.png")
    assert "is not a regular file" in message("/dev/null")
