"""`SharpnessProbe`: the rise of the data loss under small perturbations of the weights."""

from typing import Any

import keras
import numpy as np
from keras import ops

from ...core.checks import check_integer, check_number
from .probe import Probe, losses, value_and_gradients

_TINY = 1e-18  # its square is still a float32


class SharpnessProbe(Probe):
    """Log the rise of the data loss at random and at worst-case perturbations of the weights.

        sharpness/random = mean over directions d of  L(w + d) - L(w)
        sharpness/worst  = max over d of              L(w + d) - L(w)
        |d_f| <= rho |w_f|  for each filter f of each kernel

    A filter is a slice of a kernel along its last axis: the weights of one output unit of a dense
    layer or a convolution. A kernel is a trainable weight of rank 2 or more. Biases and the weights
    of normalization stay. Since the perturbation is relative to its filter, as in Li et al., the
    sharpness of a ReLU network does not change if its filters are scaled up and down by the same
    factor, unlike with an absolute distance (Dinh et al.). Keskar et al. use a box of half-width
    rho (|w_i| + 1) and divide the rise by 1 + L(w); here it is in units of the loss.

    Random directions are Gaussian and have the full length in each filter. The search for the worst
    case starts at the worst of them, because at w the gradient of a trained model is about 0. It
    takes `steps` steps to the point of the region that is farthest up the gradient,

        d_f <- rho |w_f| g_f / |g_f|,    g = grad L(w + d),

    which is projected gradient ascent with an infinite step size: exact for a linear loss, and
    never downwards for a convex one. The largest rise on the way is logged. It is a lower bound of
    the true maximum, at least 0 and at least the rise in each random direction.

    L is the compiled data loss, with its label smoothing and without the penalty, in inference
    mode, at the end of the epoch. All measurements use the same directions, so that curves over the
    epochs are comparable. The callback does not change the training.

    Cost: 2 + `directions` + `steps` forward and `steps` backward passes over `data`, and their
    compilation, once per `fit`. A few hundred samples are enough.

    Args:
        data, every: As in `GradientNorms`.
        rho: The relative size of the perturbation.
        directions: The number of random directions.
        steps: The number of steps to the worst case.
        seed: The seed of the directions.

    Raises:
        ValueError: As in `GradientNorms`, or if the model has no trainable kernel.
        RuntimeError: If the backend is neither TensorFlow nor JAX.

    Attributes:
        values: The last measured values by name.

    Example: the loss (w - 1)^2 at its minimum, w = 1, rises by rho^2.

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(
    ...     1, use_bias=False, kernel_initializer="ones")])
    >>> model.compile(keras.optimizers.SGD(0.0), "mse")
    >>> one = np.ones((1, 1))
    >>> history = model.fit(
    ...     one, one, verbose=0, callbacks=[SharpnessProbe((one, one), rho=0.5)]).history
    >>> history["sharpness/random"], history["sharpness/worst"]
    ([0.25], [0.25])

    Reference: Keskar et al., On Large-Batch Training for Deep Learning: Generalization Gap and
    Sharp Minima, 2017, https://arxiv.org/abs/1609.04836; Li et al., Visualizing the Loss Landscape
    of Neural Nets, 2018, https://arxiv.org/abs/1712.09913; Dinh et al., Sharp Minima Can Generalize
    For Deep Nets, 2017, https://arxiv.org/abs/1703.04933
    """

    def __init__(
        self,
        data: tuple[Any, ...],
        *,
        rho: float = 0.01,
        directions: int = 3,
        steps: int = 5,
        seed: int = 0,
        every: int = 1,
    ):
        super().__init__(data, every=every)
        check_number("rho", rho, "(0, inf)")
        check_integer("directions", directions, minimum=1)
        check_integer("steps", steps, minimum=1)
        check_integer("seed", seed, minimum=0)
        self.rho = float(rho)
        self.directions = directions
        self.steps = steps
        self.seed = seed

    def measure(self):
        if not any(map(is_kernel, self.model.trainable_variables)):
            raise ValueError(
                "SharpnessProbe needs a trainable weight of rank 2 or more. "
                f"Received: model={self.model.name!r} without one"
            )
        generator = keras.random.SeedGenerator(self.seed)
        shapes = [v.shape for v in self.model.trainable_variables]
        drawn = [
            [keras.random.normal(shape, seed=generator) for shape in shapes]
            for _ in range(self.directions)
        ]
        here = self._rise([ops.zeros(shape) for shape in shapes], 0.0)
        rises = [self._rise(direction, here) for direction in drawn]
        climbed = self._climb(drawn[int(np.argmax(rises))], here)
        return {
            "sharpness/random": float(np.mean(rises)),
            "sharpness/worst": float(np.max([0.0, *rises, *climbed])),
        }

    def _rise(self, direction: list[Any], here: float) -> float:
        return float(self.call(self._loss, direction, self.rho)) - here

    def _climb(self, direction: list[Any], here: float) -> list[float]:
        """Return the rises on the way to the worst case."""
        rises = []
        for _ in range(self.steps):
            loss, direction = self.call_scaled(self._uphill, direction, self.rho)
            rises.append(float(loss) - here)
        return [*rises, self._rise(direction, here)]

    def _loss(self, weights: Any, others: Any, batch: Any, direction: Any, rho: Any) -> Any:
        return losses(self.model, _perturbed(weights, direction, rho), others, batch)[0]

    def _uphill(
        self, weights: Any, others: Any, batch: Any, direction: Any, rho: Any, scale: Any
    ) -> tuple[Any, list[Any]]:
        """Return the loss at a perturbation, and its gradient there."""
        points = _perturbed(weights, direction, rho)
        (loss,), (gradient,) = value_and_gradients(
            lambda points: losses(self.model, points, others, batch)[:1], points, scale
        )
        return loss, gradient


def filter_normalized(weights: list[Any], direction: list[Any]) -> list[Any]:
    """Return a direction whose filters have the norms of those of the weights, float32.

        d_f <- |w_f| d_f / |d_f|  for each filter f of each kernel, 0 for all other weights

    Reference: Li et al., Visualizing the Loss Landscape of Neural Nets, 2018, section 4,
    https://arxiv.org/abs/1712.09913
    """
    return [
        _norm(w) * d / ops.maximum(_norm(d), _TINY)
        if is_kernel(w)
        else ops.zeros(w.shape, "float32")
        for w, d in zip(weights, direction, strict=True)
    ]


def _perturbed(weights: list[Any], direction: list[Any], rho: Any) -> list[Any]:
    """Return w + d, where d has the length rho |w_f| in each filter."""
    changes = filter_normalized(weights, direction)
    return [w + ops.cast(rho * d, w.dtype) for w, d in zip(weights, changes, strict=True)]


def _norm(kernel: Any) -> Any:
    """Return the norm of each filter, along the last axis."""
    kernel = ops.cast(kernel, "float32")
    axes = tuple(range(len(kernel.shape) - 1))
    return ops.sqrt(ops.sum(ops.square(kernel), axis=axes, keepdims=True))


def is_kernel(weight: Any) -> bool:
    """Return whether a weight has filters: slices along its last axis."""
    return len(weight.shape) >= 2
