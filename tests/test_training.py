import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from xnet_tf import dataset, pipeline, training
from xnet_tf.backend import keras, tf
from xnet_tf.files import InputError, sha256

BRIEF = {"epochs": 1, "coarse_epochs": 0, "augmentation": "none"}
"""What makes a run of several phases as short as can be."""


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


def test_training_learns_and_leaves_its_files(data, toy_profile, tmp_path):
    profile = dataclasses.replace(toy_profile, epochs=6)
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
def undisturbed(data_folder, toy_profile, tmp_path_factory):
    """One short run in two phases, to compare others with; what each epoch leaves is copied."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    changes = {"augmentation": "affine-elastic", "optimizer": "muon"}
    profile = dataclasses.replace(toy_profile, coarse_size=16, coarse_epochs=1, **changes)

    class Copied(training.RunState):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            shutil.copytree(folder, folder.with_name(f"after-{epoch}"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "RunState", Copied)
        return training.train(dataset.load(data_folder), profile, folder), profile, folder


def test_a_finished_run_is_loaded_and_not_trained_again(data, undisturbed):
    first, profile, folder = undisturbed
    stamp = first.weights.stat().st_mtime_ns
    again = training.train(data, profile, folder)
    assert again.weights.stat().st_mtime_ns == stamp
    assert_equal_weights(first, again)


@pytest.mark.parametrize("last", [0, 1], ids=["at the change of size", "within a phase"])
def test_an_interrupted_run_ends_as_the_undisturbed_one(last, data, undisturbed):
    first, profile, folder = undisturbed
    resumed = training.train(data, profile, folder.with_name(f"after-{last}"))
    assert_equal_weights(first, resumed)
    assert first.history.equals(resumed.history)


def test_a_run_in_bfloat16_is_resumed_exactly_and_leaves_float32_files(
    data, toy_profile, tmp_path, monkeypatch
):
    profile = dataclasses.replace(toy_profile, precision="bfloat16", epochs=2, loss="lovasz")
    first = training.train(data, profile, tmp_path / "whole")

    class Interrupted(training.RunState):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "RunState", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            training.train(data, profile, tmp_path / "cut")
    assert_equal_weights(first, training.train(data, profile, tmp_path / "cut"))
    best = keras.models.load_model(tmp_path / "whole" / "best.keras", safe_mode=True)
    assert {layer.dtype_policy.name for layer in best.layers} == {"float32"}
    assert {v.dtype for v in best.variables} == {"float32"}


def test_precision_auto_is_settled_and_said(toy_profile, monkeypatch, capsys):
    monkeypatch.setattr(training, "faster_precision", lambda: ("bfloat16", "the reason"))
    profile = dataclasses.replace(toy_profile, precision="auto")
    assert training.settle_precision(profile).precision == "bfloat16"
    assert "bfloat16: the reason" in capsys.readouterr().out
    assert training.settle_precision(toy_profile) == toy_profile
    with pytest.raises(ValueError, match="choose from"):
        training.settle_precision(dataclasses.replace(toy_profile, precision="float8"))


def test_a_run_keeps_the_precision_it_was_begun_in(data, toy_profile, tmp_path, monkeypatch):
    profile = dataclasses.replace(toy_profile, precision="auto")
    monkeypatch.setattr(training, "faster_precision", lambda: ("float32", "measured"))
    training.train(data, profile, tmp_path)
    monkeypatch.setattr(training, "faster_precision", lambda: ("bfloat16", "measured again"))
    assert training.settle_precision(profile, tmp_path).precision == "float32"
    other = dataclasses.replace(profile, seed=profile.seed + 1)
    assert training.settle_precision(other, tmp_path).precision == "bfloat16"


def test_lack_of_memory_gives_advice(toy_profile):
    advice = pytest.raises(InputError, match=r"batches of 4 images.*halve.*batch_size.*filters")
    with advice, training.advice(toy_profile):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


def test_another_seed_gives_other_weights(data, undisturbed, tmp_path):
    first, profile, _ = undisturbed
    other = dataclasses.replace(profile, seed=2, epochs=1, coarse_epochs=0)
    other = training.train(data, other, tmp_path)
    assert not np.array_equal(weights_of(first)["conv1/kernel"], weights_of(other)["conv1/kernel"])


def test_a_state_of_another_profile_is_not_taken_up(data, undisturbed, tmp_path):
    first, profile, folder = undisturbed
    copy = shutil.copytree(folder, tmp_path / "copy")
    other = dataclasses.replace(profile, **BRIEF)
    assert len(training.train(data, other, copy).history) == 1
    assert (copy / "previous-1" / "weights" / "toy.npz").read_bytes() == first.weights.read_bytes()


def test_training_begins_with_given_weights(data, undisturbed, tmp_path):
    first, profile, _ = undisturbed
    # Nothing moves but batch-norm's running means: what was given comes out again.
    still = {"learning_rate": 0.0, "filters": (8, 8, 8, 8), "l2": 0.0}
    still = dataclasses.replace(profile, **BRIEF, **still)
    trained = training.train(data, still, tmp_path, first.weights)
    before, after = weights_of(first), weights_of(trained)
    np.testing.assert_array_equal(before["conv1/kernel"], after["conv1/kernel"])
    record = json.loads(trained.weights.with_suffix(".json").read_text())
    assert record["initial_sha256"] == sha256(first.weights)
    assert record["profile"]["filters"] == list(profile.filters)
    assert record["profile"]["l2"] == 0, "how to train on is the profile's"


def test_a_run_from_other_weights_is_not_taken_up(data, undisturbed, tmp_path):
    first, profile, _ = undisturbed
    short = dataclasses.replace(profile, **BRIEF)
    training.train(data, short, tmp_path)
    training.train(data, short, tmp_path, first.weights)
    assert (tmp_path / "previous-1" / "state.npz").exists()
    training.train(data, short, tmp_path, first.weights)
    assert not (tmp_path / "previous-2").exists()


def test_weights_to_begin_with_must_be_whole(data, undisturbed, tmp_path):
    first, profile, _ = undisturbed
    path = tmp_path / "cut.npz"
    path.write_bytes(first.weights.read_bytes()[:-9])
    shutil.copy(first.weights.with_suffix(".json"), path.with_suffix(".json"))
    with pytest.raises(InputError, match="does not match its record"):
        training.train(data, profile, tmp_path / "run", path)
    with pytest.raises(InputError, match="no such weights file"):
        training.train(data, profile, tmp_path / "run", tmp_path / "none.npz")


def test_published_learning_rate_decay(toy_profile):
    profile = dataclasses.replace(
        toy_profile, optimizer="rmsprop", schedule="inverse", learning_rate=1e-4
    )
    optimizer = training.make_optimizer(profile, 100)
    assert isinstance(optimizer, keras.optimizers.RMSprop)
    rate = optimizer._learning_rate
    assert float(rate(0)) == pytest.approx(1e-4)
    assert float(rate(1_000_000)) == pytest.approx(0.5e-4, rel=1e-3)


@pytest.mark.parametrize("change", [{"optimizer": "magic"}, {"schedule": "magic"}])
def test_unknown_names_are_refused(toy_profile, change):
    with pytest.raises(ValueError, match="choose from"):
        training.make_optimizer(dataclasses.replace(toy_profile, **change), 10)


def test_steps_include_the_last_smaller_batch(data, toy_profile):
    profile = dataclasses.replace(toy_profile, images_per_part=5, batch_size=3)
    assert pipeline.steps_per_epoch(data.subset("train"), profile) == 4


def test_weights_of_a_half_written_release_are_written_again(data, undisturbed, tmp_path):
    first, profile, folder = undisturbed
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "weights" / "toy.json").unlink()
    assert_equal_weights(first, training.train(data, profile, copy))


def test_a_loss_that_is_never_finite_is_an_error(data, toy_profile, tmp_path):
    profile = dataclasses.replace(toy_profile, learning_rate=1e30, epochs=2)
    with pytest.raises(FloatingPointError, match="learning rate"):
        training.train(data, profile, tmp_path)


def epochs_done(folder):
    """Count the epochs in the state file, which must be whole whenever it is there."""
    try:
        with np.load(folder / "state.npz") as state:
            return len(json.loads(str(state["record"]))["history"])
    except FileNotFoundError:
        return 0


@pytest.mark.slow
def test_a_run_killed_at_ten_random_moments_ends_as_the_undisturbed_one(data_folder, tmp_path):
    script = (
        "import sys, dataclasses; from pathlib import Path; "
        "from xnet_tf import dataset, profiles, training; "
        "profile = dataclasses.replace("
        "profiles.get('smoke'), epochs=24, coarse_size=16, coarse_epochs=12); "
        "training.train(dataset.load(sys.argv[1]), profile, Path(sys.argv[2]))"
    )

    def start(name):
        command = [sys.executable, "-c", script, data_folder, tmp_path / name]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    assert start("whole").wait(600) == 0
    rng = np.random.default_rng(5)
    for kill_after in range(0, 20, 2):
        process = start("killed")
        while epochs_done(tmp_path / "killed") < kill_after:
            assert process.poll() is None, "ended before it could be killed"
            time.sleep(0.01)
        # From the start-up before the first epoch to the writing of any later one.
        time.sleep(rng.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (tmp_path / "killed" / "best.keras").exists():
            keras.models.load_model(tmp_path / "killed" / "best.keras", compile=False)
    assert start("killed").wait(600) == 0
    assert not list((tmp_path / "killed").rglob(".writing-*"))
    whole, killed = (
        np.load(tmp_path / name / "weights" / "xnet.npz") for name in ("whole", "killed")
    )
    for key in whole:
        np.testing.assert_array_equal(whole[key], killed[key])


def test_muon_moves_a_kernel_by_an_orthogonal_matrix_and_leaves_the_rest_to_adam():
    hidden, last = (keras.layers.Conv2D(6, 3, name=name) for name in ("conv", "logits"))
    for layer in (hidden, last):
        layer.build((None, 8, 8, 4))
    variables = [hidden.kernel, hidden.bias, last.kernel]
    before = [v.numpy() for v in variables]
    rng = np.random.default_rng(5)
    gradients = [rng.normal(size=v.shape).astype("float32") for v in variables]
    training.ConvolutionMuon(1e-3, weight_decay=None).apply_gradients(
        zip(map(tf.constant, gradients), variables, strict=True)
    )
    kernel, bias, logits = (b - v.numpy() for b, v in zip(before, variables, strict=True))
    # Before the rate, and the factor 0.2 times the root of the longer side that goes with it.
    update = kernel.reshape(36, 6) / (1e-3 * 0.2 * 6)
    u, _, v = np.linalg.svd(gradients[0].reshape(36, 6), full_matrices=False)
    assert np.linalg.svd(update, compute_uv=False) == pytest.approx(1, abs=0.35)
    assert np.abs(np.diag(u.T @ update @ v.T) - 1).max() < 0.35
    # Adam's first step is the rate, whatever the gradient's size.
    for moved, gradient in ((bias, gradients[1]), (logits, gradients[2])):
        np.testing.assert_allclose(moved, 1e-3 * np.sign(gradient), rtol=1e-2)


def test_the_cheaper_iteration_is_that_of_keras():
    wide = np.random.default_rng(6).normal(size=(36, 6)) * np.logspace(0, -3, 6)
    given = tf.constant(wide, tf.float32)
    optimizer = training.ConvolutionMuon(1e-3)
    expected = keras.optimizers.Muon.zeropower_via_newtonschulz5(optimizer, given, 5)
    ours = optimizer.zeropower_via_newtonschulz5(given, 5)
    np.testing.assert_allclose(ours, expected, atol=1e-4)
