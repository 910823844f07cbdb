"""`StateFile`: JSON and arrays in one file, which is whole whenever the process is killed."""

import json
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["StateFile"]

_STATE = "state"  # of the arrays in the file, the one that is text


class StateFile:
    """A file that is replaced as a whole.

    Args:
        path: the file, in a directory that is made if it is missing.
        double: whether the file before is kept as well, as `<path>.bkp`, for when the last one is
            damaged.

    >>> import tempfile
    >>> file = StateFile(Path(tempfile.mkdtemp()) / "state.npz")
    >>> file.write({"epoch": 3}, {"weight": np.ones(2)})
    >>> file.read()
    ({'epoch': 3}, {'weight': array([1., 1.])})
    """

    def __init__(self, path: str | os.PathLike[str], *, double: bool = False):
        self.path = Path(path)
        self.double = double
        self.previous = self.path.with_name(f"{self.path.name}.bkp")
        self.temporary = self.path.with_suffix(".tmp")

    def exists(self) -> bool:
        """Whether there is anything to read."""
        return self.path.exists() or self.previous.exists()

    def write(self, state: dict[str, Any], arrays: Mapping[str, Any]) -> None:
        """Replaces the file.

        Args:
            state: what JSON can say.
            arrays: by name. bfloat16 is read back as float32.
        """
        joined, layout = _joined(arrays)
        text = np.asarray(json.dumps({"state": state, "layout": layout}))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.temporary.open("wb") as file:
            np.savez(file, **joined, **{_STATE: text})  # type: ignore[arg-type]
        if self.double and self.path.exists():
            self.path.replace(self.previous)
        self.temporary.replace(self.path)

    def read(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What was written last, or before that if this is damaged.

        Raises:
            ValueError: there is no file that was written by `write`.
        """
        damage: Exception | None = None
        for path in filter(Path.exists, (self.path, self.previous)):
            try:
                with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                    content = dict(file)
                text = json.loads(str(content.pop(_STATE)))
                return text["state"], _split(content, text["layout"])
            except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                damage = error
        raise ValueError(f"{self.path} is missing, damaged, or no state of ours.") from damage

    def delete(self) -> None:
        """Removes what `write` has made, and the directory if nothing else is in it."""
        for path in (self.path, self.previous, self.temporary):
            path.unlink(missing_ok=True)
        if self.path.parent.exists() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()


def _joined(arrays: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], list[Any]]:
    """One vector for each dtype, since each file in a zip archive takes its time, and the layout.

    The layout has name, dtype and shape of each array, in the order of the vectors' elements.
    """
    parts: dict[np.dtype, list[np.ndarray]] = {}
    kept = {name: _storable(array) for name, array in arrays.items()}
    for array in kept.values():
        parts.setdefault(array.dtype, []).append(array.ravel())
    names = {dtype: dtype.name for dtype in parts}  # making a name takes its time
    layout = [(name, names[array.dtype], array.shape) for name, array in kept.items()]
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


def _storable(value: Any) -> np.ndarray:
    """An array in a type that NumPy's files keep; they forget that of bfloat16."""
    array = np.asarray(value)
    return array.astype("float32") if array.dtype.kind == "V" else array  # exact
