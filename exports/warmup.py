"""Warmup requests, which a server replays before it serves a version, as first requests are slow.

Reference: https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from ..core.checks import check_one_of, message
from .errors import reason
from .saved_model import dtype_of, proto_of
from .servable import SIGNATURE

FILE = Path("assets.extra", "tf_serving_warmup_requests")
_CLASSIFY = "classify"
_MOST = 1000  # TensorFlow Serving refuses a version with more, or with one that fails
_PredictionLog: Any = prediction_log_pb2.PredictionLog  # pyright: ignore[reportAttributeAccessIssue]

Features = Mapping[str, np.ndarray]


def check_batch_sizes(batch_sizes: Sequence[int], signatures: int) -> None:
    """Raise a `ValueError` for impossible batch sizes, or more requests than a server replays."""
    listed = isinstance(batch_sizes, Sequence)
    if not (listed and all(type(size) is int and size >= 1 for size in batch_sizes)):
        raise ValueError(message("warmup", batch_sizes, "a sequence of batch sizes >= 1"))
    if len(batch_sizes) * signatures > _MOST:
        raise ValueError(
            f"`warmup` must make at most {_MOST:,} requests. Received: {len(batch_sizes)} batch "
            f"sizes for {signatures} signatures"
        )


def write_warmup(path: Path, requests: Iterable[tuple[str, Features]]) -> None:
    """Write requests, each a signature and its features, into the SavedModel at `path`."""
    (path / FILE).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path / FILE)) as writer:
        for signature, features in requests:
            writer.write(_log(signature, features).SerializeToString(deterministic=True))


def replay(
    path: Path,
    inputs: Mapping[str, Mapping[str, tf.TensorSpec]],
    ask: Callable[[str, dict[str, np.ndarray]], Any],
) -> int:
    """Replay the warmup requests in the SavedModel at `path`, if any, and return their number.

    Raise a `ValueError` for a request that does not fit `inputs`, or that `ask` fails to answer.
    """
    records = _records(path)
    for number, record in enumerate(records, 1):
        try:
            signature, features = _request(_PredictionLog.FromString(record))
            check_one_of("signature", signature, inputs)
            expected = {name: spec.dtype.name for name, spec in inputs[signature].items()}
            received = {name: dtype_of(array).name for name, array in features.items()}
            if received != expected:  # a server converts nothing
                raise ValueError(
                    f"The inputs of {signature!r} must be {expected}. Received: {received}"
                )
            ask(signature, features)
        except Exception as error:  # an answer may fail with anything
            cause = reason(error) if isinstance(error, tf.errors.OpError) else error
            raise ValueError(f"Warmup request {number} fails: {cause}") from error
    return len(records)


def _records(path: Path) -> list[Any]:
    if not (path / FILE).exists():
        return []
    try:
        records = tf.data.TFRecordDataset(str(path / FILE)).take(_MOST + 1)
        read = list(records.as_numpy_iterator())
    except tf.errors.OpError as error:
        raise ValueError(f"Could not read the warmup requests: {error.message}") from None
    if len(read) > _MOST:
        raise ValueError(f"There are more than {_MOST:,} warmup requests; write fewer.")
    return read


def _log(signature: str, features: Features) -> Any:
    log = _PredictionLog()
    if signature == _CLASSIFY:
        request = log.classify_log.request
        examples = map(tf.train.Example.FromString, features["inputs"])
        request.input.example_list.examples.extend(examples)
    else:
        request = log.predict_log.request
        for name, array in features.items():
            request.inputs[name].CopyFrom(proto_of(array))
    request.model_spec.signature_name = signature
    return log


def _request(log: Any) -> tuple[str, dict[str, np.ndarray]]:
    kind = log.WhichOneof("log_type")
    if kind not in ("predict_log", "classify_log", "regress_log"):
        raise ValueError(f"it must be Predict, Classify or Regress. Received: {kind}")
    request = getattr(log, kind).request
    signature = request.model_spec.signature_name or SIGNATURE
    if kind == "predict_log":
        return signature, {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
    examples = request.input.example_list.examples
    if not examples:
        raise ValueError(f"it has no examples for {signature!r}.")
    serialized = [example.SerializeToString(deterministic=True) for example in examples]
    return signature, {"inputs": np.array(serialized, dtype=object)}
