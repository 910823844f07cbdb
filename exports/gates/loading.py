"""Gates for servers: the version loads in a process without Keras and answers its warmup."""

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

import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from ..predictor import decoded
from ..saved_model import proto_of
from ..warmup import FILE, replay
from .gate import ExportCandidate, GateResult, failed, gate, passed
from .sample import difference, sample, tolerance

_Tensor: Any = tensor_pb2.TensorProto  # pyright: ignore[reportAttributeAccessIssue]
_SCRIPT = Path(__file__).with_name("child_process.py")


@gate("saved_model")
def loading(candidate: ExportCandidate) -> GateResult:
    """Fail if a process that can import neither Keras nor Occam gives other answers.

    It loads the version by `tf.saved_model.load`, and by a `tf.compat.v1.Session` as TensorFlow
    Serving does, which needs operations that restore the variables and fill the lookup tables.

    Reference: https://github.com/keras-team/keras/issues/20095
    """
    predictor, allowed = candidate.predictor, tolerance(candidate.precision)
    features = {name: sample(predictor, name, rows=3) for name in predictor.signatures}
    calls = {
        signature: {
            name: base64.b64encode(proto_of(array).SerializeToString()).decode()
            for name, array in given.items()
        }
        for signature, given in features.items()
    }
    reply = _CHILD.ask({"path": str(candidate.path.resolve()), "calls": calls})
    expected = "The version must load where Keras cannot be imported"
    if "error" in reply:
        return failed(f"{expected}. Received: {reply['error']}")
    for signature, given in features.items():
        right = predictor.call(signature, **given)
        for loader, answers in reply["answers"].items():
            answer = {
                name: decoded(tf.make_ndarray(_Tensor.FromString(base64.b64decode(text))))
                for name, text in answers[signature].items()
            }
            if found := difference(answer, right, allowed, predictor.head):
                return failed(
                    f"{expected} and answer alike there. Received by {loader}: {signature!r}, "
                    f"{found}"
                )
    return passed("loads and answers the same where Keras cannot be imported")


@gate("saved_model")
def warmup(candidate: ExportCandidate) -> GateResult | None:
    """Fail if a warmup request gets an error, since TensorFlow Serving refuses the version then."""
    if not (candidate.path / FILE).exists():
        return None
    predictor = candidate.predictor
    inputs = {name: specs.inputs for name, specs in predictor.specs.items()}
    try:
        count = replay(
            candidate.path, inputs, lambda name, features: predictor.call(name, **features)
        )
    except ValueError as error:
        return failed(str(error))
    found = "1 warmup request was" if count == 1 else f"{count} warmup requests were"
    return passed(f"{found} answered", {"requests": count})


class _Child:
    """The process that runs `child_process.py`, started on demand and again after it ends."""

    def __init__(self):
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        atexit.register(self._end)

    def ask(self, request: Mapping[str, Any]) -> Any:
        """Return the reply; try twice, since an idle process may just have ended."""
        line = json.dumps(request).encode() + b"\n"
        with self._lock:
            for _ in range(2):
                if reply := self._asked(line):
                    return json.loads(reply)
                self._end()
        return {"error": "the process ended without an answer"}

    def _asked(self, line: bytes) -> bytes:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            )
        process: Any = self._process
        try:
            process.stdin.write(line)
            process.stdin.flush()
        except BrokenPipeError:
            return b""
        return process.stdout.readline()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


_CHILD = _Child()
