"""Clusters of pixels, by grey level and by texture."""

import numpy as np
import pytest

from xnet_study.baselines import clustering, thresholding

BEAM, TISSUE, BONE = 0, 1, 2


def test_the_darkest_clusters_are_bone():
    image = np.repeat([0.9, 0.6, 0.4, 0.1], 25).reshape(10, 10)
    for function in (clustering.k_means, clustering.fuzzy_c_means):
        one, two = (np.unique(function(image, groups=(4, n)), return_counts=True) for n in (1, 2))
        np.testing.assert_array_equal(one, [[BEAM, TISSUE, BONE], [25, 50, 25]])
        np.testing.assert_array_equal(two, [[BEAM, TISSUE, BONE], [25, 25, 50]])


def test_texture_of_stripes():
    # 0 and 1 by turns: a disk of radius 2 has 7 of 13 pixels in the three columns of one parity
    # (1 + 5 + 1) and 6 in the others; a square of 5 x 5 has 15 or 10 of 25.
    stripes = np.tile(np.arange(21) % 2 * 1.0, (21, 1))
    shares = np.array([7, 6]) / 13
    entropy = thresholding.texture_entropy(stripes, 2)
    np.testing.assert_allclose(entropy[5:16, 5:16], -(shares * np.log2(shares)).sum())
    described = clustering.features(stripes, texture=2)[5:16, 5:16]
    grey, mean, spread, _ = np.moveaxis(described, -1, 0)
    assert np.ptp(grey) == pytest.approx(1 / stripes.std())
    np.testing.assert_allclose(mean[:, 1:] + mean[:, :-1], (mean[0, 0] + mean[0, 1]))
    assert mean[0, 1] / mean[0, 0] == pytest.approx(10 / 15 if grey[0, 1] == 0 else 15 / 10)
    np.testing.assert_allclose(spread, spread[0, 0])
