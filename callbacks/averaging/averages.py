"""Two averages of weights: exponential over updates, and the mean over epochs."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from ..model_state import updating_optimizers
from ..training_hook import TrainingHook
from ..variables import Weights, copies

_SMALL = 2**16  # elements


class RunningAverage(TrainingHook):
    """The exponential average of `WeightAverage`, in the graph of each training step.

    Steps without an update, as with gradient accumulation or loss scaling, do not count. Averages
    are kept in float32 or better: in half precision they would stand still. Small variables share a
    vector, as many small operations would slow down each step.
    """

    order = 1  # after hooks that change the weights

    def __init__(self, model: keras.Model, variables: list[Any], decay: float, warmup: bool):
        self.watched = []  # an average needs the weights after the whole step only
        self._optimizers = updating_optimizers(model)
        self.variables = variables
        self.decay = decay
        self.warmup = warmup
        self.groups = _groups(variables)
        self._places = _places(self.groups, variables)
        self.averages = [
            keras.Variable(_joined(copies(group)), trainable=False, name="average")
            for group in self.groups
        ]
        self._vectors = Weights(self.averages)
        self.count, self._seen = (
            keras.Variable(0, dtype="int32", trainable=False, name=name)
            for name in ("updates", "seen")
        )
        self.state = [self.count, self._seen, *self.averages]

    def begin(self) -> None:
        self._vectors.assign([_joined(copies(group)) for group in self.groups])
        self.count.assign(0)

    def resume(self) -> None:
        """Ignore the updates so far, as the optimizer may have been restored."""
        self._seen.assign(int(self._updates()))

    def values(self) -> list[np.ndarray]:
        vectors = self._vectors.arrays()
        return [vectors[group][part].reshape(shape) for group, part, shape in self._places]

    def get_state(self) -> dict[str, Any]:
        return {"count": int(self.count), "averages": self._vectors.arrays()}

    def set_state(self, state: dict[str, Any]) -> None:
        self.count.assign(state["count"])
        self._vectors.assign(state["averages"])

    def _updates(self) -> Any:
        # Updates by several optimizers in one step count once, see `after_step`.
        iterations = (ops.convert_to_tensor(part.iterations) for part in self._optimizers)
        counts: list[Any] = [ops.cast(count, "int32") for count in iterations]
        return sum(counts)

    def after_step(self):
        updates = self._updates()
        updated = ops.convert_to_tensor(self._seen) != updates
        t = ops.cast(ops.convert_to_tensor(self.count), "float32")
        # 1 - d, without the rounding of d
        step = ops.maximum(1 - self.decay, 9 / (10 + t)) if self.warmup else 1 - self.decay
        step = ops.where(updated, step, 0.0)
        for average, group in zip(self.averages, self.groups, strict=True):
            parts = [ops.cast(ops.convert_to_tensor(v), average.dtype) for v in group]
            value = ops.concatenate([ops.reshape(part, (-1,)) for part in parts])
            moved = value - ops.convert_to_tensor(average)
            average.assign_add(ops.cast(step, average.dtype) * moved)
        self.count.assign_add(ops.cast(updated, "int32"))
        self._seen.assign(updates)


class EpochAverage:
    """The mean of the values that variables had at the ends of epochs, in float64."""

    def __init__(self, variables: list[Any]):
        self.variables = variables
        self.begin()

    def begin(self) -> None:
        self.count = 0
        self._sums = [np.zeros(tuple(variable.shape)) for variable in self.variables]

    def collect(self) -> None:
        self._sums = [s + v for s, v in zip(self._sums, copies(self.variables), strict=True)]
        self.count += 1

    def values(self) -> list[np.ndarray]:
        return [total / self.count for total in self._sums]

    def get_state(self) -> dict[str, Any]:
        return {"count": self.count, "averages": self._sums}

    def set_state(self, state: dict[str, Any]) -> None:
        self.count, self._sums = state["count"], list(state["averages"])


def _groups(variables: list[Any]) -> list[list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for variable in variables:
        small = math.prod(variable.shape) < _SMALL
        groups.setdefault(_precise(variable.dtype) if small else id(variable), []).append(variable)
    return list(groups.values())


def _places(groups: list[list[Any]], variables: list[Any]) -> list[tuple[int, slice, Any]]:
    """Return the group of each variable, its slice of the vector, and its shape."""
    places = {}
    for number, group in enumerate(groups):
        end = 0
        for variable in group:
            begin, end = end, end + math.prod(variable.shape)
            places[id(variable)] = number, slice(begin, end), tuple(variable.shape)
    return [places[id(variable)] for variable in variables]


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([array.astype(_precise(array.dtype.name)).ravel() for array in arrays])


def _precise(dtype: str) -> str:
    return "float64" if dtype == "float64" else "float32"
