import dataclasses

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xnet_study import augmented
from xnet_tf import cli, dataset, pipeline
from xnet_tf.files import InputError, read_json


def test_pairs_are_what_training_sees_before_it_normalises(data_folder, tiny_profile, tmp_path):
    data, out = dataset.load(data_folder), tmp_path / "set"
    assert augmented.write(data, tiny_profile, out, per_part=5) == 10
    manifest = pd.read_csv(out / "manifest.csv")
    assert manifest["body_part"].value_counts().to_dict() == {"arm": 5, "leg": 5}
    assert set(manifest["source"]) <= set(data.split["train"]), "training images alone"
    arrays = dataset.read_arrays(data, "train", tiny_profile.image_size)
    profile = dataclasses.replace(tiny_profile, images_per_part=5)
    transform = pipeline.augmented_batch(arrays, profile)
    batches = [transform(*b) for b in pipeline.numbered_examples(arrays, profile, 0, 1)]
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    for row, image, expected in zip(manifest.itertuples(), images, labels, strict=True):
        pixels = np.asarray(Image.open(out / row.image)) / 65535
        np.testing.assert_allclose(pixels, image[..., 0], atol=2e-4)
        np.testing.assert_array_equal(np.asarray(Image.open(out / row.mask)), expected)
    with pytest.raises(InputError, match="exists"):
        augmented.write(data, tiny_profile, out)


def test_command_line(data_folder, tmp_path, capsys):
    words = ["augment", "--profile", "smoke", "--data", str(data_folder), "--per-part", "2"]
    assert cli.main([*words, "--out", str(tmp_path / "set"), "--preset", "paper"]) == 0
    assert "4 images" in capsys.readouterr().out
    assert read_json(tmp_path / "set" / "augmented.json")["profile"]["augmentation"] == "paper"
    assert cli.main([*words, "--out", str(tmp_path / "set")]) == 2
    assert "exists" in capsys.readouterr().err
    assert cli.main([*words, "--out", str(tmp_path / "other"), "--preset", "strong"]) == 2
