import numpy as np
import pytest

from xnet_tf import checkpoints
from xnet_tf.backend import keras, tf
from xnet_tf.model import build_xnet


@pytest.fixture(scope="module")
def model():
    network = build_xnet((8, 8, 1), filters=(2, 2, 2, 2))
    network.compile("sgd", "mse")
    network.stop_training = False
    return network


def run_epochs(state, model, losses):
    """Let a state see epochs of these validation losses; return where it wants to stop."""
    state.set_model(model)
    state.on_train_begin()
    stopped = []
    for epoch, loss in enumerate(losses):
        state.on_epoch_end(epoch, {"loss": 1.0, "val_loss": loss})
        stopped.append(model.stop_training)
    return stopped


def test_training_stops_early_and_keeps_the_best(model, tmp_path):
    state = checkpoints.RunState(tmp_path, {}, patience=2)
    assert not state.stopped
    assert run_epochs(state, model, [3.0, 1.0, 2.0, 2.0]) == [False, False, False, True]
    assert (state.best, state.best_epoch) == (1.0, 2)


def test_the_history_is_cut_back_to_the_restored_epoch(model, tmp_path):
    early = checkpoints.RunState(tmp_path, {}, patience=9)
    run_epochs(early, model, [3.0, 2.0])
    kept = (tmp_path / checkpoints.STATE).read_bytes()
    run_epochs(checkpoints.RunState(tmp_path, {}, patience=9), model, [5.0, 5.0, 5.0])
    (tmp_path / checkpoints.STATE).write_bytes(kept)
    resumed = checkpoints.RunState(tmp_path, {}, patience=9)
    resumed.restore(model)
    resumed.set_model(model)
    resumed.save(model)
    table = (tmp_path / "results" / "history.csv").read_text().splitlines()
    assert table == ["epoch,loss,val_loss", "1,1.0,3.0", "2,1.0,2.0"]


def test_a_synchronised_network_is_saved_for_one_device(tmp_path):
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        shared = build_xnet((8, 8, 1), filters=(2, 2, 2, 2))
    assert shared.get_layer("conv1_bn").synchronized
    checkpoints._save_model(shared, tmp_path / "best.keras")
    alone = keras.models.load_model(tmp_path / "best.keras", safe_mode=True)
    assert not alone.get_layer("conv1_bn").synchronized
    for first, second in zip(shared.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_what_a_kill_left_is_cleared_and_another_run_is_left_alone(model, tmp_path):
    own, others = tmp_path / ".writing-state", tmp_path / "comparison" / ".writing-state"
    others.parent.mkdir()
    for path in (own, others):
        path.touch()
    checkpoints.RunState(tmp_path, {}, patience=1).restore(model)
    assert others.exists() and not own.exists()
