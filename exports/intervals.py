"""`Intervals`: the data for split conformal intervals of a regression."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.checks import check_number
from .errors import ExportError
from .heads import Arrays, RegressionHead
from .heads.regression import conformal_rank, real_targets
from .specs import check_pair


@dataclass(frozen=True)
class Intervals:
    """A request for intervals that cover new targets with a stated probability.

    Split conformal prediction: with the n absolute residuals `|y_i - f(x_i)|` of data that the
    model was not trained on, the interval of a target is

        [f(x) - q, f(x) + q],    q = the ceil((n + 1) coverage)-th smallest residual.

    If the data and the request are exchangeable, it covers the target with at least that
    probability, whatever the model and the distribution. This holds on average over requests, for
    each target by itself; the width is the same for all rows.

    Args:
        coverage: The probability, such as 0.9.
        data: A pair: features by input name, or of the one input; and targets of shape `(n,)` or
            `(n, targets)`. Use neither the training data nor the data of `Checks`, on which the
            coverage is checked.

    Raises:
        TypeError: If `data` is not such a pair.
        ValueError: If `coverage` is not between 0 and 1.

    Example: The largest of 9 residuals covers a new target in 9 of 10 cases.

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((1,), name="x"), keras.layers.Dense(1, name="y")])
    >>> model.set_weights([np.ones((1, 1)), np.zeros(1)])
    >>> x = np.ones((9, 1))
    >>> intervals = exports.Intervals(0.9, data=({"x": x}, x[:, 0] + np.arange(9)))
    >>> directory = tempfile.mkdtemp()
    >>> published = exports.export(model, directory, task="regression", intervals=intervals)
    >>> exports.load(directory).predict([[2.0]])["intervals"].tolist()
    [[[-6.0, 10.0]]]

    Reference: Vovk et al., Algorithmic Learning in a Random World, 2005; Lei et al.,
        Distribution-Free Predictive Inference for Regression, 2018,
        https://arxiv.org/abs/1604.04173
    """

    coverage: float = 0.9
    data: tuple[Any, Any] | None = None

    def __post_init__(self):
        check_number("coverage", self.coverage, "(0, 1)")
        check_pair(self.data)

    def fit(
        self, head: RegressionHead, features: Arrays, values: Callable[[Arrays], np.ndarray]
    ) -> RegressionHead:
        """Return a head with the intervals for a model that gives `values` of `features`.

        Raises:
            ExportError: If there are too few rows for the coverage.
        """
        given: Any = self.data
        targets = real_targets("intervals", given[1], len(head.names))
        rows = len(targets)
        if any(len(array) != rows for array in features.values()):
            sizes = {name: len(array) for name, array in features.items()}
            raise ValueError(
                "`intervals` must have as many targets as rows of each input. "
                f"Received: {rows} targets and rows {sizes}"
            )
        rank = conformal_rank(rows, self.coverage)
        if rank > rows:
            needed = next(n for n in range(rows, 10**9) if conformal_rank(n, self.coverage) <= n)
            raise ExportError(
                f"`intervals` must have at least {needed} rows for a coverage of "
                f"{self.coverage:g}. Received: {rows} rows"
            )
        residuals = np.abs(targets - values(features).astype("float64"))
        widths = np.sort(residuals, axis=0)[rank - 1]
        return dataclasses.replace(
            head,
            coverage=float(self.coverage),
            half_widths=tuple(widths.tolist()),
            calibration_rows=rows,
        )
