"""Validation with statistics of BatchNorm that fit the weights from the first epoch on."""

import copy
import re

import keras
import numpy as np
import pytest

from occam import zoo
from occam.callbacks import BackupAndRestore, BatchNormReestimation

from ..conftest import Crash

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(3, 2, size=(48, 32, 1)).astype("float32")
Y = np.arange(48) % 3


def resnet():
    model = zoo.create_model("resnet1d", input_shape=(32, 1), num_classes=3, seed=0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    return model


def fit(model, *callbacks, epochs=1, **arguments):
    arguments = {"validation_data": (X, Y)} | arguments
    return model.fit(
        X,
        Y,
        batch_size=16,
        shuffle=False,
        epochs=epochs,
        verbose=0,
        callbacks=list(callbacks),
        **arguments,
    )


def weights(model):
    return [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]


def distance(model):
    """How far inference is from training mode on the whole data, relative to its spread."""
    inferred = keras.ops.convert_to_numpy(model(X, training=False))
    trained = keras.ops.convert_to_numpy(model(X, training=True))
    return np.abs(inferred - trained).max() / trained.std()


def test_after_three_steps_inference_agrees_with_training_mode():
    young, right = resnet(), resnet()
    fit(young)
    fit(right, BatchNormReestimation(X))
    assert distance(right) < 0.01
    assert distance(young) > 1


def test_training_stays_the_same_to_the_bit():
    alone, ours = resnet(), resnet()
    fit(alone, epochs=2)
    fit(ours, BatchNormReestimation(X), epochs=2)
    for a, b in zip(weights(alone), weights(ours), strict=True):
        np.testing.assert_array_equal(a, b)


def test_validation_sees_the_estimate_and_so_does_an_epoch_without_it():
    validated, not_validated = resnet(), resnet()
    history = fit(validated, BatchNormReestimation(X)).history
    expected = validated.evaluate(X, Y, verbose=0)
    assert history["val_loss"][0] == pytest.approx(expected[0], rel=1e-5)
    fit(not_validated, BatchNormReestimation(X), validation_data=None)
    for a, b in zip(validated.get_weights(), not_validated.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def norm(momentum):
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.BatchNormalization(momentum=momentum, name="norm")]
    )
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("momentum", "steps", "estimates"),
    [
        (0.5, None, [1, 2, 3, 4, 5, 6]),  # 0.5^7 < 1%
        (0.99, 3, [1, 2]),
        (0.99, 0, []),
        (0.0, None, []),
        (1.0, None, []),
    ],
)
def test_it_ends_when_the_initial_statistics_are_forgotten(momentum, steps, estimates):
    x, means = np.array([[1.0], [2.0], [6.0]], "float32"), []
    model = norm(momentum)
    look = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: means.append(model.get_weights()[2][0])
    )
    estimate = BatchNormReestimation(x, steps=steps)  # the mean of the training data is 103
    model.fit(x + 100, x, epochs=9, callbacks=[estimate, look], verbose=0)
    assert [n for n, mean in enumerate(means, 1) if np.isclose(mean, 3)] == estimates


def test_the_step_of_the_last_estimate_is_459_for_the_momentum_of_keras():
    assert 0.99**459 < 0.01 < 0.99**458
    model = norm(0.99)
    callback = BatchNormReestimation(np.ones((4, 1)))
    callback.set_model(model)
    callback.on_train_begin()
    assert callback._until == 459


def test_a_model_without_batch_norm_and_an_evaluation_are_left_alone():
    model = keras.Sequential([keras.Input((32, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit(model, BatchNormReestimation(X))
    resnet_ = resnet()
    before = resnet_.get_weights()
    resnet_.evaluate(X, Y, verbose=0, callbacks=[BatchNormReestimation(X)])
    for a, b in zip(before, resnet_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_resumed_training_ends_with_the_same_bytes(tmp_path):
    whole, broken, resumed = resnet(), resnet(), resnet()
    fit(whole, BatchNormReestimation(X), epochs=4)
    backup = BackupAndRestore(tmp_path / "backup")
    with pytest.raises(RuntimeError, match="crash"):
        fit(broken, BatchNormReestimation(X), backup, Crash(2), epochs=4)
    fit(resumed, BatchNormReestimation(X), BackupAndRestore(tmp_path / "backup"), epochs=4)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_copy_is_another_callback_of_the_same_data():
    callback = BatchNormReestimation(X, steps=5)
    duplicate = copy.deepcopy(callback)
    assert duplicate.data is callback.data
    assert duplicate.steps == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": iter([X])}, "`data` must be arrays, a dataset or a list of batches"),
        ({"data": X, "steps": -1}, "`steps` must be an integer >= 0"),
        ({"data": X, "batch_size": 0}, "`batch_size` must be an integer >= 1"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        BatchNormReestimation(**arguments)
