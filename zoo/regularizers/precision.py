"""The precision in which penalties are summed."""

from typing import Any

import keras
from keras import ops

__all__ = ["at_least_float32"]


def at_least_float32(x: Any) -> Any:
    """`x` in float32, or in float64 where it is that already.

    A sum of squares overflows in float16 at 65504, and in bfloat16 it stops growing once it is 256
    times as large as a term.

    >>> at_least_float32(keras.ops.ones(3, "bfloat16")).dtype.name
    'float32'
    """
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
