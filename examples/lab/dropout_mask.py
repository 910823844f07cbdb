"""The dropout mask, and the ensemble that it trains.

Claim: Dropout multiplies by a random mask and divides by the fraction that it keeps, so that the
expectation is the input and inference needs no change. A network with dropout is an ensemble of
2^N sub-networks that share their weights. Inference with all units is their geometric mean: exactly
for a softmax regression, nearly for a deeper network.

Reference: Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting,
2014, https://jmlr.org/papers/v15/srivastava14a.html; the ensemble: Goodfellow et al., Deep
Learning, 2016, section 7.12, https://www.deeplearningbook.org

Time: 4.8 seconds on two shared cores.

Expected: [1, 2, -5, 0.5] under the mask [1, 0, 1, 0] becomes [2, 0, -10, 0] at a rate of 0.5; the
geometric mean of all sub-networks of a softmax regression equals inference to float precision.
"""

import itertools

import keras
import numpy as np
from matplotlib.figure import Figure
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_wine

from occam.zoo.layers import Dropout

from .experiment import Finding, Report

INPUT, MASK, RATE = (1.0, 2.0, -5.0, 0.5), (1, 0, 1, 0), 0.5


def dropped(x, mask, rate):
    """Dropout in pure Python."""
    return [value * kept / (1 - rate) for value, kept in zip(x, mask, strict=True)]


def drop(seed, rows=1):
    """Return what the layer makes of `rows` copies of the input."""
    layer = Dropout(RATE, seed=seed, name="dropout")  # the mask follows from seed and name
    return np.asarray(layer(np.tile(INPUT, (rows, 1)), training=True))


def run(*, small=False):
    rows = 2_000 if small else 100_000
    seed = next(s for s in itertools.count() if ((drop(s)[0] != 0) == MASK).all())
    layer, python = drop(seed)[0], dropped(INPUT, MASK, RATE)
    masks = list(itertools.product((0, 1), repeat=len(INPUT)))
    expectation = np.mean([dropped(INPUT, mask, RATE) for mask in masks], axis=0)
    # Each value is 0 or 2 x, with a standard deviation of |x|. Beyond 5 standard errors: 1 in 10^6.
    errors = np.abs(drop(0, rows).mean(axis=0) - INPUT) / (np.abs(INPUT) / np.sqrt(rows))
    inference = np.asarray(Dropout(RATE)(np.array([INPUT]), training=False))[0]

    x, y = map(np.asarray, load_wine(return_X_y=True))
    x = ((x - x.mean(0)) / x.std(0)).astype("float32")[:, : 6 if small else 10]
    units = (4, 4) if small else (6, 6)
    one = Ensemble(trained((), x, y), x, x.shape[1:])
    two = Ensemble(trained(units, x, y), x, units)
    findings = (
        Finding("the layer under the mask", str(python), str(layer.tolist()), [*layer] == python),
        Finding(
            "mean over all 16 masks", str([*INPUT]), str(expectation.tolist()),
            expectation.tolist() == [*INPUT],
        ),
        Finding(
            f"mean over {rows:,} random masks: largest deviation in standard errors",
            "below 5", f"{errors.max():.1f}", errors.max() < 5,
        ),
        Finding("at inference", str([*INPUT]), str(inference.tolist()), [*inference] == [*INPUT]),
        Finding(
            f"softmax regression, {one.size:,} sub-networks: geometric mean - inference",
            "below 1e-5", f"{one.difference:.1e}", one.difference < 1e-5,
        ),
        Finding(
            "the same: arithmetic mean and inference predict the same class",
            "at least 95%", f"{one.agreement:.1%}", one.agreement >= 0.95,
        ),
        Finding(
            f"two hidden layers, {two.size:,} sub-networks: geometric mean - inference",
            "above 1e-5: not exact", f"{two.difference:.3f}", two.difference > 1e-5,
        ),
        Finding(
            "the same, mean difference instead of the largest",
            "below 0.05", f"{two.mean_difference:.3f}", two.mean_difference < 0.05,
        ),
        Finding(
            "the same: arithmetic mean and inference predict the same class",
            "at least 95%", f"{two.agreement:.1%}", two.agreement >= 0.95,
        ),
    )  # fmt: skip
    return Report(findings, picture(drop(0, rows), one, two))


