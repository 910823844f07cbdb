"""Too large a penalty underfits: bias and variance over the strength of L2.

Claim: The expected squared error of a model that is trained on random data is the sum of its
squared bias, its variance and the noise of the targets. As lambda grows, the bias rises, the
variance falls, and the error has its minimum in between: too large a penalty underfits.

Reference: Geman, Bienenstock & Doursat, Neural Networks and the Bias/Variance Dilemma, 1992,
https://doi.org/10.1162/neco.1992.4.1.1; of ridge regression: Hastie, Tibshirani & Friedman, The
Elements of Statistical Learning, 2009, section 7.3, https://hastie.su.domains/ElemStatLearn

Time: 42 seconds on two shared cores.

Expected: For ridge regression, measured bias and variance match the closed form. For the networks,
the squared bias rises from 0 to 0.64 and the variance falls from 0.74 to 0.02. Their sum has its
minimum in between: 0.25 at lambda = 0.2 for ridge, where 0.66 and 0.57 are at the ends, and 0.17 at
0.006 for the networks (0.74 and 0.65). The test error minus the noise equals the sum.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from sklearn.linear_model import Ridge

from occam import zoo

from .experiment import Finding, Report
from .side_by_side import error_of

ROWS, NOISE, WAVES, UNITS = 30, 0.7, 8, 32
EPOCH, RATE = 100, 0.1
X = np.sort(np.random.default_rng(0).uniform(size=ROWS))  # the same in all training sets
X_TEST = np.linspace(X[0], X[-1], 300)
MANY = 4.0  # standard errors, of which chance alone gives 1 in 16,000


def run(*, small: bool = False) -> Report:
    """Decompose the error of ridge regression and of neural networks over lambda."""
    strengths = np.geomspace(1e-4, 10, 7 if small else 25)
    penalties = np.geomspace(1e-6, 1, 3 if small else 9)
    steps = 800 if small else 1500
    exact = closed_form(strengths)
    ridge = measure(fit_ridge, strengths, runs=400 if small else 4000)
    networks = measure(partial(fit_networks, steps=steps), penalties, runs=16 if small else 80)
    distance = max(
        np.abs(
            (getattr(ridge, name) - getattr(exact, name)) / getattr(ridge, f"{name}_error")
        ).max()
        for name in ("bias", "variance")
    )
    same = Finding(
        "ridge: measured squared bias and variance, and the closed form",
        f"less than {MANY:g} standard errors apart",
        f"{distance:.1f} at most, over {len(strengths)} lambdas",
        distance < MANY,
    )
    findings = (same, *judge("ridge", ridge), *judge("networks", networks))
    return Report(findings, draw(exact, ridge, networks))


@dataclass(frozen=True, eq=False)
class Decomposition:
    """The parts of the error, without the noise, for each lambda, and their standard errors.

    `test` is the squared error on new noisy targets minus the variance of their noise, and
    `surplus` is what it has more than `bias + variance`, both by training set.
    """

    strengths: np.ndarray
    bias: np.ndarray  # squared
    variance: np.ndarray
    bias_error: Any = 0.0
    variance_error: Any = 0.0
    test: Any = None
    surplus: Any = None


def target(x: np.ndarray) -> np.ndarray:
    """Return the function to learn."""
    return np.sin(2 * np.pi * x) + 0.5 * np.cos(6 * np.pi * x)


def waves(x: np.ndarray) -> np.ndarray:
    """Return the features of the ridge regression, `(n, 2 WAVES)`."""
    angles = 2 * np.pi * x[:, None] * np.arange(1, WAVES + 1)
    return np.hstack([np.sin(angles), np.cos(angles)])


def closed_form(strengths: np.ndarray) -> Decomposition:
    """Decompose ridge regression, whose predictions `A y` are linear in the targets.

    A = X_test (X'X / n + lambda)^-1 X' / n
    bias^2 = mean (A f(x) - f(x_test))^2        variance = noise^2 mean_i sum_j A_ij^2
    """
    x = waves(X)
    bias, variance = [], []
    for strength in strengths:
        a = waves(X_TEST) @ np.linalg.solve(
            x.T @ x / ROWS + strength * np.eye(2 * WAVES), x.T / ROWS
        )
        bias.append(np.mean((a @ target(X) - target(X_TEST)) ** 2))
        variance.append(NOISE**2 * np.mean((a**2).sum(axis=1)))
    return Decomposition(strengths, np.array(bias), np.array(variance))


def measure(fit: Any, strengths: np.ndarray, runs: int) -> Decomposition:
    """Decompose the error of models that are fitted to training sets with new noise each.

    The squared distance of the mean prediction contains 1/runs of the variance, which is taken out.
    """
    generator = np.random.default_rng(1)
    y = target(X) + NOISE * generator.normal(size=(runs, ROWS))
    y_test = target(X_TEST) + NOISE * generator.normal(size=(runs, len(X_TEST)))
    columns = []
    for strength in strengths:
        p = fit(y, strength)  # (runs, test points)
        off, around = p.mean(axis=0) - target(X_TEST), p - p.mean(axis=0)
        variance = (around**2).sum(axis=0).mean() / (runs - 1)
        bias = (off**2).mean() - variance / runs
        bias_error = np.hypot(error_of(2 * (around * off).mean(axis=1)), 2**0.5 * variance / runs)
        test = ((p - y_test) ** 2).mean(axis=1) - NOISE**2
        surplus = test - ((p - target(X_TEST)) ** 2).mean(axis=1)
        variance_error = error_of((around**2).mean(axis=1))
        columns.append((strength, bias, variance, bias_error, variance_error, test, surplus))
    return Decomposition(*map(np.array, zip(*columns, strict=True)))


def fit_ridge(y: np.ndarray, strength: float) -> np.ndarray:
    """Fit `1/n |X w - y|^2 + lambda |w|^2` to each row of targets; return the predictions."""
    model = Ridge(alpha=ROWS * strength, fit_intercept=False).fit(waves(X), y.T)
    return model.predict(waves(X_TEST)).T


def fit_networks(y: np.ndarray, strength: float, steps: int) -> np.ndarray:
    """Train a network with two hidden layers for each row of targets; return the predictions.

    The networks are slices of the same layers and train side by side. Their loss is the sum over
    networks of `1/n |f(x) - y|^2 + lambda sum over kernels |W|^2`.
    """
    runs = len(y)

    def dense(units: int, seed: int, activation: str | None = None) -> keras.layers.Layer:
        # LeCun's initial weights: of EinsumDense, Keras counts the inputs of one network.
        initializer = keras.initializers.VarianceScaling(1.0, "fan_in", seed=seed)
        options: Any = {"kernel_initializer": initializer, "bias_axes": "rj"}
        return keras.layers.EinsumDense(
            "nri,rij->nrj", (runs, units), activation=activation, **options
        )

    def loss(y_true: Any, outputs: Any) -> Any:
        return runs * keras.ops.mean(keras.ops.square(y_true - outputs))

    def inputs(x: np.ndarray) -> np.ndarray:
        standardized = (x - X.mean()) / X.std()
        return np.tile(standardized[:, None, None], (1, runs, 1)).astype("float32")

    layers = [dense(UNITS, 1, "tanh"), dense(UNITS, 2, "tanh"), dense(1, 3)]
    model = keras.Sequential([keras.Input((runs, 1)), *layers])
    model, _ = zoo.regularize(model, zoo.Regularization(l2=strength))
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    model.compile(keras.optimizers.Adam(rate), loss, steps_per_execution=EPOCH, jit_compile=False)
    rows = tf.data.Dataset.from_tensors((inputs(X), y.T[..., None].astype("float32"))).repeat()
    model.fit(rows, steps_per_epoch=EPOCH, epochs=steps // EPOCH, verbose=0, shuffle=False)
    return np.asarray(model(inputs(X_TEST)))[..., 0].T


def judge(name: str, found: Decomposition) -> list[Finding]:
    """Return the findings about the shape of the curves, and about their sum."""
    total, test = found.bias + found.variance, found.test.mean(axis=1)
    best = int(total.argmin())
    ends = min(total[0], total[-1]) / total[best]
    up, down = np.diff(found.bias), -np.diff(found.variance)
    margin = [MANY * np.hypot(e[1:], e[:-1]) for e in (found.bias_error, found.variance_error)]
    surplus = np.abs(found.surplus.mean(axis=1) / error_of(found.surplus)).max()
    return [
        Finding(
            f"{name}: squared bias, from the smallest lambda to the largest",
            f"rises, up to {MANY:g} standard errors",
            f"{found.bias[0]:.4f} to {found.bias[-1]:.3f}",
            bool((up > -margin[0]).all() and found.bias[-1] > found.bias[0]),
        ),
        Finding(
            f"{name}: variance, from the smallest lambda to the largest",
            f"falls, up to {MANY:g} standard errors",
            f"{found.variance[0]:.3f} to {found.variance[-1]:.4f}",
            bool((down > -margin[1]).all() and found.variance[-1] < found.variance[0]),
        ),
        Finding(
            f"{name}: lambda with the smallest sum of both",
            "in between",
            f"{found.strengths[best]:.2g}, {total[best]:.3f}; at the ends {total[0]:.3f} and "
            f"{total[-1]:.3f}",
            ends > 1.1,
        ),
        Finding(
            f"{name}: test error without the noise, and the sum of squared bias and variance",
            f"less than {MANY:g} standard errors apart",
            f"{surplus:.1f} at most; {test[best]:.3f} and {total[best]:.3f} at the best lambda",
            surplus < MANY,
        ),
    ]


def draw(exact: Decomposition, ridge: Decomposition, networks: Decomposition) -> Figure:
    """Draw the decompositions of ridge regression and of networks."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    for axis, lines, points, title in zip(
        figure.subplots(1, 2),
        (exact, networks),
        (ridge, networks),
        (f"Ridge regression on {2 * WAVES} waves", f"Networks of {UNITS} and {UNITS} units"),
        strict=True,
    ):
        for name, color in (("bias", "C0"), ("variance", "C1")):
            label = "squared bias" if name == "bias" else name
            style = {"color": color, "markersize": 4}
            axis.plot(lines.strengths, getattr(lines, name), color=color, label=label)
            spread = getattr(points, f"{name}_error")
            axis.errorbar(points.strengths, getattr(points, name), spread, fmt="o", **style)
        axis.plot(lines.strengths, lines.bias + lines.variance, color="black", label="their sum")
        test, spread = points.test.mean(axis=1), error_of(points.test)
        style = {"fmt": "s", "color": "black", "fillstyle": "none", "markersize": 7}
        axis.errorbar(points.strengths, test, spread, label="test error without the noise", **style)
        axis.set(xscale="log", xlabel="lambda", ylim=(0, 0.9), title=title)
        axis.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("squared error")
    figure.axes[0].legend(frameon=False, loc="upper right")
    return figure
