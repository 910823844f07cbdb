"""Models as TensorFlow Serving's documentation has them, and a real server on loopback."""

import asyncio
import contextlib
import threading
from pathlib import Path

import pytest
import requests
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from occam.exports.serving import Server


class Model(tf.Module):
    """x / 2 + `offset`, and what the other signatures of the documentation need."""

    def __init__(self, offset):
        super().__init__()
        self.offset = tf.Variable(float(offset))

    def half(self, x):
        return x / 2 + self.offset

    def save(self, path):
        """Writes the SavedModel, with the signatures of Classify and Regress marked as such."""
        feature = {"x": tf.io.FixedLenFeature((), tf.float32)}

        def parsed(examples):
            return self.half(tf.io.parse_example(examples, feature)["x"])

        def spec(name, *shape, dtype=tf.float32):
            return tf.TensorSpec(shape, dtype, name)

        examples = spec("inputs", None, dtype=tf.string)
        functions = {
            "serving_default": (lambda x: {"y": self.half(x)}, [spec("x", None)]),
            "regress": (lambda inputs: {"outputs": parsed(inputs)[:, None]}, [examples]),
            "classify": (
                lambda inputs: {
                    "classes": tf.tile([["low", "hoch \u00e4"]], [tf.size(inputs), 1]),
                    "scores": tf.stack([parsed(inputs), -parsed(inputs)], 1),
                },
                [examples],
            ),
            "named": (
                lambda tag, signal, sensor: {
                    "joined": tf.strings.join([tag, tag]),
                    "raw_bytes": tag,
                    "sum": tf.reduce_sum(signal, 1)
                    + tf.cast(tf.reduce_sum(sensor, (1, 2)), "int32"),
                },
                [
                    spec("tag", None, dtype=tf.string),
                    spec("signal", None, 5, dtype=tf.int32),
                    spec("sensor", None, 2, 2, dtype=tf.int64),
                ],
            ),
            "pair": (
                lambda a, b: {"a": a + tf.cast(b, "float32"), "b": b},
                [spec("a"), spec("b", None, dtype=tf.bool)],
            ),
            "decoded": (
                lambda raw: {"n": tf.io.decode_raw(raw, tf.int32)[:, 0]},
                [spec("raw", None, dtype=tf.string)],
            ),
        }
        signatures = {
            name: tf.function(function, input_signature=specs).get_concrete_function()
            for name, (function, specs) in functions.items()
        }
        tf.saved_model.save(self, str(path), signatures=signatures)
        file = Path(path, "saved_model.pb")
        saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
        for name in ("classify", "regress"):
            method = saved.meta_graphs[0].signature_def[name]
            method.method_name = f"tensorflow/serving/{name}"
        file.write_bytes(saved.SerializeToString())
        Path(path, "blessing.json").write_text("{}")


@contextlib.contextmanager
def serving(directory, **options):
    """A server in a thread of its own, on a free port; its `url` is the model's."""
    server = Server(directory, **{"port": 0, "poll": 0.05, "blessed": False, **options})
    started, loop = threading.Event(), asyncio.new_event_loop()
    stopped = asyncio.Event()
    failures = []

    async def serve():
        try:
            await server.start()
        except Exception as error:
            failures.append(error)
            return
        finally:
            started.set()
        await stopped.wait()
        await server.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    try:
        for failure in failures:
            raise failure
        yield server
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()


@pytest.fixture(autouse=True)
def fresh_session():
    """Nothing here is Keras': there is no session to be cleared around each test."""


@pytest.fixture(scope="session")
def half_plus_three(tmp_path_factory):
    """The directory of the documentation's model: one version, 00000123."""
    directory = tmp_path_factory.mktemp("served") / "half_plus_three"
    Model(3).save(directory / "00000123")
    return directory


@pytest.fixture(scope="session")
def server(half_plus_three):
    with serving(half_plus_three) as server:
        yield server


@pytest.fixture
def post(server):
    """Posts to a method of the documentation's model: `post("predict", json=...)`."""

    def post(method, version="", **kwargs):
        return requests.post(f"{server.url}{version}:{method}", timeout=60, **kwargs)

    return post
