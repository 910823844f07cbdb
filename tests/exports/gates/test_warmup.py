import dataclasses
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from occam.exports.gates import warmup
from occam.exports.warmup import FILE, write_warmup

ROW = np.ones((1, 2), "float32")


@pytest.fixture(autouse=True)
def fresh_session():
    """Nothing here is Keras': there is no session to be cleared around each test."""


@pytest.fixture
def copy(good, tmp_path):
    shutil.copytree(good.path, tmp_path / "1")
    return dataclasses.replace(good, path=tmp_path / "1")


def check(candidate, *requests):
    write_warmup(candidate.path, requests)
    return warmup.check(candidate)


def check_records(candidate, *records):
    (candidate.path / FILE).parent.mkdir()
    with tf.io.TFRecordWriter(str(candidate.path / FILE)) as writer:
        for record in records:
            writer.write(record)
    return warmup.check(candidate)


def test_without_requests_there_is_nothing_to_look_at(good):
    assert warmup.check(good) is None


def test_requests_that_are_answered_pass(copy):
    result = check(copy, *(("serving_default", {"x": np.repeat(ROW, n, 0)}) for n in (1, 32)))
    assert (result.passed, result.figures) == (True, {"requests": 2})
    assert result.detail == "2 warmup requests were answered"


def test_one_request_is_answered(copy):
    result = check(copy, ("serving_default", {"x": ROW}))
    assert result.detail == "1 warmup request was answered"


@pytest.mark.parametrize(
    ("asked", "received"),
    [
        (("logits", {"x": ROW}), r"expected one of the signatures \['serving_default'\], not 'log"),
        (("serving_default", {"y": ROW}), r"{'x': 'float32'} .*, not {'y': 'float32'}"),
        (("serving_default", {"x": ROW.astype("float64")}), "not {'x': 'float64'}"),
        (("serving_default", {"x": np.ones((1, 3), "float32")}), r"expected the shape \(None, 2\)"),
    ],
)
def test_a_request_that_gets_an_error_fails(copy, asked, received):
    result = check(copy, ("serving_default", {"x": ROW}), asked)
    assert (result.name, result.passed) == ("warmup", False)
    assert result.detail.startswith("Expected warmup requests that are answered. Received: number")
    assert re.search(f"number 2, .*{received}", result.detail)


@pytest.mark.parametrize(
    ("record", "received"),
    [
        (b"\xff", "number 1, Error parsing message"),
        (b"", "number 1, expected a request of Predict, Classify or Regress, not None"),
        (
            prediction_log_pb2.PredictionLog(
                session_run_log=prediction_log_pb2.SessionRunLog()
            ).SerializeToString(),
            "Regress, not session_run_log",
        ),
        (
            prediction_log_pb2.PredictionLog(
                classify_log=prediction_log_pb2.ClassifyLog()
            ).SerializeToString(),
            "number 1, .*examples",
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
    result = warmup.check(copy)
    assert not result.passed
    assert re.search("a file of warmup requests. Received: .*truncated record", result.detail)


def test_more_requests_than_tensorflow_serving_replays_fail(copy):
    result = check(copy, *[("serving_default", {"x": ROW})] * 1001)
    assert "Expected at most 1,000 warmup requests. Received: more" in result.detail
