"""`as_call`: a layer, penalty or constraint as the call that makes it, from its `config_of`."""

from typing import Any

__all__ = ["as_call", "config_of"]

# What every layer has, what follows from its place, and what is shown for itself.
_LEFT_OUT = {
    *("name", "trainable", "dtype", "seed", "num_classes", "layer", "branch", "value_range")
}


def as_call(part: Any) -> str:
    """The class's name and its own arguments; those that are `None` are left out.

    Args:
        part: anything with a `get_config`; a function is shown by its name, and one whose
            `get_config` does not work by that of its class.

    Example:

    >>> from occam.zoo.layers import Dropout
    >>> as_call(Dropout(0.5))
    'Dropout(rate=0.5)'
    """
    if not hasattr(part, "get_config"):
        return getattr(part, "__name__", repr(part))
    config = config_of(part)
    if config is None:
        return f"{type(part).__name__}(...)"
    own = {name: v for name, v in config.items() if name not in _LEFT_OUT and v is not None}
    if "terms" in own:
        return " + ".join(map(as_call, part.terms))
    return f"{type(part).__name__}({', '.join(f'{n}={_value(v)}' for n, v in own.items())})"


def config_of(part: Any) -> dict[str, Any] | None:
    """What `get_config` returns, or `None` for a function and where it raises.

    Keras asks for a `get_config` only of what is saved, and the base classes raise.
    """
    if not hasattr(part, "get_config"):
        return None
    try:
        return part.get_config()
    except Exception:  # user-defined layers and penalties may raise anything
        return None


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_value, value))})"
    return f"{value:.3g}" if isinstance(value, float) else repr(value)
