"""`Head`: the task of an export; its answers, and how gates compare and judge them."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from ..checks import Checks

Arrays = Mapping[str, np.ndarray]
Tensors = Mapping[str, tf.Tensor]


class Agreement(NamedTuple):
    """How far an approximate format agrees with the model."""

    figures: dict[str, float]
    found: str  # the figures in words
    required: str  # the limits in words
    passed: bool


@dataclass(frozen=True)
class Head(abc.ABC):
    """The task of an export. It needs no Keras, and is stored with each version as JSON.

    Args:
        names: The name of each class, label, target or output.

    Attributes:
        task: "classification", "multilabel", "regression" or "outputs".
        title: What the names are, for people.
        noun: What the model is, for people.
        text_answers: The names of the answers of `text`.
    """

    names: tuple[str, ...]

    task: ClassVar[str]
    title: ClassVar[str]
    noun: ClassVar[str]
    text_answers: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        HEADS[cls.task] = cls

    @abc.abstractmethod
    def numbers(self, outputs: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the answers without text for the outputs of the model, flat, to be traced."""

    def text(self, numbers: Tensors) -> dict[str, tf.Tensor]:
        """Return the answers that are text, from the others, to be traced."""
        return {}

    def answers(self, outputs: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the answers of `serving_default` for the outputs of the model, flat."""
        numbers = self.numbers(outputs)
        return {**numbers, **self.text(numbers)}

    def logits(self, outputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return the float32 logits `(n, names)` behind the outputs of the model."""
        raise NotImplementedError(f"The task {self.task!r} has no logits.")

    def uncertainty(self, passes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return mean and spread of outputs `(n, passes, units)` with dropout left on."""
        raise NotImplementedError(f"The task {self.task!r} has no uncertainty.")

    def limit(self, answers: Arrays, name: str, relative: float) -> Any:
        """Return how far the answer `name` may be from that in `answers`, to broadcast with it.

        By default `relative` times the largest value of the answer, or 1 if that is larger.
        """
        array = answers[name]
        return relative * float(np.abs(array[np.isfinite(array)]).max(initial=1.0))

    def unclear(self, answers: Arrays, relative: float) -> dict[str, np.ndarray]:
        """Return by name the rows `(n,)` whose answers other than floats may differ by rounding."""
        return {}

    @abc.abstractmethod
    def problem(self, answers: Arrays) -> str | None:
        """Say why the answers of the model cannot be served, or return None."""

    @abc.abstractmethod
    def targets(self, data: Any) -> np.ndarray:
        """Return the targets in `Checks.data` as an array; raise if they do not fit the task."""

    @abc.abstractmethod
    def scores(self, answers: Arrays, targets: np.ndarray) -> dict[str, float]:
        """Return the figures that the gate `metric` records."""

    def compares_with(self, other: "Head") -> bool:
        """Return whether scores on the same targets compare with those of another head."""
        return self.task == other.task

    @abc.abstractmethod
    def drops(self, checks: "Checks") -> dict[str, float]:
        """Return the largest accepted drop of each judged score."""

    @abc.abstractmethod
    def agreement(
        self, answers: Arrays, right: Arrays, targets: np.ndarray, checks: "Checks"
    ) -> Agreement:
        """Compare the answers of an approximate format with the model's."""

    def coverage_of(
        self, answers: Arrays, targets: np.ndarray
    ) -> tuple[dict[str, float], int] | None:
        """Return the share of each target in its interval or set, and the least accepted count."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return the head as JSON values."""
        return {"task": self.task, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Create a head from the output of `to_dict`, also after a round trip through JSON."""
        fields = {field.name for field in dataclasses.fields(cls)}
        known = {name: value for name, value in values.items() if name in fields}
        return cls(**{n: tuple(v) if isinstance(v, list) else v for n, v in known.items()})


HEADS: dict[str, type[Head]] = {}


def count_chosen(chosen: tf.Tensor) -> tf.Tensor:
    """Return the number of chosen names of each row as int64, from bool `(n, names)`."""
    return tf.reduce_sum(tf.cast(chosen, tf.int64), axis=-1)


def chosen_names(names: Sequence[str], chosen: tf.Tensor) -> tf.Tensor:
    """Return the chosen names of each row, in order and padded with "", from bool `(n, names)`."""
    # A stable sort moves the chosen names to the front.
    order = tf.argsort(tf.cast(~chosen, tf.int32), axis=-1, stable=True)
    inside = tf.range(len(names), dtype=tf.int64) < count_chosen(chosen)[:, None]
    return tf.where(inside, tf.gather(tf.constant(names), order), "")


def head_from_dict(values: Mapping[str, Any]) -> Head:
    """Return the head of a version; raise a `KeyError` for an unknown task."""
    return HEADS[values["task"]].from_dict(values)
