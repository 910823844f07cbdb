"""Measure the cost of each field of `Regularization`: epochs of `resnet20` with and without it.

    python -m benchmarks.costs [--rounds 5] [--steps 10] [--batch 32] [--json FILE]

The images are random, with 32 x 32 pixels; each field is set to the middle of its search range. In
each round the plain and the regularized model train the same number of steps, in turn and in one
process. A figure is the median over the rounds of the ratio of their processor times, which other
work on the machine hardly changes. Mixing and augmentation run in tf.data beside the step and are
included.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import keras
import numpy as np

from occam import zoo
from occam.core.text_table import table
from occam.zoo.models import get_architecture
from occam.zoo.training import engine

MODEL, SIDE, CLASSES = "resnet20", 32, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--json", type=Path, help="also write the ratios to this file")
    arguments = parser.parse_args()
    ratios = measure(arguments.rounds, arguments.steps, arguments.batch)
    print(table(("field", "value", "ratio to a plain step"), [*map(_row, ratios.items())]))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(ratios, indent=2) + "\n")


def measure(rounds: int, steps: int, batch: int) -> dict[str, float]:
    """Return the ratio of each field that the model supports."""
    data = random_images(steps, batch)
    plain = Trainee(data, zoo.Regularization())
    ratios = {}
    for field in get_architecture(MODEL).supported:
        value = zoo.Regularization.fields()[field].middle
        regularized = Trainee(data, zoo.Regularization(**{field: value}))
        ratios[field] = median([regularized.epoch() / plain.epoch() for _ in range(rounds)])
        keras.backend.clear_session(free_memory=True)
    return ratios


def random_images(steps: int, batch: int) -> zoo.Data:
    """Return a dataset of `steps` batches, a tenth more for validation, and a small test part."""
    rng = np.random.default_rng(0)
    count, test = round(steps * batch / 0.9), 2 * CLASSES
    images = rng.integers(0, 256, (count + test, SIDE, SIDE, 3)).astype("uint8")
    labels = np.arange(count + test) % CLASSES
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "random.npz"
        x, y = (part[test:] for part in (images, labels))
        np.savez(path, x=x, y=y, x_test=images[:test], y_test=labels[:test])
        return zoo.load_data(str(path), batch_size=batch)


class Trainee:
    """A compiled and traced `resnet20`."""

    def __init__(self, data: zoo.Data, regularization: zoo.Regularization):
        model = zoo.create_model(
            MODEL,
            input_shape=data.input_shape,
            num_classes=data.num_classes,
            regularization=regularization,
            seed=0,
        )
        self.data, self.regularization = data, regularization
        self.model = engine.compile_model(
            model, data, regularization, epochs=100, learning_rate=1e-3
        )
        self.batches = iter(engine.training_batches(data, regularization, seed=0))
        self.epoch()

    def epoch(self) -> float:
        """Train an epoch without validation and return the processor seconds of all threads."""
        start = time.process_time()
        for _ in range(self.data.steps_per_epoch):
            self.model.train_on_batch(*next(self.batches))
        return time.process_time() - start


def _row(pair: tuple[str, float]) -> tuple[str, str, str]:
    field, ratio = pair
    strength = zoo.Regularization.fields()[field]
    return field, strength.format(strength.middle), f"{ratio:.2f}"


if __name__ == "__main__":
    main()
