import keras
import numpy as np
import pytest

from occam.callbacks import EarlyStopping


def run(values, patience=2, **kwargs):
    """Runs the callback over crafted values; the model's only weight is the number of the epoch."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    callback = EarlyStopping(patience=patience, **kwargs)
    callback.set_model(model)
    model.stop_training = False
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.set_weights([np.full((1, 1), epoch)])
        callback.on_epoch_end(epoch, {callback.monitor: value})
        if model.stop_training:
            break
    callback.on_train_end()
    return callback, int(model.get_weights()[0].item())


def test_stops_after_patience_with_the_best_weights():
    callback, weight = run([3.0, 1.0, 2.0, 1.5, 0.0])
    assert (callback.best, callback.best_epoch, callback.stopped_epoch) == (1.0, 1, 3)
    assert weight == 1


def test_restores_the_best_weights_also_at_the_last_epoch():
    callback, weight = run([3.0, 1.0, 2.0])
    assert callback.stopped_epoch == 0
    assert weight == 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_epoch_that_is_not_finite_is_never_the_best(bad, at):
    values = [3.0, 2.0, 1.0]
    values[at] = bad
    callback, weight = run(values, patience=5)
    assert callback.best == min(v for v in values if np.isfinite(v))
    assert values[weight] == callback.best


def test_lasting_nan_stops():
    callback, weight = run([2.0, *[float("nan")] * 9], patience=3)
    assert callback.stopped_epoch == 3
    assert weight == 0


def test_higher_is_better_when_told():
    callback, weight = run([0.1, 0.9, 0.5], monitor="val_accuracy", mode="max")
    assert callback.best == 0.9
    assert weight == 1


def test_a_monitor_that_is_not_logged_is_an_error_that_lists_what_is():
    callback = EarlyStopping()
    message = "monitors 'val_data_loss', which is not logged. Logged: loss, val_loss"
    with pytest.raises(ValueError, match=message):
        callback.on_epoch_end(0, {"val_loss": 1.0, "loss": 1.0})


def test_an_unknown_mode_is_an_error():
    with pytest.raises(
        ValueError, match=r"mode must be 'auto', 'min' or 'max'. Received: mode='maximum'"
    ):
        EarlyStopping(mode="maximum")


def test_its_state_moves_to_another_instance():
    values = [3.0, 1.0, 2.0, 1.5]
    first, _ = run(values[:2])
    second = EarlyStopping(patience=2)
    second.set_model(first.model)
    second.on_train_begin()
    second.set_state(first.get_state())
    second.on_epoch_end(2, {"val_data_loss": values[2]})
    assert not first.model.stop_training
    second.on_epoch_end(3, {"val_data_loss": values[3]})
    assert first.model.stop_training
    assert second.best_epoch == 1


def test_can_be_used_again():
    callback, _ = run([1.0, 2.0, 3.0])
    callback.model.stop_training = False
    callback.on_train_begin()
    callback.on_epoch_end(0, {"val_data_loss": 5.0})
    assert (callback.best, callback.best_epoch, callback.wait) == (5.0, 0, 0)
