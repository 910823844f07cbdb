"""MC dropout: the passes of a network with dropout disagree away from the data.

Claim: The mean over passes with dropout left on approximates that over the posterior of a Bayesian
network. The passes agree near the training data, and disagree away from it: their spread tells
where a regression extrapolates, and their mutual information tells inputs that a classifier has
not learned from those that it has.

Reference: Gal & Ghahramani, Dropout as a Bayesian Approximation, 2016,
https://arxiv.org/abs/1506.02142; the gap between two clusters: Foong, Burt, Li & Turner,
On the Expressiveness of Approximate Inference in Bayesian Neural Networks, 2020,
https://arxiv.org/abs/1909.00719

Time: 53 seconds on two shared cores.

Expected: The spread of the regression is 2.7 times as large outside of the data as at the data,
and 1.6 times in the gap; the curve that the data came from is still far outside of the band. The
mutual information grows with the shift of a digit. It tells images shifted by 3 pixels from the
others with an AUROC of 0.99, and images rotated by 30 degrees with 0.92, both better than the
largest probability without dropout. The claim does not hold for a rotation by 90 degrees, perhaps
since the strokes then lie in pixels that were hardly ever inked: the network is more confident of
these images than of the others (0.33), and the mutual information hardly tells them (0.55).
"""

from itertools import chain
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import rotate, shift
from scipy.special import softmax

from occam import zoo
from occam.zoo.evaluation import detect_outliers

from .experiment import Finding, Report

GAP, EDGE = (-0.3, 0.3), 1.0  # the inputs of the regression are in [-1, 1], but not in the gap
GRID = np.linspace(-2, 2, 401)
REGIONS = {
    "data": (np.abs(GRID) >= GAP[1]) & (np.abs(GRID) <= EDGE),
    "gap": np.abs(GRID) < GAP[1],
    "outside": np.abs(GRID) > EDGE,
}
ANGLES, SHIFTS = (0, 15, 30, 45, 60, 90), (0, 0.5, 1, 1.5, 2, 3)  # degrees and pixels


def run(*, small: bool = False) -> Report:
    """Measure the uncertainty of a regression with a gap, and of digits that are moved."""
    seeds, passes = range(1 if small else 3), 20 if small else 100
    regressions = [regression(seed, 600 if small else 3000, passes) for seed in seeds]
    digits = [classification(seed, 400 if small else 1500, passes) for seed in seeds]
    spreads = {
        name: np.array([r["spread"][where].mean() for r in regressions])
        for name, where in REGIONS.items()
    }
    outside, gap = (spreads[name] / spreads["data"] for name in ("outside", "gap"))

    def auroc(kind: str, by: float, score: str = "auroc") -> np.ndarray:
        amounts = ANGLES if kind == "rotated by" else SHIFTS
        return np.array([each[kind][score][amounts.index(by)] for each in digits])

    information = np.mean([each["shifted by"]["information"] for each in digits], axis=0)
    findings = [
        Finding(
            "regression: spread of the passes outside of the data, over that at the data",
            "above 1",
            figures(outside),
            bool(outside.min() > 1),
        ),
        Finding(
            "digits: mutual information of images shifted by 0, 0.5, 1, 1.5, 2 and 3 pixels",
            "grows",
            ", ".join(f"{value:.3f}" for value in information),
            bool((np.diff(information) > 0).all()),
        ),
    ]
    moves = [("shifted by", 3, "3 pixels"), ("rotated by", 30, "30 degrees")]
    if not small:
        findings.append(
            Finding(
                "regression: spread in the gap, over that at the data",
                "above 1",
                figures(gap),
                bool(gap.mean() - 2 * error_of(gap) > 1),
            )
        )
        moves.append(("rotated by", 90, "90 degrees"))
    for kind, by, unit in moves:
        found, plain = auroc(kind, by), auroc(kind, by, "plain")
        findings.append(
            Finding(
                f"digits: AUROC of the mutual information, {kind} {unit} against not",
                "above 0.8",
                f"{figures(found)}; without passes, of the largest probability {figures(plain)}",
                bool(found.min() > 0.8),
            )
        )
    return Report(tuple(findings), draw(regressions[0], digits))


def error_of(values: np.ndarray) -> Any:
    """Return the standard error of the mean over the first axis, 0 of a single seed."""
    return values.std(axis=0, ddof=min(1, len(values) - 1)) / np.sqrt(len(values))


def figures(values: np.ndarray) -> str:
    """Return the mean and, of several seeds, its standard error."""
    error = f" ± {error_of(values):.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{error}"


