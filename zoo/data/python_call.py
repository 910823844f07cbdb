"""Python functions inside `tf.data` pipelines, called so that the process can end."""

import atexit
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

_POLL = 0.01  # seconds
_EXIT_WAIT = 10.0  # seconds at most; a call that TensorFlow cancels is never counted as ended


def python_call(
    function: Callable[[Any], Sequence[np.ndarray]], outputs: Sequence[tf.TensorSpec]
) -> Callable[[tf.Tensor], list[tf.Tensor]]:
    """Return a Python function of one array for use in `tf.data.Dataset.map`.

    TensorFlow's threads read ahead by calls of Python. A call made after Python has shut down never
    returns, and the process hangs. So the pipeline counts its calls in variables, outside of
    Python, and the exit of the process waits for the unfinished ones.

    Args:
        function: Function from an array to one array for each of `outputs`.
        outputs: The type and shape of each result.
    """
    with tf.device("CPU"):
        exiting = tf.Variable(False, trainable=False, name="exiting")
        running = tf.Variable(0, dtype="int64", trainable=False, name="running")
    failed = []  # calls that raised, which `running` still counts
    dtypes = [spec.dtype for spec in outputs]

    def counted(argument):
        try:
            return function(argument)
        except BaseException:
            failed.append(argument)
            raise

    def nothing():
        return [tf.zeros([side or 0 for side in spec.shape], spec.dtype) for spec in outputs]

    def call(argument):
        with tf.control_dependencies([running.assign_add(1)]):
            skip = tf.identity(exiting)  # from now on, nobody uses the result
        results = tf.cond(
            skip,
            nothing,
            lambda: [
                tf.ensure_shape(result, spec.shape)
                for result, spec in zip(
                    tf.numpy_function(counted, [argument], dtypes), outputs, strict=True
                )
            ],
        )
        with tf.control_dependencies(results):
            ended = running.assign_sub(1)
        with tf.control_dependencies([ended]):
            results = [tf.identity(result) for result in results]
        for result, spec in zip(results, outputs, strict=True):
            result.set_shape(spec.shape)
        return results

    def finish_calls():
        exiting.assign(True)
        deadline = time.monotonic() + _EXIT_WAIT
        while running > len(failed) and time.monotonic() < deadline:
            time.sleep(_POLL)

    atexit.register(finish_calls)
    return call
