"""Gate `loading`: does it load, and answer the same, where Keras cannot be imported?"""

import atexit
import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from .candidate import Candidate
from .difference import difference, tolerance
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
    reply = _LOADER.ask({"path": str(candidate.path.resolve()), "calls": calls})
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


class _Loader:
    """The other process, started when it is first needed and kept for a while: it is slow to."""

    def __init__(self):
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def ask(self, request: Mapping[str, Any]) -> Any:
        with self._lock:
            for _ in range(2):  # it may have ended by itself, just now
                process = self._started()
                if line := self._asked(process, request):
                    return json.loads(line)
                self._end()
        return {"error": "the process that was to load it ended without an answer"}

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            )
            atexit.register(self.close)
        return self._process

    def _asked(self, process: "subprocess.Popen[str]", request: Mapping[str, Any]) -> str:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("Expected pipes to the other process. Received: none")
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return ""
        return process.stdout.readline()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            atexit.unregister(self.close)
            self._end()


_LOADER = _Loader()


def _written(array: np.ndarray) -> str:
    dtype = tf.string if array.dtype == object else tf.dtypes.as_dtype(array.dtype)
    proto = tf.make_tensor_proto(array, dtype, array.shape)
    return base64.b64encode(proto.SerializeToString()).decode()


def _read(text: str) -> np.ndarray:
    proto = tensor_pb2.TensorProto()  # pyright: ignore[reportAttributeAccessIssue]
    proto.ParseFromString(base64.b64decode(text))
    array = tf.make_ndarray(proto)
    return np.char.decode(array.astype(bytes), "utf-8") if array.dtype == object else array
