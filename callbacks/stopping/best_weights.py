"""A copy of the weights of a model, or of their averages in the optimizer."""

from typing import Any

import keras
import numpy as np

from ..model_state import optimizers_in
from ..variables import copies, copy_of


class BestWeights:
    """The final weights of a `fit` that ended with the best epoch.

    If the optimizer has `use_ema`, `fit` ends with its averages. At the end of an epoch they are in
    the optimizer, or in the model if `keras.callbacks.SwapEMAWeights` has swapped them. The next
    epoch shows which, as it begins with the raw weights.
    """

    def __init__(self):
        self.weights: Any = None
        self.averages: dict[int, np.ndarray] = {}  # in the optimizer, by the index of the weight
        self.swapped: bool | None = None  # True: epochs end with the averages in the model
        self._pair: tuple[int, np.ndarray, np.ndarray] | None = None

    def keep(self, model: Any) -> bool:
        """Copy the weights of a model if they are finite, and return whether they are."""
        # A stand-in for a model only has to get and set its weights.
        keras_model = isinstance(model, keras.Model)
        weights = copies(model.weights) if keras_model else model.get_weights()
        averages = {i: copy_of(a) for i, a in _averages(model)}
        if not are_finite([weights, averages]):
            return False
        self.weights, self.averages = weights, averages
        return True

    def end_epoch(self, model: Any) -> None:
        """Note a weight and an average that differ, until the next epoch shows which is which."""
        self._pair = None
        if self.swapped is None:
            pairs = ((i, copy_of(model.weights[i]), copy_of(a)) for i, a in _averages(model))
            self._pair = next((p for p in pairs if not np.array_equal(p[1], p[2])), None)

    @property
    def undecided(self) -> bool:
        """Whether `begin_epoch` must be called in the next epoch."""
        return self._pair is not None

    def begin_epoch(self, model: Any) -> None:
        """Find out which is the average, before the first step changes the raw weights."""
        if self._pair is not None:
            index, in_model, in_optimizer = self._pair
            raw = copy_of(model.weights[index])
            self.swapped = _distance(raw, in_optimizer) < _distance(raw, in_model)
            self._pair = None

    def restore(self, model: Any) -> None:
        """Assign the kept weights to the model."""
        if self.averages and not self.swapped:
            self.weights = [self.averages.get(i, w) for i, w in enumerate(self.weights)]
        model.set_weights(self.weights)

    def get_state(self) -> dict[str, Any]:
        return {
            "weights": self.weights,
            "indices": list(self.averages),
            "averages": list(self.averages.values()),
            "swapped": self.swapped,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self.weights = state["weights"]
        self.averages = dict(zip(state["indices"], state["averages"], strict=True))
        self.swapped = state["swapped"]


def are_finite(weights: Any) -> bool:
    """Return whether no weight is NaN or infinite."""
    return all(bool(np.isfinite(w).all()) for w in keras.tree.flatten(weights))


def _averages(model: Any) -> list[tuple[int, Any]]:
    """Return the averages in the optimizer, each with the index of its weight."""
    optimizers = optimizers_in(getattr(model, "optimizer", None))  # before `compile` it has none
    averaging = [o for o in optimizers if o.use_ema and o.built]
    if not averaging:
        return []
    index = {id(w): i for i, w in enumerate(model.weights)}
    weights = [w for o in averaging for w in o._trainable_variables]
    averages = [a for o in averaging for a in o._model_variables_moving_average]
    pairs = zip(weights, averages, strict=True)
    return [(index[id(w)], a) for w, a in pairs if a is not None and id(w) in index]


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype("float64") - b.astype("float64")).max())
