"""L1 sets weights to zero, and L2 makes them small.

Claim: The balls of L1 are diamonds, whose corners lie on the axes, and the loss touches them there:
some weights are zero. The balls of L2 are circles without corners. Exact zeros need the proximal
step; a gradient step on |w| jumps over zero. The penalties are the negative logarithms of a Laplace
and a Gaussian prior, and the trained models are the Lasso and ridge regression.

Reference: Tibshirani, Regression Shrinkage and Selection via the Lasso, 1996,
https://www.jstor.org/stable/2346178

Time: 4.3 seconds on two shared cores.

Expected: The proximal step leaves exact zeros, as many as scikit-learn's Lasso; L2, and L1 by its
gradient, leave none. All weights equal scikit-learn's to 0.001. Penalized loss and negative log
posterior differ by a constant.
"""

import keras
import numpy as np
from matplotlib.figure import Figure
from scipy import stats
from sklearn.linear_model import Lasso, Ridge

from occam.callbacks import ProximalPenalty
from occam.zoo.regularizers import L1, L2

from .experiment import Finding, Report

STRENGTH, ROWS, FEATURES = 0.5, 60, 12
TRUE = np.array([2.0, -1.5, 1.0, 0.5] + [0.0] * (FEATURES - 4))


def run(*, small=False):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, FEATURES))
    y = x @ TRUE + rng.normal(size=ROWS)
    steps = 1000 if small else 5000

    proximal = train(x, y, steps, callbacks=[ProximalPenalty(l1=STRENGTH)])
    by_gradient = train(x, y, steps, penalty=L1(STRENGTH))
    shrunk = train(x, y, steps, penalty=L2(STRENGTH))
    # The loss of both is the mean of squares + STRENGTH * penalty: scikit-learn's Lasso halves it,
    # and its Ridge multiplies it by the number of rows.
    lasso = Lasso(alpha=STRENGTH / 2, fit_intercept=False, tol=1e-8).fit(x, y).coef_
    ridge = Ridge(alpha=STRENGTH * ROWS, fit_intercept=False).fit(x, y).coef_
    differences = np.abs(proximal - lasso).max(), np.abs(shrunk - ridge).max()
    # If the noise has variance 1, the Laplace prior has scale 2 / (n s), and the Gaussian one has
    # variance 1 / (n s).
    priors = (
        (L1(STRENGTH), stats.laplace, 2 / (ROWS * STRENGTH)),
        (L2(STRENGTH), stats.norm, np.sqrt(1 / (ROWS * STRENGTH))),
    )
    spreads = [posterior_spread(x, y, *prior, rng) for prior in priors]
    zeros = int(np.sum(lasso == 0))
    findings = (
        Finding(
            f"zeros of {FEATURES} weights, L1 by the proximal step", f"{zeros}, as the Lasso",
            str(np.sum(proximal == 0)), zeros > 0 and np.array_equal(proximal == 0, lasso == 0),
        ),
        Finding("zeros, L1 by its gradient", "0", str(np.sum(by_gradient == 0)),
                not np.any(by_gradient == 0)),
        Finding("zeros, L2", "0", str(np.sum(shrunk == 0)), not np.any(shrunk == 0)),
        Finding("largest difference from scikit-learn's Lasso", "below 0.001",
                f"{differences[0]:.1e}", differences[0] < 1e-3),
        Finding("largest difference from scikit-learn's Ridge", "below 0.001",
                f"{differences[1]:.1e}", differences[1] < 1e-3),
        Finding("loss with L1 - negative log posterior with a Laplace prior: spread over w",
                "below 1e-10", f"{spreads[0]:.1e}", spreads[0] < 1e-10),
        Finding("loss with L2 - negative log posterior with a Gaussian prior: spread over w",
                "below 1e-10", f"{spreads[1]:.1e}", spreads[1] < 1e-10),
    )  # fmt: skip
    weights = {"no penalty": np.linalg.lstsq(x, y)[0], "L1, proximal": proximal, "L2": shrunk}
    return Report(findings, picture(weights))


