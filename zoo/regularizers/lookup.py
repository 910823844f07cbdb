"""Regularizers from names, configs and fields of `Regularization`, and their `Sum`."""

import importlib
from collections.abc import Sequence
from typing import Any

import keras

from ...core.checks import message
from ..regularization import Regularization
from .norms import L1, L1L2, L2
from .orthogonal import Orthogonal

_KERAS_NAMES = {
    "l1": L1,
    "l2": L2,
    "l1_l2": L1L2,
    "l1l2": L1L2,
    "OrthogonalRegularizer": Orthogonal,
    "orthogonal_regularizer": Orthogonal,
}


def get(identifier: Any) -> Any:
    """Return a regularizer as `keras.regularizers.get` does, but with live strengths.

    Args:
        identifier: A name of this package (`"GroupLasso"`) or of Keras (`"l2"`), for the class with
            its defaults; a config, `{"class_name": ..., "config": {...}}`; a regularizer of Keras,
            which is translated; or `None` or any other callable, which is returned unchanged.

    Raises:
        ValueError: If `identifier` is something else.

    Example:

    >>> get("l2").get_config()
    {'l2': 0.01}
    >>> type(get(keras.regularizers.OrthogonalRegularizer(0.1))).__name__
    'Orthogonal'
    """
    known = _known()
    if _is_class(identifier):
        identifier = identifier()  # as Keras does
    if isinstance(identifier, str):
        name = identifier.removeprefix("occam>")
        if name not in known:
            choices = ", ".join(sorted(known))
            raise ValueError(message("identifier", identifier, f"the name of one of {choices}"))
        return known[name]()
    if isinstance(identifier, dict):
        if (name := identifier.get("class_name")) in known:
            return known[name].from_config(identifier.get("config", {}))
        return keras.regularizers.get(identifier)
    name = type(identifier).__name__
    if name in known and type(identifier) is getattr(keras.regularizers, name, None):
        return known[name].from_config(identifier.get_config())
    if identifier is None or callable(identifier):
        return identifier
    raise ValueError(message("identifier", identifier, "None, a name, a config or a callable"))


def _known() -> dict[str, type[keras.regularizers.Regularizer]]:
    """The classes of this package that are registered with Keras, and the names of Keras."""
    ours = {
        name.removeprefix("occam>"): kind
        for name, kind in keras.saving.get_custom_objects().items()
        if name.startswith("occam>") and _is_class(kind)
    }
    return {**ours, **_KERAS_NAMES}


def _is_class(x: Any) -> bool:
    return isinstance(x, type) and issubclass(x, keras.regularizers.Regularizer)


def penalty_of(
    regularization: Regularization, where: str = "kernels", units: int = -1
) -> keras.regularizers.Regularizer | None:
    """Return the penalty of a `Regularization` on each kernel or hidden activation.

    It is the sum of the fields that are on, or `None` if all are off.

    Args:
        regularization: The strengths.
        where: `"kernels"` or `"activations"`.
        units: The axis of the units in the kernel.

    Example:

    >>> penalty_of(Regularization(l1=0.1, l2=0.2)).get_config()
    {'l1': 0.1, 'l2': 0.2}
    """
    arguments: dict[str, dict[str, Any]] = {}
    for name, penalty in regularization.penalties(where).items():
        if strength := getattr(regularization, name):
            options = arguments.setdefault(penalty.regularizer, dict(penalty.options))
            options[penalty.argument] = strength
            if penalty.units == "one axis":
                options["axis"] = units
    terms = []
    for path, options in arguments.items():
        module, name = path.split(".")
        terms.append(getattr(importlib.import_module(f"..{module}", __name__), name)(**options))
    return Sum(terms) if len(terms) > 1 else next(iter(terms), None)


@keras.saving.register_keras_serializable(package="occam")
class Sum(keras.regularizers.Regularizer):
    """The sum of several penalties on one tensor. Keras takes a single regularizer for each.

        penalty = sum over terms of  term(W)

    The strengths stay live: `penalty.terms[0].l2 = 1e-4`.

    Args:
        terms: Regularizers, or other arguments of `zoo.regularizers.get`.

    Shapes: As in the terms. Returns a scalar.

    Raises:
        ValueError: If there is no term, or a term is not a regularizer.

    Example:

    >>> from occam.zoo.regularizers import L1, L2
    >>> float(Sum([L1(1.0), L2(0.5)])(keras.ops.convert_to_tensor([1.0, -2.0])))
    5.5
    """

    def __init__(self, terms: Sequence[Any]):
        if not isinstance(terms, list | tuple) or not terms or None in terms:
            raise ValueError(message("terms", terms, "a list of one or more regularizers"))
        self.terms = [get(term) for term in terms]

    def __call__(self, x: Any) -> Any:
        return sum(term(x) for term in self.terms)

    def get_config(self) -> dict[str, Any]:
        return {"terms": [keras.saving.serialize_keras_object(term) for term in self.terms]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Sum":
        return cls([keras.saving.deserialize_keras_object(term) for term in config["terms"]])
