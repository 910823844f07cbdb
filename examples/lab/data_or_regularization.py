"""More data or more regularization: the test error over both.

Claim: The best strength of a penalty falls as the training set grows, and so does what it gains:
regularization is worth most where data is scarce, and the right penalty is worth a multiple of
the data.

Reference: Goodfellow, Bengio & Courville, Deep Learning, 2016, sections 5.3 and 11.3,
https://www.deeplearningbook.org; the optimal strength of ridge regression is in proportion to
1 / n: Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2009, section 3.4,
https://hastie.su.domains/ElemStatLearn

Time: 170 seconds on two shared cores.

Expected: The right penalty is worth data everywhere: with 200 rows of digits, as much as 40 rows
more, and with 15% of the labels wrong, as much as 600 more; 150 more with 800 rows of mnist1d. The
best lambda falls with the rows, but on digits with wrong labels only from 100 rows on. The claim
that the gain is largest where data is scarcest does not hold: with 25 rows, no penalty helps much.
The largest gains are in the middle: 0.078 with 400 rows of digits with wrong labels, which is half
of the error, 0.023 with 50 rows of digits and 0.045 with 200 of mnist1d.
"""

from typing import Any

import keras
import numpy as np
from keras import ops
from matplotlib.figure import Figure

from occam import zoo

from .experiment import Finding, Report
from .side_by_side import compile, dense, error, error_of, figures, fit, rows

UNITS, BATCH, RATE = 64, 25, 0.003
NOISY = "digits, 15% wrong labels"
SIZES = {
    "digits": (25, 50, 100, 200, 400, 800, 1200),
    NOISY: (25, 50, 100, 200, 400, 800, 1200),
    "mnist1d": (100, 200, 400, 800, 1600, 3200),
}


def run(*, small: bool = False) -> Report:
    """Train MLPs with numbers of rows and strengths of L2, on digits and mnist1d."""
    strengths = np.geomspace(1e-3, 1e-1, 3) if small else np.geomspace(1e-4, 1e-1, 10)
    steps, seeds = (1000, 2) if small else (2000, 5)
    found = {
        name: (sizes, np.array([train(name, size, strengths, steps, seeds) for size in sizes]))
        for name, sizes in ({NOISY: (100, 400, 1200)} if small else SIZES).items()
    }  # (size, strength, seed); the first strength is 0
    findings = [
        finding for name, each in found.items() for finding in judge(name, *each, strengths)
    ]
    if small:
        findings = findings[-1:]  # the others need more sizes
    return Report(tuple(findings), draw(found, strengths))


def train(name: str, size: int, strengths: np.ndarray, steps: int, seeds: int) -> np.ndarray:
    """Return the test errors of all strengths, 0 and `strengths`, `(strengths + 1, seeds)`."""
    data = zoo.load_data(name.partition(",")[0])
    (x, y), (x_test, y_test) = rows(data, "train"), rows(data, "test")
    penalties = np.repeat([0, *strengths], seeds).astype("float32")
    networks = len(penalties)
    generators = [np.random.default_rng(seed) for seed in range(seeds)]
    chosen = [generator.permutation(len(y))[:size] for generator in generators]
    labels = [y[each] for each in chosen]
    if name == NOISY:
        for generator, each in zip(generators, labels, strict=True):
            wrong = generator.uniform(size=size) < 0.15
            each[wrong] = (each[wrong] + generator.integers(1, 10, wrong.sum())) % 10
    repeats = len(strengths) + 1
    chosen, labels = (np.stack(each * repeats, axis=1) for each in (chosen, labels))

    def penalty(kernel: Any) -> Any:
        return ops.sum(penalties[:, None, None] * ops.square(kernel))

    hidden, output = dense(networks, UNITS, seed=1), dense(networks, 10, seed=2)
    hidden.kernel_regularizer = output.kernel_regularizer = penalty
    model = keras.Sequential(
        [keras.Input((networks, x.shape[1])), hidden, keras.layers.ReLU(), output]
    )
    compile(
        model,
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps)),
        steps // 10,
    )
    fit(model, x[chosen], labels, epochs=10, batch_size=BATCH)
    errors = error(
        y_test[:, None], model(np.tile(x_test[:, None], (1, networks, 1)), training=False)
    )
    return errors.reshape(-1, seeds)


def judge(name: str, sizes: Any, errors: np.ndarray, strengths: np.ndarray) -> list[Finding]:
    """Return the findings about the best strength and its gain."""
    best = errors.mean(axis=2).argmin(axis=1)
    lambdas = np.array([0, *strengths])[best]
    gain = np.array([each[0] - each[b] for each, b in zip(errors, best, strict=True)])
    slope = np.polyfit(np.log(sizes), np.log(np.maximum(lambdas, strengths[0])), 1)[0]
    plain, tuned = errors[:, 0].mean(axis=1), errors.mean(axis=2).min(axis=1)
    middle = len(sizes) // 2
    worth = np.exp(np.interp(-tuned[middle], -plain, np.log(sizes))) / sizes[middle]
    drop = gain[0] - gain[-1]
    return [
        Finding(
            f"{name}: best lambda with {', '.join(map(str, sizes))} rows",
            "falls: a negative slope on logarithmic scales",
            f"{', '.join(f'{value:.2g}' for value in lambdas)}; slope {slope:.2f}",
            bool(slope < 0),
        ),
        Finding(
            f"{name}: gain of the best lambda with {sizes[0]} rows, minus that with {sizes[-1]}",
            "above 0",
            f"{figures(drop)}; gains {', '.join(f'{each.mean():.3f}' for each in gain)}",
            bool(drop.mean() > 2 * error_of(drop)),
        ),
        Finding(
            f"{name}: rows without a penalty for the error of {sizes[middle]} with the best",
            f"more than {sizes[middle]}",
            f"{'more than ' if tuned[middle] < plain.min() else ''}{worth * sizes[middle]:.0f}",
            bool(worth > 1),
        ),
    ]


def draw(found: dict[str, Any], strengths: np.ndarray) -> Figure:
    """Draw the test errors as heat maps over both axes, with the best strength of each size."""
    figure = Figure(figsize=(6.2 * len(found), 4.8), layout="constrained")
    for axis, (name, (sizes, errors)) in zip(
        figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True
    ):
        mean = errors.mean(axis=2).T  # (strength, size)
        image = axis.imshow(mean, origin="lower", aspect="auto", cmap="viridis_r")
        for (row, column), value in np.ndenumerate(mean):
            dark = value > (mean.min() + mean.max()) / 2
            text: Any = {"ha": "center", "va": "center", "color": "white" if dark else "black"}
            axis.text(column, row, f"{100 * value:.0f}", fontsize=8, **text)
        axis.plot(mean.argmin(axis=0), "o", color="C3", fillstyle="none", markersize=16)
        axis.set_xticks(range(len(sizes)), sizes)
        axis.set_yticks(range(len(mean)), ["0", *(f"{s:.2g}" for s in strengths)])
        axis.set(
            xlabel="training rows",
            ylabel="lambda of L2",
            title=f"{name}: test error in %, smallest circled",
        )
        figure.colorbar(image, ax=axis, format=lambda value, _: f"{100 * value:.0f}%")
    return figure
