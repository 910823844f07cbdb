"""Gradients of a linear model by hand, and who owns which weight."""

import keras
import numpy as np
import pytest

from occam.callbacks import GradientNorms

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 3))
Y = RNG.normal(size=(16, 1))
W = np.array([[0.3], [-0.2], [0.5]])
L2 = 0.05


def measured(model, data=(X, Y)):
    probe = GradientNorms(data)
    probe.set_model(model)
    return probe.measure()


def linear(**arguments):
    arguments = {"kernel_regularizer": keras.regularizers.L2(L2), **arguments}
    dense = keras.layers.Dense(1, use_bias=False, name="dense", **arguments)
    model = keras.Sequential([keras.Input((3,)), dense], name="linear")
    model.compile("sgd", "mse")
    model.set_weights([W])
    return model


def test_a_linear_model_by_hand():
    data, penalty = 2 * X.T @ (X @ W - Y) / len(X), 2 * L2 * W
    expected = {
        "gradient_norm": np.linalg.norm(data),
        "gradient_ratio": np.linalg.norm(data) / np.linalg.norm(W),
        "penalty_gradient_norm": np.linalg.norm(penalty),
        "penalty_gradient_ratio": 2 * L2,
    }
    values = measured(linear())
    path = "linear/dense" if "gradient_norm/linear/dense" in values else "dense"
    layers = {f"{name}/{path}": value for name, value in expected.items()}
    assert values == pytest.approx({**expected, **layers}, rel=1e-5)


def test_at_the_minimum_of_the_loss_both_pull_alike():
    model = linear()
    minimum = np.linalg.solve(X.T @ X / len(X) + L2 * np.eye(3), X.T @ Y / len(X))
    model.set_weights([minimum])
    values = measured(model)
    assert values["gradient_norm"] == pytest.approx(values["penalty_gradient_norm"], rel=1e-4)


def test_an_activity_penalty_belongs_to_the_penalty():
    model = linear(kernel_regularizer=None, activity_regularizer=keras.regularizers.L2(L2))
    penalty = 2 * L2 * X.T @ X @ W / len(X)  # Keras divides by the batch size
    values = measured(model)
    assert values["penalty_gradient_norm"] == pytest.approx(np.linalg.norm(penalty), rel=1e-5)
    data = 2 * X.T @ (X @ W - Y) / len(X)
    assert values["gradient_norm"] == pytest.approx(np.linalg.norm(data), rel=1e-5)


def test_without_penalties_there_is_no_norm_of_theirs():
    assert not [name for name in measured(linear(kernel_regularizer=None)) if "penalty" in name]


def test_a_changed_strength_counts():
    """On JAX, a compiled function would keep the old one."""
    from occam.zoo.regularizers import L2 as LiveL2

    regularizer = LiveL2(0.1)
    model = linear(kernel_regularizer=regularizer)
    probe = GradientNorms((X, Y))
    probe.set_model(model)
    first = probe.measure()["penalty_gradient_norm"]
    regularizer.l2 = 0.2
    assert probe.measure()["penalty_gradient_norm"] == pytest.approx(2 * first, rel=1e-5)


def test_layers_of_zeros():
    model = linear()
    model.set_weights([0 * W])
    values = measured(model)
    assert values["gradient_ratio"] == np.inf
    assert values["penalty_gradient_ratio"] == 0.0


def test_each_weight_once_for_its_innermost_layer():
    shared = keras.layers.Dense(3, name="shared")
    inner = keras.Sequential([keras.Input((3,)), shared, keras.layers.Dense(3, name="own")])
    inputs = keras.Input((3,))
    frozen = keras.layers.Dense(3, trainable=False, name="frozen")
    model = keras.Model(inputs, keras.layers.Dense(1, name="top")(inner(frozen(shared(inputs)))))
    model.compile("sgd", "mse")
    values = measured(model)
    layers = [name for name in values if name.startswith("gradient_norm/")]
    assert [name.rsplit("/", 1)[1] for name in sorted(layers)].count("shared") == 1
    assert sorted(name.rsplit("/", 1)[1] for name in layers) == ["own", "shared", "top"]
    squares = sum(values[name] ** 2 for name in layers)
    assert values["gradient_norm"] == pytest.approx(np.sqrt(squares), rel=1e-5)


def test_a_wrapper_does_not_take_the_weights_of_what_it_holds():
    rnn = keras.layers.Bidirectional(keras.layers.SimpleRNN(2), name="both")
    model = keras.Sequential([keras.Input((4, 1)), rnn, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    values = measured(model, (RNG.normal(size=(8, 4, 1)), RNG.normal(size=(8, 1))))
    layers = [name for name in values if name.startswith("gradient_norm/")]
    assert sum("forward" in name for name in layers) == 1
    assert sum("backward" in name for name in layers) == 1
    assert len(layers) == 3


def test_embeddings():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Embedding(5, 2), keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((3,), dtype="int32"), *layers])
    model.compile("sgd", "mse")
    values = measured(model, (RNG.integers(0, 5, (8, 3)), np.ones((8, 1))))
    assert values["gradient_norm"] > 0
    assert any("embedding" in name and value > 0 for name, value in values.items())


@pytest.mark.parametrize("slope", [1e-9, 10.0])
def test_small_and_large_gradients_survive_half_precision(slope):
    """In float16 1e-9 is 0 unless the loss is scaled, and 10 overflows at the initial scale."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
        model = keras.Sequential([keras.Input((1,)), dense])
        model.compile("sgd", lambda y, z: slope * keras.ops.cast(z - y, "float32"))
    finally:
        keras.config.set_dtype_policy("float32")
    values = measured(model, (np.ones((1, 1)), np.zeros((1, 1))))
    assert values["gradient_norm"] == pytest.approx(slope, rel=1e-2)
