"""`Draws`: as many independent random draws as a call needs, all from one key."""

from typing import Any

import keras
from keras import ops

__all__ = ["Draws"]

_STEP = 0x9E3779B9  # 2**32 over the golden ratio: far from any difference of two users' seeds


class Draws(keras.random.SeedGenerator):
    """Gives `keras.random` another seed at each use, all derived from one key and no variable.

    A `SeedGenerator` counts in a variable. Calls that run in parallel, as in a parallel map of
    tf.data, read and write that variable in any order, and two may read the same state. What is
    derived from a key depends on the key only.

    Args:
        key: an integer, or two of them of shape `(2,)`; tensors are welcome.
    """

    def __init__(self, key: Any):
        # Not super().__init__(), which makes the variable.
        key = _as_seed(key)
        self._key = key if len(key.shape) else ops.stack([key, ops.zeros_like(key)])
        self._uses = 0

    def next(self, ordered: bool = True) -> Any:
        """The next seed, of shape `(2,)`; how many came before is counted while tracing."""
        self._uses += 1
        return self._key + _as_seed([self._uses * _STEP % 2**31, 0])

    def key(self) -> Any:
        """A key for another `Draws`, independent of all that this one gives."""
        return keras.random.randint((2,), 0, 2**31 - 1, dtype="int32", seed=self)

    def uniform(self, shape: Any, low: Any = 0.0, high: Any = 1.0) -> Any:
        """Uniform float32 numbers in [low, high), whose bounds may be tensors."""
        unit = keras.random.uniform(shape, dtype="float32", seed=self)
        return low + (high - low) * unit

    def normal(self, shape: Any) -> Any:
        """Standard normal float32 numbers."""
        return keras.random.normal(shape, dtype="float32", seed=self)


def _as_seed(value: Any) -> Any:
    return ops.cast(ops.convert_to_tensor(value), _SEED_DTYPE)


# What `keras.random` takes, by backend.
_SEED_DTYPE = "int64" if keras.backend.backend() == "tensorflow" else "uint32"
