import re

import numpy as np
import pytest

from occam.zoo.data import DataError
from occam.zoo.data.source import class_indices, distinct_classes


@pytest.mark.parametrize(
    ("labels", "classes", "indices"),
    [
        (np.array([7, -3, 7]), [-3, 7], [1, 0, 1]),
        (np.array([2.0, 1.0, 2.0]), [1, 2], [1, 0, 1]),
        (np.array([True, False]), [0, 1], [1, 0]),
        (np.array(["cat", "ant", "cat"]), ["ant", "cat"], [1, 0, 1]),
        (np.array([b"b", b"a"]), ["a", "b"], [1, 0]),
        (np.array([[7], [-3], [7]]), [-3, 7], [1, 0, 1]),
        (np.array([[7.0], [-3.0]]), [-3, 7], [1, 0]),
        (np.array([2**64 - 1, 0], "uint64"), [0, 2**64 - 1], [1, 0]),
    ],
)
def test_classes_are_sorted_and_counted_from_zero(labels, classes, indices):
    found = distinct_classes(labels, "y")
    assert found.tolist() == classes
    result = class_indices(labels, found, "y")
    assert (result.tolist(), result.dtype) == (indices, np.int32)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 0]), "y: labels need at least 2 classes. Received: [0]"),
        (np.array([0.0, 0.5]), "y: labels must be integral. Received: 0.5 at 1"),
        (np.array([0.0, np.nan]), "y: labels must be integral. Received: nan at 1"),
        (np.array([0.0, 1e300]), "y: labels must be integral. Received: 1e+300 at 1"),
        (np.eye(2), "y: labels must have shape (samples,) or (samples, 1). Received: (2, 2)."),
        (np.array([0j, 1j]), "y: labels must be integers or strings. Received: complex128"),
    ],
)
def test_labels_that_are_no_classes(labels, message):
    with pytest.raises(DataError, match=re.escape(message)):
        distinct_classes(labels, "y")


@pytest.mark.parametrize("labels", [np.array([0, 2]), np.array(["0", "2"])])
def test_classes_that_training_has_not_seen(labels):
    with pytest.raises(DataError, match="y_test: labels must be classes of the training part"):
        class_indices(labels, np.array([0, 1]), "y_test")
