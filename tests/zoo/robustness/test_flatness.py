"""The largest eigenvalue of the Hessian, and the loss along filter-normalized directions."""

import keras
import numpy as np
import pytest
from matplotlib.image import imread

from occam.zoo.robustness import hessian_eigenvalue, loss_landscape

from .conftest import linear_model


def values_of(model):
    return [np.array(keras.ops.convert_to_numpy(v)) for v in model.variables]


def test_the_eigenvalue_of_least_squares_is_that_of_the_gram_matrix():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(50, 6)) * [3, 2, 1, 1, 1, 1], generator.normal(size=(50, 1))
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    found = hessian_eigenvalue(model, x, y, tolerance=1e-3)
    with_bias = np.column_stack([x, np.ones(50)])
    expected = np.linalg.eigvalsh(2 * with_bias.T @ with_bias / 50)
    np.testing.assert_allclose(found.value, expected[-1], rtol=1e-4)
    assert np.abs(expected - found.value).min() <= found.residual + 1e-4
    assert float(found) == found.value


def test_the_eigenvalue_of_logistic_regression_is_that_of_the_closed_form():
    generator = np.random.default_rng(1)
    weights, bias = generator.normal(size=(4, 3)), generator.normal(size=3)
    x, y = generator.normal(size=(40, 4)), generator.integers(3, size=40)
    model = linear_model(weights, bias)
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    z = x @ weights + bias
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    rows = np.column_stack([x, np.ones(40)])
    hessian = sum(
        np.kron(np.outer(row, row), np.diag(pi) - np.outer(pi, pi))
        for row, pi in zip(rows, p, strict=True)
    )
    expected = np.linalg.eigvalsh(hessian / 40)[-1]
    found = hessian_eigenvalue(model, x, y, tolerance=1e-3)
    np.testing.assert_allclose(found.value, expected, rtol=1e-3)


class Quadratic(keras.layers.Layer):
    """`sum_i c_i w_i^2`, with the Hessian `2 diag(c)`."""

    def __init__(self, c):
        super().__init__()
        self.c = c

    def build(self, shape):
        self.w = self.add_weight(shape=(len(self.c),), initializer="zeros")

    def call(self, inputs):
        return inputs + keras.ops.sum(keras.ops.convert_to_tensor(self.c) * self.w**2)


def quadratic(*c):
    model = keras.Sequential([keras.Input((1,)), Quadratic(c)])
    model.compile(loss=lambda y, outputs: outputs[:, 0])
    return model


@pytest.mark.parametrize(
    ("c", "expected"),
    [((1.0, -3.0, 0.5), 2.0), ((-1.0, -3.0), -2.0), ((-3.0, -3.0), -6.0), ((0.0, 0.0), 0.0)],
)
def test_the_largest_eigenvalue_is_found_beside_a_more_negative_one(c, expected):
    found = hessian_eigenvalue(quadratic(*c), np.zeros((2, 1)), np.zeros((2, 1)))
    np.testing.assert_allclose(found.value, expected, atol=0.02)


def test_two_eigenvalues_of_opposite_signs_and_the_same_size_are_not_taken_for_converged():
    with pytest.warns(UserWarning, match="The power iteration has a residual of"):
        hessian_eigenvalue(quadratic(3.0, -3.0), np.zeros((2, 1)), np.zeros((2, 1)), iterations=20)


def test_flatness_measures_leave_a_trained_model_as_it_is(series_model):
    model, x, y = series_model.model, series_model.x, series_model.y
    before, step = values_of(model), int(model.optimizer.iterations)
    found = hessian_eigenvalue(model, x, y, iterations=100, tolerance=0.05)
    landscape = loss_landscape(model, x, y, directions=2, points=3)
    for one, other in zip(before, values_of(model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert int(model.optimizer.iterations) == step
    assert found.value > 0
    expected = model.evaluate(x, y, verbose=0, batch_size=len(x))
    np.testing.assert_allclose(landscape.loss, expected, rtol=1e-5)


def test_the_landscape_of_least_squares_is_the_parabola_along_a_normalized_direction():
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.zeros((20, 1))
    model = linear_model([[1.0], [2.0], [2.0]], [0.5])
    model.compile(loss="mse")
    found = loss_landscape(model, x, y, radius=2.0, points=5, seed=7)
    assert found.coordinates.tolist() == [-2, -1, 0, 1, 2]
    drawn = keras.random.normal((3, 1), seed=keras.random.SeedGenerator(7))
    direction = np.array(keras.ops.convert_to_numpy(drawn))
    direction *= 3 / np.linalg.norm(direction)  # the norm of the one filter
    w = np.array([[1.0], [2.0], [2.0]])
    expected = [np.mean((x @ (w + a * direction) + 0.5) ** 2) for a in found.coordinates]
    np.testing.assert_allclose(found.losses, expected, rtol=1e-5)


def relu_net(factor):
    layers = [
        keras.Input((4,)),
        keras.layers.Dense(5, "relu", use_bias=False),
        keras.layers.Dense(2, use_bias=False),
    ]
    model = keras.Sequential(layers)
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(4, 5)), generator.normal(size=(5, 2))
    model.set_weights([first * factor, second / factor])
    model.compile(loss="mse")
    return model


def test_the_landscape_does_not_change_if_filters_are_scaled_up_and_down():
    x, y = np.random.default_rng(1).normal(size=(30, 4)), np.zeros((30, 2))
    one, other = (loss_landscape(relu_net(f), x, y, directions=2, points=5) for f in (1, 8))
    assert one.losses.shape == (5, 5)
    np.testing.assert_allclose(one.losses, other.losses, rtol=1e-4)
    sharp, flat = (hessian_eigenvalue(relu_net(f), x, y).value for f in (8, 1))
    assert sharp > 10 * flat  # whereas the eigenvalue does


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("radius", [0.1, 30.0])
def test_the_picture_is_drawn_for_flat_and_steep_landscapes(tmp_path, directions, radius):
    x, y = np.random.default_rng(1).normal(size=(30, 4)), np.zeros((30, 2))
    given = {"directions": directions, "radius": radius, "points": 7}
    loss_landscape(relu_net(1.0), x, y, **given).plot(tmp_path / "loss.png")
    assert imread(tmp_path / "loss.png").std() > 0.02


@pytest.mark.parametrize(
    ("function", "changes", "match"),
    [
        (hessian_eigenvalue, {"iterations": 1}, "`iterations` must be an integer >= 2"),
        (hessian_eigenvalue, {"tolerance": 0}, "`tolerance` must be a number in"),
        (loss_landscape, {"directions": 3}, "`directions` must be an integer from 1 to 2"),
        (loss_landscape, {"points": 4}, "`points` must be odd"),
        (loss_landscape, {"radius": 0}, "`radius` must be a number in"),
        (hessian_eigenvalue, {"model": linear_model([[1.0]], [0.0])}, "compiled with a loss"),
        (loss_landscape, {"model": linear_model([[1.0]], [0.0])}, "compiled with a loss"),
        (loss_landscape, {"model": quadratic(1.0)}, "trainable weight of rank 2"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(function, changes, match):
    with pytest.raises(ValueError, match=match):
        function(**{"model": relu_net(1.0), "x": np.zeros((2, 4)), "y": [0, 1], **changes})
