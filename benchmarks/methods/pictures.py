"""Draw the effect of each method on units, on samples or on the weights of a model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import matplotlib
import numpy as np

from occam import zoo
from occam.zoo import augmentation, layers

from ..runs import EDGES
from .cards import CARDS
from .runs import Alone, Results, value_of

matplotlib.use("agg")
from matplotlib import pyplot as plt

COLUMNS = 6


def draw_all(directory: Path, results: Results) -> None:
    """Write `<field>.png` for each method."""
    directory.mkdir(parents=True, exist_ok=True)
    for field in CARDS:
        draw = DRAWN.get(field)
        figure = draw(value_of(field)) if draw else weights(field, results)
        figure.savefig(directory / f"{field}.png", dpi=80)
        plt.close(figure)


def weights(field: str, results: Results) -> Any:
    """Draw histograms of the kernels' weights after training, without and with the method."""
    models = [model for model in ("mlp", "resnet1d") if Alone(model, field, 0) in results]
    figure, axes = plt.subplots(
        1, len(models), figsize=(4 * len(models), 2.6), squeeze=False, layout="constrained"
    )
    for axis, model in zip(axes[0], models, strict=True):
        for name, label, color in ((None, "none", "0.6"), (field, field, "C0")):
            counts = np.array(results[Alone(model, name, 0)]["histogram"])
            axis.stairs(counts / counts.sum(), EDGES, label=label, color=color, fill=name is None)
        axis.set(
            xscale="log",
            title=model,
            xlabel="|weight|; all below at the left edge",
            ylabel="share of weights",
        )
        axis.legend()
    return figure


def kept(layer: keras.layers.Layer, shape: tuple[int, ...]) -> np.ndarray:
    """Return the output of a layer for ones in training: 0 where it drops."""
    return np.asarray(layer(np.ones(shape, "float32"), training=True))


def maps(values: np.ndarray, titles: list[str], xlabel: str, ylabel: str) -> Any:
    """Draw a row of gray maps, white where a value was dropped."""
    figure, axes = plt.subplots(
        1,
        len(values),
        figsize=(max(2.2 * len(values), 4), 2.5),
        squeeze=False,
        layout="constrained",
    )
    for axis, value, title in zip(axes[0], values, titles, strict=True):
        axis.imshow(value, cmap="Greys", vmin=0, vmax=max(values.max(), 1e-9), aspect="auto")
        axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return figure


def dropout(rate: float) -> Any:
    mask = kept(layers.Dropout(rate, seed=0), (16, 32))
    return maps(mask[None], ["kept units"], "unit", "sample")


def spatial_dropout(rate: float) -> Any:
    mask = kept(layers.SpatialDropout(rate, seed=0), (3, 40, 16))
    return maps(mask.transpose(0, 2, 1), [f"sample {i}" for i in range(3)], "step", "channel")


def drop_block(rate: float) -> Any:
    mask = kept(layers.DropBlock(rate, 7, seed=0), (1, 32, 32, 4))[0]
    return maps(mask.transpose(2, 0, 1), [f"channel {i}" for i in range(4)], "", "")


def drop_connect(rate: float) -> Any:
    dense = keras.layers.Dense(32, use_bias=False, kernel_initializer="ones")
    layer = layers.DropConnect(dense, rate, seed=0)
    mask = np.asarray(layer(np.eye(16, dtype="float32"), training=True))
    return maps(mask[None], ["kept weights"], "unit", "input")


def stochastic_depth(rate: float) -> Any:
    gates = []
    for block, each in enumerate(layers.linear_depth_rates(rate, 12)):
        layer = layers.StochasticDepth(each, seed=0, name=f"block_{block}")
        zeros, ones = np.zeros((32, 1), "float32"), np.ones((32, 1), "float32")
        gates.append(np.asarray(layer([zeros, ones], training=True))[:, 0])
    return maps(np.stack(gates)[None], ["branches that are kept"], "sample", "block")


def rows(drawn: dict[str, tuple[np.ndarray, np.ndarray]]) -> Any:
    """Draw the original in the first column and its random changes in the others."""
    figure, axes = plt.subplots(
        len(drawn), COLUMNS, figsize=(1.5 * COLUMNS, 1.4 * len(drawn)), layout="constrained"
    )
    for line, (name, (original, results)) in zip(np.atleast_2d(axes), drawn.items(), strict=True):
        for axis, sample in zip(line, [original, *results], strict=True):
            if sample.ndim == 3:
                axis.imshow(sample[..., 0], cmap="gray", vmin=0, vmax=16)
            else:
                axis.plot(original[:, 0], color="0.8")
                axis.plot(sample[:, 0])
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name)
        line[0].set_title("original", fontsize=8)
    return figure


def augmented(change: Callable[[str, np.ndarray, np.ndarray], np.ndarray]) -> Any:
    """Draw several random changes of a series of mnist1d and of a digit."""
    drawn = {}
    for name in ("mnist1d", "digits"):
        x, y = next(zoo.load_data(name).raw("train").as_numpy_iterator())
        drawn[name] = x[0], change(name, x.astype("float32"), y)
    return rows(drawn)


def noise(stddev: float) -> Any:
    # Scale to the unit of the data: the models see standardized inputs.
    def change(name, x, y):
        layer = layers.GaussianNoise(stddev * float(x.std()), seed=0)
        return np.asarray(layer(np.stack([x[0]] * (COLUMNS - 1)), training=True))

    return augmented(change)


def augmentation_tier(tier: str) -> Any:
    def change(name, x, y):
        layer = augmentation.resolve_augmentation(tier, x.shape[1:], value_range=(0, 16), seed=0)
        return np.asarray(layer(np.stack([x[0]] * (COLUMNS - 1)), training=True))

    return augmented(change)


def mixed(kind: type, alpha: float) -> Any:
    """Draw mixes of the first sample, with another partner in each column."""

    def change(name, x, y):
        layer, count = kind(10, alpha, per="element", seed=0), COLUMNS - 1
        batch = np.concatenate([np.stack([x[0]] * count), x[1 : count + 1]])
        return np.asarray(layer((batch, y[: 2 * count]), training=True)[0])[:count]

    return augmented(change)


def label_smoothing(epsilon: float) -> Any:
    figure, axis = plt.subplots(figsize=(5, 2.6), layout="constrained")
    layer = augmentation.LabelSmoothing(10, epsilon)
    _, smoothed = layer((np.zeros((1, 1)), np.array([3])), training=True)
    axis.bar(range(10), np.eye(10)[3], color="0.8", label="label 3")
    axis.bar(range(10), np.asarray(smoothed)[0], width=0.5, label="smoothed")
    axis.set(xlabel="class", ylabel="probability", xticks=range(10))
    axis.legend()
    return figure


DRAWN: dict[str, Callable[[Any], Any]] = {
    "dropout": dropout,
    "spatial_dropout": spatial_dropout,
    "drop_block": drop_block,
    "drop_connect": drop_connect,
    "stochastic_depth": stochastic_depth,
    "noise": noise,
    "augmentation": augmentation_tier,
    "mixup": lambda alpha: mixed(augmentation.MixUp, alpha),
    "cutmix": lambda alpha: mixed(augmentation.CutMix, alpha),
    "label_smoothing": label_smoothing,
}
