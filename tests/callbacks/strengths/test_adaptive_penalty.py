import copy

import keras
import numpy as np
import pytest
from keras import layers

from occam.callbacks import AdaptivePenalty, BackupAndRestore, LossLedger
from occam.zoo.regularizers import L1L2

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(16, 4)).astype("float32")
Y = RANDOM.normal(size=(16, 1)).astype("float32")


class Gap(keras.callbacks.Callback):
    """Logs a given gap each epoch."""

    def __init__(self, gaps):
        super().__init__()
        self.gaps = gaps

    def on_epoch_end(self, epoch, logs=None):
        logs["gap_loss"] = self.gaps[epoch]


def build(l2=0.1):
    keras.utils.set_random_seed(0)
    regularizer = L1L2(l2=l2)
    dense = layers.Dense(1, kernel_initializer="ones", kernel_regularizer=regularizer, name="head")
    model = keras.Sequential([keras.Input((4,)), dense])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model, regularizer


def adaptive(**arguments):
    defaults = {"attribute": "kernel_regularizer.l2", "factor": 2.0, "name": "l2"}
    return AdaptivePenalty("*head", 1.0, **{**defaults, **arguments})


def train(model, *callbacks, epochs):
    return model.fit(X, Y, callbacks=list(callbacks), epochs=epochs, verbose=0).history


def test_strengths_rise_and_fall_with_the_gap_and_take_effect():
    model, regularizer = build()
    gaps = [2.0, 2.0, 0.5, 1.0, float("nan"), 2.0]
    history = train(model, LossLedger(), Gap(gaps), adaptive(), epochs=6)
    np.testing.assert_allclose(history["rates/l2"], [0.1, 0.2, 0.4, 0.2, 0.2, 0.2])
    np.testing.assert_allclose(history["penalty"], 4 * np.array(history["rates/l2"]), rtol=1e-6)
    np.testing.assert_allclose(regularizer.l2, 0.4)


def test_a_gap_that_is_an_array_of_one():
    model, regularizer = build()
    train(model, Gap([np.array([2.0], "float32")]), adaptive(), epochs=1)
    np.testing.assert_allclose(regularizer.l2, 0.2)
    message = r"AdaptivePenalty can only monitor single numbers. Received: gap_loss of shape \(2,\)"
    with pytest.raises(ValueError, match=message):
        train(model, Gap([np.ones(2)]), adaptive(), epochs=1)


def test_bounds_tolerance_and_patience():
    model, regularizer = build()
    gaps = [2.0] * 4
    history = train(model, Gap(gaps), adaptive(bounds=(0.01, 0.3)), epochs=4)
    np.testing.assert_allclose(history["rates/l2"], [0.1, 0.2, 0.3, 0.3])
    history = train(model, Gap([1.2, 0.8, 1.3, 1.3]), adaptive(tolerance=0.25), epochs=4)
    np.testing.assert_allclose(history["rates/l2"], [0.3, 0.3, 0.3, 0.6])
    history = train(model, Gap([0.0] * 4), adaptive(patience=2), epochs=4)
    np.testing.assert_allclose(history["rates/l2"], [1.0, 1.0, 0.5, 0.5])
    regularizer.l2 = 0.0
    history = train(model, Gap([0.0] * 2), adaptive(), epochs=2)
    np.testing.assert_allclose(history["rates/l2"], [0.0, 1e-6])


def test_it_holds_a_gap_that_falls_with_the_strength():
    model, regularizer = build(l2=1e-4)

    class Falling(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["gap_loss"] = 0.5 / (1.0 + 100.0 * regularizer.l2)

    penalty = AdaptivePenalty(regularizer, 0.25, attribute="l2", factor=4.0, tolerance=0.1)
    train(model, Falling(), penalty, epochs=6)
    np.testing.assert_allclose(regularizer.l2, 1e-4 * 4**3)  # a gap of 0.30


def test_the_gap_of_the_ledger():
    model, _ = build()
    arguments = {"validation_data": (X, Y + 1.0), "epochs": 2, "verbose": 0}
    callbacks = [LossLedger(0.5), adaptive(monitor="gap_loss")]
    history = model.fit(X, Y, callbacks=callbacks, **arguments).history
    expected = 0.1 * (2.0 if history["gap_loss"][0] > 1.0 else 0.5)
    np.testing.assert_allclose(history["rates/l2"], [0.1, expected])


def test_several_strengths_keep_their_ratio():
    first, second = keras.Variable(0.1), keras.Variable(0.2)
    model, _ = build()
    callback = AdaptivePenalty([first, second], 1.0, factor=2.0, name="both")
    history = train(model, Gap([2.0, 2.0]), callback, epochs=2)
    np.testing.assert_allclose(history["rates/both/0"], [0.1, 0.2])
    np.testing.assert_allclose(history["rates/both/1"], [0.2, 0.4])


def test_a_resumed_training_goes_on_with_the_strength(tmp_path):
    def run(epochs):
        model, _ = build()
        callback = adaptive(patience=2)
        backup = BackupAndRestore(tmp_path, delete_checkpoint=False, callbacks=[callback])
        return train(model, Gap([2.0] * 6), callback, backup, epochs=epochs)["rates/l2"]

    run(3)
    np.testing.assert_allclose(run(6), [0.1, 0.1, 0.2, 0.2, 0.4, 0.4])


def test_a_copy_after_fit():
    callback = adaptive()
    train(build()[0], Gap([2.0]), callback, epochs=1)
    twin = copy.deepcopy(callback)
    assert twin.model is None
    history = train(build()[0], Gap([2.0, 2.0]), twin, epochs=2)
    np.testing.assert_allclose(history["rates/l2"], [0.1, 0.2])


def test_a_gap_that_is_not_logged():
    message = r"`monitor` must be logged every epoch.* Received: monitor='gap_loss', logged: .*loss"
    with pytest.raises(ValueError, match=message):
        train(build()[0], LossLedger(), adaptive(), epochs=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factor": 1.0}, "`factor` must be a number in .* Received: factor=1.0"),
        ({"bounds": (0.0, 1.0)}, "0 < min < max. Received: bounds="),
        ({"bounds": (0.5, 0.1)}, "0 < min < max. Received: bounds="),
        ({"tolerance": -1.0}, "`tolerance` must be a number in .* Received: tolerance=-1.0"),
        ({"patience": 0}, "`patience` must be an integer >= 1. Received: patience=0"),
        ({"target_gap": float("nan")}, "`target_gap` must be a number in .* Received:"),
        ({"target": layers.Dropout(0.5), "attribute": "rate"}, "is not live"),
    ],
)
def test_refused_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        AdaptivePenalty(**{"target": "*", "target_gap": 0.1, **arguments})
