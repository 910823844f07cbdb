"""Weight decay in the optimizer: twice, or where it does no good."""

from collections.abc import Iterator
from typing import Any

import keras

from .decay import decay_of
from .kinds import is_normalization
from .rule import Found, rule
from .strengths import as_text, l2_strength
from .training import Training
from .view import View

__all__ = []


@rule("OCC201", "L2 together with decoupled decay")
def l2_and_decay(view: View, training: Training) -> Iterator[Found]:
    """Two kinds of shrinkage on one variable, of which no one knows the sum (needs `compiled`)."""

    def twice(variable: Any) -> Any:
        decay = _decay(view, variable)
        return (
            decay and l2_strength(variable.regularizer) and (as_text(variable.regularizer), decay)
        )

    for place, names, (penalty, decay) in view.variables(twice):
        yield (
            place.path,
            f"{penalty} in the loss and {_named(view)}'s decay of {decay:g} both shrink {names}.",
            "Keep one: the decay with Adam and its kin, either with SGD.",
        )


@rule("OCC202", "weight decay on normalization")
def decay_on_normalization(view: View, training: Training) -> Iterator[Found]:
    """Scales and offsets that are pulled towards 0 (needs `compiled`)."""
    for place, names, decay in view.variables(lambda variable: _decay(view, variable)):
        if is_normalization(place.layer):
            yield (
                place.path,
                f"{_named(view)} decays {names} by {decay:g}, which pulls the outputs of the "
                "normalization towards 0 and makes no weight simpler.",
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
