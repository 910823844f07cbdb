"""Time calls in turn, so that other work on the machine slows down all of them alike."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median

import keras
import numpy as np


def time_in_turn(
    calls: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: int = 0
) -> dict[str, np.ndarray]:
    """Return the seconds of each call in each round, each of shape `(rounds,)`.

    Args:
        calls: The functions to time, by name. Each round calls each of them once.
        rounds: Number of rounds.
        warm_up: Number of rounds before those, which are not timed.
    """
    seconds = {name: np.empty(rounds) for name in calls}
    for turn in range(-warm_up, rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if turn >= 0:
                seconds[name][turn] = time.perf_counter() - start
    return seconds


def step_rows(
    models: Mapping[str, keras.Model], x, y, *, rounds: int, steps: int
) -> Iterator[tuple[str, str, str]]:
    """Yield name, milliseconds of a training step, and ratio to the first model, for each model.

    In each round, each model trains `steps` steps on the batch `(x, y)`. The time is the median of
    the rounds, and the ratio the median of the ratios of the single rounds.
    """
    for model in models.values():
        model.train_on_batch(x, y)  # trace and compile first

    def train(model: keras.Model) -> None:
        for _ in range(steps):
            model.train_on_batch(x, y)

    calls = {name: lambda model=model: train(model) for name, model in models.items()}
    seconds = time_in_turn(calls, rounds)
    baseline = next(iter(seconds.values()))
    for name, own in seconds.items():
        yield name, f"{1000 * median(own) / steps:.0f} ms", f"{median(own / baseline):.2f}"


def file_size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a directory."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
