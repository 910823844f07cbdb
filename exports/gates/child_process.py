"""A script that answers from SavedModels in a process without Keras. Do not import it.

Each line on standard input is a request, `{"path", "calls": {signature: {input: tensor}}}` in JSON;
each line on standard output an answer, `{"answers": {loader: {signature: {output: tensor}}}}` or
`{"error": text}`. A tensor is a serialized `TensorProto` in base 64. The process ends after a
minute without a request, or when its parent is gone.
"""

import base64
import json
import os
import select
import sys

_IDLE_SECONDS = 60
_BLOCKED = ("keras", "tf_keras", "occam")


def _function_answers(tf, path, calls):
    model = tf.saved_model.load(path)
    return {
        name: {key: x.numpy() for key, x in model.signatures[name](**features).items()}
        for name, features in calls.items()
    }


def _session_answers(tf, path, calls):
    """Load as TensorFlow Serving does: by a session, which needs ops to restore and initialize."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], path)
        answers = {}
        for name, features in calls.items():
            definition = loaded.signature_def[name]
            outputs = {key: info.name for key, info in definition.outputs.items()}
            inputs = {definition.inputs[key].name: x.numpy() for key, x in features.items()}
            answers[name] = session.run(outputs, inputs)
    return answers


_LOADERS = {"tf.saved_model.load": _function_answers, "tf.compat.v1.Session": _session_answers}


def _described(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"


def _reply(request):
    import tensorflow as tf
    from tensorflow.core.framework import tensor_pb2

    def read(text):
        proto = tensor_pb2.TensorProto.FromString(base64.b64decode(text))  # pyright: ignore[reportAttributeAccessIssue]
        return tf.constant(tf.make_ndarray(proto), tf.dtypes.as_dtype(proto.dtype))

    def written(array):
        proto = tf.make_tensor_proto(array, shape=array.shape)
        return base64.b64encode(proto.SerializeToString()).decode()

    calls = {
        signature: {name: read(text) for name, text in features.items()}
        for signature, features in request["calls"].items()
    }
    answers = {}
    for loader, answer in _LOADERS.items():
        try:
            found = answer(tf, request["path"], calls)
        except Exception as error:
            return {"error": f"{loader}: {_described(error)}"}
        answers[loader] = {
            signature: {name: written(array) for name, array in outputs.items()}
            for signature, outputs in found.items()
        }
    return {"answers": answers}


def main():
    """Answer requests until none arrive."""
    for name in _BLOCKED:
        sys.modules[name] = None  # makes importing it an ImportError
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # keeps TensorFlow's prints out of the answers
    while select.select([sys.stdin], [], [], _IDLE_SECONDS)[0]:
        line = sys.stdin.readline()
        if not line:
            break
        try:
            reply = _reply(json.loads(line))
        except Exception as error:
            reply = {"error": _described(error)}
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
