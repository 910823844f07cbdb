import dataclasses
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from occam.exports.gates.loading import _CHILD, _SCRIPT, loading, warmup
from occam.exports.warmup import FILE, write_warmup


@pytest.fixture(autouse=True)
def fresh_session():
    """Do not clear the session, since no test here uses Keras."""


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.data-00000-of-00001"])
def test_a_truncated_file_is_found(good, file, tmp_path):
    shutil.copytree(good.path, tmp_path / "1")
    path = tmp_path / "1" / file
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    result = loading(dataclasses.replace(good, path=tmp_path / "1"))
    assert not result.passed
    assert "load where Keras cannot be imported. Received: " in result.detail


def rewrite(candidate, path, change):
    """Copy a candidate, change its graph and return it."""
    shutil.copytree(candidate.path, path)
    saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    change(saved.meta_graphs[0])
    (path / "saved_model.pb").write_bytes(saved.SerializeToString())
    return dataclasses.replace(candidate, path=path)


def test_a_version_that_only_tensorflow_2_restores_is_found(good, tmp_path):
    candidate = rewrite(good, tmp_path / "1", lambda graph: graph.ClearField("saver_def"))
    assert tf.saved_model.load(str(candidate.path)).signatures["serving_default"]
    result = loading(candidate)
    assert not result.passed
    assert "Received: tf.compat.v1.Session: " in result.detail


def test_words_tables_and_several_inputs_are_answered(write, module):
    words = tf.lookup.KeyValueTensorInitializer(tf.constant(["0", "1"]), [1.0, 2.0])
    table = tf.lookup.StaticHashTable(words, 0.0)

    def answer(m, features):
        m.table = table
        known = table.lookup(features["words"]) + tf.cast(features["flag"], "float32")
        return module.answer(m, known * features["x"])

    specs = {
        "words": tf.TensorSpec((None, 2), tf.string, "words"),
        "x": tf.TensorSpec((None, 1), tf.float32, "x"),
        "flag": tf.TensorSpec((None, 2), tf.bool, "flag"),
    }
    result = loading(write(others={"serving_default": (answer, specs)}))
    assert result.passed, result.detail


def test_another_answer_in_a_session_is_found(good, tmp_path):
    def swap(graph):
        outputs = graph.signature_def["serving_default"].outputs
        tensor = graph.signature_def["serving_default"].inputs["x"]
        outputs["probabilities"].CopyFrom(tensor)

    result = loading(rewrite(good, tmp_path / "1", swap))
    assert not result.passed
    assert "Received by tf.compat.v1.Session: 'serving_default', 'prob" in result.detail


def test_another_answer_is_found(good, write, module):
    other = write(lambda m, x: module.answer(m, x + 1))
    result = loading(dataclasses.replace(good, path=other.path))
    assert not result.passed
    assert "Received by tf.saved_model.load: 'serving_default', 'prob" in result.detail


def test_the_other_process_is_started_again_after_it_ended(good):
    assert loading(good).passed
    _CHILD._process.kill()
    _CHILD._process.wait()
    assert loading(good).passed


def test_keras_cannot_be_imported_there(tmp_path):
    script = (
        "import runpy, sys; sys.stdin.close(); sys.stdin = open(sys.argv[2])\n"
        "runpy.run_path(sys.argv[1], run_name='__main__')\n"
        "for name in ('keras', 'occam'):\n"
        "    try:\n        __import__(name)\n"
        "    except ImportError:\n        print(name, file=sys.stderr)"
    )
    (tmp_path / "nobody").touch()
    command = [sys.executable, "-c", script, str(_SCRIPT), str(tmp_path / "nobody")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == "keras\noccam\n"


ROW = np.ones((1, 2), "float32")


@pytest.fixture
def copy(good, tmp_path):
    shutil.copytree(good.path, tmp_path / "1")
    return dataclasses.replace(good, path=tmp_path / "1")


def check(candidate, *requests):
    write_warmup(candidate.path, requests)
    return warmup(candidate)


def check_records(candidate, *records):
    (candidate.path / FILE).parent.mkdir()
    with tf.io.TFRecordWriter(str(candidate.path / FILE)) as writer:
        for record in records:
            writer.write(record)
    return warmup(candidate)


@pytest.mark.parametrize(
    ("rows", "detail"),
    [([1], "1 warmup request was answered"), ([1, 32], "2 warmup requests were answered")],
)
def test_requests_that_are_answered_pass(copy, rows, detail):
    result = check(copy, *(("serving_default", {"x": np.repeat(ROW, n, 0)}) for n in rows))
    assert (result.passed, result.figures) == (True, {"requests": len(rows)})
    assert result.detail == detail


@pytest.mark.parametrize(
    ("asked", "received"),
    [
        (("logits", {"x": ROW}), r"one of 'serving_default'\. Received: signature='log"),
        (("serving_default", {"y": ROW}), r"{'x': 'float32'}\. Received: {'y': 'float32'}"),
        (("serving_default", {"x": ROW.astype("float64")}), "Received: {'x': 'float64'}"),
        (
            ("serving_default", {"x": np.ones((1, 3), "float32")}),
            r"must have the shape \(None, 2\)",
        ),
    ],
)
def test_a_request_that_gets_an_error_fails(copy, asked, received):
    result = check(copy, ("serving_default", {"x": ROW}), asked)
    assert not result.passed
    assert result.detail.startswith("Warmup request 2 fails: ")
    assert re.search(received, result.detail)


@pytest.mark.parametrize(
    ("record", "received"),
    [
        (b"\xff", "request 1 fails: Error parsing message"),
        (b"", "request 1 fails: it must be Predict, Classify or Regress. Received: None"),
        (
            prediction_log_pb2.PredictionLog(
                session_run_log=prediction_log_pb2.SessionRunLog()
            ).SerializeToString(),
            "Regress. Received: session_run_log",
        ),
        (
            prediction_log_pb2.PredictionLog(
                classify_log=prediction_log_pb2.ClassifyLog()
            ).SerializeToString(),
            "request 1 fails: it has no examples",
        ),
    ],
)
def test_a_record_that_is_no_request_fails(copy, record, received):
    result = check_records(copy, record)
    assert not result.passed
    assert re.search(received, result.detail)


def test_a_truncated_file_fails(copy):
    write_warmup(copy.path, [("serving_default", {"x": ROW})])
    file = copy.path / FILE
    file.write_bytes(file.read_bytes()[:-3])
    result = warmup(copy)
    assert not result.passed
    assert re.search("Could not read the warmup requests: .*truncated record", result.detail)


def test_more_requests_than_tensorflow_serving_replays_fail(copy):
    result = check(copy, *[("serving_default", {"x": ROW})] * 1001)
    assert "There are more than 1,000 warmup requests" in result.detail
