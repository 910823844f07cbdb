import dataclasses
import shutil

import pytest
import tensorflow as tf

from occam import exports
from occam.exports.gates import in_c

WORDS = tf.constant(["0", "1"])


@pytest.fixture(scope="module", autouse=True)
def compiler():
    """The gate needs one, and so do its tests."""
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("no C compiler")


@pytest.fixture
def no_compiler(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    in_c.compiled.cache_clear()


@pytest.fixture
def asked(good):
    """The candidate that passes every gate, asked in C."""
    return dataclasses.replace(good, in_c=True)


def test_it_is_asked_where_there_is_a_compiler_unless_told(good):
    assert in_c.check(good).passed
    assert in_c.check(dataclasses.replace(good, in_c=False)) is None


def test_without_a_compiler_there_is_nothing_to_look_at(good, no_compiler):
    assert in_c.check(good) is None


def test_what_is_good_passes_and_asks_one_process(asked):
    assert in_c.check(asked).passed
    process = in_c._PROGRAM._process
    assert in_c.check(asked).passed
    assert in_c._PROGRAM._process is process


def test_words_and_tables_and_several_inputs_are_asked(write, module):
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(WORDS, [1.0, 2.0]), 0.0)

    def answer(m, features):
        m.table = table
        known = table.lookup(features["words"]) + tf.cast(features["flag"], "float32")
        return module.answer(m, known * features["x"])

    specs = {
        "words": tf.TensorSpec((None, 2), tf.string, "words"),
        "x": tf.TensorSpec((None, 1), tf.float32, "x"),
        "flag": tf.TensorSpec((None, 2), tf.bool, "flag"),
    }
    candidate = write(others={"serving_default": (answer, specs)}, in_c=True)
    result = in_c.check(candidate)
    assert result.passed, result.detail


def test_a_truncated_file_is_found(asked, tmp_path):
    shutil.copytree(asked.path, tmp_path / "1")
    path = tmp_path / "1" / "variables/variables.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[:10])
    result = in_c.check(dataclasses.replace(asked, path=tmp_path / "1"))
    assert (result.name, result.passed) == ("in_c", False)
    assert "a SavedModel that a program in C loads. Received: " in result.detail
    assert in_c.check(asked).passed, "the program goes on"


def test_another_answer_is_found(asked, write, module):
    other = write(lambda m, x: module.answer(m, x + 1))
    result = in_c.check(dataclasses.replace(asked, path=other.path))
    assert not result.passed
    assert "answers the same there. Received: 'probabilities' that differs by 0." in result.detail


def test_the_program_is_started_again_after_it_ended(asked):
    assert in_c.check(asked).passed
    in_c._PROGRAM._process.kill()
    in_c._PROGRAM._process.wait()
    assert in_c.check(asked).passed


def test_an_export_is_asked_in_c_if_told(small_model, tmp_path):
    exports.export(small_model, tmp_path, checks=exports.Checks(in_c=True))
    gates = {gate.name: gate for gate in exports.Blessing.read(tmp_path / "1").gates}
    assert gates["in_c"].detail == "'serving_default' loads and answers the same in C"


def test_without_a_compiler_nothing_is_written_if_it_has_to_be_asked(
    small_model, tmp_path, no_compiler
):
    message = r"a C compiler for in_c=True: \$CC, cc, gcc or clang\. Received: none"
    with pytest.raises(exports.ExportError, match=message):
        exports.export(small_model, tmp_path / "1", checks=exports.Checks(in_c=True))
    assert not (tmp_path / "1").exists()


def test_a_compiler_that_fails_is_named(monkeypatch):
    monkeypatch.setenv("CC", "false")
    with pytest.raises(exports.ExportError, match=r"loader\.c to be compiled\. Received: exit st"):
        in_c.compiled.__wrapped__()
