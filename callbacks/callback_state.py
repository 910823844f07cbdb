"""The state of callbacks, including Keras' own, for a resumed training."""

import csv
import dis
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np

# The attributes of the callbacks of Keras 3.15 that a resumed training needs, by class. Everything
# else that they change (learning rates, weights) is a variable of the optimizer or the model.
_SAVED = {
    "EarlyStopping": ("best", "best_epoch", "best_weights", "stopped_epoch", "wait"),
    "ModelCheckpoint": ("best", "_batches_seen_since_last_saving", "_last_batch_seen"),
    "OrbaxCheckpoint": (
        *("best", "_batches_seen_since_last_saving", "_last_batch_seen", "_total_batches_seen"),
    ),
    "ReduceLROnPlateau": ("best", "cooldown_counter", "wait"),
    "SwapEMAWeights": ("_ema_weights_in_model",),
    "TensorBoard": ("_global_test_batch", "_global_train_batch"),
}

# Attributes that change in training, but need not be saved; "*" stands for all of a class.
_TRANSIENT = {
    "BackupAndRestore": "*",
    "CSVLogger": ("append_header", "csv_file", "keys", "writer"),  # see `_csv_state`
    "EarlyStopping": ("min_delta", "monitor_op"),
    "History": ("epoch", "history"),  # kept by `BackupAndRestore` itself
    "ModelCheckpoint": ("_current_epoch", "min_delta", "monitor_op"),
    "OrbaxCheckpoint": ("_async_futures", "min_delta", "monitor_op"),
    "ProgbarLogger": ("_called_in_fit", "progbar", "seen", "target"),
    "ReduceLROnPlateau": ("min_delta", "monitor_op"),
    "TensorBoard": (
        *("_batch_start_time", "_batch_trace_context", "_epoch_start_time", "_is_tracing"),
        *("_prev_summary_state", "_previous_epoch_iterations", "_profiler_started"),
        *("_should_write_train_graph", "_summary_module", "_writers"),
    ),
    "TqdmCallback": "*",  # the progress bar of tqdm
}

# An attribute that one of these methods assigns without a read, such as the time, needs no saving.
_BEGINNINGS = ("on_epoch_begin", "on_train_batch_begin", "on_batch_begin", "on_test_begin")

# Limits for the comparison of attributes: nested containers, elements, and bytes of an array.
_DEPTH, _LENGTH, _BYTES = 4, 1000, 1_000_000


def has_state(callback: Any) -> bool:
    """Return whether a callback has a state to save."""
    return _has_methods(callback) or bool(_saved(callback)) or _is_csv_logger(callback)


def get_state(callback: Any) -> dict[str, Any]:
    """Return the state of a callback that has one."""
    if _has_methods(callback):
        return callback.get_state()
    if _is_csv_logger(callback):
        return _csv_state(callback)
    return {name: getattr(callback, name) for name in _saved(callback)}


def set_state(callback: Any, state: dict[str, Any]) -> None:
    """Restore a state that `get_state` returned, after the callback's `on_train_begin`."""
    if _has_methods(callback):
        callback.set_state(state)
    elif _is_csv_logger(callback):
        _set_csv_state(callback, state)
    else:
        for name, value in state.items():
            setattr(callback, name, value)


class Changes:
    """A detector of attributes that callbacks change from their first epoch on, but do not save.

    It ignores callbacks with the methods `get_state` and `set_state`.
    """

    def __init__(self, callbacks: Iterable[Any]):
        watched = [c for c in callbacks if not _has_methods(c) and _transient(c) is not None]
        self._before = [(callback, _attributes(callback)) for callback in watched]

    def lost(self) -> list[tuple[Any, list[str]]]:
        """Return changed callbacks with the names of their attributes, each callback once."""
        found = []
        for callback, before in self._before:
            now = _attributes(callback)
            if names := sorted(name for name in now if now[name] != before.get(name)):
                found.append((callback, names))
        reported = {id(callback) for callback, _ in found}
        self._before = [pair for pair in self._before if id(pair[0]) not in reported]
        return found


def _has_methods(callback: Any) -> bool:
    return hasattr(callback, "get_state") and hasattr(callback, "set_state")


def _classes(callback: Any) -> list[str]:
    """Return the names of a callback's base classes in Keras and tqdm."""
    kinds = type(callback).__mro__
    return [k.__name__ for k in kinds if k.__module__.partition(".")[0] in ("keras", "tqdm")]


def _saved(callback: Any) -> list[str]:
    names = [name for kind in _classes(callback) for name in _SAVED.get(kind, ())]
    return [name for name in names if hasattr(callback, name)]  # they depend on the version


def _transient(callback: Any) -> set[str] | None:
    """Return the names of attributes that need not be saved, or `None` for all of them."""
    transient = [_TRANSIENT.get(kind, ()) for kind in _classes(callback)]
    if "*" in transient:
        return None
    assigned = [_assigned(getattr(type(callback), name, None)) for name in _BEGINNINGS]
    return {"_model", "params"}.union(*transient, *assigned)


def _assigned(method: Any) -> set[str]:
    """Return the names of attributes that a method assigns and does not read."""
    if not hasattr(method, "__code__"):
        return set()
    operations = [*dis.get_instructions(method)]
    stored = {o.argval for o in operations if o.opname == "STORE_ATTR"}
    return stored - {o.argval for o in operations if o.opname == "LOAD_ATTR"}


def _attributes(callback: Any) -> dict[str, Any]:
    """Return the other attributes, neither saved nor transient, in comparable form."""
    known = {*(_transient(callback) or ()), *_saved(callback)}
    return {n: _comparable(value) for n, value in vars(callback).items() if n not in known}


def _comparable(value: Any, depth: int = 0) -> Any:
    """Return an immutable stand-in for a value, which changes when the value does."""
    if isinstance(value, keras.Variable):
        value = keras.ops.convert_to_numpy(value)
    if isinstance(value, np.ndarray | np.generic):
        return value.tobytes() if value.nbytes <= _BYTES else id(value)
    if isinstance(value, str | bytes | int | float | complex | None):
        return repr(value)  # a NaN equals itself
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, dict):
        value = [*value.items()]
    if not isinstance(value, list | tuple | set | frozenset | deque) or depth == _DEPTH:
        return id(value)
    if len(value) > _LENGTH:
        return len(value)
    return [_comparable(each, depth + 1) for each in value]


# `CSVLogger` empties its file when training begins, or appends and repeats epochs. So the state
# contains the text of the file.


def _is_csv_logger(callback: Any) -> bool:
    return isinstance(callback, keras.callbacks.CSVLogger) and "://" not in callback.filename


def _csv_state(logger: Any) -> dict[str, Any]:
    if not Path(logger.filename).exists():  # it was deleted
        return {"keys": logger.keys, "text": ""}
    with Path(logger.filename).open(newline="") as file:
        return {"keys": logger.keys, "text": file.read()}


def _set_csv_state(logger: Any, state: dict[str, Any]) -> None:
    if logger.csv_file:
        logger.csv_file.close()
    Path(logger.filename).write_text(state["text"], newline="")
    logger.csv_file = Path(logger.filename).open("a")  # noqa: SIM115, closed by the logger
    logger.keys = state["keys"]
    if logger.keys is not None:  # else the logger writes the header with its first row
        names = ["epoch", *logger.keys]
        logger.writer = csv.DictWriter(logger.csv_file, names, delimiter=logger.sep)
