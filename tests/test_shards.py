import dataclasses

import numpy as np
import pytest

from xnet_study import shards
from xnet_tf import cli, dataset, pipeline
from xnet_tf.files import InputError, read_json


@pytest.fixture
def profile(tiny_profile):
    return dataclasses.replace(tiny_profile, epochs=2)


def test_files_hold_the_pixels_that_training_sees(data_folder, profile, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "PER_FILE", 4)
    data = dataset.load(data_folder)
    files = shards.write(data, profile, 2, tmp_path)
    # Ten images an epoch make files of 4, 4 and 2.
    assert [path.name for path in files] == [
        f"epoch-{epoch:03d}-{part:03d}.tfrecord" for epoch in range(2) for part in range(3)
    ]
    arrays = dataset.read_arrays(data, "train", profile.image_size)
    expected, found = (
        [np.concatenate(batches) for batches in zip(*source, strict=True)]
        for source in (pipeline.training_batches(arrays, profile), shards.read(tmp_path, 7))
    )
    for ahead, on_the_fly in zip(found, expected, strict=True):
        assert ahead.dtype == on_the_fly.dtype
        np.testing.assert_array_equal(ahead, on_the_fly)
    record = read_json(tmp_path / "augmented.json")
    assert (record["images"], record["epochs"]) == (20, 2)
    assert record["data"] == data.fingerprint()
    with pytest.raises(InputError, match="holds an augmented set already"):
        shards.write(data, profile, 1, tmp_path)


def test_a_folder_without_a_finished_set_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"augmented\.json"):
        shards.read(tmp_path, 2)


def test_command_line(data_folder, tmp_path, capsys):
    words = ["augment", "--profile", "smoke", "--data", str(data_folder), "--out"]
    assert cli.main([*words, str(tmp_path / "set"), "--preset", "paper"]) == 0
    assert "1 file(s)" in capsys.readouterr().out
    assert read_json(tmp_path / "set" / "augmented.json")["profile"]["augmentation"] == "paper"
    images, labels = next(iter(shards.read(tmp_path / "set", 3)))
    assert images.shape == (3, 64, 64, 1)
    assert labels.shape == (3, 64, 64)
    assert cli.main([*words, str(tmp_path / "set")]) == 2
    assert "holds an augmented set already" in capsys.readouterr().err
    assert cli.main([*words, str(tmp_path / "other"), "--preset", "strong"]) == 2
    assert "no preset is called 'strong'" in capsys.readouterr().err
