"""SGD's noise finds flat minima, and SAM seeks them.

Claim: At the same training loss, networks that were trained with small batches lie in flatter
minima than those trained with large ones, and have a smaller test error. SAM, which takes the
gradient at the worst point nearby, does so with large batches, too.

Reference: Keskar et al., On Large-Batch Training for Deep Learning: Generalization Gap and Sharp
Minima, 2017, https://arxiv.org/abs/1609.04836; Foret et al., Sharpness-Aware Minimization for
Efficiently Improving Generalization, 2021, https://arxiv.org/abs/2010.01412; the bound 2 / rate:
Cohen et al., Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability, 2021,
https://arxiv.org/abs/2103.00065

Time: 60 seconds on two shared cores.

Expected: At a training loss of 0.1, the largest eigenvalue of the Hessian is 2.4 with batches of 8,
5, 9 and 10 with batches of 32, 128 and 1,000, and 2.7 with SAM and batches of 128. The rise of the
loss at the worst change of the weights by 2% is in the same order. The test errors of these five
are 0.556, 0.598, 0.612, 0.613 and 0.589. So the claim holds, but flatness is not all: SAM is as
flat as batches of 8, and has the larger error. Large batches need as many steps as batches of 32,
and so 30 times the samples.
"""

from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from occam import callbacks, zoo
from occam.zoo.robustness import hessian_eigenvalue

from .experiment import Finding, Report
from .side_by_side import error_of, figures, fit, rows

ROWS, PROBED = 1000, 500  # training rows, and those of them at which the sharpness is measured
RATE, GOAL, RHO = 0.1, 0.1, 0.2  # learning rate, training loss at which to stop, of SAM
MEASURES = {
    "eigenvalue": "largest eigenvalue of the Hessian",
    "sharpness": "rise of the loss at the worst change by 2%",
    "error": "test error",
}
SMALL, LARGE, SAM = "8", "1000", "128, SAM"  # the ways, by their batch


def run(*, small: bool = False) -> Report:
    """Train MLPs on mnist1d down to the same training loss, and measure where they end."""
    data = zoo.load_data("mnist1d")
    (x, y), test = rows(data, "train"), rows(data, "test")
    ways = {SMALL: (8, 0.0), "32": (32, 0.0), "128": (128, 0.0), LARGE: (1000, 0.0)}
    ways[SAM] = (128, RHO)
    if small:
        ways = {way: ways[way] for way in (SMALL, "128", SAM)}
    runs = {
        way: [train((x[:ROWS], y[:ROWS]), test, *how, seed) for seed in range(1 if small else 5)]
        for way, how in ways.items()
    }
    found = {
        way: {m: np.array([run[m] for run in each]) for m in MEASURES} for way, each in runs.items()
    }
    losses = [run["loss"] for each in runs.values() for run in each]
    reached = Finding(
        "largest training loss at the end",
        f"below {GOAL}",
        f"{max(losses):.4f}",
        max(losses) < GOAL,
    )
    pairs = ((SMALL, "128" if small else LARGE), (SAM, "128"))
    findings = [compare(found, measure, *pair) for pair in pairs for measure in MEASURES]
    return Report((reached, *findings), draw(found))


def compare(found: Any, measure: str, flat: str, sharp: str) -> Finding:
    """Compare a way of training with another one, seed by seed."""
    one, other = found[flat][measure], found[sharp][measure]
    return Finding(
        f"{MEASURES[measure]}: batch {flat} minus batch {sharp}",
        "below 0",
        f"{figures(one - other)}, {one.mean():.3f} against {other.mean():.3f}",
        bool((one - other).mean() < -2 * error_of(one - other)),
    )


def train(train_part: Any, test: Any, batch_size: int, rho: float, seed: int) -> dict[str, float]:
    """Train down to a loss of `GOAL`, and return the sharpness and the test error."""
    x, y = train_part
    initial = [keras.initializers.HeNormal(seed=3 * seed + layer) for layer in range(3)]
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            keras.layers.Dense(100, "relu", kernel_initializer=initial[0]),
            keras.layers.Dense(100, "relu", kernel_initializer=initial[1]),
            keras.layers.Dense(10, kernel_initializer=initial[2]),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss)
    trainee = zoo.SharpnessAware(model, rho) if rho else model
    optimizer = keras.optimizers.SGD(RATE)
    trainee.compile(optimizer, loss, steps_per_execution=50, jit_compile=False)

    def record() -> float:
        value = float(loss(y, model(x)))
        trainee.stop_training = value < GOAL
        return value

    losses = fit(trainee, x, y, epochs=200, batch_size=batch_size, record=record, seed=seed)
    probe = callbacks.SharpnessProbe((x[:PROBED], y[:PROBED]), rho=0.02, steps=10)
    probe.set_model(model)
    eigenvalue = hessian_eigenvalue(model, x[:PROBED], y[:PROBED], tolerance=0.05)
    return {
        "loss": losses[-1],
        "eigenvalue": eigenvalue.value,
        "sharpness": probe.measure()["sharpness/worst"],
        "error": float(np.mean(np.argmax(model(test[0]), axis=1) != test[1])),
    }


def draw(found: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Draw each measure over the ways of training, and the test error over the sharpness."""
    figure = Figure(figsize=(14, 3.8), layout="constrained")
    *panels, scatter = figure.subplots(1, 4)
    colors = {way: "C1" if way == SAM else "C0" for way in found}
    for axis, (measure, title) in zip(panels, MEASURES.items(), strict=True):
        for way, each in found.items():
            style: Any = {"color": colors[way], "fmt": "o", "capsize": 4}
            name = way.replace(", ", "\n")
            axis.errorbar([name], each[measure].mean(), error_of(each[measure]), **style)
        axis.set(xlabel="batch size", ylim=(0.5, 0.65) if measure == "error" else (0, None))
        axis.set_title(title, fontsize=10)
    markers = dict(zip(found, "osD^*", strict=False))
    for way, each in found.items():
        style = {"color": colors[way], "marker": markers[way], "label": f"batch {way}"}
        scatter.scatter(each["eigenvalue"], each["error"], **style)
    scatter.set(xlabel=MEASURES["eigenvalue"], ylabel="test error", title="each seed")
    scatter.title.set_fontsize(10)
    scatter.legend(frameon=False, fontsize=8)
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure
