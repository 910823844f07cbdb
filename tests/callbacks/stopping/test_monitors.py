import re
import warnings

import keras
import numpy as np
import pytest

from occam.callbacks.stopping.monitors import default_monitor, direction, missing, modes_of


@pytest.mark.parametrize(
    ("monitor", "mode", "expected"),
    [
        (None, "auto", {}),
        ("val_loss", "auto", {"val_loss": "auto"}),
        (("a", "b"), "max", {"a": "max", "b": "max"}),
        ({"b": "max", "a": "min"}, "auto", {"b": "max", "a": "min"}),
    ],
)
def test_modes(monitor, mode, expected):
    assert modes_of(monitor, mode) == expected
    assert [*modes_of(monitor, mode)] == [*expected]  # the first decides


@pytest.mark.parametrize(
    ("monitor", "mode", "message"),
    [
        ("loss", "maximum", "mode must be 'auto', 'min' or 'max'. Received: mode='maximum'"),
        (None, "maximum", "Received: mode='maximum'"),
        (None, "max", "mode='max' needs a monitor: the default one is a loss."),
        (["loss"], "up", "Received: mode='up'"),
        ({"loss": "up"}, "auto", "Received: mode='up'"),
        ({"loss": "min"}, "min", "mode must be left out where monitor gives a mode for each name."),
        ([], "auto", "a name, a list of names or a dict from names to modes. Received: monitor=[]"),
        ([1], "auto", "Received: monitor=[1]"),
        ({"loss"}, "auto", "monitor must have an order, as the first name decides on the weights"),
    ],
)
def test_wrong_monitors_and_modes(monitor, mode, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        modes_of(monitor, mode)


@pytest.fixture(scope="module")
def model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae", keras.metrics.AUC(name="auc"), "accuracy"])
    model.train_on_batch(np.ones((1, 2)), np.ones((1, 1)))  # names the metrics
    return model


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("loss", "min"),
        ("val_data_loss", "min"),
        ("clean_loss", "min"),
        ("gap_accuracy", "min"),
        ("penalty/dense", "min"),
        ("val_mae", "min"),
        ("auc", "max"),
        ("val_accuracy", "max"),
        ("clean_accuracy", "max"),
    ],
)
def test_direction(model, name, expected):
    assert direction(name, model) == expected


def test_an_unknown_direction_is_an_error(model):
    with pytest.raises(ValueError, match=r"'val_quality' should be small or great is not known"):
        direction("val_quality", model)


class Adding(keras.layers.Layer):
    def call(self, inputs):
        self.add_loss(keras.ops.mean(inputs))
        return inputs


def network(*layers):
    return keras.Sequential([keras.Input((2,)), *layers, keras.layers.Dense(1)])


@pytest.mark.parametrize(
    "layer",
    [
        lambda: keras.layers.Dense(2, kernel_regularizer="l2"),
        lambda: keras.layers.Dense(2, activity_regularizer="l2"),
        lambda: keras.Sequential([keras.layers.Dense(2, bias_regularizer="l1")]),
    ],
)
def test_val_loss_with_penalties_in_it_is_warned_of(layer):
    model = network(layer())
    with pytest.warns(UserWarning, match="val_loss, which contains the penalties of the model"):
        assert default_monitor(["val_loss"], model) == "val_loss"


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="after fit JAX has no added losses")
def test_losses_that_a_layer_adds_are_warned_of():
    model = network(Adding())
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(np.ones((2, 2)), np.ones((2, 1)), verbose=0)
    with pytest.warns(UserWarning, match="contains the penalties"):
        default_monitor(["val_loss"], model)


def test_no_warning_without_penalties_or_with_the_data_loss():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert default_monitor(["val_loss"], network()) == "val_loss"
        penalized = network(keras.layers.Dense(2, kernel_regularizer="l2"))
        assert default_monitor(["val_loss", "val_data_loss"], penalized) == "val_data_loss"


def test_neither_is_logged():
    message = (
        "monitors 'val_data_loss' and 'val_loss', which is not logged. Logged: data_loss, loss."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        default_monitor(["loss", "data_loss"], network())


def test_the_error_tells_what_to_do_without_validation():
    assert "give fit validation_data" in str(missing(["val_auc"], ["loss"]))
    assert "give fit validation_data" not in str(missing(["val_auc"], ["loss", "val_loss"]))
    assert "Logged: nothing." in str(missing(["val_auc"], []))
