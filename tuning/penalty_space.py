"""`PenaltySpace`: fields of `Regularization` as hyperparameters of KerasTuner."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras_tuner

from ..core.checks import check_type, message
from ..zoo.regularization import Choice, Regularization, Strength


class PenaltySpace:
    """Search fields of `Regularization` in a `build(hp)` function of KerasTuner.

    Each field has a switch, the Boolean `"<field> on"`, because a logarithmic scale has no 0. If it
    is on, `"<field>"` is a Float in the search range of the field and on its scale, or a Choice.
    The default values are those of `around`, and `tuning.Tuner` tries them first.

    Args:
        fields: Names of fields of `Regularization`.
        around: The values of all other fields, and the defaults of the searched ones; by default,
            all are off. A value outside of the search range of its field extends the range.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a field is unknown or repeated.

    Example:

    >>> space = PenaltySpace(["l2", "dropout"], around=Regularization(l2=1e-4))
    >>> hp = keras_tuner.HyperParameters()
    >>> space(hp)
    Regularization(l2=0.0001)
    >>> hp.values
    {'l2 on': True, 'l2': 0.0001, 'dropout on': False}

    In a script:

    ```python
    def build(hp):
        model = keras.Sequential([...])
        model, _ = zoo.regularize(model, space(hp))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    tuner = tuning.Tuner(build, max_trials=40)
    ```
    """

    def __init__(self, fields: Sequence[str], *, around: Regularization | None = None):
        self.fields = check_fields("fields", fields, Regularization.fields())
        expected = "an occam.zoo.Regularization or None"
        check_type("around", around, (Regularization, type(None)), expected)
        self.around = around or Regularization()

    def __call__(self, hp: keras_tuner.HyperParameters) -> Regularization:
        """Return the `Regularization` of a trial, and declare its hyperparameters.

        Raises:
            ValueError: If `hp` has another hyperparameter of the same name.
        """
        return self.around.replace(**{name: self._value(hp, name) for name in self.fields})

    def values(self, regularization: Regularization) -> dict[str, Any]:
        """Return the hyperparameters of a `Regularization`.

        Example:

        >>> PenaltySpace(["l2", "dropout"]).values(Regularization(l2=1e-3))
        {'l2 on': True, 'l2': 0.001, 'dropout on': False}
        """
        values: dict[str, Any] = {}
        on = regularization.on()
        for name in self.fields:
            values[f"{name} on"] = name in on
            if name in on:
                values[name] = on[name]
        return values

    def others(self, hp: keras_tuner.HyperParameters) -> dict[str, Any]:
        """Return the values of all hyperparameters but those of the fields."""
        ours = {name for field in self.fields for name in (field, f"{field} on")}
        return {name: value for name, value in hp.values.items() if name not in ours}

    def _value(self, hp: keras_tuner.HyperParameters, name: str) -> Any:
        field, default = Regularization.fields()[name], getattr(self.around, name)
        switch = f"{name} on"
        on = hp.Boolean(switch, default=default != field.off)
        with hp.conditional_scope(switch, [True]):
            if isinstance(field, Choice):
                options = list(field.options)
                value = hp.Choice(name, options, default=default if default in options else None)
                declared = {"values": options}
            else:
                low, high = _range(field, default)
                start = field.middle if default == field.off else default
                value = hp.Float(name, low, high, sampling=field.scale, default=start)
                declared = {"min_value": low, "max_value": high, "sampling": field.scale}
        if other := declared_otherwise(hp, name, declared):
            raise ValueError(
                f"`hp` must have no other hyperparameter {name!r} than that of PenaltySpace. "
                f"Declare it in an hp.name_scope. Received: {other}"
            )
        return value if on else field.off


def declared_otherwise(
    hp: keras_tuner.HyperParameters, name: str, declared: Mapping[str, Any]
) -> Any:
    """Return a hyperparameter of this name whose configuration differs, or `None`.

    KerasTuner returns the value of the first declaration for all of them.
    """
    for parameter in (each for each in hp.space if each.name == name):
        config = parameter.get_config()
        if any(config.get(key) != value for key, value in declared.items()):
            return parameter
    return None


def _range(field: Strength, default: float) -> tuple[float, float]:
    """Return the search range of a field, extended to its default."""
    low, high = field.search
    return (low, high) if default == field.off else (min(low, default), max(high, default))


def check_fields(argument: str, fields: Any, supported: Collection[str]) -> tuple[str, ...]:
    """Return `fields` as a tuple, or raise unless it has distinct names among `supported`."""
    expected = "a list of fields of the regularization"
    if isinstance(fields, str):
        raise ValueError(message(argument, fields, expected))
    check_type(argument, fields, Sequence, expected)
    for name in fields:
        check_type(argument, name, str, "a list of names")
    if unsupported := [name for name in fields if name not in supported]:
        raise ValueError(
            f"`{argument}` must be among the supported fields, {', '.join(supported)}. "
            f"Received: {', '.join(unsupported)}"
        )
    if not fields or len(set(fields)) < len(fields):
        raise ValueError(message(argument, tuple(fields), "one or more fields, each once"))
    return tuple(fields)
