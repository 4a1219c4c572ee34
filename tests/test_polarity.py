"""Polarity from the picture alone."""

import numpy as np
import pytest
from picture_files import limb

from xnet_io import polarity


def test_features_change_sign_when_the_picture_is_inverted():
    picture = limb().astype(np.float32)
    upright, inverted = polarity.features(picture), polarity.features(1 - picture)
    for name, value in upright.items():
        assert inverted[name] == pytest.approx(-value, abs=0.02), name
    assert polarity.log_odds(1 - picture) == pytest.approx(-polarity.log_odds(picture), abs=0.3)


@pytest.mark.parametrize("gamma", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize("size", [(64, 50), (160, 128), (800, 640)])
def test_a_limb_in_an_open_beam(gamma, turn, size):
    picture = np.rot90(limb(*size) ** gamma, turn)
    assert polarity.log_odds(picture) > 0
    assert polarity.log_odds(1 - picture) < 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 2), (2, 900)])
def test_odd_shapes_and_constant_pictures(shape):
    random = np.random.default_rng(0)
    assert np.isfinite(polarity.log_odds(random.random(shape)))
    assert polarity.log_odds(np.full(shape, 0.5)) == 0
    assert polarity.log_odds(np.zeros((*shape, 1))) == 0
