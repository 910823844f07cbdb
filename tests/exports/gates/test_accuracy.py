import dataclasses

import numpy as np
import pytest

from occam import exports
from occam.exports import Checks
from occam.exports.gates.accuracy import agreement, metric


def with_checks(candidate, **arguments):
    return dataclasses.replace(candidate, checks=dataclasses.replace(candidate.checks, **arguments))


@pytest.fixture
def data(good):
    features = {"x": np.random.default_rng(0).normal(size=(40, 2)).astype("float32")}
    answer = good.predictor.predict(features)
    return features, answer["class_id"], answer["label"]


def test_accuracy_and_likelihood_are_measured(good, data):
    features, class_ids, _ = data
    wrong = np.concatenate([(class_ids[:10] + 1) % 3, class_ids[10:]])
    result = metric(dataclasses.replace(good, checks=Checks(data=(features, wrong))))
    assert result.passed
    assert result.figures["accuracy"] == 0.75
    probabilities = good.predictor.predict(features)["probabilities"]
    expected = -np.log(probabilities[np.arange(40), wrong]).mean()
    np.testing.assert_allclose(result.figures["negative_log_likelihood"], expected, rtol=1e-5)
    error = exports.expected_calibration_error(probabilities, wrong)
    assert result.figures["calibration_error"] == error
    assert result.detail == (
        f"accuracy 0.75, negative log likelihood {expected:.4g}, "
        f"calibration error {error:.4g} on 40 rows"
    )


def test_worse_than_the_model_is_found(good, data, answers_of):
    features, class_ids, _ = data
    perfect = np.eye(3)[(class_ids + 1) % 3]
    judged = dataclasses.replace(
        good,
        checks=Checks(data=(features, (class_ids + 1) % 3)),
        expected=lambda f: answers_of(perfect),
    )
    assert "0.01 below the model. Received: 0.0000" in metric(judged).detail
    assert metric(with_checks(judged, max_accuracy_drop=1.0)).passed


def test_swapped_class_names_are_worse_than_the_live_version(good, write, module, data):
    features, _, names = data
    swapped = write(lambda m, x: module.answer(m, x, names=("bee", "ant", "cat")), name="2")
    result = metric(
        dataclasses.replace(swapped, checks=Checks(data=(features, names)), live=good.path)
    )
    assert not result.passed
    assert "at least 0.9900, 0.01 below the live version" in result.detail


@pytest.fixture
def judged(good):
    """`good` on 50 rows, compared with itself."""
    features = {"x": np.random.default_rng(0).normal(size=(50, 2)).astype("float32")}
    answer = good.predictor.predict(features)
    return dataclasses.replace(
        good,
        checks=Checks(data=(features, answer["class_id"])),
        expected=good.predictor.predict,
    )


def test_without_a_model_or_data_agreement_is_skipped(judged):
    assert agreement(with_checks(judged, data=None)) is None
    assert agreement(dataclasses.replace(judged, expected=None)) is None


def test_equal_answers_agree(judged):
    result = agreement(judged)
    assert result.passed
    assert result.figures == {"agreement": 1.0, "nll_increase": 0.0}


def test_class_ids_are_counted(judged, answers_of):
    same = judged.expected

    def expected(features):
        probabilities = same(features)["probabilities"]
        probabilities[:2] = np.roll(probabilities[:2], 1, axis=-1)
        return answers_of(probabilities)

    judged = with_checks(judged, max_nll_increase=9.0)
    judged = dataclasses.replace(judged, expected=expected)
    result = agreement(judged)
    assert not result.passed
    assert result.figures["agreement"] == 0.96
    assert "At least 0.98 of the class ids" in result.detail
    assert "Received: 0.9600" in result.detail
    assert agreement(with_checks(judged, min_agreement=0.96)).passed


def test_the_nll_increase_is_that_computed_by_hand(judged, answers_of):
    features, labels = judged.checks.data

    def surer(features):
        powers = judged.expected(features)["probabilities"] ** 4
        return answers_of(powers / powers.sum(axis=-1, keepdims=True))

    rows = np.arange(50)
    ours = -np.log(judged.expected(features)["probabilities"][rows, labels]).mean()
    theirs = -np.log(surer(features)["probabilities"][rows, labels]).mean()
    result = agreement(dataclasses.replace(judged, expected=surer))
    assert not result.passed
    assert result.figures["agreement"] == 1.0
    np.testing.assert_allclose(result.figures["nll_increase"], ours - theirs, rtol=1e-4)
    assert f"{ours - theirs:+.4f} nats" in result.detail


def test_probabilities_below_half_an_8_bit_step_count_the_same(judged, monkeypatch, answers_of):
    ask = judged.predictor.predict
    features, labels = judged.checks.data
    wrong = (labels + 1) % 3

    def never(features):
        return {**ask(features), "probabilities": np.eye(3)[labels]}

    monkeypatch.setattr(judged.predictor, "predict", never)
    result = agreement(
        dataclasses.replace(
            with_checks(judged, data=(features, wrong)),
            expected=lambda f: answers_of(1e-6 + np.eye(3)[labels]),
        )
    )
    assert result.passed
    assert result.figures["nll_increase"] == 0.0


def test_labels_may_be_names(judged):
    features, labels = judged.checks.data
    names = np.array(judged.predictor.class_names)[labels]
    assert agreement(with_checks(judged, data=(features, names))).passed
