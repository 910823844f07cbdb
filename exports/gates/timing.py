"""`medians`: how long each of several questions takes, asked in turns."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["medians"]


def medians(questions: Sequence[Callable[[], Any]], rounds: int) -> list[float]:
    """The median seconds of each, so asked that whatever else the machine does slows down all.

    Each is asked once more before, for what is slow only once.
    """
    seconds: list[list[float]] = [[] for _ in questions]
    for question in questions:
        question()
    for _ in range(rounds):
        for question, taken in zip(questions, seconds, strict=True):
            start = time.perf_counter()
            question()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds]
