"""`zoo.evaluate` on real runs of every task."""

import json

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics

from occam import zoo
from occam.core.calibration import expected_calibration_error
from occam.zoo.evaluation import Interval, label_sets
from occam.zoo.training import engine

from .conftest import TARGETS, X, load, train

FEW = {"bootstrap": 40}


def outputs_of(run, data, part):
    pairs = getattr(data, part).as_numpy_iterator()
    x, y = map(np.concatenate, zip(*pairs, strict=True))
    return x, y, run.load_model().predict(x, verbose=0).astype("float64")


@pytest.mark.parametrize("task", TARGETS)
def test_scores_and_gap_are_those_of_the_run(trained, task):
    run, data = trained(task)
    found = zoo.evaluate(run, data, **FEW)
    assert found.rows == data.sizes
    for part, scores in found.scores.items():
        for name, interval in scores.items():
            assert interval.value == pytest.approx(run.result[part][name], rel=1e-5), (part, name)
            assert interval.low <= interval.high
    for name in data.task.scores_up:
        expected = run.result["train"][name] - run.result["test"][name]
        assert found.gap[name].value == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert found.inference.passed
    assert found.task == data.task.kind


def test_the_gap_is_positive_where_the_test_part_is_worse(classified):
    found = zoo.evaluate(*classified, **FEW)
    scores = found.scores
    for name, sign in (("log_loss", 1), ("accuracy", -1)):
        worse = sign * (scores["test"][name].value - scores["train"][name].value)
        assert found.gap[name].value == pytest.approx(worse)


def test_figures_of_a_classification_are_those_of_scikit_learn(classified):
    run, data = classified
    found = zoo.evaluate(run, data, **FEW)
    _, y, logits = outputs_of(run, data, "test")
    p = softmax(logits, axis=1)
    scores = found.scores["test"]
    assert scores["accuracy"].value == metrics.accuracy_score(y, p.argmax(axis=1))
    assert scores["log_loss"].value == pytest.approx(metrics.log_loss(y, p))
    brier = metrics.brier_score_loss(y, p, scale_by_half=False)
    assert found.calibration.brier.value == pytest.approx(brier)
    error = found.calibration.error.value
    assert error == pytest.approx(expected_calibration_error(p, y, 15))
    assert error == pytest.approx(run.result["test"]["calibration_error"], rel=1e-4)
    assert found.calibration.counts.sum() == len(y)
    assert found.risk_coverage["max_probability"].risk[-1] == pytest.approx(
        1 - scores["accuracy"].value
    )


def test_figures_of_labels_are_those_of_scikit_learn(trained):
    run, data = trained("multilabel")
    found = zoo.evaluate(run, data, samples=2, **FEW)
    _, y, logits = outputs_of(run, data, "test")
    brier = [metrics.brier_score_loss(y[:, k], expit(logits[:, k])) for k in range(2)]
    assert found.calibration.brier.value == pytest.approx(np.mean(brier))
    assert found.calibration.counts.sum() == y.size
    assert [*found.left_out] == ["selective prediction"]
    (sets,) = found.conformal.values()
    _, known, outputs = outputs_of(run, data, "validation")
    inside = label_sets((expit(outputs), known), p := expit(logits), 0.9)
    assert (sets.method, sets.calibrated_on, sets.target) == ("crc", "validation", 0.9)
    np.testing.assert_array_equal(inside, p >= sets.thresholds[0])
    rows = y.any(axis=1)
    missed = (~inside & (y > 0)).sum(axis=1)[rows] / y.sum(axis=1)[rows]
    assert sets.coverage == pytest.approx(1 - missed.sum() / len(y))
    recalls = [metrics.recall_score(y[:, k], inside[:, k]) for k in range(2)]
    assert [*sets.by_name.values()] == pytest.approx(recalls)
    assert sets.size == inside.sum(axis=1).mean()
    assert found.risk_coverage == {}
    assert found.uncertainty.entropy > found.uncertainty.mutual_information > 0