def regression(seed: int, steps: int, passes: int) -> dict[str, np.ndarray]:
    """Train on a curve with a gap, and return the mean and the spread of the passes."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(GAP[1], EDGE, 200) * generator.choice((-1, 1), 200)
    y = np.sin(4 * x) + 0.1 * generator.normal(size=200)
    data = zoo.load_data((x[:, None], y), task="regression", test=False, standardize=False)
    model = train(data, 0.1, steps, seed)
    found = zoo.mc_predict(model, GRID[:, None], samples=passes, seed=seed, batch_size=len(GRID))
    mean, spread = found.mean[:, 0], found.standard_deviation[:, 0]
    return {"x": x, "y": y, "mean": mean, "spread": spread, "passes": found.passes[..., 0]}


def classification(seed: int, steps: int, passes: int) -> dict[str, dict[str, list[float]]]:
    """Train on digits, and tell moved test images from the others by their uncertainty."""
    data = zoo.load_data("digits")
    model = train(data, 0.3, steps, seed)
    raw = np.concatenate([x for x, _ in data.raw("test").as_numpy_iterator()])

    moves = {
        "rotated by": [rotate(raw, by, axes=(2, 1), reshape=False, order=1) for by in ANGLES],
        "shifted by": [shift(raw, (0, 0, by, 0), order=1) for by in SHIFTS],
    }
    x = np.asarray(data.preprocessing(np.concatenate([raw, *chain(*moves.values())])))
    passes_of = zoo.mc_predict(model, x, samples=passes, seed=seed, batch_size=len(x))
    sure = softmax(model.predict_on_batch(x), axis=1).max(axis=1)
    # of each move, and of the images as they are
    information = np.split(np.asarray(passes_of.mutual_information), len(x) // len(raw))
    plain = np.split(sure, len(x) // len(raw))
    found, start = {}, 1
    for name, images in moves.items():
        part = slice(start, start + len(images))
        found[name] = {
            "information": [each.mean() for each in information[part]],
            "auroc": [detect_outliers(-information[0], -i).auroc.value for i in information[part]],
            "plain": [detect_outliers(plain[0], p).auroc.value for p in plain[part]],
        }
        start += len(images)
    return found


def train(data: zoo.Data, rate: float, steps: int, seed: int) -> keras.Model:
    """Train an MLP with dropout to the end."""
    dropout = zoo.Regularization(dropout=rate)
    model = zoo.create_model("mlp", data=data, regularization=dropout, seed=seed, units=(128, 128))
    length: Any = {"steps": steps, "patience": None, "rerun": False, "refit": False}
    zoo.train(model, data, **length, seed=seed, train_eval=0, verbose=0)
    return model


def draw(curve: dict[str, np.ndarray], digits: list[dict[str, Any]]) -> Figure:
    """Draw the band of the regression, and the mutual information and AUROC of moved digits."""
    figure = Figure(figsize=(13, 4), layout="constrained")
    band, information, auroc = figure.subplots(1, 3, width_ratios=(1.4, 1, 1))
    band.plot(curve["x"], curve["y"], ".", color="gray", markersize=4, label="data")
    band.plot(GRID, np.sin(4 * GRID), color="black", linestyle=":", label="sin 4x")
    band.plot(GRID, curve["mean"], color="C0", label="mean of the passes")
    for times, alpha in ((2, 0.2), (1, 0.3)):
        low, high = (curve["mean"] + sign * times * curve["spread"] for sign in (-1, 1))
        band.fill_between(GRID, low, high, color="C0", alpha=alpha, linewidth=0)
    band.set(xlabel="x", ylabel="y", title="Regression: mean, 1 and 2 standard deviations")
    low, high = band.get_ylim()
    band.set_ylim(low - 0.2 * (high - low), high)  # room for the legend
    band.legend(frameon=False, loc="lower center", ncols=3, fontsize=8)
    for name, amounts, unit, color in (
        ("rotated by", np.array(ANGLES) / 90, "rotation, up to 90 degrees", "C1"),
        ("shifted by", np.array(SHIFTS) / 3, "shift, up to 3 pixels", "C2"),
    ):
        for axis, key, style, label in (
            (information, "information", "-", unit),
            (auroc, "auroc", "-", f"{unit.split(',')[0]}, mutual information"),
            (auroc, "plain", "--", f"{unit.split(',')[0]}, largest probability"),
        ):
            values = np.array([each[name][key] for each in digits])
            mean, error = values.mean(axis=0), error_of(values)
            axis.errorbar(
                amounts, mean, error, color=color, linestyle=style, label=label, capsize=2
            )
    information.set(ylabel="nats", ylim=(0, None), title="Digits: mutual information")
    auroc.set(ylim=(0, 1.02), title="Digits: AUROC, moved against not")
    for axis in (information, auroc):
        axis.set(xlabel="share of the largest move")
        axis.legend(frameon=False, fontsize=8, loc="best")
    for axis in (band, information, auroc):
        axis.spines[["top", "right"]].set_visible(False)
    return figure
