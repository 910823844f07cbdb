"""The preprocessing of a table: one Keras model from its columns to a row of numbers."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ..tasks import DataError
from .robust_scale import robust_scale

_MISSING, _UNKNOWN = -(2**31), -(2**30)  # beyond the integers of a category
CALENDAR = ("days", "year", "month", "day", "weekday", "hour")
_DATE = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?"


def fit_table(
    split: Any, origin: str, *, kinds: Mapping[str, str], robust: bool = False
) -> keras.Model:
    """Return the model from the columns of a table to standardized features.

    Numbers and the parts of dates are standardized, or go through `RobustScale` if `robust`; a
    missing one becomes the mean or the median, with an indicator of its own if the training part
    misses some. Categories are one-hot, with one more
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
    inputs: dict[str, Any] = {
        name: keras.Input((), name=name, dtype="string" if _holds_strings(values) else "float32")
        for name, values in columns.items()
    }

    def free(name: str) -> str:  # every layer has a name, and inputs have those of the columns
        return free(f"{name}_") if name in columns else name

    numbers, samples, names, encoded = [], [], [], []
    for name, kind in kinds.items():
        values = columns[name]
        if kind == "date":
            layer = CalendarParts(name=free(f"{name}_parts"))
            numbers.append(layer(inputs[name]))
            samples.append(np.asarray(layer(tf.constant(values)), "float64"))
            names += [name] * len(CALENDAR)
            continue
        tensor = keras.layers.Reshape((1,), dtype=inputs[name].dtype, name=free(f"{name}_column"))(
            inputs[name]
        )
        if kind == "number":
            numbers.append(tensor)
            samples.append(np.asarray(values, "float64")[:, None])
            names.append(name)
        elif _holds_strings(values):
            encoded.append(_string_lookup(values, free(f"{name}_lookup"))(tensor))
        else:
            integers = WholeNumbers(_UNKNOWN, _MISSING, name=free(f"{name}_integer"))(tensor)
            encoded.append(_integer_lookup(values, free(f"{name}_lookup"))(integers))
    if numbers:
        table = np.concatenate(samples, axis=1)
        _check_present(table, names, origin)
        if robust:
            words = [f"column {name!r}" for name in names]
            standardize = robust_scale(table, words, origin, free("robust_scale"))
        else:
            standardize = _normalization(table, names, origin, free("standardization"))
        missing = np.flatnonzero(np.isnan(table).any(axis=0)).tolist()
        joined = standardize(_joined(numbers, free("numbers")))
        encoded.insert(0, FilledNumbers(missing, name=free("filled"))(joined))
    return keras.Model(inputs, _joined(encoded, free("features")), name="table_preprocessing")


def _holds_strings(values: np.ndarray) -> bool:
    return values.dtype.kind in "OUS"


def _joined(tensors: list[Any], name: str) -> Any:
    if len(tensors) == 1:
        return tensors[0]
    return keras.layers.Concatenate(dtype="float32", name=name)(tensors)


def _check_present(samples: np.ndarray, names: list[str], origin: str) -> None:
    if (empty := np.isnan(samples).all(axis=0)).any():
        raise DataError(
            f"{origin}: column {names[int(np.argmax(empty))]!r} has no value in the training part. "
            "Leave it out with `drop`."
        )


def _normalization(
    samples: np.ndarray, names: list[str], origin: str, layer_name: str
) -> keras.layers.Normalization:
    """Return the layer that standardizes columns, whose missing values are NaN."""
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


def _string_lookup(values: np.ndarray, name: str) -> keras.layers.StringLookup:
    vocabulary = np.unique(values.astype(str)).tolist()
    unknown = "[UNK]"
    while unknown in vocabulary:  # a name that no category has
        unknown += "_"
    return keras.layers.StringLookup(
        vocabulary=vocabulary,
        oov_token=unknown,
        output_mode="one_hot",
        dtype="float32",
        name=name,
    )


def _integer_lookup(values: np.ndarray, name: str) -> keras.layers.IntegerLookup:
    present = np.unique(values[~np.isnan(values)]).astype("int64").tolist()
    return keras.layers.IntegerLookup(
        vocabulary=[_MISSING, *present] if np.isnan(values).any() else present,
        oov_token=_UNKNOWN,
        output_mode="one_hot",
        dtype="float32",
        name=name,
    )


@keras.saving.register_keras_serializable(package="occam")
class FilledNumbers(keras.layers.Layer):
    """Replace NaN by 0, the mean or median of a scaled number, and append indicators of NaN.

    Args:
        indicated: The positions of the columns that get an indicator, 1 for NaN and else 0.

    Shapes: Float32 `(batch, numbers)`. Returns float32 `(batch, numbers + len(indicated))`.

    Example:

    >>> FilledNumbers([1])(np.array([[2.0, np.nan], [np.nan, 3.0]])).numpy().tolist()
    [[2.0, 0.0, 1.0], [0.0, 3.0, 0.0]]
    """

    def __init__(self, indicated, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.indicated = list(indicated)

    def call(self, inputs):
        unknown = ops.isnan(inputs)
        filled = ops.where(unknown, 0.0, inputs)
        if not self.indicated:
            return filled
        indicators = ops.take(ops.cast(unknown, "float32"), self.indicated, axis=-1)
        return ops.concatenate([filled, indicators], axis=-1)

    def get_config(self):
        return {**super().get_config(), "indicated": self.indicated}


@keras.saving.register_keras_serializable(package="occam")
class WholeNumbers(keras.layers.Layer):
    """Turns float32 into int64, with a number for a fraction and one for NaN.

    Args:
        fraction: The result for a number that is not whole.
        missing: The result for NaN.

    Example:

    >>> WholeNumbers(-2, -1)(np.array([3.0, 2.5, np.nan])).numpy().tolist()
    [3, -2, -1]
    """

    def __init__(self, fraction, missing, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.fraction, self.missing = fraction, missing

    def call(self, inputs):
        whole = ops.where(ops.equal(inputs, ops.floor(inputs)), inputs, float(self.fraction))
        return ops.cast(ops.where(ops.isnan(inputs), float(self.missing), whole), "int64")

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, "int64")

    def get_config(self):
        return {**super().get_config(), "fraction": self.fraction, "missing": self.missing}


@keras.saving.register_keras_serializable(package="occam")
class CalendarParts(keras.layers.Layer):
    """Splits ISO 8601 dates into numbers: days since 1970, year, month, day, weekday, hour.

    Days have a fraction, to the minute, and Monday is 0. Time zones are ignored. What is not a
    date becomes NaN.

    Shapes: Strings `(batch,)`, "YYYY-MM-DD" or "YYYY-MM-DDTHH:MM:SS", where seconds may be left out
    or have a fraction, and a time zone may follow. Returns float32 `(batch, 6)`.

    Example:

    >>> CalendarParts()(tf.constant(["1970-01-02T12:00:00"]))[0].numpy().tolist()
    [1.5, 1970.0, 1.0, 2.0, 4.0, 12.0]

    Reference: Hinnant, chrono-Compatible Low-Level Date Algorithms, 2013, `days_from_civil`.
    """

    def call(self, inputs):
        texts = tf.convert_to_tensor(inputs)
        valid = tf.strings.regex_full_match(texts, _DATE)
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
        valid &= days < _days_from_civil(year + month // 12, month % 12 + 1, 1)  # no February 30
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
