"""A tiny data set that every test can share: bars of bone in discs of flesh."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xnet_tf import classes

SIDE = 72
PARTS = ("arm", "leg")


def pytest_collection_modifyitems(items):
    """Put the notebooks first: they take longest, and others fill up the other workers' time."""
    items.sort(key=lambda item: item.path.parent.name != "notebooks")


def draw(rng):
    """Return a 16-bit image and its label map: bone darker than flesh, flesh than open beam."""
    y, x = np.mgrid[:SIDE, :SIDE]
    cx, cy = rng.uniform(28, 44, 2)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[(x - cx) ** 2 + (y - cy) ** 2 < rng.uniform(18, 26) ** 2] = classes.SOFT_TISSUE
    labels[(abs(x - cx) < rng.uniform(4, 7)) & (abs(y - cy) < 14)] = classes.BONE
    grey = np.array([0.92, 0.5, 0.25])[labels] + rng.normal(0, 0.02, labels.shape)
    return np.round(np.clip(grey, 0, 1) * 65535).astype(np.uint16), labels


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    """A data set of 24 images: 2 parts, 12 subjects."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    rng, rows = np.random.default_rng(7), []
    for i in range(24):
        image, labels = draw(rng)
        name = f"{PARTS[i % 2]}-{i:02d}.png"
        Image.fromarray(image).save(folder / "images" / name)
        Image.fromarray(classes.COLOURS[labels]).save(folder / "masks" / name)
        rows.append(
            {
                "image": f"images/{name}",
                "mask": f"masks/{name}",
                "body_part": PARTS[i % 2],
                "subject": f"s{i // 2:02d}",
                "source": "test",
                "polarity": "bright",
            }
        )
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def tiny_profile():
    """A profile that trains in seconds."""
    from xnet_tf.profiles import Profile

    return Profile(
        "tiny",
        image_size=32,
        filters=(4, 4, 4, 4),
        augmentation="paper",
        images_per_part=5,
        batch_size=4,
        epochs=3,
        optimizer="adam",
        learning_rate=5e-3,
        schedule="cosine",
    )


def build_toy(input_shape, num_classes=3, filters=(4, 4, 4, 4), kernel_size=3, l2=1e-4):
    """A network of four convolutions: what trains it is tested, and starts in no time."""
    from xnet_tf.backend import keras
    from xnet_tf.model import UpConv2D, classify, conv_block, pool

    image = keras.Input(input_shape, name="image")
    x = conv_block(image, filters[0], kernel_size, l2, "conv1")
    x = conv_block(pool(x), filters[1], kernel_size, l2, "conv2")
    x = conv_block(x, filters[2], kernel_size, l2, "conv3", UpConv2D)
    return keras.Model(image, classify(x, num_classes, l2), name="toy")


def logits_model(model):
    """Return a model with the same weights that gives logits instead of probabilities."""
    return type(model)(model.input, model.get_layer("logits").output)


@pytest.fixture(scope="session")
def toy_profile(tiny_profile):
    """A profile whose training takes a second: few layers, equal batches."""
    from xnet_tf.model import NETWORKS

    NETWORKS["toy"] = build_toy
    return dataclasses.replace(
        tiny_profile, network="toy", augmentation="none", images_per_part=4, epochs=3
    )


@pytest.fixture(scope="session")
def trained_run(data_folder, tiny_profile, tmp_path_factory):
    """The run's folder and profile of a tiny network that has learned the tiny data set."""
    from xnet_tf import dataset, training

    profile = dataclasses.replace(
        tiny_profile, augmentation="none", images_per_part=20, epochs=8, learning_rate=1e-2
    )
    folder = tmp_path_factory.mktemp("trained") / profile.name
    training.train(dataset.load(data_folder), profile, folder)
    return folder, profile


@pytest.fixture(scope="session")
def compared_ledger(tmp_path_factory):
    """A ledger of made-up results, with its tables beside it. Nobody may change it."""
    import compared_folders as made

    from xnet_study.comparison import tables

    root = tmp_path_factory.mktemp("compared")
    ledger = made.questions(made.comparison(root))
    tables.write(ledger, root)
    return ledger
