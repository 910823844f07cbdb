"""Requests that wait together: joined, split, and each with an error of its own."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from occam.exports.serving.batcher import Batcher
from occam.exports.serving.errors import RequestError


def batched(requests, run=None, rows=4):
    """The answers to requests that come while a first one is running, and the sizes of batches."""
    sizes, gate = [], threading.Event()

    def gated(features):
        gate.wait()
        if (features["x"] < 0).any():
            raise RequestError(400, "negative")
        return {"y": features["x"] * 2}

    async def ask():
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(run or gated, pool, rows, sizes.append)
            tasks = [asyncio.create_task(batcher({"x": np.array(x)})) for x in requests]
            while not sizes:
                await asyncio.sleep(0)
            gate.set()
            return await asyncio.gather(*tasks, return_exceptions=True)

    answers: list[Any] = asyncio.run(ask())
    return answers, sizes


def test_rows_are_joined_up_to_the_limit_and_split_again():
    answers, sizes = batched([[[1]], [[2]], [[3], [4]], [[5]], [[6]], [[7]] * 6, [[8]]])
    assert sizes == [4, 2, 6, 1]
    values = [answer["y"].ravel().tolist() for answer in answers]
    assert values == [[2], [4], [6, 8], [10], [12], [14] * 6, [16]]


def test_only_equal_shapes_are_joined():
    answers, sizes = batched([[[1]], [[1, 2]], [[3, 4]], [[5]]])
    assert sizes == [1, 2, 1]
    assert [answer["y"].shape for answer in answers] == [(1, 1), (1, 2), (1, 2), (1, 1)]


def test_the_wrong_request_alone_gets_the_error():
    answers, sizes = batched([[[1]], [[-2]], [[3]]])
    assert sizes == [3]
    assert answers[0]["y"] == 2
    assert isinstance(answers[1], RequestError)
    assert answers[2]["y"] == 6


def test_who_gave_up_is_left_out():
    ran, gate = [], threading.Event()

    def run(features):
        gate.wait()
        ran.append(features["x"].ravel().tolist())
        return features

    async def ask():
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(run, pool, 1, lambda rows: None)
            tasks = [asyncio.create_task(batcher({"x": np.array([[i]])})) for i in range(3)]
            await asyncio.sleep(0)
            tasks[1].cancel()
            tasks[0].cancel()  # it is running already
            await asyncio.sleep(0)
            gate.set()
            return (await tasks[2])["x"]

    assert asyncio.run(ask()) == 2
    assert ran[-1] == [2]
    assert [1] not in ran


def test_what_it_refuses():
    with pytest.raises(ValueError, match="Received: rows=0"):
        Batcher(lambda features: features, ThreadPoolExecutor(1), 0, lambda rows: None)

    async def unequal():
        batcher = Batcher(lambda features: features, ThreadPoolExecutor(1), 1, lambda rows: None)
        await batcher({"a": np.zeros(1), "b": np.zeros(2)})

    with pytest.raises(RequestError, match=r"Received: \{'a': 1, 'b': 2\}"):
        asyncio.run(unequal())
