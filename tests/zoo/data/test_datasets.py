"""`tf.data` datasets and `PyDataset`s of batches, in the order that they have."""

import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from occam.zoo.data import DataError, load_data

X = np.random.default_rng(0).normal(5.0, 3.0, (40, 3)).astype("float32")
Y = np.arange(40) % 3


class Batches(keras.utils.PyDataset):
    """Batches of 10; a sample's first feature is its number."""

    def __init__(self, *others, size=40, infinite=False, shuffled=False, **kwargs):
        super().__init__(**kwargs)
        x = np.arange(size, dtype="float32")[:, None] + np.zeros(2, "float32")
        self.arrays = (x, *others)
        self.infinite, self.order = infinite, np.arange(size)
        self.random = np.random.default_rng(0) if shuffled else None
        self.begun = self.ended = 0

    @property
    def num_batches(self):
        return None if self.infinite else len(self.order) // 10

    def __getitem__(self, index):
        index %= len(self.order) // 10
        rows = self.order[index * 10 : (index + 1) * 10]
        return tuple(None if array is None else array[rows] for array in self.arrays)

    def on_epoch_begin(self):
        self.begun += 1

    def on_epoch_end(self):
        self.ended += 1
        if self.random is not None:
            self.order = self.random.permutation(self.order)


def dataset(*arrays, batch=10):
    return tf.data.Dataset.from_tensor_slices(arrays).batch(batch)


def load(train, **options):
    return load_data(train, **{"validation": dataset(X[:10], Y[:10]), "test": False} | options)


def numbers(batches):
    return [batch[0][:, 0].astype(int).tolist() for batch in batches.as_numpy_iterator()]


def test_a_dataset_keeps_its_order_and_its_batches(collect):
    data = load(dataset(X, Y, batch=8), test=dataset(X[:5], Y[:5]))
    assert data.sizes == {"train": 40, "validation": 10, "test": 5}
    assert (data.steps_per_epoch, data.in_memory, data.task.kind) == (5, False, "classification")
    features, targets = collect(data.train)
    np.testing.assert_allclose(features, (X - X.mean(axis=0)) / X.std(axis=0), atol=1e-4)
    np.testing.assert_array_equal(targets, Y)
    assert "read from a dataset" in data.describe()
    assert "classification (found from the targets; pass task=... to change)" in data.describe()


@pytest.mark.parametrize(
    ("y", "kind", "shape"),
    [
        (Y, "classification", ()),
        (Y[:, None], "classification", ()),
        (np.eye(3, dtype="float32")[Y], "classification", ()),
        (np.minimum(np.eye(3)[Y] + np.eye(3)[0], 1), "multilabel", (3,)),
        (X[:, 0], "regression", (1,)),
        (X[:, :2].astype("float64"), "regression", (2,)),
    ],
)
def test_targets_of_every_form(y, kind, shape):
    data = load(dataset(X, y), validation=dataset(X, y))
    assert data.task.kind == kind
    for _, targets in data.train.as_numpy_iterator():
        assert targets.shape[1:] == shape
        assert targets.dtype == (np.int32 if kind == "classification" else np.float32)
    expected = data.task.encode(y, "y")
    got = np.concatenate([targets for _, targets in data.validation.as_numpy_iterator()])
    np.testing.assert_array_equal(got, expected)


def test_an_infinite_dataset_needs_steps():
    endless = dataset(X, Y).repeat()
    with pytest.raises(DataError, match="`source` is infinite: pass `steps`, the batches in an ep"):
        load(endless)
    with pytest.raises(DataError, match="`validation` is infinite: pass `validation_steps`"):
        load(dataset(X, Y), validation=endless)
    data = load(endless, steps=6, validation=endless, validation_steps=2)
    assert data.sizes == {"train": 60, "validation": 20}
    assert len(list(data.train)) == data.train.cardinality() == 6


def test_a_dataset_of_unknown_length_is_counted():
    data = load(dataset(X, Y).filter(lambda x, y: y[0] != 1))
    assert data.steps_per_epoch == 3


