"""Make regularizers from names, configs and fields of `Regularization`, and add them up."""

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
    """Return a regularizer, as `keras.regularizers.get` does, but one with live strengths.

    Args:
        identifier: `None`; a name of this package (`"GroupLasso"`) or of Keras (`"l2"`), for the
            class with its defaults; a config, `{"class_name": ..., "config": {...}}`; a regularizer
            of Keras, which is translated; or any other callable, which is returned unchanged.

    Raises:
        ValueError: If `identifier` is something else.

    Example:

    >>> get("l2").get_config()
    {'l2': 0.01}
    >>> type(get(keras.regularizers.OrthogonalRegularizer(0.1))).__name__
    'Orthogonal'
    """
    if _is_class(identifier):
        identifier = identifier()  # as Keras does
    if isinstance(identifier, str):
        return _class(identifier)()
    if isinstance(identifier, dict):
        if identifier.get("class_name") in _known():
            return _class(identifier["class_name"]).from_config(identifier.get("config", {}))
        return keras.regularizers.get(identifier)
    name = type(identifier).__name__
    if name in _known() and type(identifier) is getattr(keras.regularizers, name, None):
        return _class(name).from_config(identifier.get_config())
    if identifier is None or callable(identifier):
        return identifier
    raise ValueError(
        "`identifier` must be None, a name, a config or a callable. "
        f"Received: {identifier!r} of type {type(identifier).__name__}"
    )


def _class(name: str) -> type[keras.regularizers.Regularizer]:
    known = _known()
    if name.removeprefix("occam>") not in known:
        raise ValueError(f"Unknown regularizer {name!r}. Known: {', '.join(sorted(known))}")
    return known[name.removeprefix("occam>")]


def _known() -> dict[str, type[keras.regularizers.Regularizer]]:
    """The classes of this package, as they are registered with Keras, and the names of Keras."""
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
    """Return the penalty that a `Regularization` puts on each kernel or hidden activation.

    It is the sum of the fields that are on, or `None` if all are off, by the classes and arguments
    declared in `zoo.regularization.declarations`.

    Args:
        regularization: The strengths.
        where: `"kernels"` or `"activations"`.
        units: The axis of the kernel along which its units lie.

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
    terms = [_declared(path)(**options) for path, options in arguments.items()]
    return Sum(terms) if len(terms) > 1 else next(iter(terms), None)


def _declared(path: str) -> type[keras.regularizers.Regularizer]:
    module, name = path.split(".")
    return getattr(importlib.import_module(f"..{module}", __name__), name)


@keras.saving.register_keras_serializable(package="occam")
class Sum(keras.regularizers.Regularizer):
    """The sum of several penalties on one tensor, where Keras takes a single regularizer.

        penalty = sum over terms of  term(W)

    The strengths stay live: `penalty.terms[0].l2 = 1e-4`.

    Args:
        terms: Regularizers, or anything that `zoo.regularizers.get` takes.

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
