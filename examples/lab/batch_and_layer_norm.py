"""Batch normalization needs batches, and its noise regularizes; layer normalization needs none.

Claim: Batch normalization lets a network train at larger learning rates, but its statistics fail
as the batch shrinks: at a batch of 1 they are useless. Layer normalization does not depend on the
batch. The noise of the statistics of small batches is a regularizer: the training error is higher,
and the test error lower, than those of layer normalization.

Reference: Ioffe & Szegedy, Batch Normalization, 2015, https://arxiv.org/abs/1502.03167; Ba, Kiros &
Hinton, Layer Normalization, 2016, https://arxiv.org/abs/1607.06450; the noise: Luo et al., Towards
Understanding Regularization in Batch Normalization, 2019, https://arxiv.org/abs/1809.00846

Time: 250 seconds on two shared cores.

Expected: With a batch of 1, batch normalization guesses (a test error of 0.89), and with 2 and 4 it
is worse than nothing; layer normalization has 0.52 there, and 0.51 to 0.53 at all batch sizes. With
batches of 64, a learning rate of 3 trains with either, and 1 at most without. The noise shows at a
rate of 0.1: from batches of 256 to 16, the test error falls by 0.053 with batch normalization, and
by 0.014 with layer normalization, which has the noise of SGD alone; the training error rises by
0.06. But with its best learning rate and batch, layer normalization is as good: 0.506, and 0.496
with batch normalization, a difference that three seeds cannot tell from 0.
"""

from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from occam import zoo

from .experiment import Finding, Report
from .side_by_side import compile, dense, error, error_of, figures, fit, rows

ROWS, UNITS = 1000, 64  # training rows, units of each of two hidden layers
COLORS = {"none": "gray", "batch": "C0", "layer": "C1"}
TRAIN, TEST = range(2)


