"""Shrinking and folding on random graphs."""

import keras
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import layers, ops

from occam import exports

ACTIVATIONS = ("relu", "sigmoid", "tanh", "gelu", "leaky_relu", "softmax")
CONVOLUTIONS = ("conv", "same", "valid", "strided", "depthwise", "separable", "transposed")
ON_MAPS = (*CONVOLUTIONS, "pad", "crop", "up", "pool", "mean_pool")
MERGING = ("add", "concatenate", "multiply", "operation")
ON_ALL = (*MERGING, "dense", "norm", "activation", "dropout", "block", "layer_norm")
ENDS = (layers.Flatten, layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D)


def convolution(kind, x, filters, activation):
    kernel = min(3, x.shape[1])
    made = {
        "conv": lambda: layers.Conv1D(filters, 1, activation=activation),
        "same": lambda: layers.Conv1D(filters, 3, padding="same", activation=activation),
        "valid": lambda: layers.Conv1D(filters, kernel, use_bias=False),
        "strided": lambda: layers.Conv1D(filters, 3, strides=2, padding="causal"),
        "depthwise": lambda: layers.DepthwiseConv1D(kernel, depth_multiplier=2),
        "separable": lambda: layers.SeparableConv1D(filters, 3, padding="same"),
        "transposed": lambda: layers.Conv1DTranspose(filters, 2, strides=2),
        "pad": lambda: layers.ZeroPadding1D(1),
        "crop": lambda: layers.Cropping1D((0, 1 if x.shape[1] > 1 else 0)),
        "up": lambda: layers.UpSampling1D(2),
        "pool": lambda: layers.MaxPooling1D(2, padding="same"),
        "mean_pool": lambda: layers.AveragePooling1D(2, padding="same"),
    }
    return made[kind]()(x)


def apply(kind, x, units, activation):
    """Apply one more layer."""
    if activation == "softmax" and 1 in (units, x.shape[-1]):
        activation = "sigmoid"  # Keras warns of a softmax over one unit
    if kind in ON_MAPS:
        return convolution(kind, x, units, activation) if x.shape[-1] <= 32 else x
    other = layers.Dense(x.shape[-1], activation=activation)
    made = {
        "dense": lambda: layers.Dense(units, activation=activation)(x),
        "norm": lambda: layers.BatchNormalization(epsilon=1e-5)(x),
        "activation": lambda: layers.Activation(activation)(x),
        "dropout": lambda: layers.Dropout(0.5)(x),
        "add": lambda: layers.Add()([other(x), x]),
        "concatenate": lambda: layers.Concatenate()([layers.Dense(units)(x), x]),
        "multiply": lambda: layers.Multiply()([other(x), x]),
        "block": lambda: layers.ReLU()(layers.BatchNormalization()(layers.Dense(units)(x))),
        "operation": lambda: ops.relu(-x * 0.5) + x,
        "layer_norm": lambda: layers.LayerNormalization()(x),
    }
    return made[kind]()


def steps(kinds):
    one = st.tuples(st.sampled_from(kinds), st.integers(1, 5), st.sampled_from(ACTIVATIONS))
    return st.lists(one, max_size=7)


def build(maps, recipe, end):
    x = inputs = keras.Input((6, 2) if maps else (4,))
    for kind, units, activation in recipe:
        x = apply(kind, x, units, activation)
    x = layers.Dense(3, "relu")(end()(x) if maps else x)
    return keras.Model(inputs, layers.Dense(2)(x))


RECIPES = st.one_of(
    st.tuples(st.just(False), steps(ON_ALL)),
    st.tuples(st.just(True), steps(ON_MAPS + ON_ALL)),
)


def zero_channels(model, seed):
    """Zero the weights out of some channels."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, layers.Dense):
            kernel = np.array(ops.convert_to_numpy(layer.kernel))
            kernel[generator.random(len(kernel)) < 0.2] = 0
            layer.kernel.assign(kernel)


@given(RECIPES, st.sampled_from(ENDS), st.sampled_from((0.2, 0.5, 0.8)), st.integers(0, 1000))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_answers_stay_the_same_on_random_graphs(
    give_weights, same_answers, recipe, end, dead, seed
):
    maps, steps_ = recipe
    model = build(maps, steps_, end)
    give_weights(model, dead=dead, seed=seed)
    zero_channels(model, seed)
    shrunk, report = exports.shrink(model)
    folded, _ = exports.fold_batch_norm(model)
    both, of_both = exports.shrink(folded)
    for other in (shrunk, folded, both):
        same_answers(model, other)
    assert report.parameters_after == shrunk.count_params() <= model.count_params()
    again, of_again = exports.shrink(shrunk)
    assert again.count_params() == shrunk.count_params() or of_again.changes
    assert of_both.parameters_before == folded.count_params()
