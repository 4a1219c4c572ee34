"""Pictures that are no radiographs are told by a network's features; a fit, and what counts it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from picture_files import limb

import xnet_tf
from xnet_io import familiarity, radiographs
from xnet_study import real
from xnet_study.certainty import familiarity_fit, no_radiographs, warnings_check
from xnet_tf import dataset, runs
from xnet_tf.backend import keras
from xnet_tf.files import read_json, sha256, write_json


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    keras.utils.set_random_seed(4)
    form = {"filters": (4, 6, 8, 10), "num_classes": 3, "kernel_size": 3, "l2": 1e-6}
    path = tmp_path_factory.mktemp("weights") / "own.npz"
    network = xnet_tf.build_xnet((None, None, 1), **form)
    return xnet_tf.save_weights(network, path, {"architecture": form})


def test_features_are_of_every_filter_and_of_any_size(weights):
    measure = familiarity.Features(weights)
    image = limb(160, 128)[..., np.newaxis].astype(np.float32)
    assert measure(image).shape == (2 * (6 + 8),)
    assert np.isfinite(measure(image[:7, :9])).all()
    wide = np.repeat(np.repeat(image, 3, axis=0), 3, axis=1)
    np.testing.assert_allclose(measure(wide), measure(image), atol=0.2)


def test_the_limit_decides_and_other_weights_know_nothing(weights):
    image = limb(160, 128)[..., np.newaxis].astype(np.float32)
    assert familiarity.doubts(weights, 1, image) == ()
    content = {"coefficients": [0.0] * 28, "constant": 1.0, "weights_sha256": sha256(weights)}
    for least, warned in ((0.5, False), (1.5, True)):
        write_json(familiarity.path_for(weights), content | {"least_log_odds": least})
        familiarity.load.cache_clear()
        assert bool(familiarity.doubts(weights, 1, image)) == warned
    write_json(familiarity.path_for(weights), content | {"weights_sha256": "0"})
    familiarity.load.cache_clear()
    assert familiarity.doubts(weights, 1, image) == ()


def test_the_fit_parts_what_differs():
    random = np.random.default_rng(0)
    near, far = random.normal(0, 1, (60, 3)), random.normal((9, 0, 0), 1, (40, 3))
    coefficients, constant = familiarity_fit.fit(near, far)
    assert (near @ coefficients + constant > 0).all()
    assert (far @ coefficients + constant < 0).all()
    assert -coefficients[0] > abs(coefficients[1:]).max()


def test_every_radiograph_is_measured_as_it_is_and_presented(data_folder):
    data = dataset.load(data_folder)
    two = dataclasses.replace(data, manifest=data.manifest.head(2))
    means = familiarity_fit.of_radiographs(lambda image: np.array([image.mean()]), two)
    assert means.shape == (2, 2, 1) and (means[:, 0] != means[:, 1]).all()


@pytest.mark.parametrize("part", no_radiographs.PARTS)
def test_drawn_pictures_follow_from_the_seed(part):
    pictures = list(no_radiographs.draw(12, 5, part))
    assert [kind for kind, _ in pictures] == list(no_radiographs.KINDS) * 2
    for (_, values), (_, again) in zip(pictures, no_radiographs.draw(12, 5, part), strict=True):
        assert values.dtype == np.uint8 and values.ndim == 2 and np.ptp(values) > 50
        np.testing.assert_array_equal(values, again)
    assert len({values.tobytes() for _, values in pictures}) == 12


def test_warnings_are_counted_by_kind_and_cause():
    class Measure:
        def doubts(self, image):
            return ("unlike",) if image.mean() > 0.5 else ()

    fine = radiographs.interpret(np.uint8(255 * limb()), polarity="bright")
    grey = dataclasses.replace(fine, image=np.full((40, 40, 1), 0.9), exposed=np.s_[:, :])
    dark = dataclasses.replace(fine, image=fine.image * 0, warnings=("polarity",))
    readings = [("plain", dark), ("text", grey), ("noise", grey), ("noise", dark)]
    table = warnings_check.table(iter(readings), Measure()).set_index("input")
    assert table.loc["noise"].to_dict() == {
        "images": 2,
        "warned": 1,
        "by_reading": 0.5,
        "by_features": 0.5,
    }
    assert table.loc["no radiographs, all", "images"] == 3
    assert table.loc["plain", "by_features"] == 0


def test_the_users_weights_tell_noise_from_radiographs():
    image = np.random.default_rng(0).random((160, 128, 1), np.float32)
    assert familiarity.doubts(runs.USER_WEIGHTS, 1, image) == (familiarity.WARNING,)


@pytest.mark.skipif(not real.paths(), reason="pydicom-data is not installed")
def test_no_real_radiograph_is_warned_of():
    for kind, radiograph in warnings_check.of_real():
        image = radiograph.image[radiograph.exposed]
        found = (*radiograph.warnings, *familiarity.doubts(runs.USER_WEIGHTS, 1, image))
        assert found == (), kind


def test_the_published_warnings_are_of_what_is_shipped():
    record = read_json(runs.REPOSITORY / "results" / "warnings.json")
    beside = familiarity.path_for(runs.USER_WEIGHTS)
    assert record["familiarity_sha256"] == sha256(beside)
    assert record["weights_sha256"] == read_json(beside)["weights_sha256"]
    table = pd.read_csv(runs.REPOSITORY / "results" / "warnings.csv", index_col="input")["warned"]
    assert table["plain"] <= 0.02 and table["wrong polarity given"] >= 0.9
    assert table["no radiographs, all"] >= 0.95 and not table.filter(like="real ").any()
