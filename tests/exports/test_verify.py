import json
import os
import shutil

import keras
import numpy as np
import pytest

from occam import exports
from occam.exports.blessing import Blessing, checksums


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    directory = tmp_path_factory.mktemp("published")
    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    exports.export(model, directory, class_names=["ant", "bee", "cat"])
    return directory


@pytest.fixture
def version(published, tmp_path):
    """A copy of version 1 that a test may change."""
    return shutil.copytree(published / "1", tmp_path / "1")


def test_an_untouched_version_passes(version):
    results = exports.verify(version.parent, 1)
    assert [result.name for result in results] == [
        "checksums",
        "purity",
        "determinism",
        "state",
        "batches",
        "labels",
        "size",
        "loading",
        "warmup",
    ]
    assert all(result.passed for result in results)
    exports.load(version.parent, verify=True)


def test_the_checksums_are_those_of_the_files_and_not_of_the_card(version):
    (version / "README.md").write_text("better")
    content = json.loads((version / "blessing.json").read_text())
    assert content["format"] == 1
    assert content["files"] == checksums(version)
    assert set(content["files"]) == {
        "assets.extra/tf_serving_warmup_requests",
        "saved_model.pb",
        "variables/variables.data-00000-of-00001",
        "variables/variables.index",
    }
    Blessing.read(version).check_contents(version)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.data-00000-of-00001"])
def test_a_changed_byte_is_found_before_anything_is_loaded(version, file):
    flip(version / file)
    with pytest.raises(exports.ExportError, match=rf"^gate checksums: .*\['{file}'\] changed"):
        exports.verify(version.parent, 1)
    with pytest.raises(exports.ExportError, match="gate checksums"):
        exports.load(version.parent, verify=True)


INDEX = "variables/variables.index"


def truncate(version):
    (version / INDEX).write_bytes((version / INDEX).read_bytes()[:-1])


def add(version):
    (version / "assets").mkdir(exist_ok=True)
    (version / "assets" / "vocabulary.txt").write_text("a")


def link_in_place(version):
    path = version / "saved_model.pb"
    path.rename(version.parent / "outside")
    path.symlink_to(version.parent / "outside")


def link_itself(version):
    version.rename(version.parent / "outside")
    version.symlink_to("outside")


@pytest.mark.parametrize(
    ("spoil", "received"),
    [
        (truncate, rf"\['{INDEX}'\] changed"),
        (lambda version: (version / INDEX).unlink(), rf"\['{INDEX}'\] missing, \[\] unknown"),
        (add, r"\[\] missing, \['assets/vocabulary.txt'\] unknown"),
        (lambda version: (version / "new").symlink_to("/etc/hostname"), "new is a link"),
        (lambda version: (version / "more").symlink_to("variables"), "more is a link"),
        (link_in_place, "saved_model.pb is a link"),
        (link_itself, "1 is a link"),
    ],
)
def test_spoilt_files_are_found(version, spoil, received):
    spoil(version)
    with pytest.raises(exports.ExportError, match=rf"^gate checksums: .*: .*{received}"):
        exports.verify(version.parent, 1)


def test_an_added_or_removed_file_is_found_by_load(version):
    add(version)
    with pytest.raises(exports.ExportError, match="unknown"):
        exports.load(version.parent)


def spoil(version, **changes):
    file = version / "blessing.json"
    content = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "format 2"),
        ({"files": {"../secret": "0"}}, "'../secret' leads out of the version"),
        ({"files": {"/etc/passwd": "0"}}, "'/etc/passwd' leads out of the version"),
        ({"gates": []}, "list of gates is empty"),
        ({"gates": [{"name": "purity"}]}, "missing 2 required positional arguments"),
        (
            {"gates": [{"name": "purity", "passed": False, "detail": "", "figures": {}}]},
            r"failed gates \['purity'\]",
        ),
    ],
)
def test_an_invalid_blessing_is_refused(version, changes, message):
    spoil(version, **changes)
    with pytest.raises(exports.ExportError, match=message):
        exports.load(version.parent)
    with pytest.raises(exports.ExportError, match=message):
        exports.verify(version.parent, 1)


def test_a_version_without_a_blessing_is_loaded_only_on_request(version):
    os.remove(version / "blessing.json")
    with pytest.raises(exports.ExportError, match=r"it has no blessing\.json"):
        exports.load(version.parent)
    answer = exports.load(version.parent, blessed=False).predict(np.zeros((1, 2)))
    assert answer["label"] == ["ant"]


def test_a_missing_version(version):
    with pytest.raises(FileNotFoundError, match="2: the directory does not exist"):
        exports.verify(version.parent, 2)
