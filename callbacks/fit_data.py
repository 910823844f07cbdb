"""The data of a running `fit`, and conversions of data in any form that Keras accepts."""

import inspect
import math
import traceback
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops
from keras.src.trainers.data_adapters import array_slicing  # of Keras 3.15


class FitArguments(NamedTuple):
    """The data and weights of a running `fit`, without the part of a `validation_split`."""

    x: Any
    y: Any
    sample_weight: Any
    class_weight: Any
    validation_data: Any

    @property
    def arrays(self) -> tuple[Any, ...] | None:
        """`(x, y, sample_weight)` without trailing `None`s, or `None` if `x` is not arrays."""
        parts = (self.x, self.y, self.sample_weight)
        sliceable = map(array_slicing.can_slice_array, keras.tree.flatten(parts))
        if not all(sliceable) or self.x is None:
            return None
        return parts[: max(i for i, part in enumerate(parts) if part is not None) + 1]

    @property
    def has_sample_weights(self) -> bool | None:
        """Whether the training samples have weights, or `None` if unknown."""
        if self.class_weight is not None or self.sample_weight is not None:
            return True
        return False if self.arrays else has_weights(self.x)


def arguments_of_fit(model: keras.Model) -> FitArguments | None:
    """Return the data of the running `fit` of a model, or `None` outside of `fit`."""
    # Keras passes no data to callbacks, so the arguments are read from the frame of `fit`.
    for frame, _ in traceback.walk_stack(inspect.currentframe()):
        if frame.f_code.co_name == "fit" and frame.f_locals.get("self") is model:
            return FitArguments(*(frame.f_locals.get(name) for name in FitArguments._fields))
    return None


def has_weights(data: Any) -> bool | None:
    """Return whether the samples of a data set have weights, or `None` if unknown."""
    batch = _batch(data)
    return None if batch is None else len(batch) > 2 and batch[2] is not None


def _batch(data: Any) -> tuple[Any, ...] | None:
    """Return the arrays, specs or first batch of a data set; `None` for a generator."""
    batch = getattr(data, "element_spec", data)  # of a tf.data.Dataset
    if isinstance(data, keras.utils.PyDataset):
        batch = data[0]
    return batch if isinstance(batch, tuple) else None


def ranks(data: Any) -> list[int] | None:
    """Return the ranks of the arrays in a batch of data, or `None` if unknown."""
    batch = _batch(data)
    leaves = [part for part in keras.tree.flatten(batch) if part is not None]
    shapes = [getattr(leaf, "shape", None) for leaf in leaves]
    if batch is None or any(s is None or getattr(s, "rank", 0) is None for s in shapes):
        return None
    # A pandas Series becomes a column.
    return [max(2, len(a.shape)) if hasattr(a, "iloc") else len(a.shape) for a in leaves]


def as_array(values: Any) -> Any:
    """Return a NumPy array of anything that Keras accepts as an array.

    `None`, sparse tensors and ragged tensors stay as they are. A pandas `Series` becomes a column,
    as in `fit`.
    """
    if values is None or not hasattr(values, "shape"):
        return values if values is None else np.asarray(values)
    if hasattr(values, "iloc"):
        array = values.to_numpy()
        return array[:, None] if array.ndim == 1 else array
    if hasattr(values, "tocsr"):  # a sparse matrix of SciPy
        return values.toarray()
    if type(values).__name__ in ("RaggedTensor", "SparseTensor"):
        return values
    return np.asarray(ops.convert_to_numpy(values))


def as_number(name: str, value: Any, monitor: str) -> float:
    """Return the number that the callback `monitor` finds in the logs under `name`.

    Keras' `F1Score`, for one, logs arrays of size 1. Other sizes raise a `ValueError`.
    """
    array = np.asarray(ops.convert_to_numpy(value))
    if array.size != 1:
        raise ValueError(
            f"{monitor} can only monitor single numbers. Received: {name} of shape {array.shape}"
        )
    return float(array.item())


def class_weights(y: Any, class_weight: Mapping[int, float]) -> Any:
    """Return the sample weights `(n,)` that `fit` derives from a `class_weight`.

    `y` holds class numbers `(n,)` or `(n, 1)`, or one-hot rows `(n, classes)`.
    """
    others = max(class_weight) + 1
    table = [class_weight.get(number, 1.0) for number in range(others + 1)]
    y = ops.convert_to_tensor(y)
    if len(y.shape) > 1:
        y = ops.squeeze(y, -1) if y.shape[-1] == 1 else ops.argmax(y, axis=-1)
    if keras.backend.is_float_dtype(keras.backend.standardize_dtype(y.dtype)):
        y = ops.round(y)
    y = ops.cast(y, "int32")
    known = ops.logical_and(y >= 0, y < others)
    return ops.take(ops.convert_to_tensor(table, "float32"), ops.where(known, y, others))


def subset(data: Any, fraction: float) -> Any:
    """Return a fraction of the data, rounded up to whole samples or batches.

    It consists of evenly spaced samples of a tuple of (nested) arrays, or of the first batches of a
    finite `tf.data.Dataset`. Other data raise a `ValueError` unless `fraction` is 1.

    >>> subset((np.arange(10), np.arange(10) % 2), 0.4)
    (array([0, 2, 5, 7]), array([0, 0, 1, 1]))
    """
    if fraction == 1:
        return data
    if isinstance(data, tuple):
        # Slices by Keras' own wrappers give the same batches as the whole arrays: a pandas Series
        # is a column there, a vector is not.
        parts = array_slicing.convert_to_sliceable(data)
        size = next(part for part in keras.tree.flatten(data) if part is not None).shape[0]
        count = math.ceil(fraction * size)
        indices = np.arange(count) * size // count
        return keras.tree.map_structure(lambda a: None if a is None else a[indices], parts)
    cardinality = getattr(data, "cardinality", lambda: -1)()
    if int(cardinality) < 0:
        raise ValueError(
            "`train_eval` must be arrays or a tf.data.Dataset of known, finite size to take a "
            f"fraction of it. Received: fraction={fraction!r}, train_eval={data!r}"
        )
    return data.take(math.ceil(fraction * int(cardinality)))
