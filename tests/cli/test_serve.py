"""`occam serve`: a real export, served by a real process."""

import contextlib
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import requests

from occam import exports
from occam.exports.serving import Repository

OCCAM = [sys.executable, "-m", "occam.cli.main", "serve"]


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    """A directory with one published version, and its expected answer to a row of ones."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((2,), name="flower")
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(inputs))
    directory = tmp_path_factory.mktemp("models") / "iris"
    exports.export(model, directory, class_names=["a", "b", "c"])
    return directory, model.predict(np.ones((1, 2)), verbose=0)[0]


@contextlib.contextmanager
def serve(*arguments):
    process = subprocess.Popen(
        [*OCCAM, *map(str, arguments), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_serves_an_export_until_a_signal(iris):
    directory, probabilities = iris
    with serve(directory) as process:
        url, *rest = process.stdout.readline().split(" ", 1)
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/v1/models/iris")
        assert rest == [f"serves {directory}; Ctrl-C stops it\n"]
        body = {"instances": [[1.0, 1.0]]}
        (answer,) = requests.post(f"{url}:predict", json=body, timeout=60).json()["predictions"]
        wrong = requests.post(f"{url}:predict", json={"instances": [[1.0]]}, timeout=60)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "stopped\n")
    np.testing.assert_allclose(answer["probabilities"], probabilities, atol=1e-6)
    assert answer["label"] == "abc"[answer["class_id"]] == "abc"[probabilities.argmax()]
    assert wrong.status_code == 400
    assert (
        "`flower` must have the shape (None, 2) (None: any). Received: shape (1, 1)"
        in wrong.json()["error"]
    )
    assert err == "occam: version 1 of iris is served\n"


def test_changed_byte_is_not_served(iris, tmp_path):
    directory = shutil.copytree(iris[0], tmp_path / "iris")
    repository = Repository(directory, "iris")
    repository.refresh()
    assert repository.versions == [1]
    file = directory / "1" / "variables" / "variables.data-00000-of-00001"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    changed = Repository(directory, "iris")
    changed.refresh()
    assert changed.versions == []
    assert "variables.data-00000-of-00001'] changed" in changed.seen()[0].error