@pytest.mark.parametrize("shuffled", [False, True])
def test_resumed_epochs_are_those_of_the_uninterrupted_run(shuffled):
    def epochs(first):
        train = dataset(np.arange(40.0)[:, None], Y, batch=10)
        if shuffled:
            train = train.shuffle(4, seed=1, reshuffle_each_iteration=True)
        data = load(train, validation=dataset(X[:10, :1], Y[:10]), standardize=False)
        return numbers(data.epochs(first, seed=0).take(12 - 4 * first))

    whole = epochs(0)
    assert sorted(np.ravel(whole[:4])) == list(range(40))
    assert (whole[:4] != whole[4:8]) == shuffled
    assert epochs(2) == whole[8:]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_py_dataset(workers, collect):
    train = Batches(Y, workers=workers)
    data = load(train, validation=Batches(Y, size=20), standardize=False)
    assert (data.sizes, data.input_shape) == ({"train": 40, "validation": 20}, (2,))
    begun, ended = train.begun, train.ended
    for _ in range(2):
        features, targets = collect(data.train)
        np.testing.assert_array_equal(features[:, 0], np.arange(40))
        np.testing.assert_array_equal(targets, Y)
    assert (train.begun, train.ended) == (begun + 2, ended + 2)


def test_a_py_dataset_that_shuffles_at_the_end_of_an_epoch():
    def epochs(first):
        options = {"validation": Batches(Y), "standardize": False}
        data = load(Batches(Y, shuffled=True), **options)
        return numbers(data.epochs(first, seed=0).take(12 - 4 * first))

    whole = epochs(0)
    for epoch in range(3):
        assert sorted(np.ravel(whole[4 * epoch : 4 * epoch + 4])) == list(range(40))
    assert whole[:4] != whole[4:8] != whole[8:]
    assert epochs(1) == whole[4:]


def test_an_infinite_py_dataset():
    train = Batches(Y, infinite=True)
    with pytest.raises(DataError, match="`source` is infinite: pass `steps`"):
        load(train, validation=Batches(Y))
    data = load(train, validation=Batches(Y), steps=5)
    assert data.sizes["train"] == 50


def test_a_py_dataset_of_strings_and_several_inputs():
    class Nested(Batches):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return {"a": x, "b": x[:, :1] * 2}, y

    options = {"validation": Nested(Y), "standardize": False}
    data = load(Nested(Y), **options)
    assert data.input_shape == {"a": (2,), "b": (1,)}
    x, _ = next(iter(data.train))
    np.testing.assert_array_equal(x["b"][:, 0], 2 * x["a"][:, 0])


@pytest.mark.parametrize("make", [lambda *a: dataset(X, *a), Batches], ids=["tf", "py"])
def test_sample_weights(make):
    data = load(make(Y, Y + 0.5), validation=make(Y, Y + 0.5))
    assert data.has_weights
    for part in (data.train, data.validation, data.epochs(seed=0).take(3)):
        for _, y, weights in part.as_numpy_iterator():
            np.testing.assert_array_equal(weights, y + 0.5)
            assert weights.dtype == np.float32
    with pytest.raises(ValueError, match="Pass `class_weight` or sample weights, not both"):
        load(make(Y, Y + 0.5), validation=make(Y, Y + 0.5), class_weight="balanced")


def test_missing_sample_weights_are_none():
    assert not load(Batches(Y, None), validation=Batches(Y)).has_weights


def test_class_weights():
    data = load(dataset(X, Y), class_weight={0: 1.0, 1: 2.0, 2: 3.0})
    _, y, weights = next(iter(data.train))
    np.testing.assert_array_equal(weights, y + 1)


def test_texts(collect):
    texts = np.array(["a good film", "a bad film", "dull"], object)[Y]
    data = load(dataset(texts, Y), validation=dataset(texts[:10], Y[:10]))
    assert (data.input_shape, data.vocabulary_size) == ((3,), 7)
    assert collect(data.train)[0].shape == (40, 3)


