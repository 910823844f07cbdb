"""`card`: a text that describes a training: model, penalties, rates and optimizer."""

import warnings
from collections.abc import Mapping
from typing import Any

import keras

_RATES = ("rate", "drop_rate", "stddev")


def card(model: keras.Model, extra: str | Mapping[str, Any] | None = None) -> str:
    """Return a Markdown card with the layers of a model and their regularization.

    Args:
        model: A built model.
        extra: A text, or values by title, such as `{"Regularization": regularization}`.

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="head")])
    >>> print(card(model, {"Regularization": "none"}).splitlines()[-2])
    | head | Dense | (None, 2) | 10 |  |
    """
    own = {"Regularization": extra} if isinstance(extra, str) else extra or {}
    parts = [f"# {model.name}", *(f"**{title}:** {_escape(value)}" for title, value in own.items())]
    parts.append(f"**Parameters:** {model.count_params():,}")
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        decay = getattr(optimizer, "weight_decay", None)
        parts.append(f"**Optimizer:** {type(optimizer).__name__}, weight decay {decay or 0:g}")
        loss = model.loss
        name = loss if isinstance(loss, str) else getattr(loss, "name", None) or _name(loss)
        parts.append(f"**Loss:** {name}")
    rows = ["| layer | kind | output | parameters | regularization |", "|---|---|---|---|---|"]
    for layer in model.layers:
        cells = (
            layer.name,
            type(layer).__name__,
            str(getattr(getattr(layer, "output", None), "shape", "")),
            f"{layer.count_params():,}" if layer.built else "",
            ", ".join([*_rates(layer), *_penalties(layer)]),
        )
        rows.append("| " + " | ".join(map(_escape, cells)) + " |")
    return "\n\n".join([*parts, "\n".join(rows)]) + "\n\n"


def _name(function: Any) -> str:
    """Return the name of a function, or of the class of an object."""
    return getattr(function, "__name__", type(function).__name__)


def _rates(layer: keras.Layer) -> list[str]:
    rates = {name: getattr(layer, name, None) for name in _RATES}
    return [f"{n} {float(r):g}" for n, r in rates.items() if isinstance(r, int | float)]


def _penalties(layer: keras.Layer) -> list[str]:
    found = []
    for weight in layer.trainable_weights:
        if weight.regularizer is not None:
            config = _config(weight.regularizer)
            numbers = ", ".join(f"{k} {v:g}" for k, v in config.items() if isinstance(v, float))
            found.append(f"{weight.name}: {_name(weight.regularizer)} {numbers}".strip())
    return list(dict.fromkeys(found))


def _config(regularizer: Any) -> dict[str, Any]:
    """Return the arguments of a regularizer; a function has none."""
    try:
        return regularizer.get_config() if hasattr(regularizer, "get_config") else {}
    except Exception as error:  # user-defined regularizers may raise anything
        warnings.warn(
            f"TensorBoard: the card does not show the strengths of {type(regularizer).__name__}, "
            f"because its `get_config` raised {type(error).__name__}: {error}",
            stacklevel=2,
        )
        return {}


def _escape(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
