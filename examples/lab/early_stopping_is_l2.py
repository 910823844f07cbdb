"""Early stopping is L2 regularization, on a quadratic loss.

Claim: Early stopping finds where the test error turns, within one training. On a quadratic loss,
it is L2 regularization: t steps of gradient descent with the rate eta, begun at 0, multiply the
coefficient along an eigenvector of the Hessian with the eigenvalue s by `1 - (1 - eta s)^t`, and
the penalty `lambda / 2 |w|^2` multiplies it by `s / (s + lambda)`. With `lambda = 1 / (eta t)`,
both are nearly the same, and the best of either has about the same test error.

Reference: Goodfellow, Bengio & Courville, Deep Learning, 2016, section 7.8,
https://www.deeplearningbook.org; the bound of 1.22: Ali, Kolter & Tibshirani, A Continuous-Time
View of Early Stopping for Least Squares Regression, 2019, https://arxiv.org/abs/1810.10082

Time: 5 seconds on two shared cores.

Expected: A Keras model trained with SGD follows the closed form up to rounding in float64. The
profiles `1 - exp(-u)` and `u / (1 + u)`, for u = s eta t, differ by at most 0.204. At its best, the
expected error of gradient descent is at most 1.22 times that of ridge, for a normal prior and small
steps; here it is 1.02 times. `EarlyStopping` finds the step with the smallest validation error in
one training of 260 steps, where a penalty needs a fit for each lambda.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from sklearn.linear_model import Ridge

from occam import callbacks

from .experiment import Finding, Report

ROWS, FEATURES, NOISE = 60, 30, 1.0
ETA = 0.25  # exact in float32; gradient descent diverges above 2 / s_1
EPOCH, MAX_STEPS = 10, 4000
LARGEST_GAP = 0.2037  # the maximum over u of 1 - e^-u - u / (1 + u)


def run(*, small: bool = False) -> Report:
    """Compare gradient descent with ridge regression on data sets that differ by their seed."""
    times = np.unique(np.geomspace(1, MAX_STEPS, 40 if small else 120).astype(int))
    problems = [Problem(seed) for seed in range(20 if small else 200)]
    first = problems[0]
    descent = np.array([[p.error(p.descent(t)) for t in times] for p in problems])
    ridge = np.array([[p.error(p.ridge(1 / (ETA * t))) for t in times] for p in problems])
    best = descent.min(axis=1).mean(), ridge.min(axis=1).mean()
    chosen = [
        np.mean([p.error(min(weights(p), key=p.validation_error)) for p in problems])
        for weights in (
            lambda p: [p.descent(t) for t in times],
            lambda p: [p.ridge(1 / (ETA * t)) for t in times],
        )
    ]
    trained, stopping = train(first)
    difference = max(np.abs(w - first.descent(t)).max() for t, w in trained.items())
    expected_stop = min(trained, key=lambda t: first.validation_error(first.descent(t)))
    stop, taken = (stopping.best_epoch + 1) * EPOCH, max(trained)
    alpha = ROWS / 2 / (ETA * stop)  # of scikit-learn, whose loss is the sum of squares
    sklearn = Ridge(alpha=alpha, fit_intercept=False).fit(first.x, first.y)
    ridge_difference = np.abs(sklearn.coef_ - first.ridge(1 / (ETA * stop))).max()
    u = np.geomspace(1e-2, 1e2, 1001)
    gap = np.abs((1 - np.exp(-u)) - u / (1 + u)).max()

    findings = (
        Finding(
            "largest difference of a weight, Keras with SGD and closed form",
            "0, up to rounding in float64",
            f"{difference:.0e} after {len(trained)} numbers of steps up to {taken}",
            difference < 1e-10,
        ),
        Finding(
            "largest difference of a weight, scikit-learn's Ridge and `s / (s + lambda)`",
            "0, up to rounding in float64",
            f"{ridge_difference:.0e}",
            ridge_difference < 1e-10,
        ),
        Finding(
            "largest gap of the shrinkage profiles at lambda = 1 / (eta t)",
            f"{LARGEST_GAP:.3f}",
            f"{gap:.3f}",
            abs(gap - LARGEST_GAP) < 1e-3,
        ),
        Finding(
            "best test error of gradient descent, over that of ridge",
            "about 1, at most 1.22",
            f"{best[0] / best[1]:.3f} (means of {len(problems)} data sets: {best[0]:.3f} and "
            f"{best[1]:.3f})",
            0.9 < best[0] / best[1] < 1.22,
        ),
        Finding(
            "the same, with t and lambda chosen by validation rows",
            "about 1",
            f"{chosen[0] / chosen[1]:.3f} ({chosen[0]:.3f} and {chosen[1]:.3f}; without either "
            f"{descent[:, -1].mean():.3f})",
            0.9 < chosen[0] / chosen[1] < 1.22 and chosen[0] < descent[:, -1].mean(),
        ),
        Finding(
            "best step that EarlyStopping found in one training",
            f"{expected_stop}, where the closed form has its smallest validation error",
            f"{stop}, and stopped at {taken} of {MAX_STEPS}",
            stop == expected_stop and taken < MAX_STEPS,
        ),
    )
    return Report(findings, draw(first, times, descent, ridge))


class Problem:
    """A linear regression `y = X w + noise`, whose features have variances 1, 1/2, ..., 1/d.

    The loss is the mean squared error of the training rows, `1/n |X w - y|^2`. Its Hessian is
    `H = 2/n X'X = V diag(s) V'`, and `w*` is its minimum.
    """

    def __init__(self, seed: int):
        generator = np.random.default_rng(seed)
        self.variances = 1 / np.arange(1, FEATURES + 1)
        self.truth = generator.normal(size=FEATURES)
        self.x, self.y = self.sample(generator)
        self.x_val, self.y_val = self.sample(generator)
        self.s, self.v = np.linalg.eigh(2 / ROWS * self.x.T @ self.x)
        self.coefficients = self.v.T @ np.linalg.lstsq(self.x, self.y, rcond=None)[0]  # of w*

    def sample(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return new rows and targets."""
        x = generator.normal(size=(ROWS, FEATURES)) * np.sqrt(self.variances)
        return x, x @ self.truth + NOISE * generator.normal(size=ROWS)

    def descent(self, t: int) -> np.ndarray:
        """Return `w_t = V (1 - (1 - eta s)^t) V' w*`."""
        return self.v @ ((1 - (1 - ETA * self.s) ** t) * self.coefficients)

    def ridge(self, penalty: float) -> np.ndarray:
        """Return `w = V s / (s + lambda) V' w*`, the minimum of the loss + lambda / 2 |w|^2."""
        return self.v @ (self.s / (self.s + penalty) * self.coefficients)

    def error(self, w: np.ndarray) -> float:
        """Return the expected squared error on new rows, without the noise of their targets."""
        return float(self.variances @ (w - self.truth) ** 2)

    def validation_error(self, w: np.ndarray) -> float:
        """Return the mean squared error on the validation rows."""
        return float(np.mean((self.x_val @ w - self.y_val) ** 2))


