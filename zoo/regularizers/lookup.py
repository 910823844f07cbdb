"""`get`: a penalty of this package from whatever Keras takes as a regularizer."""

from typing import Any

import keras

from .group_lasso import GroupLasso
from .hoyer import Hoyer
from .norms import L1, L1L2, L2
from .orthogonal import Orthogonal

__all__ = ["get"]

CLASSES = {cls.__name__: cls for cls in (L1, L2, L1L2, GroupLasso, Orthogonal, Hoyer)}
KERAS_NAMES = {
    "l1": L1,
    "l2": L2,
    "l1_l2": L1L2,
    "l1l2": L1L2,
    "OrthogonalRegularizer": Orthogonal,
    "orthogonal_regularizer": Orthogonal,
}
NAMES = {**CLASSES, **KERAS_NAMES}


def get(identifier: Any) -> Any:
    """Returns what `keras.regularizers.get` does, as a penalty whose strength can be changed.

    Args:
        identifier: `None`; a name of this package (`"GroupLasso"`) or of Keras (`"l2"`), for the
            class's defaults; a config, `{"class_name": ..., "config": {...}}`; a regularizer of
            Keras, which is translated; one of ours or any other callable, which is returned as it
            is.

    Raises:
        ValueError: the identifier is none of these.

    Example:

    >>> get("l2").get_config()
    {'l2': 0.01}
    >>> type(get(keras.regularizers.OrthogonalRegularizer(0.1))).__name__
    'Orthogonal'
    """
    if isinstance(identifier, type) and issubclass(identifier, keras.regularizers.Regularizer):
        identifier = identifier()  # as Keras does
    if identifier is None or type(identifier) in CLASSES.values():
        return identifier
    if isinstance(identifier, str):
        return _named(identifier)()
    if isinstance(identifier, dict):
        return _from_config(identifier)
    if type(identifier) in _translated():
        return _named(type(identifier).__name__).from_config(identifier.get_config())
    if callable(identifier):
        return identifier
    raise ValueError(
        "A regularizer must be None, a name, a config or a callable. "
        f"Received: {identifier!r} of type {type(identifier).__name__}"
    )


def _named(name: str) -> type[keras.regularizers.Regularizer]:
    try:
        return NAMES[name.removeprefix("occam>")]
    except KeyError:
        raise ValueError(
            f"Unknown regularizer {name!r}. The known ones: {', '.join(sorted(NAMES))}"
        ) from None


def _from_config(config: dict[str, Any]) -> Any:
    """Ours by its class name, or whatever else is registered with Keras."""
    if config.get("class_name") in NAMES:
        return _named(config["class_name"]).from_config(config.get("config", {}))
    return keras.regularizers.get(config)


def _translated() -> tuple[type, ...]:
    kinds = keras.regularizers
    return (kinds.L1, kinds.L2, kinds.L1L2, kinds.OrthogonalRegularizer)
