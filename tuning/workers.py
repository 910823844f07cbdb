"""`Workers`: processes that run the executions of a search side by side."""

import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import cloudpickle
import keras
import loky

_IDLE_SECONDS = 300  # after which a worker without a job ends
_MAX_DEATHS = 3  # of workers, without a finished job between them

_work: Any = None  # the function of this process, if it is a worker


class Workers:
    """Processes that call a function on many arguments.

    A job whose worker is killed is run again by another one. The other jobs go on.

    Args:
        number: The number of processes. Each uses an equal share of the processors.
        work: The function, which every process gets once.

    Raises:
        TypeError: If `work` cannot be sent to a process.
    """

    def __init__(self, number: int, work: Callable[..., Any]):
        self.number = number
        self._executors: list[Any] = [None] * number  # each of one process
        try:
            # The classes of a user's script must be known before a model with them is read.
            session = keras.config.dtype_policy().name, dict(keras.saving.get_custom_objects())
            self._pickled = cloudpickle.dumps((*session, cloudpickle.dumps(work)))
        except Exception as error:  # models and data of users may raise anything
            raise TypeError(
                "`workers` must be 1 for a model or data that cannot be sent to another process "
                f"({type(error).__name__}: {error}). Received: workers={number}"
            ) from error

    def run(
        self,
        jobs: Mapping[Hashable, tuple[Any, ...]],
        claim: Callable[[Any], bool] | None = None,
    ) -> Iterator[tuple[Any, Any]]:
        """Yield the name and the result of each job as soon as it is finished.

        Args:
            jobs: The arguments of the function for each name.
            claim: Function that says, before a job begins, whether to do it.

        Raises:
            RuntimeError: If workers are killed again and again.
        """
        waiting, deaths = list(jobs), 0
        free, running = list(range(self.number)), {}
        while waiting or running:
            while waiting and free:
                name = waiting.pop(0)
                if claim is None or claim(name):
                    worker = free.pop()
                    running[self._submit(worker, jobs[name])] = name, worker
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, worker = running.pop(future)
                free.append(worker)
                try:
                    result = future.result()
                except BrokenProcessPool as error:
                    self._close(worker)
                    waiting.insert(0, name)
                    deaths += 1
                    if deaths == _MAX_DEATHS:
                        raise RuntimeError(
                            f"Worker processes were killed {deaths} times in a row: use fewer "
                            f"`workers` if the memory is full. Received: workers={self.number}"
                        ) from error
                else:
                    deaths = 0
                    yield name, result

    def close(self) -> None:
        """Kill the processes."""
        for worker in range(self.number):
            self._close(worker)

    def _close(self, worker: int) -> None:
        if self._executors[worker] is not None:
            self._executors[worker].shutdown(wait=True, kill_workers=True)
            self._executors[worker] = None

    def _submit(self, worker: int, arguments: tuple[Any, ...]) -> "Future[Any]":
        if self._executors[worker] is not None:
            try:
                return self._executors[worker].submit(_call, arguments)
            except BrokenProcessPool:  # it was killed while it had nothing to do
                self._close(worker)
        threads = max(1, (os.cpu_count() or 1) // self.number)
        self._executors[worker] = loky.ProcessPoolExecutor(
            1,
            timeout=_IDLE_SECONDS,
            initializer=_begin,
            initargs=(self._pickled, threads, os.getpid()),
        )
        return self._executors[worker].submit(_call, arguments)


def _begin(pickled: bytes, threads: int, parent: int) -> None:
    """Make this process a worker.

    Steps of small models are too small to split: with one thread each, two processes train twice
    as fast on two processors as one.
    """
    global _work
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)  # other workers need some, too
        policy, classes, work = cloudpickle.loads(pickled)
        keras.config.set_dtype_policy(policy)
        keras.saving.get_custom_objects().update(classes)
        _work = cloudpickle.loads(work)
    except Exception as error:  # raised by the first job: here, it would look like a kill
        _work = error


def _end_with(parent: int) -> None:
    """End this process soon after its parent, also if that is killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _call(arguments: tuple[Any, ...]) -> Any:
    if isinstance(_work, Exception):
        raise RuntimeError(
            "The model or the data could not be read in another process: register the classes of "
            "layers with keras.saving.register_keras_serializable, or use workers=1"
        ) from _work
    return _work(*arguments)
