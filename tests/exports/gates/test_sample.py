import numpy as np
import pytest
import tensorflow as tf

from occam.exports.gates.sample import difference, sample
from occam.exports.heads import ClassificationHead, OutputsHead

SPECS = {
    "words": tf.TensorSpec((None, 2), tf.string, "words"),
    "seed": tf.TensorSpec((None,), tf.int64, "seed"),
    "tokens": tf.TensorSpec((None, None), tf.int32, "tokens"),
    "flag": tf.TensorSpec((None, 1), tf.bool, "flag"),
}


def test_samples_fit_their_specs(write):
    def echo(m, features):
        return {f"{name}_": tensor for name, tensor in features.items()}

    predictor = write(others={"echo": (echo, SPECS)}).predictor
    features = sample(predictor, "echo", 5)
    answer = predictor.call("echo", **features)
    assert answer["words_"].shape == (5, 2)
    assert set(answer["words_"].ravel()) == {"0", "1"}
    np.testing.assert_array_equal(answer["seed_"], range(5))
    assert answer["tokens_"].shape == (5, 32)
    assert set(answer["tokens_"].ravel()) == {0, 1}


def pair(**outputs):
    return {name: np.array(value) for name, value in outputs.items()}


@pytest.mark.parametrize(
    ("received", "expected", "message"),
    [
        (pair(y=[1.0]), pair(y=[1.0]), None),
        (pair(y=[1.0]), pair(y=[1.1]), "'y' that differs by 0.1 in row 0"),
        (pair(y=[100.0]), pair(y=[100.05]), None),
        (pair(y=[1.0, 2.0]), pair(y=[1.0]), "'y' of shape (2,) instead of (1,)"),
        (pair(y=[np.nan, np.inf]), pair(y=[np.nan, np.inf]), None),
        (pair(y=[np.nan]), pair(y=[1.0]), "'y' that differs by nan in row 0"),
        (pair(y=["a"]), pair(y=["b"]), "another 'y'"),
        (
            pair(probabilities=[[0.5, 0.5]], class_id=[0]),
            pair(probabilities=[[0.5, 0.5]], class_id=[1]),
            None,
        ),
        (
            pair(probabilities=[[0.9, 0.1]], class_id=[1]),
            pair(probabilities=[[0.9, 0.1]], class_id=[0]),
            "another 'class_id' in row 0",
        ),
    ],
)
def test_difference(received, expected, message):
    head = ClassificationHead(("a", "b"))
    assert difference(received, expected, 1e-3, head) == message


def test_only_the_first_rows_are_compared():
    head = OutputsHead(("y",))
    expected = pair(y=[1.0, 2.0, 3.0], z=[1, 2, 3])
    assert difference(pair(y=[1.0], z=[1]), expected, 1e-3, head, rows=1) is None
    assert difference(pair(y=[1.0], z=[2]), expected, 1e-3, head, rows=1) == "another 'z'"
    found = difference(pair(y=[1.0, 9.0], z=[1, 2]), expected, 1e-3, head, rows=2)
    assert found == "'y' that differs by 7 in row 1"
