"""Label smoothing: smaller weights, less confidence, and calibration where there was too much.

Claim: Training on `(1 - a) onehot(y) + a / K` in place of the labels of K classes bounds the best
logits, so the weights and the confidence stay smaller, and the confidence of the model is closer
to its accuracy, a lower expected calibration error (ECE).

Reference: Mueller, Kornblith & Hinton, When Does Label Smoothing Help?, 2019,
https://arxiv.org/abs/1906.02629

Time: 110 seconds on two shared cores.

Expected: With a label smoothing of 0.1, weights and confidence are smaller on both data sets. On
mnist1d, whose MLP is overconfident, the ECE falls from 0.21 to 0.05. On digits, the model without
is calibrated already, and the claim does not hold: the ECE rises from 0.02 to 0.14, since the
targets cap the confidence near 0.9 and 97% of the answers are right. The accuracy changes
by less than 0.03.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.special import softmax

from occam import zoo
from occam.core.calibration import calibration_bins, expected_calibration_error

from .experiment import Finding, Report
from .side_by_side import error_of

BINS = 15
MEASURES = {
    "norm": "norm of all kernels",
    "confidence": "mean confidence",
    "accuracy": "accuracy",
    "ece": "ECE",
}


def run(*, small: bool = False) -> Report:
    """Train with and without label smoothing on two data sets, with several seeds."""
    amounts = (0.0, 0.1) if small else (0.0, 0.1, 0.2)
    seeds = range(1 if small else 3)
    epochs = {"mnist1d": 24} if small else {"mnist1d": 40, "digits": 40}
    found = {}
    for name, length in epochs.items():
        data = zoo.load_data(name)
        found[name] = {a: [train(data, a, length, seed) for seed in seeds] for a in amounts}
    findings = []
    for name, runs in found.items():
        findings += [
            compare(name, "norm", runs),
            compare(name, "confidence", runs),
            compare(name, "ece", runs),
        ]
    return Report(tuple(findings), draw(found))


def train(data: zoo.Data, amount: float, epochs: int, seed: int) -> dict[str, Any]:
    """Train an MLP to the end, and return what it is on the test part."""
    smoothing = zoo.Regularization(label_smoothing=amount)
    model = zoo.create_model(
        "mlp", data=data, regularization=smoothing, seed=seed, units=(100, 100)
    )
    length = {"epochs": epochs, "patience": None, "rerun": False}
    zoo.train(model, data, **length, seed=seed, train_eval=0, verbose=0)
    x, y = (np.concatenate(each) for each in zip(*data.test.as_numpy_iterator(), strict=True))
    p = softmax(model.predict(x, verbose=0).astype("float64"), axis=1)
    return {
        "norm": sum(k.norm**2 for k in zoo.evaluation.weight_statistics(model)) ** 0.5,
        "confidence": p.max(axis=1).mean(),
        "accuracy": np.mean(p.argmax(axis=1) == y),
        "ece": expected_calibration_error(p, y, BINS),
        "bins": calibration_bins(p, y, BINS),
    }


def compare(name: str, measure: str, runs: dict[float, Any]) -> Finding:
    """Compare a label smoothing of 0.1 with none, seed by seed."""
    none, smooth = (np.array([run[measure] for run in runs[a]]) for a in (0.0, 0.1))
    mean, error = (smooth - none).mean(), error_of(smooth - none)
    return Finding(
        f"{name}: {MEASURES[measure]} with a label smoothing of 0.1, and without",
        "smaller",
        f"{smooth.mean():.3f} and {none.mean():.3f}, difference {mean:+.3f}"
        + (f" ± {error:.3f}" if error else ""),
        bool(mean < -2 * error),
    )


def draw(found: dict[str, dict[float, list[dict[str, Any]]]]) -> Figure:
    """Draw the measures over the amount of smoothing, and reliability diagrams."""
    figure = Figure(figsize=(13, 3.5 * len(found)), layout="constrained")
    for row, (name, runs) in zip(
        figure.subplots(len(found), 4, squeeze=False), found.items(), strict=True
    ):
        norm, sure, ece, reliability = row
        for axis, measure, color in (
            (norm, "norm", "C0"),
            (sure, "confidence", "C1"),
            (sure, "accuracy", "C2"),
            (ece, "ece", "C3"),
        ):
            values = np.array([[run[measure] for run in each] for each in runs.values()])
            mean, spread = values.mean(axis=1), error_of(values)
            style: Any = {"color": color, "marker": "o", "capsize": 3}
            axis.errorbar([*runs], mean, spread, label=MEASURES[measure], **style)
            axis.set(xlabel="label smoothing")
            axis.set_title(f"{name}: {MEASURES[measure]}", fontsize=10)
        sure.set_title(f"{name}: confidence and accuracy", fontsize=10)
        sure.set_ylim(0.4, 1.02)
        sure.legend(frameon=False, loc="best")
        norm.set(ylim=(0, 36))
        ece.set(ylim=(0, 0.25))
        for amount, color in ((0.0, "C4"), (0.1, "C5")):
            counts, right, mean = np.sum([pooled(run["bins"]) for run in runs[amount]], axis=0)
            many = counts >= 20
            sure_of, rate = mean[many] / counts[many], right[many] / counts[many]
            style = {"color": color, "markersize": 4, "clip_on": False, "label": f"{amount:g}"}
            reliability.plot(sure_of, rate, "o-", **style)
        reliability.plot([0, 1], [0, 1], color="gray", linestyle="--", linewidth=1)
        reliability.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
        reliability.set_title(f"{name}: reliability", fontsize=10)
        reliability.legend(title="label smoothing", frameon=False, loc="upper left")
        for axis in row:
            axis.spines[["top", "right"]].set_visible(False)
    return figure


def pooled(bins: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Return the counts, and the sums of right answers and of confidence, in each bin."""
    counts, right, mean = bins
    return np.stack([counts, counts * right, counts * mean])
