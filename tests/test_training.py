import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from xnet_tf import dataset, models, pipeline, training
from xnet_tf.backend import keras


@pytest.fixture
def data(data_folder):
    return dataset.load(data_folder)


def weights_of(trained):
    with np.load(trained.weights) as arrays:
        return {name: arrays[name] for name in arrays}


def assert_equal_weights(first, second):
    first, second = weights_of(first), weights_of(second)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_training_learns_and_leaves_its_files(data, tiny_profile, tmp_path):
    profile = dataclasses.replace(tiny_profile, epochs=6)
    trained = training.train(data, profile, tmp_path)
    history = trained.history
    assert list(history["epoch"]) == [1, 2, 3, 4, 5, 6]
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    record = json.loads(trained.weights.with_suffix(".json").read_text())
    assert record["best_epoch"] == history["epoch"][history["val_loss"].idxmin()]
    assert record["profile"]["seed"] == profile.seed
    assert record["data"] == data.fingerprint()
    assert "tensorflow" in record["versions"]
    best = keras.models.load_model(tmp_path / "best.keras", safe_mode=True)
    np.testing.assert_allclose(best.get_weights()[0], trained.model.get_weights()[0], atol=1e-3)


def test_a_finished_run_is_loaded_and_not_trained_again(data, tiny_profile, tmp_path):
    first = training.train(data, tiny_profile, tmp_path)
    stamp = first.weights.stat().st_mtime_ns
    again = training.train(data, tiny_profile, tmp_path)
    assert again.weights.stat().st_mtime_ns == stamp
    assert_equal_weights(first, again)


def test_equal_seeds_give_equal_weights_and_others_do_not(data, tiny_profile, tmp_path):
    first = training.train(data, tiny_profile, tmp_path / "a")
    again = training.train(data, tiny_profile, tmp_path / "b")
    other = training.train(data, dataclasses.replace(tiny_profile, seed=2), tmp_path / "c")
    assert_equal_weights(first, again)
    assert not np.array_equal(weights_of(first)["conv1/kernel"], weights_of(other)["conv1/kernel"])


def test_an_interrupted_run_ends_as_the_undisturbed_one(data, tiny_profile, tmp_path, monkeypatch):
    undisturbed = training.train(data, tiny_profile, tmp_path / "a")

    class Interrupted(training.RunState):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            if epoch == 1:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "RunState", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            training.train(data, tiny_profile, tmp_path / "b")
    resumed = training.train(data, tiny_profile, tmp_path / "b")
    assert_equal_weights(undisturbed, resumed)
    assert undisturbed.history.equals(resumed.history)


def test_a_state_of_another_profile_is_not_taken_up(data, tiny_profile, tmp_path):
    training.train(data, tiny_profile, tmp_path)
    other = dataclasses.replace(tiny_profile, learning_rate=1e-3)
    assert_equal_weights(
        training.train(data, other, tmp_path), training.train(data, other, tmp_path / "fresh")
    )


def test_training_stops_early_and_keeps_the_best(tmp_path):
    state = training.RunState(tmp_path, {}, patience=2)
    model = models.build_xnet((8, 8, 1), filters=(2, 2, 2, 2))
    model.compile("sgd", "mse")
    model.stop_training = False
    state.set_model(model)
    state.on_train_begin()
    assert not state.stopped
    stopped = []
    for epoch, loss in enumerate([3.0, 1.0, 2.0, 2.0]):
        state.on_epoch_end(epoch, {"loss": 1.0, "val_loss": loss})
        stopped.append(model.stop_training)
    assert stopped == [False, False, False, True]
    assert (state.best, state.best_epoch) == (1.0, 2)


def test_published_learning_rate_decay(tiny_profile):
    profile = dataclasses.replace(
        tiny_profile, optimizer="rmsprop", schedule="inverse", learning_rate=1e-4
    )
    optimizer = training.make_optimizer(profile, 100)
    assert isinstance(optimizer, keras.optimizers.RMSprop)
    rate = optimizer._learning_rate
    assert float(rate(0)) == pytest.approx(1e-4)
    assert float(rate(1_000_000)) == pytest.approx(0.5e-4, rel=1e-3)


@pytest.mark.parametrize("change", [{"optimizer": "magic"}, {"schedule": "magic"}])
def test_unknown_names_are_refused(tiny_profile, change):
    with pytest.raises(ValueError, match="choose from"):
        training.make_optimizer(dataclasses.replace(tiny_profile, **change), 10)


def test_steps_include_the_last_smaller_batch(data, tiny_profile):
    profile = dataclasses.replace(tiny_profile, images_per_part=5, batch_size=3)
    assert pipeline.steps_per_epoch(data.subset("train"), profile) == 4


@pytest.mark.slow
def test_a_killed_run_ends_as_the_undisturbed_one(data_folder, data, tmp_path):
    script = (
        "import sys; from xnet_tf import dataset, profiles, training; "
        "training.train(dataset.load(sys.argv[1]), profiles.get('smoke'))"
    )
    command = [sys.executable, "-c", script, str(data_folder)]
    histories = {}
    for name, delays in {"whole": [None], "killed": [7, 8, 9, 10, 11, None]}.items():
        environment = {**os.environ, "XNET_RUNS": str(tmp_path / name)}
        for delay in delays:
            process = subprocess.Popen(command, env=environment)
            if delay is None:
                assert process.wait(300) == 0
            else:
                time.sleep(delay)
                process.send_signal(signal.SIGKILL)
                process.wait()
        with np.load(tmp_path / name / "smoke" / "weights" / "xnet.npz") as arrays:
            histories[name] = {key: arrays[key] for key in arrays}
    for key, value in histories["whole"].items():
        np.testing.assert_array_equal(value, histories["killed"][key])