def trained(units, x, y, *, passes=60):
    """Return a classifier with dropout after each hidden layer, or on its inputs if it has none."""
    keras.utils.set_random_seed(0)
    layers = [] if units else [Dropout(RATE, seed=0, name="dropout")]
    for i, width in enumerate(units):
        layers += [keras.layers.Dense(width, "relu"), Dropout(RATE, seed=i, name=f"dropout_{i}")]
    model = keras.Sequential([keras.Input(x.shape[1:]), *layers, keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, steps_per_execution=10)
    model.fit(np.tile(x, (passes, 1)), np.tile(y, passes), batch_size=60, verbose=0)
    return model


class Ensemble:
    """All 2^N sub-networks of a model with N droppable units, beside its inference.

    `widths` are the sizes of the masks, whose sum is N.
    """

    def __init__(self, model, x, widths):
        self.size = 2 ** sum(widths)
        weights = [np.asarray(v, "float64") for v in model.trainable_variables]
        ends = np.cumsum(widths)[:-1]
        masks = map(np.array, itertools.product((0, 1), repeat=sum(widths)))
        log_p = np.array([log_probabilities(weights, x, np.split(mask, ends)) for mask in masks])
        self.inference = softmax(np.asarray(model(x, training=False), "float64"), axis=-1)
        self.geometric = softmax(log_p.mean(axis=0), axis=-1)  # exp(mean(log p)), normalized
        self.arithmetic = np.exp(log_p).mean(axis=0)
        self.difference = np.abs(self.geometric - self.inference).max()
        self.mean_difference = np.abs(self.geometric - self.inference).mean()
        self.agreement = np.mean(self.arithmetic.argmax(-1) == self.inference.argmax(-1))


def log_probabilities(weights, x, masks):
    """Return what the sub-network of some masks answers, shape `(rows, classes)`."""
    *hidden, kernel, bias = weights
    if not hidden:
        x = x * masks[0] / (1 - RATE)
    for w, b, mask in zip(hidden[::2], hidden[1::2], masks, strict=False):
        x = np.maximum(x @ w + b, 0) * mask / (1 - RATE)
    return log_softmax(x @ kernel + bias, axis=-1)


def picture(outputs, one, two):
    figure = Figure(figsize=(13, 4), layout="constrained")
    mean, *ensembles = figure.subplots(1, 3)
    count = np.arange(1, len(outputs) + 1)
    for i, value in enumerate(INPUT):
        mean.plot(count, np.cumsum(outputs[:, i]) / count, color=f"C{i}", label=f"x = {value:g}")
        mean.axhline(value, color=f"C{i}", ls=":")
    mean.set(xscale="log", xlabel="number of masks", ylabel="mean output of the layer")
    mean.set_title("The expectation is the input (dotted)")
    mean.legend(fontsize="small", loc="center right")
    names = "softmax regression", "two hidden layers"
    for axes, name, ensemble in zip(ensembles, names, (one, two), strict=True):
        axes.plot([0, 1], [0, 1], color="0.7", lw=1)
        for label, style in (("arithmetic", "C1."), ("geometric", "C0.")):
            axes.plot(
                ensemble.inference.ravel(), getattr(ensemble, label).ravel(), style, ms=4,
                label=f"{label} mean",
            )  # fmt: skip
        axes.set(xlabel="probability by inference", ylabel="probability by the ensemble")
        axes.set_title(f"{name.capitalize()}: {ensemble.size:,} sub-networks")
        axes.legend(fontsize="small", loc="upper left")
    return figure
