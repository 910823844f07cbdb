"""`Source`: the raw data that every reader returns, and errors of reading it."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import keras
import tensorflow as tf

from ..tasks import DataError, Task
from .split import Split

PART_NAMES = {  # of files and folders
    "train": ("train",),
    "validation": ("val", "valid", "validation"),
    "test": ("test",),
}


@dataclass(frozen=True, eq=False)
class Source:
    """Raw examples, as a reader found them.

    Args:
        origin: The file, the directory, or the builder and its version.
        task: What the targets are.
        train: The training part. The validation part is held out of it if `validation` is `None`.
        test: The test part, or `None` if the source has none.
        validation: The validation part, or `None` if the source has none.
        hold_out_by: "group", all examples of a group in one part; "time", the latest are held out;
            both by `ArraySplit.keys`. By default stratified by the task.
        preprocessing: Fits the layer from raw features to those of a model to the training part;
            by default `fit_preprocessing`.
        task_found: Whether the task was recognized from the targets, not told.
        columns: The kind of each column of a table, or `None`.
        left_out: The files that could not be read and were left out.
    """

    origin: str
    task: Task
    train: Split
    test: Split | None = None
    validation: Split | None = None
    hold_out_by: Literal["strata", "group", "time"] = "strata"
    preprocessing: Callable[[Split, str], keras.layers.Layer] | None = None
    task_found: bool = False
    columns: Mapping[str, str] | None = None
    left_out: tuple[str, ...] = ()


@contextlib.contextmanager
def data_errors(origin: str | None = None) -> Iterator[None]:
    """Raise a `DataError` in place of a TensorFlow error that the data caused.

    Args:
        origin: The name of the source, if the block only reads data. Any TensorFlow error then
            becomes a `DataError`.
    """
    try:
        yield
    except tf.errors.OpError as error:
        # `tf.numpy_function` turns a DataError into an InvalidArgumentError with its traceback.
        raised = re.search(r"DataError: (.*?)\nTraceback \(most", error.message, re.DOTALL)
        if raised:
            raise DataError(raised[1]) from error
        if origin is None or isinstance(error, tf.errors.ResourceExhaustedError):
            raise
        cause = re.sub(r"{{.*?}} | \[Op:.*", "", error.message.splitlines()[0])
        raise DataError(f"{origin}: cannot be read ({cause}).") from error
