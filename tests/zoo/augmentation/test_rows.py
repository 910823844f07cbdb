import numpy as np

from occam.zoo.augmentation.rows import on_rows

X = np.arange(3 * 2 * 2, dtype="float32").reshape(3, 2, 2, 1)
FACTOR = np.array([10.0, 100.0, 1000.0], "float32")


def times(images, factor):
    return images * factor[:, None, None, None]


def test_only_the_chosen_rows_change_each_with_its_parameter():
    result = np.asarray(on_rows(times, np.array([True, False, True]), X, FACTOR))
    np.testing.assert_array_equal(result[0], 10 * X[0])
    np.testing.assert_array_equal(result[1], X[1])
    np.testing.assert_array_equal(result[2], 1000 * X[2])


def test_none_and_all():
    np.testing.assert_array_equal(on_rows(times, np.array([False] * 3), X, FACTOR), X)
    np.testing.assert_array_equal(on_rows(times, np.array([True] * 3), X, FACTOR), times(X, FACTOR))
