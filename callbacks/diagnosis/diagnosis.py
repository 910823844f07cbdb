"""`Diagnosis`: says at the end of a training what is the matter with it."""

import dataclasses
from typing import Any

import keras
import numpy as np
from keras.src.utils.io_utils import print_msg  # as Keras' own callbacks print

from ..fit_data import FitArguments, arguments_of_fit, as_array, as_number, class_weights
from ..ledger.bookkeeping import Bookkeeping
from ..ledger.label_smoothing import smooths
from ..penalty import has_penalties
from .baseline_loss import baseline_loss
from .curves import NAMES
from .diagnose import diagnose
from .verdict import Verdict

__all__ = ["Diagnosis"]

_UNIT = "Losses and baseline are under the weights of training."


class Diagnosis(keras.callbacks.Callback):
    """Collects the losses of each epoch and prints one verdict at the end.

    The verdict, its rules and what they need is documented by `diagnose`. Put it after `LossLedger`
    (with `clean=`), or compile the model with a metric named `data_loss`: a `loss` that contains
    penalties is refused. A model without penalties needs neither; without `clean_loss` the gap
    that is seen is too small, and the verdict says so.

    Without arguments the baseline is that of the targets that `fit` is given, by the loss that the
    model is compiled with: of one output, arrays, and one of the losses that `baseline_loss` knows.
    Of a dataset give the `labels`, of any other model the `baseline`.

    Training, validation and baseline are under one weighting, that of training, and the evidence
    says so. A `class_weight` in `fit` needs a `LossLedger` before, which puts validation and clean
    data under it. With sample weights in training the validation data must have weights, too, and
    `labels` need their `sample_weight`. A number as `baseline` must be under the weights already.

    Args:
        baseline: loss of the best constant prediction; or give `labels`; or neither.
        labels: of the training data, from which the baseline is computed.
        loss: what the labels are compared by: crossentropy, binary_crossentropy, mse or mae; see
            `baseline_loss`. By default crossentropy for `labels`, and the model's own loss for the
            targets of `fit`.
        sample_weight: of `labels`, if the samples have weights in training.
        irreducible: the loss of the best possible model; see `diagnose`.
        every: epochs after which a verdict is printed during training as well; `None` for none.
        verbose: 0 prints nothing.

    Raises:
        ValueError: both `baseline` and `labels` are given, or `every` is no positive integer; when
            training begins, the baseline cannot be told; at the end of the first epoch, what is
            needed is not logged (the message says what to log), or the weights differ. Every epoch
            has to be validated until the first verdict.

    Attributes:
        baseline: loss of the best constant prediction; `None` before it is known.
        verdict: the last one; `None` before the first.

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
                "Diagnosis: give `baseline` or `labels`, and not both. "
                f"Received: baseline={baseline!r}, labels=given"
            )
        if sample_weight is not None and labels is None:
            raise ValueError(
                "Diagnosis: `sample_weight` is of `labels`. Received: sample_weight=given, "
                "labels=None"
            )
        if every is not None and (
            not isinstance(every, int) or isinstance(every, bool) or every < 1
        ):
            raise ValueError(
                f"Diagnosis: `every` must be an integer >= 1 or None. Received: every={every!r}"
            )
        self.labels = labels
        self.loss = loss
        self.sample_weight = sample_weight
        self._given = baseline
        if labels is not None:
            baseline = baseline_loss(labels, loss or "crossentropy", sample_weight)
        self.baseline = baseline
        self.irreducible = irreducible
        self._noisy = True
        # Checks the two, as far as they are given.
        self._diagnose({"loss": [0.0], "val_loss": [0.0]}, irreducible + 1.0)
        self.every = every
        self.verbose = verbose
        self.verdict: Verdict | None = None
        self._weighs: tuple[bool | None, bool | None] = (None, None)
        self._class_weight = False
        self._epochs: list[dict[str, float]] = []

    def on_train_begin(self, logs=None):
        fit = arguments_of_fit(self.model)
        outputs = getattr(self.model, "outputs", None) or ()  # None: not known
        if self.labels is not None and len(outputs) > 1:
            raise ValueError(
                "Diagnosis: `labels` are of one output. Of several give `baseline`, the sum of "
                f"their baseline losses as the loss weighs them. Received: {len(outputs)} outputs"
            )
        self._weighs = (fit.weighs_samples, fit.weighs_validation) if fit else (None, None)
        self._class_weight = fit is not None and fit.class_weight is not None
        # Batches of a dataset may be augmented or mixed; arrays are what they are.
        self._noisy = fit is None or fit.arrays is None or _is_noisy(self.model)
        if self._given is None:
            self.baseline = self._baseline(fit)
            self._diagnose({"loss": [0.0], "val_loss": [0.0]})
        self.verdict = None
        self._epochs = []

    def _baseline(self, fit: FitArguments | None) -> float:
        """Of the labels, or the targets of `fit`, under the weights of training."""
        class_weight = fit.class_weight if fit else None
        if self.labels is not None:
            labels, weights, kind = self.labels, self.sample_weight, self.loss or "crossentropy"
        else:
            labels, weights, kind = _targets(fit, self.model, self.loss)
        if class_weight is not None and weights is None:
            weights = keras.ops.convert_to_numpy(class_weights(as_array(labels), class_weight))
        loss = baseline_loss(labels, kind, weights)
        if weights is None or getattr(self.model.loss, "reduction", "") != _NORMALIZING:
            return loss
        return loss / float(np.asarray(weights).mean())

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if not self._epochs:
            self._check(logs)
            self._epochs = [{} for _ in range(epoch)]  # those before `initial_epoch`
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
        if self._weighs[0]:
            verdict = dataclasses.replace(verdict, evidence=(*verdict.evidence, _UNIT))
        self.verdict = verdict
        if self.verbose:
            print_msg(f"Diagnosis: {self.verdict}")

    def _diagnose(self, history: dict[str, Any], default: float = np.nan) -> Verdict:
        baseline = default if self.baseline is None else self.baseline
        noisy = self._noisy
        return diagnose(history, baseline=baseline, irreducible=self.irreducible, noisy=noisy)

    def _check(self, logs: dict[str, Any]) -> None:
        """Finds out after one epoch, and not after the last, that something is not logged."""
        self._diagnose({name: [0.0] for name in logs})
        book = Bookkeeping.running(self.model)
        exact = ("clean_loss" in logs or "data_loss" in logs) and "val_data_loss" in logs
        # Without a compiled loss, what `add_loss` adds is that of the data.
        compiled = getattr(self.model, "_compile_loss", None) is not None
        if book is not None and not compiled and _standard(self.model, "compute_loss"):
            raise ValueError(
                "Diagnosis: the model is compiled without a loss, so that its whole loss comes by "
                "`add_loss`, which LossLedger takes for penalty. Leave the LossLedger out. "
                f"Received: data_loss={logs.get('data_loss')!r}"
            )
        if not exact and has_penalties(self.model) and (compiled or _has_regularizers(self.model)):
            cure = _OWN_STEP if compiled else _NO_LOSS
            cure = _CURE if compiled and _standard(self.model, "train_step") else cure
            raise ValueError(
                "Diagnosis judges on the data loss, and the model has penalties, which loss and "
                f"val_loss contain: {cure}. "
                f"Logged: {', '.join(sorted(logs))}"
            )
        self._check_weighting(logs, book)

    def _check_weighting(self, logs: dict[str, Any], book: Bookkeeping | None) -> None:
        """Compares what samples have weights; `None` is unknown, and nothing is said of it."""
        if book is not None:
            train, test = (count > 0 for count in book.accounts.counts())
            self._weighs = (train, test)
        train, test = self._weighs
        if book is None and train and (self._class_weight or "data_loss" in logs):
            raise ValueError(
                "Diagnosis: `fit` weighs the training samples, and what is logged of validation or "
                "by metrics is without these weights: put LossLedger before it. Received: "
                + ("class_weight" if self._class_weight else "sample weights")
            )
        if train is not None and test is not None and train != test:
            said = {True: "with weights", False: "without"}
            raise ValueError(
                "Diagnosis: training and validation must be under one weighting. Give both of them "
                "sample weights, as `validation_data=(x, y, sample_weight)`, or neither. Received: "
                f"training samples {said[train]}, validation samples {said[test]}"
            )
        weighted = self.sample_weight is not None or self._class_weight
        if self.labels is not None and train is not None and train != weighted:
            raise ValueError(
                "Diagnosis: `labels` need the weights that the training samples have in `fit`, as "
                "`sample_weight`. Received: training samples "
                f"{'with' if train else 'without'} weights, labels "
                f"{'with' if weighted else 'without'}"
            )

    def get_state(self) -> dict[str, Any]:
        """What a resumed training needs to go on."""
        return {"epochs": self._epochs}

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`."""
        self._epochs = [dict(values) for values in state["epochs"]]


