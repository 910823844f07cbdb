import pytest
import tensorflow as tf

from occam import exports


def test_versions_are_listed_with_what_is_known_of_them(directory):
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
    assert "without one" in third.problem
    assert fourth.blessing is None
    assert "without ['saved_model.pb']" in fourth.problem


def test_no_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected the directory of an export"):
        exports.listing(tmp_path / "absent")
