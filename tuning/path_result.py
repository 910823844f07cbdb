"""`PenaltyPath`: the result of `penalty_path`, its choice, table and picture."""

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas

from ..callbacks.tensorboard.summaries import new_figure
from ..core.checks import check_path
from ..zoo import Regularization

_MOST_NAMES = 10  # kernels in a legend
_MOST_COUNTS = 12  # numbers above the picture


@dataclass(frozen=True, eq=False)
class PenaltyPath:
    """The result of `penalty_path`: figures of each value and seed.

    Args:
        field: The field of `Regularization`.
        values: Its values, from the strongest to the weakest.
        train_losses: The data loss of the training part, `(values, seeds)`.
        validation_losses: The data loss of the validation part, `(values, seeds)`.
        row_errors: The standard error of each validation loss over the rows of the validation part,
            `(values, seeds)`; NaN if the loss of a compiled model is not known by row.
        nonzeros: The number of weights in kernels that are not zero, `(values, seeds)`.
        size: The number of weights in kernels.
        norms: The L2 norm of each kernel, `(values, seeds, kernels)`.
        kernels: The path of each kernel.
        coefficients: The kernel of a model with a single kernel of at most 1,000 weights,
            `(values, seeds, *kernel.shape)`, or `None`.
        relaxed: The path of the relaxed models, or `None`.

    Example: the losses are equal within their error, so the stronger penalty is chosen.

    >>> path = PenaltyPath(
    ...     "l2", (0.1, 0.01), np.array([[0.5], [0.3]]), np.array([[0.6], [0.55]]),
    ...     row_errors=np.array([[0.1], [0.1]]), nonzeros=np.array([[4], [4]]), size=4,
    ...     norms=np.array([[[1.0]], [[2.0]]]), kernels=("dense/kernel",),
    ... )
    >>> path.best, path.choice
    (0.01, 0.1)
    """

    field: str
    values: tuple[float, ...]
    train_losses: np.ndarray
    validation_losses: np.ndarray
    row_errors: np.ndarray
    nonzeros: np.ndarray
    size: int
    norms: np.ndarray
    kernels: tuple[str, ...]
    coefficients: np.ndarray | None = None
    relaxed: "PenaltyPath | None" = None

    @property
    def validation_errors(self) -> np.ndarray:
        """The standard error of the mean validation loss of each value.

        It is that over the seeds or, with one seed, over the rows.
        """
        if self.row_errors.shape[1] == 1:
            return self.row_errors[:, 0]
        return _errors(self.validation_losses)

    @property
    def best(self) -> float:
        """The value with the smallest mean validation loss."""
        return self.values[self._best]

    @property
    def _best(self) -> int:
        means = self.validation_losses.mean(axis=1)
        if not np.isfinite(means).any():
            raise ValueError(f"No value of {self.field!r} trained to a finite validation loss.")
        return int(np.nanargmin(np.where(np.isfinite(means), means, np.nan)))

    @property
    def choice(self) -> float:
        """The strongest value whose mean loss is within one standard error of the smallest.

            first value with   mean(value) <= mean(best) + error(best)

        It is `best` if the error is not known.
        """
        means, best = self.validation_losses.mean(axis=1), self._best
        limit = means[best] + np.nan_to_num(self.validation_errors[best])
        return self.values[int(np.argmax(means <= limit))]

    def table(self) -> pandas.DataFrame:
        """Return a row for each value, with means over the seeds.

        The columns are the data losses and their standard errors, `nonzeros`, the norm of each
        kernel, and whether the value is `best` or the `choice`.
        """
        columns = {
            "train_data_loss": self.train_losses.mean(axis=1),
            "train_data_loss_error": _errors(self.train_losses),
            "val_data_loss": self.validation_losses.mean(axis=1),
            "val_data_loss_error": self.validation_errors,
            "nonzeros": self.nonzeros.mean(axis=1),
        }
        norms = self.norms.mean(axis=1).T
        columns |= {f"norm/{name}": norm for name, norm in zip(self.kernels, norms, strict=True)}
        values = np.array(self.values)
        columns |= {name: values == getattr(self, name) for name in ("best", "choice")}
        return pandas.DataFrame(columns, index=pandas.Index(self.values, name=self.field))

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the path into a picture file.

        Above are the coefficients, or the norms of the kernels, and the numbers of nonzero weights;
        below are the data losses, each a mean over the seeds with a band of one standard error.
        """
        check_path("path", path)
        figure = new_figure(8, 7)
        weights, losses = figure.subplots(2, sharex=True)
        declared: Any = Regularization.fields()[self.field]
        losses.set_xscale(declared.scale)
        self._draw_weights(weights)
        self._draw_losses(losses)
        for axis in (weights, losses):
            axis.axvline(self.best, color="0.5", ls=":", label=f"smallest: {self.best:.3g}")
            axis.axvline(self.choice, color="0.2", ls="--", label=f"choice: {self.choice:.3g}")
        losses.legend(fontsize=8, frameon=False)
        losses.set_xlabel(self.field)
        figure.savefig(path)

    def _draw_weights(self, axis: Any) -> None:
        shown = self.norms if self.coefficients is None else self.coefficients
        lines = axis.plot(self.values, shown.mean(axis=1).reshape(len(self.values), -1), lw=1)
        if self.coefficients is None:
            axis.set(ylabel="norm of the kernel", ylim=(0, None))
            if len(lines) <= _MOST_NAMES:
                axis.legend(lines, self.kernels, fontsize=8, frameon=False)
        else:
            axis.axhline(0, color="0.8", lw=0.8, zorder=0)
            axis.set_ylabel("coefficient")
        step = -(-len(self.values) // _MOST_COUNTS)
        counts = [f"{count:,.0f}" for count in self.nonzeros.mean(axis=1)]
        top = axis.secondary_xaxis("top")
        top.set_xticks(self.values[::step], counts[::step], fontsize=8)
        top.set_xticks([], minor=True)
        top.set_xlabel(f"nonzero weights, of {self.size:,}")

    def _draw_losses(self, axis: Any) -> None:
        parts = {
            "train": (self.train_losses, _errors(self.train_losses)),
            "validation": (self.validation_losses, self.validation_errors),
        }
        for part, (losses, errors) in parts.items():
            means = losses.mean(axis=1)
            (line,) = axis.plot(self.values, means, ".-", label=part)
            band = means - errors, means + errors
            axis.fill_between(self.values, *band, color=line.get_color(), alpha=0.2, lw=0)
        if self.relaxed:
            means = self.relaxed.validation_losses.mean(axis=1)
            axis.plot(self.values, means, ".--", color="C2", label="validation, relaxed")
        axis.set_ylabel("data loss")


def _errors(losses: np.ndarray) -> np.ndarray:
    """Return the standard error of each mean over the seeds; NaN for one seed."""
    if losses.shape[1] == 1:
        return np.full(len(losses), np.nan)
    with np.errstate(invalid="ignore"):  # of a training that diverged
        return losses.std(axis=1, ddof=1) / math.sqrt(losses.shape[1])
