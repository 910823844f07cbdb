"""Arrays out of a request's `TensorProto`s, whose sizes are checked before they are unpacked."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from .errors import RequestError

__all__ = ["arrays_of"]


def arrays_of(
    protos: Mapping[str, Any], specs: Mapping[str, tf.TensorSpec], max_bytes: int
) -> dict[str, np.ndarray]:
    """The arrays of a Predict request.

    Args:
        protos: input name to `TensorProto`.
        specs: input name to `tf.TensorSpec` of the signature.
        max_bytes: of one array. A proto of a few bytes may stand for any number of equal values.

    Raises:
        RequestError: 400, a name, a type or a shape is not that of the signature.
    """
    if set(protos) != set(specs):
        raise RequestError(
            400, f"Expected the inputs {sorted(specs)}. Received: {sorted(protos)[:20]}"
        )
    return {name: _array(name, protos[name], spec, max_bytes) for name, spec in specs.items()}


def _array(name: str, proto: Any, spec: tf.TensorSpec, max_bytes: int) -> np.ndarray:
    if proto.dtype != spec.dtype.as_datatype_enum:
        raise RequestError(
            400, f"Input {name!r}: expected {spec.dtype.name}. Received: type {proto.dtype}"
        )
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    known = not proto.tensor_shape.unknown_rank and min(shape, default=0) >= 0
    if not known or not spec.shape.is_compatible_with(shape):
        raise RequestError(
            400, f"Input {name!r}: expected the shape {spec.shape} (None: any). Received: {shape}"
        )
    size = 8 if spec.dtype == tf.string else spec.dtype.size
    if math.prod(shape) * size > max_bytes:
        raise RequestError(
            400, f"Input {name!r}: expected at most {max_bytes} bytes. Received: the shape {shape}"
        )
    try:
        return tf.make_ndarray(proto)
    except (ValueError, TypeError) as error:
        raise RequestError(400, f"Input {name!r}: {error}") from None
