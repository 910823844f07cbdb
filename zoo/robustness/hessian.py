"""`hessian_eigenvalue`: the largest curvature of the data loss."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from ...callbacks.probes.probe import Probe, check_model, losses, value_and_gradients
from ...core.checks import check_integer, check_number
from ..training.run import Run, model_of

_Vector = list[Any]  # a tensor for each trainable variable


@dataclass(frozen=True)
class HessianEigenvalue:
    """The largest eigenvalue of the Hessian of the data loss in the trainable weights.

    Args:
        value: The eigenvalue.
        residual: `|H v - value v|` for the unit vector v that was found. Some eigenvalue lies
            within this distance of `value`.
        iterations: The number of products with the Hessian.
    """

    value: float
    residual: float
    iterations: int

    def __float__(self) -> float:
        return self.value


def hessian_eigenvalue(
    model: keras.Model | Run,
    x: Any,
    y: Any,
    *,
    iterations: int = 200,
    tolerance: float = 0.01,
    seed: int = 0,
) -> HessianEigenvalue:
    """Return the largest eigenvalue of the Hessian of the data loss by power iteration.

        v <- H v / |H v|,    value = v . H v,    H v = grad_w (grad_w L(w) . v)

    L is the compiled loss on all samples at once, without the penalty, in inference mode; a few
    hundred samples are enough. H is never formed: a product takes about two gradients. Power
    iteration finds the eigenvalue of the largest magnitude. If that is negative, a second one on
    `H - value I` finds the largest.

    A large value means a sharp minimum. SGD with a learning rate above `2 / value` leaves a
    quadratic of that curvature. Unlike filter-normalized measures, it changes if the filters of a
    ReLU network are scaled up and down by the same factor (Dinh et al.), so compare it among models
    that were trained in the same way.

    Args:
        model: A model compiled with its loss, or a finished `zoo.Run`. Its weights are neither
            changed nor assigned.
        x: The samples, as in `model.fit`.
        y: The targets, as in `model.fit`.
        iterations: The largest number of products with H.
        tolerance: The residual at which to stop, relative to the value.
        seed: The seed of the first vector.

    Raises:
        ValueError: If the model is not compiled with a loss, has no trainable weight, or an
            argument is out of range.
        FloatingPointError: If the loss has no finite second derivative at the weights.
        RuntimeError: If the backend is neither TensorFlow nor JAX.

    Warns:
        UserWarning: If the tolerance is not reached.

    Example: the loss `(w - 1)^2` has the curvature 2.

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    >>> model.compile(loss="mse")
    >>> hessian_eigenvalue(model, np.ones((1, 1)), np.ones((1, 1))).value
    2.0

    Reference: Yao et al., PyHessian: Neural Networks Through the Lens of the Hessian, 2020,
    https://arxiv.org/abs/1912.07145; Dinh et al., Sharp Minima Can Generalize For Deep Nets, 2017,
    https://arxiv.org/abs/1703.04933
    """
    check_integer("iterations", iterations, minimum=2)
    check_number("tolerance", tolerance, "(0, 1)")
    check_integer("seed", seed, minimum=0)
    model = model_of(model)
    check_model(model, "hessian_eigenvalue")
    if not model.trainable_variables:
        raise ValueError(f"`model` must have a trainable weight. Received: {model.name!r}")
    probe = Probe((x, y))
    probe.set_model(model)

    def hessian_product(weights: _Vector, others: Any, batch: Any, vector: _Vector) -> Any:
        def slope(points: _Vector) -> tuple[Any]:
            gradient = value_and_gradients(
                lambda inner: losses(model, inner, others, batch)[:1], points
            )[1][0]
            return (_dot(gradient, vector),)

        product = value_and_gradients(slope, weights)[1][0]
        return product, _dot(product, vector)

    def multiply(vector: _Vector) -> tuple[_Vector, float]:
        product, value = probe.call(hessian_product, vector)
        if not np.isfinite(float(value)):
            raise FloatingPointError(
                f"The loss of {model.name!r} has no finite second derivative at its weights. "
                f"Received: v . H v = {float(value)}"
            )
        return product, float(value)

    generator = keras.random.SeedGenerator(seed)
    start = [keras.random.normal(v.shape, seed=generator) for v in model.trainable_variables]
    found = _power_iteration(multiply, start, 0.0, iterations, tolerance)
    if found.value < 0:
        rest = max(iterations - found.iterations, iterations // 2)
        second = _power_iteration(multiply, start, found.value, rest, tolerance)
        used = found.iterations + second.iterations
        found = HessianEigenvalue(second.value, second.residual, used)
    if found.residual > tolerance * abs(found.value):
        warnings.warn(
            f"The power iteration has a residual of {found.residual:.2g} at the value "
            f"{found.value:.4g} after {found.iterations} iterations. Pass more `iterations`.",
            stacklevel=2,
        )
    return found


def _power_iteration(
    multiply: Callable[[_Vector], tuple[_Vector, float]],
    start: _Vector,
    shift: float,
    iterations: int,
    tolerance: float,
) -> HessianEigenvalue:
    """Return the eigenvalue of H that is the farthest from `shift`."""
    vector = _scaled(start, 1 / max(_length(start), 1e-30))
    value, residual = 0.0, np.inf
    for count in range(1, iterations + 1):
        product, value = multiply(vector)
        residual = _length([p - value * v for p, v in zip(product, vector, strict=True)])
        # The residual of a vector that is no eigenvector is large, so a first value of 0 goes on.
        if residual <= tolerance * abs(value):
            return HessianEigenvalue(value, residual, count)
        shifted = [p - shift * v for p, v in zip(product, vector, strict=True)]
        if (length := _length(shifted)) == 0:  # H is `shift` times the identity, or 0
            return HessianEigenvalue(value, residual, count)
        vector = _scaled(shifted, 1 / length)
    return HessianEigenvalue(value, residual, iterations)


def _dot(one: _Vector, other: _Vector) -> Any:
    products: list[Any] = [ops.sum(a * b) for a, b in zip(one, other, strict=True)]
    return sum(products)


def _length(vector: _Vector) -> float:
    return float(ops.sqrt(_dot(vector, vector)))


def _scaled(vector: _Vector, factor: float) -> _Vector:
    return [factor * each for each in vector]
