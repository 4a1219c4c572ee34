from dataclasses import dataclass

import numpy as np
import pandas as pd
import psutil
import pytest

from xnet_study import boundaries
from xnet_study.certainty import recalibration, streaming
from xnet_study.certainty.streaming import State, Stream
from xnet_study.processing import Processing
from xnet_tf import calibration, classes, thresholds


@dataclass
class Random:
    """Random probabilities in place of images, and classes that follow them."""

    number: int = 6
    side: int = 40

    @property
    def manifest(self):
        return pd.DataFrame({"subject": "s"}, index=[f"{i}.png" for i in range(self.number)])

    def pictures(self, start=0):
        for i in range(start, self.number):
            rng = np.random.default_rng(i)
            chances = rng.dirichlet([0.4, 0.4, 0.4], (self.side, self.side)).astype(np.float32)
            truth = (rng.random((self.side, self.side, 1)) > chances.cumsum(axis=-1)).sum(axis=-1)
            yield chances, np.minimum(truth, 2).astype(np.uint8)


def predict(image):
    return {"as trained": image, "halved": image / 2 + 1 / 6}


def fresh():
    return Stream(("as trained", "halved"), Processing(dilation=3), (Processing(), Processing(5)))


@pytest.fixture(scope="module")
def judged():
    return streaming.run(fresh(), Random(), predict)


def test_streamed_counts_are_those_of_all_pixels_at_once(judged):
    chances = np.concatenate([image.reshape(-1, 3) for image, _ in Random().pictures()])
    truth = np.concatenate([true.ravel() for _, true in Random().pictures()])
    level = calibration.levels(calibration.logits(chances))
    for k in range(3):
        expected = calibration.count(level[:, k], truth, 3)
        np.testing.assert_array_equal(judged.class_levels[0, k], expected)
    best = chances.argmax(axis=1)
    top = calibration.count(level[np.arange(len(best)), best], best == truth)
    np.testing.assert_array_equal(judged.top_levels[0, 0], top)
    np.testing.assert_array_equal(judged.top_levels[:, 1:3].sum(axis=1), judged.top_levels[:, 0])


def test_border_band_is_three_pixels_wide_on_either_side():
    truth = np.zeros((20, 20), np.uint8)
    truth[:, 10:] = 1
    stream = Stream(("as trained",))
    stream.update({"as trained": np.full((20, 20, 3), 1 / 3, np.float32)}, truth)
    assert stream.top_levels[0, 1].sum() == 20 * 6


def test_sums_of_the_images_are_the_counts(judged):
    for m in range(2):
        losses = judged.images.losses[:, m].sum(axis=0) / judged.top_levels[m, 0].sum()
        levels = judged.class_levels[m]
        assert losses[0] == pytest.approx(recalibration.nll(levels), rel=1e-5)
        assert losses[1] == pytest.approx(recalibration.multiclass_brier(levels), rel=1e-5)
        for t, counts in enumerate(judged.top_levels[m], streaming.TOP):
            sums = calibration.bin_sums(counts, calibration.equal_width())
            np.testing.assert_allclose(judged.images.bins[:, m, t].sum(axis=0), sums, rtol=1e-4)


def test_curves_of_the_images_add_up(judged):
    whole = thresholds.above(judged.class_levels[0, classes.SOFT_TISSUE])[thresholds.GRID]
    np.testing.assert_array_equal(judged.curves().sum(axis=0), whole)
    pixels = judged.class_levels[0, 0].sum(axis=1)
    np.testing.assert_array_equal(judged.pixels.sum(axis=0), pixels)


def test_post_processed_curves_are_those_of_the_masks(judged):
    (image, truth), at = next(Random().pictures()), 12
    decided = thresholds.decide(image, float(calibration.edge(streaming.COARSE[at])))
    processed = Processing(dilation=3)(decided, image)
    expected = np.bincount(truth[processed == classes.SOFT_TISSUE], minlength=3)
    np.testing.assert_array_equal(judged.curves(processed=True)[0, at], expected)
    labels = image.argmax(axis=-1).astype(np.uint8)
    boundary_f1 = boundaries.boundary_f1(truth, labels)
    assert judged.images.effects[0, 0, 3] == pytest.approx(boundary_f1)


def test_what_is_not_asked_for_is_empty():
    judged = streaming.run(Stream(("as trained",)), Random(2), predict)
    assert judged.images.processed.shape == (2, 0, 3)
    assert judged.images.effects.shape == (2, 0, 4)


def test_an_interrupted_passage_goes_on_to_the_same_numbers(judged, tmp_path):
    calls = []

    def failing(image):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return predict(image)

    state = State(tmp_path / "set.npz", "key", every=2)
    with pytest.raises(KeyboardInterrupt):
        streaming.run(fresh(), Random(), failing, state)
    again = streaming.run(fresh(), Random(), predict, state)
    assert len(calls) == 5, "four images were kept"
    assert list(again.manifest.index) == list(Random().manifest.index)
    np.testing.assert_array_equal(again.class_levels, judged.class_levels)
    np.testing.assert_array_equal(again.top_levels, judged.top_levels)
    for mine, whole in zip(again.images, judged.images, strict=True):
        np.testing.assert_array_equal(mine, whole)
    other = fresh()
    other.load(State(state.path, "another key"))
    assert other.rows == []


@pytest.mark.slow
def test_ten_thousand_images_need_no_more_than_200_megabytes(tmp_path):
    class Many(Random):
        def pictures(self, start=0):
            first = list(Random(20, 64).pictures())
            return (first[i % 20] for i in range(start, self.number))

    process = psutil.Process()
    streaming.run(Stream(("as trained",)), Many(20), predict)
    before = process.memory_info().rss
    state = State(tmp_path / "set.npz", "key", every=5000)
    judged = streaming.run(Stream(("as trained",)), Many(10_000), predict, state)
    assert len(judged.manifest) == 10_000
    assert process.memory_info().rss - before < 200e6
