"""A file of JSON and arrays that is replaced atomically."""

import json
import math
import os
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

_STATE = "state"  # the name of the JSON text among the arrays of the file
_ARRAY = "array of the file"  # the key in the JSON that refers to an array


class StateFile:
    """A file with one complete state, whenever the process is killed.

    If `double`, it keeps the previous file as `<path>.bkp`, in case the last one is damaged.

    >>> import tempfile
    >>> file = StateFile(Path(tempfile.mkdtemp()) / "state.npz")
    >>> file.write({"epoch": 3, "weights": [np.ones(2)]})
    >>> file.read()
    {'epoch': 3, 'weights': [array([1., 1.])]}
    """

    def __init__(self, path: str | os.PathLike[str], *, double: bool = False):
        self.path = Path(path)
        self.double = double
        self.previous = self.path.with_name(f"{self.path.name}.bkp")
        self.temporary = self.path.with_suffix(".tmp")

    def exists(self) -> bool:
        return self.path.exists() or self.previous.exists()

    def write(self, state: dict[str, Any]) -> None:
        """Write nested JSON values, arrays and tensors; bfloat16 is read back as float32."""
        arrays: dict[str, Any] = {}
        packed = _pack(state, "", arrays)
        joined, layout = _join(arrays)
        text = np.asarray(json.dumps({"state": packed, "layout": layout}))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.temporary.open("wb") as file:
            np.savez(file, **joined, **{_STATE: text})  # type: ignore[arg-type]
        if self.double and self.path.exists():
            self.path.replace(self.previous)
        self.temporary.replace(self.path)

    def read(self) -> dict[str, Any]:
        """Return the last state, or the previous one if the last is damaged."""
        damage: Exception | None = None
        for path in filter(Path.exists, (self.path, self.previous)):
            try:
                with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                    content = dict(file)
                text = json.loads(str(content.pop(_STATE)))
                return _unpack(text["state"], _split(content, text["layout"]))
            except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                damage = error
        raise ValueError(
            f"Could not read a state from '{self.path}': the file is missing or damaged, or is not "
            "a state of BackupAndRestore. Delete it to train from the beginning."
        ) from damage

    def delete(self) -> None:
        """Delete the files, and the directory if it is empty then."""
        for path in (self.path, self.previous, self.temporary):
            path.unlink(missing_ok=True)
        if self.path.parent.exists() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()


def _pack(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    """Return `value` with its arrays moved to `arrays` and replaced by references."""
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
            f"A state must consist of JSON values and arrays. Received: {value!r} at {name[1:]}"
        )
    return value


def _unpack(packed: Any, arrays: dict[str, Any]) -> Any:
    """Undo `_pack`."""
    if isinstance(packed, dict):
        if _ARRAY in packed:
            return arrays[packed[_ARRAY]][()]  # an array without axes becomes a NumPy scalar
        return {key: _unpack(each, arrays) for key, each in packed.items()}
    return [_unpack(each, arrays) for each in packed] if isinstance(packed, list) else packed


def _join(arrays: dict[str, Any]) -> tuple[dict[str, np.ndarray], list[Any]]:
    """Return one vector per dtype, and the name, dtype and shape of each array in their order.

    Every member of a zip archive takes time.
    """
    parts: dict[np.dtype, list[np.ndarray]] = {}
    for name, array in arrays.items():
        if array.dtype.kind == "V":  # bfloat16, which float32 holds exactly
            arrays[name] = array.astype("float32")
        parts.setdefault(arrays[name].dtype, []).append(arrays[name].ravel())
    names = {dtype: dtype.name for dtype in parts}  # `dtype.name` is slow
    layout = [(name, names[array.dtype], array.shape) for name, array in arrays.items()]
    return {names[dtype]: np.concatenate(vectors) for dtype, vectors in parts.items()}, layout


def _split(joined: dict[str, np.ndarray], layout: list[Any]) -> dict[str, np.ndarray]:
    """Undo `_join`."""
    begin = dict.fromkeys(joined, 0)
    arrays = {}
    for name, dtype, shape in layout:
        end = begin[dtype] + math.prod(shape)
        arrays[name] = joined[dtype][begin[dtype] : end].reshape(shape)
        begin[dtype] = end
    return arrays
