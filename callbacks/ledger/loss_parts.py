"""Split the loss of each step into data loss and penalty, inside the graph."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from ..fit_data import class_weights
from ..running_fit import RunningFit
from ..training_hook import swapped
from ..variables import copy_of

_ATTRIBUTE = "_occam_loss_recorder"
PARTS = ("data_loss", "penalty", "smoothing", "weighting")
_OPTIONAL = ("smoothing", "weighting")
_COUNTS = 2  # of the samples with weights, in training and in test steps; never reset by Keras
_STEPS = ("train_function", "test_function")


class LossParts(keras.metrics.Metric):
    """The means of the parts of the loss over samples, as Keras averages the loss itself.

    Only test steps have the parts of label smoothing and class weights.
    """

    def __init__(self):
        super().__init__(name="ledger")
        # One variable for all: each variable costs time in a step and between epochs.
        self.sums = self.add_variable((len(PARTS) + 1 + _COUNTS,), "zeros", name="sums")
        self.recorded: set[str] = set()

    def update_state(self, *arguments, **options):
        """Do nothing when a custom `train_step` updates all metrics."""

    def record(self, parts: Mapping[str, Any], size: Any, *, testing: bool, weighted: bool) -> None:
        self.recorded = set(parts)
        counts = (float(weighted and not testing), float(weighted and testing))
        entries = (*(parts.get(name, 0.0) for name in PARTS), 1.0, *counts)
        size = ops.cast(size, self.dtype)
        self.sums.assign_add(ops.stack([size * ops.cast(entry, self.dtype) for entry in entries]))

    def result(self):
        entries: Any = ops.unstack(ops.convert_to_tensor(self.sums))
        *sums, size = entries[:-_COUNTS]
        means = {name: ops.divide_no_nan(s, size) for name, s in zip(PARTS, sums, strict=True)}
        return {n: mean for n, mean in means.items() if n in self.recorded or n not in _OPTIONAL}

    def reset_state(self):
        keep = np.arange(len(PARTS) + 1 + _COUNTS) > len(PARTS)
        self.sums.assign(ops.where(keep, ops.convert_to_tensor(self.sums), 0.0))

    def counts(self) -> tuple[float, float]:
        """Return the numbers of training and test samples with weights since `restart`."""
        train, test = copy_of(self.sums)[-_COUNTS:].tolist()
        return train, test

    def restart(self) -> None:
        self.sums.assign(np.zeros(self.sums.shape))


class LossRecorder:
    """A recorder of the parts of each loss that the steps of a model compute.

    While it is open, in one `fit`, it replaces `model.compute_loss`, calls the model's own method
    and adds `LossParts` to the metrics of the model, because every backend carries the state of
    metrics through compiled steps. If an exception ends that `fit`, it hides the metric at once and
    the next call uses Keras' own steps. The next `fit` reuses the traced steps unless the model was
    compiled, or its steps were rebuilt, in between.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.metric = LossParts()
        self.fit: RunningFit | None = None  # None while it is closed
        self._own = self._keras = (None, None)  # the functions of training and test steps
        self._separate: Any = None  # see `separate_test_steps`
        self._compiled = None
        self._class_weight: Mapping[int, float] | None = None

    @classmethod
    def of(cls, model: keras.Model) -> "LossRecorder":
        """Return the recorder of a model; the first call creates it."""
        if _ATTRIBUTE not in model.__dict__:
            model.__dict__[_ATTRIBUTE] = cls(model)  # unseen by Keras' tracking of attributes
        return model.__dict__[_ATTRIBUTE]

    @classmethod
    def running(cls, model: keras.Model) -> "LossRecorder | None":
        """Return the recorder of a model if it is open, else `None`."""
        recorder = model.__dict__.get(_ATTRIBUTE)
        return recorder if recorder is not None and recorder.fit else None

    def open(self, class_weight: Mapping[int, float] | None = None) -> None:
        """Start recording, in a `fit` that has not begun its first step.

        The `class_weight` of this `fit` then applies to the data loss of test steps, too.
        """
        self.close()  # in case an earlier `fit` was ended by an exception
        model = self.model
        functions = (model.train_function, model.test_function)
        known = self._compiled is model._loss_tracker and self._keras[0] is functions[0]
        known = known and self._class_weight == class_weight  # a constant in the graph
        self._class_weight = None if class_weight is None else dict(class_weight)
        self.metric.restart()
        self._keras, self._compiled = functions, model._loss_tracker
        if not known:  # drop the old step: JAX reuses the compiled code of a living one
            self._own, self._separate = (None, None), None
        self._compute_loss = model.compute_loss
        self._shadowed = {n: f for n, f in model.__dict__.items() if n == "compute_loss"}
        model.__dict__["compute_loss"] = self
        self._metrics = model._metrics
        model.__dict__["_metrics"] = _Metrics(self)
        self.fit = fit = RunningFit(model)
        fit.at_end(lambda: self.close(fit))
        model.train_function, model.test_function = self._own
        for name in _STEPS:
            if getattr(model, name) is None:
                getattr(model, f"make_{name}")()
                setattr(model, name, _Step(self, name, getattr(model, name)))

    @contextmanager
    def separate_test_steps(self) -> Iterator[None]:
        """Use another function for the test steps inside.

        For labels of shapes `(n,)` and `(n, 1)`, TensorFlow would retrace a shared function with
        labels of unknown rank, with which Keras' losses fail.
        """
        model = self.model
        shared, model.test_function = model.test_function, self._separate
        try:
            yield
            self._separate = model.test_function
        finally:
            model.test_function = shared

    def close(self, fit: RunningFit | None = None) -> None:
        """Restore the model; do nothing if this is closed or open in another `fit`."""
        if self.fit is None or fit not in (None, self.fit):
            return
        model, self.fit = self.model, None
        if model.__dict__.get("compute_loss") is self:
            del model.__dict__["compute_loss"]
        model.__dict__.update(self._shadowed)
        model.__dict__["_metrics"] = self._metrics
        recompiled = self._compiled is not model._loss_tracker
        self._own = (None, None) if recompiled else (model.train_function, model.test_function)
        model.train_function, model.test_function = (None, None) if recompiled else self._keras

    def __call__(self, x=None, y=None, y_pred=None, sample_weight=None, **training):
        """Return `model.compute_loss` and record its parts."""
        if not self.fit:
            return self._compute_loss(x, y, y_pred, sample_weight, **training)
        testing = not training.get("training", True)

        def compute():
            return self._compute_loss(x, y, y_pred, sample_weight, **training)

        weights = None
        if type(self.model).compute_loss is not keras.Model.compute_loss:
            # A custom `compute_loss` adds up all of `model.losses`.
            total, aggregate = compute(), self.model._aggregate_additional_loss
            penalty = _sum(aggregate(loss) for loss in self.model.losses)
            parts = {"data_loss": total - penalty, "penalty": penalty}
        else:
            if testing and self._class_weight and not _is_given(sample_weight):
                weights = class_weights(y, self._class_weight)
            total, parts = self._split(compute, testing, weights)
        first = next(part for part in keras.tree.flatten([x, y_pred]) if part is not None)
        weighted = weights is not None or _is_given(sample_weight)
        self.metric.record(parts, ops.shape(first)[0], testing=testing, weighted=weighted)
        return total

    def _split(self, compute, testing, weights):
        """Split Keras' `compute_loss` into the tensors that it adds up."""
        compiled, aggregate = self.model._compile_loss, self.model._aggregate_additional_loss
        losses, penalties, unsmoothed, weighted = [], [], [], []
        smoothed = testing and smooths(compiled)

        def data_loss(*arguments):
            if not smoothed and weights is None:
                return _noted(losses, compiled(*arguments))
            with _observed(compiled, unsmoothed, weighted, weights):
                return _noted(losses, compiled(*arguments))

        def penalty(loss):
            return _noted(penalties, aggregate(loss))

        recorders = {"_aggregate_additional_loss": penalty}
        if compiled is not None:
            recorders["_compile_loss"] = data_loss
        with swapped(self.model, **recorders):
            total = compute()
        loss = data = _sum(losses)
        parts = {"penalty": _sum(penalties)}
        if smoothed:
            data = _sum(unsmoothed)
            parts["smoothing"] = loss - data
        if weights is not None:
            unweighted, data = data, _sum(weighted)
            parts["weighting"] = unweighted - data
        return total, {**parts, "data_loss": data}


