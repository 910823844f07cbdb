"""`Draws`: independent random numbers from one key, for calls that run in parallel."""

from typing import Any

import keras
from keras import ops

_STEP = 0x9E3779B9  # 2**32 over the golden ratio: far from any difference of two users' seeds
_SMALLEST_ALPHA = 1e-6  # in place of 0, where the result is 1


class Draws(keras.random.SeedGenerator):
    """A seed generator that derives all seeds from one key, an integer or two, also as a tensor.

    Keras' `SeedGenerator` counts in a variable. Parallel calls read it in any order, sometimes the
    same value twice.
    """

    def __init__(self, key: Any):
        # super().__init__() would make the variable.
        key = _as_seed(key)
        self._key = key if len(key.shape) else ops.stack([key, ops.zeros_like(key)])
        self._uses = 0

    def next(self, ordered: bool = True) -> Any:
        """Return the next seed, of shape `(2,)`. Uses are counted while tracing."""
        self._uses += 1
        return self._key + _as_seed([self._uses * _STEP % 2**31, 0])

    def key(self) -> Any:
        """Return a key for another `Draws`, independent of all draws of this one."""
        return keras.random.randint((2,), 0, 2**31 - 1, dtype="int32", seed=self)

    def uniform(self, shape: Any, low: Any = 0.0, high: Any = 1.0) -> Any:
        """Return uniform float32 numbers in [low, high). The bounds may be tensors."""
        unit = keras.random.uniform(shape, dtype="float32", seed=self)
        return low + (high - low) * unit

    def normal(self, shape: Any) -> Any:
        """Return standard normal float32 numbers."""
        return keras.random.normal(shape, dtype="float32", seed=self)

    def symmetric_beta(self, alpha: Any, shape: Any) -> Any:
        """Return lambda ~ Beta(alpha, alpha), or 1 if alpha is 0, so that nothing is mixed.

            lambda = g1 / (g1 + g2) = sigmoid(log g1 - log g2)
            log g  = log Gamma(alpha + 1) + log(U) / alpha

        Without the logarithms, gammas of a small alpha underflow, and their quotient is NaN.

        Reference: Marsaglia and Tsang, A Simple Method for Generating Gamma Variables, 2000,
        section 6, https://doi.org/10.1145/358407.358414
        """
        safe = ops.maximum(ops.convert_to_tensor(alpha, dtype="float32"), _SMALLEST_ALPHA)
        log_odds = self._log_gamma(safe, shape) - self._log_gamma(safe, shape)
        return ops.where(alpha > 0, ops.sigmoid(log_odds), 1.0)

    def _log_gamma(self, alpha: Any, shape: Any) -> Any:
        boosted = keras.random.gamma(shape, alpha + 1.0, dtype="float32", seed=self)
        return ops.log(boosted) + ops.log(self.uniform(shape, low=1e-7)) / alpha


def _as_seed(value: Any) -> Any:
    dtype = "int64" if keras.backend.backend() == "tensorflow" else "uint32"  # of `keras.random`
    return ops.cast(ops.convert_to_tensor(value), dtype)
