"""The one error of the data part."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

__all__ = ["DataError", "data_errors"]


class DataError(ValueError):
    """Data that cannot be used; the message names the source, the field and what is wrong."""


@contextlib.contextmanager
def data_errors(origin: str | None = None) -> Iterator[None]:
    """Raise a `DataError` in place of TensorFlow's error, where the data is to blame for it.

    A `DataError` that is raised inside of a `tf.numpy_function` reaches the caller as an
    `InvalidArgumentError` whose message holds its type, its text and its traceback.

    Args:
        origin: where the data is from, if nothing but reading is done: any error is then its own.
    """
    try:
        yield
    except tf.errors.OpError as error:
        raised = re.search(r"DataError: (.*?)\nTraceback \(most", error.message, re.DOTALL)
        if raised:
            raise DataError(raised[1]) from error
        if origin is None or isinstance(error, tf.errors.ResourceExhaustedError):
            raise
        cause = re.sub(r"{{.*?}} | \[Op:.*", "", error.message.splitlines()[0])
        raise DataError(f"{origin}: cannot be read ({cause}).") from error
