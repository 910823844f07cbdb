"""`constants`: which channels have one value, whatever the model is given."""

from collections.abc import Mapping, Sequence

import numpy as np

from .elementwise import is_elementwise
from .graph import Step, Value
from .kernels import Kernel
from .links import Link, activated

__all__ = ["constants"]


def constants(
    roles: Sequence[tuple[Step, Kernel | Link | str]], threshold: float
) -> dict[Value, np.ndarray]:
    """The constant that each channel is at all places, NaN for those that are none.

    A unit without weights is `activation(bias)`; layers that keep channels apart make another
    constant of it, unless the border gets zeros from outside.

    Args:
        roles: the steps in their order, with what they are to channels.
        threshold: weights of a normalization up to it count as 0.
    """
    known: dict[Value, np.ndarray] = {}
    for step, role in roles:
        if isinstance(role, Kernel) and is_elementwise(step.operation.activation):
            dead = role.unit_sizes() == 0
            values = np.where(dead, activated(step.operation, role.bias), np.nan)
        elif isinstance(role, Link):
            values = _through(role, known, threshold)
        else:
            continue
        known[step.outputs[0]] = np.where(np.isfinite(values), values, np.nan)
    return known


def _through(link: Link, known: Mapping[Value, np.ndarray], threshold: float) -> np.ndarray:
    fixed = link.fixed(threshold)
    step = link.step
    given = [known.get(value, np.full(value.channels, np.nan)) for value in step.inputs]
    constant, zero = np.ones(len(fixed), bool), np.zeros(len(fixed), bool)
    for values, source in zip(given, link.sources, strict=True):
        if source is None:
            constant[:] = False
        else:
            of_source = np.where(source >= 0, values[source], 0.0)
            constant &= ~np.isnan(of_source)
            zero |= (of_source == 0) & (step.kind == "Multiply")
    if not (constant | zero).any():
        return fixed
    values = np.where(constant | zero, _evaluated(step, given), np.nan)
    return np.where(np.isnan(fixed), values, fixed)


def _evaluated(step: Step, given: list[np.ndarray]) -> np.ndarray:
    """The output's channels where they are the same at all places, with 0 for what varies."""
    arrays = {
        value: np.broadcast_to(np.nan_to_num(values) if len(values) else 0.0, value.sizes)
        for value, values in zip(step.inputs, given, strict=True)
    }
    output = step.evaluate(arrays)
    output = output.reshape(-1, output.shape[-1])
    if not len(output):
        return np.full(output.shape[-1], np.nan)
    same = np.isclose(output, output[:1], rtol=1e-6, atol=0).all(axis=0)
    return np.where(same, output[0], np.nan)
