"""Limits, stopping, disconnecting clients, and publication under load."""

import asyncio
import concurrent.futures
import json
import math
import os
import shutil
import signal
import socket
import struct
import sys
import threading
import time

import keras
import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from occam import exports
from occam.exports.serving import Limits, Server
from occam.exports.serving.repository import ServedVersion

from .conftest import complaints, serving

BODY = '{"instances": [1.0]}'


def post(server, body=BODY, **kwargs):
    return requests.post(f"{server.url}:predict", data=body, timeout=60, **kwargs)


def test_too_large_body_gets_413(half_plus_three):
    with serving(half_plus_three, max_bytes=100) as server:
        for body in ("x" * 101, iter([b"x" * 60] * 2)):  # the second is sent in chunks
            response = post(server, body)
            assert response.status_code == 413
            assert response.json() == {"error": "The body is larger than 100 bytes"}
        assert post(server).status_code == 200


def test_slow_body_gets_408(half_plus_three):
    with serving(half_plus_three, timeout=0.05) as server, socket.socket() as client:
        client.connect((server.host, server.port))
        start = "POST /v1/models/half_plus_three:predict HTTP/1.1"
        client.sendall(f"{start}\r\nHost: x\r\nContent-Length: 9\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_slow_answer_gets_504(half_plus_three, slow):
    with serving(half_plus_three, timeout=0.2) as server:
        response = post(server)
        assert response.status_code == 504
        assert response.json() == {"error": "Not computed within 0.2 seconds"}
        slow[0].set()


def test_too_many_requests_get_429(half_plus_three, slow):
    gate, waiting = slow
    with (
        serving(half_plus_three, concurrency=1) as server,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        first = pool.submit(post, server)
        waiting.wait(60)
        second = post(server)
        gate.set()
        assert first.result().json() == {"predictions": [3.5]}
    assert second.status_code == 429
    assert second.json() == {"error": "More than 1 requests at a time"}


def test_requests_in_flight_are_answered_on_stop(half_plus_three, slow):
    gate, waiting = slow
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with serving(half_plus_three) as server:
            answer = pool.submit(post, server)
            waiting.wait(60)
            threading.Timer(0.1, gate.set).start()  # after the stop has begun
        assert answer.result().json() == {"predictions": [3.5]}
    with pytest.raises(requests.ConnectionError):
        post(server)


POST = b"POST /v1/models/half_plus_three:predict HTTP/1.1\r\nHost: x\r\n"
WHOLE = POST + b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY.encode())


def connected(server):
    return socket.create_connection((server.host, server.port))


@pytest.mark.parametrize("abruptly", [False, True])
def test_disconnecting_client_leaves_no_traceback(half_plus_three, abruptly, caplog):
    starts = [
        b"",
        b"POST /v1/mod",
        POST,
        POST + b"Content-Length: 100\r\n\r\n",
        POST + b'Content-Length: 100\r\n\r\n{"inst',
        POST + b'Transfer-Encoding: chunked\r\n\r\n6\r\n{"i',
        POST + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n",
        WHOLE + POST,
        WHOLE * 3,
    ]
    with serving(half_plus_three) as server:
        for start in starts:
            with connected(server) as client:
                if abruptly:  # a reset instead of an end
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(start)
                threading.Event().wait(0.02)  # to be read before it ends
        assert post(server).json() == {"predictions": [3.5]}
    assert complaints(caplog) == []


def test_client_that_leaves_before_its_answer_leaves_no_traceback(half_plus_three, slow, caplog):
    gate, waiting = slow
    with serving(half_plus_three) as server:
        with connected(server) as client:
            client.sendall(WHOLE)
            assert waiting.wait(60)
        gate.set()
    assert complaints(caplog) == []


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"Content-Length: abc\r\n\r\n",
        POST + b"Content-Length: -5\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"X: " + b"a" * 20_000 + b"\r\n\r\n",
        POST + b"Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n0123456789",
        b"\x16\x03\x01\x02\x00 TLS\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_malformed_request_gets_400_without_a_traceback(server, request_, caplog):
    with connected(server) as client:
        client.sendall(request_)
        assert client.recv(1000).split()[1] == b"400"
    assert post(server).status_code == 200
    assert complaints(caplog) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_stops_at_a_signal(half_plus_three, number):
    answers = []
    server = Server(half_plus_three, port=0, blessed=False)

    def ask_and_stop():
        answers.append(post(server).json())
        os.kill(os.getpid(), number)

    server.run(threading.Thread(target=ask_and_stop).start)
    assert answers == [{"predictions": [3.5]}]


def test_internal_error_gets_500_and_a_traceback(half_plus_three, monkeypatch, caplog):
    monkeypatch.setattr(ServedVersion, "answer", lambda *_: 1 / 0)
    with serving(half_plus_three) as server:
        response = post(server)
    assert response.status_code == 500
    assert response.json() == {"error": "ZeroDivisionError: division by zero"}
    (record,) = complaints(caplog)
    assert isinstance(record.exc_info[1], ZeroDivisionError)


def test_it_listens_on_loopback_by_default(half_plus_three):
    assert Server(half_plus_three).host == "127.0.0.1"
    assert Server(half_plus_three).url == "http://127.0.0.1:8501/v1/models/half_plus_three"
    assert Server(half_plus_three, host="::1").url.startswith("http://[::1]:8501/")


def test_wrong_options_are_refused(half_plus_three):
    with pytest.raises(ValueError, match=r"`timeout` must be a number in \(0, inf\). Received"):
        Limits(timeout=0)
    for name in ("port", "grpc_port"):
        with pytest.raises(ValueError, match=f"`{name}` must be an integer from 0 to 65535"):
            Server(half_plus_three, **{name: 99999})


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid", "203.0.113.1"])
def test_address_is_taken_before_a_version_is_loaded(half_plus_three, monkeypatch, host):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server(half_plus_three, host=host, port=port)
        monkeypatch.setattr(server._repository, "refresh", lambda: pytest.fail("loaded"))
        message = f"Could not listen on {host}:{port}: "
        with pytest.raises(OSError, match=message):
            asyncio.run(server.start())


def test_failed_start_frees_the_address(tmp_path):
    server = Server(tmp_path, port=0, grpc_port=0)
    with pytest.raises(FileNotFoundError, match="no version to serve: it is empty"):
        asyncio.run(server.start())
    for port in (server.port, server.grpc_port):
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_missing_extra_is_named(half_plus_three, monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(ImportError, match=r"pip install 'keras-occam\[serve\]'.*aiohttp"):
        Server(half_plus_three)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "grpc_health.v1", None)
    Server(half_plus_three)
    with pytest.raises(ImportError, match=r"pip install 'keras-occam\[serve\]'.*grpc_health"):
        Server(half_plus_three, grpc_port=0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("b64"), inner),
    max_leaves=12,
)
KEYS = ("instances", "inputs", "signature_name", "x", "tag", "b64")
NAMES = st.sampled_from(["serving_default", "named", "decoded", "negated", "__saved_model_init_op"])
DOCUMENTS = st.dictionaries(st.sampled_from(KEYS), JSON) | st.fixed_dictionaries(
    {
        "signature_name": NAMES,
        "inputs": st.dictionaries(st.sampled_from(["x", "flag", "tag", "raw"]), JSON),
    }
)


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(body=st.binary() | DOCUMENTS)
def test_no_body_breaks_the_server(server, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = requests.post(f"{server.url}:predict", data=data, timeout=30)
    assert response.status_code in (200, 400)
    assert "error" in response.json() or response.status_code == 200


def versioned(version):
    """A classifier whose logits are 0 and x / 100 + its version."""
    layer = keras.layers.Dense(2)
    model = keras.Sequential([keras.Input((1,), name="x"), layer])
    layer.set_weights([np.array([[0, 0.01]]), np.array([0, version])])
    return model


@pytest.mark.slow
def test_publishing_three_versions_drops_none_of_two_thousand_requests(tmp_path):
    for version in (1, 2, 3, 4):
        exports.export(versioned(version), tmp_path / "saved", task="classification")
    directory = tmp_path / "model"
    shutil.copytree(tmp_path / "saved" / "1", directory / "1")
    inputs = np.random.default_rng(0).integers(0, 100, (16, 125))
    published = threading.Semaphore(0)

    def client(row):
        answers = []
        with requests.Session() as session:
            for i, x in enumerate(row.tolist()):
                if i in (30, 60, 90):
                    published.release()
                body = f'{{"instances": [[{x}], [{x + 1}]]}}'
                response = session.post(f"{server.url}:predict", data=body, timeout=60)
                answers.append((response.status_code, x, response.json().get("predictions")))
        return answers

    def version_of(x, answer):
        p = answer["probabilities"]
        return round(math.log(p[1] / p[0]) - x / 100, 3)

    with (
        serving(directory, poll=0.05, blessed=True) as server,
        concurrent.futures.ThreadPoolExecutor(16) as pool,
    ):
        clients = [pool.submit(client, row) for row in inputs]
        for version in (2, 3, 4):
            for _ in clients:
                published.acquire()
            (tmp_path / "saved" / str(version)).rename(directory / str(version))
        answers = [answer for done in clients for answer in done.result()]
        deadline = time.monotonic() + 300
        while server.versions != [4]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert len(answers) == 2000
    assert {status for status, _, _ in answers} == {200}
    versions = {(version_of(x, a), version_of(x + 1, b)) for _, x, (a, b) in answers}
    assert versions <= {(v, v) for v in (1, 2, 3, 4)}, "one version computes each answer"
    assert len(versions) > 1, "versions changed while requests were answered"
