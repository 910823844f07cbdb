"""`BestWeights`: a copy of a model's weights, averaged if the optimizer averages them."""

from typing import Any

import keras
import numpy as np

from ..training_hook import optimizers_in
from ..weight_copies import copies, copy_of

__all__ = ["BestWeights", "are_finite"]


class BestWeights:
    """The weights with which `fit` would have ended if an epoch had been the last.

    These are the ones in the model at the end of the epoch, except with an optimizer that has
    `use_ema`: `fit` then ends with the optimizer's averages, which stand in the optimizer during
    the training, or in the model while `keras.callbacks.SwapEMAWeights` has swapped them there.
    Which of the two is the average shows when the next epoch begins, always with the raw weights.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    >>> kept = BestWeights()
    >>> kept.keep(model)
    True
    >>> model.set_weights([np.array([[7.0]])])
    >>> kept.restore(model)
    >>> bool(model.get_weights()[0] == 7.0)
    False
    """

    def __init__(self):
        self.weights: Any = None
        self.averages: dict[int, np.ndarray] = {}  # those of the optimizer, by the weight's index
        self.swapped: bool | None = None  # whether epochs end with the averages in the model
        self._pair: tuple[int, np.ndarray, np.ndarray] | None = None

    def keep(self, model: Any) -> bool:
        """Copies the weights of the model, unless one is NaN or infinite; whether it did."""
        # What stands in for a model has only to give and to take its weights.
        keras_model = isinstance(model, keras.Model)
        weights = copies(model.weights) if keras_model else model.get_weights()
        averages = {i: copy_of(a) for i, a in _averages(model)}
        if not are_finite([weights, averages]):
            return False
        self.weights, self.averages = weights, averages
        return True

    def end_epoch(self, model: Any) -> None:
        """Notes a weight and its average, if they differ, until it shows which is which."""
        self._pair = None
        if self.swapped is None:
            pairs = ((i, copy_of(model.weights[i]), copy_of(a)) for i, a in _averages(model))
            self._pair = next((p for p in pairs if not np.array_equal(p[1], p[2])), None)

    @property
    def undecided(self) -> bool:
        """Whether `begin_epoch` has to see the next epoch."""
        return self._pair is not None

    def begin_epoch(self, model: Any) -> None:
        """Called with the raw weights in the model, before the first step."""
        if self._pair is not None:
            index, in_model, in_optimizer = self._pair
            raw = copy_of(model.weights[index])
            self.swapped = _distance(raw, in_optimizer) < _distance(raw, in_model)
            self._pair = None

    def restore(self, model: Any) -> None:
        """Puts what was kept into the model."""
        if self.averages and not self.swapped:
            self.weights = [self.averages.get(i, w) for i, w in enumerate(self.weights)]
        model.set_weights(self.weights)

    def get_state(self) -> dict[str, Any]:
        """What a resumed training needs to go on: JSON and lists of arrays."""
        return {
            "weights": self.weights,
            "indices": list(self.averages),
            "averages": list(self.averages.values()),
            "swapped": self.swapped,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`."""
        self.weights = state["weights"]
        self.averages = dict(zip(state["indices"], state["averages"], strict=True))
        self.swapped = state["swapped"]


def are_finite(weights: Any) -> bool:
    """Whether no weight is NaN or infinite.

    >>> are_finite([np.zeros(2), np.array([np.nan])])
    False
    """
    return all(bool(np.isfinite(w).all()) for w in keras.tree.flatten(weights))


def _averages(model: Any) -> list[tuple[int, Any]]:
    """The optimizer's averages, each with the index of its weight."""
    optimizers = optimizers_in(getattr(model, "optimizer", None))  # before `compile` it has none
    averaging = [o for o in optimizers if o.use_ema and o.built]
    if not averaging:
        return []
    index = {id(w): i for i, w in enumerate(model.weights)}
    return [
        (index[id(w)], average)
        for o in averaging
        for w, average in zip(
            o._trainable_variables, o._model_variables_moving_average, strict=True
        )
        if average is not None and id(w) in index
    ]


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype("float64") - b.astype("float64")).max())
