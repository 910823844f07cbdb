import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from occam import exports
from occam.exports.publishing import publish, staging, versions


def write(staged, text="complete"):
    (staged / "variables").mkdir()
    (staged / "variables" / "data").write_text(text)


def test_version_names_are_positive_integers(tmp_path):
    for name in ("1", "10", "9", "007", ".tmp-5", "2x", "-3", "²"):
        (tmp_path / name).mkdir()
    assert versions(tmp_path) == [1, 9, 10]


def test_publish_takes_the_next_number(tmp_path):
    (tmp_path / "7").mkdir()
    with staging(tmp_path) as staged:
        write(staged)
        assert publish(staged) == tmp_path / "8"
    assert sorted(os.listdir(tmp_path)) == ["7", "8"]
    assert (tmp_path / "8" / "variables" / "data").read_text() == "complete"


def test_unpublished_directory_is_removed(tmp_path):
    def interrupted():
        with staging(tmp_path) as staged:
            write(staged)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert os.listdir(tmp_path) == []


def test_concurrent_publishers_get_a_version_each(tmp_path):
    start = threading.Barrier(8)

    def publish_one(text):
        with staging(tmp_path) as staged:
            write(staged, text)
            start.wait()
            return publish(staged)

    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(publish_one, "abcdefgh"))
    assert sorted(int(path.name) for path in paths) == list(range(1, 9))
    assert [(path / "variables" / "data").read_text() for path in paths] == list("abcdefgh")


def test_taken_number_is_skipped(tmp_path, monkeypatch):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "theirs").touch()
    (tmp_path / "2").touch()
    module = sys.modules[publish.__module__]
    monkeypatch.setattr(module, "versions", lambda directory: [])
    with staging(tmp_path) as staged:
        write(staged)
        assert publish(staged) == tmp_path / "3"
    assert os.listdir(tmp_path / "1") == ["theirs"]


def test_only_abandoned_directories_are_removed(tmp_path):
    abandoned = tmp_path / ".tmp-abandoned"
    abandoned.mkdir()
    write(abandoned)
    with staging(tmp_path) as first, staging(tmp_path) as second:
        assert sorted(tmp_path.iterdir()) == sorted([first, second])


EXPORT_FOR_EVER = """
import keras, sys
from occam import exports
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
while True:
    exports.export(model, sys.argv[1], task="classification")
"""


def files_below(path):
    return {name for _, _, names in os.walk(path) for name in names}


@pytest.mark.slow
def test_kill_9_leaves_whole_versions_only(tmp_path, small_model, flowers):
    directory = tmp_path / "served"
    directory.mkdir()
    seen: dict[int, set[str]] = {}

    def poll():
        while process.poll() is None:
            for version in versions(directory):
                seen.setdefault(version, files_below(directory / str(version)))

    process = subprocess.Popen([sys.executable, "-c", EXPORT_FOR_EVER, str(directory)])
    poller = threading.Thread(target=poll)
    poller.start()
    try:
        wait_for(lambda: len(versions(directory)) >= 1)
        wait_for(lambda: any(files_below(path) for path in directory.glob(".tmp-*")))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        poller.join()

    leftovers = list(directory.glob(".tmp-*"))
    assert len(leftovers) == 1
    whole = {
        "README.md",
        "blessing.json",
        "export.json",
        "saved_model.pb",
        "tf_serving_warmup_requests",
        "variables.data-00000-of-00001",
        "variables.index",
    }
    assert all(files == whole for files in seen.values())
    last = versions(directory)[-1]
    predictor = exports.load(directory)
    assert predictor.version == last
    assert predictor.predict(flowers)["class_id"].shape == (5,)
    assert exports.export(small_model, directory).version == last + 1
    assert not leftovers[0].exists()


def wait_for(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the exporting process is too slow"
        time.sleep(0.001)
