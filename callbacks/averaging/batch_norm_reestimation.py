"""`BatchNormReestimation`: validate with the statistics of the current weights, early on, too."""

import copy
import math
from typing import Any

import keras

from ...core.checks import check_integer
from .batch_norm_statistics import batch_norm_layers, check_data, reestimate_batch_norm

FORGOTTEN = 0.01  # the weight of the initial statistics at which they no longer matter


class BatchNormReestimation(keras.callbacks.Callback):
    """Give BatchNorm the statistics of the current weights while its moving averages are young.

    The moving averages begin with a mean of 0 and a variance of 1. After t updates they still
    contain these with a weight of

        momentum^t,

    74% after 30 steps with Keras' momentum of 0.99. Inference then normalizes by values that have
    little to do with the data: the validation loss rises although the model learns, and early
    stopping keeps the first weights.

    Until this weight is below 1%, this callback estimates the statistics from `data` before each
    validation of `fit`, or at the end of an epoch without one. The moving averages continue from
    there. Training itself, which normalizes by the statistics of a batch, stays the same.

    Without validation data, put it before callbacks that evaluate the model, such as `LossLedger`.

    Args:
        data: Training data without augmentation, as in `reestimate_batch_norm`.
        steps: The number of updates after which nothing is estimated anymore. By default that of
            the weight of 1%: 459 for a momentum of 0.99.
        batch_size: Batch size for `data`, if it is arrays.

    Raises:
        ValueError: If an argument is out of range, or the data can be iterated only once.

    Example: the statistics are exact after one step.

    >>> import numpy as np
    >>> x = np.array([[1.0], [2.0], [6.0]])
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(x, x, callbacks=[BatchNormReestimation(x)], verbose=0)
    >>> [round(float(np.ravel(value)[0]), 5) for value in model.get_weights()[2:]]
    [3.0, 4.66667]

    Reference: Wu & Johnson, Rethinking "Batch" in BatchNorm, 2021, section 3,
    https://arxiv.org/abs/2105.07576
    """

    def __init__(self, data: Any, *, steps: int | None = None, batch_size: int = 256):
        super().__init__()
        check_integer("steps", steps, minimum=0, optional=True)
        check_integer("batch_size", batch_size, minimum=1)
        self.data = check_data(data)
        self.steps = steps
        self.batch_size = batch_size
        self._until = 0
        self._in_fit = self._estimated = False

    def set_model(self, model):
        super().set_model(model)
        self._in_fit = False  # this may be `evaluate` or `predict`, after an exception in `fit`

    def on_train_begin(self, logs=None):
        self._until = _young_steps(self.model) if self.steps is None else self.steps
        self._in_fit = True

    def on_epoch_begin(self, epoch, logs=None):
        self._estimated = False

    def on_test_begin(self, logs=None):
        if self._in_fit:
            self._estimate()

    def on_epoch_end(self, epoch, logs=None):
        self._estimate()

    def on_train_end(self, logs=None):
        self._in_fit = False

    def _estimate(self) -> None:
        model: Any = self.model
        if not self._estimated and int(model.optimizer.iterations) < self._until:
            reestimate_batch_norm(model, self.data, batch_size=self.batch_size)
        self._estimated = True

    def get_state(self) -> dict[str, Any]:
        return {}  # a resumed training has the statistics in the model, the steps in the optimizer

    def set_state(self, state: dict[str, Any]) -> None:
        pass

    def __deepcopy__(self, memo):
        # A copy, as KerasTuner makes of callbacks, belongs to no training.
        duplicate = memo[id(self)] = copy.copy(self)
        vars(duplicate).update(_model=None, _in_fit=False)
        return duplicate


def _young_steps(model: keras.Model) -> int:
    """Return the number of updates after which the initial statistics are forgotten."""
    momenta = [layer.momentum for layer in batch_norm_layers(model)]
    return max(
        (math.ceil(math.log(FORGOTTEN) / math.log(m)) for m in momenta if 0 < m < 1), default=0
    )
