"""`BackupAndRestore`: after `kill -9`, training goes on as if nothing had happened."""

import inspect
import math
import os
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from keras.src.utils.io_utils import print_msg  # as Keras' own callbacks print

from .state_file import StateFile
from .weight_copies import Weights

__all__ = ["STATE", "BackupAndRestore"]

STATE = "state.npz"  # the file in the directory


class BackupAndRestore(keras.callbacks.BackupAndRestore):
    """Saves the whole state of a training at the end of each epoch, and takes it up again.

    Takes the arguments of `keras.callbacks.BackupAndRestore` and differs from it in that

    - the state has, besides the model's variables (weights, statistics of normalization, states of
      the random generators) and the optimizer's, the history so far, whether training was stopped,
      and the state of the callbacks that have one: with Keras', a resumed early stopping forgets
      its best epoch, and the history begins anew;
    - it is one file, `state.npz`, replaced atomically: whenever the process is killed it holds one
      epoch whole;
    - a training that ends on a loss of NaN or infinity, as with `TerminateOnNaN`, deletes nothing,
      and leaves the state of the epoch before;
    - what is deleted is what it wrote, and not all that is in the directory.

    Give it last in the list of callbacks, so that it saves what the others did in the epoch. A
    callback has a state if it has the methods `get_state() -> dict` and `set_state(dict)`, of
    values that are JSON or arrays or lists of arrays.

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
            model, optimizer or list of callbacks: the message names the first difference.

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
        self.callbacks = _with_state(callbacks or ())
        self._history: dict[str, list[float]] = {}
        self._weights: Weights | None = None
        self._described: list[list[Any]] = []
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
    def history(self) -> dict[str, list[float]]:
        """The history of the saved epochs."""
        return self._saved("history", {})

    def _saved(self, name: str, otherwise: Any) -> Any:
        return self.file.read()[0][name] if self.file.exists() else otherwise

    def on_train_begin(self, logs=None):
        self._history = {}
        self._weights = None
        self._failed = False
        self._batches_seen_since_last_saving = self._last_batch_seen = 0
        self.model._initial_epoch = None  # what an earlier `fit` that was resumed has left
        if self._all_of_fit:
            self.callbacks = _with_state(_callbacks_of_fit(self))
        if self.file.exists():
            self._load_model()

    def _load_model(self):
        if not self.model.built:
            raise ValueError(
                f"{self.file.path} can only be restored into a built model; give it an Input."
            )
        self.model.optimizer.build(self.model.trainable_variables)
        state, arrays = self.file.read()
        self._check(state)
        variables = self._variables()
        Weights(variables).assign([arrays[f"variable/{i}"] for i in range(len(variables))])
        for callback, (_, packed) in zip(self.callbacks, state["callbacks"], strict=True):
            callback.set_state(_unpack(packed, arrays))
        self._history = state["history"]
        self.model.history.history = {name: [*values] for name, values in self._history.items()}
        epochs = self.params["epochs"]  # of a stopped training no epoch is left
        self.model._initial_epoch = epochs if state["stopped"] else state["epoch"]
        if self.model._initial_epoch >= epochs and self.params.get("verbose"):
            print_msg(
                f"BackupAndRestore: {self.file.path} has all epochs, {state['epoch']}: none is left"
            )

    def _check(self, state: dict[str, Any]):
        saved, ours = [name for name, _ in state["callbacks"]], [*map(_name, self.callbacks)]
        if saved != ours:
            raise ValueError(
                f"{self.file.path} holds the state of other callbacks: expected {ours}. "
                f"Received: {saved}"
            )
        self._check_variables(state["variables"], self._signature())

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

    def _should_save_on_batch(self, batch):
        return self.save_freq is not False and super()._should_save_on_batch(batch)

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        for name, value in logs.items():  # Keras' History comes after all other callbacks
            self._history.setdefault(name, []).append(float(value))
        self._failed = self.model.stop_training and not math.isfinite(float(logs.get("loss", 0)))
        super().on_epoch_end(epoch, logs)

    def _save_model(self):
        if self._failed:
            return
        stopped = bool(self.model.stop_training)  # on JAX this gives the variables their values
        if self._weights is None:  # only now the optimizer surely has its own
            self._weights, self._described = Weights(self._variables()), self._signature()
        arrays = {f"variable/{i}": a for i, a in enumerate(self._weights.arrays())}
        state = {
            "epoch": self._current_epoch,
            "stopped": stopped,
            "history": self._history,
            "variables": self._described,
            "callbacks": [
                (_name(callback), _pack(callback.get_state(), f"callback/{i}", arrays))
                for i, callback in enumerate(self.callbacks)
            ],
        }
        self.file.write(state, arrays)

    def on_train_end(self, logs=None):
        self.model._initial_epoch = None
        epochs = len(next(iter(self.model.history.history.values()), []))
        self.model.history.epoch = list(range(epochs))  # Keras empties it after `on_train_begin`
        if self.delete_checkpoint and not self._failed:
            self.file.delete()

    def __getstate__(self):
        # A copy, as KerasTuner makes of callbacks, belongs to no training.
        return {**vars(self), "_weights": None}

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def _signature(self) -> list[list[Any]]:
        # Shapes tell; names, which may carry a counter, are for the message.
        return [[v.path.rsplit("/", 1)[-1], list(v.shape)] for v in self.model.variables] + [
            ["optimizer", list(v.shape)] for v in self.model.optimizer.variables
        ]


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


def _with_state(callbacks: Iterable[Any]) -> list[Any]:
    return [c for c in callbacks if hasattr(c, "get_state") and hasattr(c, "set_state")]


def _callbacks_of_fit(callback: keras.callbacks.Callback) -> list[Any]:
    """Those of the list that is calling this one, which Keras does not tell."""
    for frame, _ in traceback.walk_stack(inspect.currentframe()):
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and callback in caller.callbacks:
            return caller.callbacks
    return []


def _name(callback: keras.callbacks.Callback) -> str:
    return type(callback).__name__


def _pack(state: dict[str, Any], prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """`state` with its lists of arrays moved to `arrays`, and their count in their place."""
    packed = {}
    for name, value in state.items():
        # `get_weights` gives scalar weights as NumPy scalars, which are no arrays.
        if isinstance(value, list) and value and isinstance(value[0], np.ndarray | np.generic):
            arrays.update({f"{prefix}/{name}/{i}": a for i, a in enumerate(value)})
            packed[name] = {"arrays": f"{prefix}/{name}", "count": len(value)}
        else:
            packed[name] = value
    return packed


def _unpack(packed: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The inverse of `_pack`."""
    return {
        name: [arrays[f"{value['arrays']}/{i}"] for i in range(value["count"])]
        if isinstance(value, dict) and "arrays" in value
        else value
        for name, value in packed.items()
    }
