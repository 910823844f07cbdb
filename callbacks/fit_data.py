"""What `fit` was given, and arrays and numbers in any form that Keras takes or logs."""

import inspect
import math
import traceback
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops
from keras.src.trainers.data_adapters import array_slicing  # of Keras 3.15

__all__ = [
    "FitArguments",
    "arguments_of_fit",
    "as_array",
    "as_number",
    "class_weights",
    "ranks",
    "share",
]


class FitArguments(NamedTuple):
    """The data and the weights of a running `fit`, without the part of a `validation_split`."""

    x: Any
    y: Any
    sample_weight: Any
    class_weight: Any
    validation_data: Any

    @property
    def arrays(self) -> tuple[Any, ...] | None:
        """`(x, y, sample_weight)` up to the last that is given; `None` if `x` is no arrays."""
        given = (self.x, self.y, self.sample_weight)
        if not all(map(_is_arrays, given)) or self.x is None:
            return None
        return given[: max(i for i, part in enumerate(given) if part is not None) + 1]

    @property
    def weighs_samples(self) -> bool | None:
        """Whether the training samples have weights; `None` if it cannot be told."""
        if self.class_weight is not None or self.sample_weight is not None:
            return True
        return False if self.arrays else _weighs(self.x)

    @property
    def weighs_validation(self) -> bool | None:
        """The same of `validation_data`."""
        return _weighs(self.validation_data)


def arguments_of_fit(model: keras.Model) -> FitArguments | None:
    """What the running `fit` of `model` was given; `None` outside of a `fit`.

    A callback is told nothing of the data, so the arguments are read where they are: in the call of
    `fit` that called it.
    """
    for frame, _ in traceback.walk_stack(inspect.currentframe()):
        if frame.f_code.co_name == "fit" and frame.f_locals.get("self") is model:
            return FitArguments(*(frame.f_locals.get(name) for name in FitArguments._fields))
    return None


def _is_arrays(part: Any) -> bool:
    return all(map(array_slicing.can_slice_array, keras.tree.flatten(part)))


def _weighs(data: Any) -> bool | None:
    batch = _batch(data)
    return None if batch is None else len(batch) > 2 and batch[2] is not None


def _batch(data: Any) -> tuple[Any, ...] | None:
    """What tells how batches look: arrays, a specification, or a batch; `None` of a generator."""
    batch = getattr(data, "element_spec", data)  # that of a tf.data.Dataset
    if isinstance(data, keras.utils.PyDataset):
        batch = data[0]
    return batch if isinstance(batch, tuple) else None


def ranks(data: Any) -> list[int] | None:
    """The ranks of the arrays in a batch of data; `None` where they cannot be told beforehand.

    >>> ranks((np.ones((4, 2)), np.ones(4)))
    [2, 1]
    """
    batch = _batch(data)
    leaves = [part for part in keras.tree.flatten(batch) if part is not None]
    if batch is None or not all(hasattr(leaf, "shape") for leaf in leaves):
        return None
    if any(getattr(leaf.shape, "rank", 0) is None for leaf in leaves):
        return None
    # A pandas Series becomes a column.
    return [max(2, len(a.shape)) if hasattr(a, "iloc") else len(a.shape) for a in leaves]


def as_array(values: Any) -> Any:
    """Whatever Keras takes as an array, as a NumPy array; `None`, and sparse and ragged tensors,
    stay what they are.

    A pandas `Series` becomes a column, as in `fit`.

    >>> as_array(keras.ops.ones((2,))).tolist()
    [1.0, 1.0]
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
    """A logged value as a number, which an array of one is: Keras' `F1Score` logs such.

    Args:
        name: under which it is logged.
        value: what is logged.
        monitor: the callback that asks, for the error.

    Raises:
        ValueError: there are several numbers.

    >>> as_number("f1_score", np.array([0.5]), "EarlyStopping")
    0.5
    """
    array = np.asarray(ops.convert_to_numpy(value))
    if array.size != 1:
        raise ValueError(
            f"{monitor} can monitor a single number. Received: {name} of shape {array.shape}"
        )
    return float(array.item())


def class_weights(y: Any, class_weight: Mapping[int, float]) -> Any:
    """The sample weights `(n,)` into which `fit` turns a `class_weight`: 1 for a class without.

    Args:
        y: class numbers `(n,)` or `(n, 1)`, or a column each `(n, classes)`.
        class_weight: as in `fit`.

    >>> ops.convert_to_numpy(class_weights(np.array([0, 1, 2]), {1: 5.0})).tolist()
    [1.0, 5.0, 1.0]
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


def share(data: Any, fraction: float) -> Any:
    """An evenly spaced part of arrays, or the first batches of a dataset.

    Args:
        data: a tuple of arrays or of structures of arrays, in any form that Keras takes, or a
            finite `tf.data.Dataset`.
        fraction: in (0, 1]; rounded up to whole samples or batches.

    Raises:
        ValueError: `data` is neither, and `fraction` is not 1.

    >>> share((np.arange(10), np.arange(10) % 2), 0.4)
    (array([0, 2, 5, 7]), array([0, 0, 1, 1]))
    """
    if fraction == 1:
        return data
    if isinstance(data, tuple):
        # Keras' own slices of each kind of array, of which it makes the same batches as of the
        # whole: a pandas Series is a column, an array of numbers is not.
        parts = array_slicing.convert_to_sliceable(data)
        size = next(part for part in keras.tree.flatten(data) if part is not None).shape[0]
        count = math.ceil(fraction * size)
        indices = np.arange(count) * size // count
        return keras.tree.map_structure(lambda a: None if a is None else a[indices], parts)
    cardinality = getattr(data, "cardinality", lambda: -1)()
    if int(cardinality) < 0:
        raise ValueError(
            "LossLedger: a `fraction` below 1 needs `clean` to be arrays or a tf.data.Dataset of "
            f"known, finite size. Received: fraction={fraction!r}, clean={data!r}"
        )
    return data.take(math.ceil(fraction * int(cardinality)))
