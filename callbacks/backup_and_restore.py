"""Resume a killed training exactly where its last epoch ended."""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from keras.src.utils.io_utils import print_msg  # as Keras' own callbacks print (Keras 3.15)

from ..core.checks import message
from .callback_state import Changes, get_state, has_state, set_state
from .model_state import ModelState
from .running_fit import callback_list
from .state_file import StateFile

STATE = "state.npz"  # the file in the directory


class BackupAndRestore(keras.callbacks.BackupAndRestore):
    """Save the whole state of a training at the end of each epoch, and restore it.

    It takes the arguments of `keras.callbacks.BackupAndRestore` and differs from it as follows:

    - The state contains all variables of the model and of its optimizers, the history, and the
      state of the other callbacks. With Keras' callback, early stopping forgets its best epoch,
      `ModelCheckpoint(save_best_only=True)` overwrites the best model, and the history is lost.
    - A `ReduceLROnPlateau` keeps its counters, a `LearningRateScheduler` continues from the saved
      rate, `ModelCheckpoint` writes the files that it would have written, also with a `save_freq`
      in batches, and `CSVLogger` has a row for each epoch, without those of the lost epoch.
    - The state is one file, `state.npz`, which is replaced atomically: whenever the process is
      killed, the file holds one complete epoch.
    - A training that ends on a loss of NaN or infinity, as with `TerminateOnNaN`, keeps the state
      of the previous epoch.
    - It deletes only its own files, not the whole directory.

    Put it last in the list of callbacks; it moves behind later ones with a state. A callback has a
    state if it has the methods `get_state() -> dict` and `set_state(dict)`, of JSON values and
    arrays, or if it is one of Keras' own (see `callback_state`). A warning names other callbacks
    that change their attributes in training.

    Args:
        backup_dir: A local directory, which is created if it does not exist.
        save_freq: "epoch", or the number of batches after which to save within an epoch, too. As
            in Keras, an interrupted epoch is then repeated, beginning with the saved weights, which
            is not exact. False saves nothing, but restores.
        double_checkpoint: Whether to keep the previous state as `state.npz.bkp`, in case the last
            one cannot be read.
        delete_checkpoint: Whether to delete the state when training has finished. If not, a later
            `fit` of as many epochs trains nothing.
        callbacks: The callbacks with a state to save, by default all callbacks of `fit`.

    Attributes:
        epoch: Number of finished epochs in the saved state, 0 without one.
        stopped: Whether a callback stopped training at the end of the saved epoch.
        history: The history of the saved epochs; arrays of size 1 are numbers in it.

    Raises:
        ValueError: If an argument is invalid; if the file is damaged or belongs to another model,
            optimizer or list of callbacks (the message names the first difference); or if an
            optimizer in an attribute updates variables that are not the model's.
        TypeError: If the state of a callback, or a logged value, is neither JSON nor an array.

    Example:

    >>> import tempfile
    >>> backup = BackupAndRestore(tempfile.mkdtemp())
    >>> backup.epoch, backup.stopped
    (0, False)
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: Literal["epoch", False] | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
        *,
        callbacks: Iterable[keras.callbacks.Callback] | None = None,
    ):
        _check_arguments(backup_dir, save_freq)
        super().__init__(os.fspath(backup_dir), save_freq, double_checkpoint, delete_checkpoint)
        self.file = StateFile(Path(backup_dir) / STATE, double=double_checkpoint)
        # Keras' names for its two files and their copies.
        self._weights_path = self._training_metadata_path = str(self.file.path)
        self._prev_weights_path = self._prev_training_metadata_path = str(self.file.previous)
        self._all_of_fit = callbacks is None
        self._sources = list(callbacks or ())
        self.callbacks = [*filter(has_state, self._sources)]
        self._history: dict[str, list[Any]] = {}
        self._epochs: list[int] = []
        self._model_state: ModelState | None = None
        self._signature: list[list[Any]] = []
        self._changes: Changes | None = None
        self._failed = False

    @property
    def epoch(self) -> int:
        return self._saved().get("epoch", 0)

    @property
    def stopped(self) -> bool:
        return self._saved().get("stopped", False)

    @property
    def history(self) -> dict[str, list[Any]]:
        history = self._saved().get("history", {})
        return {  # some metrics log an array with one number
            name: [v.item() if isinstance(v, np.ndarray) and v.size == 1 else v for v in values]
            for name, values in history.items()
        }

    def _saved(self) -> dict[str, Any]:
        return self.file.read() if self.file.exists() else {}

    def set_model(self, model):
        super().set_model(model)
        if (callbacks := callback_list(self)) is not None:
            # Assign a new list: Keras is iterating over the old one.
            callbacks.callbacks = _behind(callbacks.callbacks, self, self._watched(callbacks))

    def _watched(self, callbacks: keras.callbacks.CallbackList | None) -> list[Any]:
        if not self._all_of_fit:
            return self._sources
        return [] if callbacks is None else [c for c in callbacks.callbacks if c is not self]

    def on_train_begin(self, logs=None):
        self._history, self._epochs = {}, []
        self._model_state = self._changes = None
        self._failed = False
        self._batches_seen_since_last_saving = self._last_batch_seen = 0
        self.model._initial_epoch = None  # left by an earlier `fit` that was resumed
        self._sources = self._watched(callback_list(self))
        self.callbacks = [*filter(has_state, self._sources)]
        if self.model.built:
            ModelState(self.model).optimizer_indices()  # raises if it could not be restored
        if self.file.exists():
            self._load_model()

    def _load_model(self):
        if not self.model.built:
            raise ValueError(
                f"Could not restore '{self.file.path}': the model is not built. Give it a "
                "keras.Input, or call it before `fit`."
            )
        state = self.file.read()
        self._check(state).weights.assign(state["weights"])
        for callback, saved in zip(self.callbacks, state["callbacks"], strict=True):
            set_state(callback, saved[_name(callback)])
        self._history, self._epochs = state["history"], state["epochs"]
        self.model.history.history = {name: [*values] for name, values in self._history.items()}
        epochs = self.params["epochs"]  # a stopped training has no epoch left
        self.model._initial_epoch = epochs if state["stopped"] else state["epoch"]
        if self.model._initial_epoch >= epochs and self.params.get("verbose"):
            print_msg(
                f"BackupAndRestore: no epoch is left to train, {self.file.path} already has "
                f"{state['epoch']}"
            )

    def _check(self, state: dict[str, Any]) -> ModelState:
        """Return the state of the model, with its optimizers built, if it fits the file."""

        def check(what: str, saved: Any, ours: Any) -> None:
            if saved != ours:
                raise ValueError(
                    f"Could not restore '{self.file.path}': it has the {what} {saved} instead of "
                    f"{ours}. Use another `backup_dir`, or delete the file."
                )

        saved = [name for each in state["callbacks"] for name in each]
        check("callbacks", saved, [*map(_name, self.callbacks)])
        model = ModelState(self.model)
        check("optimizers", [*state["optimizers"]], [*model.optimizers])
        model = model.build_optimizers(state["optimizers"])
        saved, ours = state["variables"], model.signature()
        for (_, shape), (name, expected) in zip(saved, ours, strict=False):
            check(f"shape of the variable {name}", shape, expected)
        check("number of variables", len(saved), len(ours))
        return model

    def on_epoch_begin(self, epoch, logs=None):
        self._current_epoch = epoch
        if self._changes is None:  # the first epoch of this `fit`
            self.model._initial_epoch = None  # `fit` has read it, and the next must not
            self.model.history.epoch = [*self._epochs]  # Keras empties it after `on_train_begin`
            self._changes = Changes(self._sources)

    def _should_save_on_batch(self, batch):
        return self.save_freq is not False and super()._should_save_on_batch(batch)

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        for name, value in logs.items():  # Keras' History is called after all other callbacks
            value = value.item() if isinstance(value, np.generic) else value
            self._history.setdefault(name, []).append(value)
        self._epochs.append(epoch)
        loss: Any = keras.ops.convert_to_numpy(logs.get("loss", 0.0))
        self._failed = self.model.stop_training and not np.isfinite(loss).all()
        self._warn_about_lost_state()
        super().on_epoch_end(epoch, logs)

    def _warn_about_lost_state(self):
        lost = [] if self._changes is None or self.save_freq is False else self._changes.lost()
        if lost:
            names = ", ".join(f"{_name(c)} ({', '.join(attributes)})" for c, attributes in lost)
            warnings.warn(
                f"BackupAndRestore does not save attributes that change in training: {names}. Give "
                "the callbacks the methods `get_state() -> dict` and `set_state(dict)`, or pass "
                "only the callbacks to save as `callbacks=`.",
                stacklevel=2,
            )

    def _save_model(self):
        if self._failed:
            return
        stopped = bool(self.model.stop_training)  # on JAX, this also updates the variables
        if self._model_state is None:  # only now have all optimizers created their variables
            self._model_state = ModelState(self.model)
            self._signature = self._model_state.signature()
        state = {
            "epoch": self._current_epoch,
            "stopped": stopped,
            "epochs": self._epochs,
            "history": self._history,
            "variables": self._signature,
            "weights": self._model_state.weights.arrays(),
            "optimizers": self._model_state.optimizer_indices(),
            "callbacks": [{_name(c): get_state(c)} for c in self.callbacks],
        }
        self.file.write(state)

    def on_train_end(self, logs=None):
        self.model._initial_epoch = None
        if self._changes is None:  # no epoch was trained
            self.model.history.epoch = [*self._epochs]
        if self.delete_checkpoint and not self._failed:
            self.file.delete()

    def __getstate__(self):
        # A copy, as KerasTuner makes of callbacks, belongs to no training.
        return {**vars(self), "_model_state": None, "_changes": None}


def _check_arguments(backup_dir: Any, save_freq: Any) -> None:
    # Two messages begin as in Keras, whose own tests expect it.
    if not backup_dir:
        raise ValueError(f"Empty `backup_dir` argument passed. Received: backup_dir={backup_dir!r}")
    if "://" in os.fspath(backup_dir) or Path(backup_dir).is_file():
        raise ValueError(message("backup_dir", os.fspath(backup_dir), "a local directory"))
    integer = isinstance(save_freq, int) and not isinstance(save_freq, bool)
    if save_freq != "epoch" and save_freq is not False and not (integer and save_freq > 0):
        expected = "'epoch', a positive number of batches, or False"
        raise ValueError(f"Invalid value: {message('save_freq', save_freq, expected)}")


def _behind(callbacks: list[Any], callback: Any, others: list[Any]) -> list[Any]:
    """Return `callbacks` with `callback` moved behind the last of `others` that has a state."""
    with_state = {id(each) for each in filter(has_state, others)}
    last = max((i for i, each in enumerate(callbacks) if id(each) in with_state), default=-1)
    before = [each for each in callbacks[: last + 1] if each is not callback]
    if len(before) == last + 1:
        return callbacks
    return [*before, callback, *callbacks[last + 1 :]]


def _name(callback: keras.callbacks.Callback) -> str:
    return type(callback).__name__
