"""Measure the time of a training step with stochastic depth against the plain network.

    python -m benchmarks.stochastic_depth [--rounds 7] [--steps 20] [--batch 32] [--final 0.5]

The network is that of He et al. 2015 with n = 9: 56 layers for images of 32 x 32 pixels, with drop
rates that rise linearly from 0 to `--final`. `batch` drops a branch for the whole batch and skips
its computation, `sample` for each sample. In each round each network trains the same number of
steps, in one process and in turn. A figure is the median over the rounds, and a ratio is taken in
each round. The expected share of branches that are computed is 1 - final / 2.
"""

import argparse

import keras
import numpy as np
from keras import ops, random

from occam.core.text_table import table
from occam.zoo import layers

from .timing import step_rows

BLOCKS_PER_STAGE = 9  # n in the paper: 6n + 2 layers
STAGES = (16, 32, 64)  # filters
WAYS = ("plain", "batch", "sample")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--final", type=float, default=0.5)
    arguments = parser.parse_args()
    x = random.normal((arguments.batch, 32, 32, 3), seed=0)
    y = ops.convert_to_tensor(np.arange(arguments.batch) % 10)
    models = {way: resnet(way, arguments.final) for way in WAYS}
    # One step is no measure of skipped branches, which are drawn at random: time many.
    rows = step_rows(models, x, y, rounds=arguments.rounds, steps=arguments.steps)
    print(table(("branches dropped per", "step", "ratio to plain"), list(rows)))


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
