"""Arrays out of a request's JSON: TensorFlow Serving's row and columnar formats."""

import base64
import binascii
import itertools
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..specs import too_large
from .errors import RequestError

__all__ = ["Features", "parse", "predict_features", "signature_name", "to_bytes"]

SIGNATURE = "serving_default"

_MANTISSA = {tf.float16: 11, tf.bfloat16: 8, tf.float32: 24, tf.float64: 53}  # bits
_RANK = 32  # beyond it NumPy or TensorFlow refuse
_SHOWN = 100  # characters of a value in a message


class Features(NamedTuple):
    """The inputs of a Predict request.

    Args:
        row: whether they came as rows (`instances`); the answer then does, too.
        arrays: input name to array.
    """

    row: bool
    arrays: dict[str, np.ndarray]


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object that is the body; `NaN` and `Infinity` are numbers, as in TensorFlow Serving.

    Raises:
        RequestError: 400, it is no JSON, or no object.
    """
    try:
        document = json.loads(body.decode("utf-8-sig"), parse_float=_finite)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are, too
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise RequestError(400, f"JSON Parse error: {what}") from None
    if not isinstance(document, dict):
        raise RequestError(400, f"Expected a JSON object. Received: {_shown(document)}")
    return document


def signature_name(document: Mapping[str, Any]) -> str:
    """The signature that is asked; `serving_default` if none is named."""
    name = document.get("signature_name", SIGNATURE)
    if not isinstance(name, str):
        raise RequestError(
            400, f"'signature_name' key must be a string value. Received: {_shown(name)}"
        )
    return name or SIGNATURE


def predict_features(document: Mapping[str, Any], specs: Mapping[str, tf.TensorSpec]) -> Features:
    """The arrays of a Predict request.

    Args:
        document: with `instances`, a list with one value or one object by input name a row, or with
            `inputs`, a tensor or an object with a tensor by input name, where `[]` is no rows.
        specs: input name to `tf.TensorSpec` of the signature.

    Raises:
        RequestError: 400, it is not so, or an array is not of the shape and dtype of its input.

    Reference: https://www.tensorflow.org/tfx/serving/api_rest#predict_api
    """
    given = [key for key in ("instances", "inputs") if key in document]
    if len(given) != 1:
        raise RequestError(
            400, f"Expected one of the keys 'inputs' and 'instances'. Received: {given or 'none'}"
        )
    row = given == ["instances"]
    values = (_from_instances if row else _from_inputs)(document[given[0]], specs)
    return Features(row, {name: _array(name, values[name], spec) for name, spec in specs.items()})


def _from_instances(instances: Any, specs: Mapping[str, tf.TensorSpec]) -> dict[str, list[Any]]:
    if not isinstance(instances, list) or not instances:
        raise RequestError(
            400, f"Expected 'instances' to be a list of rows. Received: {_shown(instances)}"
        )
    if not any(_is_named(instance) for instance in instances) and len(specs) == 1:
        return dict.fromkeys(specs, instances)
    for number, instance in enumerate(instances):
        if not _is_named(instance) or instance.keys() != specs.keys():
            raise RequestError(
                400,
                f"Expected each of 'instances' to be an object with the keys {sorted(specs)}. "
                f"Received: {_shown(instance)} as number {number}",
            )
    return {name: [instance[name] for instance in instances] for name in specs}


def _from_inputs(inputs: Any, specs: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
    if not _is_named(inputs) and len(specs) == 1:
        return dict.fromkeys(specs, inputs)
    if not _is_named(inputs):
        raise RequestError(
            400,
            f"Expected 'inputs' to be an object with the keys {sorted(specs)}. "
            f"Received: {_shown(inputs)}",
        )
    for name in specs:  # further keys are ignored, as TensorFlow Serving does
        if name not in inputs:
            raise RequestError(
                400,
                f"Missing named input: {name} in 'inputs' object. Received: {sorted(inputs)}",
            )
    return dict(inputs)


def _is_named(value: Any) -> bool:
    """Whether it is an object by input name, and not the `b64` of one value."""
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _array(name: str, value: Any, spec: tf.TensorSpec) -> np.ndarray:
    shape = _shape(value)
    if value == [] and spec.shape.rank:  # no rows, of whatever shape: JSON has no other way
        shape = (0, *(size or 0 for size in spec.shape[1:]))
    if len(shape) > _RANK or not spec.shape.is_compatible_with(shape):
        raise RequestError(
            400,
            f"Input {name!r}: expected the shape {spec.shape} (None: any). Received: {shape}",
        )
    leaves = _leaves(name, value, shape)
    return _converted(name, leaves, spec.dtype).reshape(shape)


def _shape(value: Any) -> tuple[int, ...]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _leaves(name: str, value: Any, shape: tuple[int, ...]) -> list[Any]:
    """What stands at the innermost level, in order; all lists of a level must be equally long."""
    level = [value]
    for size in shape:
        if not all(isinstance(item, list) and len(item) == size for item in level):
            raise RequestError(
                400,
                f"Input {name!r}: expected lists of equal sizes, {shape}. Received: ragged ones",
            )
        level = list(itertools.chain.from_iterable(level))
    if any(isinstance(leaf, list) for leaf in level):
        raise RequestError(
            400, f"Input {name!r}: expected values at level {len(shape)}. Received: a list there"
        )
    return level


def _converted(name: str, leaves: list[Any], dtype: tf.DType) -> np.ndarray:
    if dtype == tf.string:
        array = np.empty(len(leaves), object)
        array[:] = [to_bytes(name, leaf) for leaf in leaves]
        return array
    if dtype == tf.bool:
        _check_types(name, leaves, {bool}, dtype)
        return np.array(leaves, bool)
    if dtype.is_integer:
        _check_types(name, leaves, {int}, dtype)
        _check_range(name, leaves, dtype, dtype.min, dtype.max)
        return np.array(leaves, dtype.as_numpy_dtype)
    if dtype not in _MANTISSA:
        raise RequestError(501, f"Input {name!r}: no JSON for the type {dtype.name}")
    return _floats(name, leaves, dtype)


def _floats(name: str, leaves: list[Any], dtype: tf.DType) -> np.ndarray:
    _check_types(name, leaves, {int, float}, dtype)
    limit = 2 ** _MANTISSA[dtype] - 1
    _check_range(name, (leaf for leaf in leaves if type(leaf) is int), dtype, -limit, limit)
    array = np.array(leaves, "float64")
    large = too_large(array, dtype).tolist()
    _check_range(name, large, dtype, float(dtype.min), float(dtype.max))
    return array.astype(dtype.as_numpy_dtype)


def _check_types(name: str, leaves: list[Any], allowed: set[type], dtype: tf.DType) -> None:
    if set(map(type, leaves)) <= allowed:
        return
    wrong = next(leaf for leaf in leaves if type(leaf) not in allowed)
    raise _not_of_type(name, wrong, dtype)


def _not_of_type(name: str, value: Any, dtype: tf.DType) -> RequestError:
    return RequestError(
        400, f"Input {name!r}: JSON Value: {_shown(value)} is not of expected type: {dtype.name}"
    )


def _check_range(name: str, numbers: Iterable[Any], dtype: tf.DType, low: Any, high: Any) -> None:
    for number in numbers:
        if not low <= number <= high:
            raise RequestError(
                400,
                f"Input {name!r}: Cannot convert JSON value: {_shown(number)} to {dtype.name} "
                "without loss of precision.",
            )


def to_bytes(name: str, value: Any) -> bytes:
    """The bytes of a string, or of the object `{"b64": ...}`."""
    try:
        if isinstance(value, str):
            return value.encode()
        if _is_base64(value):
            encoded = value["b64"].rstrip("=")
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        raise RequestError(
            400,
            f"Input {name!r}: Unable to base64 decode, or no Unicode. Received: {_shown(value)}",
        ) from None
    raise _not_of_type(name, value, tf.string)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"Number too big to be stored in double: {digits[:_SHOWN]}")
    return number


def _shown(value: Any) -> str:
    """The start of a value's JSON, at a cost that does not grow with it."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with the keys {sorted(value)[:10]}"[:_SHOWN]
    if isinstance(value, int) and value.bit_length() > 4 * _SHOWN:
        return "a number of many digits"
    return json.dumps(value[:_SHOWN] if isinstance(value, str) else value)
