"""A dead column (65535) of a flat panel takes nothing of the grey scale.

Few pixels that are no measurement (dead lines, burnt-in labels, borders at the format's maximum) do
not set the scale: the picture is as without them.
"""

import numpy as np
import pytest
import tifffile

from xnet_io import radiographs


@pytest.fixture(scope="module")
def panel():
    y, x = np.mgrid[:600, :500]
    u = np.abs(x - 250 - 15 * np.sin(y / 100)) / 125
    depth = 2 * np.sqrt(np.clip(1 - u**2, 0, None)) + 3 * np.sqrt(np.clip(0.15 - u**2, 0, None))
    return (depth / depth.max() * 3000 + 200).astype(np.uint16)


@pytest.mark.parametrize("columns", [1, 2])
def test_dead_columns(panel, tmp_path, columns):
    tifffile.imwrite(tmp_path / "panel.tif", panel)
    before = radiographs.read(tmp_path / "panel.tif")[:, 2:]
    picture = panel.copy()
    picture[:, :columns] = 65535
    tifffile.imwrite(tmp_path / "panel.tif", picture)
    grey = radiographs.read(tmp_path / "panel.tif")[:, 2:]
    assert np.abs(grey - before).max() <= 0.1
