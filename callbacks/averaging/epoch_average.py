"""`EpochAverage`: the mean of the weights at the ends of epochs."""

from typing import Any

import numpy as np

from ..weight_copies import copies

__all__ = ["EpochAverage"]


class EpochAverage:
    """The mean of the values that variables have had, each with the same weight, in float64.

    Args:
        variables: of a model.

    Attributes:
        count: how many values are in the mean.

    >>> import keras
    >>> weight = keras.Variable([1.0, 2.0])
    >>> mean = EpochAverage([weight])
    >>> mean.collect()
    >>> _ = weight.assign([2.0, 4.0])
    >>> mean.collect()
    >>> mean.count, mean.values()[0].tolist()
    (2, [1.5, 3.0])
    """

    def __init__(self, variables: list[Any]):
        self.variables = variables
        self.begin()

    def begin(self) -> None:
        """Starts anew."""
        self.count = 0
        self._sums = [np.zeros(tuple(variable.shape)) for variable in self.variables]

    def collect(self) -> None:
        """Adds the values that the variables have now."""
        self._sums = [s + v for s, v in zip(self._sums, copies(self.variables), strict=True)]
        self.count += 1

    def values(self) -> list[np.ndarray]:
        """The means."""
        return [total / self.count for total in self._sums]

    def get_state(self) -> dict[str, Any]:
        """What it takes to go on."""
        return {"count": self.count, "averages": self._sums}

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`."""
        self.count, self._sums = state["count"], list(state["averages"])
