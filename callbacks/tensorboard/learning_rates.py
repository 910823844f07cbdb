"""`LearningRates`: of a model's optimizers, at the step that they have come to."""

from typing import Any

import keras
from keras import ops

from ..traced_later import TracedLater
from ..training_hook import optimizers_in

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
        optimizers = [o for o in parts if isinstance(o, keras.optimizers.Optimizer)]
        several = len(parts) > 1 or hasattr(model.optimizer, "optimizers")
        self._names = [
            f"learning_rate_{o.name}" if several else "learning_rate" for o in optimizers
        ]

        def rates() -> Any:
            return ops.stack([ops.cast(o.learning_rate, "float32") for o in optimizers])

        # A schedule is a dozen small operations.
        self._rates = rates if model.run_eagerly else TracedLater(rates)

    def __call__(self) -> dict[str, float]:
        """The learning rates as they are now."""
        rates = ops.convert_to_numpy(self._rates()) if self._names else []
        return {name: float(rate) for name, rate in zip(self._names, rates, strict=True)}
