"""What a layer of someone's own computes with, and its config forgets, is not lost silently."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from occam import zoo

L2 = zoo.Regularization(l2=0.01)


def with_dense(*inner):
    return keras.Sequential([keras.Input((3,)), *inner, layers.Dense(2, name="head")])


class Forgetful(layers.Layer):
    """Has a value, which its config does not say."""

    def __init__(self, value=None, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    def call(self, inputs):
        return inputs

    def get_config(self):
        return super().get_config()


class Private(Forgetful):
    def __init__(self, value=None, **kwargs):
        super().__init__(**kwargs)
        self._value = value


def scaling(factor):
    return lambda x: factor * x


@pytest.mark.parametrize(
    "value",
    [
        *(3.0, "relu", [1.0, 2.0], {"a": [1]}, (1, None), np.arange(3)),
        *(lambda x: x, np.array(["a"])),
    ],
)
@pytest.mark.parametrize("kind", [Forgetful, Private])
def test_what_a_config_forgets_is_named(kind, value):
    model = with_dense(kind(value, name="layer"))
    name = "_value" if kind is Private else "value"
    message = (
        rf"'layer' \({kind.__name__}\) cannot be copied .*: {name} is .*, and in the copy None"
    )
    with pytest.raises(ValueError, match=message):
        zoo.regularize(model, L2)


def test_a_tensor_that_a_config_forgets():
    model = with_dense(Forgetful(ops.convert_to_tensor([1.0, 2.0]), name="layer"))
    with pytest.raises(ValueError, match=r"value is .*, and in the copy None"):
        zoo.regularize(model, L2)


@keras.saving.register_keras_serializable(package="tests")
class Remembering(layers.Layer):
    """All kinds of attributes, which are equal in the copy, and not the same objects."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor, self.calls = factor, {"of": [factor, np.nan, None]}
        self._array = np.array([factor, np.nan])
        self.tensor = ops.convert_to_tensor([factor])
        self._function = scaling(factor)
        self.held = [layers.Dense(3, name="held")]

    def build(self, input_shape):
        self.held[0].build(input_shape)

    def call(self, inputs):
        return self._function(self.held[0](inputs))

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def test_what_is_equal_in_the_copy(check):
    model = with_dense(Remembering(3.0, name="layer"))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")
    model.fit(x, np.zeros((2, 2)), verbose=0)
    check.assert_copy(model, zoo.regularize(model, L2)[0], x)


def test_functions_that_refer_to_something_else():
    class Default(Forgetful):
        def __init__(self, value=None, **kwargs):
            super().__init__(value or scaling(1.0), **kwargs)

    model = with_dense(Default(scaling(2.0), name="layer"))
    with pytest.raises(ValueError, match="value is <function"):
        zoo.regularize(model, L2)
    zoo.regularize(with_dense(Default(name="layer")), L2)


def test_what_use_leaves_in_a_model(models, check):
    model = models.subclassed()
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = check.example(model), np.zeros((2, 3))
    model.fit(x, y, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    check.assert_copy(model, zoo.regularize(model, L2)[0])


def test_what_layers_of_keras_keep_privately_is_their_own(check):
    class Norm(layers.Normalization):
        pass

    norm = Norm(name="norm")
    norm.adapt(np.random.default_rng(0).normal(5, 2, (50, 3)))
    model = with_dense(norm)
    x = np.ones((2, 3), "float32")
    check.assert_same(check.outputs(zoo.regularize(model, L2)[0], x), check.outputs(model, x))
