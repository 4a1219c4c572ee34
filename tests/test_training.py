import dataclasses
import json
import shutil
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


@pytest.fixture(scope="module")
def undisturbed(data_folder, tiny_profile, tmp_path_factory):
    """One short run in two phases, to compare others with."""
    folder = tmp_path_factory.mktemp("undisturbed")
    profile = dataclasses.replace(tiny_profile, coarse_size=16, coarse_epochs=1)
    return training.train(dataset.load(data_folder), profile, folder), profile, folder


def test_a_finished_run_is_loaded_and_not_trained_again(data, undisturbed):
    first, profile, folder = undisturbed
    stamp = first.weights.stat().st_mtime_ns
    again = training.train(data, profile, folder)
    assert again.weights.stat().st_mtime_ns == stamp
    assert_equal_weights(first, again)


@pytest.mark.parametrize("last", [0, 1])
def test_an_interrupted_run_ends_as_the_undisturbed_one(
    last, data, undisturbed, tmp_path, monkeypatch
):
    first, profile, _ = undisturbed

    class Interrupted(training.RunState):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            if epoch == last:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "RunState", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            training.train(data, profile, tmp_path)
    resumed = training.train(data, profile, tmp_path)
    assert_equal_weights(first, resumed)
    assert first.history.equals(resumed.history)


def test_another_seed_gives_other_weights(data, undisturbed, tmp_path):
    first, profile, _ = undisturbed
    other = training.train(data, dataclasses.replace(profile, seed=2), tmp_path)
    assert not np.array_equal(weights_of(first)["conv1/kernel"], weights_of(other)["conv1/kernel"])


def test_a_state_of_another_profile_is_not_taken_up(data, undisturbed, tmp_path):
    first, profile, folder = undisturbed
    copy = shutil.copytree(folder, tmp_path / "copy")
    other = dataclasses.replace(profile, epochs=2)
    assert len(training.train(data, other, copy).history) == 2
    assert (copy / "previous-1" / "weights" / "xnet.npz").read_bytes() == first.weights.read_bytes()


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


def test_weights_of_a_half_written_release_are_written_again(data, undisturbed, tmp_path):
    first, profile, folder = undisturbed
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "weights" / "xnet.json").unlink()
    assert_equal_weights(first, training.train(data, profile, copy))


def test_a_loss_that_is_never_finite_is_an_error(data, tiny_profile, tmp_path):
    profile = dataclasses.replace(tiny_profile, learning_rate=1e30, epochs=2)
    with pytest.raises(FloatingPointError, match="learning rate"):
        training.train(data, profile, tmp_path)


def epochs_done(folder):
    try:
        with np.load(folder / "state.npz") as state:
            return len(json.loads(str(state["record"]))["history"])
    except FileNotFoundError:
        return 0


@pytest.mark.slow
def test_a_killed_run_ends_as_the_undisturbed_one(data_folder, tmp_path):
    script = (
        "import sys, dataclasses; from pathlib import Path; "
        "from xnet_tf import dataset, profiles, training; "
        "profile = dataclasses.replace(profiles.get('smoke'), epochs=12, coarse_epochs=6); "
        "training.train(dataset.load(sys.argv[1]), profile, Path(sys.argv[2]))"
    )

    def start(name):
        return subprocess.Popen([sys.executable, "-c", script, data_folder, tmp_path / name])

    assert start("whole").wait(600) == 0
    for kill_after in (1, 3, 5, 6, 8, 11):
        process = start("killed")
        while epochs_done(tmp_path / "killed") < kill_after:
            assert process.poll() is None, "ended before it could be killed"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start("killed").wait(600) == 0
    assert not list((tmp_path / "killed").rglob(".writing-*"))
    whole, killed = (
        np.load(tmp_path / name / "weights" / "xnet.npz") for name in ("whole", "killed")
    )
    for key in whole:
        np.testing.assert_array_equal(whole[key], killed[key])
