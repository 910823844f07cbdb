"""Classify and Regress: examples out of JSON, and results into it."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from .errors import RequestError
from .json_input import to_bytes

__all__ = ["classifications", "regressions", "serialized_examples"]


def serialized_examples(document: Mapping[str, Any]) -> np.ndarray:
    """The serialized `tf.train.Example`s of a request, bytes `(n,)`.

    Args:
        document: with `examples`, a list of objects from feature name to a value or a list of
            them, and perhaps `context`, features that all examples share. Numbers with a point are
            floats, those without int64, as are booleans; strings and `b64` are bytes.

    Raises:
        RequestError: 400, it is not so.

    Reference: https://www.tensorflow.org/tfx/serving/api_rest#classify_and_regress_api
    """
    context, examples = document.get("context", {}), document.get("examples")
    if not isinstance(context, dict):
        raise RequestError(400, "Expected 'context' to be an object. Received: another value")
    if not isinstance(examples, list) or not examples:
        raise RequestError(400, "Expected 'examples' to be a list of objects. Received: none")
    array = np.empty(len(examples), object)
    array[:] = [_example(context, example, i) for i, example in enumerate(examples)]
    return array


def classifications(outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """`{"results": [[[label, score], ...], ...]}`: the classes of each example, in their order."""
    classes, scores = outputs.get("classes"), outputs.get("scores")
    some = scores if classes is None else classes
    if some is None or some.ndim != 2 or (scores is not None and scores.shape != some.shape):
        raise RequestError(
            400,
            "Expected the outputs 'classes' or 'scores' or both, (examples, classes). "
            f"Received: { {name: array.shape for name, array in outputs.items()} }",
        )
    labels = np.full(some.shape, b"", object) if classes is None else classes
    numbers = np.zeros(some.shape, "float32") if scores is None else scores
    return {
        "results": [
            [
                [label.decode("utf-8", "surrogateescape"), float(str(score))]
                for label, score in zip(*row, strict=True)
            ]
            for row in zip(labels, numbers, strict=True)
        ]
    }


def regressions(outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """`{"results": [...]}`: one number an example."""
    values = outputs.get("outputs")
    if values is None or values.ndim not in (1, 2) or values.shape[1:] not in ((), (1,)):
        raise RequestError(
            400,
            "Expected the output 'outputs' of shape (examples,) or (examples, 1). "
            f"Received: { {name: array.shape for name, array in outputs.items()} }",
        )
    return {"results": [float(str(value)) for value in values.ravel()]}


def _example(context: Mapping[str, Any], example: Any, number: int) -> bytes:
    if not isinstance(example, dict):
        raise RequestError(
            400, f"Example must be JSON object. Received: another value as number {number}"
        )
    features = {name: _feature(name, v) for name, v in {**context, **example}.items()}
    try:
        return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    except ValueError as error:  # a name that is no Unicode
        raise RequestError(400, f"Example {number}: {error}") from None


def _feature(name: str, content: Any) -> tf.train.Feature:
    values = content if isinstance(content, list) else [content]
    kinds = {_kind(name, value) for value in values}
    if len(kinds) > 1:
        raise RequestError(
            400, f"Feature {name!r}: expected values of one type. Received: {sorted(kinds)}"
        )
    if kinds == {"bytes"}:
        values = [to_bytes(name, value) for value in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if kinds == {"float"}:
        largest = float(tf.float32.max)
        _check(name, values, all(not math.isfinite(v) or abs(v) <= largest for v in values))
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    if kinds == {"int64"}:
        _check(name, values, all(-(2**63) <= value < 2**63 for value in values))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Feature()


def _kind(name: str, value: Any) -> str:
    if isinstance(value, bool | int):
        return "int64"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str | dict):
        return "bytes"
    raise RequestError(
        400, f"Feature {name!r}: expected numbers or strings. Received: {type(value).__name__}"
    )


def _check(name: str, values: list[Any], fits: bool) -> None:
    if not fits:
        raise RequestError(
            400, f"Feature {name!r}: Cannot convert {len(values)} values without loss of precision."
        )