def smooths(compiled: Any) -> bool:
    """Return whether any of a model's compiled losses has a `label_smoothing`."""
    losses = [] if compiled is None else keras.tree.flatten(compiled._user_loss)
    return any(getattr(loss, "label_smoothing", 0.0) for loss in losses)


def _observed(compiled: Any, unsmoothed: list[Any], weighted: list[Any], weights: Any) -> Any:
    """Append the weighted loss of each output, without label smoothing, to `unsmoothed`.

    The same under the sample weights `weights`, if any, is appended to `weighted`.
    """

    def observed(part):
        loss, factor = part.loss, 1.0 if part.loss_weights is None else part.loss_weights
        bare = _without_smoothing(loss)

        def call(y_true, y_pred, sample_weight):
            value = loss(y_true, y_pred, sample_weight)
            own = value if bare is loss else bare(y_true, y_pred, sample_weight)
            unsmoothed.append(ops.cast(own, compiled.dtype) * factor)
            if weights is not None:
                weighted.append(ops.cast(bare(y_true, y_pred, weights), compiled.dtype) * factor)
            return value

        return part._replace(loss=call)

    return swapped(compiled, _flat_losses=[observed(part) for part in compiled._flat_losses])


def _without_smoothing(loss: Any) -> Any:
    if not getattr(loss, "label_smoothing", 0.0):
        return loss
    bare = type(loss).from_config({**loss.get_config(), "label_smoothing": 0.0})
    vars(bare).update(_dtype_policy=loss._dtype_policy, _dtype=loss._dtype)  # not in the config
    return bare


class _Step:
    """A step that records while the recorder is open, and calls Keras' own step afterwards.

    A closure would hold itself, and JAX reuses the compiled code of a step that is still alive.
    """

    def __init__(self, recorder: LossRecorder, name: str, function: Callable[..., Any]):
        self._recorder, self._name, self._function = recorder, name, function

    def __call__(self, *arguments: Any) -> Any:
        if self._recorder.fit:
            return self._function(*arguments)
        self._recorder.close()
        model, name = self._recorder.model, self._name
        if getattr(model, name) is self:  # a callback has restored it
            setattr(model, name, None)
        getattr(model, f"make_{name}")()
        return getattr(model, name)(*arguments)


class _Metrics:
    """The metrics of a model, with `LossParts` while the recorder is open."""

    def __init__(self, recorder: LossRecorder):
        self._recorder = recorder

    def __iter__(self) -> Iterator[keras.metrics.Metric]:
        yield from self._recorder._metrics
        if self._recorder.fit:
            yield self._recorder.metric


def _is_given(sample_weight: Any) -> bool:
    return any(part is not None for part in keras.tree.flatten(sample_weight))


def _noted(notes: list[Any], value: Any) -> Any:
    if value is not None:  # an output of the model has a loss
        notes.append(value)
    return value


def _sum(values: Any) -> Any:
    # Activity penalties of half-precision layers are in half precision.
    values = (ops.cast(value, keras.config.floatx()) for value in values)
    return sum(values, start=ops.zeros(()))
