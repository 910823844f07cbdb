import dataclasses

import numpy as np
import pytest

from occam import exports
from occam.exports.gates import metric


@pytest.fixture
def data(good):
    features = {"x": np.random.default_rng(0).normal(size=(40, 2)).astype("float32")}
    answer = good.predictor.predict(features)
    return features, answer["class_id"], answer["label"]


def test_without_data_there_is_nothing_to_measure(good):
    assert metric.check(good) is None


def test_accuracy_and_likelihood_are_measured(good, data):
    features, class_ids, _ = data
    wrong = np.concatenate([(class_ids[:10] + 1) % 3, class_ids[10:]])
    result = metric.check(dataclasses.replace(good, data=(features, wrong)))
    assert result.passed
    assert result.figures["accuracy"] == 0.75
    probabilities = good.predictor.predict(features)["probabilities"]
    expected = -np.log(probabilities[np.arange(40), wrong]).mean()
    np.testing.assert_allclose(result.figures["negative_log_likelihood"], expected, rtol=1e-5)
    error = exports.expected_calibration_error(probabilities, wrong)
    assert result.figures["calibration_error"] == error
    assert result.detail == (
        f"accuracy 0.7500, negative log likelihood {expected:.4f}, "
        f"calibration error {error:.4f} on 40 rows"
    )


def test_worse_than_the_model_is_found(good, data):
    features, class_ids, _ = data
    perfect = np.eye(3)[(class_ids + 1) % 3]
    judged = dataclasses.replace(
        good, data=(features, (class_ids + 1) % 3), expected=lambda f: perfect
    )
    assert "that of the model less 0.01. Received: 0.0000" in metric.check(judged).detail
    assert metric.check(dataclasses.replace(judged, allowed_drop=1.0)).passed


def test_swapped_class_names_are_worse_than_the_live_version(good, write, module, data):
    features, _, names = data
    swapped = write(lambda m, x: module.answer(m, x, names=("bee", "ant", "cat")), name="2")
    result = metric.check(dataclasses.replace(swapped, data=(features, names), live=good.path))
    assert not result.passed
    assert "at least 0.9900, that of the live less 0.01" in result.detail