class Weights(keras.callbacks.Callback):
    """Keep the weights after each epoch, by the number of steps."""

    def __init__(self):
        super().__init__()
        self.kept: dict[int, np.ndarray] = {}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.kept[(epoch + 1) * EPOCH] = self.model.get_weights()[0][:, 0]


def train(problem: Problem) -> tuple[dict[int, np.ndarray], callbacks.EarlyStopping]:
    """Train a Keras model by full-batch SGD until its validation loss no longer falls.

    Returns the weights by the number of steps, and the callback that stopped the training.
    """
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", dtype="float64")
    model = keras.Sequential([keras.Input((FEATURES,), dtype="float64"), dense])
    loss = keras.losses.MeanSquaredError(dtype="float64")
    model.compile(keras.optimizers.SGD(ETA), loss, steps_per_execution=EPOCH, jit_compile=False)
    kept = Weights()
    stopping = callbacks.EarlyStopping("val_loss", patience=10, verbose=0)
    rows = tf.data.Dataset.from_tensors((problem.x, problem.y[:, None]))
    validation = tf.data.Dataset.from_tensors((problem.x_val, problem.y_val[:, None]))
    model.fit(
        rows.repeat(),
        steps_per_epoch=EPOCH,
        epochs=MAX_STEPS // EPOCH,
        validation_data=validation,
        callbacks=[kept, stopping],
        shuffle=False,
        verbose=0,
    )
    return kept.kept, stopping


def draw(problem: Problem, times: np.ndarray, descent: np.ndarray, ridge: np.ndarray) -> Figure:
    """Draw the shrinkage profiles, the paths of the coefficients and the errors."""
    figure = Figure(figsize=(13, 4), layout="constrained")
    profile, path, error = figure.subplots(1, 3)
    s = np.geomspace(1e-3, 1 / ETA, 400)
    for number, t in enumerate((5, 50, 500)):
        color = f"C{number}"
        profile.plot(s, 1 - (1 - ETA * s) ** t, color=color)
        profile.plot(s, s / (s + 1 / (ETA * t)), color=color, linestyle="--")
        profile.text(1 / (ETA * t), 0.67, f"t = {t} ", color=color, ha="right")
    profile.set(xscale="log", xlabel="eigenvalue s of the Hessian", ylabel="share that is kept")
    profile.set(title="Shrinkage of a coefficient")
    profile.plot([], [], color="gray", label="gradient descent")
    profile.plot([], [], color="gray", linestyle="--", label="L2, lambda = 1 / (eta t)")
    lines = profile.get_lines()[-2:]
    profile.legend(handles=lines, frameon=False, loc="lower right", fontsize=8)

    steps = np.array([problem.descent(t) for t in times])
    penalized = np.array([problem.ridge(1 / (ETA * t)) for t in times])
    for number in range(6):
        path.plot(times, steps[:, number], color=f"C{number}")
        path.plot(times, penalized[:, number], color=f"C{number}", linestyle="--")
    path.set(xscale="log", xlabel="steps t, or 1 / (eta lambda)", ylabel="weight")
    path.set(title="Paths of six weights")

    for values, name, color in ((descent, "gradient descent", "C0"), (ridge, "L2", "C1")):
        mean, spread = values.mean(axis=0), values.std(axis=0) / np.sqrt(len(values))
        best, style = mean.argmin(), "-" if color == "C0" else "--"
        error.plot(times, mean, color=color, linestyle=style, label=name)
        error.fill_between(times, mean - spread, mean + spread, color=color, alpha=0.2)
        error.plot(times[best], mean[best], "o", color=color)
    error.axhline(descent[:, -1].mean(), color="gray", linestyle=":", label="neither")
    error.set(xscale="log", xlabel="steps t, or 1 / (eta lambda)", xlim=(4, None), ylim=(0, 2.2))
    error.set(ylabel="squared error above the noise")
    error.set(title=f"Test error, mean of {len(descent)} data sets")
    error.legend(frameon=False)
    for axis in (profile, path, error):
        axis.spines[["top", "right"]].set_visible(False)
    return figure
