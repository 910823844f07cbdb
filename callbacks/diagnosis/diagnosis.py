"""Print a verdict at the end of a training, with its evidence and advice."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras.src.utils.io_utils import print_msg  # as Keras' own callbacks print (Keras 3.15)

from ...core.checks import check_integer, message
from ..fit_data import (
    FitArguments,
    arguments_of_fit,
    as_array,
    as_number,
    class_weights,
    has_weights,
)
from ..ledger.loss_parts import LossRecorder, smooths
from ..penalty import has_penalties
from .baseline_loss import NORMALIZING, baseline_loss, fits_raw_targets, targets_of
from .curves import NAMES
from .diagnose import Verdict, diagnose

_WEIGHTED = "All losses and the baseline have the sample weights of training."


class Diagnosis(keras.callbacks.Callback):
    """Collect the losses of each epoch, and print a verdict at the end of training.

    `diagnose` documents the verdict. Put this callback after `LossLedger(train_eval=...)`, or
    compile the model with a metric named `data_loss`: a `loss` with penalties is an error. A model
    without penalties needs neither, but without `train_eval_loss` the measured gap is too small.

    By default the baseline comes from the targets of `fit`, for the loss of the model. This needs
    arrays, a single output, and a loss of `baseline_loss` or one with a method `baseline(targets,
    sample_weight)`. For a dataset, pass `labels` (for a regression also `loss="mse"`); in other
    cases, pass `baseline`.

    Training loss, validation loss and baseline must have the same weights: a `class_weight` in
    `fit` needs a `LossLedger` before this callback; with sample weights in training, the validation
    data need weights, too, and `labels` need their `sample_weight`.

    Args:
        baseline: Loss of the best constant prediction, under the weights of training.
        labels: Labels of the training data, to compute the baseline from.
        loss: Loss to compute the baseline for: "crossentropy" (the default for `labels`),
            "binary_crossentropy", "mse", "mae" or "huber".
        sample_weight: Sample weights of `labels`.
        irreducible: Loss of the best possible model, see `diagnose`.
        every: Number of epochs after which to print a verdict during training, or `None`.
        verbose: 0 is silent.

    Attributes:
        baseline: The baseline, or `None` before it is known.
        verdict: The last `Verdict`, or `None` before the first.

    Raises:
        ValueError: If an argument is invalid; if the baseline is unknown when training begins; or,
            at the end of the first epoch, if a value is not logged (the message says what to do)
            or the weights differ. Until the first verdict, every epoch must be validated.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(
    ...     1, kernel_initializer="zeros")])
    >>> model.compile(keras.optimizers.SGD(0.0), "mse")
    >>> x = np.array([[1.0], [3.0]])
    >>> diagnosis = Diagnosis(verbose=0)
    >>> _ = model.fit(x, x, epochs=4, validation_data=(x, x), callbacks=[diagnosis], verbose=0)
    >>> diagnosis.verdict.kind, diagnosis.verdict.rule, diagnosis.baseline
    ('underfitting', 'nothing learned', 1.0)
    """

    def __init__(
        self,
        *,
        baseline: float | None = None,
        labels: Any = None,
        loss: str | None = None,
        sample_weight: Any = None,
        irreducible: float = 0.0,
        every: int | None = None,
        verbose: int = 1,
    ):
        super().__init__()
        if baseline is not None and labels is not None:
            raise ValueError(
                "Only one of `baseline` and `labels` must be given. "
                f"Received: baseline={baseline!r}, labels=(given)"
            )
        if sample_weight is not None and labels is None:
            raise ValueError(message("labels", labels, "given together with `sample_weight`"))
        check_integer("every", every, minimum=1, optional=True)
        self.labels = labels
        self.loss = loss
        self.sample_weight = sample_weight
        self._fixed_baseline = baseline
        if labels is not None:
            baseline = baseline_loss(labels, loss or "crossentropy", sample_weight)
        self.baseline = baseline
        self.irreducible = irreducible
        self._noisy, self._regression = True, False
        # Checks `baseline`, if it is known, and `irreducible`.
        self._diagnose({"loss": [0.0], "val_loss": [0.0]}, irreducible + 1.0)
        self.every = every
        self.verbose = verbose
        self.verdict: Verdict | None = None
        self._weighted: tuple[bool | None, bool | None] = (None, None)  # training, validation
        self._class_weight = False
        self._epochs: list[dict[str, float]] = []

    def on_train_begin(self, logs=None):
        fit = arguments_of_fit(self.model)
        outputs = getattr(self.model, "outputs", None) or ()  # None: unknown
        if self.labels is not None and len(outputs) > 1:
            raise ValueError(
                "Diagnosis: `labels` are for models with one output. Pass the weighted sum of the "
                f"baseline losses as `baseline`. Received: a model with {len(outputs)} outputs"
            )
        self._weighted = (None, None)
        if fit:
            self._weighted = (fit.has_sample_weights, has_weights(fit.validation_data))
        self._class_weight = fit is not None and fit.class_weight is not None
        # The batches of a dataset may be augmented or mixed; arrays are not.
        self._noisy = fit is None or fit.arrays is None or _is_noisy(self.model)
        self._regression = fits_raw_targets(self.model)
        if self._fixed_baseline is None:
            self.baseline = self._compute_baseline(fit)
            self._diagnose({"loss": [0.0], "val_loss": [0.0]})
        self.verdict = None
        self._epochs = []

    def _compute_baseline(self, fit: FitArguments | None) -> float:
        class_weight = fit.class_weight if fit else None
        labels, weights = self.labels, self.sample_weight
        baseline: Callable[..., float] = partial(baseline_loss, loss=self.loss or "crossentropy")
        if labels is None:
            labels, weights, baseline = targets_of(fit, self.model, self.loss)
        if class_weight is not None and weights is None:
            weights = keras.ops.convert_to_numpy(class_weights(as_array(labels), class_weight))
        loss = baseline(labels, sample_weight=weights)
        if weights is not None and getattr(self.model.loss, "reduction", "") == NORMALIZING:
            loss /= float(np.asarray(weights).mean())
        return loss

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if not self._epochs:
            self._check_logs(logs)
            self._epochs = [{} for _ in range(epoch)]  # the epochs before `initial_epoch`
        self._epochs.append({n: as_number(n, logs[n], "Diagnosis") for n in NAMES if n in logs})
        if self.every and (epoch + 1) % self.every == 0:
            self._judge()

    def on_train_end(self, logs=None):
        if self._epochs:
            self._judge()

    def _judge(self):
        names = [name for name in NAMES if any(name in values for values in self._epochs)]
        history = {name: [values.get(name) for values in self._epochs] for name in names}
        verdict = self._diagnose(history)
        if self._weighted[0]:
            verdict = dataclasses.replace(verdict, evidence=(*verdict.evidence, _WEIGHTED))
        self.verdict = verdict
        if self.verbose:
            print_msg(f"Diagnosis: {self.verdict}")

    def _diagnose(self, history: dict[str, Any], default: float = np.nan) -> Verdict:
        baseline = default if self.baseline is None else self.baseline
        return diagnose(
            history,
            baseline=baseline,
            irreducible=self.irreducible,
            noisy=self._noisy,
            regression=self._regression,
        )

    def _check_logs(self, logs: dict[str, Any]) -> None:
        """Raise after the first epoch if a value is not logged."""
        self._diagnose({name: [0.0] for name in logs})
        model, recorder = self.model, LossRecorder.running(self.model)
        exact = ("train_eval_loss" in logs or "data_loss" in logs) and "val_data_loss" in logs
        # Without a compiled loss, the data loss is added by `add_loss`.
        compiled = getattr(model, "_compile_loss", None) is not None
        if recorder is not None and not compiled and _is_standard(model, "compute_loss"):
            raise ValueError(
                "Diagnosis does not support LossLedger for a model without a compiled loss, as it "
                "counts losses of `add_loss` as penalty. Remove it. Received: data_loss="
                f"{logs.get('data_loss')!r}"
            )
        regularized = any(weight.regularizer is not None for weight in model.trainable_weights)
        if not exact and has_penalties(model) and (compiled or regularized):
            steps = "return `data_loss`, without penalties, from its train_step and its test_step"
            if not compiled:
                cure = steps
            elif _is_standard(model, "train_step"):
                cure = "put LossLedger before it, or compile a metric named data_loss"
            else:
                cure = f"put LossLedger before it if its train_step calls compute_loss, or {steps}"
            raise ValueError(
                "Diagnosis needs the data loss, but loss and val_loss of this model contain "
                f"penalties: {cure}. Logged: {', '.join(sorted(logs))}"
            )
        self._check_weights(logs, recorder)

    def _check_weights(self, logs: dict[str, Any], recorder: LossRecorder | None) -> None:
        """Raise if losses are known to have different weights."""
        if recorder is not None:
            train, validation = (count > 0 for count in recorder.metric.counts())
            self._weighted = (train, validation)
        train, validation = self._weighted
        if recorder is None and train and (self._class_weight or "data_loss" in logs):
            received = "class_weight" if self._class_weight else "sample_weight"
            raise ValueError(
                "Diagnosis: `fit` weights the training samples, but not the validation samples or "
                f"the metric data_loss. Put LossLedger before Diagnosis. Received: {received}"
            )
        weights = {True: "with weights", False: "without weights"}
        if train is not None and validation is not None and train != validation:
            raise ValueError(
                "Diagnosis: give sample weights to both the training and the validation data, or "
                f"to neither. Received: training data {weights[train]}, validation data "
                f"{weights[validation]}"
            )
        weighted = self.sample_weight is not None or self._class_weight
        if self.labels is not None and train is not None and train != weighted:
            raise ValueError(
                "Diagnosis: `labels` need the same `sample_weight` as the training data. Received: "
                f"training data {weights[train]}, labels {weights[weighted]}"
            )

    def get_state(self) -> dict[str, Any]:
        return {"epochs": self._epochs}

    def set_state(self, state: dict[str, Any]) -> None:
        self._epochs = [dict(values) for values in state["epochs"]]


def _is_standard(model: keras.Model, method: str) -> bool:
    return getattr(type(model), method) is getattr(keras.Model, method)


def _is_noisy(model: keras.Model) -> bool:
    """Return whether random layers, batch statistics or smoothed labels disturb training."""
    kind = keras.layers.BatchNormalization
    random = any(x._seed_generators or isinstance(x, kind) for x in model._flatten_layers())
    return random or smooths(getattr(model, "_compile_loss", None))
