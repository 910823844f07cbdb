"""A float attribute that stays live in a traced graph."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from .checks import check_number, message


class LiveScalar:
    """A float attribute of a layer, or of any other object, that a traced step reads anew.

    A Python float is baked into the graph when it is traced, so a later change does nothing. This
    descriptor keeps the value in a scalar float32 variable, `owner._<name>`, for use in `call`.
    Assigning a float, before or after the layer is built and even inside `fit`, takes effect at
    once without a retrace. Reading returns a float.

    In a layer, the variable is a non-trainable weight, which every backend reads at each step.
    Other objects, such as regularizers, hold a `keras.Variable` that no model tracks. TensorFlow
    reads it at each step too, but JAX compiles its value into the step as a constant. There, a
    change drops JAX's compiled functions, and the next step is compiled with the new value.

    Args:
        interval: The allowed values, as in `check_number`.
        optional: Whether the first value may be `None`. Then there is no variable, and no other
            value can be assigned later: a traced step has no part that reads it.
        on_change: Called with the owner after a change of its value, instead of dropping JAX's
            compiled functions. An owner that passes the variable to its step itself needs this.

    Raises:
        ValueError: When anything but a number in `interval` is assigned.

    Example:

    >>> class Scale(keras.layers.Layer):
    ...     factor = LiveScalar("[0, inf)")
    ...
    ...     def __init__(self, factor):
    ...         super().__init__()
    ...         self.factor = factor
    ...
    ...     def call(self, inputs):
    ...         return self._factor * inputs
    >>> layer = Scale(0.1)
    >>> layer.factor
    0.1
    """

    def __init__(
        self,
        interval: str = "[0, inf)",
        *,
        optional: bool = False,
        on_change: Callable[[Any], None] | None = None,
    ):
        self.interval = interval
        self.optional = optional
        self.on_change = on_change

    def __set_name__(self, owner: type, name: str):
        self.name = name

    def __get__(self, owner: Any, cls: type | None = None) -> Any:
        if owner is None:
            return self
        if not isinstance(owner, keras.layers.Layer) or self.name in vars(owner):
            return vars(owner)[self.name]  # None, or exactly the float that was assigned
        variable = np.asarray(getattr(owner, f"_{self.name}"), "float32")
        return float(str(variable))  # the shortest decimal of this float32: 0.1, not 0.10000000149

    def __set__(self, owner: Any, value: float | None):
        variable = getattr(owner, f"_{self.name}", None)
        if self.optional and variable is None:
            if value is None:
                vars(owner)[self.name] = None
                return
            if self.name in vars(owner):
                expected = "given at the start, as 0 if need be, to be assigned later"
                raise ValueError(message(self.name, value, expected))
        check_number(self.name, value, self.interval)
        if variable is None:
            setattr(owner, f"_{self.name}", self._create(owner, value))
        else:
            variable.assign(value)
        if not isinstance(owner, keras.layers.Layer):
            changed = vars(owner).get(self.name, value) != value
            vars(owner)[self.name] = float(value)
            if changed and self.on_change is not None:
                self.on_change(owner)
            elif changed:
                drop_compiled_steps()

    def _create(self, owner: Any, value: float) -> Any:
        if not isinstance(owner, keras.layers.Layer):
            return keras.Variable(
                value, name=self.name, dtype="float32", autocast=False, trainable=False
            )
        return owner.add_weight(
            name=self.name,
            shape=(),
            initializer=lambda shape, dtype: np.full(shape, value, dtype),
            dtype="float32",
            autocast=False,
            trainable=False,
        )


def drop_compiled_steps() -> None:
    """Make JAX compile its functions anew, after a change of a variable that no model tracks.

    Other backends read such a variable at each step and need nothing.
    """
    if keras.backend.backend() == "jax":
        import jax  # an optional extra, needed on its own backend only

        jax.clear_caches()
