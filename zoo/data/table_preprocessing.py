"""The preprocessing of a table: one Keras model from its columns to a row of numbers."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ..tasks import DataError

_MISSING, _UNKNOWN = -(2**31), -(2**30)  # beyond the integers of a category
CALENDAR = ("days", "year", "month", "day", "weekday", "hour")


def fit_table(split: Any, origin: str, *, kinds: Mapping[str, str]) -> keras.Model:
    """Return the model from the columns of a table to standardized features.

    Numbers and the parts of dates are standardized; a missing one becomes the mean, with an
    indicator of its own if the training part misses some. Categories are one-hot, with one more
    place, the first, for values that the training part does not have, and one for missing values,
    if it has some. A constant number is only shifted, to 0.

    Args:
        split: The training part, an `ArraySplit` of the columns by name.
        origin: The source of the table, for error messages.
        kinds: "number", "category" or "date" for each column.

    Returns:
        A model from a dict of tensors `(batch,)`, float32 or string, to `(batch, features)`.
    """
    columns = split.features
    inputs = {
        name: keras.Input((), name=name, dtype="string" if _holds_strings(values) else "float32")
        for name, values in columns.items()
    }

    def free(name: str) -> str:  # of a layer; inputs have the names of the columns
        return free(f"{name}_") if name in columns else name

    numbers, samples, names, encoded = [], [], [], []
    for name, kind in kinds.items():
        tensor = ops.expand_dims(inputs[name], -1)
        if kind == "number":
            numbers.append(tensor)
            names.append(name)
            samples.append(np.asarray(columns[name], "float64")[:, None])
        elif kind == "date":
            layer = CalendarParts(name=free(f"{name}_parts"))
            numbers.append(layer(inputs[name]))
            names += [name] * len(CALENDAR)
            samples.append(np.asarray(layer(tf.constant(columns[name])), "float64"))
        else:
            encoded.append(_one_hot(free(f"{name}_lookup"), tensor, columns[name]))
    if numbers:
        layer = _normalization(np.concatenate(samples, 1), names, origin, free("standardization"))
        encoded = [*_standardized(numbers, np.concatenate(samples, 1), layer), *encoded]
    output = ops.concatenate(encoded, axis=-1) if len(encoded) > 1 else encoded[0]
    return keras.Model(inputs, output, name="table_preprocessing")


def _holds_strings(values: np.ndarray) -> bool:
    return values.dtype.kind in "OUS"


def _normalization(
    samples: np.ndarray, names: list[str], origin: str, layer_name: str
) -> keras.layers.Normalization:
    """Return the layer that standardizes columns, whose missing values are NaN."""
    if (empty := np.isnan(samples).all(axis=0)).any():
        raise DataError(
            f"{origin}: column {names[int(np.argmax(empty))]!r} has no value in the training part. "
            "Leave it out with `drop`."
        )
    mean, variance = np.nanmean(samples, axis=0), np.nanvar(samples, axis=0)
    variance[variance <= (np.finfo("float32").eps * mean) ** 2] = 1.0  # constant
    if (large := variance > np.finfo("float32").max).any():
        raise DataError(
            f"{origin}: column {names[int(np.argmax(large))]!r}: the variance must fit float32 (at "
            "most 3.4e38). Rescale it."
        )
    return keras.layers.Normalization(
        mean=mean.tolist(), variance=variance.tolist(), dtype="float32", name=layer_name
    )


def _standardized(
    numbers: list[Any], samples: np.ndarray, layer: keras.layers.Normalization
) -> list[Any]:
    """Return the standardized numbers, and an indicator for each column that misses values."""
    joined = ops.concatenate(numbers, axis=-1) if len(numbers) > 1 else numbers[0]
    unknown = ops.isnan(joined)
    standardized = ops.where(unknown, 0.0, layer(joined))
    missing = np.flatnonzero(np.isnan(samples).any(axis=0)).tolist()
    if not missing:
        return [standardized]
    return [standardized, ops.take(ops.cast(unknown, "float32"), missing, axis=-1)]


def _one_hot(name: str, tensor: Any, values: np.ndarray) -> Any:
    """Return the one-hot encoding `(batch, categories + 1)` of a column `(batch, 1)`."""
    if _holds_strings(values):
        vocabulary = np.unique(values.astype(str)).tolist()
        unknown = "[UNK]"
        while unknown in vocabulary:  # a name that no category has
            unknown += "_"
        lookup = keras.layers.StringLookup(
            vocabulary=vocabulary,
            oov_token=unknown,
            output_mode="one_hot",
            dtype="float32",
            name=name,
        )
        return lookup(tensor)
    present = np.unique(values[~np.isnan(values)]).astype("int64").tolist()
    lookup = keras.layers.IntegerLookup(
        vocabulary=[_MISSING, *present] if np.isnan(values).any() else present,
        oov_token=_UNKNOWN,
        output_mode="one_hot",
        dtype="float32",
        name=name,
    )
    whole = ops.where(ops.equal(tensor, ops.floor(tensor)), tensor, float(_UNKNOWN))
    return lookup(ops.cast(ops.where(ops.isnan(tensor), float(_MISSING), whole), "int64"))


@keras.saving.register_keras_serializable(package="occam")
class CalendarParts(keras.layers.Layer):
    """Splits ISO 8601 dates into numbers: days since 1970, year, month, day, weekday, hour.

    Days have a fraction, to the minute, and Monday is 0. Time zones are ignored. What is not a
    date becomes NaN.

    Shapes: Strings `(batch,)`, "YYYY-MM-DD" or "YYYY-MM-DDTHH:MM:SS". Returns float32 `(batch, 6)`.

    Example:

    >>> CalendarParts()(["1970-01-02T12:00:00"])[0].numpy().tolist()
    [1.5, 1970.0, 1.0, 2.0, 4.0, 12.0]

    Reference: Hinnant, chrono-Compatible Low-Level Date Algorithms, 2013, `days_from_civil`.
    """

    def call(self, inputs):
        texts = tf.convert_to_tensor(inputs)
        pattern = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?.*)?"
        valid = tf.strings.regex_full_match(texts, pattern)
        texts = tf.where(valid, texts, "1970-01-01")
        padded = tf.strings.join([texts, "0" * 16])  # `substr` refuses to start behind the end
        has_time = tf.strings.length(texts) >= 16

        def number(start: int, length: int, present: Any = None) -> Any:
            part = tf.strings.substr(padded, start, length)
            if present is not None:
                part = tf.where(present, part, "0")
            return tf.strings.to_number(part, tf.int32)

        year, month, day = number(0, 4), number(5, 2), number(8, 2)
        hour, minute = number(11, 2, has_time), number(14, 2, has_time)
        for part, low, high in ((month, 1, 12), (day, 1, 31), (hour, 0, 23), (minute, 0, 59)):
            valid &= (low <= part) & (part <= high)
        days = _days_from_civil(year, month, day)
        fraction = tf.cast(60 * hour + minute, tf.float32) / 1440.0
        weekday = tf.math.floormod(days + 3, 7)  # 1970-01-01 was a Thursday
        parts = [tf.cast(part, tf.float32) for part in (days, year, month, day, weekday, hour)]
        parts[0] += fraction
        stacked = tf.stack(parts, axis=-1)
        return tf.where(valid[..., None], stacked, float("nan"))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((*inputs.shape, len(CALENDAR)), "float32")


def _days_from_civil(year: Any, month: Any, day: Any) -> Any:
    """Return the days since 1970-01-01 in the Gregorian calendar, int32."""
    year = year - tf.cast(month <= 2, tf.int32)
    era = tf.math.floordiv(year, 400)
    of_era = year - era * 400
    of_year = (153 * tf.math.floormod(month + 9, 12) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
