import os

import pytest
import tensorflow as tf

from occam import exports

CALLS = {
    "load": exports.load,
    "listing": exports.listing,
    "promote": lambda directory: exports.promote(directory, 1),
    "rollback": exports.rollback,
    "prune": lambda directory: exports.prune(directory, 1),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("name", "problem"), [("nope", "the directory does not exist"), ("afile", "it is a file")]
)
def test_a_missing_directory_is_named(call, name, problem, tmp_path):
    (tmp_path / "afile").touch()
    message = f"Could not open {tmp_path / name}: {problem}"
    with pytest.raises(FileNotFoundError, match=message):
        call(tmp_path / name)


def test_listing_describes_each_version(directory):
    exports.promote(directory, 2)
    (directory / "3" / "blessing.json").unlink()
    (directory / "4" / "saved_model.pb").unlink()
    first, second, third, fourth = exports.listing(directory)
    assert (first.version, first.labels, second.labels) == (1, (), ("stable",))
    assert first.blessing is not None
    assert first.blessing.gates[0].name == "purity"
    assert first.signatures["serving_default"].inputs == {
        "x": tf.TensorSpec((None, 2), tf.float32, "x")
    }
    assert first.bytes == sum(f.stat().st_size for f in first.path.rglob("*") if f.is_file())
    assert third.blessing is None
    assert "it has no blessing.json" in third.problem
    assert fourth.blessing is None
    assert "['saved_model.pb'] missing" in fourth.problem


def left(directory):
    return sorted(name for name in os.listdir(directory) if not name.endswith(".json"))


def test_prune_keeps_labeled_and_rollback_versions(directory):
    for version in (1, 2):
        exports.promote(directory, version, label="stable")
    assert exports.prune(directory, 1) == [3]
    assert left(directory) == ["1", "2", "4"]
    assert exports.rollback(directory) == 1
    assert exports.prune(directory, 1) == [2]
    assert left(directory) == ["1", "4"]


def test_prune_keeps_the_newest(directory):
    assert exports.prune(directory, 3) == [1]
    assert exports.prune(directory, 1) == [2, 3]
    assert left(directory) == ["4"]


@pytest.mark.parametrize("keep", [0, 1.5, True])
def test_keep_is_a_positive_integer(directory, keep):
    message = f"`keep` must be an integer >= 1. Received: keep={keep}"
    with pytest.raises(ValueError, match=message):
        exports.prune(directory, keep)


def test_export_prunes(directory, small_model):
    assert exports.export(small_model, directory, keep=2).version == 5
    assert left(directory) == ["4", "5"]
    with pytest.raises(ValueError, match="`keep` must be an integer >= 1 or None"):
        exports.export(small_model, directory, keep=0)
