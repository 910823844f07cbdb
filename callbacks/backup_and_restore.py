"""`BackupAndRestore`: after `kill -9`, training goes on as if nothing had happened."""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from keras.src.utils.io_utils import print_msg  # as Keras' own callbacks print

from .callback_state import Changes, get_state, has_state, set_state
from .model_state import ModelState
from .running_fit import callback_list
from .state_file import StateFile

__all__ = ["STATE", "BackupAndRestore"]

STATE = "state.npz"  # the file in the directory
_ARRAY = "array of the file"  # in the JSON, where an array was


class BackupAndRestore(keras.callbacks.BackupAndRestore):
    """Saves the whole state of a training at the end of each epoch, and takes it up again.

    Takes the arguments of `keras.callbacks.BackupAndRestore` and differs from it in that

    - the state has, besides the model's variables (weights, statistics of normalization, states of
      the random generators) and the optimizer's, those of other optimizers that the model has in
      its attributes, the history so far, whether training was stopped, and the state of the
      callbacks that have one: with Keras', a resumed early stopping forgets its best epoch,
      `ModelCheckpoint(save_best_only=True)` writes a worse model over the best, and the history
      begins anew;
    - it is one file, `state.npz`, replaced atomically: whenever the process is killed it holds one
      epoch whole;
    - a training that ends on a loss of NaN or infinity, as with `TerminateOnNaN`, deletes nothing,
      and leaves the state of the epoch before;
    - what is deleted is what it wrote, and not all that is in the directory.

    Give it last in the list of callbacks, so that it saves what the others did in the epoch; before
    a callback that has a state it goes behind it by itself. A callback has a state if it is of
    Keras and has one (`callback_state` lists what is kept of which), or if it has the methods
    `get_state() -> dict` and `set_state(dict)`, of values that are JSON or arrays. Any other one
    that changes attributes of its own in training is named in a warning, once.

    With `delete_checkpoint=False`, a `fit` that finds all its epochs in the file says so and trains
    nothing: delete the file, or give another directory, to begin anew.

    Args:
        backup_dir: a local directory, made if it is missing.
        save_freq: "epoch", or a number of batches after which to save within the epoch, too. The
            epoch is then begun anew, as in Keras, with the weights that it had come to: only
            resuming from whole epochs is exact. False: save nothing, but restore.
        double_checkpoint: keep the state before the last as well, `state.npz.bkp`, for when the
            last one cannot be read.
        delete_checkpoint: delete the state when training is finished.
        callbacks: those whose state is kept; the ones without a state are passed over. By default
            all that `fit` is given.

    Raises:
        ValueError: an argument is none of these; the file is none of ours, or belongs to another
            model, optimizer or list of callbacks: the message names the first difference; or an
            optimizer in an attribute of the model updates variables that are not the model's.
        TypeError: the state of a callback, or a logged value, is neither JSON nor an array.

    Example: `epoch` is where to go on, also for a data stream that depends on the epoch.

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
        # Keras' names of its two files and their copies.
        self._weights_path = self._training_metadata_path = str(self.file.path)
        self._prev_weights_path = self._prev_training_metadata_path = str(self.file.previous)
        self._all_of_fit = callbacks is None
        self._given = list(callbacks or ())
        self.callbacks = [*filter(has_state, self._given)]
        self._history: dict[str, list[Any]] = {}
        self._epochs: list[int] = []
        self._model_state: ModelState | None = None
        self._signature: list[list[Any]] = []
        self._changes: Changes | None = None
        self._failed = False

    @property
    def epoch(self) -> int:
        """The number of epochs that the saved state has behind it; 0 without one."""
        return self._saved("epoch", 0)

    @property
    def stopped(self) -> bool:
        """Whether training was stopped (by a callback) at the end of the saved epoch."""
        return self._saved("stopped", False)

    @property
    def history(self) -> dict[str, list[Any]]:
        """The history of the saved epochs; an array of one is a number in it."""
        if not self.file.exists():
            return {}
        state, arrays = self.file.read()
        history = _unpack(state["history"], arrays)
        return {name: [*map(_number, values)] for name, values in history.items()}

    def _saved(self, name: str, otherwise: Any) -> Any:
        return self.file.read()[0][name] if self.file.exists() else otherwise

    def set_model(self, model):
        super().set_model(model)
        if (callbacks := callback_list(self)) is not None:
            # A new list: Keras is going through the old one.
            callbacks.callbacks = _behind(callbacks.callbacks, self, self._watched(callbacks))

    def _watched(self, callbacks: keras.callbacks.CallbackList | None) -> list[Any]:
        """The callbacks that are to be resumed."""
        if not self._all_of_fit:
            return self._given
        return [] if callbacks is None else [c for c in callbacks.callbacks if c is not self]

    def on_train_begin(self, logs=None):
        self._history, self._epochs = {}, []
        self._model_state = self._changes = None
        self._failed = False
        self._batches_seen_since_last_saving = self._last_batch_seen = 0
        self.model._initial_epoch = None  # what an earlier `fit` that was resumed has left
        self._given = self._watched(callback_list(self))
        self.callbacks = [*filter(has_state, self._given)]
        if self.model.built:
            ModelState(self.model).built()  # raises for what could not be restored
        if self.file.exists():
            self._load_model()

    def _load_model(self):
        if not self.model.built:
            raise ValueError(
                f"{self.file.path} can only be restored into a built model; give it an Input."
            )
        state, arrays = self.file.read()
        model = self._check(state)
        model.weights().assign([arrays[f"variable/{i}"] for i in range(len(model.variables))])
        for callback, (_, packed) in zip(self.callbacks, state["callbacks"], strict=True):
            set_state(callback, _unpack(packed, arrays))
        self._history, self._epochs = _unpack(state["history"], arrays), state["epochs"]
        self.model.history.history = {name: [*values] for name, values in self._history.items()}
        epochs = self.params["epochs"]  # of a stopped training no epoch is left
        self.model._initial_epoch = epochs if state["stopped"] else state["epoch"]
        if self.model._initial_epoch >= epochs and self.params.get("verbose"):
            print_msg(
                f"BackupAndRestore: {self.file.path} has all epochs, {state['epoch']}: none is left"
            )

    def _check(self, state: dict[str, Any]) -> ModelState:
        """The state of the model, with its optimizers built, if it is that of the file."""
        saved, ours = [name for name, _ in state["callbacks"]], [*map(_name, self.callbacks)]
        if saved != ours:
            raise ValueError(
                f"{self.file.path} holds the state of other callbacks: expected {ours}. "
                f"Received: {saved}"
            )
        model = ModelState(self.model)
        if [*state["optimizers"]] != [*model.optimizers]:
            raise ValueError(
                f"{self.file.path} holds the state of a model with other optimizers: expected "
                f"{[*model.optimizers]}. Received: {[*state['optimizers']]}"
            )
        model = model.build(state["optimizers"])
        self._check_variables(state["variables"], model.signature())
        return model

    def _check_variables(self, saved: list[list[Any]], ours: list[list[Any]]):
        for was, now in zip(saved, ours, strict=False):
            if was[1] != now[1]:
                raise ValueError(
                    f"{self.file.path} holds the state of another model: expected a variable "
                    f"{now[0]} of shape {tuple(now[1])}. Received: {was[0]} of {tuple(was[1])}"
                )
        if len(saved) != len(ours):
            raise ValueError(
                f"{self.file.path} holds the state of another model: expected {len(ours)} "
                f"variables. Received: {len(saved)}"
            )

    def on_epoch_begin(self, epoch, logs=None):
        self._current_epoch = epoch
        if self._changes is None:  # the first epoch of this `fit`
            self.model._initial_epoch = None  # has been read, and is for no other `fit`
            self.model.history.epoch = [*self._epochs]  # Keras empties it after `on_train_begin`
            self._changes = Changes(self._given)

    def _should_save_on_batch(self, batch):
        return self.save_freq is not False and super()._should_save_on_batch(batch)

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        for name, value in logs.items():  # Keras' History comes after all other callbacks
            value = value.item() if isinstance(value, np.generic) else value
            self._history.setdefault(name, []).append(value)
        self._epochs.append(epoch)
        self._failed = self.model.stop_training and not _is_finite(logs.get("loss", 0.0))
        self._warn()
        super().on_epoch_end(epoch, logs)

    def _warn(self):
        """Names the callbacks whose state would be lost."""
        lost = [] if self._changes is None or self.save_freq is False else self._changes.lost()
        if lost:
            names = ", ".join(f"{_name(c)} ({', '.join(attributes)})" for c, attributes in lost)
            warnings.warn(
                "BackupAndRestore: these callbacks change attributes of their own in training, "
                "which are not saved, so that a training that is killed and resumed may differ: "
                f"{names}. Give them the methods `get_state() -> dict` and `set_state(dict)`, "
                "with {} for what need not be kept; or name in `callbacks=` those whose state is.",
                stacklevel=2,
            )

    def _save_model(self):
        if self._failed:
            return
        stopped = bool(self.model.stop_training)  # on JAX this gives the variables their values
        if self._model_state is None:  # only now the optimizers surely have their variables
            self._model_state = ModelState(self.model)
            self._signature = self._model_state.signature()
        values = self._model_state.weights().arrays()
        arrays: dict[str, Any] = {f"variable/{i}": a for i, a in enumerate(values)}
        state = {
            "epoch": self._current_epoch,
            "stopped": stopped,
            "epochs": self._epochs,
            "history": _pack(self._history, "history", arrays),
            "variables": self._signature,
            "optimizers": self._model_state.built(),
            "callbacks": [
                (_name(callback), _pack(get_state(callback), f"{i}/{_name(callback)}", arrays))
                for i, callback in enumerate(self.callbacks)
            ],
        }
        self.file.write(state, arrays)

    def on_train_end(self, logs=None):
        self.model._initial_epoch = None
        if self._changes is None:  # no epoch was left
            self.model.history.epoch = [*self._epochs]
        if self.delete_checkpoint and not self._failed:
            self.file.delete()

    def __getstate__(self):
        # A copy, as KerasTuner makes of callbacks, belongs to no training.
        return {**vars(self), "_model_state": None, "_changes": None}


def _check_arguments(backup_dir: Any, save_freq: Any) -> None:
    if not backup_dir:
        raise ValueError(f"Empty `backup_dir` argument passed. Received: backup_dir={backup_dir!r}")
    if "://" in os.fspath(backup_dir) or Path(backup_dir).is_file():
        raise ValueError(
            f"`backup_dir` must be a local directory. Received: backup_dir={os.fspath(backup_dir)}"
        )
    whole = isinstance(save_freq, int) and save_freq is not True
    if save_freq != "epoch" and save_freq is not False and not (whole and save_freq > 0):
        raise ValueError(
            "Invalid value for argument `save_freq`: expected 'epoch', a positive number of "
            f"batches, or False. Received: save_freq={save_freq!r}"
        )


def _behind(callbacks: list[Any], callback: Any, others: list[Any]) -> list[Any]:
    """`callbacks` with one of them moved behind the last of `others` that has a state."""
    with_state = {id(each) for each in filter(has_state, others)}
    last = max((i for i, each in enumerate(callbacks) if id(each) in with_state), default=-1)
    before = [each for each in callbacks[: last + 1] if each is not callback]
    if len(before) == last + 1:
        return callbacks
    return [*before, callback, *callbacks[last + 1 :]]


def _name(callback: keras.callbacks.Callback) -> str:
    return type(callback).__name__


def _is_finite(value: Any) -> bool:
    array: Any = keras.ops.convert_to_numpy(value)
    return bool(np.isfinite(array).all())


def _number(value: Any) -> Any:
    """The number in an array of one, as some metrics are; anything else as it is."""
    return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value


def _pack(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    """`value` with its arrays moved to `arrays`, and their names in their place."""
    if keras.ops.is_tensor(value):
        value = keras.ops.convert_to_numpy(value)
    if isinstance(value, np.ndarray | np.generic):
        arrays[name] = value
        return {_ARRAY: name}
    if isinstance(value, dict):
        return {key: _pack(each, f"{name}/{key}", arrays) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(each, f"{name}/{i}", arrays) for i, each in enumerate(value)]
    if not isinstance(value, str | int | float | None):
        raise TypeError(
            "BackupAndRestore saves what is JSON or an array. "
            f"Received: {value!r} as {name.replace('/', ' ')}"
        )
    return value


def _unpack(packed: Any, arrays: dict[str, Any]) -> Any:
    """The inverse of `_pack`."""
    if isinstance(packed, dict):
        if _ARRAY in packed:
            return arrays[packed[_ARRAY]][()]  # a weight without a shape is a NumPy scalar
        return {key: _unpack(each, arrays) for key, each in packed.items()}
    return [_unpack(each, arrays) for each in packed] if isinstance(packed, list) else packed
