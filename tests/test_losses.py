import numpy as np
import pytest

from xnet_study.ablations import smoothing
from xnet_tf import losses
from xnet_tf.backend import keras, tf


def one_hot(labels):
    return np.eye(3, dtype="float32")[labels]


def jaccard_loss(truth, guess):
    """Mean over the classes of the truth of one minus intersection over union, image by image."""

    def of_class(t, g):
        return 1 - (t & g).sum() / (t | g).sum()

    return np.mean(
        [
            np.mean([of_class(t == c, g == c) for c in np.unique(t)])
            for t, g in zip(truth, guess, strict=True)
        ]
    )


@pytest.mark.parametrize("name", ["jaccard", "lovasz"])
def test_certain_predictions_give_the_jaccard_loss_of_sets(name):
    rng = np.random.default_rng(1)
    truth, guess = rng.integers(0, 3, (2, 4, 6, 5))
    truth[0] = truth[0] // 2  # one image has only two classes
    loss = losses.get(name)(truth, one_hot(guess))
    assert float(loss) == pytest.approx(jaccard_loss(truth, guess), abs=1e-6)


@pytest.mark.parametrize("name", ("cross_entropy", "jaccard", "lovasz"))
def test_the_truth_itself_costs_nothing(name):
    truth = np.array([[[0, 1], [2, 2]]])
    assert float(losses.get(name)(truth, one_hot(truth))) == pytest.approx(0, abs=1e-6)


def test_soft_jaccard_by_hand():
    # Class 0: 0.8 / (0.8 + 0.4 + 1 - 0.8); class 1: 0.6 / (0.2 + 0.6 + 1 - 0.6).
    value = losses.JaccardLoss()([[[0, 1]]], [[[[0.8, 0.2], [0.4, 0.6]]]])
    assert float(value) == pytest.approx(1 - (0.8 / 1.4 + 0.6 / 1.2) / 2, abs=1e-6)


def test_lovasz_by_hand():
    # Class 0 is true at pixel 0. Errors in falling order: 0.4 (pixel 1, not of the class: wrong, it
    # doubles the union, loss 1/2), then 0.2 (pixel 0: loss 1): 0.4 * 1/2 + 0.2 * 1/2 = 0.3.
    # Class 1 is true at pixel 1, whose error of 0.4 alone makes the loss 1: 0.4.
    value = losses.LovaszSoftmaxLoss()([[[0, 1]]], [[[[0.8, 0.2], [0.4, 0.6]]]])
    assert float(value) == pytest.approx(0.35, abs=1e-6)


def test_label_smoothing_by_hand():
    truth, probabilities = np.array([[[0, 1]]]), np.array([[[[0.8, 0.2], [0.4, 0.6]]]])
    value = smoothing.SmoothedCrossEntropy()(truth, probabilities)
    # Two classes: 0.95 of the truth's and 0.05 of the other's.
    by_pixel = (0.95 * np.log([0.8, 0.6]), 0.05 * np.log([0.2, 0.4]))
    assert float(value) == pytest.approx(-np.sum(by_pixel) / 2, abs=1e-6)


def test_label_smoothing_is_least_short_of_certainty():
    loss, truth = smoothing.SmoothedCrossEntropy(), np.zeros((1, 1, 1), int)
    at = {p: float(loss(truth, np.array([[[[p, 1 - p]]]]))) for p in (0.9, 0.95, 0.999)}
    assert min(at, key=at.get) == 0.95


def test_cross_entropy_by_hand():
    truth, probabilities = np.array([[[0, 1]]]), np.array([[[[0.8, 0.2], [0.4, 0.6]]]])
    value = losses.get("cross_entropy")(truth, probabilities)
    assert float(value) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2, abs=1e-6)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_a_batch_is_the_mean_of_its_parts_and_gradients_are_finite(name):
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 3, (4, 8, 8))
    truth[0] = 1
    probabilities = tf.nn.softmax(tf.constant(rng.normal(size=(4, 8, 8, 3)).astype("float32")))
    loss = losses.get(name)
    with tf.GradientTape() as tape:
        tape.watch(probabilities)
        whole = loss(truth, probabilities)
    gradient = tape.gradient(whole, probabilities).numpy()
    assert np.isfinite(gradient).all()
    assert np.any(gradient)
    parts = [float(loss(truth[k : k + 2], probabilities[k : k + 2])) for k in (0, 2)]
    assert float(whole) == pytest.approx(np.mean(parts), abs=1e-6)


def test_probabilities_of_half_precision_are_summed_in_float32():
    truth = np.zeros((1, 100, 100), int)
    half = tf.cast(tf.fill((1, 100, 100, 3), 1 / 3), tf.bfloat16)
    assert losses.get("jaccard").call(truth, half).dtype == tf.float32


def test_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="choose from"):
        losses.get("magic")


@pytest.mark.parametrize("name", ["jaccard", "lovasz"])
def test_a_loss_is_saved_by_its_name(name):
    loss = losses.get(name)
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(restored) is type(loss)


def test_pixels_without_label_count_in_no_loss():
    """Nine pixels, of which four have a label; worked out by hand."""
    truth = np.array([[[0, 255, 1], [255, 255, 255], [2, 255, 2]]], np.uint8)
    guess = np.full((1, 3, 3, 3), 0.1, np.float32)
    guess[0, [0, 0, 2, 2], [0, 2, 0, 2]] = np.eye(3)[[0, 0, 2, 2]] * 0.7 + 0.1
    # The true class has 0.8, 0.1, 0.8 and 0.8.
    wanted = -(3 * np.log(0.8) + np.log(0.1)) / 4
    assert float(losses.get("cross_entropy")(truth, guess)) == pytest.approx(wanted, rel=1e-5)
    # Soft intersection over soft union, by class.
    jaccard = 1 - np.mean([0.8 / 2.0, 0.1 / 1.3, 1.6 / 2.2])
    assert float(losses.get("jaccard")(truth, guess)) == pytest.approx(jaccard, rel=1e-5)
    known = truth.ravel() != 255
    few = truth.ravel()[known][None, None], guess.reshape(9, 3)[known][None, None]
    assert float(losses.get("lovasz")(truth, guess)) == float(losses.get("lovasz")(*few))
    accuracy = losses.LabelledAccuracy()
    accuracy.update_state(truth, guess)
    assert float(accuracy.result()) == 0.75


@pytest.mark.parametrize("name", ["cross_entropy", "jaccard", "lovasz"])
def test_an_image_without_any_label_costs_nothing(name):
    truth = np.full((1, 2, 2), 255, np.uint8)
    assert float(losses.get(name)(truth, np.full((1, 2, 2, 3), 1 / 3, np.float32))) == 0


def test_labels_everywhere_give_the_plain_cross_entropy_bit_by_bit():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, (2, 5, 7)).astype(np.uint8)
    guess = rng.dirichlet(np.ones(3), (2, 5, 7)).astype(np.float32)
    plain = keras.losses.SparseCategoricalCrossentropy()(truth, guess)
    assert float(losses.get("cross_entropy")(truth, guess)) == float(plain)
