"""Arrays in memory: every form of features and targets, or an error that names the argument."""

import re
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from occam.zoo.data import DataError, load_data

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(5.0, 3.0, (60, 4))
Y = np.arange(60) % 3


@pytest.mark.parametrize(
    ("y", "kind", "units"),
    [
        (Y, "classification", 3),
        (Y[:, None], "classification", 3),
        (Y.astype("float64") * 10, "classification", 3),
        (np.array(["a", "b", "c"])[Y], "classification", 3),
        (np.array(["ä".encode(), b"b", b"c"])[Y], "classification", 3),
        (np.eye(3)[Y], "classification", 3),
        (Y.tolist(), "classification", 3),
        (Y > 0, "classification", 2),
        (np.eye(3)[Y] + np.eye(3)[0], "multilabel", 3),
        (X[:, 0], "regression", 1),
        (X[:, :1], "regression", 1),
        (X[:, :2], "regression", 2),
        (pd.Series(np.array(["a", "b", "c"])[Y]), "classification", 3),
        (pd.Series(Y, dtype="Int64"), "classification", 3),
        (X[:, 0].astype(object), "regression", 1),
        ([Decimal(value) for value in X[:, 0]], "regression", 1),
        (pd.DataFrame({"a": X[:, 0].astype(object), "b": X[:, 1]}), "regression", 2),
        (pd.Series(X[:, 0], dtype="Float64"), "regression", 1),
        (pd.DataFrame(np.eye(3, dtype="int64")[Y], columns=["a", "b", "c"]), "classification", 3),
    ],
)
def test_targets_of_every_form(y, kind, units):
    if isinstance(y, np.ndarray) and kind == "multilabel":
        y = np.minimum(y, 1)
    data = load_data((X, y))
    assert (data.task.kind, data.task.units, data.task_found) == (kind, units, True)
    assert data.sizes == {"train": 43, "validation": 5, "test": 12}
    assert f"{kind} (found from the targets; pass task=... to change)" in data.describe()


def test_class_numbers_that_are_python_objects():
    data = load_data((X, np.array([1, 2, 10] * 20, object)))
    assert data.class_names == ("1", "2", "10")
    frame = pd.DataFrame({"a": X[:, 0], "y": np.array([1, 2, 10] * 20, object)})
    assert load_data(frame, target="y").class_names == ("1", "2", "10")


def test_names_of_targets():
    frame = pd.DataFrame({"width": X[:, 0], "height": X[:, 1]})
    assert load_data((X, frame)).task.names == ("width", "height")
    assert load_data((X, frame["width"])).task.names == ("width",)
    assert load_data((X, pd.DataFrame(np.eye(3)[Y], columns=[*"abc"]))).class_names == (*"abc",)


def test_a_task_that_is_told_is_not_found():
    data = load_data((X, Y), task="regression")
    assert (data.task.kind, data.task_found) == ("regression", False)
    assert "task        regression\n" in data.describe()


