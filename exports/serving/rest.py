"""Bodies of TensorFlow Serving's REST API (https://www.tensorflow.org/tfx/serving/api_rest).

One thing differs: `null` is NaN for a float input and "" for a string input, the missing values of
a table. TensorFlow Serving refuses `null`; for it, send `NaN` and `""` instead.
"""

import base64
import itertools
import json
import math
import re
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import numpy as np
import tensorflow as tf
from google.protobuf import json_format

from ...core.checks import message
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


def parse_target(verb: str, path: str) -> Target:
    """Return the target of a verb and a path, percent-encoded and without a query.

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
    """Answer a Predict request, whose body has `instances` by row or `inputs` by column."""
    document = _parsed(body)
    name = document.get("signature_name") or SIGNATURE
    if not isinstance(name, str):
        raise RequestError(message("signature_name", name, "a string"))
    specs = version.inputs(name)
    keys = [key for key in ("instances", "inputs") if key in document]
    if len(keys) != 1:
        received = " and ".join(keys) or "neither"
        raise RequestError(f"The body must have `instances` or `inputs`. Received: {received}")
    by_row = keys == ["instances"]
    values = (_from_instances if by_row else _from_inputs)(document[keys[0]], specs)
    outputs = version.answer(name, {key: _array(values[key], specs[key]) for key in specs})
    columns = {output: _json_values(output, array) for output, array in outputs.items()}
    if len(columns) == 1:
        return dumps({"predictions" if by_row else "outputs": next(iter(columns.values()))})
    if not by_row:
        return dumps({"outputs": columns})
    rows = zip(*columns.values(), strict=True)
    return dumps({"predictions": [dict(zip(columns, row, strict=True)) for row in rows]})


def metadata(version: ServedVersion, model: str) -> bytes:
    """Return the signatures of a version."""
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
    """Return the states of versions."""
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
        raise RequestError(message("body", document, "a JSON object"))
    return document


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"Number too big to be stored in double: {digits[:40]}")
    return number


def _from_instances(instances: Any, specs: Mapping[str, tf.TensorSpec]) -> dict[str, list[Any]]:
    if not isinstance(instances, list):
        raise RequestError(message("instances", instances, "a list of rows"))
    if not any(map(_is_named, instances)) and len(specs) == 1:
        return dict.fromkeys(specs, instances)
    for number, row in enumerate(instances):
        if not _is_named(row) or row.keys() != specs.keys():
            expected = f"an object with the keys {sorted(specs)}"
            raise RequestError(message(f"instances[{number}]", row, expected))
    return {name: [row[name] for row in instances] for name in specs}


def _from_inputs(inputs: Any, specs: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
    if not _is_named(inputs) and len(specs) == 1:
        return dict.fromkeys(specs, inputs)
    # other keys are ignored, as in TensorFlow Serving
    if not _is_named(inputs) or not specs.keys() <= inputs.keys():
        raise RequestError(message("inputs", inputs, f"an object with the keys {sorted(specs)}"))
    return inputs


def _is_named(value: Any) -> bool:
    """Return whether a value is an object by input name, and not the base64 of one value."""
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _array(value: Any, spec: tf.TensorSpec) -> np.ndarray:
    """Convert nested lists without loss; only fractions are rounded. Shapes are checked later."""
    shape, leaves = [], [value]
    while leaves and isinstance(leaves[0], list):
        shape.append(len(leaves[0]))
        if not all(isinstance(leaf, list) and len(leaf) == shape[-1] for leaf in leaves):
            raise RequestError(f"The lists of `{spec.name}` must have equal sizes.")
        leaves = list(itertools.chain.from_iterable(leaves))
    dtype = spec.dtype
    if dtype == tf.string:
        texts = [b"" if leaf is None else _bytes(leaf) for leaf in leaves]
        return np.array(texts, object).reshape(shape)
    if not (dtype == tf.bool or dtype.is_integer or dtype in _MANTISSA):
        raise RequestError(f"`{spec.name}` is {dtype.name}, which JSON does not have.")
    if dtype in _MANTISSA:
        leaves = [math.nan if leaf is None else leaf for leaf in leaves]
    allowed = {bool} if dtype == tf.bool else {int} if dtype.is_integer else {int, float}
    if not set(map(type, leaves)) <= allowed:
        raise _wrong_type(next(leaf for leaf in leaves if type(leaf) not in allowed), dtype)
    if dtype != tf.bool:
        _check_range(leaves, dtype)
    return np.array(leaves, dtype.as_numpy_dtype).reshape(shape)


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
            value = f"{reprlib.repr(leaf)} to {dtype.name}"
            raise RequestError(f"Cannot convert JSON value: {value} without loss of precision.")


def _bytes(value: Any) -> bytes:
    """Return the bytes of a string, or of the object `{"b64": ...}`."""
    try:
        if isinstance(value, str):
            return value.encode()
        if _is_base64(value):
            encoded = value["b64"].rstrip("=")
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        kind = "Unicode" if isinstance(value, str) else "base64"
        raise RequestError(f"Unable to decode {kind}: {reprlib.repr(value)}") from None
    raise _wrong_type(value, tf.string)


def _wrong_type(value: Any, dtype: tf.DType) -> RequestError:
    shown = reprlib.repr(value)
    return RequestError(f"JSON Value: {shown} is not of expected type: {dtype.name}")


def _json_values(name: str, array: np.ndarray) -> list[Any]:
    """Return an output as JSON values; an output named `..._bytes` is encoded in base64."""
    if array.dtype.kind == "U" and name.endswith("_bytes"):
        encoded = [{"b64": base64.b64encode(text.encode()).decode()} for text in array.flat]
        return np.array(encoded, object).reshape(array.shape).tolist()
    if array.dtype == np.float64 or array.dtype.kind in "Uiub":
        return array.tolist()
    # Through text, the shortest that reads back: 0.2 in float32, not 0.20000000298023224.
    return array.astype("float32").astype("U").astype("float64").tolist()
