"""Log the data loss, the penalty and the gap to the validation data, each epoch."""

import math
from contextlib import nullcontext
from typing import Any

import keras

from ...core.checks import check_number, message
from ..fit_data import arguments_of_fit, ranks, subset
from ..penalty import LayerPenalties
from ..training_hook import check_one_replica
from .loss_parts import PARTS, LossRecorder

_PREFIX = "train_eval_"


class LossLedger(keras.callbacks.ProgbarLogger):
    """Split the loss exactly into the loss of the data and the penalties.

        loss     = data_loss + penalty
        val_loss = val_data_loss + val_penalty (+ val_smoothing) (+ val_weighting)

    The parts are averaged as Keras averages the loss, also with several steps per execution, mixed
    precision or gradient accumulation. The loss stays the same to the bit. After each epoch, `logs`
    and the history contain

    - `data_loss`, `penalty`: means over the steps of the epoch, as `loss` is. The penalty is the
      sum of `model.losses`: penalties of weights and activities, and losses of `add_loss`.
    - `val_data_loss`, `val_penalty`: the same for the validation data.
    - `val_smoothing`, if a compiled loss has a `label_smoothing`: the part of `val_loss` that is
      due to it, as Keras also smooths validation labels.
    - `val_weighting`, if `fit` has a `class_weight`: the difference that it makes. Keras applies it
      to training samples only, so that `val_data_loss` has the class weights, `val_loss` does not.
    - `penalty/<layer path>`: penalty of the weights of each layer at the end of the epoch.
    - With `train_eval`: `train_eval_loss` and `train_eval_<metric>`, the data loss and the metrics
      of training samples *in inference mode* at the end of the epoch. `data_loss` does not measure
      the fit: it is computed with dropout on, and while the weights change.
    - With `train_eval` and validation data: `gap_loss` = `val_data_loss` - `train_eval_loss`, and
      `gap_<metric>`, by how much validation samples are worse: `train_eval_<metric>` -
      `val_<metric>` if more is better (accuracies, `R2Score`, `F1Score`, `AUC`), and the reverse if
      less is better (errors). A metric that does not say which has no gap.

    The `class_weight` of `fit` also applies to `val_data_loss` and `train_eval_loss`, except for
    data with sample weights. Give these for both the `train_eval` and the validation data, or for
    neither. Only `weighted_metrics` are weighted, as in Keras.

    Put this callback first in the list, so that all others see these values. It replaces the
    progress bar, which omits `train_eval_*` and names with a slash. A custom `compute_loss` must
    add all of `model.losses`, and a custom `train_step` must call `compute_loss`. Metrics of the
    model named `data_loss` or `penalty` are hidden. `tf.distribute` with several replicas is not
    supported.

    Args:
        train_eval: Training data without augmentation: `(x, y)`, `(x, y, sample_weight)`, or
            anything else that `evaluate` accepts, such as a `tf.data.Dataset` of batches. A number
            in (0, 1] is the fraction of the arrays, with their sample weights, that `fit` is given.
        fraction: Fraction of `train_eval` to evaluate, in (0, 1]: evenly spaced samples of arrays,
            or the first batches of a dataset.
        batch_size: Batch size for `train_eval`, if it is arrays.

    Raises:
        ValueError: If an argument is invalid; if `train_eval` is a number and `fit` is given no
            arrays; or, at the end of the first validated epoch, if only one of the `train_eval`
            and the validation data has sample weights.
        RuntimeError: If the parts do not add up to the loss at the end of an epoch.

    Example:

    >>> import numpy as np
    >>> layer = keras.layers.Dense(1, kernel_regularizer="l2", kernel_initializer="ones")
    >>> model = keras.Sequential([keras.Input((3,)), layer])
    >>> model.compile(keras.optimizers.SGD(0.0), "mse")
    >>> x, y = np.ones((4, 3)), np.ones((4, 1))
    >>> logs = model.fit(x, y, callbacks=[LossLedger(train_eval=1.0)], verbose=0).history
    >>> {name: round(values[0], 4) for name, values in logs.items() if "/" not in name}
    {'data_loss': 4.0, 'loss': 4.03, 'penalty': 0.03, 'train_eval_loss': 4.0}
    """

    async_safe = True  # as the progress bar that it replaces

    def __init__(
        self, train_eval: Any = None, *, fraction: float = 1.0, batch_size: int | None = None
    ):
        super().__init__()
        if isinstance(train_eval, str | bytes):
            expected = "training data, as (x, y) or a dataset, or a number in (0, 1]"
            raise ValueError(message("train_eval", train_eval, expected))
        check_number("fraction", fraction, "(0, 1]")
        number = isinstance(train_eval, int | float)
        if number:
            check_number("train_eval", train_eval, "(0, 1]")
        if fraction != 1 and (train_eval is None or number):
            raise ValueError(
                "`fraction` must be 1 unless `train_eval` is data, as (x, y) or a dataset. "
                f"Received: fraction={fraction!r}, train_eval={train_eval!r}"
            )
        self.train_eval = train_eval
        self.fraction = fraction
        self.batch_size = batch_size
        self._data = train_eval if number else subset(train_eval, fraction)
        self._penalties: Any = None
        self._checked = False  # True: both or neither of train_eval and validation have weights
        self._tested = 0.0
        self._same_ranks = True  # of train_eval and validation arrays

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        check_one_replica(self.model, "LossLedger")
        fit = arguments_of_fit(self.model)
        if isinstance(self.train_eval, int | float):
            arrays = fit.arrays if fit else None
            if arrays is None:
                raise ValueError(
                    "`train_eval` must be data, as (x, y) or a dataset, unless `fit` is given "
                    f"arrays. Received: train_eval={self.train_eval!r}"
                )
            self._data = subset(arrays, self.train_eval)
        self._penalties = None
        self._checked, self._tested = False, 0.0
        if self._data is not None and fit:
            known = ranks(self._data)
            self._same_ranks = known is not None and known == ranks(fit.validation_data)
        LossRecorder.of(self.model).open(fit.class_weight if fit else None)

    def on_train_end(self, logs=None):
        self.close()

    def close(self) -> None:
        """Remove the ledger from the model, as the end of `fit` does."""
        if self.model is not None:
            LossRecorder.of(self.model).close()

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        self._check_balance(logs)
        if self._penalties is None:  # by now, a model without an input is built
            self._penalties = LayerPenalties(self.model)
        logs.update({f"penalty/{path}": value for path, value in self._penalties().items()})
        if self._data is not None:
            counts = LossRecorder.of(self.model).metric.counts
            before = 0.0 if self._checked else counts()[1]
            logs.update(self._evaluate())
            if not self._checked:
                after = counts()[1]
                if "val_data_loss" in logs:
                    self._check_weights(train_eval=after > before, validation=before > self._tested)
                self._tested = after
            logs.update(_gaps(logs, _directions(self.model)))
        shown = {n: v for n, v in logs.items() if "/" not in n and not n.startswith(_PREFIX)}
        super().on_epoch_end(epoch, shown)

    def _check_balance(self, logs):
        total = logs.get("loss", math.nan)
        parts = logs.get("data_loss"), logs.get("penalty")
        if None in parts or abs(sum(parts) - total) > 0.01 * max(1.0, abs(total)):
            raise RuntimeError(
                "LossLedger: `data_loss` and `penalty` do not add up to `loss`. A custom "
                "`train_step` must call `self.compute_loss` and return `self.compute_metrics`. "
                f"Received: a {type(self.model).__name__} with loss={total!r}, "
                f"data_loss={parts[0]!r}, penalty={parts[1]!r}"
            )

    def _check_weights(self, *, train_eval: bool, validation: bool) -> None:
        self._checked = True
        if train_eval != validation:
            weights = {True: "with weights", False: "without weights"}
            raise ValueError(
                "LossLedger: give sample weights to both `train_eval` and the validation data, as "
                "(x, y, sample_weight), or to neither. Received: train_eval "
                f"{weights[train_eval]}, validation {weights[validation]}"
            )

    def _evaluate(self):
        data: Any = self._data
        arrays = isinstance(data, tuple)
        x, y, weights = (*data, None, None)[:3] if arrays else (data, None, None)
        options = {"batch_size": self.batch_size if arrays else None, "sample_weight": weights}
        recorder = LossRecorder.of(self.model)
        with nullcontext() if self._same_ranks else recorder.separate_test_steps():
            values = self.model.evaluate(x, y, **options, return_dict=True, verbose=0)
        metrics = {n: v for n, v in values.items() if n not in ("loss", *PARTS)}
        return {f"{_PREFIX}{n}": v for n, v in {"loss": values["data_loss"], **metrics}.items()}

    def get_state(self) -> dict[str, Any]:
        return {}  # a resumed training needs nothing

    def set_state(self, state: dict[str, Any]) -> None:
        pass

    def __deepcopy__(self, memo):
        copy = type(self).__new__(type(self))  # shares the data, and has no model yet
        vars(copy).update(vars(self), _model=None, _penalties=None, progbar=None)
        return copy


