"""Reader of `tf.data` datasets and `keras.utils.PyDataset`s of batches."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...core.checks import check_integer
from ..tasks import Classification, DataError, Given, Task, recognize, strings
from .arrays import checked_weights
from .python_call import python_call
from .source import Source
from .split import DatasetSplit
from .text import fit_text

AnyDataset = Any  # a tf.data.Dataset or a keras.utils.PyDataset


def read_datasets(
    dataset: AnyDataset,
    *,
    validation: AnyDataset = None,
    test: AnyDataset = None,
    steps: int | None = None,
    validation_steps: int | None = None,
    test_steps: int | None = None,
    task: Task | str | None = None,
) -> Source:
    """Read datasets of batches `(x, y)` or `(x, y, sample_weight)`, in the order that they have.

    One epoch is read, whose targets and weights are kept, to find the task and to check them.

    Args:
        dataset: The training part.
        validation: The validation part.
        test: The test part, or `None`.
        steps: The number of batches in an epoch; required if the dataset is infinite.
        validation_steps: The same for the validation part.
        test_steps: The same for the test part.
        task: As in `load_data`.

    Raises:
        DataError: If a dataset cannot be used; the message names the argument.
    """
    if validation is None:
        raise DataError("Pass `validation`, since no part of a dataset is held out.")
    given = {
        "train": (dataset, "source", steps),
        "validation": (validation, "validation", validation_steps),
        "test": (test, "test", test_steps),
    }
    parts: dict[str, DatasetSplit] = {}
    found = task is None
    for part, (batches, argument, count) in given.items():
        if batches is None:
            continue
        batches = _as_dataset(batches, argument)
        count = _checked_steps(batches, argument, count)
        epoch = batches.take(count)
        if isinstance(task, Given) or task == Given.kind:
            task = Given()
            parts[part] = DatasetSplit(batches, count, _samples(epoch, argument))
            continue
        y, weights = _targets_and_weights(epoch, argument)
        if not isinstance(task, Task):
            task = recognize(y, f"y of `{argument}`", task=task)
        parts[part] = _split(batches, count, y, weights, task, f"y of `{argument}`")
    _check_specs({part: split.dataset.element_spec for part, split in parts.items()})
    x: Any = parts["train"].dataset.element_spec[0]  # pyright: ignore[reportIndexIssue]
    text = isinstance(x, tf.TensorSpec) and x.dtype == tf.string
    return Source(
        "datasets",
        task,  # pyright: ignore[reportArgumentType]
        **parts,
        preprocessing=fit_text if text else None,
        task_found=found,
    )


def _check_specs(specs: dict[str, Any]) -> None:
    """Raise unless the features of all parts have one form, and all or none have weights."""

    def form(spec: Any) -> Any:
        return tf.nest.map_structure(
            lambda s: f"{tuple(s.shape[1:])} of {'strings' if s.dtype == tf.string else 'numbers'}",
            spec[0],
        )

    for part, spec in specs.items():
        if form(spec) != form(specs["train"]):
            raise DataError(
                f"x of `{part}` must have the form of the training samples, "
                f"{form(specs['train'])}. Received: {form(spec)}."
            )
    if len({len(spec) for spec in specs.values()}) > 1:
        raise DataError("Give sample weights in all parts of the data, or in none.")


def _as_dataset(batches: AnyDataset, argument: str) -> tf.data.Dataset:
    if isinstance(batches, keras.utils.PyDataset):
        batches = _from_py_dataset(batches)
    if not isinstance(batches, tf.data.Dataset):
        raise DataError(
            f"`{argument}` must be a tf.data.Dataset or keras.utils.PyDataset, like the training "
            f"part. Received: {type(batches).__name__}"
        )
    spec: Any = batches.element_spec
    if not isinstance(spec, tuple) or not 2 <= len(spec) <= 3:
        raise DataError(
            f"`{argument}` must have batches (x, y) or (x, y, sample_weight). "
            f"Received: elements {spec}"
        )
    if any(s.shape.rank is None or s.shape.rank < 1 for s in tf.nest.flatten(spec)):
        raise DataError(
            f"`{argument}` must have batches of known rank; call dataset.batch(...) first. "
            f"Received: elements {spec}"
        )
    return batches


def _from_py_dataset(source: keras.utils.PyDataset) -> tf.data.Dataset:
    """Read the batches of a `PyDataset` in order, with as many threads as its `workers`."""

    def batch(number: int) -> tuple[Any, ...]:
        try:
            found = source[number]
        except Exception as error:  # of the user's code
            raise DataError(
                f"{type(source).__name__}: batch {number} cannot be read "
                f"({type(error).__name__}: {error})."
            ) from error
        found = found if isinstance(found, tuple | list) else (found,)
        return tuple(part for part in found if part is not None)

    def arrays(number: Any) -> list[np.ndarray]:
        return [*map(np.asarray, keras.tree.flatten(batch(int(number))))]

    def call(method: Any) -> tf.data.Dataset:
        """Return a dataset without batches that calls `method` when it is read."""

        def called(number: Any) -> list[np.ndarray]:
            method()
            return [number]

        function = python_call(called, [tf.TensorSpec((), tf.int64)])
        return tf.data.Dataset.range(1).map(lambda n: function(n)[0]).flat_map(lambda _: empty)

    first = batch(0)
    read = python_call(arrays, [_spec(array) for array in arrays(0)])
    count = source.num_batches
    numbers = tf.data.Dataset.counter() if count is None else tf.data.Dataset.range(count)
    batches = numbers.map(
        lambda number: keras.tree.pack_sequence_as(first, read(number)),
        source.workers if source.workers > 1 else None,
    )
    empty = batches.take(0)
    batches = call(source.on_epoch_begin).concatenate(batches)
    if count is None:
        return batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
    batches = batches.concatenate(call(source.on_epoch_end))
    return batches.apply(tf.data.experimental.assert_cardinality(count))


def _spec(array: np.ndarray) -> tf.TensorSpec:
    dtype = tf.string if array.dtype.kind in "OUS" else array.dtype
    return tf.TensorSpec((None, *array.shape[1:]) if array.ndim else (), dtype)


def _checked_steps(batches: tf.data.Dataset, argument: str, steps: int | None) -> int:
    name = "steps" if argument == "source" else f"{argument}_steps"
    check_integer(name, steps, 1, optional=True)
    count = int(batches.cardinality())
    if steps is None and count == tf.data.INFINITE_CARDINALITY:
        raise DataError(f"`{argument}` is infinite: pass `{name}`, the batches in an epoch.")
    if steps is None and count == tf.data.UNKNOWN_CARDINALITY:
        return sum(1 for _ in batches)
    if steps is not None and 0 <= count < steps:
        raise DataError(f"`{name}` must be at most {count}, the batches of `{argument}`.")
    return steps or count


def _targets_and_weights(
    batches: tf.data.Dataset, argument: str
) -> tuple[np.ndarray, np.ndarray | None]:
    columns = [list(column) for column in zip(*batches.as_numpy_iterator(), strict=True)]
    if not columns:
        raise DataError(f"`{argument}` has no batches.")
    arrays = []
    for name, column in zip(("y", "sample_weight"), columns[1:], strict=False):
        if any(not isinstance(array, np.ndarray) for array in column):
            raise DataError(
                f"{name} of `{argument}` must be one array. Received: {type(column[0]).__name__}."
            )
        arrays.append(np.concatenate(column))
    y, *weights = arrays
    if y.dtype.kind in "OS":
        y = strings(y.ravel(), f"y of `{argument}`", "labels").astype(str).reshape(y.shape)
    return y, checked_weights(weights[0], len(y), f"`{argument}`") if weights else None


def _split(
    batches: tf.data.Dataset,
    steps: int,
    y: np.ndarray,
    weights: np.ndarray | None,
    task: Task,
    field: str,
) -> DatasetSplit:
    targets = task.encode(y, field)
    kind, shape = targets.dtype, targets.shape[1:]
    position = _position_of_class(task, y) if isinstance(task, Classification) else None

    def encode(x, y, *weights):
        y = y if position is None else position(y)
        weights = [tf.cast(tf.reshape(weight, (-1,)), tf.float32) for weight in weights]
        return (x, tf.cast(tf.reshape(y, (-1, *shape)), kind), *weights)

    return DatasetSplit(batches.map(encode, tf.data.AUTOTUNE), steps, targets, weights)


def _position_of_class(task: Classification, y: np.ndarray) -> Callable[[Any], Any] | None:
    """Return the function from a batch of labels, such as `y`, to the positions of their classes.

    It is `None` if each label is its position. An unknown label is an error when it is read.
    """
    if y.ndim == 2 and y.shape[1] > 1:
        return lambda one_hot: tf.argmax(one_hot, axis=-1)
    if tuple(task.classes) == tuple(range(task.units)):
        return None
    names = isinstance(task.classes[0], str)
    lookup = keras.layers.StringLookup if names else keras.layers.IntegerLookup
    positions = lookup(vocabulary=list(task.classes), num_oov_indices=0)
    return lambda labels: positions(labels if names else tf.cast(labels, tf.int64))


def _samples(batches: tf.data.Dataset, argument: str) -> np.ndarray:
    """Return a number for each sample, in place of targets that are not looked at."""
    size = sum(len(tf.nest.flatten(batch[0])[0]) for batch in batches)
    if not size:
        raise DataError(f"`{argument}` has no batches.")
    return np.arange(size)
