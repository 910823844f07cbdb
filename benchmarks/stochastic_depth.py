"""The time of a training step with stochastic depth: skipped branches against the plain network.

    python -m benchmarks.stochastic_depth [--rounds 7] [--steps 20] [--batch 32] [--final 0.5]

The network is that of He et al. 2015 with n = 9, 56 layers for 32x32 images, drop rates rising
evenly from 0 to `--final`. In each round each way trains the same number of steps, in one process
and in turn; a figure is the median of the rounds, and a ratio is taken round by round. The expected
share of branches that are computed is 1 - final / 2.
"""

import argparse
import time
from collections.abc import Iterator
from statistics import median

import keras
import numpy as np
from keras import ops, random

from occam.core.text_table import table
from occam.zoo import layers

BLOCKS_PER_STAGE = 9  # n of the paper's 6n + 2 layers
STAGES = (16, 32, 64)  # filters
WAYS = ("plain", "batch", "sample")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--final", type=float, default=0.5)
    arguments = parser.parse_args()
    print(table(("way", "a step", "of the plain one"), list(rows(arguments))))


def rows(arguments: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    x = random.normal((arguments.batch, 32, 32, 3), seed=0)
    y = ops.convert_to_tensor(np.arange(arguments.batch) % 10)
    models = [resnet(way, arguments.final) for way in WAYS]
    for model in models:
        model.train_on_batch(x, y)  # traced and compiled before the clock starts
    times = [[step(m, x, y, arguments.steps) for m in models] for _ in range(arguments.rounds)]
    for way, column in zip(WAYS, zip(*times, strict=True), strict=True):
        ratio = median(own / row[0] for own, row in zip(column, times, strict=True))
        yield way, f"{1000 * median(column):.0f} ms", f"{ratio:.2f}"


def step(model: keras.Model, x, y, steps: int) -> float:
    """The mean seconds of a step: with branches skipped at random, one step is no measure."""
    start = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(x, y)
    return (time.perf_counter() - start) / steps


def resnet(way: str, final: float) -> keras.Model:
    rates = iter(layers.linear_depth_rates(final, len(STAGES) * BLOCKS_PER_STAGE))
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(STAGES[0], 3, padding="same", use_bias=False)(inputs)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    for filters in STAGES:
        for _ in range(BLOCKS_PER_STAGE):
            x = block(x, filters, way, next(rates))
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(10)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss)
    return model


def block(x, filters: int, way: str, rate: float):
    stride = filters // x.shape[-1]
    shortcut = x
    if stride > 1:
        shortcut = ops.pad(x[:, ::2, ::2, :], ((0, 0), (0, 0), (0, 0), (0, filters // 2)))
    branch = [
        keras.layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
        keras.layers.Conv2D(filters, 3, padding="same", use_bias=False),
        keras.layers.BatchNormalization(),
    ]
    if way == "plain":
        for layer in branch:
            x = layer(x)
        x = keras.layers.Add()([shortcut, x])
    else:
        x = layers.ResidualBranch(branch, rate, per=way)([shortcut, x])
    return keras.layers.ReLU()(x)


if __name__ == "__main__":
    main()
