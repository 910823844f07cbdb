"""Keras' own tests of its callbacks pass with ours of the same names."""

import importlib.util
import subprocess
import sys

import keras
import pytest

RUN = """
import functools, sys, pytest
import occam.callbacks
from keras.src import callbacks
from keras.src.callbacks import {module} as module
callbacks.{name} = functools.partial(occam.callbacks.{name}, **{options})
arguments = ["-q", "-c", "/dev/null", "-p", "no:cacheprovider", "--rootdir", sys.argv[1]]
sys.exit(pytest.main([*arguments, *{arguments}, module.__file__]))
"""


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="once is enough")
@pytest.mark.parametrize(
    ("name", "module", "options", "arguments", "passed"),
    [
        ("EarlyStopping", "early_stopping_test", {}, [], 7),
        ("BackupAndRestore", "backup_and_restore_test", {}, [], 7),
        pytest.param(
            *("TensorBoard", "tensorboard_test", {"names": "keras"}),
            ["-k", "not projector"],  # it tests for the name of a checkpoint that cannot be read
            14,
            marks=pytest.mark.exhaustive,
        ),
    ],
)
def test_the_tests_of_keras_pass(name, module, options, arguments, passed, tmp_path):
    if importlib.util.find_spec(f"keras.src.callbacks.{module}") is None:
        pytest.skip("this Keras was installed without its tests")
    script = RUN.format(name=name, module=module, options=options, arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"{passed} passed" in done.stdout
