"""`loss_landscape`: the data loss along random directions, as a picture."""

import os
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from ...callbacks.probes.probe import Probe, check_model, losses
from ...callbacks.probes.sharpness_probe import filter_normalized, is_kernel
from ...core.checks import check_integer, check_number, check_path, message
from ..training.run import Run, model_of

_LOG_RANGE = 20  # the ratio of losses from which a picture has a logarithmic scale


@dataclass(frozen=True, eq=False)
class LossLandscape:
    """The data loss around the weights of a model.

    Args:
        coordinates: The distances along each direction, `(points,)`; the middle one is 0. A
            distance of 1 changes each filter by its own norm.
        losses: The data loss, `(points,)` or `(points, points)`, the first direction first.
    """

    coordinates: np.ndarray
    losses: np.ndarray = field(repr=False)

    @property
    def loss(self) -> float:
        """The data loss at the weights of the model."""
        middle = len(self.coordinates) // 2
        return float(self.losses[(middle,) * self.losses.ndim])

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Plot the loss into a file: a curve along one direction, contours along two."""
        check_path("path", path)
        self.figure().savefig(path, dpi=100)

    def figure(self) -> Any:
        """Return the figure of `plot`."""
        from matplotlib.colors import LogNorm  # slow to import
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 4), layout="constrained")
        axis = figure.add_subplot()
        values = np.ma.masked_invalid(self.losses)
        log = values.min() > 0 and values.max() > _LOG_RANGE * values.min()
        if self.losses.ndim == 1:
            axis.plot(self.coordinates, values)
            axis.plot(0, self.loss, "o", color="C3")
            axis.set(xlabel="distance in norms of the filters", ylabel="data loss")
            if log:
                axis.set_yscale("log")
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(alpha=0.3)
        elif values.max() > values.min():
            space = np.geomspace if log else np.linspace
            levels = space(values.min(), values.max(), 20)
            levels[-1] = values.max()  # not below it by rounding
            grid = (self.coordinates, self.coordinates, values.T)
            filled = axis.contourf(*grid, levels=levels, norm=LogNorm() if log else None)
            axis.contour(*grid, levels=levels, colors="black", linewidths=0.3)
            bar = figure.colorbar(filled, ax=axis, label="data loss", format="%.3g")
            bar.ax.minorticks_off()
            axis.plot(0, 0, "o", color="C3")
            axis.set(xlabel="first direction", ylabel="second direction", aspect="equal")
        axis.set_title(f"data loss {self.loss:.4g} at the weights", fontsize=10, loc="left")
        return figure


def loss_landscape(
    model: keras.Model | Run,
    x: Any,
    y: Any,
    *,
    directions: int = 1,
    radius: float = 1.0,
    points: int = 21,
    seed: int = 0,
) -> LossLandscape:
    """Return the data loss along one or two random, filter-normalized directions.

        L(w + a d),    L(w + a d + b e),    |d_f| = |e_f| = |w_f| for each filter f of each kernel

    A filter is a slice of a kernel along its last axis; biases and the weights of normalization
    stay, as in `callbacks.SharpnessProbe`. Since the directions are relative to the filters, models
    can be compared, even if their weights differ in size.

    L is the compiled loss on all samples at once, without the penalty, in inference mode; a few
    hundred samples are enough. The weights of the model are never assigned.

    Args:
        model: A model compiled with its loss, or a finished `zoo.Run`.
        x, y: The samples and targets, as in `model.fit`.
        directions: 1 or 2.
        radius: The largest distance along each direction.
        points: The number of distances along each direction, odd.
        seed: The seed of the directions, which are Gaussian.

    Raises:
        ValueError: If the model is not compiled with a loss, has no trainable kernel, or an
            argument is out of range.
        RuntimeError: If the backend is neither TensorFlow nor JAX.

    Example: the loss `(w - 1)^2` at w = 1 along d = 1 or d = -1.

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(
    ...     1, use_bias=False, kernel_initializer="ones")])
    >>> model.compile(loss="mse")
    >>> loss_landscape(model, np.ones((1, 1)), np.ones((1, 1)), points=5).losses.tolist()
    [1.0, 0.25, 0.0, 0.25, 1.0]

    Reference: Li et al., Visualizing the Loss Landscape of Neural Nets, 2018,
    https://arxiv.org/abs/1712.09913
    """
    check_integer("directions", directions, 1, 2)
    check_number("radius", radius, "(0, inf)")
    check_integer("points", points, minimum=3)
    check_integer("seed", seed, minimum=0)
    if points % 2 == 0:
        raise ValueError(message("points", points, "odd, so that one is at the weights"))
    model = model_of(model)
    check_model(model, "loss_landscape")
    if not any(map(is_kernel, model.trainable_variables)):
        expected = "a model with a trainable weight of rank 2 or more"
        raise ValueError(message("model", model.name, expected))
    probe = Probe((x, y))
    probe.set_model(model)
    generator = keras.random.SeedGenerator(seed)
    drawn = [
        [keras.random.normal(v.shape, seed=generator) for v in model.trainable_variables]
        for _ in range(directions)
    ]

    def loss(weights: Any, others: Any, batch: Any, drawn: Any, distances: Any) -> Any:
        moved = list(weights)
        for number, direction in enumerate(drawn):
            changes = filter_normalized(weights, direction)
            moved = [
                w + ops.cast(distances[number] * change, w.dtype)
                for w, change in zip(moved, changes, strict=True)
            ]
        return losses(model, moved, others, batch)[0]

    coordinates = np.linspace(-radius, radius, points)
    coordinates[points // 2] = 0.0
    grid = np.stack(np.meshgrid(*[coordinates] * directions, indexing="ij"), axis=-1)
    values = [
        float(probe.call(loss, drawn, ops.convert_to_tensor(distances.astype("float32"))))
        for distances in grid.reshape(-1, directions)
    ]
    return LossLandscape(coordinates, np.array(values).reshape(grid.shape[:-1]))
