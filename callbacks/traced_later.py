"""`TracedLater`: many small operations, which become one graph once that pays."""

from collections.abc import Callable
from typing import Any

import keras

__all__ = ["TracedLater"]

_CALLS = 5


class TracedLater:
    """A function of variables: on TensorFlow operation by operation at first, then as a graph.

    The regularizers of a `resnet20`, once an epoch, take 40 ms, and 1 ms as a graph, which to trace
    takes 370 ms: a training of a few epochs does without.

    Args:
        function: without arguments, which may be traced.

    >>> weight = keras.Variable(1.0)
    >>> double = TracedLater(lambda: 2 * weight)
    >>> [(weight.assign(n), float(double()))[1] for n in range(8)]
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0]
    """

    def __init__(self, function: Callable[[], Any]):
        self._function = function
        self._calls = 0

    def __call__(self) -> Any:
        if self._calls == _CALLS and keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            self._function = tf.function(self._function, autograph=False)
        self._calls += 1
        return self._function()