def test_given_targets_of_a_compiled_model():
    y = {"a": Y, "b": X}
    data = load(dataset(X, y), validation=dataset(X, y), task="given", standardize=False)
    assert (data.sizes["train"], data.task.kind) == (40, "given")
    assert next(iter(data.train))[1]["b"].shape == (10, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": None}, "Pass `validation`, since no part of a dataset is held out."),
        ({"test": None}, "datasets: pass `test`, since no part of a dataset is held out."),
        ({"validation": (X, Y)}, "`validation` must be a tf.data.Dataset or keras.utils.PyDataset"),
        ({"validation": dataset(X)}, "`validation` must have batches (x, y) or (x, y, sample_weig"),
        ({"validation": tf.data.Dataset.from_tensors((1.0, 2))}, "`validation` must have batches"),
        ({"validation": dataset(X[:, :2], Y)}, "x of `validation` must have the form of the trai"),
        ({"validation": dataset(X, Y, Y + 1.0)}, "Give sample weights in all parts of the data, o"),
        ({"validation": dataset(X, Y + 1)}, "y of `validation`: labels must be classes of the tra"),
        ({"validation": dataset(X, Y).take(0)}, "`validation` has no batches."),
        ({"validation": dataset(X, Y, Y - 5.0)}, "`validation`: sample weights must be finite, >="),
        ({"validation": dataset(X, {"a": Y})}, "y of `validation` must be one array. Received: d"),
        ({"steps": 5}, "`steps` must be at most 4, the batches of `source`."),
    ],
)
def test_what_cannot_be_used(options, message):
    with pytest.raises(DataError, match=re.escape(message)):
        load(dataset(X, Y), **options)


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("read", [dataset, Batches])
@pytest.mark.parametrize(
    ("classes", "names"),
    [(["ant", "bee", "cat"], ("ant", "bee", "cat")), ([-1, 5, 7], ("-1", "5", "7"))],
)
def test_classes_of_a_dataset_may_be_names_or_any_numbers(classes, names, read, column):
    labels = np.array(classes)[Y]
    labels = labels[:, None] if column else labels
    arrays = (labels,) if read is Batches else (X, labels)
    data = load(read(*arrays), validation=read(*arrays))
    assert data.task.names == names
    for batches in (data.train, data.validation):
        targets = np.concatenate([y for _, y in batches.as_numpy_iterator()])
        assert targets.dtype == np.int32
        np.testing.assert_array_equal(targets, Y)


def test_booleans_and_whole_floats_in_a_dataset_are_classes():
    for labels in (Y > 0, np.array([0.5, 1.0, 1.5])[Y] * 2):
        data = load(dataset(X, labels), validation=dataset(X, labels))
        targets = np.concatenate([y for _, y in data.train.as_numpy_iterator()])
        np.testing.assert_array_equal(targets, np.unique(labels, return_inverse=True)[1])


def test_a_label_that_the_first_epoch_did_not_have_is_an_error():
    labels = np.array([*"abc"])[Y]
    unseen = np.concatenate([labels, np.full(10, "d")])
    known = dataset(X, labels)
    data = load(dataset(np.tile(X[:10], (5, 1)), unseen).repeat(), steps=4, validation=known)
    with pytest.raises(tf.errors.InvalidArgumentError, match="OOV"):
        list(data.epochs(0, seed=0).take(5))


@pytest.mark.parametrize("number", [0, 2])
def test_an_error_of_a_py_dataset_is_that_of_its_code(number):
    class Broken(Batches):
        def __getitem__(self, index):
            if index == number:
                raise OSError("the disk is gone")
            return super().__getitem__(index)

    message = rf"^Broken: batch {number} cannot be read \(OSError: the disk is gone\)\.$"
    with pytest.raises(DataError, match=message) as error:
        load(Broken(Y), validation=Batches(Y))
    assert error.value.__cause__ is not None


READS_AHEAD = """
import sys, time
import keras, numpy as np
from occam.zoo.data import load_data

class Slow(keras.utils.PyDataset):
    delay = 0.0
    num_batches = 50

    def __getitem__(self, index):
        time.sleep(self.delay)
        return np.full((4, 2), index, "float32"), np.arange(4) % 2

train = Slow(workers=int(sys.argv[1]))
data = load_data(train, validation=Slow(), test=False, standardize=False)
Slow.delay = 0.1
batches = iter(data.epochs(seed=0))
next(batches)
"""


@pytest.mark.parametrize("workers", ["1", "4"])
def test_a_process_that_reads_ahead_ends(workers):
    command = [sys.executable, "-c", READS_AHEAD, workers]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
