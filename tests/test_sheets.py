import numpy as np
import pytest
from matplotlib import pyplot as plt

from xnet_study.teaching import sheets


@pytest.mark.parametrize(("columns", "ratio"), [(None, 4), (2, 1)])
def test_sheet_has_its_width_and_shows_every_picture(columns, ratio):
    images = np.linspace(0, 1, 4)[:, None, None, None] * np.ones((4, 40, 40, 1))
    labels = np.zeros((4, 40, 40), int)
    labels[2, 10:30, 10:30] = 2
    open_before = plt.get_fignums()
    picture = sheets.sheet(images, labels, columns=columns, width=600)
    assert picture.width == 600
    assert picture.width / picture.height == pytest.approx(ratio, rel=0.15)
    colours = np.array(picture.convert("RGB")).reshape(-1, 3)
    assert (np.abs(colours - [255, 215, 0]).sum(1) < 60).any(), "the outline of bone"
    assert plt.get_fignums() == open_before


def test_titles_take_room():
    images = np.zeros((2, 20, 20))
    plain, titled = (sheets.sheet(images, titles=titles, width=400) for titles in ((), "ab"))
    assert titled.height > plain.height
