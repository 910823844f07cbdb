import dataclasses
import shutil
import subprocess
import sys

import pytest

from occam.exports.gates import loading


def test_what_needs_no_keras_loads(good):
    assert loading.check(good).passed


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.data-00000-of-00001"])
def test_a_truncated_file_is_found(good, file, tmp_path):
    shutil.copytree(good.path, tmp_path / "1")
    path = tmp_path / "1" / file
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    result = loading.check(dataclasses.replace(good, path=tmp_path / "1"))
    assert (result.name, result.passed) == ("loading", False)
    assert "loads where Keras cannot be imported. Received: " in result.detail


def test_the_other_process_is_started_again_after_it_ended(good):
    assert loading.check(good).passed
    loading._LOADER._process.kill()
    loading._LOADER._process.wait()
    assert loading.check(good).passed


def test_keras_cannot_be_imported_there(tmp_path):
    script = (
        "import runpy, sys; sys.stdin.close(); sys.stdin = open(sys.argv[2])\n"
        "runpy.run_path(sys.argv[1], run_name='__main__')\n"
        "for name in ('keras', 'occam'):\n"
        "    try:\n        __import__(name)\n"
        "    except ImportError:\n        print(name, file=sys.stderr)"
    )
    (tmp_path / "nobody").touch()
    command = [sys.executable, "-c", script, str(loading._SCRIPT), str(tmp_path / "nobody")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == "keras\noccam\n"
