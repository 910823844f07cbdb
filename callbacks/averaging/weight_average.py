"""Average the weights during training, as the average often generalizes better."""

import copy
import warnings
from typing import Any

import keras
import numpy as np

from ...core.checks import check_bool, check_integer, check_number, check_one_of
from ..model_state import updating_optimizers
from ..training_hook import install, remove
from ..variables import Weights
from .averages import EpochAverage, RunningAverage
from .batch_norm_statistics import batch_norm_layers, check_data, reestimate_batch_norm


class WeightAverage(keras.callbacks.Callback):
    """Average the weights in training, validate the average, and leave it in the model.

    `method="ema"` is the exponential moving average, after each update of the optimizer:

        a <- a + (1 - d) * (w - a),    d = min(decay, (1 + t) / (10 + t)),    t = 0, 1, ...

    It is part of the graph and counts each update once, also with `steps_per_execution > 1` and
    gradient accumulation. The warm-up quickly forgets the initial weights. `method="swa"` is
    stochastic weight averaging: the mean of the weights at the ends of the epochs from
    `start_epoch` on, in the paper the last quarter, with a learning rate that stays high.

    The model has the average from validation (or the end of the epoch) until the next epoch begins,
    so validation and later callbacks, such as `EarlyStopping` and `ModelCheckpoint`, see it.
    Training then continues with exactly the raw weights. After `fit` the model has the average,
    unless a later `EarlyStopping` restores the best one. After an exception, `swapped` tells which;
    `swap_in` and `swap_out` switch between the two.

    The moving statistics of BatchNorm fit the raw weights, not their average. With `data`, each
    swap estimates them again, in one pass. Without, they are averaged like the weights.

    Args:
        method: "ema" or "swa".
        decay: Decay of the exponential average, in [0, 1).
        warmup: Whether the decay grows from 0.1, as above.
        start_epoch: First epoch to average, counted from 0.
        each_epoch: Whether to swap in each epoch. If `False`, the average is swapped in at the end
            of `fit` only; an `EarlyStopping` that restores the best raw weights must come before.
        data: Training data for the statistics of BatchNorm, as in `reestimate_batch_norm`, or
            `None` to average them.
        batch_size: Batch size for `data`, if it is arrays.

    Attributes:
        count: Number of updates ("ema") or epochs ("swa") in the average, logged as
            `average/count`.
        swapped: Whether the model has the averaged weights.

    Raises:
        ValueError: If an argument is out of range, if the data can be iterated only once, if the
            model is not built, or if its optimizer averages the weights, too (`use_ema=True`).

    Example:

    >>> x = np.random.default_rng(0).normal(size=(64, 3))
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> average = WeightAverage("swa", start_epoch=2)
    >>> _ = model.fit(x, x.sum(1), epochs=5, callbacks=[average], verbose=0)
    >>> average.count, average.swapped
    (3, True)

    Reference: Polyak & Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992,
    https://doi.org/10.1137/0330046; Izmailov et al., Averaging Weights Leads to Wider Optima and
    Better Generalization, 2018, https://arxiv.org/abs/1803.05407. The warm-up is that of
    `tf.train.ExponentialMovingAverage`.
    """

    def __init__(
        self,
        method: str = "ema",
        *,
        decay: float = 0.999,
        warmup: bool = True,
        start_epoch: int = 0,
        each_epoch: bool = True,
        data: Any = None,
        batch_size: int = 256,
    ):
        super().__init__()
        check_one_of("method", method, ("ema", "swa"))
        check_number("decay", decay, "[0, 1)")
        check_bool("warmup", warmup)
        check_integer("start_epoch", start_epoch, minimum=0)
        check_bool("each_epoch", each_epoch)
        check_integer("batch_size", batch_size, minimum=1)
        self.method = method
        self.decay = decay
        self.warmup = warmup
        self.start_epoch = start_epoch
        self.each_epoch = each_epoch
        self.data = None if data is None else check_data(data)
        self.batch_size = batch_size
        self._average: RunningAverage | EpochAverage | None = None
        self._weights = Weights([])  # the averaged variables
        self._raw: list[Any] | None = None
        self._in_fit = self._started = self._collected = False

    @property
    def count(self) -> int:
        return int(self._average.count) if self._average is not None and self._started else 0

    @property
    def swapped(self) -> bool:
        return self._raw is not None

    def set_model(self, model):
        super().set_model(model)
        self._in_fit = False  # this may be `evaluate` or `predict`, after an exception in `fit`

    def on_train_begin(self, logs=None):
        model = self.model
        if not model.built:
            raise ValueError(
                "WeightAverage needs a built model. Give it a keras.Input, or call it once before "
                f"`fit`. Received: model={model.name!r}"
            )
        if any(optimizer.use_ema for optimizer in updating_optimizers(model)):
            raise ValueError(
                "`use_ema` must be False for WeightAverage, as the optimizer would overwrite the "
                "weights at the end. Received: use_ema=True"
            )
        variables = _averaged(model)
        self._weights = Weights(variables)
        if self.method == "ema":
            self._average = RunningAverage(model, variables, self.decay, self.warmup)
            install(model, self._average)
        else:
            self._average = EpochAverage(variables)
        self._raw = None
        self._started = False
        self._in_fit = True

    def on_epoch_begin(self, epoch, logs=None):
        self.swap_out()
        self._collected = False
        if self._average is None:
            return
        if not self._started and epoch >= self.start_epoch:
            self._started = True
            self._average.begin()
        if isinstance(self._average, RunningAverage):
            self._average.resume()

    def on_test_begin(self, logs=None):
        if self._in_fit:
            self._end_epoch()

    def on_epoch_end(self, epoch, logs=None):
        self._end_epoch()
        if logs is not None:
            logs["average/count"] = float(self.count)

    def _end_epoch(self) -> None:
        if self._average is None or not self._started or self._collected:
            return
        self._collected = True
        if isinstance(self._average, EpochAverage):
            self._average.collect()
        if self.each_epoch:
            self.swap_in()

    def on_train_end(self, logs=None):
        if not self.count:
            reason = f"training ended before start_epoch={self.start_epoch}."
            if self._started:
                reason = "no optimizer of the model has made an update; use method='swa'."
            warnings.warn(f"WeightAverage has averaged nothing: {reason}", stacklevel=2)
        self.swap_in()
        if isinstance(self._average, RunningAverage):
            remove(self.model, self._average)
        self._in_fit = False

    def swap_in(self) -> None:
        """Copy the averaged weights, if any, into the model."""
        if self._average is None or self.swapped or not self.count:
            return
        weights, raw = self._weights, self._weights.snapshot()
        try:
            weights.assign(self._average.values())
            if self.data is not None:
                reestimate_batch_norm(self.model, self.data, batch_size=self.batch_size)
        except BaseException:
            weights.assign(raw)
            raise
        self._raw = raw

    def swap_out(self) -> None:
        """Restore the raw weights exactly."""
        if self._average is not None and self._raw is not None:
            self._weights.assign(self._raw)
            self._raw = None

    def get_state(self) -> dict[str, Any]:
        return {
            "started": self._started,
            "raw": None if self._raw is None else list(map(np.asarray, self._raw)),
            **({} if self._average is None else self._average.get_state()),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self._started, self._raw = state["started"], state["raw"]
        if self._average is not None:
            self._average.set_state(state)

    def __getstate__(self):
        # A copy, as KerasTuner makes of callbacks, belongs to no training.
        fresh = {"_weights": Weights([]), "_in_fit": False, "_started": False}
        return {**vars(self), "_model": None, "_average": None, "_raw": None, **fresh}

    def __deepcopy__(self, memo):
        memo[id(self.data)] = self.data  # a dataset cannot be copied, and is never changed
        duplicate = memo[id(self)] = type(self).__new__(type(self))
        vars(duplicate).update(copy.deepcopy(self.__getstate__(), memo))
        return duplicate


def _averaged(model: keras.Model) -> list[Any]:
    """Return the trainable weights and the moving statistics of BatchNorm."""
    layers = batch_norm_layers(model)
    statistics = [v for layer in layers for v in (layer.moving_mean, layer.moving_variance)]
    weights = [v for v in model.trainable_variables if not v.overwrite_with_gradient]
    return [*weights, *{id(v): v for v in statistics}.values()]
