import numpy as np
import pytest
import surface_distance

from xnet_study.comparison import surfaces
from xnet_tf import classes

pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
ROOT = np.sqrt(2)


def blobs(seed, side=48, margin=2):
    """Two random label maps, smooth or noisy, inside a rim of class 0."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 3, (2, side // (seed % 4 + 1), side // (seed % 4 + 1)))
    maps = np.kron(coarse, np.ones((1, seed % 4 + 1, seed % 4 + 1), int))
    return np.pad(maps, ((0, 0), (margin, margin), (margin, margin)))


def by_the_package(truth, predicted):
    found = surface_distance.compute_surface_distances(truth, predicted, (1, 1))
    return (
        surface_distance.compute_surface_dice_at_tolerance(found, 1),
        surface_distance.compute_surface_dice_at_tolerance(found, 2),
        surface_distance.compute_robust_hausdorff(found, 95),
    )


@pytest.mark.parametrize("seed", range(8))
def test_scores_agree_with_the_package_surface_distance(seed):
    truth, predicted = blobs(seed)
    ours = surfaces.scores(truth, predicted)
    for k, row in enumerate(ours):
        # Inside its rim class 0 has the boundary of everything else.
        regions = [(m == k) != (k == 0) for m in (truth, predicted)]
        expected = by_the_package(*regions)
        assert row["class"] == classes.NAMES[k]
        np.testing.assert_allclose(list(row.values())[1:], expected, rtol=0, atol=1e-9)


def test_far_regions_have_every_digit():
    """OpenCV's distances are float32; ours are not."""
    truth, predicted = np.zeros((2, 900, 1100), bool)
    truth[5:20, 5:22] = True
    predicted[830:880, 990:1077] = True
    expected = by_the_package(truth, predicted)
    np.testing.assert_allclose(surfaces.compare(truth, predicted), expected, rtol=0, atol=1e-9)
    assert expected[2] > 1000


def test_one_pixel_by_hand():
    """A pixel's boundary is its four corners, each sqrt(1/2) long."""
    truth, beside = np.zeros((2, 3, 3), bool)
    truth[1, 1] = True
    np.testing.assert_allclose(surfaces.boundary(truth), np.full((2, 2), ROOT / 2))
    assert surfaces.compare(truth, truth) == (1, 1, 0)
    beside[1, 0] = True
    # In the picture are its two right-hand corners, which are the other's left-hand ones: of the
    # other's four, two are at distance 0 and two at 1.
    np.testing.assert_allclose(surfaces.boundary(beside), [[ROOT / 2, 0], [ROOT / 2, 0]])
    assert surfaces.compare(truth, beside) == (1, 1, 1)


def test_shifted_half_planes_by_hand():
    """Two straight edges d apart agree wholly or not at all."""
    for shift, dice_1, dice_2 in ((0, 1, 1), (1, 1, 1), (2, 0, 1), (3, 0, 0)):
        truth, predicted = np.zeros((2, 9, 12), bool)
        truth[:, :4] = True
        predicted[:, : 4 + shift] = True
        assert surfaces.boundary(truth).sum() == 8, "eight corners of length 1"
        assert surfaces.compare(truth, predicted) == (dice_1, dice_2, shift)


def test_part_of_an_edge_by_hand():
    """The true edge is straight; the predicted one has a spike that is 3 high and 1 wide."""
    truth, predicted = np.zeros((2, 8, 42), bool)
    truth[4:] = True
    predicted[4:] = True
    predicted[1:4, 20] = True
    # Truth: 41 corners of length 1, all within 1 of the prediction. Prediction: 39 corners on the
    # line, and 2 more of the line where the spike stands: three of the pixels there are in the
    # region, so they count sqrt(1/2); then up the spike 4 corners of length 1, at distances 1 and
    # 2, and 2 at its top of sqrt(1/2), at distance 3.
    line, top = 39 + ROOT, ROOT
    total = 41 + line + 4 + top
    dice_1, dice_2 = (41 + line + 2) / total, (41 + line + 4) / total
    assert (line + 4) / (line + 4 + top) > 0.95, "less than 5 % of the length is at 3 pixels"
    assert (line + 2) / (line + 4 + top) < 0.95, "more than 5 % is at 2 or 3"
    np.testing.assert_allclose(surfaces.compare(truth, predicted), (dice_1, dice_2, 2))


def test_pixels_that_touch_diagonally():
    region = np.zeros((4, 4), bool)
    region[1, 1] = region[2, 2] = True
    assert surfaces.boundary(region)[1, 1] == pytest.approx(ROOT)


def test_the_frame_is_no_boundary():
    """Open beam up to the frame is not paid for agreeing with the frame."""
    truth, predicted = np.zeros((2, 20, 20), int)
    truth[10:], predicted[14:] = classes.BONE, classes.BONE
    rows = surfaces.scores(truth, predicted)
    assert rows[classes.OPEN_BEAM]["nsd2"] == rows[classes.BONE]["nsd2"] == 0
    # The package counts the frame, and so finds that the half of it agrees.
    assert by_the_package(truth == 0, predicted == 0)[1] > 0.5


def test_rules_for_what_is_empty():
    none, some, every = np.zeros((6, 8), bool), np.zeros((6, 8), bool), np.ones((6, 8), bool)
    some[2:4, 2:4] = True
    worst, best = (0, 0, 10), (1, 1, 0)
    assert np.isnan(surfaces.compare(none, none)).all()
    for other in (some, every):
        assert surfaces.compare(none, other) == worst
        assert surfaces.compare(other, none) == worst
    assert surfaces.compare(every, some) == surfaces.compare(some, every) == worst
    assert surfaces.compare(every, every) == best


def test_scores_do_not_depend_on_which_map_is_the_truth():
    truth, predicted = blobs(3)
    assert surfaces.scores(truth, predicted) == surfaces.scores(predicted, truth)


def test_wrong_shapes_are_refused():
    for wrong in (np.zeros((3, 4), int), np.zeros((3, 3, 1), int)):
        with pytest.raises(ValueError, match="two maps"):
            surfaces.scores(np.zeros((3, 3), int), wrong)


def test_smallest_pictures_have_no_boundary():
    row = surfaces.scores(np.zeros((1, 5), int), np.zeros((1, 5), int))[classes.OPEN_BEAM]
    assert row == {"class": "open beam", "nsd1": 1, "nsd2": 1, "hd95": 0}
