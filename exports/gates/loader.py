"""A process that answers from SavedModels and cannot import Keras. Run as a script, not imported.

Each line on standard input is a request, a JSON object `{"path", "calls": {signature: {input:
tensor}}}`; each on standard output the answer, `{"answers": {signature: {output: tensor}}}` or
`{"error": text}`. A tensor is a serialized `TensorProto` in base 64. After a minute without a
request, or when its parent is gone, it ends.
"""

import base64
import json
import os
import select
import sys

_IDLE_SECONDS = 60
_BLOCKED = ("keras", "tf_keras", "occam")


def _answer(request):
    import tensorflow as tf
    from tensorflow.core.framework import tensor_pb2

    def read(text):
        proto = tensor_pb2.TensorProto()  # pyright: ignore[reportAttributeAccessIssue]
        proto.ParseFromString(base64.b64decode(text))
        return tf.constant(tf.make_ndarray(proto), tf.dtypes.as_dtype(proto.dtype))

    def written(tensor):
        proto = tf.make_tensor_proto(tensor.numpy(), tensor.dtype, tensor.shape)
        return base64.b64encode(proto.SerializeToString()).decode()

    model = tf.saved_model.load(request["path"])
    answers = {}
    for signature, features in request["calls"].items():
        function = model.signatures[signature]
        outputs = function(**{name: read(text) for name, text in features.items()})
        answers[signature] = {name: written(tensor) for name, tensor in outputs.items()}
    return {"answers": answers}


def main():
    """Answers until nobody asks."""
    for name in _BLOCKED:
        sys.modules[name] = None  # importing it is an ImportError, as if it were not installed
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever TensorFlow prints does not get between the answers
    while select.select([sys.stdin], [], [], _IDLE_SECONDS)[0]:
        line = sys.stdin.readline()
        if not line:
            break
        try:
            answer = _answer(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
