import numpy as np
import pytest

from xnet_study.baselines.unpooling import MaxPoolingWithIndices, MaxUnpooling
from xnet_tf.backend import keras, tf

IMAGE = [
    [1, 2, 5, 5],
    [3, 0, 5, 5],
    [-1, -2, 0, 9],
    [-3, -4, 0, 0],
]


def image(values=IMAGE):
    return tf.constant(values, tf.float32)[None, ..., None]


def test_maxima_and_their_places_by_hand():
    values, places = MaxPoolingWithIndices()(image())
    np.testing.assert_array_equal(values[0, ..., 0], [[3, 5], [-1, 9]])
    # Lower left; the first of four equal ones; upper left; upper right.
    np.testing.assert_array_equal(places[0, ..., 0], [[2, 0], [0, 1]])


def test_values_return_to_where_they_were():
    back = MaxUnpooling()(MaxPoolingWithIndices()(image()))
    expected = [[0, 0, 5, 0], [3, 0, 0, 0], [-1, 0, 0, 9], [0, 0, 0, 0]]
    np.testing.assert_array_equal(back[0, ..., 0], expected)


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_by_hand_with_and_without_xla(compiled):
    pooling, unpooling = MaxPoolingWithIndices(), MaxUnpooling()
    weights = tf.reshape(tf.range(16.0), (1, 4, 4, 1))

    @tf.function(jit_compile=compiled)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(weights * unpooling(pooling(x)))
        return tape.gradient(total, x)

    expected = [[0, 0, 2, 0], [4, 0, 0, 0], [8, 0, 0, 11], [0, 0, 0, 0]]
    np.testing.assert_array_equal(gradient(image())[0, ..., 0], expected)


def test_agrees_with_tensorflows_operation():
    x = np.random.default_rng(1).normal(size=(3, 6, 8, 5)).astype("float32")
    values, places = MaxPoolingWithIndices()(x)
    theirs, flat = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID")
    np.testing.assert_array_equal(values, theirs)
    row, column = np.divmod(flat // 5, 8)
    np.testing.assert_array_equal(places, 2 * (row % 2) + column % 2)


def test_shapes_are_known_before_any_image_is_seen():
    x = keras.Input((None, 12, 3))
    values, places = MaxPoolingWithIndices()(x)
    assert values.shape == places.shape == (None, None, 6, 3)
    assert places.dtype == "int32"
    assert MaxUnpooling()([values, places]).shape == (None, None, 12, 3)
