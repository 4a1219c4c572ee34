import dataclasses
import zlib

import numpy as np
import pytest
import scipy.ndimage

from xnet_tf import transforms
from xnet_tf.appearance import (
    Blur,
    Collimate,
    Field,
    Fold,
    Frame,
    Gain,
    Gamma,
    GreyLevels,
    Jpeg,
    LogScale,
    Noise,
    NormaliseGamma,
    Offset,
    ReduceLatitude,
    Saturate,
    SCurve,
    Sharpen,
    Texture,
    Window,
)
from xnet_tf.backend import random_words, tf
from xnet_tf.presets import PRESETS
from xnet_tf.transforms import (
    Appearance,
    Crop,
    Elastic,
    Flip,
    Rotate,
    Shear,
    Sometimes,
    Spatial,
    Translate,
    Zoom,
)

SHAPE = (40, 48)
MOVING = {
    "flip": [Flip()],
    "rotate": [Rotate(180)],
    "shear": [Shear(20)],
    "translate": [Translate(0.3)],
    "crop": [Crop(0.1, 0.4)],
    "zoom": [Zoom(0.5, 2.0)],
    "elastic": [Elastic(20)],
    "two grids": [Elastic(20), Rotate(20), Elastic(9, points=4)],
    "paper": PRESETS["paper"],
    "robust": PRESETS["robust"],
}
COVERING = {
    "collimate": [Collimate(0.4, degrees=45)],
    "frame": [Frame(0.2)],
    "robust": PRESETS["robust"],
    "uneven": PRESETS["uneven"],
}
ALL = {
    **MOVING,
    **COVERING,
    "now and then": [Sometimes(0.5, Rotate(180), Gamma(2, 3))],
    "fold": [Fold((0.1, 1.0))],
    "texture": [Texture(0.1)],
    "blur": [Blur(0.0, 3.0)],
    "detector": [Noise(0.1), Gain(1.5), Field(0.3), Offset(0.2), Saturate()],
    "screen": [LogScale(), SCurve(), ReduceLatitude(0.8), Sharpen(1.5), Window(0.4)],
    "gamma": [Gamma(0.3, 3.0)],
    "levels": [GreyLevels(4, 16)],
    "jpeg": [Jpeg(10, 90)],
    "normalised": [NormaliseGamma()],
}


def seeds(count=6, run=1):
    return tf.constant([[run, k] for k in range(count)], tf.int64)


def batch(count=6):
    rng = np.random.default_rng(2)
    images = rng.uniform(0, 1, (count, *SHAPE, 1)).astype("float32")
    labels = rng.integers(0, 3, (count, *SHAPE)).astype("uint8")
    return tf.constant(images), tf.constant(labels)


def only_spatial(preset):
    kept = []
    for one in preset:
        if isinstance(one, Sometimes):
            kept.append(Sometimes(one.probability, *only_spatial(one.transforms), name=one.name))
        elif isinstance(one, Spatial):
            kept.append(one)
    return [one for one in kept if not isinstance(one, Sometimes) or one.transforms]


class Given:
    """Draws that are given, each as a share of the way from the least number to the largest."""

    def __init__(self, *shares):
        self.shares = list(shares)

    def uniform(self, low=0.0, high=1.0):
        return low + (high - low) * self.shares.pop(0)

    def log_uniform(self, low, high):
        return np.exp(self.uniform(np.log(low), np.log(high)))

    def normal(self, shape):
        return np.ones((1, *shape))


@pytest.mark.parametrize(
    ("transform", "shares", "matrix", "shift", "displaced"),
    [
        (Flip(), (0.4, 0.6), [[-1, 0], [0, 1]], (0, 0), 0),
        (Flip(), (0.6, 0.4), [[1, 0], [0, -1]], (0, 0), 0),
        (Translate(0.1), (1, 0), [[1, 0], [0, 1]], (20, -10), 0),
        # A tenth is cut off on the left, a fifth above, nothing on the right, 0.4 below.
        (Crop(0, 0.4), (0.25, 0.5, 0, 1), [[0.9, 0], [0, 0.4]], (10, -10), 0),
        (Zoom(0.5, 2), (1,), [[0.5, 0], [0, 0.5]], (0, 0), 0),
        (Zoom(0.5, 2), (0.5,), [[1, 0], [0, 1]], (0, 0), 0),
        (Rotate(90), (1,), [[0, -1], [1, 0]], (0, 0), 0),
        (Shear(45), (0,), [[1, -1], [0, 1]], (0, 0), 0),
        (Elastic(3, points=5), (), [[1, 0], [0, 1]], (0, 0), 3),
    ],
)
def test_where_each_transform_looks(transform, shares, matrix, shift, displaced):
    part = transform(Given(*shares), (100, 200))
    np.testing.assert_allclose(np.array(part.matrix, float), matrix, atol=1e-12)
    np.testing.assert_allclose(np.array(part.shift, float), shift, atol=1e-12)
    assert [np.shape(grid) for grid in part.grids] == [(1, 2, 5, 5)] * bool(displaced)
    assert all((np.asarray(grid) == displaced).all() for grid in part.grids)


