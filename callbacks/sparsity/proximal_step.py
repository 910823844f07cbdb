"""`ProximalStep`: the part of `ProximalPenalty` that is in the graph of the training step."""

from typing import Any

import keras
import numpy as np
from keras import ops

from ..model_state import optimizer_updating
from ..training_hook import TrainingHook
from .kernels import Kernel
from .shrinkage import block_soft_threshold, soft_threshold

__all__ = ["ProximalStep"]


class ProximalStep(TrainingHook):
    """Thresholds kernels after each update of the optimizer.

    Args:
        model: compiled.
        kernels: those that are thresholded.
        groups: "outputs" or "inputs".
        l1, group_lasso: the strengths, scalar variables; None: not part of the graph.
        masked: whether the support can be fixed; it then is part of the graph.

    Attributes:
        masks: variables of the kernels' shapes: where they are false a weight is zero.
    """

    order = 0  # before an average sees the weights

    def __init__(
        self,
        model: keras.Model,
        kernels: list[Kernel],
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
        self.on = keras.Variable(1.0, dtype="float32", trainable=False, name="on")
        self.masks = [
            keras.Variable(np.ones(v.shape), dtype="bool", trainable=False, name="support")
            for v in (self.watched if masked else [])
        ]
        strengths = [strength for strength in (l1, group_lasso) if strength is not None]
        self.state = [self.on, *strengths, *self.masks]

    def check_groups(self) -> None:
        """Raises a ValueError that names the kernels whose groups are not known."""
        pairs = zip(self.kernels, self.axes, strict=True)
        if unknown := [kernel.variable.path for kernel, axes in pairs if axes is None]:
            raise ValueError(
                "ProximalPenalty: the units of these kernels are not known: leave their layers out "
                f"with `exclude`, or penalize them by `l1` alone. Received: {', '.join(unknown)}"
            )

    def fix_support(self, masks: list[Any] | None = None) -> None:
        """Puts the penalty off, and lets the weights stay zero that are so now, or in `masks`."""
        self.on.assign(0.0)
        given = [ops.convert_to_numpy(v) != 0 for v in self.watched] if masks is None else masks
        for mask, value in zip(self.masks, given, strict=True):
            mask.assign(value)

    def after_update(self, variable, value):
        index = next(i for i, v in enumerate(self.watched) if v is variable)
        dtype = "float64" if variable.dtype == "float64" else "float32"
        rate = ops.cast(self._learning_rate(variable), dtype) * ops.cast(self.on, dtype)
        w = ops.cast(value, dtype)
        if self.l1 is not None:
            w = soft_threshold(w, rate * ops.cast(self.l1, dtype))
        if self.group_lasso is not None and (axes := self.axes[index]) is not None:
            w = block_soft_threshold(w, rate * ops.cast(self.group_lasso, dtype), axes)
        if self.masks:
            w = ops.where(ops.convert_to_tensor(self.masks[index]), w, 0.0)
        return ops.cast(w, variable.dtype)

    def _learning_rate(self, variable: Any) -> Any:
        """That of the update that has just happened; 0 if gradients were only accumulated."""
        optimizer = optimizer_updating(self.model, variable)
        rate = ops.convert_to_tensor(optimizer.learning_rate)
        if steps := optimizer.gradient_accumulation_steps:
            # Counted after the constraints are applied, hence the 1.
            updated = (ops.convert_to_tensor(optimizer._iterations) + 1) % steps == 0
            rate = ops.where(updated, rate, ops.zeros_like(rate))
        return rate
