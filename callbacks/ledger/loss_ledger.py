"""`LossLedger`: every epoch, what of the loss is data and what is penalty, and the real gap."""

import math
from contextlib import nullcontext
from typing import Any

import keras

from ..fit_data import arguments_of_fit, ranks, share
from ..one_replica import check_one_replica
from .bookkeeping import Bookkeeping
from .layer_penalties import LayerPenalties

__all__ = ["LossLedger"]


class LossLedger(keras.callbacks.ProgbarLogger):
    """Splits the loss into the part of the data and the part of the penalties, exactly.

        loss     = data_loss + penalty
        val_loss = val_data_loss + val_penalty (+ val_smoothing) (+ val_weighting)

    for any Keras model and plain `fit`. Nothing is subtracted afterwards: the parts are averaged
    where Keras adds them up, in the graph, with its own weights, also with several steps an
    execution, mixed precision or gradient accumulation. The loss is the same to the bit with and
    without it. After each epoch `logs`, and so the history, hold

    - `data_loss`, `penalty`: averages over the epoch's steps, as `loss` is. The penalty is all that
      is in `model.losses`: of weights, of activities, and what layers add by `add_loss`;
    - `val_data_loss`, `val_penalty`: the same of the validation;
    - `val_smoothing`, if a compiled loss has a `label_smoothing`, which Keras applies to validation
      labels, too: what that adds to `val_loss`. `val_data_loss` is without it;
    - `val_weighting`, if `fit` has a `class_weight`, which Keras applies to training samples only:
      `val_data_loss` is under it, `val_loss` is not, and this is what lies between them;
    - `penalty/<layer path>`: of each layer's weights at the end of the epoch;
    - with `clean`: `clean_loss` and `clean_<metric>`, the data loss and the metrics of training
      samples *in inference mode*, at the end of the epoch. `data_loss` is no measure of the fit:
      it is taken with dropout on, and of weights that change;
    - with validation, too: `gap_loss` = `val_data_loss` - `clean_loss`, and for each metric called
      `*accuracy` or `acc`, `gap_<metric>` = `clean_<metric>` - `val_<metric>`.

    Weights: data losses that are compared are under one weighting, that of training. The
    `class_weight` of `fit` holds for `val_data_loss` and `clean_loss` as well; data that come with
    sample weights keep theirs. What weighs each *sample* has to be given for both or for none:
    if either of the clean and the validation samples have `sample_weight`, the gap is refused.
    Metrics have the weights that Keras gives them: those in `metrics` have none.

    Put it first in the list of callbacks, so that all others see these values. It is the progress
    bar as well (Keras adds none beside it), which leaves out `clean_*` and names with a slash.

    While `fit` runs, the model has a metric more and its steps are traced with it; afterwards, the
    model is as it was, also if an exception has ended it.

    A model with a `compute_loss` of its own is split into `model.losses` and the rest, which is
    right if its loss holds them. A `train_step` of its own must call `compute_loss`. A metric of
    the model's own called `data_loss` or `penalty` is hidden by ours. `tf.distribute` with several
    replicas is out of scope.

    Args:
        clean: training data without augmentation: `(x, y)`, `(x, y, sample_weight)`, or anything
            else that `evaluate` takes, as a `tf.data.Dataset` of batches. Or a number in (0, 1]:
            that fraction of the arrays that `fit` is given, with their `sample_weight`.
        fraction: how much of `clean` to evaluate, in (0, 1]: evenly spaced samples of arrays, the
            first batches of a dataset. Always the same ones.
        batch_size: of the clean evaluation of arrays, as in `evaluate`.

    Raises:
        ValueError: an argument is none of these; `clean` is a number, and `fit` was given no
            arrays; or, at the end of the first epoch that is validated, of the clean and the
            validation samples only one have weights.
        RuntimeError: at the end of the first epoch, the parts do not add up to the loss: a
            `train_step` of the model's own does not call `compute_loss`, or logs something else.

    Example:

    >>> import numpy as np
    >>> layer = keras.layers.Dense(1, kernel_regularizer="l2", kernel_initializer="ones")
    >>> model = keras.Sequential([keras.Input((3,)), layer])
    >>> model.compile(keras.optimizers.SGD(0.0), "mse")
    >>> x, y = np.ones((4, 3)), np.ones((4, 1))
    >>> logs = model.fit(x, y, callbacks=[LossLedger(clean=1.0)], verbose=0).history
    >>> {name: round(values[0], 4) for name, values in logs.items() if "/" not in name}
    {'data_loss': 4.0, 'loss': 4.03, 'penalty': 0.03, 'clean_loss': 4.0}
    """

    async_safe = True  # as the progress bar that it replaces

    def __init__(self, clean: Any = None, *, fraction: float = 1.0, batch_size: int | None = None):
        super().__init__()
        if isinstance(clean, str | bytes):
            raise ValueError(
                "LossLedger: `clean` must be training data, as (x, y) or a dataset, or a number in "
                f"(0, 1]. Received: clean={clean!r}"
            )
        number = isinstance(clean, int | float)
        for name, value in (("clean", clean if number else 1.0), ("fraction", fraction)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
                raise ValueError(
                    f"LossLedger: `{name}` must be in (0, 1]. Received: {name}={value!r}"
                )
        if fraction != 1 and (clean is None or number):
            raise ValueError(
                "LossLedger: `fraction` is of data that `clean` gives, as (x, y) or a dataset. "
                f"Received: fraction={fraction!r}, clean={clean!r}"
            )
        self.clean = clean
        self.fraction = fraction
        self.batch_size = batch_size
        self._clean_data = clean if number else share(clean, fraction)
        self._penalties: Any = None
        self._agreed = False  # clean and validation samples, on having weights
        self._tested = 0.0
        self._alike = True  # clean and validation samples, in the ranks of their arrays

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        check_one_replica(self.model, "LossLedger")
        fit = arguments_of_fit(self.model)
        if isinstance(self.clean, int | float):
            arrays = fit.arrays if fit else None
            if arrays is None:
                raise ValueError(
                    "LossLedger: a number as `clean` is a fraction of the arrays that `fit` is "
                    "given, and this one was given none: give `clean` the data itself, as (x, y) "
                    f"or a dataset without augmentation. Received: clean={self.clean!r}"
                )
            self._clean_data = share(arrays, self.clean)
        self._penalties = None
        self._agreed, self._tested = False, 0.0
        if self._clean_data is not None and fit:
            known = ranks(self._clean_data)
            self._alike = known is not None and known == ranks(fit.validation_data)
        Bookkeeping.of(self.model).open(fit.class_weight if fit else None)

    def on_train_end(self, logs=None):
        self.close()

    def close(self) -> None:
        """Takes the ledger out of the model; at the end of `fit` that is done already."""
        if self.model is not None:
            Bookkeeping.of(self.model).close()

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        self._check_balance(logs)
        if self._penalties is None:  # only now a model without an input is surely built
            self._penalties = LayerPenalties(self.model)
        logs.update({f"penalty/{path}": cost for path, cost in self._penalties().items()})
        if self._clean_data is not None:
            before = 0.0 if self._agreed else self._weighted()
            logs.update(self._evaluate())
            if not self._agreed:
                after = self._weighted()
                if "val_data_loss" in logs:
                    self._check_weighting(clean=after > before, validation=before > self._tested)
                self._tested = after
            logs.update(_gaps(logs))
        shown = {n: v for n, v in logs.items() if "/" not in n and not n.startswith("clean_")}
        super().on_epoch_end(epoch, shown)

    def _check_balance(self, logs):
        total = logs.get("loss", math.nan)
        parts = logs.get("data_loss"), logs.get("penalty")
        if None in parts or abs(sum(parts) - total) > 0.01 * max(1.0, abs(total)):
            raise RuntimeError(
                "LossLedger: the parts of the loss do not add up to it. A `train_step` of the "
                "model's own must call `self.compute_loss`, and return what "
                f"`self.compute_metrics` does. Received: a {type(self.model).__name__} with "
                f"loss={total!r}, data_loss={parts[0]!r}, penalty={parts[1]!r}"
            )

    def _weighted(self) -> float:
        """How many samples with weights have been in test steps so far."""
        return Bookkeeping.of(self.model).accounts.counts()[1]

    def _check_weighting(self, *, clean: bool, validation: bool) -> None:
        self._agreed = True
        if clean != validation:
            said = {True: "with weights", False: "without"}
            raise ValueError(
                "LossLedger: the gap between clean and validation samples needs both under one "
                "weighting. Give each of them sample weights, as `validation_data=(x, y, "
                "sample_weight)` and `clean=(x, y, sample_weight)`, or neither; a `class_weight` "
                "in `fit` holds for both. Received: clean samples "
                f"{said[clean]}, validation samples {said[validation]}"
            )

    def _evaluate(self):
        data = self._clean_data
        names = ("x", "y", "sample_weight")
        given = dict(zip(names, data, strict=False)) if isinstance(data, tuple) else {"x": data}
        size = self.batch_size if isinstance(data, tuple) else None
        with nullcontext() if self._alike else Bookkeeping.of(self.model).apart():
            values = self.model.evaluate(**given, batch_size=size, return_dict=True, verbose=0)
        metrics = {n: v for n, v in values.items() if n not in _PARTS}
        return {f"clean_{n}": v for n, v in {"loss": values["data_loss"], **metrics}.items()}

    def get_state(self) -> dict[str, Any]:
        """Nothing: a resumed training needs no more of it than that it is there."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`."""

    def __deepcopy__(self, memo):
        copy = type(self).__new__(type(self))  # shares the data, and has no model yet
        vars(copy).update(vars(self), _model=None, _penalties=None, progbar=None)
        return copy


_PARTS = ("loss", "data_loss", "penalty", "smoothing", "weighting")


def _gaps(logs: dict[str, float]) -> dict[str, float]:
    if "val_data_loss" not in logs:  # no validation in this epoch
        return {}
    gaps = {"gap_loss": logs["val_data_loss"] - logs["clean_loss"]}
    for name in [n.removeprefix("clean_") for n in logs if n.startswith("clean_")]:
        if (name.endswith("accuracy") or name == "acc") and f"val_{name}" in logs:
            gaps[f"gap_{name}"] = logs[f"clean_{name}"] - logs[f"val_{name}"]
    return gaps
