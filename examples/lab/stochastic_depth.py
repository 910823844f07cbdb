"""Stochastic depth: deeper networks that train faster.

Claim: Skipping the branches of residual blocks at random, ever more of them towards the output,
makes very deep networks trainable, lowers their test error, and saves the time of the skipped
branches: with a final rate r, a fraction of r / 2.

Reference: Huang et al., Deep Networks with Stochastic Depth, 2016,
https://arxiv.org/abs/1603.09382

Time: 500 seconds on two shared cores.

Expected: A final rate of 0.5 lowers the test error at every depth, by 0.046, 0.033 and 0.047 with
20, 56 and 110 layers, and raises the training error from 0.01 or 0.02 by 0.06: it regularizes. The
other claims do not hold here. Depth does not pay: of 1,000 series of mnist1d, 110 layers learn no
more than 20. And these branches are too small to save time: with 110 layers, the processor time is
0.94 of that without, where 0.75 of the branches are computed.
"""

import time
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from occam import zoo
from occam.zoo.layers import ResidualBranch, linear_depth_rates

from .experiment import Finding, Report
from .side_by_side import error_of, figures, fit, rows

ROWS, WIDTH, BATCH, RATE = 1000, 32, 100, 0.003
TEST, TRAIN, SECONDS = range(3)


def run(*, small: bool = False) -> Report:
    """Train residual networks of dense layers on mnist1d, over depths and final rates."""
    depths = (20,) if small else (20, 56, 110)
    rates = (0.0, 0.5) if small else (0.0, 0.25, 0.5)
    epochs, seeds = (20, 2) if small else (40, 3)
    found = {depth: measure(depth, rates, epochs, seeds) for depth in depths}
    half = rates.index(0.5)
    findings = []
    for depth, each in found.items():
        measures = (
            {"training": (TRAIN, 1)} if small else {"training": (TRAIN, 1), "test": (TEST, -1)}
        )
        for name, (part, sign) in measures.items():
            change = each[part, half] - each[part, 0]
            findings.append(
                Finding(
                    f"{depth} layers: {name} error with a final rate of 0.5 minus that with 0",
                    "above 0" if sign > 0 else "below 0",
                    f"{figures(change)}, from {each[part, 0].mean():.3f}",
                    bool(sign * change.mean() > 2 * error_of(change)),
                )
            )
    if not small:
        deeper = found[110][TEST, half] - found[20][TEST, half]
        share = np.median(found[110][SECONDS, half]) / np.median(found[110][SECONDS, 0])
        findings += [
            Finding(
                "final rate 0.5: test error with 110 layers minus that with 20",
                "below 0",
                figures(deeper),
                bool(deeper.mean() < -2 * error_of(deeper)),
            ),
            Finding(
                "110 layers: processor time with a final rate of 0.5, over that with 0",
                "0.75, the share of branches that are computed, up to 0.1",
                f"{share:.2f}",
                bool(abs(share - 0.75) < 0.1),
            ),
        ]
    return Report(tuple(findings), draw(found, rates))


def network(depth: int) -> tuple[keras.Model, list[ResidualBranch]]:
    """Return a network of `depth` layers, two in each residual block, and its blocks."""
    inputs = keras.Input((40,))
    x = keras.layers.Dense(WIDTH)(inputs)
    blocks = []
    for _ in range((depth - 2) // 2):
        branch = []
        for _ in range(2):
            dense = keras.layers.Dense(WIDTH, use_bias=False, kernel_initializer="he_normal")
            branch += [keras.layers.BatchNormalization(momentum=0.9), keras.layers.ReLU(), dense]
        blocks.append(ResidualBranch(branch, 0.0))
        x = blocks[-1](x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(inputs, keras.layers.Dense(10)(x)), blocks


def measure(depth: int, rates: Any, epochs: int, seeds: int) -> np.ndarray:
    """Return test error, training error and seconds of the processor, `(3, rates, seeds)`.

    The rates are variables, so that one compiled model serves all of them.
    """
    data = zoo.load_data("mnist1d")
    (x, y), (x_test, y_test) = rows(data, "train"), rows(data, "test")
    x, y = x[:ROWS], y[:ROWS]
    model, blocks = network(depth)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer, passes = keras.optimizers.Adam(RATE), len(y) // BATCH
    model.compile(optimizer, loss, steps_per_execution=passes, jit_compile=False)
    fit(model, x, y, epochs=1, batch_size=BATCH)  # traces the step, which takes seconds
    found = []
    for rate in rates:
        for block, each in zip(blocks, linear_depth_rates(rate, len(blocks)), strict=True):
            block.rate = each
        for seed in range(seeds):
            restart(model, blocks, seed)
            start = time.process_time()
            fit(model, x, y, epochs=epochs, batch_size=BATCH, seed=seed)
            seconds = time.process_time() - start
            found.append([*(wrong(model, *part) for part in ((x_test, y_test), (x, y))), seconds])
    return np.moveaxis(np.reshape(found, (len(rates), seeds, 3)), -1, 0)


def restart(model: keras.Model, blocks: list[ResidualBranch], seed: int) -> None:
    """Give a model new initial weights, and its optimizer no memory."""
    generator = np.random.default_rng(seed)
    for layer in [*model.layers, *(layer for block in blocks for layer in block.branch)]:
        if isinstance(layer, keras.layers.Dense):
            kernel: Any = layer.kernel
            spread = (2 / kernel.shape[0]) ** 0.5
            kernel.assign(spread * generator.normal(size=kernel.shape))
            if layer.use_bias:
                layer.bias.assign(np.zeros(layer.bias.shape))
        elif isinstance(layer, keras.layers.BatchNormalization):
            ones, zeros = np.ones(layer.gamma.shape), np.zeros(layer.gamma.shape)
            layer.set_weights([ones, zeros, zeros, ones])
    rate = model.optimizer.learning_rate.numpy()
    for variable in model.optimizer.variables:
        variable.assign(np.zeros(variable.shape))
    model.optimizer.learning_rate = rate


def wrong(model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    """Return the fraction of wrong answers."""
    return float(np.mean(np.argmax(model.predict(x, verbose=0, batch_size=1000), axis=1) != y))


def draw(found: dict[int, np.ndarray], rates: Any) -> Figure:
    """Draw the errors and the time over the final rate, for each depth."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    panels = figure.subplots(1, 3)
    names = ("test error", "training error, in inference mode", "processor time of training")
    for number, (depth, each) in enumerate(found.items()):
        style: Any = {"color": f"C{number}", "label": f"{depth} layers", "capsize": 3}
        relative = each / np.array([1, 1, np.median(each[SECONDS, 0])])[:, None, None]
        for axis, values in zip(panels, relative, strict=True):
            axis.errorbar(rates, values.mean(axis=1), error_of(values), fmt="o-", **style)
    panels[2].plot(
        rates, 1 - np.array(rates) / 2, color="gray", linestyle="--", label="1 - rate / 2"
    )
    panels[2].set_ylabel("relative to a rate of 0")
    panels[0].set_ylim(0.5, 0.7)
    panels[1].set_ylim(0, None)
    panels[2].set_ylim(0, 1.5)
    for axis, name in zip(panels, names, strict=True):
        axis.set(xlabel="final rate", title=name)
        axis.legend(frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    return figure
