"""Measure the time of `zoo.regularize` against the time to build the model.

    python -m benchmarks.surgery [--rounds 9] [--size 224]

In each round the model is built, and then copied with an L2 penalty on each kernel, dropout before
the head and stochastic depth on the residual branches, in turn and in one process. A figure is the
median over the rounds, and the ratio is taken in each round.
"""

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import keras

from occam import zoo
from occam.core.text_table import table

MODELS = ("ResNet50V2", "EfficientNetV2B0")
REGULARIZATION = zoo.Regularization(l2=1e-4, dropout=0.2, stochastic_depth=0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--size", type=int, default=224, help="side of the images in pixels")
    arguments = parser.parse_args()
    head = ("model", "building", "surgery", "ratio", "smallest", "largest")
    print(table(head, list(rows(arguments.rounds, arguments.size))))


def rows(rounds: int, size: int) -> Iterator[tuple[str, ...]]:
    for name in MODELS:
        times = [pair(name, size) for _ in range(rounds + 1)][1:]  # the first one warms up
        building, surgery = (median(column) for column in zip(*times, strict=True))
        ratios = [surgery / building for building, surgery in times]
        shown = (median(ratios), min(ratios), max(ratios))
        yield name, f"{building:.2f} s", f"{surgery:.2f} s", *(f"{one:.2f}" for one in shown)


def pair(name: str, size: int) -> tuple[float, float]:
    """Return the seconds to build a model and to regularize it."""
    keras.backend.clear_session()
    gc.collect()

    def build() -> keras.Model:
        return getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3))

    building, model = seconds(build)
    surgery, _ = seconds(lambda: zoo.regularize(model, REGULARIZATION))
    return building, surgery


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of a call, and its result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
