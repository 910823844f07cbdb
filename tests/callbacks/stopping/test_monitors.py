import re
import statistics
import warnings

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occam.callbacks.stopping.monitors import (
    default_monitor,
    direction,
    missing,
    modes_of,
    smoothing_of,
)


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
        ("loss", "maximum", "`mode` must be one of 'auto', 'min', 'max'. Received: mode='maximum'"),
        (None, "maximum", "Received: mode='maximum'"),
        (None, "max", "`mode` must be 'auto' or 'min' for the default monitor, a loss."),
        (["loss"], "up", "Received: mode='up'"),
        ({"loss": "up"}, "auto", "Received: mode='up'"),
        (
            {"loss": "min"},
            "min",
            "`mode` must be 'auto' if `monitor` is a dict of modes.",
        ),
        ([], "auto", "a name, a list of names or a dict from names to modes. Received: monitor=[]"),
        ([1], "auto", "Received: monitor=[1]"),
        ({"loss"}, "auto", "`monitor` must be a list rather than a set"),
    ],
)
def test_invalid_monitors_and_modes(monitor, mode, message):
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
        ("train_eval_loss", "min"),
        ("gap_accuracy", "min"),
        ("penalty/dense", "min"),
        ("val_mae", "min"),
        ("auc", "max"),
        ("val_accuracy", "max"),
        ("train_eval_accuracy", "max"),
    ],
)
def test_direction(model, name, expected):
    assert direction(name, model) == expected


def test_an_unknown_direction_is_an_error(model):
    with pytest.raises(ValueError, match="`mode` must be 'min' or 'max' for 'val_quality'"):
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
def test_a_warning_for_val_loss_with_penalties(layer):
    model = network(layer())
    with pytest.warns(UserWarning, match="val_loss, which contains the penalties of the model"):
        assert default_monitor(["val_loss"], model) == "val_loss"


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="after fit JAX has no added losses")
def test_a_warning_for_losses_that_a_layer_adds():
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


def test_the_error_tells_what_to_do_without_validation():
    assert "give fit validation_data" in str(missing(["val_auc"], ["loss"]))
    assert "give fit validation_data" not in str(missing(["val_auc"], ["loss", "val_loss"]))
    assert "Logged: nothing." in str(missing(["val_auc"], []))


VALUES = [4.0, 2.0, 3.0, 9.0, 1.0, 1.0]


def smoothed(smooth, values):
    smooth = smoothing_of(smooth)
    return [smooth(values[: i + 1]) for i in range(len(values))]


def test_exponential_average_by_hand():
    # 0.3 * 2 + 0.7 * 4 = 3.4, 0.3 * 3 + 0.7 * 3.4 = 3.28
    assert smoothed("ema:0.3", VALUES[:3]) == pytest.approx([4.0, 3.4, 3.28])


def test_median_by_hand():
    assert smoothed("median:3", VALUES) == [4.0, 3.0, 3.0, 3.0, 3.0, 1.0]


@pytest.mark.parametrize("smooth", [None, "ema:1", "median:1"])
def test_values_without_smoothing(smooth):
    assert smoothed(smooth, VALUES) == VALUES


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.integers(1, 9))
def test_the_median_is_that_of_the_last_values(values, n):
    assert smoothed(f"median:{n}", values)[-1] == statistics.median(values[-n:])


@pytest.mark.parametrize(
    "smooth",
    ["ema", "ema:0", "ema:1.5", "ema:nan", "ema:x", "median:0", "median:2.5", "mean:3", ""],
)
def test_invalid_smoothing(smooth):
    with pytest.raises(ValueError, match=re.escape(f"Received: smooth={smooth!r}")):
        smoothing_of(smooth)
