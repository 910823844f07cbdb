import dataclasses

import numpy as np
import pytest

from occam.exports.gates.parity import labels, parity
from occam.exports.heads import ClassificationHead


def judged(candidate, expected, **fields):
    return parity(dataclasses.replace(candidate, expected=expected, **fields))


def right(candidate):
    return candidate.predictor.predict


def test_the_same_answers_pass(good):
    result = judged(good, right(good))
    assert result.passed
    assert result.figures["difference"] < 1e-6


@pytest.mark.parametrize(
    ("precision", "passes", "fails"), [("float32", 3e-6, 1e-3), ("bfloat16", 1e-3, 0.5)]
)
def test_the_tolerance_follows_the_precision(good, answers_of, precision, passes, fails):
    def blurred(by):
        def expected(features):
            probabilities = right(good)(features)["probabilities"]
            return answers_of((1 - by) * probabilities + by * np.roll(probabilities, 1, axis=-1))

        return expected

    assert judged(good, blurred(passes), precision=precision).passed
    detail = judged(good, blurred(fails), precision=precision).detail
    assert "1 row(s) must get the answers of model.predict" in detail
    assert "'probabilities' that differs by" in detail


def test_class_ids_are_compared(good, monkeypatch):
    ask = good.predictor.predict

    def wrong_ids(features):
        answer = ask(features)
        return {**answer, "class_id": (answer["class_id"] + 1) % 3}

    monkeypatch.setattr(good.predictor, "predict", wrong_ids)
    result = judged(good, ask)
    assert "another 'class_id' in row 0" in result.detail


@pytest.mark.parametrize(
    ("spoilt", "received"),
    [(lambda p: 2 * p, "sums from 2 to 2"), (lambda p: p - [1, -1, 0], "minimum -")],
)
def test_outputs_that_are_not_probabilities_are_refused(good, answers_of, spoilt, received):
    probabilities = lambda features: right(good)(features)["probabilities"]  # noqa: E731
    result = judged(good, lambda features: answers_of(spoilt(probabilities(features))))
    assert not result.passed
    assert received in result.detail


def test_the_right_names_pass(good):
    assert labels(dataclasses.replace(good, head=ClassificationHead(("ant", "bee", "cat")))).passed


def test_swapped_class_names_are_found(good):
    result = labels(dataclasses.replace(good, head=ClassificationHead(("bee", "ant", "cat"))))
    assert not result.passed
    assert result.detail == (
        "The labels must be ['bee', 'ant', 'cat']. Received: ['ant', 'bee', 'cat']"
    )


def test_labels_that_contradict_the_class_names_are_found(write, module):
    swapped = write(lambda m, x: module.answer(m, x, names=("bee", "ant", "cat")))
    assert "The labels must be ['" in labels(swapped).detail
