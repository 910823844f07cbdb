"""Each way in which a prediction may depend on more than its row fails its own check."""

import keras
import numpy as np
import pytest

from occam import zoo
from occam.zoo import check_inference

X = np.random.default_rng(0).normal(size=(8, 6, 4)).astype("float32")


class AlwaysDrops(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(0)

    def call(self, x):
        return keras.random.dropout(x, 0.5, seed=self.seed)


class BatchStatistics(keras.layers.Layer):
    def call(self, x):
        return x - keras.ops.mean(x, axis=0, keepdims=True)


class Positions(keras.layers.Layer):
    def call(self, x):
        numbers = keras.ops.cumsum(keras.ops.ones_like(x[:, :1, :1]), axis=0)
        return x + numbers


class Counter(keras.layers.Layer):
    def __init__(self, name=None):
        super().__init__(name=name)

    def build(self, _):
        self.count = self.add_weight(name="count", trainable=False, initializer="zeros")

    def call(self, x):
        self.count.assign_add(1.0)
        return x


class WrongDefault(keras.layers.Layer):
    def call(self, x, training=True):
        return x * 2 if training else x


def model_of(layer):
    return keras.Sequential([keras.Input((6, 4)), layer, keras.layers.Flatten()])


def failed(model, x=X, **arguments):
    return {
        check.name for check in check_inference(model, x, **arguments).checks if not check.passed
    }


@pytest.mark.parametrize(
    ("layer", "checks"),
    [
        (AlwaysDrops, {"repeatable", "batch size", "order", "call"}),
        (BatchStatistics, {"batch size"}),
        (Positions, {"order"}),
        (Counter, {"state"}),
        (WrongDefault, {"call"}),
    ],
)
def test_what_is_not_inference_fails(layer, checks):
    assert failed(model_of(layer())) == checks


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.BatchNormalization,
        lambda: keras.layers.Dropout(0.5),
        lambda: keras.layers.GRU(4, dropout=0.5, return_sequences=True),
        lambda: zoo.layers.GaussianNoise(0.5),
        lambda: zoo.augmentation.RandomShift1D(2),
    ],
)
def test_layers_that_are_the_identity_in_inference_pass(layer):
    report = check_inference(model_of(layer()), X)
    assert report.passed, str(report)


def test_augmentation_of_keras_fails_when_the_model_is_called():
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.RandomTranslation(0.4, 0.4), keras.layers.Flatten()]
    )
    report = check_inference(model, np.random.default_rng(0).normal(size=(8, 6, 6, 1)))
    assert not report.passed
    (call,) = (check for check in report.checks if check.name == "call")
    assert "call `model(x, training=False)`" in call.detail
    assert call.difference > 0.1


def test_the_variables_have_their_values_again_and_the_report_names_them():
    layer = Counter(name="visits")
    model = model_of(layer)
    layer.count.assign(7.0)
    report = check_inference(model, X)
    assert float(layer.count) == 7.0
    assert report.to_dict()["passed"] is False
    assert "changed:" in report.checks[-1].detail
    assert "visits/count" in report.checks[-1].detail
    assert "state" in str(report)
    assert "FAILED" in str(report)


def test_the_tolerance_is_that_of_the_precision():
    assert check_inference(model_of(keras.layers.Dense(4)), X).tolerance == 1e-5
    half = keras.Sequential([keras.Input((6, 4)), keras.layers.Dense(4, dtype="float16")])
    assert check_inference(half, X, tolerance=0.01).tolerance == 0.01


def test_inputs_and_outputs_may_be_several():
    a, b = keras.Input((4,), name="a"), keras.Input((2,), name="b")
    outputs = {"sum": keras.layers.Dense(1)(keras.layers.Concatenate()([a, b])), "same": a}
    x = {"a": X[:, 0], "b": X[:, 1, :2]}
    assert check_inference(keras.Model({"a": a, "b": b}, outputs), x).passed


def test_wrong_arguments_are_refused():
    model = model_of(keras.layers.Dense(4))
    with pytest.raises(ValueError, match="`x` must be a batch of at least 4 rows"):
        check_inference(model, X[:3])
    with pytest.raises(TypeError, match="`model` must be a Keras model or a finished"):
        check_inference(keras.layers.Dense(4), X)
    with pytest.raises(ValueError, match="`tolerance` must be a number"):
        check_inference(model, X, tolerance=-1)


def test_predictions_of_nan_fail():
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Rescaling(np.nan)])
    found = check_inference(model, X)
    assert [check.name for check in found.checks if not check.passed] == [
        *("repeatable", "batch size", "order", "call")
    ]
    assert found.checks[0].detail == "predictions are NaN"


@pytest.mark.parametrize("x", [None, np.ones((3, 4)), 1.0])
def test_few_rows_or_none_are_an_error(x):
    model = keras.Sequential([keras.Input((4,))])
    with pytest.raises(ValueError, match=r"`x` must be a batch of at least 4 rows\. Received: sh"):
        check_inference(model, x)
