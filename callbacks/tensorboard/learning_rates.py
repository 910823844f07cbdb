"""`LearningRates`: of a model's optimizers, at the step that they have come to."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from ..model_state import optimizers_in
from ..variables import TracedLater

__all__ = ["LearningRates"]


class LearningRates:
    """The learning rates by the names under which Keras logs them.

    Args:
        model: compiled, whose optimizer stays the same from call to call.

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.25), "mse")
    >>> LearningRates(model)()
    {'learning_rate': 0.25}
    """

    def __init__(self, model: keras.Model):
        parts = optimizers_in(model.optimizer)
        self._optimizers = [o for o in parts if isinstance(o, keras.optimizers.Optimizer)]
        self._several = len(parts) > 1 or hasattr(model.optimizer, "optimizers")
        self._graphs: dict[Any, Callable[[], Any]] = {}  # of an optimizer's schedule

    def __call__(self) -> dict[str, float]:
        """The learning rates as they are now."""
        return {
            f"learning_rate_{o.name}" if self._several else "learning_rate": self._rate(o)
            for o in self._optimizers
        }

    def _rate(self, optimizer: Any) -> float:
        schedule = optimizer._learning_rate
        # A dozen small operations; a schedule of the user's own may do what cannot be traced.
        if isinstance(schedule, LearningRateSchedule) and _of_keras(schedule):
            key = (id(optimizer), id(schedule))
            if key not in self._graphs:
                self._graphs[key] = TracedLater(lambda: schedule(optimizer.iterations))
            return float(ops.convert_to_numpy(self._graphs[key]()))
        return float(ops.convert_to_numpy(optimizer.learning_rate))


def _of_keras(schedule: LearningRateSchedule) -> bool:
    return type(schedule).__module__.startswith("keras.")
