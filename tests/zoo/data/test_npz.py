import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from occam.zoo.data import DataError, load_data
from occam.zoo.data.npz import read_npz

X, Y = np.arange(120.0).reshape(40, 3), np.arange(40) % 2


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        path = tmp_path / "some.npz"
        np.savez(path, **arrays)
        return path

    return write


@pytest.mark.parametrize("shape", [(40, 3), (40, 6, 2), (40, 5, 4, 3)])
def test_tables_series_and_images(save, shape, collect):
    features = np.random.default_rng(0).normal(size=shape)
    data = load_data(save(x=features, y=np.where(Y, "yes", "no")), batch_size=8)
    assert (data.input_shape, data.class_names) == (shape[1:], ("no", "yes"))
    assert data.sizes == {"train": 28, "validation": 4, "test": 8}
    raw = np.concatenate([collect(data.raw(part))[0] for part in data.sizes])
    np.testing.assert_array_equal(np.sort(raw, None), np.sort(features.astype("float32"), None))


def test_a_test_part_in_the_file(save, collect):
    path = save(x=X, y=Y * 5, x_test=-X[:3], y_test=np.array([5, 0, 5]))
    data = load_data(path)
    assert (data.class_names, data.sizes["test"]) == (("0", "5"), 3)
    features, labels = collect(data.raw("test"))
    np.testing.assert_array_equal(features, -X[:3])
    assert labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_arrays_named_as_in_keras_datasets_with_a_validation_part(save, collect, name):
    validation = {f"x_{name}": -X[:6], f"y_{name}": Y[:6, None]}
    path = save(x_train=X, y_train=Y[:, None], x_test=2 * X[:3], y_test=Y[:3, None], **validation)
    data = load_data(path)
    assert data.sizes == {"train": 40, "validation": 6, "test": 3}
    for part, expected in (("train", X), ("validation", -X[:6]), ("test", 2 * X[:3])):
        features, labels = collect(data.raw(part))
        np.testing.assert_array_equal(features, expected)
        np.testing.assert_array_equal(labels, Y[: len(expected)])
    data.save(path.with_name("saved.npz"))
    again = load_data(path.with_name("saved.npz"))
    for part in data.sizes:
        for one, other in zip(collect(data.raw(part)), collect(again.raw(part)), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_validation_part_and_no_test_part(save):
    data = load_data(save(x_train=X, y_train=Y, x_val=X[:5], y_val=Y[:5]))
    assert data.sizes == {"train": 32, "validation": 5, "test": 8}


def with_value(value, position=(7, 1)):
    features = X.copy()
    features[position] = value
    return features


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "expected the arrays x and y (or x_train and y_train), optionally x_val and y_val"),
        ({"x": X}, "and weight with the same suffixes. Received: x."),
        ({"x": X, "y": Y, "x_test": X}, "Received: x, x_test, y."),
        ({"x": X, "y": Y, "extra": Y}, "Received: extra, x, y."),
        ({"x_train": X, "y": Y}, "Received: x_train, y."),
        ({"x": X, "y": Y, "x_train": X, "y_train": Y}, "Received: x, x_train, y, y_train."),
        ({"x": X, "y": Y, "x_val": X, "y_valid": Y}, "Received: x, x_val, y, y_valid."),
        ({"x_test": X, "y_test": Y}, "Received: x_test, y_test."),
        ({"x": X, "y": Y, "x_val": X[:, :2], "y_val": Y}, "x_val must have the shape of x but for"),
        ({"x": X, "y": Y, "x_val": X, "y_val": Y + 5}, "y_val: labels must be classes of the"),
        ({"x": X, "y": Y, "x_test": X[:1], "y_test": np.array(1)}, "y_test: labels must have"),
        (
            {"x": X, "y": Y[1:]},
            "x and y must have equal lengths. Received: shapes (40, 3) and (39,)",
        ),
        ({"x": np.array(1.0), "y": Y}, "x and y must have equal lengths. Received: shapes ()"),
        ({"x": X, "y": np.array(1)}, "have equal lengths. Received: shapes (40, 3) and ()"),
        (
            {"x": X, "y": Y, "x_test": X, "y_test": Y[1:]},
            "x_test and y_test must have equal lengths",
        ),
        (
            {"x": with_value(np.nan), "y": Y},
            "x: features must be finite float32. Received: nan at [7, 1]",
        ),
        ({"x": with_value(-np.inf), "y": Y}, "Received: -inf at [7, 1]"),
        (
            {"x": with_value(1e39), "y": Y},
            "features must be finite float32. Received: inf at [7, 1]",
        ),
        ({"x": X.astype(str), "y": Y}, "x: features must be real numbers. Received: <U32"),
        ({"x": X * 1j, "y": Y}, "x: features must be real numbers. Received: complex128"),
        ({"x": X[:, 0], "y": Y}, "nothing empty. Received: (40,)"),
        ({"x": X.reshape(40, 3, 1, 1, 1), "y": Y}, "nothing empty. Received: (40, 3, 1, 1, 1)"),
        ({"x": X[:, :0], "y": Y}, "nothing empty. Received: (40, 0)"),
        ({"x": X, "y": Y * 0}, "y: all labels are 0; a classification needs at least 2"),
        ({"x": X, "y": np.arange(40.0)}, "y: 40 different whole numbers could be classes or quan"),
        ({"x": X, "y": Y, "weight": Y[1:]}, "sample weights must be numbers of shape (40,). Recei"),
        ({"x": X, "y": Y, "weight": -1 - Y}, "sample weights must be finite, >= 0, and not all 0"),
        ({"x": X, "y": Y, "weight": Y, "x_val": X, "y_val": Y}, "with the same suffixes. Received"),
        ({"x": X, "y": Y, "task": np.array("{}")}, "task: not a task that Data.save wrote ('kin"),
        ({"x": X, "y": Y, "x_test": X, "y_test": Y + 1}, "y_test: labels must be classes of the"),
        ({"x": X, "y": Y, "x_test": X[:, :2], "y_test": Y}, "x_test must have the shape of x but"),
        ({"x": X[:4], "y": Y[:4]}, "both parts of a split need at least one sample for each"),
    ],
)
def test_bad_arrays_name_the_file_and_the_array(save, arrays, message):
    path = save(**arrays)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        load_data(path)
    assert str(caught.value).startswith(f"{path}: ")


