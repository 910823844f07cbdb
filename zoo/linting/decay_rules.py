"""OCC2: weight decay in the optimizer, applied twice or to normalization."""

from collections.abc import Iterator
from typing import Any

import keras

from ...core.layer_kinds import is_normalization
from ..calls import as_call
from ..optimizers import AdamW
from .penalty_rules import strength
from .rule import Found, Training, rule
from .view import View


@rule("OCC201", "L2 together with decoupled decay")
def l2_and_decay(view: View, training: Training) -> Iterator[Found]:
    """Two kinds of shrinkage on one variable (needs `compiled`)."""

    def twice(variable: Any) -> Any:
        decay, penalty = _decay(view, variable), variable.regularizer
        return decay and strength(penalty, "l2") and (as_call(penalty), decay)

    for place, names, (penalty, decay) in view.variables(twice):
        yield (
            place.path,
            f"{penalty} in the loss and {_named(view)}'s decay of {decay:g} both shrink {names}.",
            "Keep one: with Adam and its variants the decay, with SGD either.",
        )


@rule("OCC202", "weight decay on normalization")
def decay_on_normalization(view: View, training: Training) -> Iterator[Found]:
    """Weight decay on scales and offsets (needs `compiled`)."""
    for place, names, decay in view.variables(lambda variable: _decay(view, variable)):
        if is_normalization(place.layer):
            yield (
                place.path,
                f"{_named(view)} decays {names} by {decay:g}, which pulls the outputs of the "
                "normalization towards 0 and has no regularizing effect.",
                "Use occam.zoo.optimizers.AdamW, or exclude_from_weight_decay after each load.",
            )


def _decay(view: View, variable: Any) -> float:
    if view.optimizer is None or not view.trains(variable):
        return 0.0
    return decay_of(view.optimizer, variable)


def _named(view: View) -> str:
    optimizer = view.optimizer
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    return type(optimizer).__name__


def decay_of(optimizer: Any, variable: Any) -> float:
    """Return the decoupled weight decay of one variable, or 0.

        W <- W - learning_rate * decay * W

    Keras' optimizers decay every variable unless `exclude_from_weight_decay` was called;
    `occam.zoo.optimizers.AdamW` decides by a policy.

    >>> kernel = keras.Variable([[1.0]], name="kernel")
    >>> decay_of(keras.optimizers.SGD(weight_decay=0.1), kernel)
    0.1
    >>> decay_of(keras.optimizers.SGD(), kernel)
    0.0
    """
    # `_optimizer_map`, `_should_use_adamw` and `_use_weight_decay` are private in Keras 3.15.
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
    # Keras compares patterns with the name of the backend's variable.
    return optimizer._use_weight_decay(variable.value if on_tensorflow else variable)
