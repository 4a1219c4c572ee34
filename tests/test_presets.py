import dataclasses
import itertools
import json

import pytest

from xnet_tf.presets import PRESETS, Augmentation


def test_paper_has_the_published_ranges():
    paper = PRESETS["paper"]
    assert (paper.flip_horizontal, paper.rotation_degrees, paper.shear_degrees) == (0.5, 15, 2)
    assert (paper.translation, paper.crop) == (0.01, (0.1, 0.4))
    assert (paper.elastic_probability, paper.blur_pixels) == (0.5, (0.0, 0.4))
    assert paper == dataclasses.replace(paper, gamma=(1.0, 1.0), collimation_probability=0.0)


def test_the_ablations_steps_end_at_the_paper():
    steps = [PRESETS[name] for name in ("none", "affine", "affine-elastic", "paper")]
    changed = [
        {f.name for f in dataclasses.fields(a) if getattr(a, f.name) != getattr(b, f.name)}
        for a, b in itertools.pairwise(steps[1:])
    ]
    assert changed == [{"elastic_pixels", "elastic_probability"}, {"blur_pixels"}]
    assert not steps[1].is_elastic


def test_every_range_is_recorded_as_json():
    for preset in PRESETS.values():
        record = json.loads(json.dumps(dataclasses.asdict(preset)))
        assert set(record) == {field.name for field in dataclasses.fields(Augmentation)}


@pytest.mark.parametrize(
    "change",
    [
        {"flip_horizontal": 0.5},
        {"rotation_degrees": 1},
        {"shear_degrees": 1},
        {"translation": 0.1},
        {"crop": (0.0, 0.1)},
        {"zoom": (1.0, 1.2)},
        {"elastic_pixels": 1.0, "elastic_probability": 0.5},
    ],
    ids=str,
)
def test_knows_what_moves_pixels(change):
    assert Augmentation(**change).moves
    assert not Augmentation(**change, moved_probability=0.0).moves
    assert not Augmentation().moves
    assert not Augmentation(elastic_pixels=1.0, gain=2.0, collimation_probability=1.0).moves
