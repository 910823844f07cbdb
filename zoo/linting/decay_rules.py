"""Weight decay in the optimizer: twice, or where it does no good."""

from collections.abc import Iterator
from typing import Any

import keras

from .decay import decay_of
from .kinds import is_normalization
from .rule import Found, rule
from .strengths import as_text, l2_strength
from .training import Training
from .view import Place, View

__all__ = []


@rule("OCC201", "L2 together with decoupled decay")
def l2_and_decay(view: View, training: Training) -> Iterator[Found]:
    """Two kinds of shrinkage on one variable, of which no one knows the sum (needs `compiled`)."""
    for place, variable, decay in _decaying(view):
        if l2_strength(variable.regularizer):
            yield (
                place.path,
                f"`{variable.name}` is shrunk twice: {as_text(variable.regularizer)} in the loss, "
                f"and {_named(view)} decays it by {decay:g}.",
                "Keep one: the decay with Adam and its kin, either with SGD.",
            )


@rule("OCC202", "weight decay on normalization")
def decay_on_normalization(view: View, training: Training) -> Iterator[Found]:
    """Scales and offsets that are pulled towards 0 (needs `compiled`)."""
    for place, variable, decay in _decaying(view):
        if is_normalization(place.layer):
            yield (
                place.path,
                f"{_named(view)} decays `{variable.name}` by {decay:g}, which pulls the outputs "
                "of the normalization towards 0 and makes no weight simpler.",
                "Use occam.zoo.optimizers.AdamW, or exclude_from_weight_decay after each load.",
            )


def _decaying(view: View) -> Iterator[tuple[Place, Any, float]]:
    if view.optimizer is None:
        return
    for place in view.owners:
        for variable in place.variables:
            if view.trains(variable) and (decay := decay_of(view.optimizer, variable)):
                yield place, variable, decay


def _named(view: View) -> str:
    optimizer = view.optimizer
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    return type(optimizer).__name__
