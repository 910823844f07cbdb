"""`checked_features`: what was given, as the inputs of a signature expect it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

__all__ = ["checked_features", "too_large"]


def checked_features(
    specs: Mapping[str, tf.TensorSpec], given: Mapping[str, Any], received: Any
) -> dict[str, np.ndarray]:
    """The arrays in `given` as the inputs expect them.

    Args:
        specs: input name to `tf.TensorSpec`.
        given: array by input name, or what converts to one.
        received: how an error shows what was given.

    Raises:
        ValueError: a wrong shape, an input missing or unknown, or unequal numbers of rows.
        TypeError: what the input's dtype cannot hold.
    """
    if given.keys() != specs.keys():
        raise ValueError(
            f"Expected the inputs {sorted(specs)}, as a dict by name. Received: {received}"
        )
    features = {name: _checked(spec, given[name]) for name, spec in specs.items()}
    rows = {name: len(array) for name, array in features.items()}
    if len(set(rows.values())) > 1:
        raise ValueError(f"Expected the same number of rows in each input. Received: {rows}")
    return features


def too_large(array: np.ndarray, dtype: tf.DType) -> np.ndarray:
    """The finite numbers in `array` that would be infinite in a float dtype."""
    largest = np.float64(dtype.max)
    return array[np.isfinite(array) & ((array < -largest) | (array > largest))]


def _checked(spec: tf.TensorSpec, value: Any) -> np.ndarray:
    """`value` as an array of the spec's dtype and shape, or what was expected and what came."""
    if getattr(value, "shape", None) == (0,) or (isinstance(value, list | tuple) and not value):
        shape = (0, *(size or 0 for size in spec.shape[1:]))  # an empty batch, of whatever shape
        return _checked_shape(spec, np.zeros(shape, spec.dtype.as_numpy_dtype))
    if spec.dtype == tf.string:
        return _checked_shape(spec, _strings(spec, value))
    array = _array(spec, value)
    if not _converts(array, spec.dtype):
        raise TypeError(
            f"Input {spec.name!r}: expected {spec.dtype.name} or what converts to it. "
            f"Received: {array.dtype}{_range(array)}"
        )
    return _checked_shape(spec, array).astype(spec.dtype.as_numpy_dtype, copy=False)


def _array(spec: tf.TensorSpec, value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError:  # NumPy's has no name of the input
        raise ValueError(
            f"Input {spec.name!r}: expected the shape {spec.shape} (None: any). "
            "Received: lists of unequal sizes"
        ) from None


def _strings(spec: tf.TensorSpec, value: Any) -> np.ndarray:
    """`value` as an array of objects: NumPy's own bytes would lose zeros at their ends."""
    array = np.array(value, dtype=object)
    if other := next((s for s in array.flat if not isinstance(s, bytes | str)), None):
        raise TypeError(
            f"Input {spec.name!r}: expected bytes or str. Received: {type(other).__name__}"
        )
    return array


def _checked_shape(spec: tf.TensorSpec, array: np.ndarray) -> np.ndarray:
    if not spec.shape.is_compatible_with(array.shape):
        raise ValueError(
            f"Input {spec.name!r}: expected the shape {spec.shape} (None: any). "
            f"Received: {array.shape}"
        )
    return array


def _converts(array: np.ndarray, to: tf.DType) -> bool:
    """Whether nothing but precision is lost; numbers must fit by value, not by type."""
    dtype = np.dtype(to.as_numpy_dtype)
    if array.dtype.kind in "iu" and dtype.kind in "iu":
        return np.array_equal(array.astype(dtype), array)
    if not np.can_cast(array.dtype, dtype, casting="same_kind"):
        return False
    return array.dtype == dtype or not to.is_floating or not too_large(array, to).size


def _range(array: np.ndarray) -> str:
    numbers = array.dtype.kind in "iuf" and array.size
    return f" from {array.min()} to {array.max()}" if numbers else ""
