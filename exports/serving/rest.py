"""TensorFlow Serving's REST dialect: URLs, and JSON to arrays and back.

Reference: https://www.tensorflow.org/tfx/serving/api_rest
"""

import base64
import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import numpy as np
import tensorflow as tf
from google.protobuf import json_format

from ..servable import SIGNATURE
from .repository import ServedVersion, VersionStatus
from .request import RequestError, Target

_MODEL = r"/v1/models/(?P<name>[^/:]+)"
_VERSION = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_URLS = {
    "POST": re.compile(rf"{_MODEL}{_VERSION}:(?P<method>predict)", re.IGNORECASE),
    "GET": re.compile(rf"{_MODEL}{_VERSION}(?:/(?P<method>metadata))?", re.IGNORECASE),
}
_MANTISSA = {tf.float16: 11, tf.bfloat16: 8, tf.float32: 24, tf.float64: 53}  # bits
_SHOWN = 100  # characters of a value in a message


def parse_target(verb: str, path: str) -> Target:
    """Return the target of a verb and a path, percent-encoded and without a query.

    Raises:
        RequestError: If the API has no such URL.

    >>> parse_target("POST", "/v1/models/iris/versions/3:predict")
    Target(model='iris', version=3, label=None, method='predict')
    """
    match = _URLS[verb].fullmatch(path) if verb in _URLS else None
    if match is None:
        raise RequestError(f"Malformed request: {verb} {path[:200]}")
    version, label = match["version"], match["label"]
    if version and (len(version) > 19 or int(version) >= 2**63):
        raise RequestError(f"Failed to convert version: {version[:40]} to numeric.")
    return Target(
        unquote(match["name"]),
        int(version) if version else None,
        unquote(label) if label else None,
        (match["method"] or "status").lower(),
    )


def predict(version: ServedVersion, body: bytes) -> bytes:
    """Return the answer of a version to a Predict request.

    Args:
        version: The version.
        body: A JSON object with `instances`, a list with one value or one object by input name a
            row, or with `inputs`, a tensor or an object with a tensor by input name. An empty list
            is an empty batch. `signature_name` may name another signature than the default.

    Raises:
        RequestError: If the body does not fit the signature.
    """
    document = _parsed(body)
    name = document.get("signature_name") or SIGNATURE
    if not isinstance(name, str):
        raise RequestError(f"`signature_name` must be a string. Received: {_shown(name)}")
    specs = version.inputs(name)
    keys = [key for key in ("instances", "inputs") if key in document]
    if len(keys) != 1:
        raise RequestError(
            f"Expected one of the keys 'inputs' and 'instances'. Received: {keys or 'none'}"
        )
    by_row = keys == ["instances"]
    values = (_from_instances if by_row else _from_inputs)(document[keys[0]], specs)
    features = {}
    for key, spec in specs.items():
        try:
            features[key] = _array(values[key], spec)
        except ValueError as error:
            raise RequestError(f"Input {key!r}: {error}") from error
    outputs = version.answer(name, features)
    columns = {output: _json_values(output, array) for output, array in outputs.items()}
    if len(columns) == 1:
        return dumps({"predictions" if by_row else "outputs": next(iter(columns.values()))})
    if not by_row:
        return dumps({"outputs": columns})
    rows = zip(*columns.values(), strict=True)
    return dumps({"predictions": [dict(zip(columns, row, strict=True)) for row in rows]})


