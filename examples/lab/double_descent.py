"""Double descent over width and over epochs.

Claim: With noisy labels, the test error of a network falls with its width, rises to a peak where
the network is just able to fit all labels, and falls again. Over the epochs, a large network does
the same as it begins to fit the noise. L2, early stopping and dropout remove the peak.

Reference: Nakkiran et al., Deep Double Descent: Where Bigger Models and More Data Hurt, 2020,
https://arxiv.org/abs/1912.02292; L2: Nakkiran et al., Optimal Regularization Can Mitigate Double
Descent, 2021, https://arxiv.org/abs/2003.01897

Time: 230 seconds on two shared cores.

Expected: With Adam at 0.003, the test error over the width falls to 0.13 with 6 units, rises to
0.24 with 32, where the training error reaches 0, and falls to 0.14 with 256. L2 and stopping by the
validation loss leave no rise, and dropout one of 0.01. Over the epochs, the claim does not hold in
the same setting: the test error of 256 units rises from 0.07 to 0.14, and stays there. It holds
with large and noisy steps (0.02, batches of 20) from initial weights that are 2.2 times as large as
He's: the error rises from 0.16 to 0.22, and falls to 0.18. From He's, what falls is 0.02, too
little to tell from the noise of the curve.
"""

from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from occam import zoo

from .experiment import Finding, Report
from .side_by_side import compile, cross_entropy, dense, error, error_of, figures, fit, rows

NOISE, ROWS = 0.15, 1000  # the fraction of wrong labels; training rows, the rest is validation
METHODS: dict[str, Any] = {"none": {}, "L2": {"l2": 0.004}, "dropout": {"dropout": 0.5}}
COLORS = {"none": "black", "L2": "C0", "dropout": "C1", "early stopping": "C2", "large": "C3"}
LARGE = 256  # units
TRAIN, VALIDATION, TEST = range(3)


def run(*, small: bool = False) -> Report:
    """Train networks of one hidden layer on digits, 15% of whose labels are wrong."""
    widths = (8, 24, 128) if small else (4, 6, 8, 12, 16, 24, 32, 64, 128, LARGE)
    steps, samples = (3000, Samples(3)) if small else (4000, Samples(5))
    every = 250 if small else 40
    names = ("none", "L2") if small else tuple(METHODS)
    curves = {
        name: np.array([train(samples, width, steps, every, **METHODS[name]) for width in widths])
        for name in names
    }
    final = {name: curve[:, -1, TEST] for name, curve in curves.items()}
    final["early stopping"] = np.array([stopped(curve) for curve in curves["none"]])
    valley, peak = rise(final["none"])
    findings = [
        Finding(
            f"test error with {widths[peak]} units, where it is largest, minus that with {units}",
            "above 0",
            figures(above := final["none"][peak] - final["none"][other]),
            bool(above.mean() > 2 * error_of(above)),
        )
        for other, units in ((valley, widths[valley]), (-1, widths[-1]))
    ]
    heights = {name: height(errors.mean(axis=1)) for name, errors in final.items()}
    findings += [
        Finding(
            f"largest rise of the test error over the width, {name}",
            f"less than a quarter of {heights['none']:.3f}, that without",
            f"{heights[name]:.3f}",
            heights[name] < heights["none"] / 4,
        )
        for name in (*names[1:], "early stopping")
    ]
    during = {name: curve[-1] for name, curve in curves.items()}
    if not small:
        restless: Any = {"rate": 0.02, "batch_size": 20, "scale": 5**0.5}
        during["large"] = train(samples, LARGE, 12000, 200, **restless)
        findings += over_epochs(during)
    return Report(tuple(findings), draw(widths, curves, final, during))


def rise(errors: np.ndarray) -> tuple[int, int]:
    """Return between which two networks `(width, seeds)` the mean error rises most."""
    mean = errors.mean(axis=1)
    peak = int((mean - np.minimum.accumulate(mean)).argmax())
    return int(mean[: peak + 1].argmin()), peak


def height(mean: np.ndarray) -> float:
    """Return the largest rise of the mean error from a network to a wider one."""
    return float((mean - np.minimum.accumulate(mean)).max())


