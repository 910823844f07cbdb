"""`as_call`: print a layer, penalty or constraint as a call of its constructor."""

from typing import Any

# Arguments of every layer, those that follow from the context, and those printed separately.
_HIDDEN = {"name", "trainable", "dtype", "seed", "num_classes", "layer", "branch", "value_range"}


def as_call(part: Any) -> str:
    """Return the class of an object and its arguments other than `None`, as source code.

    A function is printed as its name, and any other object without a config by `repr`.

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

    Keras needs `get_config` only for saving, and the method of its base classes raises.
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
