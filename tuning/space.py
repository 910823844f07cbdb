"""The search space: fields of `Regularization` as hyperparameters of KerasTuner."""

from collections.abc import Sequence
from typing import Any

import keras_tuner

from ..core.checks import check_type, message
from ..zoo.regularization import Choice, Regularization


def check_space(space: Sequence[str], supported: Sequence[str]) -> tuple[str, ...]:
    """Return `space` as a tuple, or raise unless it has distinct fields among `supported`."""
    if isinstance(space, str):
        raise ValueError(message("space", space, "a list of fields"))
    for name in space:
        check_type("space", name, str, "a list of names")
    if unsupported := [name for name in space if name not in supported]:
        raise ValueError(
            f"`space` must be among the fields that the model supports, {', '.join(supported)}. "
            f"Received: {', '.join(unsupported)}"
        )
    if not space or len(set(space)) < len(space):
        raise ValueError(message("space", tuple(space), "one or more fields, each once"))
    return tuple(space)


def hyperparameters(space: Sequence[str]) -> keras_tuner.HyperParameters:
    """Return a switch for each field, and below it the value, in its range and on its scale.

    The switch is needed because a logarithmic scale has no 0.

    Example:

    >>> [parameter.name for parameter in hyperparameters(["l2"]).space]
    ['l2 on', 'l2']
    """
    hp = keras_tuner.HyperParameters()
    for name in space:
        strength = Regularization.fields()[name]
        hp.Boolean(f"{name} on")
        with hp.conditional_scope(f"{name} on", [True]):
            if isinstance(strength, Choice):
                hp.Choice(name, list(strength.options))
            else:
                hp.Float(name, *strength.search, sampling=strength.scale)
    return hp


def candidate_of(
    values: dict[str, Any], space: Sequence[str], base: Regularization
) -> Regularization:
    """Return `base` with the fields of `space` set by the values of a trial.

    Example:

    >>> candidate_of({"l2 on": False}, ["l2"], Regularization(l2=1e-3, dropout=0.1))
    Regularization(dropout=0.1)
    """
    fields = Regularization.fields()
    return base.replace(**{n: values[n] if values[f"{n} on"] else fields[n].off for n in space})


def values_of(regularization: Regularization, space: Sequence[str]) -> dict[str, Any]:
    """Return the values of the trial of `regularization`; the inverse of `candidate_of`.

    Example:

    >>> values_of(Regularization(l2=1e-3), ["l2", "dropout"])
    {'l2 on': True, 'dropout on': False, 'l2': 0.001}
    """
    on = {name: value for name, value in regularization.on().items() if name in space}
    return {**{f"{name} on": name in on for name in space}, **on}
