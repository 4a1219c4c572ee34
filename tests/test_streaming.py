import numpy as np
import psutil
import pytest

from xnet_study.certainty import streaming
from xnet_study.certainty.streaming import Picture, Stream
from xnet_tf import calibration, classes, thresholds
from xnet_tf.thresholds import Processing


def pictures(n=6, side=40, seed=0):
    """Random probabilities in place of images, and classes that follow them."""
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        given = rng.dirichlet([0.4, 0.4, 0.4], (side, side)).astype(np.float32)
        truth = (rng.random((side, side, 1)) > given.cumsum(axis=-1)).sum(axis=-1)
        yield Picture(f"{i}.png", given, np.minimum(truth, 2).astype(np.uint8))


def predict(image):
    return {"as trained": image, "halved": image / 2 + 1 / 6}


def passed(n=6, **kwargs):
    stream = Stream(("as trained", "halved"), Processing(dilation=3), [Processing(), Processing(5)])
    return streaming.run(stream, pictures(n), predict, n, **kwargs)


@pytest.fixture(scope="module")
def stream():
    return passed()


def test_streamed_counts_are_those_of_all_pixels_at_once(stream):
    given = np.concatenate([p.image.reshape(-1, 3) for p in pictures()])
    truth = np.concatenate([p.truth.ravel() for p in pictures()])
    level = calibration.levels(calibration.logits(given))
    for k in range(3):
        np.testing.assert_array_equal(
            stream.classes[0, k], calibration.count(level[:, k], truth, 3)
        )
    best = given.argmax(axis=1)
    top = calibration.count(level[np.arange(len(best)), best], best == truth)
    np.testing.assert_array_equal(stream.top[0, 0], top)
    np.testing.assert_array_equal(stream.top[:, 1] + stream.top[:, 2], stream.top[:, 0])


def test_border_band_is_three_pixels_wide_on_either_side():
    truth = np.zeros((20, 20), np.uint8)
    truth[:, 10:] = 1
    stream = Stream(["as trained"])
    stream.update("a", {"as trained": np.full((20, 20, 3), 1 / 3, np.float32)}, truth)
    assert stream.top[0, 1].sum() == 20 * 6


def test_sums_of_the_images_are_the_counts(stream):
    for m in range(2):
        losses = stream.per_image("losses")[:, m].sum(axis=0) / stream.top[m, 0].sum()
        assert losses[0] == pytest.approx(calibration.nll(stream.classes[m]), rel=1e-5)
        assert losses[1] == pytest.approx(calibration.multiclass_brier(stream.classes[m]), rel=1e-5)
        for t, counts in enumerate(stream.top[m], len(classes.NAMES)):
            sums = calibration.bin_sums(counts, calibration.equal_width())
            np.testing.assert_allclose(
                stream.per_image("bins")[:, m, t].sum(axis=0), sums, rtol=1e-4
            )


def test_curves_of_the_images_add_up(stream):
    whole = thresholds.above(stream.classes[0, classes.SOFT_TISSUE])
    np.testing.assert_array_equal(stream.per_image("above").sum(axis=0), whole[thresholds.GRID])
    np.testing.assert_array_equal(
        stream.per_image("confusion").sum(axis=2).sum(axis=0), stream.classes[0, 0].sum(axis=1)
    )


def test_post_processed_curves_are_those_of_the_masks(stream):
    p = next(pictures())
    at = 12
    decided = thresholds.decide(p.image, float(calibration.edge(streaming.COARSE[at])))
    called = Processing(dilation=3)(decided, p.image) == classes.SOFT_TISSUE
    np.testing.assert_array_equal(
        stream.per_image("processed")[0, at], np.bincount(p.truth[called], minlength=3)
    )
    labels = p.image.argmax(axis=-1).astype(np.uint8)
    effect = stream.per_image("effects")[0, 0]
    assert effect[3] == pytest.approx(thresholds.boundary_f1(p.truth, labels))


def test_an_interrupted_passage_goes_on_to_the_same_numbers(stream, tmp_path):
    calls = []

    def failing(image):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return predict(image)

    unfinished = Stream(stream.methods, stream.processing, stream.variants)
    state = tmp_path / "set.npz"
    with pytest.raises(KeyboardInterrupt):
        streaming.run(unfinished, pictures(), failing, 6, state, "key", every=2)
    again = passed(state=state, key="key")
    assert again.images == stream.images
    np.testing.assert_array_equal(again.classes, stream.classes)
    for name in ("bins", "above", "processed", "sample"):
        np.testing.assert_array_equal(again.per_image(name), stream.per_image(name))
    other = Stream(stream.methods, stream.processing, stream.variants)
    other.load(state, "another key")
    assert other.images == []


@pytest.mark.slow
def test_ten_thousand_images_need_no_more_than_200_megabytes(tmp_path):
    stream, process = Stream(["as trained"]), psutil.Process()
    first = list(pictures(20, side=64))
    streaming.run(stream, first, lambda image: {"as trained": image}, 20)
    before = process.memory_info().rss
    many = (Picture(f"{i}", *first[i % 20][1:]) for i in range(10_000))
    state = tmp_path / "set.npz"
    streaming.run(stream, many, lambda x: {"as trained": x}, 10_000, state, "key", every=5000)
    assert len(stream.images) == 10_020
    assert process.memory_info().rss - before < 200e6
