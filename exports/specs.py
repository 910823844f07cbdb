"""Inputs and outputs of a signature, and the conversion of arrays to them."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import tensorflow as tf

from ..core.checks import message


@dataclass(frozen=True)
class SignatureSpecs:
    """The inputs and outputs of a signature.

    Args:
        inputs: Input name to `tf.TensorSpec` of shape `(None, ...)`: any number of rows.
        outputs: Output name to `tf.TensorSpec`.

    Example:

    >>> x, logits = (tf.TensorSpec((None, n), tf.float32, name) for n, name in ((2, "x"), (3, "z")))
    >>> print(SignatureSpecs({"x": x}, {"z": logits}))
    input  x: float32 (None, 2)
    output z: float32 (None, 3)
    """

    inputs: Mapping[str, tf.TensorSpec]
    outputs: Mapping[str, tf.TensorSpec]

    @property
    def takes_rows(self) -> bool:
        """Whether the first axis of every input and output counts rows."""
        specs = (*self.inputs.values(), *self.outputs.values())
        return all(spec.shape.rank and spec.shape[0] is None for spec in specs)

    def empty_answer(self) -> dict[str, np.ndarray]:
        """Return outputs of shape `(0, ...)`, since TensorFlow's kernels may fail on no rows."""
        return {
            name: np.zeros((0, *(size or 0 for size in spec.shape[1:])), spec.dtype.as_numpy_dtype)
            for name, spec in self.outputs.items()
        }

    def __str__(self) -> str:
        return "\n".join(
            f"{title} {name}: {spec.dtype.name} {spec.shape}"
            for title, specs in (("input ", self.inputs), ("output", self.outputs))
            for name, spec in specs.items()
        )


def checked_features(
    specs: Mapping[str, tf.TensorSpec], given: Mapping[str, Any], received: Any
) -> dict[str, np.ndarray]:
    """Return the arrays in `given` with the dtypes and shapes of the inputs.

    A `ValueError` or `TypeError` describes `given` as `received`.
    """
    if given.keys() != specs.keys():
        expected = f"The inputs must be a dict with the keys {sorted(specs)}"
        raise ValueError(f"{expected}. Received: {received}")
    features = {name: _checked(spec, given[name]) for name, spec in specs.items()}
    rows = {name: len(array) for name, array in features.items()}
    if len(set(rows.values())) > 1:
        raise ValueError(f"All inputs must have the same number of rows. Received: {rows}")
    return features


def features_of(
    specs: Mapping[str, tf.TensorSpec], value: Any, where: str = ""
) -> dict[str, np.ndarray]:
    """Return the arrays of all inputs, from a dict, a data frame or the array of the one input.

    Raise as `checked_features`; `where` says in messages what `value` is a part of.
    """
    columns = getattr(value, "columns", None)  # of a data frame, without importing pandas
    if columns is not None and (len(specs) > 1 or {*columns} == {*specs}):
        value = {name: value[name] for name in columns}
    if isinstance(value, Mapping):
        return checked_features(specs, value, f"{sorted(map(str, value))}{where}")
    given = dict.fromkeys([*specs][:1], value)
    return checked_features(specs, given, f"{type(value).__name__}{where}")


def check_pair(data: Any) -> None:
    """Raise a `TypeError` unless `data` is a pair of features and targets."""
    if not (isinstance(data, tuple | list) and len(data) == 2):
        expected = "a pair of features, by input name or of the one input, and targets"
        raise TypeError(message("data", data, f"{expected}, such as ({{'x': array}}, targets)"))


def _checked(spec: tf.TensorSpec, value: Any) -> np.ndarray:
    expected = f"`{spec.name}` must have the shape {spec.shape} (None: any)"
    if hasattr(value, "notna"):  # of pandas, which has several missing values
        value = value.astype(object).where(value.notna(), None).to_numpy()
    if getattr(value, "shape", None) == (0,) or (isinstance(value, list | tuple) and not value):
        array = np.zeros((0, *(size or 0 for size in spec.shape[1:])))  # an empty batch
    elif spec.dtype == tf.string:
        array = _strings(spec.name, value)
    else:
        try:
            array = np.asarray(value)
        except ValueError:  # NumPy's message does not name the input
            raise ValueError(f"{expected}. Received: lists of unequal sizes") from None
        if array.dtype == object and array.size and all(map(_is_number, array.flat)):
            array = array.astype("float64") if None in array else np.array(array.tolist())
        if not _converts(array, spec.dtype):
            numbers = array.dtype.kind in "iuf" and array.size
            extent = f" from {array.min()} to {array.max()}" if numbers else ""
            raise TypeError(
                f"`{spec.name}` must be {spec.dtype.name} or a dtype that converts to it. "
                f"Received: {array.dtype}{extent}"
            )
    if not spec.shape.is_compatible_with(array.shape):
        raise ValueError(f"{expected}. Received: shape {array.shape}")
    return array.astype(spec.dtype.as_numpy_dtype, copy=False)


def _strings(name: str, value: Any) -> np.ndarray:
    """Return an array of `str` and `bytes`: "" for None and NaN, and dates in ISO 8601."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "M":
        value = value.astype("datetime64[s]")  # which becomes datetime and None
    array = np.array(value, dtype=object)  # NumPy's own bytes lose zeros at their ends
    for place in np.ndindex(array.shape):
        array[place] = _string(name, array[place])
    return array


def _string(name: str, item: Any) -> str | bytes:
    if isinstance(item, str | bytes):
        return item
    if item is None or (isinstance(item, Real | datetime.date) and item != item):  # NaN, NaT
        return ""
    if isinstance(item, datetime.date):
        return item.strftime("%Y-%m-%dT%H:%M:%S")
    raise TypeError(f"`{name}` must be bytes or str. Received: {type(item).__name__}")


def _is_number(item: Any) -> bool:
    return item is None or isinstance(item, Real)


def _converts(array: np.ndarray, to: tf.DType) -> bool:
    """Return whether only precision is lost; integers must fit by value, not by type."""
    dtype = np.dtype(to.as_numpy_dtype)
    if array.dtype.kind in "iu" and dtype.kind in "iu":
        return np.array_equal(array.astype(dtype), array)
    if not np.can_cast(array.dtype, dtype, casting="same_kind"):
        return False
    if array.dtype == dtype or not to.is_floating:
        return True
    largest = np.float64(to.max)  # beyond it, a finite number would become infinite
    return not (np.isfinite(array) & ((array < -largest) | (array > largest))).any()
