"""Measure the time of a training step with SAM and ASAM against a plain step.

    python -m benchmarks.sam [--model resnet20] [--rounds 7] [--steps 10] [--batch 32]

In each round each of them trains the same number of steps on the same batch, in one process and in
turn. A figure is the median over the rounds, and a ratio is taken in each round. Each has its own
copy of the model. TensorFlow runs without XLA, as in `zoo.train` on a CPU.
"""

import argparse

import keras
import numpy as np

from occam import zoo
from occam.core.text_table import table

from .timing import step_rows

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
    random = np.random.default_rng(0)
    x = random.normal(size=(arguments.batch, *SHAPE)).astype("float32")
    y = random.integers(CLASSES, size=arguments.batch)
    trainers = {way: trainer(arguments.model, way) for way in WAYS}
    rows = step_rows(trainers, x, y, rounds=arguments.rounds, steps=arguments.steps)
    print(table(("method", "step", "ratio to plain"), list(rows)))


def trainer(name: str, way: str) -> keras.Model:
    model = zoo.create_model(name, input_shape=SHAPE, num_classes=CLASSES, seed=0)
    model = WAYS[way](model)
    on_tensorflow = keras.backend.backend() == "tensorflow"
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False if on_tensorflow else "auto",
    )
    return model


if __name__ == "__main__":
    main()
