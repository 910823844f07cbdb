"""Augmentation is worth a multiple of the data.

Claim: Augmented networks have a smaller test error, the more so the fewer samples there are, as if
there were more of them. MixUp and CutMix, which know nothing of the samples, gain less than
changes that the classes are known to withstand.

Reference: Iwana & Uchida, An Empirical Survey of Data Augmentation for Time Series Classification
with Neural Networks, 2021, https://doi.org/10.1371/journal.pone.0254841; Zhang et al., mixup:
Beyond Empirical Risk Minimization, 2018, https://arxiv.org/abs/1710.09412; Yun et al., CutMix:
Regularization Strategy to Train Strong Classifiers with Localizable Features, 2019,
https://arxiv.org/abs/1905.04899

Time: 190 seconds on two shared cores.

Expected: Strong augmentation lowers the test error by 0.13 to 0.24 with 10 to 100 samples a class,
and by 0.07 with all 360; there, light augmentation is better (0.10). 100 samples with strong
augmentation do better (0.35) than 360 without (0.39). CutMix gains 0.10, 0.11 and 0.03 with 30, 100
and 360 samples, and MixUp about half of that. With 10, both gain less than 0.01, and so does MixUp
with 360: the claim does not hold there. Nor does augmentation always gain the more, the fewer
samples there are: 30 or 100 gain most.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from occam import zoo
from occam.zoo.training import train_transform

from .experiment import Finding, Report
from .side_by_side import compile, dense, error, error_of, fit, rows

UNITS, BATCH, PEAK = 128, 50, 0.003
METHODS = {
    "none": {},
    "light": {"augmentation": "light"},
    "strong": {"augmentation": "strong"},
    "MixUp": {"mixup": 0.5},
    "CutMix": {"cutmix": 0.5},
}


def run(*, small: bool = False) -> Report:
    """Train MLPs on 10 to 360 samples a class of mnist1d, with and without augmentation."""
    sizes = (30, 100) if small else (10, 30, 100, 360)
    steps, seeds = (500, 2) if small else (2000, 4)
    names = ("none", "strong", "CutMix") if small else tuple(METHODS)
    found = {
        name: np.array([train(METHODS[name], size, steps, seeds) for size in sizes])
        for name in names
    }  # (size, seed)
    findings = []
    for name in names[1:]:
        gains = found["none"] - found[name]
        findings.append(
            Finding(
                f"{name}: gain in test error with {sizes[0]} to {sizes[-1]} samples a class",
                "above 0 for all",
                ", ".join(f"{gain.mean():.3f}" for gain in gains),
                bool((gains.mean(axis=1) > 2 * error_of(gains)).all()),
            )
        )
    strong, plain = found["strong"].mean(axis=1), found["none"].mean(axis=1)
    if not small:
        enough = [size for size, error in zip(sizes, strong, strict=True) if error < plain[-1]]
        findings.append(
            Finding(
                f"samples a class with strong augmentation that do better than {sizes[-1]} without",
                f"at most a third of {sizes[-1]}",
                f"{min(enough)}: {strong[sizes.index(min(enough))]:.3f}, and {plain[-1]:.3f}"
                if enough
                else "none",
                bool(enough and min(enough) <= sizes[-1] / 3),
            )
        )
    return Report(tuple(findings), draw(sizes, found))


def train(method: dict[str, Any], size: int, steps: int, seeds: int) -> np.ndarray:
    """Return the test errors of networks with so many samples a class, `(seeds,)`."""
    data = zoo.load_data("mnist1d")
    (x, y), (x_test, y_test) = rows(data, "train"), rows(data, "test")
    transform = train_transform(data, zoo.Regularization(**method))

    def change(number: Any, x: Any, y: Any) -> tuple[Any, Any]:
        pairs = [
            augmented(transform, x[:, seed, :, None], y[:, seed], (seed, number))
            for seed in range(seeds)  # so that no network mixes in the samples of another
        ]
        x, y = (tf.stack(each, axis=1) for each in zip(*pairs, strict=True))
        return x[..., 0], y

    chosen = np.stack([of_each_class(y, size, seed) for seed in range(seeds)], axis=1)
    layers = [
        layer for seed in (1, 2) for layer in (dense(seeds, UNITS, seed=seed), keras.layers.ReLU())
    ]
    model = keras.Sequential([keras.Input((seeds, 40)), *layers, dense(seeds, 10, seed=3)])
    rate = keras.optimizers.schedules.CosineDecay(PEAK, steps)
    compile(model, keras.optimizers.Adam(rate), steps // 10)
    fit(model, x[chosen], y[chosen], epochs=10, batch_size=BATCH, transform=change)
    tiled = np.tile(x_test[:, None], (1, seeds, 1))
    return error(y_test[:, None], model(tiled, training=False))


def augmented(transform: Any, x: Any, y: Any, key: tuple[int, Any]) -> tuple[Any, Any]:
    """Return series and one-hot labels, changed by the draws of `key`."""
    options: Any = {"training": True, "seed": tf.stack([tf.constant(key[0], tf.int64), key[1]])}
    if transform.takes_labels:
        return transform((x, y), **options)
    return transform(x, **options), tf.one_hot(y, 10)


def of_each_class(y: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Return the rows of `size` random samples of each class, or the fewest that a class has."""
    order = np.random.default_rng(seed).permutation(len(y))
    size = min(size, np.bincount(y).min())
    return np.concatenate([order[y[order] == label][:size] for label in range(10)])


def draw(sizes: Any, found: dict[str, np.ndarray]) -> Figure:
    """Draw the learning curves."""
    figure = Figure(figsize=(6.5, 4.5), layout="constrained")
    axis = figure.subplots()
    for number, (name, errors) in enumerate(found.items()):
        color = f"C{number - 1}" if number else "black"
        style: Any = {"color": color, "label": name, "capsize": 3, "markersize": 4}
        axis.errorbar(sizes, errors.mean(axis=1), error_of(errors), fmt="o-", **style)
    axis.set(xscale="log", xlabel="training samples a class", ylabel="test error", ylim=(0, None))
    axis.set(title="mnist1d, an MLP of two hidden layers")
    axis.set_xticks(sizes, sizes)
    axis.minorticks_off()
    axis.legend(frameon=False, title="augmentation")
    axis.spines[["top", "right"]].set_visible(False)
    return figure