def test_conformal_intervals_cover_the_targets_of_a_regression(trained):
    run, data = trained("regression")
    found = zoo.evaluate(run, data, coverage=0.8, samples=2, **FEW)
    (intervals,) = found.conformal.values()
    _, known, values = outputs_of(run, data, "validation")
    rank = int(np.ceil((len(known) + 1) * 0.8))
    half = np.sort(np.abs(known - values), axis=0)[rank - 1]
    np.testing.assert_allclose(intervals.thresholds, half, rtol=1e-5)
    _, new, values = outputs_of(run, data, "test")
    inside = (np.abs(new - values) <= half).mean(axis=0)
    assert [*intervals.by_name.values()] == inside.tolist()
    assert intervals.calibrated_on == "validation"
    assert found.calibration is None
    assert found.left_out == {
        "calibration": "a regression has no probabilities",
        "selective prediction": "only classes have one confidence for each row",
    }
    drawn = [values for _, values in found.predictions.values()]
    np.testing.assert_allclose(np.stack(drawn, axis=1), values[:1000], rtol=1e-5)
    assert found.uncertainty.entropy is None


@pytest.mark.slow
def test_a_refit_without_folds_leaves_conformal_prediction_out(tmp_path):
    data = load("classification")
    run = train(data, refit=True, epochs=3, log_dir=tmp_path / "run")
    found = zoo.evaluate(run, data, **FEW)
    assert "no rows that the model has not trained on" in found.left_out["conformal"]
    assert found.conformal == {}
    whole = data.sizes["train"] + data.sizes["validation"]
    assert found.rows == {"train": whole, "test": data.sizes["test"]}
    for part in ("train", "test"):
        value = found.scores[part]["log_loss"].value
        assert value == pytest.approx(run.result[part]["log_loss"], rel=1e-5)
    with pytest.raises(ValueError, match="`part` must be one of 'train', 'test'"):
        zoo.evaluate(run, data, part="validation")


@pytest.mark.slow
def test_a_refit_with_folds_is_calibrated_on_the_out_of_fold_outputs(tmp_path):
    data = load("regression", validation="cv:2x2", validation_fraction=0.1)
    run = train(data, refit="auto", epochs=2, log_dir=tmp_path / "run")
    found = zoo.evaluate(run, data, **FEW)
    (intervals,) = found.conformal.values()
    assert intervals.calibrated_on == "folds"
    assert intervals.calibration_rows == data.sizes["train"]

    y = np.asarray(data.raw_splits["train"].targets)
    residuals = np.full(y.shape, np.nan)
    for number, mask in enumerate(data.fold_masks()[:2]):
        outputs = np.load(run.directory / "folds" / str(number) / "outputs.npz")["outputs"]
        residuals[mask] = np.abs(outputs[run.result["best_epoch"] - 1] - y[mask])
    rank = int(np.ceil(round((len(y) + 1) * 0.9, 9)))
    np.testing.assert_allclose(intervals.thresholds, np.sort(residuals, axis=0)[rank - 1])


def test_too_few_calibration_rows_leave_conformal_prediction_out(classified):
    found = zoo.evaluate(*classified, coverage=0.99, bootstrap=0)
    rows = found.rows["validation"]
    assert found.left_out["conformal"] == (
        f"{rows} calibration rows are too few for a coverage of 0.99"
    )


def test_the_validation_part_is_not_judged_by_itself(classified):
    found = zoo.evaluate(*classified, part="validation", bootstrap=0)
    assert "is not new" in found.left_out["conformal"]
    train_part = zoo.evaluate(*classified, part="train", bootstrap=0)
    assert train_part.gap == {}


def test_probabilities_and_logits_of_other_models_mean_the_same(classified):
    run, data = classified
    zoo_model = run.load_model()
    x = keras.Input((3,))
    model = keras.Model(x, keras.layers.Softmax()(zoo_model(x)), name="own")
    ours, theirs = (zoo.evaluate(m, data, **FEW) for m in (zoo_model, model))
    assert theirs.name == "own"
    for name, interval in ours.scores["test"].items():
        assert theirs.scores["test"][name] == pytest.approx(interval, rel=1e-4, abs=1e-6)
    assert theirs.conformal["aps"].coverage == ours.conformal["aps"].coverage


def test_one_sigmoid_unit_is_two_classes():
    y = (X[:, 0] > 0).astype(int)
    data = zoo.load_data((X, y), validation_fraction=0.3)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    model.set_weights([np.array([[3.0], [0.0], [0.0]]), np.zeros(1)])
    found = zoo.evaluate(model, data, bootstrap=0)
    x, labels = map(np.concatenate, zip(*data.test.as_numpy_iterator(), strict=True))
    p = expit(3.0 * x[:, 0].astype("float64"))
    assert found.scores["test"]["log_loss"].value == pytest.approx(
        metrics.log_loss(labels, p), rel=1e-5
    )
    brier = 2 * metrics.brier_score_loss(labels, p)
    assert found.calibration.brier.value == pytest.approx(brier, rel=1e-5)


