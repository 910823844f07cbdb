"""The search space: fields of `Regularization` as KerasTuner's hyperparameters."""

from collections.abc import Sequence
from typing import Any

import keras_tuner

from ..core.checks import check_type
from ..zoo.regularization import Choice, Regularization

__all__ = ["candidate_of", "check_space", "hyperparameters", "values_of"]


def check_space(space: Sequence[str], honoured: Sequence[str]) -> tuple[str, ...]:
    """The fields to search, or an error that lists those that there are.

    Args:
        space: names of fields of `Regularization`.
        honoured: those that the model and its training can honour.

    Raises:
        ValueError: no field, a field twice, or one that is not honoured.
    """
    if isinstance(space, str):
        raise ValueError(f"space must be a list of fields. Received: {space!r}")
    for name in space:
        check_type("space", name, str, "a list of names")
    if unable := [name for name in space if name not in honoured]:
        raise ValueError(
            f"Cannot search {', '.join(unable)}. "
            f"Fields that this model can honour: {', '.join(honoured)}"
        )
    if not space or len(set(space)) < len(space):
        raise ValueError(
            f"space must name at least one field, and each once. Received: {tuple(space)}"
        )
    return tuple(space)


def hyperparameters(space: Sequence[str]) -> keras_tuner.HyperParameters:
    """For each field whether it is on, and under that its value, in its range and on its scale.

    An on/off choice is needed because a logarithmic scale has no 0.

    >>> [parameter.name for parameter in hyperparameters(["l2"]).space]
    ['l2 on', 'l2']
    """
    hp = keras_tuner.HyperParameters()
    for name in space:
        strength = Regularization.strengths()[name]
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
    """`base` with the fields of `space` as the values of a trial say; what is off is off.

    >>> candidate_of({"l2 on": False}, ["l2"], Regularization(l2=1e-3, dropout=0.1))
    Regularization(dropout=0.1)
    """
    strengths = Regularization.strengths()
    return base.replace(**{n: values[n] if values[f"{n} on"] else strengths[n].off for n in space})


def values_of(regularization: Regularization, space: Sequence[str]) -> dict[str, Any]:
    """The inverse of `candidate_of`: the values of the trial that tries `regularization`.

    >>> values_of(Regularization(l2=1e-3), ["l2", "dropout"])
    {'l2 on': True, 'dropout on': False, 'l2': 0.001}
    """
    on = {name: value for name, value in regularization.on().items() if name in space}
    return {**{f"{name} on": name in on for name in space}, **on}
