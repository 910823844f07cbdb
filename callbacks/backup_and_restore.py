"""`BackupAndRestore`: after `kill -9`, training goes on as if nothing had happened."""

import inspect
import json
import math
import os
import traceback
import zipfile
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.src.utils.io_utils import print_msg  # as Keras' own callbacks print

from .weight_copies import Weights

__all__ = ["BackupAndRestore"]

_STATE = "state"  # of the arrays in the file, the one that is text
# By path, since after an exception in `fit` another callback may read or write the same file.
_WRITER = ThreadPoolExecutor(1, "BackupAndRestore")
_WRITING: dict[Path, Future[None]] = {}


class BackupAndRestore(keras.callbacks.Callback):
    """Saves the whole state of a training at the end of each epoch, and takes it up again.

    The state is one file, replaced atomically, so that whenever the process is killed the file
    holds one epoch whole, the last one or, while that is being written behind the first steps of
    the next, the one before: the model's variables (weights, statistics of normalization, states of
    the random generators), the optimizer's, the history so far, whether training was stopped, and
    the state of the callbacks that have one. Keras' callback of the same name keeps neither the
    history nor any callback's state, so that a resumed early stopping forgets its best epoch.

    Give it last in the list of callbacks, so that it saves what the others did in the epoch. A
    callback has a state if it has the methods `get_state() -> dict` and `set_state(dict)`, of
    values that are JSON or arrays or lists of arrays.

    The file stays after the training. A `fit` that finds all its epochs in it says so and trains
    nothing: delete the file, or give another one, to begin anew.

    Args:
        path: the file, named `*.npz`.
        callbacks: those whose state is kept; the ones without a state are passed over. By default
            all that `fit` is given.

    Raises:
        ValueError: `path` is a directory, the file is none of ours, or belongs to another model,
            optimizer or list of callbacks; the message names the first difference.
        OSError: an epoch could not be written, at the end of the next one or of `fit`.

    Example: `epoch` is where to go on, also for a data stream that depends on the epoch.

    >>> import tempfile, pathlib
    >>> backup = BackupAndRestore(pathlib.Path(tempfile.mkdtemp()) / "state.npz")
    >>> backup.epoch, backup.stopped
    (0, False)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        callbacks: Iterable[keras.callbacks.Callback] | None = None,
    ):
        super().__init__()
        self.path = Path(path)
        if self.path.is_dir():
            raise ValueError(f"path must be a file, named *.npz. Received: {path}, a directory")
        self._all_of_fit = callbacks is None
        self.callbacks = _with_state(callbacks or ())
        self._history: dict[str, list[float]] = {}
        self._weights: Weights | None = None
        self._described: list[list[Any]] = []

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
        self.wait()
        return self._read()[name] if self.path.exists() else otherwise

    def _read(self) -> dict[str, Any]:
        try:
            with np.load(self.path, allow_pickle=False) as file:
                return json.loads(str(file[_STATE]))
        except (ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(f"{self.path} is not a state that BackupAndRestore wrote.") from error

    def wait(self) -> None:
        """Waits until the last epoch is in the file, or raises what kept it from there."""
        if writing := _WRITING.pop(self.path.absolute(), None):
            writing.result()

    def on_train_begin(self, logs=None):
        self.wait()  # for an epoch of a `fit` that raised
        self._history = {}
        self._weights = None
        self.model._initial_epoch = None  # what an earlier `fit` that was resumed has left
        if self._all_of_fit:
            self.callbacks = _with_state(_callbacks_of_fit(self))
        if self.path.exists():
            self._restore()

    def _restore(self):
        if not self.model.built:
            raise ValueError(
                f"{self.path} can only be restored into a built model; give it an Input."
            )
        self.model.optimizer.build(self.model.trainable_variables)
        state = self._read()
        with np.load(self.path, allow_pickle=False) as file:
            arrays = _split(dict(file), state["layout"])
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
                f"BackupAndRestore: {self.path} has all epochs, {state['epoch']}: none is left"
            )

    def _check(self, state: dict[str, Any]):
        saved, ours = [name for name, _ in state["callbacks"]], [*map(_name, self.callbacks)]
        if saved != ours:
            raise ValueError(
                f"{self.path} holds the state of other callbacks: expected {ours}. "
                f"Received: {saved}"
            )
        self._check_variables(state["variables"], self._signature())

    def _check_variables(self, saved: list[list[Any]], ours: list[list[Any]]):
        for was, now in zip(saved, ours, strict=False):
            if was[1] != now[1]:
                raise ValueError(
                    f"{self.path} holds the state of another model: expected a variable "
                    f"{now[0]} of shape {tuple(now[1])}. Received: {was[0]} of {tuple(was[1])}"
                )
        if len(saved) != len(ours):
            raise ValueError(
                f"{self.path} holds the state of another model: expected {len(ours)} variables. "
                f"Received: {len(saved)}"
            )

    def on_train_end(self, logs=None):
        self.model._initial_epoch = None
        epochs = len(next(iter(self.model.history.history.values()), []))
        self.model.history.epoch = list(range(epochs))  # Keras empties it after `on_train_begin`
        self.wait()

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():  # Keras' History comes after all other callbacks
            self._history.setdefault(name, []).append(float(value))
        if self._weights is None:  # only now the optimizer surely has its own
            self._weights, self._described = Weights(self._variables()), self._signature()
        arrays = {f"variable/{i}": _array(a) for i, a in enumerate(self._weights.copies())}
        state = {
            "epoch": epoch + 1,
            "stopped": bool(self.model.stop_training),
            "history": self._history,
            "variables": self._described,
            "callbacks": [
                (_name(callback), _pack(callback.get_state(), f"callback/{i}", arrays))
                for i, callback in enumerate(self.callbacks)
            ],
        }
        joined, state["layout"] = _joined(arrays)
        self.wait()
        content = joined | {_STATE: json.dumps(state)}
        _WRITING[self.path.absolute()] = _WRITER.submit(_write, self.path, content)

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


def _write(path: Path, arrays: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(file, **arrays)
    temporary.replace(path)


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


def _array(value: Any) -> np.ndarray:
    """An array in a type that NumPy's files keep; they forget that of bfloat16."""
    array = np.asarray(value)
    return array.astype("float32") if array.dtype.kind == "V" else array  # exact


