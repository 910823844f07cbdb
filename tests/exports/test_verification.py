import keras
import numpy as np
import pytest

from occam import exports
from occam.exports.verification import check_same_answers


@pytest.fixture
def predictor(tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3)])
    exports.export(model, tmp_path)
    return exports.load(tmp_path)


def test_the_same_answers_pass(predictor):
    check_same_answers(predictor, lambda f: predictor.predict(f)["probabilities"], "float32")


@pytest.mark.parametrize(
    ("precision", "passes", "fails"), [("float32", 3e-6, 1e-3), ("bfloat16", 1e-3, 0.5)]
)
def test_the_tolerance_follows_the_precision(predictor, precision, passes, fails):
    def blurred(by):
        def expected(features):
            probabilities = predictor.predict(features)["probabilities"]
            return (1 - by) * probabilities + by * np.roll(probabilities, 1, axis=-1)

        return expected

    check_same_answers(predictor, blurred(passes), precision)
    with pytest.raises(exports.ExportError, match=r"within .* Received: a difference of .* of 1$"):
        check_same_answers(predictor, blurred(fails), precision)


def test_class_ids_are_compared(predictor, monkeypatch):
    right = predictor.predict

    def wrong_ids(features):
        answer = right(features)
        return {**answer, "class_id": (answer["class_id"] + 1) % 3}

    monkeypatch.setattr(predictor, "predict", wrong_ids)
    with pytest.raises(exports.ExportError, match=r"Expected the class ids .* Received: "):
        check_same_answers(predictor, lambda f: right(f)["probabilities"], "float32")


@pytest.mark.parametrize(
    ("spoilt", "received"),
    [(lambda p: 2 * p, "sums from 2 to 2"), (lambda p: p - [1, -1, 0], "a smallest of -")],
)
def test_what_is_no_probability_is_refused(predictor, spoilt, received):
    def expected(features):
        return spoilt(predictor.predict(features)["probabilities"])

    with pytest.raises(exports.ExportError, match=f"Received: .*{received}"):
        check_same_answers(predictor, expected, "float32")
