"""The time of a sharpness-aware training step: SAM and ASAM against the plain step.

    python -m benchmarks.sam [--model resnet20] [--rounds 7] [--steps 10] [--batch 32]

In each round each way trains the same number of steps of the same model on the same batch, in one
process and in turn; a figure is the median of the rounds, and a ratio is taken round by round. Each
way has its own copy of the model. TensorFlow runs without XLA, as in `zoo.train` on a CPU.
"""

import argparse
import time
from collections.abc import Iterator
from statistics import median

import keras
import numpy as np

from occam import zoo
from occam.core.text_table import table

SHAPE, CLASSES = (32, 32, 3), 10
WAYS = {
    "plain": lambda model: model,
    "SAM": lambda model: zoo.SharpnessAware(model, rho=0.05),
    "ASAM": lambda model: zoo.SharpnessAware(model, rho=0.5, adaptive=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="resnet20")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=32)
    arguments = parser.parse_args()
    print(table(("way", "a step", "of the plain one"), list(rows(arguments))))


def rows(arguments: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    random = np.random.default_rng(0)
    x = random.normal(size=(arguments.batch, *SHAPE)).astype("float32")
    y = random.integers(CLASSES, size=arguments.batch)
    trainers = [trainer(arguments.model, way) for way in WAYS]
    for each in trainers:
        each.train_on_batch(x, y)  # traced and compiled before the clock starts
    times = [
        [step(each, x, y, arguments.steps) for each in trainers] for _ in range(arguments.rounds)
    ]
    for way, column in zip(WAYS, zip(*times, strict=True), strict=True):
        ratio = median(own / row[0] for own, row in zip(column, times, strict=True))
        yield way, f"{1000 * median(column):.0f} ms", f"{ratio:.2f}"


def trainer(name: str, way: str) -> keras.Model:
    model = zoo.create_model(name, input_shape=SHAPE, num_classes=CLASSES, seed=0)
    made = WAYS[way](model)
    on_tensorflow = keras.backend.backend() == "tensorflow"
    made.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False if on_tensorflow else "auto",
    )
    return made


def step(model: keras.Model, x, y, steps: int) -> float:
    """The mean seconds of a step."""
    start = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(x, y)
    return (time.perf_counter() - start) / steps


if __name__ == "__main__":
    main()
