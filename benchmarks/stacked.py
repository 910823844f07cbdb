"""Train several candidates in one step, with stacked kernels, or one after another.

    pip install 'keras-occam[jax]'
    python -m benchmarks.stacked [--units 100 512] [--candidates 4 8] [--rounds 15]

An epoch of `mlp` on the 3,600 training rows of mnist1d, in batches of 100, is one compiled loop of
JAX, with Adam, dropout and L2, whose strengths differ between candidates. Stacked, `jax.vmap` makes
it an epoch of all candidates. The figure is by how much that is faster: median, least and most.
"""

import argparse
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from occam.core.text_table import table

from .timing import time_in_turn

ROWS, FEATURES, CLASSES, BATCH = 3600, 40, 10, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, nargs="*", default=(100, 512), help="of each layer")
    parser.add_argument("--candidates", type=int, nargs="*", default=(4, 8))
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    rows = []
    for units in arguments.units:
        for number in arguments.candidates:
            calls = trainings(units, number)
            seconds = time_in_turn(calls, arguments.rounds, warm_up=1)
            gains = seconds["one by one"] / seconds["stacked"]
            cells = (f"{value:.2f}" for value in (np.median(gains), gains.min(), gains.max()))
            rows.append((f"{units}-{units}", number, *cells))
    print(table(("units", "candidates", "times as fast", "least", "most"), rows))


def trainings(units: int, number: int):
    """Return the two ways to train an epoch of each candidate, which return their weights."""
    rng = np.random.default_rng(0)
    x = jnp.array(rng.normal(size=(ROWS, FEATURES)), "float32")
    y = jnp.array(rng.integers(CLASSES, size=ROWS))
    candidates = [weights_of(rng, units) for _ in range(number)]
    stacked = jax.tree.map(lambda *arrays: jnp.stack(arrays), *candidates)
    l2, rates = jnp.logspace(-6, -3, number), jnp.linspace(0, 0.5, number)
    one = jax.jit(partial(train_epoch, x, y))
    several = jax.jit(jax.vmap(partial(train_epoch, x, y)))

    def one_by_one():
        found = [one(*each) for each in zip(candidates, l2, rates, strict=True)]
        return jax.block_until_ready(found)

    def together():
        return jax.block_until_ready(several(stacked, l2, rates))

    return {"one by one": one_by_one, "stacked": together}


def weights_of(rng: np.random.Generator, units: int) -> list[tuple[jax.Array, jax.Array]]:
    """Return the initial kernel and bias of each layer."""
    sides = [FEATURES, units, units, CLASSES]
    return [
        (jnp.array(rng.normal(size=(a, b)) * np.sqrt(2 / a), "float32"), jnp.zeros(b))
        for a, b in pairwise(sides)
    ]


def loss_of(weights, x, y, l2, rate, key):
    """Return the cross-entropy with dropout and the penalty."""
    *hidden, (kernel, bias) = weights
    for number, (w, b) in enumerate(hidden):
        x = jax.nn.relu(x @ w + b)
        dropped = jax.random.uniform(jax.random.fold_in(key, number), x.shape) < rate
        x = jnp.where(dropped, 0, x / (1 - rate))
    losses = jax.nn.log_softmax(x @ kernel + bias)
    penalty = l2 * sum((w**2).sum() for w, _ in weights)
    return -jnp.take_along_axis(losses, y[:, None], 1).mean() + penalty


def train_epoch(x, y, weights, l2, rate):
    """Return the weights after an epoch of Adam."""
    zeros = jax.tree.map(jnp.zeros_like, weights)

    def step(state, number):
        weights, mean, square = state
        batch = [jax.lax.dynamic_slice_in_dim(each, number * BATCH, BATCH) for each in (x, y)]
        key = jax.random.fold_in(jax.random.key(0), number)
        gradients = jax.grad(loss_of)(weights, *batch, l2, rate, key)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradients)
        square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g**2, square, gradients)
        scale = 1e-3 * jnp.sqrt(1 - 0.999 ** (number + 1.0)) / (1 - 0.9 ** (number + 1.0))
        weights = jax.tree.map(
            lambda w, m, s: w - scale * m / (jnp.sqrt(s) + 1e-7), weights, mean, square
        )
        return (weights, mean, square), None

    (weights, *_), _ = jax.lax.scan(step, (weights, zeros, zeros), jnp.arange(ROWS // BATCH))
    return weights


if __name__ == "__main__":
    main()
