"""`decay_of`: how much of a variable an optimizer takes away at each update, gradient or not."""

from typing import Any

import keras

from ..optimizers import AdamW

__all__ = ["decay_of"]


def decay_of(optimizer: Any, variable: Any) -> float:
    """The decoupled weight decay of one variable, 0 if it has none.

        W <- W - learning_rate * decay * W

    Every optimizer of Keras does this to every variable, if it has a `weight_decay` and
    `exclude_from_weight_decay` was not called; `occam.zoo.optimizers.AdamW` has a policy.

    >>> kernel = keras.Variable([[1.0]], name="kernel")
    >>> decay_of(keras.optimizers.SGD(weight_decay=0.1), kernel)
    0.1
    >>> decay_of(keras.optimizers.SGD(), kernel)
    0.0
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return decay_of(optimizer.inner_optimizer, variable)
    if isinstance(optimizer, keras.optimizers.MultiOptimizer):
        return decay_of(optimizer._optimizer_map(variable), variable)
    rate = optimizer.weight_decay
    if isinstance(optimizer, keras.optimizers.Muon) and optimizer._should_use_adamw(variable):
        rate = optimizer.adam_weight_decay
    return float(rate) if rate and _decays(optimizer, variable) else 0.0


def _decays(optimizer: Any, variable: Any) -> bool:
    if isinstance(optimizer, AdamW):
        return optimizer.decays(variable)
    on_tensorflow = keras.backend.backend() == "tensorflow"
    # What Keras hands over here, too: patterns are compared with the name of one or the other.
    return optimizer._use_weight_decay(variable.value if on_tensorflow else variable)