def test_two_matrices_are_composed_as_numpy_does():
    rng = np.random.default_rng(3)
    outer, inner = rng.uniform(0.3, 3, (2, 2, 2))
    shift, inner_shift = rng.uniform(-9, 9, (2, 2))
    matrix, both = transforms._composed(outer, shift, inner, inner_shift)
    np.testing.assert_allclose(matrix, outer @ inner)
    np.testing.assert_allclose(both, outer @ inner_shift + shift)


@pytest.mark.parametrize("name", ALL)
def test_a_label_map_passed_as_image_ends_as_the_label_output(name, monkeypatch):
    # The picture is the label map, read by nearest neighbour; grey changes are left out, but what
    # a collimator or a frame covers is covered in both.
    def nearest(images, points):
        return transforms.resample_nearest(images[..., 0], points)[..., None]

    monkeypatch.setattr(transforms, "resample_linear", nearest)
    _, labels = batch(20)
    picture = tf.cast(labels, tf.float32)[..., None] / 2
    moved, new_labels = transforms.apply(picture, labels, only_spatial(ALL[name]), seeds(20))
    np.testing.assert_array_equal(moved[..., 0] * 2, new_labels)
    whole = transforms.apply(picture, labels, ALL[name], seeds(20))[1].numpy()
    covered = whole != new_labels.numpy()
    assert not whole[covered].any(), "what differs is covered, and open beam"
    assert covered.any() == (name in COVERING)


@pytest.mark.parametrize("name", ALL)
def test_something_happens_without_new_ids_or_types(name):
    images, labels = batch()
    # Ids far apart: a mean of two of them would be another one.
    new_images, new_labels = transforms.apply(images, labels * 100, ALL[name], seeds())
    assert new_images.shape == images.shape and new_labels.shape == labels.shape
    assert (new_images.dtype, new_labels.dtype) == (tf.float32, tf.uint8)
    assert set(np.unique(new_labels)) <= {0, 100, 200}
    assert np.isfinite(new_images).all()
    assert new_images.numpy().min() >= 0 and new_images.numpy().max() <= 1
    assert np.abs(new_images - images).max() > 0.01


def test_no_strength_and_no_probability_change_nothing():
    images, labels = batch()
    small = 1e-9
    almost = [Rotate(small), Elastic(small), Blur(0, small), Noise(small), Gain(1 + small)]
    almost += [Field(small), Offset(small), Gamma(1.0, 1.0 + small)]
    never = [Sometimes(0.0, *MOVING["two grids"], *PRESETS["uneven"], *ALL["screen"])]
    for preset in ([], almost, never):
        new_images, new_labels = transforms.apply(images, labels, preset, seeds())
        np.testing.assert_allclose(new_images, images, atol=1e-6)
        np.testing.assert_array_equal(new_labels, labels)


@pytest.mark.parametrize(("flip", "axis"), [(Flip(1.0, 0.0), 2), (Flip(0.0, 1.0), 1)])
def test_flips_flip(flip, axis):
    images, labels = batch()
    new_images, new_labels = transforms.apply(images, labels, [flip], seeds())
    np.testing.assert_array_equal(new_images, np.flip(images, axis))
    np.testing.assert_array_equal(new_labels, np.flip(labels, axis))


def test_some_pictures_are_not_moved():
    images, labels = batch(40)
    preset = [Sometimes(0.4, Flip(1.0, 0.0), Rotate(90), Sometimes(0.9, Elastic(5.0)))]
    new_images, new_labels = transforms.apply(images, labels, preset, seeds(40))
    stayed = (new_images.numpy() == images.numpy()).all((1, 2, 3))
    assert 0.4 < stayed.mean() < 0.8
    np.testing.assert_array_equal(new_labels.numpy()[stayed], labels.numpy()[stayed])
    assert (new_labels.numpy() != labels.numpy())[~stayed].mean((1, 2)).min() > 0.3


