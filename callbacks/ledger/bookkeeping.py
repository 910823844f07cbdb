"""`Bookkeeping`: splits the loss of a model's steps where it is computed, inside the graph."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from ..fit_data import class_weights
from ..running_fit import RunningFit
from ..swapped import swapped
from ..weight_copies import copy_of
from .label_smoothing import smooths, unsmoothed

__all__ = ["Accounts", "Bookkeeping"]

_PLACE = "_occam_bookkeeping"
_PARTS = ("data_loss", "penalty", "smoothing", "weighting")
_OPTIONAL = ("smoothing", "weighting")
_COUNTS = 2  # of the samples with weights, in training and in test steps; not set back
_STEPS = ("train_function", "test_function")


class Accounts(keras.metrics.Metric):
    """The averages of the parts of the loss, over samples as Keras averages the loss itself.

    Label smoothing and the weighting by classes are accounts of their own in test steps only, and
    only if there is one: which of both a step is, is known where it is traced.
    """

    def __init__(self):
        super().__init__(name="ledger")
        # One variable for all: each costs its operations in a step, and its time between epochs.
        self.sums = self.add_variable((len(_PARTS) + 1 + _COUNTS,), "zeros", name="sums")
        self.booked: set[str] = set()

    def update_state(self, *arguments, **options):
        """Nothing: a `train_step` of one's own may call it, as it does with each metric."""

    def book(self, parts: Mapping[str, Any], size: Any, *, testing: bool, weighted: bool) -> None:
        """Adds the parts of the loss of a batch of `size` samples, which may have weights."""
        self.booked = set(parts)
        counts = (float(weighted and not testing), float(weighted and testing))
        entries = (*(parts.get(name, 0.0) for name in _PARTS), 1.0, *counts)
        size = ops.cast(size, self.dtype)
        self.sums.assign_add(ops.stack([size * ops.cast(entry, self.dtype) for entry in entries]))

    def result(self):
        entries: Any = ops.unstack(ops.convert_to_tensor(self.sums))
        *sums, size = entries[:-_COUNTS]
        means = {name: ops.divide_no_nan(s, size) for name, s in zip(_PARTS, sums, strict=True)}
        return {n: mean for n, mean in means.items() if n in self.booked or n not in _OPTIONAL}

    def reset_state(self):
        keep = np.arange(len(_PARTS) + 1 + _COUNTS) > len(_PARTS)
        self.sums.assign(ops.where(keep, ops.convert_to_tensor(self.sums), 0.0))

    def counts(self) -> tuple[float, float]:
        """How many samples with weights were in training and in test steps, since `restart`."""
        train, test = copy_of(self.sums)[-_COUNTS:].tolist()
        return train, test

    def restart(self) -> None:
        """Sets all back."""
        self.sums.assign(np.zeros(self.sums.shape))


