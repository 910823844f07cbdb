"""The errors of the entry points for arguments of the wrong type."""

import functools
import re

import numpy as np
import pytest

from occam import tuning, zoo

ARRAY = np.zeros((4, 8, 8, 1), "float32")
PAIR = (ARRAY, ARRAY)
WRONG = [None, PAIR, ARRAY, "digitz", {"x": 1}, 3]

# For each argument a call, what the error begins with, and the values that are right for it or
# are refused for what they are and not for their type.
MLP = functools.partial(zoo.create_model, "mlp", input_shape=(4,), num_classes=2)
TUNE = functools.partial(tuning.tune, "mlp", directory="search")
REGULARIZATION = "`regularization` must be"
CASES = {
    "train model": (lambda m, d, v: zoo.train(v, d), "`model` must be a keras.Model", []),
    "train data": (lambda m, d, v: zoo.train(m, v), "`data` must be an occam.zoo.Data", [PAIR]),
    "train regularization": (
        lambda m, d, v: zoo.train(m, d, regularization=v),
        REGULARIZATION,
        [None, "digitz"],
    ),
    "train log_dir": (
        lambda m, d, v: zoo.train(m, d, log_dir=v),
        "`log_dir` must be a path or None",
        [None, "digitz"],
    ),
    "train callbacks": (
        lambda m, d, v: zoo.train(m, d, callbacks=v),
        "`callbacks` must be a list of keras.callbacks.Callback",
        [None],
    ),
    "train resume": (
        lambda m, d, v: zoo.train(m, d, resume=v, log_dir="run"),
        "`resume` must be True or False",
        [],
    ),
    "tune model": (
        lambda m, d, v: tuning.tune(v, d, directory="search"),
        "`model` must be a name of zoo.list_models(), a keras.Model, or a function",
        ["digitz"],
    ),
    "tune resume": (lambda m, d, v: TUNE(d, resume=v), "`resume` must be True or False", []),
    "tune data": (lambda m, d, v: TUNE(v), "`data` must be an occam.zoo.Data", [PAIR]),
    "tune space": (lambda m, d, v: TUNE(d, space=v), "`space` must be a list of", [None]),
    "tune base": (lambda m, d, v: TUNE(d, base=v), "`base` must be", [None, "digitz"]),
    "tune directory": (
        lambda m, d, v: TUNE(d, directory=v),
        "`directory` must be a path",
        ["digitz"],
    ),
    "create_model name": (
        lambda m, d, v: zoo.create_model(v, input_shape=(4,), num_classes=2),
        "`name` must be the name of a model",
        ["digitz"],
    ),
    "create_model input_shape": (
        lambda m, d, v: MLP(input_shape=v),
        "`input_shape` must be 1 or 2 or 3 positive integers",
        [],
    ),
    "create_model num_classes": (
        lambda m, d, v: MLP(num_classes=v),
        "`num_classes` must be an integer >= 2",
        [3],
    ),
    "create_model regularization": (
        lambda m, d, v: MLP(regularization=v),
        REGULARIZATION,
        [None, "digitz"],
    ),
    "create_model seed": (
        lambda m, d, v: MLP(seed=v),
        "`seed` must be an integer or None",
        [None, 3],
    ),
    "create_model weights": (lambda m, d, v: MLP(weights=v), "`weights` must be", [None, "digitz"]),
    "lint model": (lambda m, d, v: zoo.lint(v), "`model` must be a keras.Model", []),
    "strip model": (lambda m, d, v: zoo.strip(v), "`model` must be a keras.Model", []),
    "regularize model": (lambda m, d, v: zoo.regularize(v), "`model` must be a keras.Model", []),
    "regularize regularization": (
        lambda m, d, v: zoo.regularize(m, v),
        "`regularization` must be",
        [None, "digitz"],
    ),
    "regularize rules": (
        lambda m, d, v: zoo.regularize(m, rules=v),
        "`rules` must be a mapping",
        [None, {"x": 1}],
    ),
    "preset name": (lambda m, d, v: zoo.preset(v, "light"), "`name` must be", ["digitz"]),
    "preset tier": (lambda m, d, v: zoo.preset("mlp", v), "`tier` must be", ["digitz"]),
    "list_models pattern": (lambda m, d, v: zoo.list_models(v), "`pattern` must be", ["digitz"]),
    "list_weights model": (
        lambda m, d, v: zoo.list_weights(v),
        "`model` must be the name of a model or None",
        [None, "digitz"],
    ),
    "load_data source": (
        lambda m, d, v: zoo.load_data(v),
        "`source` must be a data set's name",
        ["digitz", PAIR],
    ),
    "load_data data_dir": (
        lambda m, d, v: zoo.load_data("digits", data_dir=v),
        "`data_dir` must be a path",
        [None, "digitz"],
    ),
    "load_data download": (
        lambda m, d, v: zoo.load_data("digits", download=v),
        "`download` must be True or False",
        [],
    ),
    "raw split": (lambda m, d, v: d.raw(v), "`split` must be one of", []),
    "save path": (lambda m, d, v: d.save(v), "`path` must be a path", ["digitz"]),
    "Run.load directory": (
        lambda m, d, v: zoo.Run.load(v),
        "`directory` must be a path",
        ["digitz"],
    ),
    "Regularization.from_dict values": (
        lambda m, d, v: zoo.Regularization.from_dict(v),
        "`values` must be a dict",
        [{"x": 1}],
    ),
}


@pytest.fixture(scope="module")
def model():
    return zoo.create_model("mlp", input_shape=(8, 8, 1), num_classes=10, seed=0)


def _equal(value, each):
    return type(value) is type(each) and isinstance(each, str | dict | int) and value == each


@pytest.mark.parametrize("case", CASES)
def test_errors_name_the_argument_of_the_wrong_type(case, model, digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, message, right = CASES[case]
    for value in WRONG:
        if any(value is each or _equal(value, each) for each in right):
            continue
        expected = rf"^{re.escape(message).replace('`', '`?')}[\s\S]*Received: "
        with pytest.raises((TypeError, ValueError), match=expected):
            call(model, digits, value)
    assert not list(tmp_path.iterdir())  # nothing was begun


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zoo.load_data("digitz"), "'digitz' is neither an embedded data set"),
        (lambda: zoo.load_data("./missing"), "missing: no such directory"),
        (lambda: zoo.load_data("missing.npz"), "missing.npz: no such file"),
        (lambda: zoo.Run.load("missing"), "missing holds no finished run"),
        (lambda: zoo.preset("digitz", "light"), "No model 'digitz'"),
        (lambda: zoo.preset("mlp", "digitz"), "tiers none, light, medium, strong. Received"),
    ],
)
def test_errors_name_what_does_not_exist(call, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(message)):
        call()


def test_a_file_in_place_of_a_directory_is_an_error(model, digits, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"file must be a directory. Received: a file"):
        zoo.train(model, digits, log_dir=tmp_path / "file")
    with pytest.raises(ValueError, match=r"an existing directory. Received: .*data.npz"):
        digits.save(tmp_path / "missing" / "data.npz")
