"""`corruption_accuracy`: the accuracy of a classifier under common corruptions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from ...core.checks import check_integer, check_one_of, message
from ...core.text_table import table
from ..training.run import Run, model_of
from .corruptions import SEVERITIES, corrupt, list_corruptions

_BATCH = 512


@dataclass(frozen=True, eq=False)
class CorruptionAccuracy:
    """The accuracy of a classifier by kind and severity of a corruption.

    Args:
        kinds: The kinds of corruption, in the order of the rows.
        severities: The severities, in the order of the columns.
        accuracies: The accuracy for each of them, `(kinds, severities)`.
        clean: The accuracy without corruption.
    """

    kinds: tuple[str, ...]
    severities: tuple[int, ...]
    accuracies: np.ndarray = field(repr=False)
    clean: float

    @property
    def mean(self) -> float:
        """The mean over all kinds and severities."""
        return float(self.accuracies.mean())

    @property
    def by_kind(self) -> dict[str, float]:
        """The mean over the severities of each kind."""
        means = self.accuracies.mean(axis=1).tolist()
        return dict(zip(self.kinds, means, strict=True))

    def __str__(self) -> str:
        rows = [
            (kind, *values.tolist(), mean)
            for (kind, mean), values in zip(self.by_kind.items(), self.accuracies, strict=True)
        ]
        means = [*self.accuracies.mean(axis=0).tolist(), self.mean]
        head = (f"clean {self.clean:.3f}", *map(str, self.severities), "mean")
        return table(head, [*rows, ("mean", *means)])


def corruption_accuracy(
    model: keras.Model | Run,
    x: Any,
    y: Any,
    *,
    kinds: Sequence[str] | str | None = None,
    severities: Sequence[int] = SEVERITIES,
    bounds: Any = None,
    seed: int = 0,
) -> CorruptionAccuracy:
    """Return the accuracy of a classifier on samples with common corruptions.

    The mean is that of all kinds and severities. It is not divided by the errors of a reference
    model, as the mCE of ImageNet-C is by those of AlexNet, because there is none for other data.

    Args:
        model: A Keras model with the output `(batch, classes)`, logits or probabilities, or a
            finished `zoo.Run` with such a model.
        x: Samples with standardized features: rows of a table, series or images; see `corrupt`.
        y: Their class ids `(n,)`.
        kinds: The kinds of corruption, or one of them; by default all that suit the rank of `x`.
        severities: The severities, 1 to 5.
        bounds, seed: As in `corrupt`.

    Raises:
        TypeError: If `model` is neither a Keras model nor a run.
        ValueError: If its output or the samples have another shape, or an argument is out of range.

    Example: the sign of the first column, whose offset is below the margin of 0.5 up to severity 2.

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.layers[0].set_weights([np.array([[0.0, 2.0]])])
    >>> x, y = [[0.5], [-0.5]], [1, 0]
    >>> print(corruption_accuracy(model, x, y, kinds=["offset"]))
    clean 1.000      1      2      3      4      5   mean
    offset       1.000  1.000  0.500  0.500  0.500  0.700
    mean         1.000  1.000  0.500  0.500  0.500  0.700

    Reference: Hendrycks & Dietterich, Benchmarking Neural Network Robustness to Common Corruptions
    and Perturbations, 2019, https://arxiv.org/abs/1903.12261
    """
    model = model_of(model)
    x, y = np.asarray(x), np.asarray(y)
    possible = list_corruptions(x.ndim)
    kinds = possible if kinds is None else (kinds,) if isinstance(kinds, str) else tuple(kinds)
    severities = tuple(severities)
    for kind in kinds:
        check_one_of("kinds", kind, possible)
    for severity in severities:
        check_integer("severities", severity, 1, 5)
    if not kinds or not severities:
        name = "severities" if kinds else "kinds"
        raise ValueError(message(name, (), "at least one"))
    if y.shape != (len(x),) or y.dtype.kind not in "iu":
        expected = f"integer class ids of shape ({len(x)},)"
        raise ValueError(message("y", f"{y.dtype} of {y.shape}", expected))

    def accuracy(features: np.ndarray) -> float:
        outputs = np.asarray(model.predict(features, batch_size=_BATCH, verbose=0))
        if outputs.ndim != 2 or outputs.shape[1] < 2:
            expected = "a classifier with the output (batch, classes) and at least 2 classes"
            raise ValueError(message("model", outputs.shape, expected))
        if y.min() < 0 or y.max() >= outputs.shape[1]:
            expected = f"class ids from 0 to {outputs.shape[1] - 1}"
            raise ValueError(message("y", (int(y.min()), int(y.max())), expected))
        return float(np.mean(outputs.argmax(axis=1) == y))

    if x.dtype.kind not in "biuf":
        raise ValueError(message("x", x, "finite numbers"))
    clean = accuracy(x.astype("float32"))
    accuracies = [
        [accuracy(corrupt(x, kind, level, seed, bounds=bounds)) for level in severities]
        for kind in kinds
    ]
    return CorruptionAccuracy(kinds, severities, np.array(accuracies), clean)
