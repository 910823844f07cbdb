import numpy as np

from occam.zoo.augmentation.series import interpolate, take_steps


def test_each_series_is_read_at_its_own_steps():
    x = np.arange(12.0, dtype="float32").reshape(2, 3, 2)
    read = take_steps(x, np.array([[2, 0], [1, 1]], "int32"))
    np.testing.assert_array_equal(read, [x[0, [2, 0]], x[1, [1, 1]]])


def test_linear_between_two_steps_and_clipped_at_the_ends():
    x = np.array([0.0, 10.0, 40.0], "float32").reshape(1, 3, 1)
    read = np.asarray(interpolate(x, np.array([[-1.0, 0.5, 1.25, 2.0, 9.0]], "float32")))
    np.testing.assert_allclose(read.ravel(), [0, 5, 17.5, 40, 40])
