"""Residual sums and their shortcuts."""

import keras
import pytest
from keras import layers, ops

from occam.core.model_graph import ModelGraph
from occam.zoo.layers import StochasticDepth
from occam.zoo.surgery.places import residual_sums


def found(make, shape=(8, 8, 4)):
    """For each residual sum in a model, whether its first input is the shortcut."""
    inputs = keras.Input(shape)
    graph = ModelGraph(keras.Model(inputs, make(inputs)))
    return [one.call.inputs[0] is one.shortcut for one in residual_sums(graph)]


def conv(x, strides=1, filters=4):
    return layers.Conv2D(filters, 3, strides=strides, padding="same")(x)


def projected(x):
    branch = conv(layers.ReLU()(conv(x, 2, 8)), filters=8)
    shortcut = layers.BatchNormalization()(layers.Conv2D(8, 1, strides=2)(x))
    return layers.Add()([shortcut, branch])


def padded(x):
    shortcut = ops.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (0, 4)))
    return layers.Add()([conv(conv(x), 2, 8), shortcut])


def two(x):
    x = layers.Add()([x, conv(x)])
    return layers.Add()([conv(x), x])


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x: layers.Add()([x, conv(x)]), [True]),
        (lambda x: layers.Add()([conv(conv(x)), x]), [False]),
        (lambda x: x + conv(x), [True]),
        (lambda x: ops.add(conv(x), x), [False]),
        (lambda x: layers.MaxPooling2D()(x) + conv(conv(x), 2), [True]),
        (lambda x: StochasticDepth(0.1)([x, conv(x)]), [True]),
        (projected, [True]),
        (padded, [False]),
        (two, [True, False]),
    ],
)
def test_residual_sums(make, expected):
    assert found(make) == expected


@pytest.mark.parametrize(
    "make",
    [
        lambda x: layers.Add()([conv(x), conv(x)]),  # two branches, neither a shortcut
        lambda x: layers.Add()([conv(conv(x)), conv(conv(x))]),
        lambda x: layers.Add()([x, x]),
        lambda x: layers.Add()([x, conv(x), conv(conv(x))]),  # three
        lambda x: x + 1.0,
        lambda x: x + layers.GlobalAveragePooling2D(keepdims=True)(x),  # broadcast
        lambda x: layers.Multiply()([x, conv(x)]),
        lambda x: x + ops.ones((8, 8, 4)),
    ],
)
def test_other_sums(make):
    assert found(make) == []


def test_two_inputs_have_nothing_in_common():
    one, other = keras.Input((3,)), keras.Input((3,))
    model = keras.Model([one, other], layers.Add()([layers.Dense(3)(one), other]))
    assert list(residual_sums(ModelGraph(model))) == []
