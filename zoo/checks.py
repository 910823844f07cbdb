"""The error for an argument of the wrong type, in one form for every entry point."""

import os
import reprlib
from typing import Any

__all__ = ["check_path", "check_type"]


def check_type(name: str, value: Any, types: type | tuple[type, ...], expected: str) -> None:
    """Raise a `TypeError` that names the argument, unless `value` is one of `types`.

    Args:
        name: of the argument.
        value: what was given.
        types: as in `isinstance`.
        expected: what the argument must be, in words.

    Example:

    >>> check_type("tier", ["light"], str, "a tier's name")
    Traceback (most recent call last):
    TypeError: tier must be a tier's name. Received: tier=['light']
    """
    if not isinstance(value, types):
        received = " ".join(reprlib.repr(value).split())  # arrays are long, on several lines
        raise TypeError(f"{name} must be {expected}. Received: {name}={received}")


def check_path(name: str, value: Any, *, optional: bool = False) -> None:
    """Raise a `TypeError` unless `value` is a path, or `None` where that is allowed."""
    if not (optional and value is None):
        otherwise = " or None" if optional else ""
        check_type(name, value, (str, os.PathLike), f"a path (a str or os.PathLike){otherwise}")
