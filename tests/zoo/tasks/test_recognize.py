import numpy as np
import pytest

from occam.zoo.tasks import DataError, recognize

EYE = np.eye(3)


@pytest.mark.parametrize(
    ("targets", "kind", "units"),
    [
        (["a", "b"], "classification", 2),
        ([True, False], "classification", 2),
        (np.arange(100), "classification", 100),
        (np.arange(20.0), "classification", 20),
        ([0.0, 1.0], "classification", 2),
        ([[0.0], [1.0]], "classification", 2),
        (EYE, "classification", 3),
        (EYE.astype(bool), "classification", 3),
        ([0.5, 1.5], "regression", 1),
        ([[0.5], [1.5]], "regression", 1),
        ([[0.5, 2], [1.5, 4]], "regression", 2),
        ([[1, 1, 0], [0, 0, 0]], "multilabel", 3),
        ([[True, True], [False, True]], "multilabel", 2),
    ],
    ids=str,
)
def test_what_targets_mean(targets, kind, units):
    task = recognize(np.asarray(targets), "y")
    assert (task.kind, task.units) == (kind, units)


@pytest.mark.parametrize(
    ("targets", "text"),
    [
        (np.arange(101), "y: 101 different integers could be classes or quantities. Pass task="),
        (np.arange(21.0), "y: 21 different whole numbers could be classes or quantities."),
        ([[0.5, 0.5], [0.1, 0.9]], "y: rows that sum to 1 could be classes or quantities."),
        ([[1, 2], [3, 4]], "y: rows of whole numbers could be classes or quantities."),
    ],
    ids=str,
)
def test_what_could_mean_two_things_is_refused(targets, text):
    with pytest.raises(DataError) as error:
        recognize(np.asarray(targets), "y")
    assert str(error.value).startswith(text)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_task_that_is_told(task):
    assert recognize(np.arange(200), "y", task=task).kind == task
    assert recognize(np.array([0.0, 1.0]), "y", task=task).kind == task


def test_columns_with_names():
    assert recognize(EYE, "y", names=["a", "b", "c"]).names == ("a", "b", "c")


def test_an_unknown_task():
    with pytest.raises(ValueError, match="`task` must be one of 'classification', 'given'"):
        recognize(np.arange(3), "y", task="ranking")
