import numpy as np
import pytest

from occam.zoo.augmentation.soft_labels import soft_labels

ROWS = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    "labels",
    [
        np.array([2, 0]),
        np.array([[2], [0]], "uint8"),
        np.array(ROWS),
        np.array(ROWS, "int64"),
    ],
)
def test_every_usual_form(labels):
    rows = np.asarray(soft_labels(labels, 3))
    assert rows.dtype == "float32"
    np.testing.assert_array_equal(rows, ROWS)


def test_soft_labels_stay():
    soft = np.array([[0.2, 0.3, 0.5]], "float32")
    np.testing.assert_array_equal(soft_labels(soft, 3), soft)


@pytest.mark.parametrize(
    ("labels", "received"),
    [
        (np.array([0.0, 1.0], "float32"), r"float32 of shape \(2,\)"),
        (np.zeros((2, 4), "int32"), r"int32 of shape \(2, 4\)"),
        (np.zeros((2, 1, 3), "float32"), r"float32 of shape \(2, 1, 3\)"),
    ],
)
def test_other_forms_are_refused(labels, received):
    with pytest.raises(
        ValueError, match=r"soft labels of shape \(batch, 3\). Received: " + received
    ):
        soft_labels(labels, 3)


@pytest.mark.parametrize("wrong", [-1, 3])
def test_an_integer_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=rf"must be in \[0, 3\). Received: {wrong}"):
        soft_labels(np.array([0, wrong]), 3)


@pytest.mark.tensorflow
def test_an_integer_out_of_range_is_nan_in_a_graph():
    import tensorflow as tf

    rows = tf.function(lambda labels: soft_labels(labels, 3))(tf.constant([2, 3]))
    np.testing.assert_array_equal(rows[0], ROWS[0])
    assert np.isnan(rows[1]).all()
