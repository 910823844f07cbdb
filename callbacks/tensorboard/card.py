"""The text card of a training: model, penalties, rates, optimizer, and what the user adds."""

import warnings
from collections.abc import Mapping
from typing import Any

import keras

__all__ = ["card"]

_RATES = ("rate", "drop_rate", "stddev")


def card(model: keras.Model, extra: str | Mapping[str, Any] | None = None) -> str:
    """A card in Markdown: what is trained, and what regularizes it.

    Args:
        model: a built and compiled one.
        extra: a text, or values by title, such as `{"Regularization": regularization}`.

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
        parts.append(f"**Loss:** {_name(model.loss)}")
    return "\n\n".join([*parts, _table(model)]) + "\n"


def _name(loss: Any) -> str:
    if isinstance(loss, str):
        return loss
    return getattr(loss, "name", None) or getattr(loss, "__name__", type(loss).__name__)


def _table(model: keras.Model) -> str:
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
    return "\n".join(rows) + "\n"


def _rates(layer: keras.Layer) -> list[str]:
    rates = {name: getattr(layer, name, None) for name in _RATES}
    return [f"{n} {float(r):g}" for n, r in rates.items() if isinstance(r, int | float)]


def _penalties(layer: keras.Layer) -> list[str]:
    found = []
    for weight in layer.trainable_weights:
        if weight.regularizer is not None:
            numbers = (f"{k} {v:g}" for k, v in _config(weight.regularizer) if isinstance(v, float))
            kind = getattr(weight.regularizer, "__name__", type(weight.regularizer).__name__)
            found.append(f"{weight.name}: {kind} {', '.join(numbers)}".strip())
    return list(dict.fromkeys(found))


def _config(regularizer: Any) -> Any:
    """The arguments of a regularizer, none of a function."""
    if not hasattr(regularizer, "get_config"):
        return {}.items()
    try:
        return regularizer.get_config().items()
    except Exception as error:  # user-defined regularizers may raise anything
        warnings.warn(
            f"TensorBoard: the card is without the strengths of {type(regularizer).__name__}, "
            f"whose get_config raises {type(error).__name__}: {error}",
            stacklevel=2,
        )
        return {}.items()


def _escape(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