def test_parts_that_are_given(collect):
    data = load_data((X, Y), validation=(X[:6] + 1, Y[:6]), test=[X[:3] + 2, Y[:3]])
    assert data.sizes == {"train": 60, "validation": 6, "test": 3}
    for part, x in (("train", X), ("validation", X[:6] + 1), ("test", X[:3] + 2)):
        np.testing.assert_array_equal(collect(data.raw(part))[0], x.astype("float32"))
    rows = collect(data.train)[0]
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(rows.var(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(
        collect(data.test)[0], (X[:3] + 2 - X.mean(axis=0)) / X.std(axis=0), rtol=1e-4
    )


def test_features_as_given(collect):
    data = load_data((X, Y), standardize=False)
    raw, given = collect(data.raw("test"))[0], collect(data.test)[0]
    np.testing.assert_array_equal(given, raw)
    assert "inputs are  as given" in data.describe()


def test_no_test_part():
    assert load_data((X, Y), test=False).sizes == {"train": 54, "validation": 6}


def test_several_inputs():
    x = {"wide": X, "series": RANDOM.normal(2.0, 4.0, (60, 5, 2))}
    data = load_data((x, Y), batch_size=60)
    assert data.input_shape == {"wide": (4,), "series": (5, 2)}
    batch, _ = next(iter(data.train))
    for name, axes in (("wide", 0), ("series", (0, 1))):
        np.testing.assert_allclose(batch[name].numpy().mean(axis=axes), 0, atol=1e-5)
        np.testing.assert_allclose(batch[name].numpy().var(axis=axes), 1, atol=1e-4)
    with pytest.raises(ValueError, match="its features are several arrays"):
        data.save("some.npz")
    assert load_data(({"a": X[:, 0], "b": X}, Y)).input_shape == {"a": (1,), "b": (4,)}


def test_texts(tmp_path, collect):
    texts = np.array(["the film was good", "the film was bad", "a dull ending"], object)[Y]
    for x in (texts, texts[:, None], texts.astype("S"), texts.tolist()):
        data = load_data((x, Y))
        assert data.input_shape == (4,)
        assert data.vocabulary_size == 10  # eight words, padding and unknown
    given = load_data((texts, Y), standardize=False)
    assert next(iter(given.test))[0].dtype == "string"
    data.save(tmp_path / "texts.npz")
    again = load_data(tmp_path / "texts.npz")
    np.testing.assert_array_equal(collect(again.test)[0], collect(data.test)[0])


def test_sample_weights(tmp_path, collect):
    data = load_data((X, Y, Y + 0.5), batch_size=7)
    for part in data.sizes:
        for _, y, weights in getattr(data, part).as_numpy_iterator():
            np.testing.assert_array_equal(weights, y + 0.5)
    for _, y, weights in data.epochs(seed=0).take(20).as_numpy_iterator():
        np.testing.assert_array_equal(weights, y + 0.5)
    assert data.has_weights
    assert "weights     one for each sample" in data.describe()
    data.save(tmp_path / "data.npz")
    again = load_data(tmp_path / "data.npz", batch_size=7)
    for one, other in zip(data.test, again.test, strict=True):
        np.testing.assert_array_equal(one[2], other[2])
    assert not load_data((X, Y, None)).has_weights


@pytest.mark.parametrize("y", [np.eye(3)[Y] @ [[1, 0], [1, 1], [0, 0]], X[:, :1], Y], ids=str)
def test_saved_data_keeps_its_task(y, tmp_path, collect):
    data = load_data((X, y))
    data.save(tmp_path / "data.npz")
    again = load_data(tmp_path / "data.npz")
    assert (again.task.kind, again.task.names) == (data.task.kind, data.task.names)
    np.testing.assert_equal(collect(again.raw("test")), collect(data.raw("test")))


def test_nested_targets_of_a_compiled_model():
    y = {"class": Y, "pair": (X[:, 0], [1.0] * 60)}
    data = load_data((X, y), task="given", standardize=False)
    _, batch = next(iter(data.test))
    assert (batch["class"].shape, batch["pair"][1].shape) == ((12,), (12,))
    assert "task        given" in data.describe()
    with pytest.raises(ValueError, match="cannot be saved, since its targets have no task"):
        data.save("some.npz")


def test_data_in_memory_has_a_digest():
    data = load_data((X, Y))
    assert (data.name, data.reloadable) == ("tuple", False)
    assert load_data((X, Y)).arguments == data.arguments
    assert load_data((X + 1, Y)).arguments["digest"] != data.arguments["digest"]


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ((X,), {}, "`source` must be (x, y) or (x, y, sample_weight). Received: tuple of 1"),
        ((X, None), {}, "`source` must be (x, y) or (x, y, sample_weight). Received: tuple of 2"),
        ((X, Y), {"test": X}, "`test` must be (x, y) or (x, y, sample_weight). Received: ndarray"),
        ((X, Y[1:]), {}, "as many targets as samples. Received: 60 samples, and targets of shape"),
        ((X, np.array(1)), {}, "Received: 60 samples, and targets of shape ()."),
        (({"a": X, "b": X[1:]}, Y), {}, "Received: 59 and 60 samples, and targets of shape (60,)."),
        (({}, Y), {}, "x of `source`: at least one array is needed. Received: none."),
        (({1: X, "1": X}, Y), {}, "'self'. Received: 1, '1'."),
        (({"": X, "a/b": X}, Y), {}, "x of `source`: the names of inputs must be strings of ASCII"),
        (({"a": {"b": X}}, Y), {}, "x of `source`['a'] must be one array; inputs must not be nest"),
        (([X, X], Y), {}, "x of `source`: several inputs need names. Pass {'a': x1, 'b': x2} in"),
        (((X, X[:, :2]), Y), {}, "in place of a tuple of 2 arrays."),
        ((["a", None] * 30, Y), {}, "texts must be strings, or bytes in UTF-8. Received: None at"),
        (([b"a", b"\xff"] * 30, Y), {}, "bytes in UTF-8. Received: b'\\xff' at 1."),
        ((X, [b"a", b"\xff"] * 30), {}, "y of `source`: labels must be strings, or bytes in UTF-"),
        ((X, np.array([1, "a"] * 30, object)), {}, "bytes in UTF-8. Received: 1 at 0."),
        ((X, pd.Series([1, None] * 30, dtype="Int64")), {}, "must not be missing. Received: 30 mi"),
        (([[1.0], [1.0, 2.0]], [0, 1]), {}, "x of `source` must be one array, or a dict of arrays"),
        (([[1.0], [2.0]], [[0], [0, 1]]), {}, "y of `source` must be one array ("),
        ((X[:, 0], Y), {}, "x of `source`: features must have shape (samples, features), (samp"),
        ((X[:0], Y[:0]), {}, "nothing empty. Received: (0, 4)."),
        ((X * 1j, Y), {}, "x of `source`: features must be real numbers. Received: complex128."),
        (
            (np.where(X < 5, X, np.nan), Y),
            {},
            "x of `source`: features must be finite float32. Rec",
        ),
        ((pd.DataFrame({"a": ["b"] * 60, "c": Y}), Y), {}, "Pass a DataFrame with target='NAME'."),
        (({"a": X, "b": ["c"] * 60}, Y), {}, "x of `source`['b']: a text must be the only input."),
        ((["...", "!"] * 30, Y), {}, "arrays: the texts of the training part have no words."),
        (
            (X, Y),
            {"test": (X[:, :2], Y)},
            "x of `test` must have the shape of the training samples",
        ),
        (
            (X, Y),
            {"test": ({"a": X}, Y)},
            "x of `test` must have the shape of the training samples",
        ),
        ((X, Y), {"test": (X, Y + 1)}, "y of `test`: labels must be classes of the training part."),
        ((X, Y, Y), {"test": (X, Y)}, "Give sample weights in all parts of the data, or in none."),
        ((X, Y, Y[1:]), {}, "arrays: sample weights must be numbers of shape (60,). Received: sha"),
        ((X, Y, -1.0 - Y), {}, "arrays: sample weights must be finite, >= 0, and not all 0."),
        (
            (X, np.arange(60) * 1.0),
            {},
            "y of `source`: 60 different whole numbers could be classes",
        ),
        ((X, np.ones(60)), {}, "y of `source`: all labels are 1; a classification needs"),
        ((X, np.where(Y, X[:, 0], np.nan)), {}, "y of `source`: the targets of regression must be"),
    ],
)
def test_what_cannot_be_used(source, options, message):
    with pytest.raises(DataError, match=re.escape(message)):
        load_data(source, **options)


def test_a_data_frame_without_a_target():
    with pytest.raises(TypeError, match=r"A DataFrame needs `target`\. Received: DataFrame"):
        load_data(pd.DataFrame({"a": Y}))
