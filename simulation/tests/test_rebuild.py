"""Two pictures of data/, built anew, equal what lies there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simulation import composition, dataset
from simulation.__main__ import SEED
from xnet_tf.classes import COLOURS

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.mark.parametrize("part", ["finger", "ankle"])
def test_rebuilt_picture_equals_data(part):
    sitting = next(s for s in composition.plan() if s.part == part and len(s.names) == 1)
    name = sitting.names[0]
    if not (DATA / "images" / f"{name}.png").is_file():
        pytest.skip("data/ is not there")
    card = (DATA / "README.md").read_text()
    if not any(made_by in card for made_by in dataset.sources(sitting)):
        pytest.skip("data/ was made by other sources; run `python -m simulation check data`")
    ((picture, _),) = dataset.take(dataset.pose(sitting, SEED), 0, SEED)
    levels = dataset.quantise(picture.image, picture.noise).astype(int)
    stored = np.asarray(Image.open(DATA / "images" / f"{name}.png")).astype(int)
    mask = np.asarray(Image.open(DATA / "masks" / f"{name}.png"))
    assert levels.shape == stored.shape
    # On the machine that made data/ both are equal; elsewhere by a grey level of 256.
    assert np.mean(np.abs(levels - stored) > 257) < 1e-3
    assert np.mean((COLOURS[picture.label] != mask).any(axis=-1)) <= 1e-3
