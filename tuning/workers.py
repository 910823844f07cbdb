"""`Workers`: processes that run the executions of a search side by side."""

import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import cloudpickle
import loky

_IDLE_SECONDS = 300  # after which a worker without a job ends
_MAX_DEATHS = 3  # of the workers, without a finished job between them

_work: Any = None  # the function of this process, if it is a worker


class Workers:
    """Processes that call a function on many arguments.

    A job whose worker is killed is run again by another one.

    Args:
        number: The number of processes. Each uses an equal share of the processors.
        work: The function, which every process gets once.

    Raises:
        TypeError: If `work` cannot be sent to a process.
    """

    def __init__(self, number: int, work: Callable[..., Any]):
        self.number = number
        try:
            self._pickled = cloudpickle.dumps(work)
        except Exception as error:  # models and data of users may raise anything
            raise TypeError(
                "`workers` must be 1 for a model or data that cannot be sent to another process "
                f"({type(error).__name__}: {error}). Received: workers={number}"
            ) from error
        self._executor: Any = None

    def run(self, jobs: Mapping[Hashable, tuple[Any, ...]]) -> Iterator[tuple[Any, Any]]:
        """Yield the name and the result of each job as soon as it is finished.

        Args:
            jobs: The arguments of the function for each name.

        Raises:
            RuntimeError: If workers are killed again and again.
        """
        left, deaths = dict(jobs), 0
        while left:
            futures = {self._submit(arguments): name for name, arguments in left.items()}
            try:
                for future in as_completed(futures):
                    result, name = future.result(), futures[future]
                    del left[name]
                    deaths = 0
                    yield name, result
            except BrokenProcessPool as error:
                self.close()
                deaths += 1
                if deaths == _MAX_DEATHS:
                    raise RuntimeError(
                        f"The worker processes were killed {deaths} times in a row: use fewer "
                        f"`workers` if the memory is full. Received: workers={self.number}"
                    ) from error

    def close(self) -> None:
        """Kill the processes."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, kill_workers=True)
            self._executor = None

    def _submit(self, arguments: tuple[Any, ...]) -> Any:
        if self._executor is None:
            threads = max(1, (os.cpu_count() or 1) // self.number)
            self._executor = loky.ProcessPoolExecutor(
                self.number,
                timeout=_IDLE_SECONDS,
                initializer=_begin,
                initargs=(self._pickled, threads, os.getpid()),
            )
        return self._executor.submit(_call, arguments)


def _begin(pickled: bytes, threads: int, parent: int) -> None:
    """Make this process a worker.

    Steps of small models are too small to split: with one thread each, two processes train twice
    as fast on two processors as one.
    """
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    global _work
    _work = cloudpickle.loads(pickled)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process soon after its parent, also if that is killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _call(arguments: tuple[Any, ...]) -> Any:
    return _work(*arguments)