def test_crop_keeps_the_stated_part():
    # A quarter cut off each side: the middle half fills the picture.
    matrix, shift, _ = transforms.compose([Crop(0.25, 0.25)], seeds(1), SHAPE)
    np.testing.assert_allclose(matrix[0], [[0.5, 0], [0, 0.5]])
    np.testing.assert_allclose(shift[0], [0, 0])


def test_draws_fill_their_ranges():
    matrix, shift, grids = transforms.compose(PRESETS["robust"], seeds(400), (200, 200))
    zoom = np.sqrt(1 / np.abs(np.linalg.det(matrix)))
    assert 0.7 <= zoom.min() < 0.73 and 1.5 < zoom.max() <= 1.6
    assert 19 < np.abs(shift).max() <= 20
    elastic = np.abs(grids[0]).max((1, 2, 3)) > 0
    assert elastic.mean() == pytest.approx(0.7, abs=0.07)
    assert grids[0].numpy()[elastic].std() == pytest.approx(4.0, rel=0.05)
    angles = [transforms.compose([Rotate(180)], seeds(400), SHAPE)[0][:, k, 0] for k in (0, 1)]
    turns = np.histogram(np.arctan2(*angles), bins=4, range=(-np.pi, np.pi))[0]
    assert turns.min() > 75


@dataclasses.dataclass(frozen=True)
class Recorder(Appearance):
    """Keeps what it draws."""

    seen: list = dataclasses.field(default_factory=list)

    def __call__(self, planes, labels, draws):
        numbers = draws.uniform(2.0, 3.0), draws.log_uniform(0.1, 10.0)
        self.seen.append([*numbers, draws.normal((3, 5)), draws.noise(SHAPE)])
        return planes, labels


def recorded(seeds, before=()):
    recorder, count = Recorder(), len(seeds)
    transforms.apply(*batch(count), [*before, recorder], seeds)
    return [values.numpy() for values in recorder.seen[0]]


