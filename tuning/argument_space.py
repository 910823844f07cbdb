"""`ArgumentSpace`: arguments of the training and options of the model as hyperparameters."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import keras_tuner

from ..core.checks import check_integer, check_number, check_type, message
from .penalty_space import declared_otherwise

_EXPECTED = "a list of choices, or a tuple of the smaller and the larger end of a range"


class ArgumentSpace:
    """Search arguments that all candidates share otherwise: of the training, or of the model.

    Each argument is a hyperparameter of its name: a Choice from a list, or an Int or a Float in a
    range on a logarithmic scale. A Choice of anything but numbers, strings or bools of one type,
    such as the widths of layers, has its values in JSON. The default of a hyperparameter is the
    value that the argument has otherwise, if that is in the search.

    Args:
        search: A list of choices or the ends of a range for each name.
        training: The arguments of the training and their values if they are not searched, among
            them `epochs` and `batch_size`.
        options: The same of the model.
        fixed: The arguments of the training that cannot be searched, and why.

    Raises:
        TypeError: If `search` or a part of it has the wrong type.
        ValueError: If a name is unknown, a list has a choice twice, or a range is not positive.

    Example:

    >>> search = {"learning_rate": (1e-4, 1e-2), "units": [(64,), (64, 64)]}
    >>> training = {"learning_rate": 5e-3, "epochs": 50, "batch_size": 100}
    >>> space = ArgumentSpace(search, training, options={"units": (512, 512)})
    >>> hp = keras_tuner.HyperParameters()
    >>> space.training(hp), space.options(hp)
    ({'learning_rate': 0.005, 'epochs': 50, 'batch_size': 100}, {'units': (64,)})
    >>> hp.values  # of a trial
    {'learning_rate': 0.005, 'units': '[64]'}
    """

    def __init__(
        self,
        search: Mapping[str, Any] | None,
        training: Mapping[str, Any],
        options: Mapping[str, Any],
        fixed: Mapping[str, str] | None = None,
    ):
        expected = "a mapping from names of arguments to their values, or None"
        check_type("search", search, (Mapping, type(None)), expected)
        self.search, self._training, self._options = dict(search or {}), training, options
        for name, reason in (fixed or {}).items():
            if name in self.search:
                raise ValueError(
                    f"`search` must not have {name!r}, since {reason}. "
                    f"Received: search={{{name!r}: {self.search[name]!r}}}"
                )
        names = {**training, **options}
        if unknown := [name for name in self.search if name not in names]:
            raise ValueError(
                f"`search` must only have names among {', '.join(names)}. "
                f"Received: {', '.join(unknown)}"
            )
        self._texts: dict[str, dict[str, Any]] = {}  # the choices by their text in JSON
        for name, values in self.search.items():
            if isinstance(values, list):
                self._check_choices(name, values)
            else:
                _check_range(name, values)
            for value in values:
                if name in ("epochs", "batch_size"):
                    check_integer(f"search[{name!r}]", value, minimum=1)
                elif name == "learning_rate":
                    check_number(f"search[{name!r}]", value, "(0, inf)")

    def training(self, hp: keras_tuner.HyperParameters) -> dict[str, Any]:
        """Return all arguments of the training of a trial, and declare what is searched."""
        searched = self._declare(hp)
        return {name: searched.get(name, value) for name, value in self._training.items()}

    def options(self, hp: keras_tuner.HyperParameters) -> dict[str, Any]:
        """Return the searched options of the model of a trial, and declare what is searched."""
        return {name: v for name, v in self._declare(hp).items() if name in self._options}

    def decoded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return hyperparameters with the values of arguments in the place of their texts."""
        return {name: self._texts.get(name, {}).get(each, each) for name, each in values.items()}

    def encoded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inverse of `decoded`."""
        return {n: _text(each) if n in self._texts else each for n, each in values.items()}

    def samples(self) -> Iterator[tuple[str, Any, keras_tuner.HyperParameters]]:
        """Yield the name and each value, or end of the range, of searched options of the model.

        The hyperparameters have this value, and all others their defaults.
        """
        for name in self.search:
            for value in self.search[name] if name in self._options else ():
                hp = keras_tuner.HyperParameters()
                hp.values[name] = _text(value) if name in self._texts else value
                yield name, value, hp

    def to_dict(self) -> dict[str, Any]:
        """Return what is searched as JSON values."""
        return {
            name: values if isinstance(values, list) else {"from": values[0], "to": values[1]}
            for name, values in self.search.items()
        }

    def _declare(self, hp: keras_tuner.HyperParameters) -> dict[str, Any]:
        return {name: self._value(hp, name) for name in self.search}

    def _value(self, hp: keras_tuner.HyperParameters, name: str) -> Any:
        """Declare the hyperparameter of an argument, and return its value."""
        values, otherwise = self.search[name], {**self._training, **self._options}[name]
        if isinstance(values, list):
            texts = self._texts.get(name)
            default = otherwise if otherwise in values else values[0]
            choices = [*texts] if texts else values
            value = hp.Choice(name, choices, default=_text(default) if texts else default)
            declared: dict[str, Any] = {"values": choices}
        else:
            low, high = values
            default = (low * high) ** 0.5
            if isinstance(otherwise, int | float):
                default = min(max(otherwise, low), high)
            integers = isinstance(low, int) and isinstance(high, int)
            kind, default = (hp.Int, round(default)) if integers else (hp.Float, default)
            value: Any = kind(name, low, high, sampling="log", default=default)
            declared = {"min_value": low, "max_value": high, "sampling": "log"}
        if other := declared_otherwise(hp, name, declared):
            raise ValueError(
                f"`search` must not have {name!r}, since `model` declares a hyperparameter of "
                f"that name. Received: search={{{name!r}: {values!r}}} and {other}"
            )
        return self.decoded({name: value})[name]

    def _check_choices(self, name: str, values: list[Any]) -> None:
        """Raise an error unless a list has choices, each once; keep the texts of objects."""
        argument = f"search[{name!r}]"
        if not values or any(values.count(value) > 1 for value in values):
            raise ValueError(message(argument, values, "one or more choices, each once"))
        if len({type(value) for value in values}) > 1 or not isinstance(
            values[0], bool | int | float | str
        ):
            try:
                self._texts[name] = {_text(value): value for value in values}
            except TypeError as error:
                expected = "choices that are numbers, strings, bools, None, or tuples of these"
                raise TypeError(message(argument, values, expected)) from error


def _check_range(name: str, values: Any) -> None:
    """Raise an error unless `values` are the two ends of a positive range."""
    argument = f"search[{name!r}]"
    check_type(argument, values, tuple, _EXPECTED)
    if len(values) != 2:
        raise ValueError(message(argument, values, _EXPECTED))
    for end in values:
        if isinstance(end, bool) or not isinstance(end, int | float):
            raise TypeError(message(argument, values, _EXPECTED))
        check_number(argument, end, "(0, inf)")
    if values[0] >= values[1]:
        raise ValueError(message(argument, values, _EXPECTED))


def _text(value: Any) -> str:
    return json.dumps(value)