def _gaps(logs: dict[str, Any], directions: dict[str, str]) -> dict[str, Any]:
    if "val_data_loss" not in logs:  # no validation in this epoch
        return {}
    gaps = {"gap_loss": logs["val_data_loss"] - logs["train_eval_loss"]}
    for name in [n.removeprefix(_PREFIX) for n in logs if n.startswith(_PREFIX)]:
        accuracy = name.endswith("accuracy") or name == "acc"  # also of a function
        direction = directions.get(name, "up" if accuracy else None)
        if direction and f"val_{name}" in logs:
            lead = logs[f"{_PREFIX}{name}"] - logs[f"val_{name}"]
            gaps[f"gap_{name}"] = lead if direction == "up" else -lead
    return gaps


def _directions(model: keras.Model) -> dict[str, str]:
    """Return "up" if more is better, "down" if less is, for each metric that says so, by name."""
    named = [(metric.name, metric) for metric in model.metrics]
    for metric in model.metrics:
        # Of Keras 3.15: the compiled metrics, in a list for each output.
        parts = (getattr(metric, f"_flat_{kind}", None) for kind in ("metrics", "weighted_metrics"))
        for part in [part for outputs in parts for part in outputs or () if part]:
            prefix = f"{part.output_name}_" if part.output_name else ""
            named += [(f"{prefix}{each.name}", each) for each in part.metrics]
    found = ((name, getattr(metric, "_direction", None)) for name, metric in named)
    return {name: direction for name, direction in found if direction in ("up", "down")}


def evaluate(model: keras.Model, data: Any) -> dict[str, float]:
    """Evaluate a compiled model outside of `fit`, and split its loss as `LossLedger` does.

    Args:
        model: A compiled model.
        data: A `tf.data.Dataset` of batches, or anything else that `model.evaluate` accepts as x.

    Returns:
        The metrics of the model by name, and `data_loss` and `penalty`.
    """
    recorder = LossRecorder.of(model)
    recorder.open()
    try:
        return model.evaluate(data, return_dict=True, verbose=0)
    finally:
        recorder.close()