def train(x, y, steps, *, penalty=None, callbacks=()):
    """Return the weights that minimize  mean (y - x w)^2 + penalty(w)."""
    keras.utils.set_random_seed(0)
    head = keras.layers.Dense(1, use_bias=False, kernel_regularizer=penalty)
    model = keras.Sequential([keras.Input((FEATURES,)), head])
    model.compile(keras.optimizers.SGD(0.05), "mse", steps_per_execution=100)
    batches = np.tile(x, (steps, 1)), np.tile(y, steps)  # all rows in each step
    model.fit(*batches, batch_size=ROWS, shuffle=False, verbose=0, callbacks=[*callbacks])
    return head.get_weights()[0][:, 0].astype("float64")


def posterior_spread(x, y, penalty, prior, scale, rng):
    """Return how much  loss(w) + penalty(w) + (2 / n) log p(w | x, y)  varies over random w."""
    gaps = []
    for w in rng.normal(size=(100, FEATURES)):
        loss = np.mean((y - x @ w) ** 2) + float(penalty(keras.ops.convert_to_tensor(w, "float64")))
        log_likelihood = stats.norm.logpdf(y - x @ w).sum()
        log_posterior = log_likelihood + prior.logpdf(w, scale=scale).sum()
        gaps.append(loss + 2 / ROWS * log_posterior)
    return np.std(gaps)


def picture(weights):
    figure = Figure(figsize=(13, 7.5), layout="constrained")
    axes = figure.subplot_mosaic([["L1", "L2", "priors"], ["weights"] * 3])
    draw_ball(axes["L1"], "L1", 1)
    draw_ball(axes["L2"], "L2", 2)

    w = np.linspace(-4, 4, 401)
    laplace = stats.laplace.pdf(w, scale=np.sqrt(0.5))
    axes["priors"].plot(w, laplace, color="C0", label="Laplace: L1")
    axes["priors"].plot(w, stats.norm.pdf(w), color="C1", label="Gaussian: L2")
    axes["priors"].set(xlabel="w", ylabel="density", title="The priors, both of variance 1")
    axes["priors"].legend(fontsize="small")

    bars = axes["weights"]
    colors = ("0.7", "C0", "C1")
    for i, ((name, values), color) in enumerate(zip(weights.items(), colors, strict=True)):
        at = np.arange(FEATURES) + 0.27 * (i - 1)
        bars.bar(at, values, width=0.27, color=color, label=name)
        for zero in at[values == 0]:
            bars.plot(zero, 0, "x", color=color, ms=7, mew=2)
    bars.plot([], [], "x", color="C0", ms=7, mew=2, label="exactly zero")
    for i, value in enumerate(TRUE):
        label = "true weight" if i == 0 else None
        bars.hlines(value, i - 0.45, i + 0.45, color="k", lw=1, label=label)
    bars.set(xticks=range(FEATURES), xlabel="weight", ylabel="value", title="Trained weights")
    bars.legend(fontsize="small")
    return figure


def draw_ball(axes, name, power):
    """Draw a loss of two weights, and the ball of the norm that touches it at the minimum."""
    center, curvature = np.array([0.6, 1.6]), np.array([[1.0, 0.3], [0.3, 1.4]])
    a, b = np.meshgrid(np.linspace(-1.6, 2.4, 401), np.linspace(-2.2, 2.6, 481))
    offsets = np.stack([a, b], axis=-1) - center
    loss = np.einsum("...i,ij,...j", offsets, curvature, offsets)
    norm = (np.abs(a) ** power + np.abs(b) ** power) ** (1 / power)
    inside = np.where(norm <= 1 + 1e-9, loss, np.inf)  # the minimum on the ball of size 1
    best = np.unravel_index(np.argmin(inside), loss.shape)
    axes.contour(a, b, loss, levels=loss[best] * np.array([0.1, 0.4, 1, 2, 4]), colors="0.6")
    axes.contour(a, b, loss, levels=[loss[best]], colors="C3")
    axes.contourf(a, b, norm, levels=[0, 1], colors=["C0" if power == 1 else "C1"], alpha=0.4)
    axes.plot(*center, "k+", ms=9, label="minimum of the loss")
    axes.plot(a[best], b[best], "C3o", label=f"with {name}: ({a[best]:.2f}, {b[best]:.2f})")
    axes.axhline(0, color="k", lw=0.5)
    axes.axvline(0, color="k", lw=0.5)
    axes.set(aspect="equal", xlabel="$w_1$", ylabel="$w_2$")
    axes.set_title(f"{name}: the loss touches a {'corner' if power == 1 else 'circle'}")
    axes.legend(fontsize="small", loc="lower right")
