import hashlib
import re
import subprocess
import sys

import numpy as np
import pytest

from occam.zoo.data import DataError, load_data


def test_the_seed_moves_validation_but_not_test(data_dir, collect):
    first, second = (load_data("digits", data_dir=data_dir, seed=seed) for seed in (0, 1))
    assert not np.array_equal(collect(first.validation)[0], collect(second.validation)[0])
    np.testing.assert_array_equal(collect(first.raw("test"))[0], collect(second.raw("test"))[0])


DIGEST = """
import hashlib, sys
from occam.zoo.data import load_data
data = load_data("digits", data_dir=sys.argv[1], seed=3)
digest = hashlib.sha256()
for batches in (data.validation, data.train, data.epochs(2, seed=5).take(3)):
    for features, labels in batches.as_numpy_iterator():
        digest.update(features.tobytes() + labels.tobytes())
print(digest.hexdigest())
"""


def test_another_process_sees_the_same(data_dir):
    command = [sys.executable, "-c", DIGEST, str(data_dir)]
    other = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    data = load_data("digits", data_dir=data_dir, seed=3)
    digest = hashlib.sha256()
    for batches in (data.validation, data.train, data.epochs(2, seed=5).take(3)):
        for features, labels in batches.as_numpy_iterator():
            digest.update(features.tobytes() + labels.tobytes())
    assert digest.hexdigest() == other


def test_nothing_is_printed(tmp_path, capfd):
    load_data("breast_cancer:1.0.0", data_dir=tmp_path)
    assert capfd.readouterr() == ("", "")


def test_the_arguments_make_the_same_data_again(data_dir, collect):
    data = load_data("digits", data_dir=data_dir, batch_size=7, seed=2, validation_fraction=0.3)
    again = load_data(**data.arguments)
    assert again.to_dict() == data.to_dict()
    np.testing.assert_array_equal(collect(again.validation)[0], collect(data.validation)[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be an integer >= 1 or None. Received: batch_size=0"),
        (
            {"batch_size": True},
            "`batch_size` must be an integer >= 1 or None. Received: batch_size=True",
        ),
        ({"seed": -1}, "`seed` must be an integer from 0 to 4294967295. Received: seed=-1"),
        ({"seed": None}, "Received: seed=None"),
        ({"validation_fraction": 0}, r"must be a number in \(0, 1\). Received: validation_fracti"),
        ({"image_size": (8,)}, r"`image_size` must be \(height, width\), .*: image_size=\(8,\)"),
        ({"image_size": (8, 0)}, r"Received: image_size=\(8, 0\)"),
        ({"image_size": 8}, "Received: image_size=8"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_data("digits", **arguments)


def test_image_size_is_for_images(data_dir):
    with pytest.raises(DataError, match=r"measurements: image_size is for images"):
        load_data("breast_cancer", data_dir=data_dir, image_size=(8, 8))


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("a.npz", {"image_size": (8, 8)}, "does not take image_size for this source (npz: a.npz)"),
        ("digits", {"target": "y"}, "does not take target for this source (embedded: digits)."),
        ("a.csv", {"image_size": (8, 8), "target": "y"}, "Its options: columns, drop, split, targ"),
        (([0.0], [1.0]), {"download": True}, "does not take download for this source (arrays: tu"),
        (3, {}, "`source` must be a data set's name, or the path of a .npz, .csv, .tsv or "),
        ("digits", {"task": 3}, "`task` must be a zoo.Task, its kind, or None. Received: task=3"),
    ],
)
def test_options_that_a_source_does_not_take(source, options, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        load_data(source, **options)


def test_a_task_that_is_told(collect):
    data = load_data("digits", task="regression")
    assert data.task.kind == "regression"
    assert set(collect(data.test)[1].ravel()) == set(range(10))
    assert load_data(**data.arguments).to_dict() == data.to_dict()
    assert load_data("digits", task="classification").class_names == tuple("0123456789")


def test_class_weights(collect):
    x, y = np.random.default_rng(0).normal(size=(100, 2)), np.repeat(["a", "b"], [75, 25])
    data = load_data((x, y), class_weight="balanced", test=False, validation_fraction=0.2)
    assert data.class_weights == pytest.approx((80 / 120, 80 / 40))
    _, labels, weights = next(iter(data.validation))
    np.testing.assert_allclose(weights, np.where(labels, 2.0, 2 / 3))
    told = load_data((x, y), class_weight={"b": 3, "a": 1})
    assert told.class_weights == (1.0, 3.0)
    assert "weights     a: 1, b: 3" in told.describe()


@pytest.mark.parametrize(
    "class_weight",
    [{0: 1, 1: 2}, {0.0: 1, 1.0: 2}, {False: 1, True: 2}, {"0": 1, "1": 2}, {np.int64(0): 1, 1: 2}],
)
def test_class_weights_by_the_number_of_a_class(class_weight):
    data = load_data((X, Y), class_weight=class_weight)
    assert data.class_weights == (1.0, 2.0)
    assert data.arguments["class_weight"] == {"0": 1.0, "1": 2.0}


def test_class_weights_by_name():
    class_weight = {"benign": 1, "malignant": 2}
    data = load_data("breast_cancer", class_weight=class_weight)
    assert (data.class_names, data.class_weights) == (("malignant", "benign"), (2.0, 1.0))
    assert load_data(**data.arguments).to_dict() == data.to_dict()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("https://example.org/a.csv", "https://example.org/a.csv: URLs are not read. Download"),
        ("a.csv.gz", "a.csv.gz: tables are .csv, .tsv and .parquet files."),
        ("a.CSV", "a.CSV: no such file."),
        ("folder.csv", "folder.csv: is a directory."),
        ("a.xlsx", "a.xlsx: tables are .csv, .tsv and .parquet files."),
    ],
)
def test_paths_that_are_not_read(source, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(DataError, match=re.escape(message)):
        load_data(source, target="price")


X, Y = np.arange(80.0).reshape(40, 2), np.arange(40) % 2


@pytest.mark.parametrize(
    ("source", "class_weight", "error", "message"),
    [
        ((X, Y + 0.5), "balanced", ValueError, "must be None for the task 'regression'."),
        ((X, Y, Y + 1), "balanced", ValueError, "Pass `class_weight` or sample weights, not both."),
        ((X, Y), {0: 1.0, 1: 1.0, "1": 1.0}, ValueError, "each class (0, 1)."),
        ((X, Y), {0: 1.0}, ValueError, "'balanced', or a number > 0 for each class (0, 1)."),
        ((X, Y), {0: 1.0, 1: -1}, ValueError, "`class_weight` must be a number in (0, inf)."),
        ((X, Y), "equal", TypeError, "'balanced', or a number > 0 for each class. Received: cl"),
    ],
)
def test_class_weights_that_cannot_be_used(source, class_weight, error, message):
    with pytest.raises(error, match=re.escape(message)):
        load_data(source, class_weight=class_weight)


def test_without_a_test_part():
    data = load_data("digits", test=False)
    assert data.sizes == {"train": 1293, "validation": 144}
    with pytest.raises(AttributeError, match="Data 'digits' has no test part"):
        _ = data.test
    assert load_data(**data.arguments).sizes == data.sizes