def test_outliers_are_raw_features_and_told_from_the_data(classified):
    run, data = classified
    outliers = np.random.default_rng(0).normal(size=(50, 3))
    far = zoo.evaluate(run, data, outliers=0 * outliers, samples=4, **FEW)
    assert far.rows["outliers"] == 50
    assert {*far.outliers} == {
        *("max_probability", "energy", "predictive_entropy", "mutual_information")
    }
    # All features are 0, where the classes meet: the model is less sure than of the data.
    assert far.outliers["max_probability"].auroc.low > 0.6
    raw = np.concatenate([x for x, _ in data.raw("test").as_numpy_iterator()])
    same = zoo.evaluate(run, data, outliers=raw, **FEW)
    assert same.outliers["energy"].auroc.value == pytest.approx(0.5)

    model = run.load_model()
    x = keras.Input((3,))
    probabilities = keras.Model(x, keras.layers.Softmax()(model(x)))
    found = zoo.evaluate(probabilities, data, outliers=outliers, bootstrap=0)
    assert {*found.outliers} == {"max_probability"}
    assert "logits behind probabilities" in found.left_out["energy"]


def test_equal_seeds_give_equal_evaluations(classified):
    first, second, other = (
        zoo.evaluate(*classified, samples=2, seed=seed, **FEW).to_dict() for seed in (1, 1, 2)
    )
    assert first == second
    assert first["scores"] != other["scores"]
    values = [
        {name: each["value"] for name, each in found["scores"]["test"].items()}
        for found in (first, other)
    ]
    assert values[0] == values[1]


@pytest.mark.parametrize("task", TARGETS)
def test_the_evaluation_is_written_as_json_a_card_and_pictures(trained, tmp_path, task):
    run, data = trained(task)
    found = zoo.evaluate(run, data, samples=2, **FEW)
    paths = found.save(tmp_path / "new" / "evaluation")
    names = [path.name for path in paths]
    pictures = {
        "classification": ["reliability.png", "risk_coverage.png"],
        "multilabel": ["reliability.png"],
        "regression": ["predictions.png"],
    }[data.task.kind]
    assert names == ["evaluation.json", "evaluation.md", *pictures]
    assert json.loads(paths[0].read_text()) == json.loads(json.dumps(found.to_dict()))
    card = paths[1].read_text()
    for name in pictures:
        assert f"]({name})" in card
        assert (tmp_path / "new" / "evaluation" / name).read_bytes().startswith(b"\x89PNG")
    for name in found.scores["test"]:
        assert f"| {name} |" in card
        assert name in str(found)
    for reason in found.left_out.values():
        assert reason in card
        assert reason in str(found)


def test_without_a_bootstrap_there_are_values_only(classified):
    found = zoo.evaluate(*classified, bootstrap=0)
    interval = found.scores["test"]["accuracy"]
    assert isinstance(interval, Interval)
    assert interval.low is interval.high is None
    assert found.gap["accuracy"].low is None


def test_a_run_is_judged_on_its_own_data(classified):
    run, _ = classified
    other = load("classification", seed=1)
    with pytest.raises(ValueError, match=r"`data` must be that of the run.*data seed 0, now 1"):
        zoo.evaluate(run, other)


def test_a_model_without_random_layers_has_no_passes(classified):
    _, data = classified
    plain = zoo.create_model("mlp", data=data, regularization="none", seed=0, units=(4,))
    found = zoo.evaluate(plain, data, samples=4, bootstrap=0)
    assert found.uncertainty is None
    assert found.left_out["uncertainty"] == "no layer of the model is random in training"


def test_a_diverged_model_is_refused_by_name(classified):
    run, data = classified
    model = run.load_model()
    model.layers[-1].bias.assign([np.nan, 0, 0])
    message = r"`model` must return finite numbers; .* diverged.* 'mlp' with \d+ of \d+ outputs"
    with pytest.raises(ValueError, match=message):
        zoo.evaluate(model, data)
    x = np.zeros((4, 3), "float32")
    with pytest.raises(ValueError, match=message):
        zoo.ensemble_predict([run, model], x)