class Bookkeeping:
    """Books the parts of every loss that a model's training and test steps compute.

    While it is open, `model.compute_loss` is this object, which calls the model's own and books
    what went into it, and the model has a metric more, the `Accounts`: so their state is carried
    through compiled steps on every backend, and `fit` and `evaluate` log them like any metric. All
    this is so only in the `fit` that it was opened in: when an exception has ended that, the metric
    is hidden at once, the steps are Keras' own at the next call, and nothing is booked.

    The steps that were traced with it are kept while it is closed, and used again if the model was
    neither compiled nor its step remade in between: nothing is traced twice.

    Args:
        model: compiled.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.accounts = Accounts()
        self.fit: RunningFit | None = None  # in which it is open
        self._own = self._plain = (None, None)  # the functions of training and test steps
        self._apart: Any = None  # see `apart`
        self._compiled = None
        self._class_weight: Mapping[int, float] | None = None

    @classmethod
    def of(cls, model: keras.Model) -> "Bookkeeping":
        """That of `model`, made at the first call."""
        if _PLACE not in model.__dict__:
            model.__dict__[_PLACE] = cls(model)  # past Keras' tracking of attributes
        return model.__dict__[_PLACE]

    @classmethod
    def running(cls, model: keras.Model) -> "Bookkeeping | None":
        """That of `model`, if it is open."""
        book = model.__dict__.get(_PLACE)
        return book if book is not None and book.fit else None

    def open(self, class_weight: Mapping[int, float] | None = None) -> None:
        """Begins to book, in a `fit` that has not begun its first step.

        Args:
            class_weight: of this `fit`, under which the data loss of test steps is booked, too.
        """
        self.close()  # what a `fit` that raised has left open
        model = self.model
        plain = (model.train_function, model.test_function)
        known = self._compiled is model._loss_tracker and self._plain[0] is plain[0]
        known = known and self._class_weight == class_weight  # which is a constant in the graph
        self._class_weight = None if class_weight is None else dict(class_weight)
        self.accounts.restart()
        self._plain, self._compiled = plain, model._loss_tracker
        if not known:  # let go of it: while it lives, JAX takes the step made below for the same
            self._own, self._apart = (None, None), None
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
    def apart(self) -> Iterator[None]:
        """Test steps inside have a function of their own.

        One function for labels `(n,)` and `(n, 1)` is traced by TensorFlow for labels of unknown
        rank, with which Keras' losses fail.
        """
        model = self.model
        shared, model.test_function = model.test_function, self._apart
        try:
            yield
            self._apart = model.test_function
        finally:
            model.test_function = shared

    def close(self, fit: RunningFit | None = None) -> None:
        """Leaves the model as it was; does nothing if it is closed, or open in another `fit`."""
        if self.fit is None or fit not in (None, self.fit):
            return
        model, self.fit = self.model, None
        if model.__dict__.get("compute_loss") is self:
            del model.__dict__["compute_loss"]
        model.__dict__.update(self._shadowed)
        model.__dict__["_metrics"] = self._metrics
        recompiled = self._compiled is not model._loss_tracker
        self._own = (None, None) if recompiled else (model.train_function, model.test_function)
        model.train_function, model.test_function = (None, None) if recompiled else self._plain

    def __call__(self, x=None, y=None, y_pred=None, sample_weight=None, **training):
        """`model.compute_loss`, booked."""
        if not self.fit:
            return self._compute_loss(x, y, y_pred, sample_weight, **training)
        testing = not training.get("training", True)
        own = type(self.model).compute_loss is not keras.Model.compute_loss

        def compute():
            return self._compute_loss(x, y, y_pred, sample_weight, **training)

        weights = None
        if own:
            total, parts = self._book_own(compute)
        else:
            if testing and self._class_weight and not _given(sample_weight):
                weights = class_weights(y, self._class_weight)
            total, parts = self._book(compute, testing, weights)
        first = next(part for part in keras.tree.flatten([x, y_pred]) if part is not None)
        weighted = weights is not None or _given(sample_weight)
        self.accounts.book(parts, ops.shape(first)[0], testing=testing, weighted=weighted)
        return total

    def _book_own(self, compute):
        """Of a `compute_loss` of the model's own, what is in `model.losses` is the penalty."""
        total = compute()
        penalty = _sum(self.model._aggregate_additional_loss(loss) for loss in self.model.losses)
        return total, {"data_loss": total - penalty, "penalty": penalty}

    def _book(self, compute, testing, weights):
        """Of Keras' `compute_loss`, the very tensors that it adds up.

        The data loss of a test step is booked without label smoothing, and under `weights`.
        """
        compiled, aggregate = self.model._compile_loss, self.model._aggregate_additional_loss
        losses, penalties, weighted = [], [], []
        smoothed = testing and smooths(compiled)
        clean = [] if smoothed or weights is not None else None

        def data_loss(*arguments):
            with unsmoothed(compiled, clean, weighted, weights):
                return _noted(losses, compiled(*arguments))

        def penalty(loss):
            return _noted(penalties, aggregate(loss))

        recorders = {"_aggregate_additional_loss": penalty}
        if compiled is not None:
            recorders["_compile_loss"] = data_loss
        with swapped(self.model, **recorders):
            total = compute()
        loss = plain = _sum(losses)
        parts = {"penalty": _sum(penalties)}
        if smoothed:
            plain = _sum(clean)
            parts["smoothing"] = loss - plain
        parts["data_loss"] = plain if weights is None else _sum(weighted)
        if weights is not None:
            parts["weighting"] = plain - parts["data_loss"]
        return total, parts


def _given(sample_weight: Any) -> bool:
    return any(part is not None for part in keras.tree.flatten(sample_weight))


class _Step:
    """A step that is booked while the bookkeeping is open, and Keras' own afterwards.

    It is no function in a function, which would hold itself: on JAX a step that is made anew is
    taken for the old one as long as anybody holds that.
    """

    def __init__(self, bookkeeping: Bookkeeping, name: str, function: Callable[..., Any]):
        self._bookkeeping, self._name, self._function = bookkeeping, name, function

    def __call__(self, *arguments: Any) -> Any:
        if self._bookkeeping.fit:
            return self._function(*arguments)
        self._bookkeeping.close()
        model, name = self._bookkeeping.model, self._name
        if getattr(model, name) is self:  # put back by someone, later
            setattr(model, name, None)
        getattr(model, f"make_{name}")()
        return getattr(model, name)(*arguments)


class _Metrics:
    """A model's list of metrics, with the accounts in it while they are open."""

    def __init__(self, bookkeeping: Bookkeeping):
        self._bookkeeping = bookkeeping

    def __iter__(self) -> Iterator[keras.metrics.Metric]:
        yield from self._bookkeeping._metrics
        if self._bookkeeping.fit:
            yield self._bookkeeping.accounts


def _noted(notes: list[Any], value: Any) -> Any:
    if value is not None:  # the loss of a model whose outputs have none
        notes.append(value)
    return value


def _sum(values: Any) -> Any:
    # Activity penalties of half-precision layers are of their precision.
    values = (ops.cast(value, keras.config.floatx()) for value in values)
    return sum(values, start=ops.zeros(()))
