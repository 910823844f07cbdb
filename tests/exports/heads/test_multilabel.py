import itertools

import keras
import numpy as np
import pytest
from keras import layers
from sklearn import metrics

from occam import exports
from occam.exports.heads import MultilabelHead

X = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
Y = (X[:, :3] + 0.5 * np.random.default_rng(1).normal(size=(200, 3)) > 0.3).astype("int64")
NAMES = ["red", "grün", "blue"]


def tagger():
    model = keras.Sequential([keras.Input((4,), name="x"), layers.Dense(3)])
    model.set_weights([2 * np.eye(4, 3), np.array([-0.6, -0.6, -0.6])])
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    return model


@pytest.fixture(scope="module")
def probabilities():
    return 1 / (1 + np.exp(-tagger().predict(X, verbose=0)))


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tags")
    exports.export(
        tagger(),
        directory,
        class_names=NAMES,
        thresholds=[0.5, 0.4, 0.6],
        signatures=["logits"],
        checks=exports.Checks(data=({"x": X}, Y)),
    )
    return exports.load(directory)


def test_labels_above_their_threshold_come_first(predictor, probabilities):
    answer = predictor.predict(X)
    np.testing.assert_allclose(answer["probabilities"], probabilities, atol=1e-6)
    for row, labels, count in zip(probabilities, answer["labels"], answer["count"], strict=True):
        chosen = [n for n, p, t in zip(NAMES, row, (0.5, 0.4, 0.6), strict=True) if p > t]
        assert labels.tolist() == chosen + [""] * (3 - len(chosen))
        assert count == len(chosen)
    assert answer["count"].dtype == np.int64
    assert (predictor.task, predictor.class_names) == ("multilabel", tuple(NAMES))


def test_no_rows_have_no_labels(predictor):
    answer = predictor.predict(np.zeros((0, 4)))
    assert {name: array.shape for name, array in answer.items()} == {
        "probabilities": (0, 3),
        "labels": (0, 3),
        "count": (0,),
    }


def test_logits_are_the_outputs(predictor):
    logits = predictor.call("logits", x=X)["logits"]
    np.testing.assert_allclose(logits, tagger().predict(X, verbose=0), atol=1e-5)


def test_logits_of_sigmoids_are_their_log_odds(tmp_path):
    model = keras.Sequential([keras.Input((4,), name="x"), layers.Dense(2, activation="sigmoid")])
    exports.export(model, tmp_path, signatures=["logits"])
    p = model.predict(X, verbose=0)
    logits = exports.load(tmp_path).call("logits", x=X)["logits"]
    np.testing.assert_allclose(logits, np.log(p / (1 - p)), atol=1e-4)


def test_scores_are_those_of_scikit_learn(probabilities):
    head = MultilabelHead(tuple(NAMES))
    scores = head.scores({"probabilities": probabilities.astype("float32")}, Y)
    predicted = probabilities > 0.5
    assert scores["macro_f1"] == pytest.approx(metrics.f1_score(Y, predicted, average="macro"))
    assert scores["subset_accuracy"] == pytest.approx(metrics.accuracy_score(Y, predicted))
    losses = [metrics.log_loss(Y[:, k], probabilities[:, k]) for k in range(3)]
    assert scores["log_loss"] == pytest.approx(np.mean(losses), rel=1e-5)


def test_a_live_version_with_better_labels_is_kept(tmp_path, probabilities):
    checks = exports.Checks(data=({"x": X}, Y))
    fitted = exports.fit_thresholds(probabilities, Y)
    exports.export(tagger(), tmp_path, thresholds=fitted, checks=checks)
    with pytest.raises(exports.ExportError, match=r"gate metric: macro f1 must .* below the live"):
        exports.export(tagger(), tmp_path, thresholds=[0.9, 0.9, 0.9], checks=checks)


@pytest.mark.parametrize("targets", [Y[:, :2], 2 * Y, Y[:, 0], Y.astype(str)])
def test_targets_that_are_not_binary_are_refused(targets, tmp_path):
    message = r"`data` must have targets of 0 and 1 of shape \(n, 3\)"
    with pytest.raises(ValueError, match=message):
        exports.export(tagger(), tmp_path, checks=exports.Checks(data=({"x": X}, targets)))


def test_outputs_outside_of_0_and_1_are_refused(tmp_path):
    dense = layers.Dense(3, kernel_initializer=keras.initializers.RandomNormal(stddev=5, seed=0))
    model = keras.Sequential([keras.Input((4,), name="x"), dense])
    with pytest.raises(exports.ExportError, match=r"probabilities from 0 to 1\. Received: from -"):
        exports.export(model, tmp_path, task="multilabel", from_logits=False)


def test_classify_needs_exclusive_classes(tmp_path):
    message = "'classify' needs the task 'classification'. Received: a model of the task 'mult"
    with pytest.raises(exports.ExportError, match=message):
        exports.export(tagger(), tmp_path, signatures=["classify"])


def test_fitted_thresholds_have_the_best_f1(probabilities):
    fitted = exports.fit_thresholds(probabilities, Y)
    for k, threshold in enumerate(fitted):
        f1 = metrics.f1_score(Y[:, k], probabilities[:, k] > threshold)
        grid = np.concatenate([[0.0], np.sort(probabilities[:, k])])
        best = max(metrics.f1_score(Y[:, k], probabilities[:, k] > t) for t in grid)
        assert f1 == pytest.approx(best)


def test_fitted_thresholds_of_few_rows_are_those_of_a_search():
    levels = np.array([0.0, 0.2, 0.2, 0.7])
    for true in itertools.product([0, 1], repeat=4):
        (threshold,) = exports.fit_thresholds(levels[:, None], np.array(true)[:, None])
        f1 = metrics.f1_score(true, levels > threshold, zero_division=0)
        others = [metrics.f1_score(true, levels > t, zero_division=0) for t in (0, 0.2, 0.7)]
        assert f1 == pytest.approx(max(others))
        assert any(true) or threshold == 0.5


@pytest.mark.parametrize(
    ("p", "y", "message"),
    [
        ([[1.5]], [[1]], "`probabilities` must be numbers from 0 to 1"),
        ([0.5], [[1]], "`probabilities` must be .* of shape"),
        ("a", [[1]], "`probabilities` must be .* probabilities='a'"),
        ([[0.1], [0.2, 0.3]], [[1]], "`probabilities` must be numbers from 0 to 1"),
        ([[0.5], [0.5]], [[1], [0, 1]], "`y` must have targets of 0 and 1"),
        ([[0.5]], [[2]], "`y` must have targets of 0 and 1"),
        ([[0.5]], [[1], [0]], "`y` must have 1 rows. Received: 2"),
    ],
)
def test_thresholds_need_probabilities_and_targets(p, y, message):
    with pytest.raises(ValueError, match=message):
        exports.fit_thresholds(p, y)
