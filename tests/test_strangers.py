import numpy as np

from xnet_study.certainty import strangers
from xnet_tf import dataset


def test_strangers_are_pictures_in_range():
    image = np.linspace(0, 1, 300, dtype=np.float32).reshape(15, 20, 1)
    for name, change in strangers.STRANGERS.items():
        given = change(image, 0)
        assert given.dtype == np.float32 and given.ndim == 3 and given.shape[2] == 1
        assert given.min() >= 0 and given.max() <= 1, name
    np.testing.assert_allclose(strangers.STRANGERS["wrong polarity"](image, 0), 1 - image)
    assert (strangers.noise(image, 1) != strangers.noise(image, 2)).any()


def test_the_table_holds_means_over_pixels(data_folder):
    answer = np.float32([[[0.95, 0.04, 0.01], [0.2, 0.3, 0.5]]])
    data = dataset.load(data_folder)
    table = strangers.table(lambda image: answer, data).set_index("input")
    assert list(table.index) == list(strangers.STRANGERS)
    row = table.loc["noise"]
    np.testing.assert_allclose(row["confidence"], (0.95 + 0.5) / 2, rtol=1e-5)
    assert row["sure"] == 0.5
    assert row[["open beam", "soft tissue", "bone"]].tolist() == [0.5, 0, 0.5]
