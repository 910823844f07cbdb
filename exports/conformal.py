"""`Intervals` and `PredictionSets`: the data for split conformal answers."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.checks import check_number
from .errors import ExportError
from .heads import Arrays, ClassificationHead, RegressionHead
from .heads.conformal import conformal_rank, rows_needed
from .heads.regression import real_targets
from .specs import check_pair

_ROUNDING = 1e-5  # of a probability in float32, as in the gate `parity`

Predict = Callable[[Arrays], Arrays]  # from features to answers, both by name


@dataclass(frozen=True)
class _Conformal:
    """A request for answers that contain new targets with a stated probability."""

    coverage: float = 0.9
    data: tuple[Any, Any] | None = None

    def __post_init__(self):
        check_number("coverage", self.coverage, "(0, 1)")
        check_pair(self.data)

    def _rank(self, name: str, features: Arrays, targets: np.ndarray) -> int:
        """Return the rank of the threshold; raise if there are too few rows."""
        rows = len(targets)
        if any(len(array) != rows for array in features.values()):
            sizes = {name: len(array) for name, array in features.items()}
            raise ValueError(
                f"`{name}` must have as many targets as rows of each input. "
                f"Received: {rows} targets and rows {sizes}"
            )
        rank = conformal_rank(rows, self.coverage)
        if rank > rows:
            raise ExportError(
                f"`{name}` must have at least {rows_needed(self.coverage)} rows for a coverage of "
                f"{self.coverage:g}. Received: {rows} rows"
            )
        return rank


@dataclass(frozen=True)
class Intervals(_Conformal):
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

    def fit(self, head: RegressionHead, features: Arrays, predict: Predict) -> RegressionHead:
        """Return a head with the intervals for a model that answers by `predict`.

        Raises:
            ExportError: If there are too few rows for the coverage.
        """
        given: Any = self.data
        targets = real_targets("intervals", given[1], len(head.names))
        rank = self._rank("intervals", features, targets)
        residuals = np.abs(targets - predict(features)["values"].astype("float64"))
        widths = np.sort(residuals, axis=0)[rank - 1]
        return dataclasses.replace(
            head,
            coverage=float(self.coverage),
            half_widths=tuple(widths.tolist()),
            calibration_rows=len(targets),
        )


@dataclass(frozen=True)
class PredictionSets(_Conformal):
    """A request for sets of classes that contain the true one with a stated probability.

    Split conformal prediction: with the n probabilities of the true classes of data that the model
    was not trained on, the set of a row is

        {k : p_k >= t},    t = the ceil((n + 1) coverage)-th largest of these probabilities.

    If the data and the request are exchangeable, it contains the true class with at least that
    probability, whatever the model and the distribution. This holds on average over requests and
    classes: easy rows are covered more often, hard ones less. Of all sets with this coverage they
    are the smallest on average, if the probabilities are right. A set may be empty. t is lowered by
    1e-5 of its value, so that rounding in another batch or format does not remove a class.

    They are the sets of `zoo.evaluation.prediction_sets`, with the method "lac".

    Args:
        coverage: The probability, such as 0.9.
        data: A pair: features by input name, or of the one input; and class ids or class names of
            shape `(n,)`. Use neither the training data nor the data of `Checks`, on which the
            coverage is checked.

    Raises:
        TypeError: If `data` is not such a pair.
        ValueError: If `coverage` is not between 0 and 1.

    Example: The smallest of 9 probabilities, 0.2, is reached by a new one in 9 of 10 cases.

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((3,), name="p"), keras.layers.Softmax()])
    >>> p = np.log([[0.7, 0.2, 0.1]] * 9)
    >>> sets = exports.PredictionSets(0.9, data=({"p": p}, [0, 0, 0, 0, 0, 0, 0, 0, 1]))
    >>> directory = tempfile.mkdtemp()
    >>> names = ["ant", "bee", "cat"]
    >>> published = exports.export(model, directory, class_names=names, prediction_sets=sets)
    >>> answer = exports.load(directory).predict(np.log([[0.5, 0.1, 0.4]]))
    >>> answer["prediction_set"].tolist(), answer["set_size"].tolist()
    ([['ant', 'cat', '']], [2])

    Reference: Sadinle et al., Least Ambiguous Set-Valued Classifiers with Bounded Error Levels,
        2019, https://arxiv.org/abs/1609.00451
    """

    def fit(
        self, head: ClassificationHead, features: Arrays, predict: Predict
    ) -> ClassificationHead:
        """Return a head with the sets for a model that answers by `predict`.

        Raises:
            ExportError: If there are too few rows for the coverage.
        """
        given: Any = self.data
        ids = head.class_ids(head.targets(given[1], "prediction_sets"))
        rank = self._rank("prediction_sets", features, ids)
        true = predict(features)["probabilities"][np.arange(len(ids)), ids]
        least = -np.sort(-true.astype("float64"))[rank - 1]
        return dataclasses.replace(
            head,
            coverage=float(self.coverage),
            least_probability=float(least * (1 - _ROUNDING)),
            calibration_rows=len(ids),
        )
