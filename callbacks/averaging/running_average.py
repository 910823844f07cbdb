"""`RunningAverage`: an exponential average of weights, in the graph of the training step."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from ..training_hook import TrainingHook, parts_of
from ..weight_copies import Weights, copies

__all__ = ["RunningAverage"]

_SMALL = 2**16  # elements


class RunningAverage(TrainingHook):
    """Follows variables of a model after each update of the optimizer.

        a <- a + (1 - d) * (w - a),    d = min(decay, (1 + t) / (10 + t)) in the t-th update, from 0

    or `d = decay` without warm-up. Steps that are no updates, of gradient accumulation or of loss
    scaling, are none here either. Averages are kept in float32 or better: in half precision they
    would stand still.

    Args:
        model: compiled.
        variables: of the model.
        decay: in [0, 1).
        warmup: whether `d` grows from 0.1.

    Attributes:
        groups: the variables whose averages are one vector: the small ones together, of which a
            step would spend its time on many small operations, and each large one alone.
        averages: such a vector of each group.
        count: a variable, the number of updates in the averages.
    """

    order = 1  # after what changes the weights once more

    def __init__(self, model: keras.Model, variables: list[Any], decay: float, warmup: bool):
        self.watched = []  # an average is of all that happens in a step
        self._optimizers = parts_of(model)
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
        """Starts anew from the weights as they are."""
        self._vectors.assign([_joined(copies(group)) for group in self.groups])
        self.count.assign(0)

    def resume(self) -> None:
        """Takes the optimizer's count of updates as it is now, after whatever was restored."""
        self._seen.assign(int(self._updates()))

    def values(self) -> list[np.ndarray]:
        """The averages as arrays, in the order of `variables`."""
        vectors = self._vectors.arrays()
        return [vectors[group][part].reshape(shape) for group, part, shape in self._places]

    def get_state(self) -> dict[str, Any]:
        """What it takes to go on."""
        return {"count": int(self.count), "averages": self._vectors.arrays()}

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`."""
        self.count.assign(state["count"])
        self._vectors.assign(state["averages"])

    def _updates(self) -> Any:
        # Of all optimizers: a step in which several of them make an update is one update.
        counts: list[Any] = [
            ops.cast(ops.convert_to_tensor(part.iterations), "int32") for part in self._optimizers
        ]
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


def _groups(variables: list[Any]) -> list[list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for variable in variables:
        small = math.prod(variable.shape) < _SMALL
        groups.setdefault(_precise(variable.dtype) if small else id(variable), []).append(variable)
    return list(groups.values())


def _places(
    groups: list[list[Any]], variables: list[Any]
) -> list[tuple[int, slice, tuple[int, ...]]]:
    """Where the average of each variable stands: which group, which part of it, and its shape."""
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
