"""The model of TensorFlow Serving's documentation, and a real server on loopback."""

import asyncio
import contextlib
import dataclasses
import logging
import threading
from pathlib import Path

import pytest
import requests
import tensorflow as tf

from occam.exports.serving import Limits, Server
from occam.exports.serving.repository import ServedVersion


class Model(tf.Module):
    """x / 2 + `offset`, and signatures of text and of integers, as `export` would write them."""

    def __init__(self, offset):
        super().__init__()
        self.offset = tf.Variable(float(offset))
        self.class_names = tf.function(lambda: tf.constant(["a"]), input_signature=[])

    def save(self, path):
        """Write the SavedModel with an empty blessing."""

        def spec(name, *shape, dtype=tf.float32):
            return tf.TensorSpec((None, *shape), dtype, name)

        functions = {
            "serving_default": (lambda x: {"y": x / 2 + self.offset}, [spec("x")]),
            "named": (
                lambda tag, signal, sensor: {
                    "joined": tf.strings.join([tag, tag]),
                    "raw_bytes": tag,
                    "sum": tf.reduce_sum(signal, 1)
                    + tf.cast(tf.reduce_sum(sensor, (1, 2)), "int32"),
                },
                [
                    spec("tag", dtype=tf.string),
                    spec("signal", 5, dtype=tf.int32),
                    spec("sensor", 2, 2, dtype=tf.int64),
                ],
            ),
            "decoded": (
                lambda raw: {"n": tf.io.decode_raw(raw, tf.int32)[:, 0]},
                [spec("raw", dtype=tf.string)],
            ),
            "negated": (lambda flag: {"n": ~flag}, [spec("flag", dtype=tf.bool)]),
        }
        signatures = {
            name: tf.function(function, input_signature=specs).get_concrete_function()
            for name, (function, specs) in functions.items()
        }
        tf.saved_model.save(self, str(path), signatures=signatures)
        Path(path, "blessing.json").write_text("{}")


@contextlib.contextmanager
def serving(directory, **options):
    """Run a server in a thread, on a free port."""
    fields = [field.name for field in dataclasses.fields(Limits)]
    limits = Limits(**{name: options.pop(name) for name in fields if name in options})
    options = {"port": 0, "poll": 0.05, "blessed": False, **options}
    server = Server(directory, limits=limits, **options)
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


def complaints(caplog):
    """Return the log records of warnings and errors."""
    return [record for record in caplog.records if record.levelno > logging.INFO]


@pytest.fixture
def slow(monkeypatch):
    """Block graphs until the first event is set; the second is set when a graph waits."""
    gate, waiting = threading.Event(), threading.Event()
    answer = ServedVersion.answer

    def gated(self, signature, features):
        waiting.set()
        gate.wait(60)
        return answer(self, signature, features)

    monkeypatch.setattr(ServedVersion, "answer", gated)
    yield gate, waiting
    gate.set()


@pytest.fixture(autouse=True)
def fresh_session():
    """Override the fixture of exports: no test here uses Keras' session."""


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
    """Post to a method of the documentation's model: `post("predict", json=...)`."""

    def post(method, version="", **kwargs):
        return requests.post(f"{server.url}{version}:{method}", timeout=60, **kwargs)

    return post