_CURE = "put LossLedger before it, or compile a metric named data_loss"
_NO_LOSS = "return `data_loss`, the loss without them, from its train_step and its test_step"
_OWN_STEP = f"put LossLedger before it if its train_step calls compute_loss, or {_NO_LOSS}"

# Keras' losses, by the names of functions and classes.
_KINDS = {
    "crossentropy": ("SparseCategoricalCrossentropy", "CategoricalCrossentropy"),
    "binary_crossentropy": ("BinaryCrossentropy",),
    "mse": ("MeanSquaredError",),
    "mae": ("MeanAbsoluteError",),
}
_NORMALIZING = "mean_with_sample_weight"
_REDUCTIONS = ("sum_over_batch_size", "mean", _NORMALIZING)


def _standard(model: keras.Model, method: str) -> bool:
    return getattr(type(model), method) is getattr(keras.Model, method)


def _has_regularizers(model: keras.Model) -> bool:
    return any(weight.regularizer is not None for weight in model.trainable_weights)


def _targets(fit: FitArguments | None, model: keras.Model, kind: str | None) -> Any:
    """What `fit` trains `model` for: targets, sample weights, and the kind of the loss."""
    arrays = fit.arrays if fit else None
    if arrays is None:
        raise _unknown(
            "`fit` was given no arrays, of which it could take the targets: give `labels`, those "
            "of the training data",
            "other data" if fit else "no fit",
        )
    _, y, weights = (*arrays, None, None)[:3]
    if y is None:
        raise _unknown(
            "`fit` was given no targets: give `baseline`, the loss of the best answer that does "
            "not depend on the input",
            "y=None",
        )
    parts = keras.tree.flatten(y)
    losses = keras.tree.flatten(model.loss)
    if len(parts) != 1 or len(losses) != 1:
        raise _unknown(
            "the model has several outputs: give `baseline`, the sum of their baseline losses as "
            "the loss weighs them",
            f"{len(parts)} targets",
        )
    (y,), (loss,), weights = parts, losses, [*keras.tree.flatten(weights), None][0]
    name = _name(loss)
    found = next((kind for kind, names in _KINDS.items() if name in names), None)
    weighs = getattr(model._compile_loss, "_user_loss_weights", None) is not None
    plain = getattr(loss, "reduction", _REDUCTIONS[0]) in _REDUCTIONS and not weighs
    ignores = getattr(loss, "ignore_class", None) is not None
    if kind is None and (found is None or not plain or ignores):
        raise _unknown(
            "the baseline of this loss is not known: give `baseline`, or `loss` if it is one of "
            "those that baseline_loss knows",
            f"loss={loss!r}",
        )
    labels = as_array(y)
    samples = len(labels)
    if name.startswith("Sparse"):  # a class for each position, of an image as well
        labels = labels.reshape(-1)
    elif found == "crossentropy" and kind is None and labels.ndim > 2:
        labels = labels.reshape(-1, labels.shape[-1])
    if weights is not None and len(labels) != samples:
        weights = np.repeat(as_array(weights).reshape(samples, -1)[:, 0], len(labels) // samples)
    return labels, weights if weights is None else as_array(weights), kind or found


def _name(loss: Any) -> str:
    """Of a loss, the name of Keras' class for it."""
    loss = keras.losses.get(loss)
    name = getattr(loss, "__name__", type(loss).__name__)
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _unknown(what: str, received: str) -> ValueError:
    return ValueError(f"Diagnosis: {what}. Received: {received}")


def _is_noisy(model: keras.Model) -> bool:
    """Whether training differs from inference by more than the weights: random layers, batch
    statistics, or smoothed labels.
    """
    random = any(layer._seed_generators for layer in model._flatten_layers())
    batch = any(isinstance(x, keras.layers.BatchNormalization) for x in model._flatten_layers())
    return random or batch or smooths(getattr(model, "_compile_loss", None))
