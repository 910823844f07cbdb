"""Argument checks, with one form of message for all entry points."""

import math
import numbers
import os
import re
import reprlib
from collections.abc import Collection
from typing import Any


def check_type(name: str, value: Any, types: type | tuple[type, ...], expected: str) -> None:
    """Raise a `TypeError` unless `value` is an instance of `types`, in words `expected`.

    >>> check_type("tier", ["light"], str, "the name of a tier")
    Traceback (most recent call last):
    TypeError: `tier` must be the name of a tier. Received: tier=['light']
    """
    if not isinstance(value, types):
        raise TypeError(message(name, value, expected))


def check_path(name: str, value: Any, *, optional: bool = False) -> None:
    """Raise a `TypeError` unless `value` is a path (or `None`, if `optional`)."""
    if not (optional and value is None):
        check_type(name, value, (str, os.PathLike), "a path" + " or None" * optional)


def check_bool(name: str, value: Any, *, optional: bool = False) -> None:
    """Raise a `TypeError` unless `value` is a bool (or `None`, if `optional`)."""
    if not (optional and value is None):
        check_type(name, value, bool, "True or False" if not optional else "True, False or None")


def check_integer(
    name: str,
    value: Any,
    minimum: int | None = None,
    maximum: int | None = None,
    *,
    optional: bool = False,
) -> None:
    """Raise a `ValueError` unless `value` is an integer from `minimum` to `maximum`.

    A bool is not an integer. A minimum or maximum of `None` is no limit, and `optional` allows a
    value of `None`.

    >>> check_integer("patience", True, minimum=1)
    Traceback (most recent call last):
    ValueError: `patience` must be an integer >= 1. Received: patience=True
    """
    if optional and value is None:
        return
    integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    low = -math.inf if minimum is None else minimum
    high = math.inf if maximum is None else maximum
    if not integer or not low <= value <= high:
        if minimum is not None and maximum is not None:
            expected = f"an integer from {minimum} to {maximum}"
        elif minimum is not None:
            expected = f"an integer >= {minimum}"
        else:
            expected = "an integer" if maximum is None else f"an integer <= {maximum}"
        raise ValueError(message(name, value, expected + " or None" * optional))


_INTERVAL = re.compile(r"([\[(])(\S+), (\S+)([\])])")


def check_number(name: str, value: Any, interval: str, *, optional: bool = False) -> None:
    """Raise a `ValueError` unless `value` is a real number in `interval`.

    A bool is not a number. The interval is in mathematical notation, such as `"[0, 1)"` or
    `"(0, inf)"`. It never contains NaN. `optional` allows `None`.

    >>> check_number("rate", 1.5, "[0, 1)")
    Traceback (most recent call last):
    ValueError: `rate` must be a number in [0, 1). Received: rate=1.5
    """
    if optional and value is None:
        return
    left, low, high, right = _INTERVAL.fullmatch(interval).groups()  # pyright: ignore[reportOptionalMemberAccess]
    low, high = float(low), float(high)
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not (
        (low <= value if left == "[" else low < value)
        and (value <= high if right == "]" else value < high)
    ):
        raise ValueError(message(name, value, f"a number in {interval}" + " or None" * optional))


def check_one_of(name: str, value: Any, choices: Collection[Any]) -> None:
    """Raise a `ValueError` unless `value` is one of `choices`.

    >>> check_one_of("mode", "maximum", ("auto", "min", "max"))
    Traceback (most recent call last):
    ValueError: `mode` must be one of 'auto', 'min', 'max'. Received: mode='maximum'
    """
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise ValueError(message(name, value, f"one of {', '.join(map(repr, choices))}"))


def message(name: str, value: Any, expected: str) -> str:
    """Return the error message for an argument with an invalid value."""
    received = " ".join(reprlib.repr(value).split())  # arrays are long and span several lines
    return f"`{name}` must be {expected}. Received: {name}={received}"
