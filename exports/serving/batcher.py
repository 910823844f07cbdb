"""`Batcher`: requests that wait at the same time go through the graph together."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from .errors import RequestError

__all__ = ["Batcher"]

Arrays = Mapping[str, np.ndarray]


class _Waiting(NamedTuple):
    features: Arrays
    rows: int
    shapes: tuple[tuple[int, ...], ...]
    answer: "asyncio.Future[Arrays]"


class Batcher:
    """Joins the rows of requests to one signature of one version.

    A request that finds nothing running is run at once; those that come meanwhile are the next
    batch, so that nobody waits for company. A batch that fails is run again request by request:
    the wrong one alone gets the error.

    Args:
        run: from features by name to answers by name; row i of an answer belongs to row i of the
            features.
        pool: where it runs.
        rows: how many rows at most are joined; a larger request runs alone.
        observe: is told the number of rows of each batch.

    Raises:
        ValueError: `rows` is below 1.

    Example:

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> async def three():
    ...     with ThreadPoolExecutor(1) as pool:
    ...         batcher = Batcher(lambda f: {"y": 2 * f["x"]}, pool, 64, print)
    ...         ones = [batcher({"x": np.array([i])}) for i in range(3)]
    ...         return [int(answer["y"][0]) for answer in await asyncio.gather(*ones)]
    >>> asyncio.run(three())
    3
    [0, 2, 4]
    """

    def __init__(
        self,
        run: Callable[[Arrays], Arrays],
        pool: Executor,
        rows: int,
        observe: Callable[[int], object],
    ):
        if rows < 1:
            raise ValueError(f"Expected rows >= 1. Received: rows={rows}")
        self._run, self._pool, self._rows, self._observe = run, pool, rows, observe
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, features: Arrays) -> Arrays:
        """The answers by name; what `run` raises is raised.

        Raises:
            RequestError: 400, the inputs have different numbers of rows.
        """
        sizes = {name: len(array) for name, array in features.items()}
        if len(set(sizes.values())) != 1:
            raise RequestError(
                400, f"Expected the same number of rows in each input. Received: {sizes}"
            )
        shapes = tuple(array.shape[1:] for array in features.values())
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(features, next(iter(sizes.values())), shapes, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while batch := self._next():
                self._observe(sum(waiting.rows for waiting in batch))
                answers = await loop.run_in_executor(self._pool, self._answers, batch)
                for waiting, answer in zip(batch, answers, strict=True):
                    _settle(waiting, answer)
        finally:
            self._task = None

    def _next(self) -> list[_Waiting]:
        """The first that waits, and those behind it that fit; who gave up is left out."""
        batch: list[_Waiting] = []
        while self._waiting:
            first = self._waiting[0]
            rows = first.rows + sum(waiting.rows for waiting in batch)
            if not first.answer.done():
                if batch and (rows > self._rows or first.shapes != batch[0].shapes):
                    break
                batch.append(first)
            self._waiting.popleft()
        return batch

    def _answers(self, batch: list[_Waiting]) -> list[Arrays | Exception]:
        if len(batch) == 1:
            return [self._alone(batch[0])]
        names = batch[0].features
        try:
            joined = self._run({n: np.concatenate([w.features[n] for w in batch]) for n in names})
        except Exception:  # one of them is wrong: whose error it is shows only alone
            return [self._alone(waiting) for waiting in batch]
        ends = np.cumsum([waiting.rows for waiting in batch])[:-1]
        parts = {name: np.split(array, ends) for name, array in joined.items()}
        return [{name: part[i] for name, part in parts.items()} for i in range(len(batch))]

    def _alone(self, waiting: _Waiting) -> Arrays | Exception:
        try:
            return self._run(waiting.features)
        except Exception as error:
            return error


def _settle(waiting: _Waiting, answer: Arrays | Exception) -> None:
    if waiting.answer.done():  # its request timed out meanwhile
        return
    if isinstance(answer, Exception):
        waiting.answer.set_exception(answer)
    else:
        waiting.answer.set_result(answer)
