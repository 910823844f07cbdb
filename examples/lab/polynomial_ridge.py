"""A polynomial of degree 10 through five points of a line.

Claim: With more weights than samples, a polynomial meets every point, noise included, and wiggles
in between. L2 gives up the exact fit for smaller weights, and the curve comes closer to the line.
The trained model is ridge regression.

Reference: Hoerl & Kennard, Ridge Regression: Biased Estimation for Nonorthogonal Problems, 1970,
https://doi.org/10.1080/00401706.1970.10488634

Time: 8.5 seconds on two shared cores.

Expected: Without a penalty, the curve meets all points. Many curves do, and the initial weights
choose one; even that of the smallest weights is, over 200 draws of the noise, farther from the line
than the curve with L2. Trained weights differ from the closed form by less than 0.001. Too large a
penalty bends the curve to a constant.
"""

import keras
import numpy as np
from matplotlib.figure import Figure

from occam import zoo

from .experiment import Finding, Report

DEGREE, SLOPE, NOISE, STRENGTH = 10, 2.0, 0.5, 0.03
POINTS = np.linspace(-1, 1, 5)
GRID = np.linspace(-1, 1, 401)


def powers(x):
    """Return x, x^2, ..., x^10, shape `(len(x), 10)`."""
    return np.stack([x**k for k in range(1, DEGREE + 1)], axis=1)


def ridge(x, y, strength):
    """Return weights and bias of  argmin (1/n) |y - x w - b|^2 + strength |w|^2.

    For targets of shape `(n, draws)`, there is a solution for each draw.
    """
    centered, n = x - x.mean(0), len(x)
    if strength:
        squares = centered.T @ centered + n * strength * np.eye(DEGREE)
        w = np.linalg.solve(squares, centered.T @ (y - y.mean(0)))
    else:
        w = np.linalg.pinv(centered) @ (y - y.mean(0))  # the smallest of all that meet the points
    return w, y.mean(0) - x.mean(0) @ w


def train(x, y, strength, *, steps):
    """Return weights and bias of a linear Keras model, trained by gradient descent."""
    keras.utils.set_random_seed(0)
    head = keras.layers.Dense(1, kernel_regularizer=zoo.regularizers.L2(strength))
    model = keras.Sequential([keras.Input((DEGREE,)), head])
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)
    model.compile(optimizer, "mse", steps_per_execution=100)
    batches = np.tile(x, (steps, 1)), np.tile(y, steps)  # all points in each step
    model.fit(*batches, batch_size=len(x), shuffle=False, verbose=0)
    w, b = head.get_weights()
    return w[:, 0].astype("float64"), float(b[0])


def curve(solution):
    w, b = solution
    return powers(GRID) @ w + b


def distance(solution):
    """Return the root mean square distance of a curve from the line."""
    return np.sqrt(np.mean((curve(solution).T - SLOPE * GRID) ** 2, axis=-1))


def curvature(solution):
    """Return the root mean square of a curve's second derivative, 0 for a line."""
    return np.sqrt(np.mean(np.gradient(np.gradient(curve(solution), GRID), GRID) ** 2))


def run(*, small=False):
    rng = np.random.default_rng(0)
    x, draws = powers(POINTS), SLOPE * POINTS + rng.normal(scale=NOISE, size=(200, 5))
    y, steps = draws[0], 500 if small else 1500
    strengths = (STRENGTH, 0.3) if small else (0.003, 0.01, STRENGTH, 0.1, 0.3, 1.0)

    free = train(x, y, 0.0, steps=steps)
    trained = {strength: train(x, y, strength, steps=steps) for strength in strengths}
    path = np.geomspace(1e-3, 10, 60)
    closed = np.array([ridge(x, y, strength)[0] for strength in path])
    distances = np.array([distance(ridge(x, draws.T, s)) for s in (0.0, *path)])
    means = distances.mean(axis=1)
    at = int(np.argmin(np.abs(path - STRENGTH))) + 1

    missed = np.abs(x @ free[0] + free[1] - y).max()
    difference = max(
        np.abs(np.append(*trained[s]) - np.append(*ridge(x, y, s))).max() for s in strengths
    )
    bends = curvature(free), curvature(trained[STRENGTH])
    findings = (
        Finding("largest residual without a penalty", "0", f"{missed:.4f}", missed < 0.01),
        Finding(
            f"curvature with L2 = {STRENGTH}",
            f"less than half of {bends[0]:.1f}, that without",
            f"{bends[1]:.1f}",
            bends[1] < bends[0] / 2,
        ),
        Finding(
            f"mean distance from the line over {len(draws)} draws, L2 = {STRENGTH}",
            f"below {means[0]:.3f}, the smallest weights that meet the points",
            f"{means[at]:.3f}",
            means[at] < means[0],
        ),
        Finding(
            f"the same, L2 = {path[-1]:g}: too large",
            f"above {means[at]:.3f}",
            f"{means[-1]:.3f}",
            means[-1] > means[at],
        ),
        Finding(
            "largest difference of trained weights from the closed form",
            "below 0.001",
            f"{difference:.1e}",
            difference < 1e-3,
        ),
    )
    return Report(findings, picture(x, y, free, trained, path, closed, means))


def picture(x, y, free, trained, path, closed, means):
    figure = Figure(figsize=(13, 4), layout="constrained")
    fits, weights, error = figure.subplots(1, 3)
    fits.plot(GRID, SLOPE * GRID, "k--", lw=1, label="the line")
    fits.plot(GRID, curve(free), color="C3", label="trained without a penalty")
    smallest = curve(ridge(x, y, 0.0))
    fits.plot(GRID, smallest, color="C1", label="smallest weights that meet the points")
    fits.plot(GRID, curve(trained[STRENGTH]), color="C0", label=f"trained with L2 = {STRENGTH}")
    fits.plot(POINTS, y, "ko", label="the five points")
    fits.set(
        xticks=POINTS,
        ylim=(-2.8, 4.6),
        xlabel="x",
        ylabel="y",
        title=f"Degree {DEGREE} through five points",
    )
    fits.legend(fontsize="small", loc="upper left")

    for k in range(DEGREE):
        label = f"$x^{{{k + 1}}}$" if k < 4 else None
        color = f"C{k}" if k < 4 else "0.75"
        weights.plot(path, closed[:, k], color=color, lw=1.5 if k < 4 else 1, label=label)
        points = [w[k] for w, _ in trained.values()]
        weights.plot([*trained], points, "o", color=color, ms=4)
    weights.set(xscale="log", xlabel="L2", title="Weights: closed form (lines), trained (dots)")
    weights.legend(fontsize="small", title="weight of")

    error.plot(path, means[1:], color="C0", label="ridge")
    error.axhline(means[0], color="C1", label="smallest weights that meet the points")
    error.axvline(STRENGTH, color="0.7", ls=":", label=f"L2 = {STRENGTH}")
    error.set(xscale="log", xlabel="L2", ylabel="rms distance", ylim=(0, None))
    error.set_title("Distance from the line, mean of 200 draws")
    error.legend(fontsize="small", loc="lower right")
    return figure
