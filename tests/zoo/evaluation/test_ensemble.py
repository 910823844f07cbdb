from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics

from occam import zoo
from occam.zoo import ensemble_predict

from .conftest import TARGETS, X, load


def members_for(data, count=3):
    """Models of other seeds; a few steps tell them from chance."""
    return [
        zoo.create_model("mlp", data=data, regularization="none", seed=seed, units=(4,))
        for seed in range(count)
    ]


def inputs_of(data, part="test"):
    return map(np.concatenate, zip(*getattr(data, part).as_numpy_iterator(), strict=True))


@pytest.mark.parametrize("task", TARGETS)
def test_an_ensemble_answers_with_the_mean_of_its_members(task):
    data = load(task)
    models = members_for(data)
    x, y = inputs_of(data)
    outputs = np.stack([model.predict(x, verbose=0) for model in models]).astype("float64")
    answer = {"classification": lambda z: softmax(z, axis=2), "multilabel": expit}
    passes = answer.get(task, lambda z: z)(outputs)
    found = ensemble_predict(models, x)
    np.testing.assert_allclose(found.passes, passes, rtol=1e-6)
    np.testing.assert_allclose(found.mean, passes.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.standard_deviation, passes.std(axis=0), rtol=1e-3, atol=1e-5)

    judged = zoo.evaluate(models, data, bootstrap=0)
    mean = passes.mean(axis=0)
    expected = {
        "classification": lambda: metrics.log_loss(y, mean),
        "multilabel": lambda: np.mean([metrics.log_loss(y[:, k], mean[:, k]) for k in range(2)]),
        "regression": lambda: np.abs(y - mean).mean(),
    }[task]()
    name = "mae" if task == "regression" else "log_loss"
    assert judged.scores["test"][name].value == pytest.approx(expected, rel=1e-5)
    assert judged.uncertainty.scores[name] == pytest.approx(expected, rel=1e-4)
    assert judged.uncertainty.samples == 3
    assert judged.name == "ensemble of 3"
    assert "Uncertainty: ensemble".lower() in str(judged)
    assert judged.left_out["inference"] == "evaluate the members one by one"
    assert judged.weights == ()


def test_equal_members_do_not_disagree():
    data = load("classification")
    (model,) = members_for(data, 1)
    (same,) = members_for(data, 1)
    information: Any = ensemble_predict([model, same], X).mutual_information
    np.testing.assert_allclose(information, 0, atol=1e-6)
    one, twice = (zoo.evaluate(each, data, bootstrap=20) for each in (model, [model, same]))
    for name, interval in one.scores["test"].items():
        assert twice.scores["test"][name] == pytest.approx(interval, rel=1e-6)
    assert twice.conformal["aps"].by_name == one.conformal["aps"].by_name


def test_members_tell_outliers_by_their_disagreement():
    data = load("classification")
    found = zoo.evaluate(members_for(data), data, outliers=20 * X[:30], bootstrap=0)
    assert {*found.outliers} == {"max_probability", "predictive_entropy", "mutual_information"}
    # Far away, the untrained linear pieces of three seeds are sure of different classes.
    assert found.outliers["mutual_information"].auroc.value > 0.8
    assert "energy" in found.left_out


def test_a_run_is_a_member_like_its_model(classified):
    run, data = classified
    pair = [run, run.load_model()]
    found = zoo.evaluate(pair, data, bootstrap=0)
    value = found.scores["test"]["log_loss"].value
    assert value == pytest.approx(run.result["test"]["log_loss"], rel=1e-5)
    assert ensemble_predict(pair, X).passes.shape == (2, len(X), 3)


def test_members_that_do_not_belong_together_are_refused():
    data = load("classification")
    (model,) = members_for(data, 1)
    (other,) = members_for(load("multilabel"), 1)
    with pytest.raises(ValueError, match="`models` must answer the same task"):
        ensemble_predict([model, other], X)
    with pytest.raises(ValueError, match="`models` must be a list of at least two models or runs"):
        ensemble_predict([model], X)
    with pytest.raises(TypeError, match="`models` must be a list"):
        ensemble_predict([model, "run"], X)
    with pytest.raises(TypeError, match="`models` must be a list"):
        ensemble_predict(model, X)
    with pytest.raises(ValueError, match="`samples` must be 0 for an ensemble"):
        zoo.evaluate(members_for(data, 2), data, samples=2)
    with pytest.raises(ValueError, match="`model` must be a list of at least two"):
        zoo.evaluate([keras.Sequential()], data)


def test_a_member_counts_once(classified):
    run, data = classified
    again = zoo.Run.load(run.directory)  # another object of the same run
    with pytest.raises(ValueError, match=r"`model` must differ\. Received: .*run more than once"):
        zoo.evaluate([run, run.load_model(), again], data)
    model = run.load_model()
    with pytest.raises(ValueError, match=r"`models` must differ\. Received: mlp more than once"):
        ensemble_predict([model, model], X)
