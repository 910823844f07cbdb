"""Sharpness where it is known in closed form, and what it does not depend on."""

import keras
import numpy as np
import pytest

from occam.callbacks import SharpnessProbe

RNG = np.random.default_rng(0)
N, RHO = 4, 0.2
X = np.sqrt(N) * np.eye(N)  # the mean squared error is then |w - t|^2
W = RNG.normal(size=(N, 1))
T = W + 0.1 * RNG.normal(size=(N, 1))


def linear(weights, loss="mse", **arguments):
    dense = keras.layers.Dense(weights.shape[1], use_bias=False)
    model = keras.Sequential([keras.Input((len(weights),)), dense])
    model.compile("sgd", loss, **arguments)
    model.set_weights([weights])
    return model


def measured(model, data, **arguments):
    probe = SharpnessProbe(data, **{"rho": RHO, **arguments})
    probe.set_model(model)
    values = probe.measure()
    return values["sharpness/random"], values["sharpness/worst"]


def test_a_round_quadratic_at_its_minimum():
    """Every direction rises by |d|^2."""
    expected = RHO**2 * np.sum(W**2)
    random, worst = measured(linear(W), (X, X @ W))
    assert random == pytest.approx(expected, rel=1e-4)
    assert worst == pytest.approx(expected, rel=1e-4)


def test_a_round_quadratic_elsewhere():
    """|w + d - t|^2 - |w - t|^2 is 2 (w - t) d + |d|^2, at most 2 |w - t| |d| + |d|^2."""
    radius = RHO * np.linalg.norm(W)
    expected = 2 * radius * np.linalg.norm(W - T) + radius**2
    random, worst = measured(linear(W), (X, X @ T), steps=8)
    assert worst == pytest.approx(expected, rel=1e-3)
    assert abs(random - radius**2) <= 2 * radius * np.linalg.norm(W - T)


def test_a_stretched_quadratic_at_its_minimum():
    """Where the gradient is 0, the worst case is along the greatest curvature."""
    curvatures = np.array([4.0, 1.0, 0.5, 0.1])
    data = X * np.sqrt(curvatures)
    radius = RHO * np.linalg.norm(W)
    random, worst = measured(linear(W), (data, data @ W), steps=15, directions=200)
    assert worst == pytest.approx(radius**2 * curvatures.max(), rel=1e-3)
    assert random == pytest.approx(radius**2 * curvatures.mean(), rel=0.15)


def test_each_filter_has_a_radius_of_its_own():
    weights = np.hstack([W, 10 * W])
    expected = RHO**2 * np.sum(weights**2) / 2  # the mean is also over two outputs
    random, worst = measured(linear(weights), (X, X @ weights))
    assert random == pytest.approx(expected, rel=1e-4)
    assert worst == pytest.approx(expected, rel=1e-4)


def test_one_step_is_exact_for_a_linear_loss():
    gradient = X.T @ np.ones((N, 1)) / N
    expected = RHO * np.linalg.norm(W) * np.linalg.norm(gradient)
    _, worst = measured(linear(W, lambda y, z: z), (X, X @ W), steps=1)
    assert worst == pytest.approx(expected, rel=1e-4)


def network(scale=1.0, **arguments):
    keras.utils.set_random_seed(1)
    hidden = keras.layers.Dense(16, activation="relu", kernel_regularizer="l2")
    layers = [keras.Input((N,)), hidden, keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile("sgd", "mse", **arguments)
    first, bias, second, last = model.get_weights()
    model.set_weights([first * scale, bias * scale, second / scale, last])
    return model


def test_filters_that_are_scaled_up_and_down_change_nothing():
    """Dinh et al. 2017: the function is the same, and so is its sharpness."""
    data = RNG.normal(size=(32, N)), RNG.normal(size=(32, 1))
    assert measured(network(), data) == pytest.approx(measured(network(8.0), data), rel=1e-4)


def test_more_steps_find_no_less_and_zero_is_the_least():
    data = RNG.normal(size=(32, N)), RNG.normal(size=(32, 1))
    found = [measured(network(), data, steps=steps)[1] for steps in (1, 2, 4, 8)]
    assert found == sorted(found)
    downwards = linear(W, lambda y, z: -((z - y) ** 2))
    random, worst = measured(downwards, (X, X @ W))
    assert random < 0
    assert worst == 0.0


def test_the_seed_decides():
    data = RNG.normal(size=(32, N)), RNG.normal(size=(32, 1))
    first, again, other = (measured(network(), data, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_its_price_is_what_it_says():
    passes = []

    class Count(keras.layers.Layer):
        def call(self, inputs):
            passes.append(1)
            return inputs

    inputs = keras.Input((N,))
    model = keras.Model(inputs, keras.layers.Dense(1)(Count()(inputs)))
    model.compile("sgd", "mse", run_eagerly=True)
    passes.clear()
    measured(model, (X, X @ W), directions=4, steps=7)
    assert len(passes) == 2 + 4 + 7


def test_a_loss_that_explodes_is_told():
    _, worst = measured(linear(W, lambda y, z: keras.ops.log(-keras.ops.abs(z))), (X, X @ W))
    assert np.isnan(worst)


def test_a_model_without_kernels_is_refused():
    model = keras.Sequential([keras.Input((N,)), keras.layers.BatchNormalization()], name="flat")
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"needs a trainable weight of rank 2 or more.*'flat'"):
        measured(model, (X, X))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rho": 0}, "Received: rho=0"),
        ({"rho": float("nan")}, "Received: rho=nan"),
        ({"directions": 0}, "`directions` must be an integer >= 1. Received: directions=0"),
        ({"steps": 1.5}, "`steps` must be an integer >= 1. Received: steps=1.5"),
        ({"seed": -1}, "`seed` must be an integer >= 0. Received: seed=-1"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        SharpnessProbe((X, X), **arguments)
