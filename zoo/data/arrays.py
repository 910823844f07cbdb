"""Readers of data in memory: arrays, nested arrays, and parts of them."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from ...exports.inference import is_argument
from ..tasks import DataError, Given, Task, recognize, strings, target_array
from .source import Source
from .split import ArraySplit
from .table_columns import plain
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
    found = task is None
    if not isinstance(task, Task):
        task = (
            Given()
            if task == Given.kind
            else recognize(parts["train"][1], fields["train"], task=task, names=names)
        )
    splits = {}
    for part, (x, y, *weights) in parts.items():
        targets = task.encode(y if isinstance(task, Given) else target_array(y), fields[part])
        samples = len(keras.tree.flatten(x)[0])
        weight = checked_weights(weights[0], samples, origin) if weights else None
        splits[part] = ArraySplit(x, targets, weight, keys if part == "train" else None)
    if is_text(parts["train"][0]):
        options.setdefault("preprocessing", fit_text)
    return Source(origin, task, **splits, task_found=found, **options)


def is_text(x: Any) -> bool:
    """Return whether features are one array of strings."""
    return isinstance(x, np.ndarray) and x.dtype.kind in "OUS"


def read_arrays(
    data: tuple[Any, ...],
    *,
    validation: tuple[Any, ...] | None = None,
    test: tuple[Any, ...] | None = None,
    task: Task | str | None = None,
) -> Source:
    """Read `(x, y)` or `(x, y, sample_weight)` in memory.

    Args:
        data: x is an array `(samples, ...)` of numbers, several by input name, or texts
            `(samples,)`; y are targets as `recognize` takes them.
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
            argument = "source" if part == "train" else part
            parts[part] = _checked_part(argument, pair, nested=task == Given.kind)
            fields[part] = f"y of `{argument}`"
    names = _column_names(data[1])
    _check_shapes(parts)
    return source_of_arrays("arrays", parts, task=task, names=names, fields=fields)


def _checked_part(argument: str, pair: Any, *, nested: bool) -> tuple[Any, ...]:
    """Return `(x, y)` or `(x, y, sample_weight)`; only `nested` targets may be several arrays."""
    if not isinstance(pair, tuple | list) or not 2 <= len(pair) <= 3 or pair[1] is None:
        raise DataError(
            f"`{argument}` must be (x, y) or (x, y, sample_weight). "
            f"Received: {type(pair).__name__}"
            + (f" of {len(pair)}" if isinstance(pair, tuple | list) else "")
        )
    x, y, *weights = pair
    y = Given().encode(y, "") if nested else _one_array(y, f"y of `{argument}`")
    shapes = [array.shape for array in keras.tree.flatten(y)]
    if shapes and _are_inputs(x, shapes[0][:1]):
        raise DataError(
            f"x of `{argument}`: several inputs need names. Pass {{'a': x1, 'b': x2}} in place of "
            f"a {type(x).__name__} of {len(x)} arrays."
        )
    x = checked_features(x, f"x of `{argument}`")
    rows = sorted({len(array) for array in keras.tree.flatten(x)})
    if len(rows) > 1 or any(shape[:1] != (rows[0],) for shape in shapes):
        raise DataError(
            f"`{argument}` must have as many targets as samples. Received: "
            f"{' and '.join(map(str, rows))} samples, and targets of shape "
            f"{', '.join(map(str, shapes))}."
        )
    return (x, y, *(weight for weight in weights if weight is not None))


def _are_inputs(x: Any, samples: tuple[int, ...]) -> bool:
    """Return whether a list holds an array for each input, not one for each sample."""
    return (
        isinstance(x, tuple | list)
        and (len(x),) not in ((0,), samples)
        and all(getattr(array, "shape", (None,))[:1] == samples for array in x)
    )


def _one_array(y: Any, field: str) -> np.ndarray:
    if hasattr(y, "isna") and (missing := int(np.sum(np.asarray(y.isna())))):  # of pandas
        raise DataError(f"{field}: targets must not be missing. Received: {missing} missing.")
    if hasattr(y, "columns"):
        y = np.stack([plain(y[name]) for name in y.columns], axis=1)
    elif hasattr(y, "to_numpy"):
        y = plain(y)
    try:
        return np.asarray(y)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"{field} must be one array ({error}).") from error


def checked_features(x: Any, field: str) -> Any:
    """Return features as an array of finite numbers or of texts, or a dict of arrays of numbers.

    Raises:
        DataError: If they have another type or shape, are not finite, or are empty.
    """
    if not isinstance(x, Mapping):
        return _checked_array(x, field)
    if not x:
        raise DataError(f"{field}: at least one array is needed. Received: none.")
    check_input_names(x, field)
    features = {
        name: _checked_array(part, f"{field}[{name!r}]", several=True) for name, part in x.items()
    }
    if texts := [name for name, array in features.items() if is_text(array)]:
        raise DataError(
            f"{field}[{texts[0]!r}]: a text must be the only input. For categories among "
            "numbers, pass a DataFrame with target='NAME'."
        )
    return features


def check_input_names(names: Iterable[Any], field: str, advice: str = "") -> None:
    """Raise a `DataError` unless all names can be those of inputs of a served model."""
    wrong = [name for name in names if not (isinstance(name, str) and is_argument(name))]
    if wrong:
        raise DataError(
            f"{field}: the names of inputs must be strings of ASCII letters, digits and "
            "underscores, a letter first, and no Python keywords or 'self'. Received: "
            f"{', '.join(map(repr, wrong[:3]))}{', ...' if len(wrong) > 3 else ''}.{advice}"
        )


def _checked_array(x: Any, field: str, *, several: bool = False) -> np.ndarray:
    """Return one array; if it is one of several, `(samples,)` numbers become one column."""
    if isinstance(x, Mapping):
        raise DataError(f"{field} must be one array; inputs must not be nested. Received: a dict.")
    try:
        array = np.asarray(x)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"{field} must be one array, or a dict of arrays ({error}).") from error
    if array.dtype.kind in "OUS" and any(isinstance(value, str | bytes) for value in array.flat):
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim == 1:
            return strings(array, field, "texts")
    if several and array.ndim == 1:
        array = array[:, None]
    if array.dtype.kind not in "biuf":
        hint = " Pass a DataFrame with target='NAME'." if hasattr(x, "columns") else ""
        raise DataError(f"{field}: features must be real numbers. Received: {array.dtype}.{hint}")
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
        part: {name: array.shape[1:] for name, array in pair[0].items()}
        if isinstance(pair[0], dict)
        else pair[0].shape[1:]
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


def checked_weights(weights: Any, samples: int, origin: str) -> np.ndarray:
    """Return sample weights as float32 `(samples,)`; raise a `DataError` if they are not valid."""
    array = np.asarray(weights)
    if array.dtype.kind not in "biuf" or array.shape not in ((samples,), (samples, 1)):
        raise DataError(
            f"{origin}: sample weights must be numbers of shape ({samples},). "
            f"Received: shape {array.shape} of {array.dtype}."
        )
    if not np.isfinite(array).all() or array.min() < 0 or not array.any():
        raise DataError(f"{origin}: sample weights must be finite, >= 0, and not all 0.")
    return array.reshape(-1).astype("float32")