def _joined(arrays: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[Any]]:
    """One vector for each dtype, since each file in a zip archive takes its time, and the layout.

    The layout has name, dtype and shape of each array, in the order of the vectors' elements.
    """
    parts: dict[np.dtype, list[np.ndarray]] = {}
    for array in arrays.values():
        parts.setdefault(array.dtype, []).append(array.ravel())
    names = {dtype: dtype.name for dtype in parts}  # making a name takes its time
    layout = [(name, names[array.dtype], array.shape) for name, array in arrays.items()]
    return {names[dtype]: np.concatenate(vectors) for dtype, vectors in parts.items()}, layout


def _split(joined: dict[str, np.ndarray], layout: list[Any]) -> dict[str, np.ndarray]:
    """The inverse of `_joined`."""
    begin = dict.fromkeys(joined, 0)
    arrays = {}
    for name, dtype, shape in layout:
        end = begin[dtype] + math.prod(shape)
        arrays[name] = joined[dtype][begin[dtype] : end].reshape(shape)
        begin[dtype] = end
    return arrays


def _pack(state: dict[str, Any], prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """`state` with its lists of arrays moved to `arrays`, and their count in their place."""
    packed = {}
    for name, value in state.items():
        # `get_weights` gives scalar weights as NumPy scalars, which are no arrays.
        if isinstance(value, list) and value and isinstance(value[0], np.ndarray | np.generic):
            arrays.update({f"{prefix}/{name}/{i}": _array(a) for i, a in enumerate(value)})
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