def test_random_numbers_are_distributed_as_they_say():
    uniform, ratio, normal, noise = recorded(seeds(400))
    assert uniform.shape == (400, 1, 1)
    assert 2 <= uniform.min() < 2.02 and 2.98 < uniform.max() < 3
    assert 0.1 <= ratio.min() < 0.11 and 9 < ratio.max() < 10
    assert np.median(ratio) == pytest.approx(1, rel=0.3)
    for values in (normal, noise):
        # Within three standard errors, and in the tails no further than a normal distribution.
        error = 1 / np.sqrt(values.size)
        assert abs(values.mean()) < 3 * error
        assert abs(values.std() - 1) < 3 * error
        assert np.mean(np.abs(values) > 2) == pytest.approx(0.0455, abs=0.01)
    assert noise.shape == (400, *SHAPE)
    # Neither neighbours nor the strips it is made of are alike.
    for lag in (1, SHAPE[0] // 8):
        assert abs(np.mean(noise[:, lag:] * noise[:, :-lag])) < 0.01


def test_a_seed_decides_whatever_the_batch_it_lies_in():
    together, moves = recorded(seeds()), transforms.compose(PRESETS["robust"], seeds(), SHAPE)
    for k in (0, 4):
        for alone, all_of_them in zip(recorded(seeds()[k : k + 1]), together, strict=True):
            np.testing.assert_array_equal(alone[0], all_of_them[k])
        alone = transforms.compose(PRESETS["robust"], seeds()[k : k + 1], SHAPE)
        for one, whole in zip(tf.nest.flatten(alone), tf.nest.flatten(moves), strict=True):
            np.testing.assert_array_equal(one[0], whole[k])


def test_another_run_or_example_is_drawn_otherwise():
    for first, other in zip(recorded(seeds(run=1)), recorded(seeds(run=2)), strict=True):
        assert not np.array_equal(first, other)
        assert not np.array_equal(first[0], first[1])


def test_other_transforms_in_the_list_change_no_draw():
    matrix = transforms.compose([Rotate(15)], seeds(), SHAPE)[0]
    others = [Flip(0.0, 0.0), Zoom(1.0, 1.0), Sometimes(1.0, Rotate(15))]
    np.testing.assert_allclose(transforms.compose(others, seeds(), SHAPE)[0], matrix, atol=1e-15)
    second = transforms.compose([Rotate(0), Rotate(15)], seeds(), SHAPE)[0]
    assert np.abs(second - matrix).max((1, 2)).min() > 1e-4
    for one, other in zip(recorded(seeds()), recorded(seeds(), others), strict=True):
        np.testing.assert_array_equal(one, other)


def test_groups_of_one_name_happen_together():
    images, labels = tf.fill((200, 8, 8, 1), 0.5), tf.ones((200, 8, 8), tf.uint8)

    def changed(*groups):
        images_now = transforms.apply(images, labels, groups, seeds(200))[0].numpy()
        return tuple(np.unique(np.round(images_now, 4)))

    darker, darker_still = Gamma(2, 2), Gamma(3, 3)
    named = (Sometimes(0.5, one, name="a") for one in (darker, darker_still))
    assert changed(*named) == pytest.approx((0.5**6, 0.5), abs=1e-4)
    alone = (Sometimes(0.5, one) for one in (darker, darker_still))
    assert changed(*alone) == pytest.approx((0.5**6, 0.125, 0.25, 0.5), abs=1e-4)


def test_xla_gives_the_same_pictures():
    images, labels = batch(4)
    # Smooth images, as radiographs are, at label maps of many borders.
    images = tf.nn.avg_pool2d(images, 5, 1, "SAME")

    def both(images, labels, seeds):
        moves = transforms.compose(PRESETS["uneven"], seeds, SHAPE)
        return moves, *transforms.apply(images, labels, PRESETS["uneven"], seeds)

    usual = both(images, labels, seeds(4))
    compiled = tf.function(both, jit_compile=True)(images, labels, seeds(4))
    for one, other in zip(tf.nest.flatten(usual[0]), tf.nest.flatten(compiled[0]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    # Where there are few grey levels, a value half way between two may be rounded to either.
    assert np.mean(np.abs(compiled[1] - usual[1]) > 1e-4) <= 1e-3
    assert np.mean(compiled[2] != usual[2]) <= 1e-4


def test_the_generator_is_tensorflows_and_the_same_bits_under_xla():
    pairs = tf.constant([[5, 7], [-3, 2**40 + 1]], tf.int64)

    def words(seeds):
        return tf.stack(random_words(seeds, ["a", "b"], 3), axis=-1)

    ours = words(pairs).numpy()
    np.testing.assert_array_equal(tf.function(words, jit_compile=True)(pairs), ours)
    for (run, example), of_pair in zip(pairs.numpy().astype(np.uint64), ours, strict=True):
        for name, of_stream in zip("ab", of_pair, strict=True):
            counter = [zlib.crc32(name.encode()) << 32, example]
            theirs = tf.raw_ops.StatelessRandomUniformFullIntV2(
                shape=[4], key=[run], counter=counter, alg=1, dtype=tf.uint32
            )
            np.testing.assert_array_equal(of_stream[0], theirs)
            assert len(np.unique(of_stream)) == 12


def points(preset, count=6):
    return transforms.backward_map(*transforms.compose(preset, seeds(count), SHAPE), SHAPE)


@pytest.mark.parametrize("name", MOVING)
def test_pictures_are_read_as_scipy_and_labels_as_plain_indexing_does(name):
    images, labels = batch()
    where = points(MOVING[name])
    ours = transforms.resample_linear(images, where).numpy()[..., 0]
    nearest = transforms.resample_nearest(labels, where)
    assert nearest.dtype == tf.uint8
    for b, (x, y) in enumerate(where.numpy()):
        picture = images.numpy()[b, ..., 0]
        expected = scipy.ndimage.map_coordinates(picture, [y, x], order=1, mode="mirror")
        np.testing.assert_allclose(ours[b], expected, atol=1e-4)
        rows, columns = (np.floor(v + 0.5).astype(int) for v in (y, x))
        np.testing.assert_array_equal(nearest[b], labels.numpy()[b][rows, columns])


@pytest.mark.parametrize("name", MOVING)
def test_the_composed_map_is_that_of_its_parts(name):
    preset = only_spatial(MOVING[name])
    _, _, grids = transforms.compose(preset, seeds(), SHAPE)
    y, x = np.indices(SHAPE)
    centre = (np.array(SHAPE[::-1]) - 1) / 2
    positions = np.stack([np.stack([x, y], -1) - centre] * 6)
    for grid in grids:
        positions += np.moveaxis(transforms.displacement(grid, SHAPE).numpy(), 1, -1)
    # A transform draws alone what it draws in company: the last acts on a position first.
    for one in reversed(preset):
        alone = transforms.compose([one], seeds(), SHAPE)
        positions = np.einsum("bij,bhwj->bhwi", alone[0], positions)
        positions += alone[1].numpy()[:, None, None]
    period = 4 * centre
    wrapped = np.mod(positions + centre, period)
    expected = np.minimum(wrapped, period - wrapped)
    np.testing.assert_allclose(np.moveaxis(points(preset), 1, -1), expected, atol=1e-4)


def place(x, y):
    """Return a picture with one bright pixel."""
    image = np.zeros((1, 41, 41, 1), "float32")
    image[0, y, x] = 1
    return tf.constant(image)


def moved(image, matrix=((1, 0), (0, 1)), shift=(0, 0)):
    """Return the brightest pixel's (x, y) after a map set by hand."""
    matrix, shift = tf.constant([matrix], tf.float64), tf.constant([shift], tf.float64)
    where = transforms.backward_map(matrix, shift, (), (41, 41))
    result = transforms.resample_linear(image, where).numpy()[0, ..., 0]
    y, x = np.unravel_index(result.argmax(), result.shape)
    return x, y


def test_maps_worked_out_by_hand():
    # The map is backward: a source shift of +3 brings what lies 3 to the right to the centre.
    assert moved(place(23, 20), shift=(3, 0)) == (20, 20)
    assert moved(place(20, 15), shift=(0, -5)) == (20, 20)
    # Looking at half the distance from the centre doubles what is seen.
    assert moved(place(25, 18), matrix=((0.5, 0), (0, 0.5))) == (30, 16)
    # A quarter turn: output (10, 0) from the centre looks at source (0, 10).
    assert moved(place(20, 30), matrix=((0, -1), (1, 0))) == (30, 20)
    # What lies beyond the border is the mirror image: position 6 + 38 = 40 + 4 shows pixel 36.
    assert moved(place(36, 20), shift=(38, 0)) == (6, 20)


def still(shift=(0.0, 0.0)):
    return tf.eye(2, batch_shape=[1], dtype=tf.float64), tf.constant([shift], tf.float64)


def test_whole_positions_are_exact_and_the_last_row_is_no_darker():
    image = tf.ones((1, 41, 41, 1))
    where = transforms.backward_map(*still((7.3, -3.6)), (), (41, 41))
    np.testing.assert_array_equal(transforms.resample_linear(image, where), image)


def test_the_spline_field_passes_through_its_points_and_is_scipys():
    grid = np.random.default_rng(4).normal(0, 5, (2, 2, 5, 5))
    field = transforms.displacement(tf.constant(grid), (41, 49)).numpy()
    np.testing.assert_allclose(field[..., ::10, ::12], grid, atol=1e-9)
    at = np.meshgrid(np.linspace(0, 4, 41), np.linspace(0, 4, 49), indexing="ij")
    expected = scipy.ndimage.map_coordinates(grid[0, 0], at, order=3, mode="mirror")
    np.testing.assert_allclose(field[0, 0], expected, atol=1e-9)


@pytest.mark.parametrize(("size", "count", "sigma"), [(SHAPE, 3, 2.0), ((64, 64), 5, 4.0)])
def test_the_elastic_field_is_elasticdeforms(size, count, sigma):
    reason = (
        "elasticdeform is not installed (it needs a C compiler): requirements-elasticdeform.txt"
    )
    elasticdeform = pytest.importorskip("elasticdeform", reason=reason)
    rng = np.random.default_rng(5)
    grid = rng.normal(0, sigma, (2, count, count))
    # Fed with its own coordinates, it tells where it looks. (y, x) order, and nothing beyond.
    positions = [
        elasticdeform.deform_grid(
            plane.astype(float), grid[::-1], order=1, mode="constant", cval=np.nan
        )
        for plane in np.indices(size)[::-1]
    ]
    ours = transforms.displacement(tf.constant(grid), size).numpy() + np.indices(size)[::-1]
    inside = np.isfinite(positions).all(0)
    assert inside.mean() > 0.7
    np.testing.assert_allclose(np.where(inside, ours - positions, 0), 0, atol=1e-4)
    image = rng.uniform(0, 1, size).astype("float32")
    theirs = elasticdeform.deform_grid(image, grid[::-1], order=1, mode="mirror")
    where = transforms.backward_map(*still(), [tf.constant(grid[None])], size)
    resampled = transforms.resample_linear(tf.constant(image[None, ..., None]), where)
    assert np.abs(resampled.numpy()[0, ..., 0] - theirs)[inside].max() < 1e-4


def test_normal_numbers_have_mean_0_and_variance_1():
    draws = transforms.Draws(seeds(1), "any", tf.zeros((1, 1), tf.float64))
    numbers = draws.normal((400, 1000)).numpy()
    assert abs(numbers.mean()) < 0.01 and abs(numbers.std() - 1) < 0.01
    numbers = draws.noise((400, 1000)).numpy()
    assert abs(numbers.mean()) < 0.01 and abs(numbers.std() - 1) < 0.01
