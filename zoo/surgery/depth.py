"""`stochastic_depth`: residual sums whose branches are dropped in training."""

from collections.abc import Callable
from typing import Any

import keras

from .. import layers
from .copier import Copier
from .graph import Call
from .placer import Placer
from .residuals import ResidualSum, residual_sums
from .roles import is_sample_dropout

__all__ = ["stochastic_depth"]

_ASKED = ("stochastic_depth",)


def stochastic_depth(placer: Placer, final: float) -> None:
    """Plans a `StochasticDepth` in the place of each residual sum, with its name.

    The rates rise linearly from 0 at the first sum to exactly `final` at the last. Where a layer
    drops the branch already, whole samples at a time, another takes its place, and the sum stays; a
    `StochasticDepth` that is there already gets the new rate.

    Args:
        placer: what puts the layers into the model.
        final: the rate of the last sum.
    """
    sums = [one for graph in placer.graph.walk() for one in residual_sums(graph)]
    sums = [one for one in sums if not placer.skipped(one.call)]
    rates = layers.linear_depth_rates(final, len(sums)) if sums else ()
    for one, rate in zip(sums, rates, strict=True):
        if isinstance(one.call.operation, layers.StochasticDepth | layers.ResidualBranch):
            _set_rate(placer, one.call, rate)
        else:
            _gate(placer, one, rate)


def _set_rate(placer: Placer, call: Call, rate: float) -> None:
    operation = call.operation
    placer.edits.rates[id(operation)] = rate
    where = f"instead of rate {operation.rate:g}"
    placer.ledger.done(_ASKED, call.path, where, layers.StochasticDepth(rate))


def _gate(placer: Placer, one: ResidualSum, rate: float) -> None:
    before = one.graph.maker(one.branch)  # what drops the branch already, if anything
    drops = before and is_sample_dropout(before.operation) and not placer.skipped(before)
    if before and drops and len(one.graph.users(one.branch)) == 1:
        shape = (None, *(1,) * (len(one.branch.shape) - 1))
        placer.instead(_ASKED, before, layers.Dropout, rate, shape)
        return
    operation, call = one.call.operation, one.call
    name = operation.name
    if sum(each.operation is operation for each in one.graph.calls) > 1:
        name = placer.edits.name(one.graph, name)  # one layer sums in several places
    layer = placer.layer(layers.StochasticDepth, name, call.outputs[0], rate)
    placer.edits.rewired[id(call.node)] = _sum_by(layer, operation, call.inputs[0] is one.shortcut)
    placer.ledger.done(_ASKED, one.graph.join(name), "instead of a sum", layer)


def _sum_by(
    layer: layers.StochasticDepth, operation: Any, shortcut_first: bool
) -> Callable[..., Any]:
    """A call of `layer` in place of that of a sum, whatever form its arguments have."""

    def call(copier: Copier, *args: Any, **kwargs: Any) -> Any:
        pair = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)]
        total = layer(pair if shortcut_first else pair[::-1])
        is_layer = isinstance(operation, keras.layers.Layer)
        if is_layer or getattr(total, "_keras_mask", None) is None:
            return total
        return keras.ops.copy(total)  # like the operator `+`, without the mask

    return call
