"""`WeightAverage`: the average of the weights on their way, often better than their end."""

import copy
import math
import warnings
from typing import Any

import keras
import numpy as np

from ..training_hook import install, parts_of, remove
from ..weight_copies import Weights
from .batch_norm_statistics import batch_norm_layers, check_data, reestimate_batch_norm
from .epoch_average import EpochAverage
from .running_average import RunningAverage

__all__ = ["WeightAverage"]


class WeightAverage(keras.callbacks.Callback):
    """Averages the weights in training, validates the average, and leaves it in the model.

    `method="ema"` is the exponential moving average, after each update of the optimizer:

        a <- a + (1 - d) * (w - a),    d = min(decay, (1 + t) / (10 + t)),    t = 0, 1, ...

    It is computed in the graph of the step, so that with `steps_per_execution > 1` no update is
    missed, and with gradient accumulation none is counted twice. The warm-up forgets the initial
    weights fast. `method="swa"` is stochastic weight averaging: the mean of the weights at the ends
    of the epochs from `start_epoch` on, each with the same weight. The paper starts it in the last
    quarter of the training, with a learning rate that stays high.

    The average is swapped into the model, by copying, when the validation begins, or at the end of
    the epoch if there is none, and stays there until the next epoch begins: validation, and
    callbacks after this one in the list, such as `EarlyStopping` and `ModelCheckpoint`, all see the
    averaged model. Training goes on from the raw weights, which come back to the bit. At the end of
    `fit`, also after an early stop, the averaged weights are in the model, unless `EarlyStopping`,
    after this one, restores the best averaged ones. If `fit` is ended by an exception, the model
    holds the raw weights if that was in a training step, and the averaged ones if it was between
    validation and the next epoch, see `swapped`; `swap_in` and `swap_out` change between them, also
    after the end of `fit`. `predict` and `evaluate` never change which weights are there.

    BatchNorm: its moving statistics fit the raw weights, not their average. With `data` they are
    estimated anew at each swap, exactly, for which the data is gone through once. Without, moving
    means and variances are averaged like weights. Scales and offsets always are.

    Args:
        method: "ema" or "swa".
        decay: of the exponential average, in [0, 1).
        warmup: whether the decay grows from 0.1, as above.
        start_epoch: the epoch, from 0, with which averaging begins.
        each_epoch: if false, validation and other callbacks see the raw weights, and the average is
            swapped in at the end of `fit` only; an `EarlyStopping` that restores its best weights,
            which are raw ones then, belongs before this one.
        data: training data, as in `reestimate_batch_norm`; None if BatchNorm is to be averaged.
        batch_size: for `data` that is an array.

    Raises:
        ValueError: an argument is out of its range, the data can be gone through only once, the
            model is not built, or its optimizer averages the weights, too (`use_ema=True`).

    Logs `average/count`: how many updates (of "ema") or epochs (of "swa") are in the average.

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
    Better Generalization, 2018, https://arxiv.org/abs/1803.05407; the warm-up is that of
    `tf.train.ExponentialMovingAverage`, with the number of updates given.
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
        if method not in ("ema", "swa"):
            raise ValueError(
                f"WeightAverage: `method` must be 'ema' or 'swa'. Received: method={method!r}"
            )
        number = isinstance(decay, int | float) and not isinstance(decay, bool)
        if not number or not 0 <= decay < 1 or math.isnan(decay):
            raise ValueError(
                f"WeightAverage: `decay` must be a number in [0, 1). Received: decay={decay!r}"
            )
        whole = isinstance(start_epoch, int) and not isinstance(start_epoch, bool)
        if not whole or start_epoch < 0:
            raise ValueError(
                "WeightAverage: `start_epoch` must be an epoch, from 0. "
                f"Received: start_epoch={start_epoch!r}"
            )
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
            raise ValueError(
                "WeightAverage: `batch_size` must be a positive integer. "
                f"Received: batch_size={batch_size!r}"
            )
        self.method = method
        self.decay = decay
        self.warmup = warmup
        self.start_epoch = start_epoch
        self.each_epoch = each_epoch
        self.data = None if data is None else check_data(data)
        self.batch_size = batch_size
        self._average: RunningAverage | EpochAverage | None = None
        self._weights = Weights([])  # those that are averaged
        self._raw: list[Any] | None = None
        self._in_fit = self._started = self._collected = False

    @property
    def count(self) -> int:
        """How many updates (of "ema") or epochs (of "swa") are in the average."""
        return int(self._average.count) if self._average is not None and self._started else 0

    @property
    def swapped(self) -> bool:
        """Whether the averaged weights are in the model."""
        return self._raw is not None

    def set_model(self, model):
        super().set_model(model)
        self._in_fit = False  # `evaluate` and `predict` of their own, maybe after an exception

    def on_train_begin(self, logs=None):
        model = self.model
        if not model.built:
            raise ValueError(
                f"WeightAverage: the weights of model {model.name!r} are not known: give it a "
                "keras.Input, or call it once."
            )
        if any(optimizer.use_ema for optimizer in parts_of(model)):
            raise ValueError(
                "WeightAverage: the optimizer averages the weights, too, and would overwrite them "
                "at the end. Received: use_ema=True"
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
        if self._started and not self.count:
            warnings.warn(
                "WeightAverage: no optimizer of the model has made an update, and the model has "
                "the weights of the last epoch: its training step changes them in another way, or "
                "by an optimizer that is in no attribute of the model. method='swa' averages "
                "whatever has changed them.",
                stacklevel=2,
            )
        elif not self.count:
            warnings.warn(
                f"WeightAverage: training ended before start_epoch={self.start_epoch}: the model "
                "has the weights of the last epoch.",
                stacklevel=2,
            )
        self.swap_in()
        if isinstance(self._average, RunningAverage):
            remove(self.model, self._average)
        self._in_fit = False

    def swap_in(self) -> None:
        """Puts the averaged weights into the model, which keeps its own if there are none yet."""
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
        """Puts the raw weights back, to the bit."""
        if self._average is not None and self._raw is not None:
            self._weights.assign(self._raw)
            self._raw = None

    def get_state(self) -> dict[str, Any]:
        """What a resumed training needs to go on, with the raw weights if they are swapped out."""
        return {
            "started": self._started,
            "raw": None if self._raw is None else list(map(np.asarray, self._raw)),
            **({} if self._average is None else self._average.get_state()),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`, within `fit`."""
        self._started, self._raw = state["started"], state["raw"]
        if self._average is not None:
            self._average.set_state(state)

    def __getstate__(self):
        # A copy, as KerasTuner makes of callbacks, belongs to no training.
        fresh = {
            "_model": None,
            "_average": None,
            "_weights": Weights([]),
            "_raw": None,
            "_in_fit": False,
        }
        return {**vars(self), **fresh, "_started": False}

    def __deepcopy__(self, memo):
        memo[id(self.data)] = self.data  # a data set cannot be copied, and is not changed
        duplicate = memo[id(self)] = type(self).__new__(type(self))
        vars(duplicate).update(copy.deepcopy(self.__getstate__(), memo))
        return duplicate


def _averaged(model: keras.Model) -> list[Any]:
    """The trained weights, and the statistics that BatchNorm moves."""
    layers = batch_norm_layers(model)
    statistics = [v for layer in layers for v in (layer.moving_mean, layer.moving_variance)]
    weights = [v for v in model.trainable_variables if not v.overwrite_with_gradient]
    return [*weights, *{id(v): v for v in statistics}.values()]
