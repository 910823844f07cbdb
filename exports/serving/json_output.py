"""JSON out of a signature's answers, in TensorFlow Serving's row and columnar formats."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import RequestError

__all__ = ["columns", "dumps", "rows"]

_BYTES = "_bytes"  # the end of the name of an output that is binary


def rows(outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """`{"predictions": [...]}`: one value a row, or one object if there are several outputs.

    Raises:
        RequestError: 400, the outputs have no common number of rows.
    """
    sizes = {name: array.shape[:1] for name, array in outputs.items()}
    if len(set(sizes.values())) != 1 or () in sizes.values():
        raise RequestError(
            400,
            "Expected outputs with one row an instance; ask with 'inputs' instead. "
            f"Received: first dimensions {sizes}",
        )
    values = {name: _values(name, array) for name, array in outputs.items()}
    if len(values) == 1:
        return {"predictions": next(iter(values.values()))}
    return {
        "predictions": [
            dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)
        ]
    }


def columns(outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """`{"outputs": ...}`: the tensor, or an object by name if there are several."""
    values = {name: _values(name, array) for name, array in outputs.items()}
    return {"outputs": next(iter(values.values())) if len(values) == 1 else values}


def dumps(document: Any) -> bytes:
    """JSON as bytes. Strings that are not Unicode go out as they are, as in TensorFlow Serving."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _values(name: str, array: np.ndarray) -> Any:
    if array.dtype == object or array.dtype.kind == "S":
        write = _base64 if name.endswith(_BYTES) else _text
        return _mapped(write, array.tolist())
    if array.dtype == np.float64 or array.dtype.kind in "iub":
        return array.tolist()
    # By way of text: 0.2 in float32, the shortest that reads back, and not 0.20000000298023224.
    return array.astype("float32").astype("U").astype("float64").tolist()


def _mapped(write: Any, value: Any) -> Any:
    if isinstance(value, list):
        return [_mapped(write, item) for item in value]
    return write(value)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _base64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}