def run(*, small: bool = False) -> Report:
    """Train MLPs on mnist1d with SGD, over batch sizes and learning rates."""
    batches = [1, 64] if small else [1, 2, 4, 16, 64, 256]
    rates = [0.1] if small else [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
    passes, steps, seeds = (3, 600, 2) if small else (20, 2000, 3)
    found = {
        norm: np.array(
            [train(norm, size, rates, max(passes * ROWS // size, steps), seeds) for size in batches]
        )
        for norm in COLORS
    }  # (batch, part, rate, seed)
    best = {
        norm: [each[TEST][each[TEST].mean(axis=1).argmin()] for each in found[norm]]
        for norm in found
    }
    alone, layer = best["batch"][0], best["layer"][0] - best["batch"][0]
    findings = [
        Finding(
            "batch normalization, a batch of 1: test error",
            "0.9, that of guessing, up to 0.05",
            figures(alone),
            bool(abs(alone.mean() - 0.9) < 0.05),
        ),
        Finding(
            "a batch of 1: test error with layer minus that with batch normalization",
            "below 0",
            figures(layer),
            bool(layer.mean() < -2 * error_of(layer)),
        ),
    ]
    if not small:
        findings += [*rates_of(found, batches, rates), *noise_of(found, best, batches, rates)]
    return Report(tuple(findings), draw(found, best, batches, rates))


def rates_of(found: Any, batches: list[int], rates: list[float]) -> list[Finding]:
    """Compare the largest learning rates that train, by batches of 64."""
    works = {n: each[batches.index(64), TRAIN].mean(axis=1) < 0.1 for n, each in found.items()}
    largest = {norm: max(np.array(rates)[each]) for norm, each in works.items()}
    return [
        Finding(
            f"batches of 64: largest rate that trains, {norm} normalization",
            f"above {largest['none']:g}, that without",
            f"{largest[norm]:g}",
            bool(largest[norm] > largest["none"]),
        )
        for norm in ("batch", "layer")
    ]


def noise_of(found: Any, best: Any, batches: list[int], rates: list[float]) -> list[Finding]:
    """Compare small and large batches, and the normalizations."""
    few, many, rate = batches.index(16), batches.index(256), rates.index(0.1)
    falls = {norm: each[many, TEST, rate] - each[few, TEST, rate] for norm, each in found.items()}
    excess = falls["batch"] - falls["layer"]
    train = found["batch"][few, TRAIN, rate] - found["layer"][few, TRAIN, rate]
    least = {norm: min(best[norm], key=np.mean) for norm in ("batch", "layer")}
    gain = least["batch"] - least["layer"]
    return [
        Finding(
            "rate 0.1, batches of 16: training error with batch minus that with layer norm",
            "above 0",
            figures(train),
            bool(train.mean() > 2 * error_of(train)),
        ),
        Finding(
            "rate 0.1: fall of the test error from batches of 256 to 16, with batch minus that "
            "with layer normalization",
            "above 0: more than by the noise of SGD alone",
            f"{figures(excess)}; {figures(falls['batch'])} and {figures(falls['layer'])}",
            bool(excess.mean() > 2 * error_of(excess)),
        ),
        Finding(
            "best test error over all, with batch minus that with layer normalization",
            "below 0",
            f"{figures(gain)}; {least['batch'].mean():.3f} and {least['layer'].mean():.3f}",
            bool(gain.mean() < -2 * error_of(gain)),
        ),
    ]


def draw(found: Any, best: Any, batches: list[int], rates: list[float]) -> Figure:
    """Draw the test errors as heat maps, and the best of each batch size."""
    figure = Figure(figsize=(15, 3.9), layout="constrained")
    *maps, lines = figure.subplots(1, 4)
    image: Any = None
    for axis, (norm, each) in zip(maps, found.items(), strict=True):
        mean = each[:, TEST].mean(axis=-1).T  # (rate, batch)
        image = axis.imshow(
            mean, origin="lower", aspect="auto", vmin=0.5, vmax=0.9, cmap="viridis_r"
        )
        for (row, column), value in np.ndenumerate(mean):
            color = "white" if value > 0.7 else "black"
            axis.text(
                column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=8
            )
        axis.set_xticks(range(len(batches)), batches)
        axis.set_yticks(range(len(rates)), [f"{rate:g}" for rate in rates])
        axis.set(
            xlabel="batch size",
            title="no normalization" if norm == "none" else f"{norm} normalization",
        )
    maps[0].set_ylabel("learning rate")
    figure.colorbar(image, ax=maps[-1])
    figure.suptitle("Test error")
    for norm, color in COLORS.items():
        values = np.array(best[norm])
        style: Any = {"color": color, "label": norm, "capsize": 3}
        lines.errorbar(batches, values.mean(axis=1), error_of(values), fmt="o-", **style)
    lines.set(
        xscale="log",
        xlabel="batch size",
        ylabel="test error",
        title="the best learning rate",
    )
    lines.set_xticks(batches, batches)
    lines.minorticks_off()
    lines.legend(frameon=False)
    lines.spines[["top", "right"]].set_visible(False)
    return figure


def train(norm: str, batch_size: int, rates: list[float], steps: int, seeds: int) -> np.ndarray:
    """Return training and test error, `(2, rates, seeds)`.

    The loss of a network times a factor is a learning rate times that factor, under SGD.
    """
    data = zoo.load_data("mnist1d")
    (x, y), (x_test, y_test) = rows(data, "train"), rows(data, "test")
    networks = len(rates) * seeds
    chosen = [np.random.default_rng(seed).permutation(len(y))[:ROWS] for seed in range(seeds)]
    chosen = np.stack(chosen * len(rates), axis=1)  # (ROWS, networks)
    layers = []
    for seed in (1, 2):
        layers += [dense(networks, UNITS, seed=seed), *normalization(norm, networks)]
        layers += [keras.layers.ReLU()]
    model = keras.Sequential(
        [keras.Input((networks, x.shape[1])), *layers, dense(networks, 10, seed=3)]
    )
    compile(
        model,
        keras.optimizers.SGD(1.0),
        steps // 10,
        weights=np.repeat(rates, seeds).astype("float32"),
    )
    fit(model, x[chosen], y[chosen], epochs=10, batch_size=batch_size)
    parts = (
        (x[chosen], y[chosen]),
        (np.tile(x_test[:, None], (1, networks, 1)), np.tile(y_test[:, None], networks)),
    )
    errors = [error(y, model(x, training=False)) for x, y in parts]
    return np.reshape(errors, (2, len(rates), seeds))


def normalization(norm: str, networks: int) -> list[keras.layers.Layer]:
    """Return the layers that normalize each network by itself."""
    if norm == "batch":
        each = keras.layers.BatchNormalization(momentum=0.9)
        return [
            keras.layers.Reshape((networks * UNITS,)),
            each,
            keras.layers.Reshape((networks, UNITS)),
        ]
    # Without a scale, which the networks would share.
    return [keras.layers.LayerNormalization(scale=False, center=False)] if norm == "layer" else []
