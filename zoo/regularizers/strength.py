"""`ScalarStrength`: a float attribute of a regularizer that stays live in a traced graph."""

from typing import Any

import keras

from ..layers.scalar_weight import ScalarWeight

__all__ = ["ScalarStrength"]


class ScalarStrength(ScalarWeight):
    """A float attribute that a regularizer holds as a scalar float32 `keras.Variable`.

    The same as `ScalarWeight`, for an object that is no layer and whose variables therefore no
    model tracks. TensorFlow reads such a variable at each step: an assigned strength takes effect
    at once and traces nothing again. JAX compiles its value into the step as a constant, and a new
    one would be ignored without a word; so there a change drops JAX's compiled functions, and the
    next step is traced and compiled again with the new value: as right, but not as cheap.

    Reading gives back the very float that was assigned, so that `get_config` is exact. The
    variable itself, for use in `__call__`, is `regularizer._<name>`.

    Args:
        below: the value must be in `[0, below)`; infinity for any non-negative number.

    Raises:
        ValueError: on assignment of anything but a number in that range.
    """

    def __get__(self, regularizer: Any, owner: type | None = None) -> Any:
        return self if regularizer is None else vars(regularizer)[self.name]

    def __set__(self, regularizer: Any, value: float):
        value = self.check(regularizer, value)
        changed = vars(regularizer).get(self.name, value) != value
        super().__set__(regularizer, value)
        vars(regularizer)[self.name] = value
        if changed and keras.backend.backend() == "jax":
            _forget_compiled_functions()

    def make(self, owner: Any, value: float) -> keras.Variable:
        return keras.Variable(
            value, name=self.name, dtype="float32", autocast=False, trainable=False
        )


def _forget_compiled_functions():
    import jax  # an optional extra, and needed on its own backend only

    jax.clear_caches()