def metadata(version: ServedVersion, model: str) -> bytes:
    """Return the signatures of a version, as TensorFlow Serving writes them in JSON."""
    signatures = {
        name: json_format.MessageToDict(
            definition, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        for name, definition in version.definitions.items()
    }
    spec = {"name": model, "signature_name": "", "version": str(version.number)}
    signature_def = {"signature_def": {"signature_def": signatures}}
    return dumps({"model_spec": spec, "metadata": signature_def})


def status(statuses: Iterable[VersionStatus]) -> bytes:
    """Return the states of versions as JSON."""
    entries = []
    for version, state, error in statuses:
        result = {"error_code": "UNKNOWN" if error else "OK", "error_message": error}
        entries.append({"version": str(version), "state": state, "status": result})
    return dumps({"model_version_status": entries})


def dumps(document: Any) -> bytes:
    """Return a document as JSON."""
    return json.dumps(document).encode()


def _parsed(body: bytes) -> dict[str, Any]:
    try:  # `NaN` and `Infinity` are numbers, as in TensorFlow Serving
        document = json.loads(body.decode("utf-8-sig"), parse_float=_finite)
    except RecursionError:
        raise RequestError("JSON Parse error: nested too deeply") from None
    except ValueError as error:
        raise RequestError(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise RequestError(f"Expected a JSON object. Received: {_shown(document)}")
    return document


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"Number too big to be stored in double: {digits[:_SHOWN]}")
    return number


def _from_instances(instances: Any, specs: Mapping[str, tf.TensorSpec]) -> dict[str, list[Any]]:
    if not isinstance(instances, list):
        raise RequestError(
            f"Expected 'instances' to be a list of rows. Received: {_shown(instances)}"
        )
    if not any(map(_is_named, instances)) and len(specs) == 1:
        return dict.fromkeys(specs, instances)
    for number, instance in enumerate(instances):
        if not _is_named(instance) or instance.keys() != specs.keys():
            raise RequestError(
                f"Expected each of 'instances' to be an object with the keys {sorted(specs)}. "
                f"Received: {_shown(instance)} as number {number}"
            )
    return {name: [instance[name] for instance in instances] for name in specs}


def _from_inputs(inputs: Any, specs: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
    if not _is_named(inputs) and len(specs) == 1:
        return dict.fromkeys(specs, inputs)
    if not _is_named(inputs):
        raise RequestError(
            f"Expected 'inputs' to be an object with the keys {sorted(specs)}. "
            f"Received: {_shown(inputs)}"
        )
    for name in specs:  # other keys are ignored, as in TensorFlow Serving
        if name not in inputs:
            raise RequestError(
                f"Missing named input: {name} in 'inputs' object. Received: {sorted(inputs)}"
            )
    return inputs


def _is_named(value: Any) -> bool:
    """Return whether a value is an object by input name, not one value as `b64`."""
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _array(value: Any, spec: tf.TensorSpec) -> np.ndarray:
    """Convert nested lists; the predictor checks the shape of the array."""
    shape, leaves = [], [value]
    while isinstance(leaves[0] if leaves else None, list):
        shape.append(len(leaves[0]))
        if not all(isinstance(leaf, list) and len(leaf) == shape[-1] for leaf in leaves):
            raise ValueError("expected lists of equal sizes. Received: ragged lists")
        leaves = list(itertools.chain.from_iterable(leaves))
    if len(shape) != spec.shape.rank and value != []:
        raise ValueError(f"expected the shape {spec.shape} (None: any). Received: {tuple(shape)}")
    return _converted(leaves, spec.dtype).reshape(shape)


def _converted(leaves: list[Any], dtype: tf.DType) -> np.ndarray:
    """Convert JSON values without loss; only fractions are rounded."""
    if dtype == tf.string:
        return np.array([_bytes(leaf) for leaf in leaves], object)
    if not (dtype == tf.bool or dtype.is_integer or dtype in _MANTISSA):
        raise ValueError(f"no JSON for the type {dtype.name}")
    allowed = {bool} if dtype == tf.bool else {int} if dtype.is_integer else {int, float}
    if not set(map(type, leaves)) <= allowed:
        raise _wrong_type(next(leaf for leaf in leaves if type(leaf) not in allowed), dtype)
    if dtype != tf.bool:
        _check_range(leaves, dtype)
    return np.array(leaves, dtype.as_numpy_dtype)


def _check_range(leaves: list[Any], dtype: tf.DType) -> None:
    high = dtype.max if dtype.is_integer else 2 ** _MANTISSA[dtype] - 1
    low = dtype.min if dtype.is_integer else -high
    largest = float(dtype.max)
    for leaf in leaves:
        if isinstance(leaf, int):
            fits = low <= leaf <= high
        else:
            fits = abs(leaf) <= largest or not math.isfinite(leaf)
        if not fits:
            value = f"{_shown(leaf)} to {dtype.name}"
            raise ValueError(f"Cannot convert JSON value: {value} without loss of precision.")


def _bytes(value: Any) -> bytes:
    """Return the bytes of a string, or of the object `{"b64": ...}`."""
    try:
        if isinstance(value, str):
            return value.encode()
        if _is_base64(value):
            encoded = value["b64"].rstrip("=")
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        received = _shown(value)
        raise ValueError(f"Unable to base64 decode, or no Unicode. Received: {received}") from None
    raise _wrong_type(value, tf.string)


def _wrong_type(value: Any, dtype: tf.DType) -> ValueError:
    return ValueError(f"JSON Value: {_shown(value)} is not of expected type: {dtype.name}")


def _shown(value: Any) -> str:
    """Return the start of a value's JSON, at a cost that does not grow with it."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with the keys {sorted(value)[:10]}"[:_SHOWN]
    if isinstance(value, int) and value.bit_length() > 4 * _SHOWN:
        return "a number of many digits"
    return json.dumps(value[:_SHOWN] if isinstance(value, str) else value)


def _json_values(name: str, array: np.ndarray) -> list[Any]:
    """Return an output as JSON values; an output named `..._bytes` is encoded in base64."""
    if array.dtype.kind == "U" and name.endswith("_bytes"):
        encoded = [{"b64": base64.b64encode(text.encode()).decode()} for text in array.flat]
        return np.array(encoded, object).reshape(array.shape).tolist()
    if array.dtype == np.float64 or array.dtype.kind in "Uiub":
        return array.tolist()
    # Through text, the shortest that reads back: 0.2 in float32, not 0.20000000298023224.
    return array.astype("float32").astype("U").astype("float64").tolist()
