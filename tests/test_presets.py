import dataclasses
import itertools
import json

import pytest

from xnet_tf import runs
from xnet_tf.files import read_json
from xnet_tf.presets import PRESETS, describe
from xnet_tf.transforms import Crop, Elastic, Sometimes


def leaves(preset, probability=1.0):
    """List a preset's transforms with the probability that they happen."""
    flat = []
    for one in preset:
        if isinstance(one, Sometimes):
            flat += leaves(one.transforms, probability * one.probability)
        else:
            flat.append((one, probability))
    return flat


def fields(name):
    """Return the presets' transforms by class, their fields with the probability of each."""
    return {
        type(one).__name__: dataclasses.asdict(one) | {"probability": pytest.approx(often)}
        for one, often in leaves(PRESETS[name])
    }


def test_paper_has_the_published_ranges_and_nothing_else():
    assert fields("paper") == {
        "Flip": {"horizontal": 0.5, "vertical": 0.5, "probability": 1},
        "Translate": {"share": 0.01, "probability": 1},
        "Crop": {"low": 0.1, "high": 0.4, "probability": 1},
        "Rotate": {"degrees": 15, "probability": 1},
        "Shear": {"degrees": 2, "probability": 1},
        "Elastic": {"pixels": 0.56, "points": 8, "probability": 0.5},
        "Blur": {"low": 0.0, "high": 0.4, "probability": 1},
    }


def test_the_ablations_steps_end_at_the_paper():
    steps = [PRESETS[name] for name in ("none", "affine", "affine-elastic", "paper")]
    assert steps[0] == []
    for shorter, longer in itertools.pairwise(steps):
        assert longer[: len(shorter)] == shorter
    assert Elastic not in {type(one) for one, _ in leaves(steps[1])}


def test_grey_values_change_in_the_order_of_an_examination():
    # So that what is behind a leaking blade is noisy, and the saturated picture is shown.
    body, tube = ["Fold", "Texture", "Blur"], ["Collimate"]
    detector = ["Noise", "Gain", "Field", "Offset", "Saturate"]
    screen = ["LogScale", "Gamma", "SCurve", "ReduceLatitude", "Sharpen", "Window", "Saturate"]
    file = ["Frame", "GreyLevels", "Jpeg", "NormaliseGamma"]
    order = [*MOVED, *body, *tube, *detector, *screen, *file]
    classes = [type(one).__name__ for one, _ in leaves(PRESETS["uneven"])]
    assert sorted(classes[:6]) == sorted(MOVED) and classes[5] == "Elastic"
    assert classes[6:] == order[6:]
    left_out = {"Fold", "Texture", "ReduceLatitude", "GreyLevels", "Jpeg", "NormaliseGamma"}
    robust = [type(one).__name__ for one, _ in leaves(PRESETS["robust"])]
    assert robust[6:] == [name for name in order[6:] if name not in left_out]


# What the record of the users' weights, older than the classes, calls a class's field.
RECORDED = {
    "Flip": {"horizontal": "flip_horizontal", "vertical": "flip_vertical"},
    "Translate": {"share": "translation"},
    "Rotate": {"degrees": "rotation_degrees"},
    "Shear": {"degrees": "shear_degrees"},
    "Zoom": {"low": ("zoom", 0), "high": ("zoom", 1)},
    "Elastic": {"pixels": "elastic_pixels", "points": "elastic_points"},
    "Fold": {"depth": "fold_depth", "radius": "fold_radius", "flatness": "fold_flatness"},
    "Texture": {"strength": "texture", "pixels": "texture_pixels"},
    "Blur": {"low": ("blur_pixels", 0), "high": ("blur_pixels", 1)},
    "Collimate": {
        "share": "collimation",
        "degrees": "collimation_degrees",
        "penumbra": "penumbra_pixels",
        "leak": "leak",
        "glow": "glow",
    },
    "Noise": {"strength": "noise"},
    "Gain": {"factor": "gain"},
    "Field": {"strength": "field"},
    "Offset": {"share": "offset"},
    "Gamma": {"low": ("gamma", 0), "high": ("gamma", 1)},
    "ReduceLatitude": {"share": "latitude", "pixels": "latitude_pixels"},
    "Sharpen": {"strength": "sharpness"},
    "Window": {"share": "window"},
    "Frame": {"share": "frame"},
    "GreyLevels": {"low": ("levels", 0), "high": ("levels", 1)},
    "Jpeg": {"low": ("jpeg_quality", 0), "high": ("jpeg_quality", 1)},
}
PROBABILITIES = {
    "Fold": ["fold_probability"],
    "Texture": ["texture_probability"],
    "Collimate": ["collimation_probability"],
    "LogScale": ["hospital_probability"],
    "SCurve": ["hospital_probability", "curve_probability"],
    "ReduceLatitude": ["hospital_probability", "latitude_probability"],
    "Sharpen": ["hospital_probability", "sharpen_probability"],
    "Window": ["hospital_probability", "window_probability"],
    "Frame": ["frame_probability"],
    "GreyLevels": ["levels_probability"],
    "Jpeg": ["jpeg_probability"],
    "NormaliseGamma": ["gamma_normalised_probability"],
}
MOVED = ("Flip", "Translate", "Rotate", "Shear", "Zoom", "Elastic")


def test_the_quick_networks_preset_is_as_it_was_trained_with():
    record = read_json(runs.RELEASED_WEIGHTS.with_suffix(".json"))["augmentation"]
    assert record == json.loads(json.dumps(describe(PRESETS["mild"])))


def test_the_users_weights_preset_has_the_ranges_that_they_were_trained_with():
    record = read_json(runs.USER_WEIGHTS.with_suffix(".json"))["augmentation"]
    used = fields("uneven")
    for transform, names in RECORDED.items():
        for field, recorded in names.items():
            key, *index = (recorded,) if isinstance(recorded, str) else recorded
            if transform in used and key in record:
                value = record.pop(key) if not index else record[key][index[0]]
                assert json.loads(json.dumps(used[transform][field])) == value, key
    for transform in used:
        often = 1.0
        for key in PROBABILITIES.get(transform, ()):
            often *= record[key]
        if transform in MOVED:
            often *= record.get("moved_probability", 1.0)
        if transform == "Elastic":
            often *= record["elastic_probability"]
        assert used[transform]["probability"] == often, transform
    # Nothing that was recorded has got lost.
    for transform, keys in PROBABILITIES.items():
        assert transform in used or not record.get(keys[-1]), transform
    assert record["crop"] == [0.0, 0.0] and Crop.__name__ not in used


def test_descriptions_hold_every_field_as_plain_json():
    assert describe([Sometimes(0.4, Crop(0.1, 0.2), name="a")]) == [
        [
            "Sometimes",
            {
                "probability": 0.4,
                "transforms": [["Crop", {"low": 0.1, "high": 0.2}]],
                "name": "a",
            },
        ]
    ]
    for preset in PRESETS.values():
        assert json.loads(json.dumps(describe(preset))) == describe(preset)