def over_epochs(during: dict[str, np.ndarray]) -> list[Finding]:
    """Compare the largest test error after the smallest one with that at the end."""
    findings = []
    for name, key in (
        ("0.003, batches of 100", "none"),
        ("0.02, batches of 20, larger initial weights", "large"),
    ):
        each = during[key]
        test = np.array([each[i : i + 5, TEST].mean(axis=0) for i in range(len(each) - 4)])
        lowest = int(test.mean(axis=1).argmin())
        highest = lowest + int(test[lowest:].mean(axis=1).argmax())
        fall = test[highest] - test[-1]
        findings.append(
            Finding(
                f"{LARGE} units, learning rate {name}: largest test error after the smallest, "
                "minus that at the end",
                "above 0",
                f"{figures(fall)}, from {test[highest].mean():.3f} to {test[-1].mean():.3f} "
                f"(smallest: {test[lowest].mean():.3f})",
                bool(fall.mean() > 2 * error_of(fall)),
            )
        )
    return findings


def draw(widths: Any, curves: Any, final: Any, during: Any) -> Figure:
    """Draw the test errors over the width, and over the steps."""
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    width, epochs = figure.subplots(1, 2)
    for name, errors in final.items():
        style: Any = {"color": COLORS[name], "label": name, "markersize": 4}
        width.errorbar(widths, errors.mean(axis=1), error_of(errors), fmt="o-", **style)
    fitted = curves["none"][:, -1, TRAIN].mean(axis=1)
    width.plot(widths, fitted, color="gray", linestyle="--", label="none, training error")
    width.set(xscale="log", xlabel="hidden units", ylabel="error", title="After training")
    width.set(xticks=widths, xticklabels=widths, ylim=(0, 0.5))
    width.minorticks_off()
    for name, curve in during.items():
        test = curve[:, TEST]
        every = 200 if name == "large" else 40
        steps = np.arange(1, len(test) + 1) * every
        label = "none, larger steps and initial weights" if name == "large" else name
        epochs.plot(steps, test.mean(axis=1), color=COLORS[name], label=label)
        low, high = test.mean(axis=1) - error_of(test), test.mean(axis=1) + error_of(test)
        epochs.fill_between(steps, low, high, color=COLORS[name], alpha=0.2, linewidth=0)
    epochs.set(xscale="log", xlabel="steps", ylabel="test error", ylim=(0, 0.3))
    epochs.set(title=f"During training, {LARGE} hidden units")
    for axis in (width, epochs):
        axis.legend(frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    return figure


class Samples:
    """Digits for each seed: training rows, validation rows and the test rows.

    The validation rows have wrong labels, too, as they are held out of the same samples.
    """

    def __init__(self, seeds: int):
        data = zoo.load_data("digits")
        (x, y), (x_test, y_test) = rows(data, "train"), rows(data, "test")
        parts = []
        for seed in range(seeds):
            generator = np.random.default_rng(seed)
            order = generator.permutation(len(y))
            wrong = generator.uniform(size=len(y)) < NOISE
            noisy = (y + wrong * generator.integers(1, 10, len(y))) % 10
            parts.append((x[order], noisy[order]))
        x, y = (np.stack(each, axis=1) for each in zip(*parts, strict=True))
        self.train, self.validation = (x[:ROWS], y[:ROWS]), (x[ROWS:], y[ROWS:])
        self.test = np.tile(x_test[:, None], (1, seeds, 1)), np.tile(y_test[:, None], seeds)


def train(
    samples: Samples,
    width: int,
    steps: int,
    every: int,
    *,
    l2=0.0,
    dropout=0.0,
    rate=0.003,
    batch_size=100,
    scale=1.0,
) -> np.ndarray:
    """Return training error, validation loss and test error after each `every` steps.

    Returns:
        An array `(steps / every, 3, seeds)`.
    """
    x, y = samples.train
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            dense(x.shape[1], width, seed=1, scale=scale),
            keras.layers.ReLU(),
            keras.layers.Dropout(dropout, seed=2),
            dense(x.shape[1], 10, seed=3, scale=scale),
        ]
    )
    model, _ = zoo.regularize(model, zoo.Regularization(l2=l2))
    compile(model, keras.optimizers.Adam(rate), every)

    def record() -> list[np.ndarray]:
        measures = (
            (error, samples.train),
            (cross_entropy, samples.validation),
            (error, samples.test),
        )
        return [np.asarray(measure(y, model(x, training=False))) for measure, (x, y) in measures]

    return fit(model, x, y, epochs=steps // every, batch_size=batch_size, record=record)


def stopped(curve: np.ndarray) -> np.ndarray:
    """Return the test errors at the epochs of the smallest validation losses."""
    best = curve[:, VALIDATION].argmin(axis=0)
    return np.take_along_axis(curve[:, TEST], best[None], axis=0)[0]
