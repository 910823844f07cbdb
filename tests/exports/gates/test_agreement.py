import dataclasses

import numpy as np
import pytest

from occam.exports import ExportError
from occam.exports.gates import agreement


@pytest.fixture
def judged(good):
    """`good` on 50 rows, compared with what it says itself."""
    features = {"x": np.random.default_rng(0).normal(size=(50, 2)).astype("float32")}
    answer = good.predictor.predict(features)
    return dataclasses.replace(
        good,
        data=(features, answer["class_id"]),
        expected=lambda f: good.predictor.predict(f)["probabilities"],
    )


def test_without_a_model_or_data_there_is_nothing_to_compare(judged):
    assert agreement.check(dataclasses.replace(judged, data=None)) is None
    assert agreement.check(dataclasses.replace(judged, expected=None)) is None


def test_the_same_answers_pass(judged):
    result = agreement.check(judged)
    assert result.passed
    assert result.figures == {"agreement": 1.0, "rise": 0.0}


def test_class_ids_are_counted(judged):
    def expected(features):
        probabilities = judged.expected(features)
        probabilities[:2] = np.roll(probabilities[:2], 1, axis=-1)
        return probabilities

    result = agreement.check(dataclasses.replace(judged, expected=expected, allowed_rise=9.0))
    assert not result.passed
    assert result.figures["agreement"] == 0.96
    assert "at least 0.98 of the model's class ids" in result.detail
    assert "Received: 0.9600" in result.detail
    lenient = dataclasses.replace(judged, expected=expected, least_agreement=0.96, allowed_rise=9.0)
    assert agreement.check(lenient).passed


def test_a_rise_of_the_likelihood_is_found_by_hand(judged):
    features, labels = judged.data

    def surer(features):
        probabilities = judged.expected(features) ** 4
        return probabilities / probabilities.sum(axis=-1, keepdims=True)

    rows = np.arange(50)
    ours = -np.log(judged.expected(features)[rows, labels]).mean()
    theirs = -np.log(surer(features)[rows, labels]).mean()
    result = agreement.check(dataclasses.replace(judged, expected=surer))
    assert not result.passed
    assert result.figures["agreement"] == 1.0
    np.testing.assert_allclose(result.figures["rise"], ours - theirs, rtol=1e-4)
    assert f"{ours - theirs:+.4f} nats" in result.detail


def test_what_eight_bits_cannot_tell_apart_counts_the_same(judged, monkeypatch):
    ask = judged.predictor.predict
    features, labels = judged.data
    wrong = (labels + 1) % 3

    def never(features):
        return {**ask(features), "probabilities": np.eye(3)[labels]}

    monkeypatch.setattr(judged.predictor, "predict", never)
    result = agreement.check(
        dataclasses.replace(
            judged, data=(features, wrong), expected=lambda f: 1e-6 + np.eye(3)[labels]
        )
    )
    assert result.passed
    assert result.figures["rise"] == 0.0


def test_labels_may_be_names(judged):
    features, labels = judged.data
    names = np.array(judged.predictor.class_names)[labels]
    assert agreement.check(dataclasses.replace(judged, data=(features, names))).passed
    with pytest.raises(ExportError, match=r"Expected labels among \['ant', .* Received: \['dog'\]"):
        agreement.check(dataclasses.replace(judged, data=(features, np.array(["dog"] * 50))))
