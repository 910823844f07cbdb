"""Conformal sets of classes: by hand, by the zoo, and their coverage by statistics."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.stats import betabinom

from occam import exports
from occam.exports.gates.sample import difference
from occam.exports.heads import ClassificationHead
from occam.zoo.evaluation import prediction_sets

NAMES = ("ant", "bee", "cat")
X = np.random.default_rng(0).normal(size=(1200, 3)).astype("float32")
Y = (1.5 * X + np.random.default_rng(1).gumbel(size=X.shape)).argmax(axis=1)
KNOWN, NEW = slice(0, 200), slice(200, 1200)


def classifier():
    """The true model: its probabilities are the frequencies of the classes."""
    model = keras.Sequential([keras.Input((3,), name="x"), layers.Dense(3)])
    model.set_weights([1.5 * np.eye(3), np.zeros(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return exports.export(
        classifier(),
        tmp_path_factory.mktemp("sets"),
        class_names=NAMES,
        prediction_sets=exports.PredictionSets(0.9, data=({"x": X[KNOWN]}, Y[KNOWN])),
        checks=exports.Checks(data=({"x": X[NEW]}, Y[NEW])),
        formats=["litert", "onnx"],
    )


@pytest.fixture(scope="module")
def predictor(published):
    return exports.load(published.path.parent)


def test_sets_are_those_of_the_evaluation(predictor):
    answer = predictor.predict(X[NEW])
    p = predictor.predict(X[KNOWN])["probabilities"]
    expected = prediction_sets((p, Y[KNOWN]), answer["probabilities"], 0.9)
    for row, inside, size in zip(
        answer["prediction_set"], expected, answer["set_size"], strict=True
    ):
        names = [name for name, chosen in zip(NAMES, inside, strict=True) if chosen]
        assert row.tolist() == names + [""] * (3 - len(names))
        assert size == len(names)
    assert {*answer["set_size"]} > {1, 2}
    assert (answer["set_size"].dtype, answer["prediction_set"].shape) == (np.int64, (1000, 3))


def test_sets_cover_new_rows_as_often_as_they_say(predictor, published):
    """Among 1000 new rows, the number covered is beta-binomial, with rank ceil(201 * 0.9) = 181."""
    answer = predictor.predict(X[NEW])
    true = np.array(NAMES)[Y[NEW]]
    covered = (answer["prediction_set"] == true[:, None]).any(axis=1)
    count = betabinom(1000, 181, 20)
    assert count.ppf(0.001) <= covered.sum() <= count.ppf(0.999)
    gates = {g.name: g for g in exports.Blessing.read(published.path).gates}
    assert gates["coverage"].figures == {"label": covered.mean()}


def test_no_rows_have_no_sets(predictor):
    answer = predictor.predict(np.zeros((0, 3)))
    assert (answer["prediction_set"].shape, answer["set_size"].shape) == ((0, 3), (0,))


def test_class_names_and_ids_give_the_same_sets():
    fitted = []
    for labels in (Y[:50], np.array(NAMES)[Y[:50]]):
        sets = exports.PredictionSets(0.8, data=(X[:50], labels))
        answers = {"probabilities": np.abs(X[:50])}
        fitted.append(sets.fit(ClassificationHead(NAMES), {"x": X[:50]}, lambda x: answers))  # noqa: B023
    assert fitted[0] == fitted[1]
    least = np.sort(np.abs(X[:50])[np.arange(50), Y[:50]])[::-1][41 - 1]  # ceil(51 * 0.8) = 41
    assert fitted[0].least_probability == pytest.approx(least, rel=2e-5)
    assert fitted[0].least_probability < least


def test_a_probability_at_the_threshold_may_differ_by_rounding():
    head = ClassificationHead(NAMES, coverage=0.9, least_probability=0.2, calibration_rows=99)
    right = {
        "probabilities": np.array([[0.5, 0.3, 0.2], [0.6, 0.25, 0.15]], "float32"),
        "set_size": np.array([3, 2]),
    }
    other = dict(right, set_size=np.array([2, 2]))
    assert difference(other, right, 1e-5, head) is None
    other = dict(right, set_size=np.array([3, 1]))
    assert difference(other, right, 1e-5, head) == "another 'set_size' in row 1"


def test_equal_probabilities_are_in_the_set_whatever_their_rounding(tmp_path):
    """All probabilities of the true classes are the threshold itself, up to the last digits."""
    model = keras.Sequential([keras.Input((2,), name="x"), layers.Dense(2, activation="softmax")])
    model.set_weights([np.eye(2), np.zeros(2)])
    generator = np.random.default_rng(0)
    y = np.tile([0, 1], 100)
    shift = generator.uniform(-50, 50, (200, 1))  # which softmax ignores, up to rounding
    x = (3 * np.eye(2)[y] + shift).astype("float32")
    sets = exports.PredictionSets(0.05, data=(x[:100], y[:100]))
    exports.export(model, tmp_path, prediction_sets=sets)
    assert (exports.load(tmp_path).predict(x[100:])["set_size"] == 1).all()


def test_sets_that_do_not_cover_are_refused(tmp_path):
    mine = classifier().predict(X[:100], verbose=0).argmax(axis=1)
    close = exports.PredictionSets(0.9, data=({"x": X[:100]}, mine))
    checks = exports.Checks(data=({"x": X[NEW]}, Y[NEW]))
    message = r"gate coverage: The prediction sets must cover at least \d+ of 1000 targets"
    with pytest.raises(exports.ExportError, match=message):
        exports.export(classifier(), tmp_path, prediction_sets=close, checks=checks)


@pytest.mark.parametrize(
    ("features", "targets", "message"),
    [
        (X[:8], Y[:8], "`prediction_sets` must have at least 9 rows for a coverage of 0.9"),
        (X[:9], Y[:8], "as many targets as rows of each input. Received: 8 targets"),
        (X[:20], X[:20, 0], r"`prediction_sets` must have labels of shape \(n,\)"),
        (X[:20], Y[:20] + 3, "`prediction_sets` must have labels from 0 to 2"),
        (X[:20, :2], Y[:20], r"`x` must have the shape \(None, 3\)"),
    ],
)
def test_sets_need_data_that_fits(features, targets, message, tmp_path):
    sets = exports.PredictionSets(0.9, data=({"x": features}, targets))
    with pytest.raises(ValueError, match=message):
        exports.export(classifier(), tmp_path, prediction_sets=sets)


def test_sets_are_for_classifications(tmp_path):
    sets = exports.PredictionSets(0.9, data=(X, Y))
    with pytest.raises(ValueError, match="`prediction_sets` must be None for the task 'multi"):
        exports.export(classifier(), tmp_path, task="multilabel", prediction_sets=sets)
    with pytest.raises(TypeError, match=r"must be exports\.PredictionSets\(coverage, data\)"):
        exports.export(classifier(), tmp_path, prediction_sets=0.9)
    with pytest.raises(ValueError, match=r"`coverage` must be a number in \(0, 1\)"):
        exports.PredictionSets(1.0, data=(X, Y))
