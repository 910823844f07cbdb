"""The served versions, as the directory changes."""

import json
import shutil

import numpy as np
import pytest
import requests

from occam.exports.serving import Repository
from occam.exports.serving.request import RequestError, Target
from occam.exports.warmup import write_warmup

from .conftest import Model, serving

MODEL = Target("m")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Three SavedModels with the offsets 1, 2 and 3."""
    root = tmp_path_factory.mktemp("saved")
    for offset in (1, 2, 3):
        Model(offset).save(root / f"{offset}")
    return root


@pytest.fixture
def directory(tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    return directory


def publish(saved, directory, offset, version=None):
    staged = directory / ".tmp"
    shutil.copytree(saved / str(offset), staged)
    staged.rename(directory / str(version or offset))


def label(directory, **labels):
    (directory / "new").write_text(json.dumps(labels))
    (directory / "new").rename(directory / "labels.json")


def states(repository):
    return {status.version: status.state for status in repository.seen()}


def answer(version):
    (y,) = version.answer("serving_default", {"x": np.zeros(1, "float32")})["y"]
    return y


def test_newest_and_labeled_versions_are_served(saved, directory):
    repository = Repository(directory, "m", blessed=False)
    repository.refresh()
    with pytest.raises(RequestError, match=r"not found for request: Latest\(m\)"):
        repository.get(MODEL)
    publish(saved, directory, 1)
    repository.refresh()
    assert answer(repository.get(MODEL)) == 1
    held = repository.get(MODEL)
    publish(saved, directory, 2)
    repository.refresh()
    assert repository.versions == [2]
    assert states(repository) == {2: "AVAILABLE", 1: "END"}
    assert answer(held) == 1, "what a request holds is answered"
    label(directory, stable=1, canary=2)
    repository.refresh()
    assert repository.versions == [1, 2]
    assert answer(repository.get(Target("m", label="stable"))) == 1
    assert answer(repository.get(Target("m", 1))) == 1
    assert [status.version for status in repository.statuses(Target("m", label="stable"))] == [1]
    label(directory, stable=2, missing=7)
    repository.refresh()
    assert repository.versions == [2]
    with pytest.raises(RequestError, match=r"Specific\(m, 7\)"):
        repository.get(Target("m", label="missing"))
    with pytest.raises(RequestError, match="label: canary"):
        repository.get(Target("m", label="canary"))
    with pytest.raises(RequestError, match=r"Specific\(m, 1\)"):
        repository.get(Target("m", 1))


def test_removed_version_hands_over_to_the_previous_one(saved, directory):
    repository = Repository(directory, "m", blessed=False)
    publish(saved, directory, 1)
    publish(saved, directory, 2)
    repository.refresh()
    assert repository.versions == [2]
    shutil.rmtree(directory / "2")
    repository.refresh()
    assert answer(repository.get(MODEL)) == 1
    publish(saved, directory, 3, version=1 + 1)
    repository.refresh()
    assert answer(repository.get(MODEL)) == 3, "the number is the same, the files are not"
    shutil.rmtree(directory)
    repository.refresh()
    assert answer(repository.get(MODEL)) == 3, "nothing to replace it with"


def test_previous_version_stays_if_the_new_one_fails_to_load(saved, directory, caplog):
    publish(saved, directory, 1)
    publish(saved, directory, 2)
    (directory / "2" / "saved_model.pb").write_bytes(b"\xff")
    publish(saved, directory, 3)
    (directory / "3" / "variables" / "link").symlink_to("/etc/passwd")
    (directory / "4").symlink_to(saved / "1")
    (directory / "5").mkdir()
    for name in ("x", "-1", "..", "1.5", "\u0663"):
        (directory / name).mkdir(exist_ok=True)
    repository = Repository(directory, "m", blessed=False)
    repository.refresh()
    assert answer(repository.get(MODEL)) == 1
    assert states(repository) == {5: "END", 4: "END", 3: "END", 2: "END", 1: "AVAILABLE"}
    errors = {status.version: status.error for status in repository.seen()}
    assert "3/variables/link is a link" in errors[3]
    assert "4 is a link" in errors[4]
    caplog.clear()
    repository.refresh()
    assert caplog.records == [], "nothing is tried again"
    shutil.copytree(saved / "2", directory / "5", dirs_exist_ok=True)
    repository.refresh()
    assert answer(repository.get(MODEL)) == 2, "it is complete now"


def test_version_that_fails_its_warmup_is_not_served(saved, directory):
    good = ("serving_default", {"x": np.zeros(1, "float32")})
    for offset, tag in ((1, b"no"), (2, b"four")):
        publish(saved, directory, offset)
        bad = ("decoded", {"raw": np.array([tag], dtype=object)})  # whole integers only
        write_warmup(directory / str(offset), [good, bad])
    (directory / "1").rename(directory / "3")
    repository = Repository(directory, "m", blessed=False)
    repository.refresh()
    assert answer(repository.get(MODEL)) == 2
    refused, served = repository.seen()
    assert (refused.version, served.version) == (3, 2)
    assert "Warmup request 2 fails: InvalidArg" in refused.error


def test_version_without_a_blessing_is_not_served(saved, directory):
    publish(saved, directory, 1)
    (directory / "1" / "blessing.json").unlink()
    publish(saved, directory, 2)  # of which the blessing is empty
    repository = Repository(directory, "m")
    repository.refresh()
    assert repository.versions == []
    empty, missing = repository.seen()
    assert "Could not read" in empty.error
    assert "it has no blessing.json" in missing.error


@pytest.mark.parametrize("text", ["{", "[]", '{"stable": "1"}', '{"stable": true}', "\xff"])
def test_invalid_labels_file_keeps_the_previous_labels(saved, directory, text, caplog):
    publish(saved, directory, 1)
    label(directory, stable=1)
    repository = Repository(directory, "m", blessed=False)
    repository.refresh()
    (directory / "labels.json").write_text(text, "latin-1")
    repository.refresh()
    assert repository.get(Target("m", label="stable")) is repository.get(MODEL)
    assert "the labels stay as they were: Could not read" in caplog.text


def test_missing_directory_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: the directory does not exist"):
        Repository(tmp_path / "nowhere", "m")


def test_labels_over_http(saved, directory):
    publish(saved, directory, 1)
    publish(saved, directory, 2)
    label(directory, stable=1)
    with serving(directory) as server:
        body = '{"instances": [0.0]}'
        stable = requests.post(f"{server.url}/labels/stable:predict", data=body, timeout=60)
        latest = requests.post(f"{server.url}:predict", data=body, timeout=60)
        status = requests.get(f"{server.url}/labels/stable", timeout=60).json()
        metadata = requests.get(f"{server.url}/labels/stable/metadata", timeout=60).json()
    assert (stable.json(), latest.json()) == ({"predictions": [1.0]}, {"predictions": [2.0]})
    assert [s["version"] for s in status["model_version_status"]] == ["1"]
    assert metadata["model_spec"]["version"] == "1"
