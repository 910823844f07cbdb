"""Draws from the symmetric Beta distribution with a live parameter."""

from typing import Any

import keras
from keras import ops

from .draws import Draws

__all__ = ["symmetric_beta"]

_SMALLEST = 1e-6  # in place of 0, where 1 is returned


def symmetric_beta(alpha: Any, shape: tuple, draws: Draws) -> Any:
    """Draws lambda ~ Beta(alpha, alpha), and 1 where alpha is 0: nothing is mixed.

        lambda = g1 / (g1 + g2) = sigmoid(log g1 - log g2),    log g = log Gamma(alpha + 1)
                                                                       + log(U) / alpha

    In logarithms, because gammas of a small alpha underflow: with alpha 0.01, both are 0 in
    float32 in a sixth of all draws, and their quotient NaN.

    Args:
        alpha: a float or a scalar tensor, not negative.
        shape: of the result.
        draws: where randomness comes from.

    Reference: Marsaglia and Tsang, A Simple Method for Generating Gamma Variables, 2000, section 6,
    https://doi.org/10.1145/358407.358414
    """
    safe = ops.maximum(ops.convert_to_tensor(alpha, dtype="float32"), _SMALLEST)
    log_odds = _log_gamma(safe, shape, draws) - _log_gamma(safe, shape, draws)
    return ops.where(alpha > 0, ops.sigmoid(log_odds), 1.0)


def _log_gamma(alpha: Any, shape: tuple, draws: Draws) -> Any:
    boosted = keras.random.gamma(shape, alpha + 1.0, dtype="float32", seed=draws)
    return ops.log(boosted) + ops.log(draws.uniform(shape, low=1e-7)) / alpha
