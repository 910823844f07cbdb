"""Gate `loading`: does it load, and answer the same, where Keras cannot be imported?"""

import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from .candidate import Candidate
from .difference import difference, tolerance
from .other_process import OtherProcess
from .result import GateResult
from .sample import sample

__all__ = ["check"]

NAME = "loading"
_ROWS = 3
_SCRIPT = Path(__file__).with_name("loader.py")


def check(candidate: Candidate) -> GateResult:
    """Fails what another Python process, in which Keras and Occam cannot be imported, cannot load.

    And what answers differently there.
    """
    predictor = candidate.predictor
    features = {name: sample(predictor, name, _ROWS) for name in predictor.signatures}
    calls = {
        signature: {name: _written(array) for name, array in given.items()}
        for signature, given in features.items()
    }
    reply = _asked({"path": str(candidate.path.resolve()), "calls": calls})
    expected = "Expected a SavedModel that loads where Keras cannot be imported"
    if "error" in reply:
        return GateResult(NAME, False, f"{expected}. Received: {reply['error']}")
    for signature, given in features.items():
        answer = {name: _read(text) for name, text in reply["answers"][signature].items()}
        right = predictor.call(signature, **given)
        if differs := difference(answer, right, tolerance(candidate.precision)):
            detail = f"{expected} and answers the same there. Received: {signature!r}, {differs}"
            return GateResult(NAME, False, detail)
    return GateResult(NAME, True, "loads and answers the same where Keras cannot be imported")


_LOADER = OtherProcess(lambda: [sys.executable, "-P", str(_SCRIPT)], lambda out: out.readline())


def _asked(request: Mapping[str, Any]) -> Any:
    if answer := _LOADER.ask(json.dumps(request).encode() + b"\n"):
        return json.loads(answer)
    return {"error": "the process that was to load it ended without an answer"}


def _written(array: np.ndarray) -> str:
    dtype = tf.string if array.dtype == object else tf.dtypes.as_dtype(array.dtype)
    proto = tf.make_tensor_proto(array, dtype, array.shape)
    return base64.b64encode(proto.SerializeToString()).decode()


def _read(text: str) -> np.ndarray:
    proto = tensor_pb2.TensorProto()  # pyright: ignore[reportAttributeAccessIssue]
    proto.ParseFromString(base64.b64decode(text))
    array = tf.make_ndarray(proto)
    return np.char.decode(array.astype(bytes), "utf-8") if array.dtype == object else array
