"""`ProximalStep`: the proximal operators of L1 and group lasso, in the training step."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from ..model_state import optimizer_updating
from ..training_hook import TrainingHook
from .kernels import PenalizedKernel


def soft_threshold(x: Any, threshold: Any) -> Any:
    """Return the proximal operator of L1: move each entry towards zero, at most to zero.

        x - clip(x, -threshold, threshold)  =  argmin over z of  |z - x|^2 / 2 + threshold * |z|_1

    >>> soft_threshold(ops.convert_to_tensor([3.0, -0.5, -2.0]), 1.0).numpy().tolist()
    [2.0, 0.0, -1.0]

    Reference: Parikh & Boyd, Proximal Algorithms, 2014, https://doi.org/10.1561/2400000003
    """
    return x - ops.clip(x, -threshold, threshold)


def block_soft_threshold(x: Any, threshold: Any, groups: tuple[int, ...]) -> Any:
    """Return the proximal operator of group lasso: shorten each group, at most to zero.

        x_g * max(1 - t / |x_g|_2, 0),    t = threshold * sqrt(n)

    for each group g of n entries. The axes in `groups` number the groups.

    >>> x = ops.convert_to_tensor([[3.0, 0.3], [4.0, 0.4]])
    >>> [[round(v, 4) for v in row] for row in
    ...  block_soft_threshold(x, 1.0 / math.sqrt(2), (1,)).numpy().tolist()]
    [[2.4, 0.0], [3.2, 0.0]]

    Reference: Yuan & Lin, Model Selection and Estimation in Regression with Grouped Variables,
    2006, https://doi.org/10.1111/j.1467-9868.2005.00532.x
    """
    within = [axis for axis in range(len(x.shape)) if axis not in groups]
    size = math.prod(x.shape[axis] for axis in within)
    # Divide by the largest entry, so that small squares do not vanish.
    largest = ops.max(ops.absolute(x), axis=within, keepdims=True) if within else ops.absolute(x)
    scaled = x / ops.where(largest > 0, largest, 1.0)
    length = largest * ops.sqrt(ops.sum(ops.square(scaled), axis=within, keepdims=True))
    limit = threshold * math.sqrt(size)
    dead = length <= limit  # false for NaN, which stays NaN
    return ops.where(dead, 0.0, x * (1 - limit / ops.where(dead, 1.0, length)))


class ProximalStep(TrainingHook):
    """A hook that thresholds kernels by strengths in scalar variables.

    If `masked`, `fix_support` can be called.
    """

    order = 0  # before an average of the weights

    def __init__(
        self,
        model: keras.Model,
        kernels: list[PenalizedKernel],
        groups: str,
        l1: Any | None,
        group_lasso: Any | None,
        *,
        masked: bool,
    ):
        self.model = model
        self.kernels = kernels
        self.watched = [kernel.variable for kernel in kernels]
        self.axes = [kernel.groups(groups) for kernel in kernels]
        self.l1, self.group_lasso = l1, group_lasso
        self.factor = keras.Variable(1.0, dtype="float32", trainable=False, name="factor")
        self.masks = [  # a weight is zero where its mask is false
            keras.Variable(np.ones(v.shape), dtype="bool", trainable=False, name="support")
            for v in (self.watched if masked else [])
        ]
        strengths = [strength for strength in (l1, group_lasso) if strength is not None]
        self.state = [self.factor, *strengths, *self.masks]

    def check_groups(self) -> None:
        """Raise a `ValueError` if the units of a kernel are unknown."""
        pairs = zip(self.kernels, self.axes, strict=True)
        if unknown := [kernel.variable.path for kernel, axes in pairs if axes is None]:
            raise ValueError(
                "`group_lasso` needs kernels with known units. Leave other layers out with "
                f"`exclude`, or use `l1` alone. Received: {', '.join(unknown)}"
            )

    def fix_support(self, masks: list[Any] | None = None) -> None:
        """Turn the penalty off, and fix the zeros of the weights, or of `masks`."""
        self.factor.assign(0.0)
        if masks is None:
            masks = [ops.convert_to_numpy(v) != 0 for v in self.watched]
        for mask, value in zip(self.masks, masks, strict=True):
            mask.assign(value)

    def after_update(self, variable, value):
        index = next(i for i, v in enumerate(self.watched) if v is variable)
        dtype = "float64" if variable.dtype == "float64" else "float32"
        rate = ops.cast(self._learning_rate(variable), dtype) * ops.cast(self.factor, dtype)
        w = ops.cast(value, dtype)
        if self.l1 is not None:
            w = soft_threshold(w, rate * ops.cast(self.l1, dtype))
        if self.group_lasso is not None and (axes := self.axes[index]) is not None:
            w = block_soft_threshold(w, rate * ops.cast(self.group_lasso, dtype), axes)
        if self.masks:
            w = ops.where(ops.convert_to_tensor(self.masks[index]), w, 0.0)
        return ops.cast(w, variable.dtype)

    def _learning_rate(self, variable: Any) -> Any:
        """Return the learning rate of the last update, or 0 if gradients were only accumulated."""
        optimizer = optimizer_updating(self.model, variable)
        rate = ops.convert_to_tensor(optimizer.learning_rate)
        if steps := optimizer.gradient_accumulation_steps:
            # Keras counts the iteration after it applies the constraints, hence the 1.
            updated = (ops.convert_to_tensor(optimizer._iterations) + 1) % steps == 0
            rate = ops.where(updated, rate, ops.zeros_like(rate))
        return rate
