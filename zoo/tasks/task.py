"""`Task`: what a target is, stated once; loss, metrics, head and baseline follow from it."""

import abc
import contextlib
import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import keras
import numpy as np

from ...core.checks import check_one_of


class DataError(ValueError):
    """An error in the data; the message names the source, the field and the fault."""


def target_array(targets: Any) -> np.ndarray:
    """Return targets as an array; numbers that are Python objects get a type of NumPy's.

    >>> target_array(np.array([1, 2, 10], object)).dtype
    dtype('int64')
    """
    array = np.asarray(targets)
    numeric = (numbers.Number, np.bool_)  # a decimal.Decimal is a Number
    if array.dtype != object or not all(isinstance(value, numeric) for value in array.flat):
        return array
    array = np.array(array.tolist())
    return array.astype("float64") if array.dtype == object else array


def strings(values: np.ndarray, field: str, what: str) -> np.ndarray:
    """Return strings, or bytes in UTF-8, as an array of `str` objects.

    Raises:
        DataError: If a value is something else; `what` the values are is for the message.
    """
    texts = np.empty(len(values), object)
    for position, value in enumerate(values.tolist()):
        with contextlib.suppress(UnicodeDecodeError):
            texts[position] = value.decode() if isinstance(value, bytes) else value
        if not isinstance(texts[position], str):
            raise DataError(
                f"{field}: {what} must be strings, or bytes in UTF-8. "
                f"Received: {value!r} at {position}."
            )
    return texts


@dataclass(frozen=True)
class Task(abc.ABC):
    """The meaning of targets: `Classification`, `Multilabel`, `Regression`, or `Given` if unknown.

    The encoded targets `y` are an array of one row (or one number) for each sample, as the loss
    takes them. The outputs of a model are `(samples, units)`.

    Args:
        names: The name of each class, label or target, in the order of the units.

    Attributes:
        kind: "classification", "multilabel", "regression" or "given".
        scores_up: The names of the scores to maximize; the others are to minimize.
        metric: The name of the first metric of `metrics`; it is shown beside the loss.
        head_name: The name of the last dense layer of a zoo model.
    """

    names: tuple[str, ...]

    kind: ClassVar[str]
    scores_up: ClassVar[tuple[str, ...]]
    head_name: ClassVar[str] = "logits"
    metric: ClassVar[str]

    def __init_subclass__(cls) -> None:
        TASKS[cls.kind] = cls

    @property
    def units(self) -> int:
        """The number of outputs of a model."""
        return len(self.names)

    @classmethod
    @abc.abstractmethod
    def fit(cls, targets: np.ndarray, field: str, names: Sequence[str] | None = None) -> Self:
        """Return the task of the targets of a training part.

        Args:
            targets: The targets as they were given.
            field: The source of the targets, for error messages.
            names: The names of the columns of `targets`, if they have names.

        Raises:
            DataError: If the targets do not suit the task.
        """

    def refit(self, encoded: np.ndarray) -> Self:
        """Return the task with all statistics of the encoded targets of the training part."""
        return self

    @abc.abstractmethod
    def encode(self, targets: np.ndarray, field: str) -> np.ndarray:
        """Return targets as the loss takes them; raise a `DataError` if they do not suit."""

    @abc.abstractmethod
    def decode(self, encoded: np.ndarray) -> np.ndarray:
        """Return encoded targets as names or numbers that `fit` and `encode` take."""

    @abc.abstractmethod
    def strata(self, encoded: np.ndarray) -> np.ndarray | None:
        """Return the group `(samples,)` of each sample for stratified splits, or `None`."""

    def outputs(self, head: Any) -> Any:
        """Return the outputs of a zoo model for those of its last dense layer."""
        return head

    @abc.abstractmethod
    def loss(self) -> keras.losses.Loss:
        """Return the loss of the outputs of a zoo model."""

    @abc.abstractmethod
    def metrics(self) -> list[keras.metrics.Metric]:
        """Return the metrics to log after each epoch, without sample weights."""

    @abc.abstractmethod
    def scores(self, y: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
        """Return the figures of `result.json` for encoded targets and the outputs of a model."""

    @abc.abstractmethod
    def baseline(self, y: np.ndarray) -> np.ndarray:
        """Return the outputs `(units,)` of the best constant model."""

    @abc.abstractmethod
    def baseline_loss(self, y: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """Return the data loss of the best constant model."""

    @abc.abstractmethod
    def summary(self, parts: Mapping[str, np.ndarray]) -> list[tuple[Any, ...]]:
        """Return the rows of a table, the head first, that describes the targets of each part."""

    def to_dict(self) -> dict[str, Any]:
        """Return the task as JSON values."""
        return {"kind": self.kind, **{n: list(v) for n, v in dataclasses.asdict(self).items()}}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Task":
        """Create a task from the output of `to_dict`, also after a round trip through JSON."""
        check_one_of("kind", values["kind"], tuple(TASKS))
        fields = {name: tuple(value) for name, value in values.items() if name != "kind"}
        return TASKS[values["kind"]](**fields)


TASKS: dict[str, type[Task]] = {}
