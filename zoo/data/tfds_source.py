"""The examples of a data set of TensorFlow Datasets."""

import math
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from .catalogue import find_builder, prepare
from .errors import DataError, data_errors
from .labels import class_indices, distinct_classes
from .memory import in_memory_if_it_fits
from .source import Source
from .split import Split
from .stream import StreamSplit
from .tfds_columns import Columns, find_columns

__all__ = ["read_dataset"]

SHUFFLE_BYTES = 2**29  # of decoded examples; the buffer holds encoded ones, which are smaller
HIDDEN = -1  # the label of test examples whose class is kept secret


def read_dataset(
    name: str, data_dir: Path | None, image_size: tuple[int, int] | None, download: bool
) -> Source:
    """Reads the split `train` and the split `test`, if there is one whose labels are public.

    Args:
        name: of the data set, `name[/config][:version]`.
        data_dir: where data sets are kept; `None` is the default of TensorFlow Datasets.
        image_size: `(height, width)` to which images are resized, or `None` for as they are.
        download: whether a data set that is not in `data_dir` may be downloaded.

    Raises:
        DataError: unknown, impossible to prepare, or not a classification task with inputs of one
            shape; the message says why.
    """
    builder = find_builder(name, data_dir)
    origin = f"{builder.info.full_name} in {builder.data_dir}"
    find_columns(builder, image_size, origin)  # before gigabytes are downloaded for nothing
    builder = prepare(builder, name, download)
    with data_errors(origin):
        return _source(builder, find_columns(builder, image_size, origin), origin)


def _source(builder: tfds.core.DatasetBuilder, columns: Columns, origin: str) -> Source:
    if "train" not in builder.info.splits:
        raise DataError(f"{origin}: a split train is needed. Received: {[*builder.info.splits]}")
    labels = _labels(builder, "train", columns)
    classes, names = _classes(labels, columns, origin)
    train = _split(builder, "train", columns, class_indices(labels, classes, f"{origin}: train"))
    return Source(origin, names, train, _test(builder, columns, classes, origin))


def _test(
    builder: tfds.core.DatasetBuilder, columns: Columns, classes: np.ndarray, origin: str
) -> Split | None:
    if "test" not in builder.info.splits:
        return None
    labels = _labels(builder, "test", columns)
    if (labels == HIDDEN).all():
        return None
    return _split(builder, "test", columns, class_indices(labels, classes, f"{origin}: test"))


def _classes(
    labels: np.ndarray, columns: Columns, origin: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The label of each class, and its name."""
    found = distinct_classes(labels, f"{origin}: {columns.label}")
    if columns.class_names is None:
        return found, tuple(str(label) for label in found.tolist())
    return np.arange(len(columns.class_names)), columns.class_names


def _labels(builder: tfds.core.DatasetBuilder, split: str, columns: Columns) -> np.ndarray:
    labels = _stored(builder, split, columns).map(lambda example: example[columns.label])
    return np.concatenate(list(labels.batch(4096).as_numpy_iterator()))


def _split(
    builder: tfds.core.DatasetBuilder, split: str, columns: Columns, labels: np.ndarray
) -> Split:
    stored = _stored(builder, split, columns).map(lambda example: example[columns.feature])
    in_buffer = SHUFFLE_BYTES // (4 * math.prod(columns.input_shape))
    buffer = max(1, min(len(labels), in_buffer))
    stream = StreamSplit(stored, labels, columns.input_shape, columns.decode, buffer)
    return in_memory_if_it_fits(stream)


def _stored(builder: tfds.core.DatasetBuilder, split: str, columns: Columns) -> tf.data.Dataset:
    """The examples of `split`, the feature not decoded, in a fixed order."""
    return builder.as_dataset(
        split=split,  # pyright: ignore[reportCallIssue]
        decoders={columns.feature: tfds.decode.SkipDecoding()},
        shuffle_files=False,
        read_config=tfds.ReadConfig(try_autocache=False),
    )
