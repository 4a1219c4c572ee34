import numpy as np
import pytest

from xnet_study.certainty import curves, postprocessing
from xnet_study.processing import Processing
from xnet_tf import calibration, thresholds


def test_each_subject_counts_once_whatever_it_has_of_images():
    # Two images of one subject, one of another; one threshold; columns beam, tissue, bone.
    above = np.array([[[1, 3, 0]], [[0, 0, 0]], [[0, 2, 2]]])
    pixels = np.array([[5, 6, 1], [5, 0, 5], [4, 4, 4]])
    means = curves.by_subject(above, pixels, np.array(["a", "a", "b"]))
    np.testing.assert_allclose(means.losses, [[(0.25 + 0) / 2], [0.5]])
    np.testing.assert_allclose(means.recalls, [[0.5], [0.5]], err_msg="no tissue, no recall")
    np.testing.assert_allclose(means.abstained, [[0.5], [0]])


def test_a_subject_without_soft_tissue_has_no_recall():
    means = curves.by_subject(np.zeros((1, 2, 3)), np.array([[4, 0, 5]]), np.array(["a"]))
    assert np.isnan(means.recalls).all()
    assert (means.losses == 0).all() and (means.abstained == 1).all()


def test_tuning_finds_what_mends_the_picture():
    # Small specks of soft tissue are wrong.
    truth = np.zeros((200, 200), np.uint8)
    truth[60:140, 60:140] = 1
    labels = truth.copy()
    labels[5:195:19, 5:50:9] = 1
    probabilities = np.eye(3, dtype=np.float32)[labels] * 0.8 + 0.2 / 3
    tuned, table = postprocessing.tune([(None, truth)], lambda image: probabilities)
    assert tuned == Processing(island=50), "the first of equals, the least that is done"
    best = table["f_half"].max()
    assert best == pytest.approx(1)
    plain = table.query("opening == 0 and dilation == 0 and island == 0").iloc[0]
    wrong = 1 - 80**2 / (80**2 + 50)
    assert plain["fdr"] == pytest.approx(wrong)
    assert plain["recall"] == 1


def test_variants_show_each_step_alone_and_all_together():
    variants = postprocessing.variants(Processing(1, 2, 3))
    assert variants["none"] == Processing()
    assert variants["all three"] == Processing(10, 5, 200)
    assert variants["tuned"] == Processing(1, 2, 3)


def test_promises_are_made_on_a_grid_that_no_image_chose():
    edges = calibration.edge(thresholds.GRID)
    assert len(edges) == 113
    assert edges[0] == pytest.approx(0.018, abs=1e-3)
    assert 1 - edges[-1] == pytest.approx(4.5e-5, rel=0.02)