def test_a_model_of_other_features_is_refused_by_name(classified):
    _, data = classified
    dense = keras.layers.Dense(3)
    other = keras.Sequential([keras.Input((5,)), dense], name="five")
    message = r"the features of the data .* \(32, 3\)\. Received: 'five', which takes \(None, 5\)"
    with pytest.raises(ValueError, match=message):
        zoo.evaluate(other, data)


def test_arguments_that_do_not_suit_are_refused(classified, tmp_path):
    run, data = classified
    plain = zoo.create_model("mlp", data=data, regularization="none", seed=0, units=(4,))
    with pytest.raises(ValueError, match="`samples` must be 0 or an integer >= 2"):
        zoo.evaluate(plain, data, samples=1)
    with pytest.raises(ValueError, match="`bootstrap` must be 0 or an integer >= 20"):
        zoo.evaluate(plain, data, bootstrap=5)
    with pytest.raises(ValueError, match=r"`outliers` must be raw features.*\(3,\)"):
        zoo.evaluate(run, data, outliers=np.zeros((5, 4)))
    with pytest.raises(ValueError, match="`outliers` must be None for the task 'regression'"):
        zoo.evaluate(plain, load("regression"), outliers=X)
    with pytest.raises(ValueError, match="`part` must be one of 'train', 'validation', 'test'"):
        zoo.evaluate(run, data, part="holdout")
    with pytest.raises(ValueError, match=r"`coverage` must be a number in \(0, 1\)"):
        zoo.evaluate(run, data, coverage=1)
    with pytest.raises(TypeError, match="`model` must be a keras"):
        zoo.evaluate("run", data)
    with pytest.raises(TypeError, match="`data` must be an occam"):
        zoo.evaluate(run, (X, X))
    with pytest.raises(ValueError, match="outputs for the 2 names of its task"):
        zoo.evaluate(plain, load("multilabel"))
    given = zoo.load_data((X, X), task="given")
    with pytest.raises(ValueError, match="`data` must have a task"):
        zoo.evaluate(plain, given)


@pytest.mark.parametrize(
    ("outliers", "received"),
    [
        (np.full((5, 3), np.nan), "`outliers` must be finite numbers. Received: NaN or infinity"),
        (np.ones((0, 3)), r"rows of shape \(3,\). Received: shape \(0, 3\)"),
        (np.ones((5, 2)), r"rows of shape \(3,\). Received: shape \(5, 2\)"),
        ("x", r"rows of shape \(3,\). Received: shape \(\)"),
    ],
)
def test_outliers_that_are_no_features_are_an_error(classified, outliers, received):
    with pytest.raises(ValueError, match=received):
        zoo.evaluate(*classified, outliers=outliers, bootstrap=0)


def test_the_size_of_batches_is_not_part_of_the_data(classified):
    run, data = classified
    expected = zoo.evaluate(run, data, bootstrap=0).scores["test"]["accuracy"].value
    smaller = zoo.evaluate(run, data.with_batch_size(7), bootstrap=0)
    assert smaller.scores["test"]["accuracy"].value == expected


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_the_flatness_is_that_of_its_functions_on_training_rows(trained, task, tmp_path):
    run, data = trained(task)
    found = zoo.evaluate(run, data, flatness=True, bootstrap=0, seed=3)
    batches = (batch[:2] for batch in engine.batches_of(data, "train").as_numpy_iterator())
    x, y = (np.concatenate(each)[:500] for each in zip(*batches, strict=True))
    expected = zoo.robustness.hessian_eigenvalue(run, x, y, seed=3)
    assert found.flatness.rows == len(y)
    assert found.flatness.eigenvalue.value == pytest.approx(expected.value, rel=0.02)
    assert found.flatness.worst >= max(0, found.flatness.random)
    model = run.load_model()
    loss = model.evaluate(x, y, batch_size=len(y), return_dict=True, verbose=0)["data_loss"]
    assert found.flatness.landscape.loss == pytest.approx(loss, rel=1e-4)
    names = [path.name for path in found.save(tmp_path)]
    assert "flatness.png" in names
    assert "| largest eigenvalue of the Hessian | " in (tmp_path / "evaluation.md").read_text()


def test_without_a_compiled_loss_there_is_no_flatness(classified):
    _, data = classified
    model = zoo.create_model("mlp", data=data, regularization="none", units=(4,))
    found = zoo.evaluate(model, data, flatness=True, bootstrap=0)
    assert found.flatness is None
    assert "needs a model compiled with a loss" in found.left_out["flatness"]
