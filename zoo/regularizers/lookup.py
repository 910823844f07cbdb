"""Make regularizers from names, configs and fields of `Regularization`, and add them up."""

import importlib
from collections.abc import Sequence
from typing import Any

import keras

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


def _import(path: str) -> type[keras.regularizers.Regularizer]:
    module, name = path.split(".")
    return getattr(importlib.import_module(f"..{module}", __name__), name)


# The import registers each declared class with Keras, which saved models need.
_DECLARED = {
    penalty.regularizer: _import(penalty.regularizer)
    for where in ("kernels", "activations")
    for penalty in Regularization.penalties(where).values()
}


def get(identifier: Any) -> Any:
    """Return a regularizer, as `keras.regularizers.get` does, but one with live strengths.

    Args:
        identifier: `None`; a name of this package (`"GroupLasso"`) or of Keras (`"l2"`), for the
            class with its defaults; a config, `{"class_name": ..., "config": {...}}`; a regularizer
            of Keras, which is translated; or any other callable, which is returned unchanged.

    Raises:
        ValueError: If `identifier` is none of these.

    Example:

    >>> get("l2").get_config()
    {'l2': 0.01}
    >>> type(get(keras.regularizers.OrthogonalRegularizer(0.1))).__name__
    'Orthogonal'
    """
    if isinstance(identifier, type) and issubclass(identifier, keras.regularizers.Regularizer):
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
        if name.startswith("occam>")
        and isinstance(kind, type)
        and issubclass(kind, keras.regularizers.Regularizer)
    }
    return {**ours, **_KERAS_NAMES}


def penalty_of(
    regularization: Regularization, where: str = "kernels", units: int = -1
) -> keras.regularizers.Regularizer | None:
    """Return the penalty that a `Regularization` puts on each kernel or hidden activation.

    It is the sum of the fields that are on, or `None` if all are off. The declarations in
    `zoo.regularization.penalties` say which class and arguments make the penalty of a field.

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
            given = arguments.setdefault(penalty.regularizer, dict(penalty.options))
            given[penalty.argument] = strength
            if penalty.units == "one axis":
                given["axis"] = units
    terms = [_DECLARED[path](**given) for path, given in arguments.items()]
    return Sum(terms) if len(terms) > 1 else next(iter(terms), None)


@keras.saving.register_keras_serializable(package="occam")
class Sum(keras.regularizers.Regularizer):
    """The sum of several penalties on one tensor, where Keras takes a single regularizer.

        penalty = sum over terms of  term(W)

    The strengths of the terms stay live: `penalty.terms[0].l2 = 1e-4`.

    Args:
        terms: Regularizers, or anything that `zoo.regularizers.get` takes.

    Shapes: Those of the terms. Returns a scalar.

    Raises:
        ValueError: If there is no term, or a term is not a regularizer.

    Example:

    >>> from occam.zoo.regularizers import L1, L2
    >>> float(Sum([L1(1.0), L2(0.5)])(keras.ops.convert_to_tensor([1.0, -2.0])))
    5.5
    """

    def __init__(self, terms: Sequence[Any]):
        if not isinstance(terms, list | tuple) or not terms or None in terms:
            raise ValueError(
                f"`terms` must be a list of one or more regularizers. Received: terms={terms!r}"
            )
        self.terms = [get(term) for term in terms]

    def __call__(self, x: Any) -> Any:
        return sum(term(x) for term in self.terms)

    def get_config(self) -> dict[str, Any]:
        return {"terms": [keras.saving.serialize_keras_object(term) for term in self.terms]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Sum":
        return cls([keras.saving.deserialize_keras_object(term) for term in config["terms"]])
