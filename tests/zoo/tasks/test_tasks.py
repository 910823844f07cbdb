"""Each task encodes its targets, and its scores equal those of scikit-learn."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn import metrics

from occam.zoo.tasks import Classification, DataError, Given, Multilabel, Regression, Task
from occam.zoo.tasks.multilabel import average_precision

RANDOM = np.random.default_rng(0)
OUTPUTS = RANDOM.normal(size=(50, 3))
CLASSES = RANDOM.integers(0, 3, 50).astype("int32")
LABELS = (RANDOM.random((50, 3)) < 0.4).astype("float32")
VALUES = RANDOM.normal(loc=100, scale=[1, 10, 100], size=(50, 3))

CLASSIFICATION = Classification(("a", "b", "c"))
MULTILABEL = Multilabel(("a", "b", "c"))
REGRESSION = Regression.fit(VALUES, "y")
TASKS = {"classification": CLASSIFICATION, "multilabel": MULTILABEL, "regression": REGRESSION}
ENCODED = {
    "classification": CLASSES,
    "multilabel": LABELS,
    "regression": REGRESSION.encode(VALUES, "y"),
}
each_task = pytest.mark.parametrize("kind", TASKS)


def test_scores_of_classification_are_those_of_scikit_learn():
    scores = CLASSIFICATION.scores(CLASSES, OUTPUTS)
    p = softmax(OUTPUTS, axis=1)
    assert scores["accuracy"] == metrics.accuracy_score(CLASSES, p.argmax(1))
    assert scores["log_loss"] == pytest.approx(metrics.log_loss(CLASSES, p))
    assert 0 < scores["calibration_error"] < 1


def test_scores_of_multilabel_are_those_of_scikit_learn():
    scores = MULTILABEL.scores(LABELS, OUTPUTS)
    p, predicted = expit(OUTPUTS), OUTPUTS > 0
    for average in ("macro", "micro"):
        expected = metrics.f1_score(LABELS, predicted, average=average)
        assert scores[f"{average}_f1"] == pytest.approx(expected)
    expected = metrics.average_precision_score(LABELS, p, average="macro")
    assert scores["mean_average_precision"] == pytest.approx(expected)
    assert scores["subset_accuracy"] == metrics.accuracy_score(LABELS, predicted)
    expected = np.mean([metrics.log_loss(LABELS[:, k], p[:, k]) for k in range(3)])
    assert scores["log_loss"] == pytest.approx(expected)


def test_scores_of_regression_are_those_of_scikit_learn():
    predicted = VALUES + OUTPUTS
    scores = REGRESSION.scores(VALUES, predicted)
    assert scores["mae"] == pytest.approx(metrics.mean_absolute_error(VALUES, predicted))
    squared = metrics.mean_squared_error(VALUES, predicted)
    assert scores["rmse"] == pytest.approx(np.sqrt(squared))
    assert scores["r2"] == pytest.approx(metrics.r2_score(VALUES, predicted))


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=30))
def test_the_average_precision_with_ties_is_that_of_scikit_learn(samples):
    true, p = np.array([(True, 3), *samples]).T
    expected = metrics.average_precision_score(true, p)
    assert average_precision(true.astype(bool), p) == pytest.approx(expected)


def test_a_label_without_a_positive_sample_has_no_average_precision():
    labels = LABELS * [1, 1, 0]
    expected = metrics.average_precision_score(labels[:, :2], expit(OUTPUTS[:, :2]))
    assert MULTILABEL.scores(labels, OUTPUTS)["mean_average_precision"] == pytest.approx(expected)
    assert MULTILABEL.scores(0 * labels, OUTPUTS)["mean_average_precision"] == 0


@each_task
def test_the_loss_of_the_baseline_is_the_smallest_of_a_constant_model(kind):
    task, y = TASKS[kind], ENCODED[kind]
    constant = task.baseline(y)
    loss = task.loss()

    def of(outputs):
        return float(loss(y, np.tile(outputs, (len(y), 1)).astype("float32")))

    assert of(constant) == pytest.approx(task.baseline_loss(y), rel=1e-4)
    for shift in np.eye(3) * 0.3:
        assert of(constant + shift) > of(constant)


@each_task
def test_encoded_targets_come_back(kind):
    task, y = TASKS[kind], ENCODED[kind]
    np.testing.assert_array_equal(task.encode(task.decode(y), "y"), y)


@pytest.mark.parametrize("task", [*TASKS.values(), Given()], ids=lambda task: task.kind)
def test_a_task_survives_json(task):
    assert Task.from_dict(json.loads(json.dumps(task.to_dict()))) == task


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        (["cat", "ant", "cat"], ("ant", "cat")),
        (np.array(["cat", "ant", "cat"], object), ("ant", "cat")),
        ([7, 3, 7], ("3", "7")),
        ([[7], [3], [7]], ("3", "7")),
        ([7.0, 3.0, 7.0], ("3", "7")),
        ([True, False, True], ("0", "1")),
        ([7, -3, 7], ("-3", "7")),
        (np.array([2**64 - 1, 0, 2**64 - 1], "uint64"), ("0", "18446744073709551615")),
        (np.array([b"b", b"a", b"b"]), ("a", "b")),
        ([[0, 1], [1, 0], [0, 1]], ("0", "1")),
    ],
    ids=str,
)
def test_labels_of_any_form(targets, names):
    task = Classification.fit(np.asarray(targets), "y")
    assert task.names == names
    encoded = task.encode(np.asarray(targets), "y")
    assert (encoded.tolist(), encoded.dtype) == ([1, 0, 1], np.int32)


@pytest.mark.parametrize(
    ("task", "targets", "text"),
    [
        (Classification, [1, 1], "y: all labels are 1; a classification needs at least 2 classes."),
        (Classification, [0.5, 1], "y: labels must be integral. Received: 0.5 at 0."),
        (Classification, [0, np.nan], "y: labels must be integral. Received: nan at 1."),
        (Classification, [0, 1e300], "y: labels must be integral. Received: 1e+300 at 1."),
        (Classification, [[0, 2]], "or be one-hot rows. Received: (1, 2)."),
        (Classification, np.array(["a", None], object), "not be missing. Received: 1 missing."),
        (Classification, [1j, 2], "labels must be integers or strings. Received: complex128."),
        (Multilabel, [0, 1], "must be a matrix (samples, labels) of 0 and 1. Received: shape (2,)"),
        (Multilabel, [[0, 2]], "must be 0 or 1. Received: 2 at [0, 1]."),
        (Regression, ["a"], "must be real numbers of shape (samples,) or (samples, targets)."),
        (Regression, [1.0, np.nan], "must be finite float32. Received: nan at [1, 0]."),
        (Regression, [2.0, 2.0], "target 'target' must vary. Received: 2 in every sample."),
        (Regression, [1e9, 1e9 + 1], "varies too little for float32: mean 1e+09"),
    ],
    ids=str,
)
def test_targets_that_do_not_suit_a_task(task, targets, text):
    with pytest.raises(DataError) as error:
        task.fit(np.asarray(targets), "y")
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("task", "targets", "text"),
    [
        (CLASSIFICATION, ["d"], "must be classes of the training part. Received: 'd'."),
        (CLASSIFICATION, [[0, 1]], "one-hot labels must have 3 columns. Received: shape (1, 2)."),
        (MULTILABEL, [[0, 1]], "targets must have 3 columns. Received: shape (1, 2)."),
        (REGRESSION, [0.5], "targets must have 3 columns. Received: shape (1,)."),
    ],
    ids=str,
)
def test_targets_of_another_part_must_fit(task, targets, text):
    with pytest.raises(DataError) as error:
        task.encode(np.asarray(targets), "y")
    assert text in str(error.value)


def test_a_regression_of_names():
    assert REGRESSION.names == ("target_0", "target_1", "target_2")
    assert Regression.fit(np.array([1.0, 2.0]), "y", ["price"]).names == ("price",)
    assert REGRESSION.scale == pytest.approx(VALUES.std(axis=0))


def test_given_targets_are_passed_on():
    given = Given().encode({"a": [1, 2], "b": ([0.5, 1], [0, 1])}, "y")
    assert keras.tree.map_structure(np.shape, given) == {"a": (2,), "b": ((2,), (2,))}
    assert np.isnan(Given().baseline_loss(CLASSES))
    with pytest.raises(DataError, match="Only a compiled model"):
        Given().loss()


@each_task
def test_a_summary_has_a_row_for_each_name(kind):
    head, *rows = TASKS[kind].summary({"train": ENCODED[kind], "test": ENCODED[kind][:10]})
    assert head[1:] == ("train", "test")
    assert [row[0] for row in rows] == list(TASKS[kind].names)
