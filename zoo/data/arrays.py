"""Readers of data in memory: arrays, nested arrays, and parts of them."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from ..tasks import DataError, Given, Task, recognize
from .source import Source
from .split import ArraySplit
from .text import fit_text

Parts = Mapping[str, tuple[Any, ...]]


def source_of_arrays(
    origin: str,
    parts: Parts,
    *,
    task: Task | str | None = None,
    names: list[str] | None = None,
    fields: Mapping[str, str] | None = None,
    keys: np.ndarray | None = None,
    **options: Any,
) -> Source:
    """Return a source of arrays in memory, with encoded targets.

    Args:
        origin: The source of the arrays, for error messages.
        parts: `(x, y)` or `(x, y, sample_weight)` for "train" and optionally "validation", "test".
        task: The task or its kind; by default recognized from the targets of "train".
        names: The names of the columns of the targets, if they have names.
        fields: The name of the targets of each part in messages, by default `"<origin>: y"`.
        keys: As in `ArraySplit`, of the training part.
        **options: Other fields of `Source`.

    Raises:
        DataError: If the targets or weights cannot be used.
    """
    fields = dict.fromkeys(parts, f"{origin}: y") | dict(fields or {})
    if not isinstance(task, Task):
        task = (
            Given()
            if task == Given.kind
            else recognize(parts["train"][1], fields["train"], task=task, names=names)
        )
    splits = {}
    for part, (x, y, *weights) in parts.items():
        targets = task.encode(y if isinstance(task, Given) else np.asarray(y), fields[part])
        samples = len(keras.tree.flatten(x)[0])
        weight = _weights(weights[0], samples, origin) if weights else None
        splits[part] = ArraySplit(x, targets, weight, keys if part == "train" else None)
    x = parts["train"][0]
    if isinstance(x, np.ndarray) and x.dtype.kind in "OUS":
        options.setdefault("preprocessing", fit_text)
    return Source(origin, task, **splits, **options)


def read_arrays(
    data: tuple[Any, ...],
    *,
    validation: tuple[Any, ...] | None = None,
    test: tuple[Any, ...] | None = None,
    task: Task | str | None = None,
) -> Source:
    """Read `(x, y)` or `(x, y, sample_weight)` in memory.

    Args:
        data: x is an array `(samples, ...)` of numbers, or several by input name; y are targets as
            `recognize` takes them.
        validation: The validation part in the same form, or `None`.
        test: The test part in the same form, or `None`.
        task: As in `load_data`.

    Raises:
        DataError: If an array cannot be used; the message names it.
    """
    given = {"train": data, "validation": validation, "test": test}
    parts, fields = {}, {}
    for part, pair in given.items():
        if pair is not None:
            argument = "data" if part == "train" else part
            parts[part] = _checked_part(argument, pair)
            fields[part] = f"y of `{argument}`"
    names = _column_names(data[1])
    _check_shapes(parts)
    return source_of_arrays("arrays", parts, task=task, names=names, fields=fields)


def _checked_part(argument: str, pair: Any) -> tuple[Any, ...]:
    if not isinstance(pair, tuple | list) or not 2 <= len(pair) <= 3 or pair[1] is None:
        raise DataError(
            f"`{argument}` must be (x, y) or (x, y, sample_weight). "
            f"Received: {type(pair).__name__}"
            + (f" of {len(pair)}" if isinstance(pair, tuple | list) else "")
        )
    x, y, *weights = pair
    x = checked_features(x, f"x of `{argument}`")
    rows = {len(array) for array in keras.tree.flatten(x)}
    targets = [y] if isinstance(y, list) else keras.tree.flatten(y)
    shapes = [np.shape(array) for array in targets]
    if rows != {shape[0] if shape else 0 for shape in shapes}:
        raise DataError(
            f"`{argument}` must have as many targets as samples. "
            f"Received: {sorted(rows)} samples and targets of shape {shapes}"
        )
    return (x, y, *(weight for weight in weights if weight is not None))


def checked_features(x: Any, field: str) -> Any:
    """Return features as an array of finite numbers or of strings, or a dict of such arrays.

    Raises:
        DataError: If they have another type or shape, are not finite, or are empty.
    """
    if isinstance(x, Mapping):
        return {str(name): checked_features(part, f"{field}[{name!r}]") for name, part in x.items()}
    array = np.asarray(x)
    if array.dtype.kind in "OUS" and all(isinstance(v, str | bytes) for v in array.ravel()):
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim == 1 and len(array):
            return array.astype(object)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{field}: features must be real numbers. Received: {array.dtype}.")
    if not 2 <= array.ndim <= 4 or 0 in array.shape:
        raise DataError(
            f"{field}: features must have shape (samples, features), (samples, steps, channels) or "
            f"(samples, height, width, channels), nothing empty. Received: {array.shape}."
        )
    if array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):  # a value beyond float32 becomes infinite, an error below
        array = array.astype("float32")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise DataError(
            f"{field}: features must be finite float32. Received: {array[tuple(bad[0])]} at "
            f"{bad[0].tolist()}."
        )
    return array


def _check_shapes(parts: Parts) -> None:
    shapes = {
        part: keras.tree.map_structure(lambda array: list(array.shape[1:]), pair[0])
        for part, pair in parts.items()
    }
    for part, shape in shapes.items():
        if shape != shapes["train"]:
            raise DataError(
                f"x of `{part}` must have the shape of the training samples, {shapes['train']}. "
                f"Received: {shape}."
            )
    if len({len(pair) for pair in parts.values()}) > 1:
        raise DataError("Give sample weights in all parts of the data, or in none.")


def _column_names(y: Any) -> list[str] | None:
    """Return the names of the columns of a DataFrame or the name of a Series, if they have any."""
    if hasattr(y, "columns"):
        return [str(name) for name in y.columns]
    return [str(y.name)] if getattr(y, "name", None) is not None else None


def _weights(weights: Any, samples: int, origin: str) -> np.ndarray:
    array = np.asarray(weights)
    if array.dtype.kind not in "biuf" or array.shape not in ((samples,), (samples, 1)):
        raise DataError(
            f"{origin}: sample weights must be numbers of shape ({samples},). "
            f"Received: shape {array.shape} of {array.dtype}."
        )
    if not np.isfinite(array).all() or array.min() < 0 or not array.any():
        raise DataError(f"{origin}: sample weights must be finite, >= 0, and not all 0.")
    return array.reshape(-1).astype("float32")
