"""`LiveWeightDecay`: the weight decay of a Keras optimizer, as a variable."""

from contextlib import nullcontext
from typing import Any
from weakref import WeakSet

import keras

from ..training_hook import swapped

__all__ = ["LiveWeightDecay"]

_PLACE = "_occam_weight_decay"


class LiveWeightDecay:
    """Lets an optimizer's traced update read its weight decay from a variable.

    `optimizer.weight_decay` stays the float that it is, so that the optimizer is saved as ever, and
    its variables stay the same; only while the update is traced, a variable stands in its place.
    What is traced stays right without this object: the variable keeps its last value, which is
    also the float's.

    Args:
        optimizer: with a weight decay.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer):
        self.optimizer = optimizer
        self._value = float(optimizer.weight_decay)
        self._weight_decay = keras.Variable(
            self._value, name="weight_decay", dtype="float32", trainable=False
        )
        self._traced_live = WeakSet()
        self._apply = optimizer._apply_weight_decay
        optimizer.__dict__["_apply_weight_decay"] = self

    @classmethod
    def of(cls, optimizer: Any) -> "LiveWeightDecay | None":
        """That of `optimizer`, made at the first call; `None` if it has no weight decay."""
        if optimizer.weight_decay is None:
            return None
        if _PLACE not in optimizer.__dict__:
            optimizer.__dict__[_PLACE] = cls(optimizer)  # past Keras' tracking of attributes
        return optimizer.__dict__[_PLACE]

    @property
    def weight_decay(self) -> float:
        return self.optimizer.weight_decay

    @weight_decay.setter
    def weight_decay(self, value: float):
        if value < 0:
            raise ValueError(f"`weight_decay` must be >= 0. Received: weight_decay={value!r}")
        self._weight_decay.assign(value)
        self._value = self.optimizer.weight_decay = float(value)

    def __call__(self, variables):
        """`optimizer._apply_weight_decay`, with the variable for the float."""
        if self.optimizer.weight_decay == self._value:
            decay = swapped(self.optimizer, weight_decay=self._weight_decay)
        else:  # assigned by somebody else, who means to have it baked in as Keras does
            self._traced_live.clear()
            decay = nullcontext()
        with decay:
            self._apply(variables)

    def prepare(self, model: keras.Model) -> None:
        """Has the training step of `model` made anew, if it may have been traced without this."""
        self.weight_decay = self.optimizer.weight_decay
        if model.train_function not in self._traced_live:
            model.make_train_function(force=True)
            self._traced_live.add(model.train_function)
