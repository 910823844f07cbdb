import numpy as np
import pytest

from occam import exports, zoo
from occam.core.arrays import float_array
from occam.zoo.evaluation import (
    adaptive_calibration_error,
    brier_score,
    conformal_threshold,
    detect_outliers,
    energy,
    prediction_sets,
)

P = np.full((9, 2), 0.5)


def test_numbers_of_any_kind_become_float64():
    for values in ([1, 2], [True, False], np.float32([0.5]), (), 3):
        array = float_array("x", values)
        assert array.dtype == np.float64
        np.testing.assert_array_equal(array, values)


@pytest.mark.parametrize("values", [["a"], ["0.5"], [[1.0], [1.0, 2.0]], [None, {}], "x"])
def test_anything_else_is_refused_by_name(values):
    with pytest.raises(ValueError, match=r"`x` must be numbers\. Received: x="):
        float_array("x", values)


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: brier_score(["a"], [0]), "probabilities"),
        (lambda: adaptive_calibration_error(["a"], [0]), "probability"),
        (lambda: adaptive_calibration_error([0.5], ["a"]), "happened"),
        (lambda: conformal_threshold(["a"], 0.9), "scores"),
        (lambda: prediction_sets((["a"], [0]), P), "calibration"),
        (lambda: prediction_sets((P, [0] * 9), ["a"]), "probabilities"),
        (lambda: detect_outliers(["a"], [1.0]), "inliers"),
        (lambda: energy([["a", "b"]]), "logits"),
        (lambda: zoo.risk_coverage(["a"], [1]), "confidence"),
        (lambda: zoo.risk_coverage([0.5], ["a"]), "correct"),
        (lambda: exports.fit_temperature([["a", "b"]], [0]), "logits"),
        (lambda: exports.expected_calibration_error([["a", "b"]], [0]), "probabilities"),
    ],
)
def test_strings_for_numbers_get_a_message_that_names_the_argument(call, argument):
    with pytest.raises(ValueError, match=f"^`{argument}` must be "):
        call()