@given(
    x=hnp.arrays(
        st.sampled_from(["float16", "float64", "int8", "uint16", "bool", "U3", "complex64"]),
        hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=6),
    ),
    y=hnp.arrays(
        st.sampled_from(["float32", "int64", "uint8", "bool", "U2"]),
        hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=6),
    ),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_arrays_are_read_or_a_data_error(save, x, y):
    try:
        source = read_npz(save(x=x, y=y))
    except DataError:
        return
    assert source.train.size == len(x) == len(y) == len(source.train.targets)
    if source.task.kind == "classification" and y.ndim == 1:
        assert set(source.train.targets) == set(range(source.task.units))


@pytest.mark.parametrize(
    ("y", "kind", "units"),
    [
        (Y / 2, "regression", 1),
        (np.eye(2)[Y], "classification", 2),
        (np.stack([Y, Y], 1), "multilabel", 2),
        (Y[:, None] * 3.0, "classification", 2),
    ],
)
def test_targets_of_every_task(save, y, kind, units, collect):
    data = load_data(save(x=X, y=y))
    assert (data.task.kind, data.task.units) == (kind, units)
    again = save(x=X, y=y)
    data.save(again)
    np.testing.assert_equal(collect(load_data(again).raw("test")), collect(data.raw("test")))
    assert load_data(again).task.kind == kind


def test_a_task_that_is_told(save):
    path = save(x=X, y=np.arange(40))
    assert load_data(path, task="regression").task.kind == "regression"


def test_sample_weights(save, collect):
    data = load_data(save(x=X, y=Y, weight=Y + 1))
    for part in ("train", "validation", "test"):
        for _, y, weights in getattr(data, part).as_numpy_iterator():
            np.testing.assert_array_equal(weights, y + 1)


def test_texts(save):
    data = load_data(save(x=np.array(["good film", "bad film"] * 20), y=Y))
    assert (data.input_shape, data.vocabulary_size) == ((2,), 5)


def test_files_that_are_not_archives(tmp_path):
    with pytest.raises(DataError, match=r"none\.npz: no such file"):
        load_data(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(DataError, match=r"text\.npz: not a readable \.npz file of plain arrays"):
        load_data(tmp_path / "text.npz")


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "pickled.npz"
    np.savez(path, x=np.array([{}, {}], dtype=object), y=np.array([0, 1]))
    with pytest.raises(DataError, match=r"x: not a readable \.npz file of plain arrays \(Object"):
        load_data(path)


def saved_as_npy(path):
    with path.open("wb") as file:
        np.save(file, X)


def compressed_and_flipped(path):
    np.savez_compressed(path, x=X, y=Y)
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes(20) + content[120:])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        lambda path: path.write_bytes(b""),
        saved_as_npy,
        compressed_and_flipped,
    ],
    ids=["truncated", "empty", "npy", "flipped"],
)
def test_a_broken_file(save, spoil):
    path = save(x=X, y=Y)
    spoil(path)
    with pytest.raises(DataError, match=r"not a readable \.npz file") as caught:
        load_data(path)
    assert str(caught.value).startswith(f"{path}: ")
