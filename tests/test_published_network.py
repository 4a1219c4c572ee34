"""The authors' network, rebuilt in plain layers from the table of its stages, and ours."""

import numpy as np

import xnet_tf
from xnet_tf.backend import keras

FILTERS = (64, 128, 256, 512)

# Stage, what comes before its block, which number of filters, with which stage it is concatenated.
TABLE = (
    (1, None, 0, None),
    (2, "pool", 1, None),
    (3, "pool", 2, None),
    (4, "pool", 3, None),
    (5, None, 3, None),
    (6, "up", 2, 3),
    (7, "up", 1, 2),
    (8, None, 1, None),
    (9, "pool", 2, None),
    (10, "pool", 3, None),
    (11, None, 3, None),
    (12, "up", 2, 9),
    (13, "up", 1, 8),
    (14, "up", 0, 1),
)
SIZES = (200, 100, 50, 25, 25, 50, 100, 100, 50, 25, 25, 50, 100, 200)


def published_network():
    """Return a model of the 14 blocks' outputs and the probabilities."""
    before = {
        None: lambda x: x,
        "pool": keras.layers.MaxPooling2D((2, 2)),
        "up": keras.layers.UpSampling2D((2, 2)),
    }
    x = image = keras.Input((200, 200, 1))
    blocks = {}
    for stage, step, level, skip in TABLE:
        convolution = keras.layers.Conv2D(FILTERS[level], (3, 3), padding="same")
        x = keras.layers.BatchNormalization()(convolution(before[step](x)))
        x = blocks[stage] = keras.layers.Activation("relu")(x)
        if skip:
            x = keras.layers.concatenate([blocks[skip], x])
    probabilities = keras.layers.Conv2D(3, (1, 1), activation="softmax")(x)
    return keras.Model(image, [*blocks.values(), probabilities])


def test_every_stage_gives_what_the_published_network_gives():
    keras.utils.set_random_seed(1)
    theirs, ours = published_network(), xnet_tf.build_xnet()
    assert theirs.count_params() == 11_742_275
    rng = np.random.default_rng(2)
    for variable in ours.variables:
        if "_bn/" in variable.path or variable.path.endswith("bias"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    theirs.set_weights(ours.get_weights())

    outputs = [ours.get_layer(f"conv{k}_relu").output for k in range(1, 15)]
    every_stage = keras.Model(ours.input, [*outputs, ours.output])
    picture = rng.uniform(-1, 1, (1, 200, 200, 1)).astype("float32")
    results = zip(every_stage(picture), theirs(picture), (*SIZES, 200), strict=True)
    for stage, (mine, published, size) in enumerate(results, 1):
        assert mine.shape[1:3] == (size, size)
        difference = np.abs(np.subtract(mine, published)).max() / np.abs(published).max()
        assert difference <= 1e-5, f"stage {stage}: {difference}"
