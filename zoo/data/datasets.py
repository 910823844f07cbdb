"""Reader of `tf.data` datasets and `keras.utils.PyDataset`s of batches."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...core.checks import check_integer
from ..tasks import Classification, DataError, Given, Task, recognize
from .source import Source
from .split import DatasetSplit

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

    One epoch of the targets is read and kept, to find the task and to check them.

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
    for part, (batches, argument, count) in given.items():
        if batches is None:
            continue
        batches = _as_dataset(batches, argument)
        count = _checked_steps(batches, argument, count)
        if isinstance(task, Given) or task == Given.kind:
            task = Given()
            parts[part] = DatasetSplit(batches, count, _samples(batches.take(count)))
            continue
        y = _targets(batches.take(count), argument)
        if not isinstance(task, Task):
            task = recognize(y, f"y of `{argument}`", task=task)
        parts[part] = _split(batches, count, y, task, f"y of `{argument}`")
    return Source("datasets", task, **parts)  # pyright: ignore[reportArgumentType]


def _as_dataset(batches: AnyDataset, argument: str) -> tf.data.Dataset:
    if isinstance(batches, keras.utils.PyDataset):
        batches = _from_generator(batches)
    if not isinstance(batches, tf.data.Dataset):
        raise DataError(
            f"`{argument}` must be a tf.data.Dataset or keras.utils.PyDataset, as the training "
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


def _from_generator(source: keras.utils.PyDataset) -> tf.data.Dataset:
    """Read the batches of a `PyDataset` in order, once an epoch."""

    def batches():
        number = 0
        while source.num_batches is None or number < source.num_batches:
            yield tuple(source[number])
            number += 1
        source.on_epoch_end()

    def spec(array: Any) -> tf.TensorSpec:
        array = np.asarray(array)
        return tf.TensorSpec((None, *array.shape[1:]), array.dtype)

    signature = keras.tree.map_structure(spec, tuple(source[0]))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    count = tf.data.INFINITE_CARDINALITY if source.num_batches is None else source.num_batches
    return dataset.apply(tf.data.experimental.assert_cardinality(count))


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


def _targets(batches: tf.data.Dataset, argument: str) -> np.ndarray:
    targets = [batch[1] for batch in batches.as_numpy_iterator()]
    if not targets:
        raise DataError(f"`{argument}` has no batches.")
    if any(not isinstance(y, np.ndarray) for y in targets):
        raise DataError(f"y of `{argument}` must be one array. Received: {type(targets[0])}")
    y = np.concatenate(targets)
    return y.astype(str) if y.dtype.kind in "OS" else y


def _split(
    batches: tf.data.Dataset, steps: int, y: np.ndarray, task: Task, field: str
) -> DatasetSplit:
    targets = task.encode(y, field)
    kind, shape = targets.dtype, targets.shape[1:]
    one_hot = isinstance(task, Classification) and y.ndim == 2 and y.shape[1] > 1
    if isinstance(task, Classification) and tuple(task.classes) != tuple(range(task.units)):
        raise DataError(
            f"{field}: the classes of a dataset must be numbers from 0, as from "
            f"keras.layers.StringLookup or IntegerLookup. Received: {task.classes[:3]}, ..."
        )

    def encode(x, y, *weights):
        y = tf.argmax(y, axis=-1) if one_hot else y
        return (x, tf.cast(tf.reshape(y, (-1, *shape)), kind), *weights)

    return DatasetSplit(batches.map(encode, tf.data.AUTOTUNE), steps, targets)


def _samples(batches: tf.data.Dataset) -> np.ndarray:
    """Return a number for each sample, in place of targets that are not looked at."""
    return np.arange(sum(len(tf.nest.flatten(batch[0])[0]) for batch in batches))
