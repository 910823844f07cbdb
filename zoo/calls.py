"""`as_call`: a layer, penalty or constraint printed as the call of its constructor."""

from typing import Any

# Arguments that every layer has, that follow from the context, or that are printed separately.
_HIDDEN = {"name", "trainable", "dtype", "seed", "num_classes", "layer", "branch", "value_range"}


def as_call(part: Any) -> str:
    """Return the name of a class and its arguments other than `None`.

    Args:
        part: An object with a `get_config`. If that fails, only the class is named. A function is
            printed as its name.

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
    own = {name: v for name, v in config.items() if name not in _HIDDEN and v is not None}
    if "terms" in own:
        return " + ".join(map(as_call, part.terms))
    return f"{type(part).__name__}({', '.join(f'{n}={_value(v)}' for n, v in own.items())})"


def config_of(part: Any) -> dict[str, Any] | None:
    """Return the config of an object, or `None` if it has no `get_config` or this raises.

    Keras needs `get_config` for saving only, and the method of its base classes raises.
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
