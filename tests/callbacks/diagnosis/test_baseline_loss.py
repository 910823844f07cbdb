import keras
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error

from occam.callbacks import baseline_loss

RNG = np.random.default_rng(0)
CLASSES = RNG.choice(3, size=50, p=[0.6, 0.3, 0.1])
TARGETS = RNG.gamma(2.0, size=(50, 2))


@pytest.mark.parametrize("form", [lambda y: y, lambda y: y[:, None], lambda y: np.eye(3)[y]])
def test_classes_agree_with_scikit_learn(form):
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((50, 1)), CLASSES)
    expected = log_loss(CLASSES, dummy.predict_proba(np.zeros((50, 1))))
    assert baseline_loss(form(CLASSES)) == pytest.approx(expected)


def test_soft_labels_agree_with_keras():
    soft = RNG.dirichlet(np.ones(3), size=50)
    constant = np.tile(soft.mean(axis=0), (50, 1))
    expected = keras.losses.CategoricalCrossentropy()(soft, constant)
    assert baseline_loss(soft) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "strategy", "error"),
    [("mse", "mean", mean_squared_error), ("mae", "median", mean_absolute_error)],
)
def test_targets_agree_with_scikit_learn(loss, strategy, error):
    dummy = DummyRegressor(strategy=strategy).fit(np.zeros((50, 1)), TARGETS)
    expected = error(TARGETS, dummy.predict(np.zeros((50, 1))))
    assert baseline_loss(TARGETS, loss) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("labels", "loss", "message"),
    [
        (
            [0, 1],
            "hinge",
            "`loss` must be one of 'crossentropy', .*'huber'. Received: loss='hinge'",
        ),
        (["cat", "dog"], "crossentropy", "must be numbers. Convert class names .*Received: .*cat"),
        ([[1, 1, 0], [0, 0, 1]], "crossentropy", "several labels per sample .*a row with sum 2"),
        ([0.5, 1.5], "binary_crossentropy", r"must be in \[0, 1\] for the .* from 0.5 to 1.5"),
        ([], "mse", "not empty. Received: 0 labels"),
        ([1.0, np.nan], "mse", "Received: 2 labels, 1 of them not finite"),
        ([[0.5, 0.9]], "crossentropy", r"must be probabilities.*a row with sum 1\.4"),
        (
            [0.5, 1.0],
            "crossentropy",
            r"must be class numbers.*Received: shape \(2,\), first value 0\.5",
        ),
        (np.zeros((2, 2, 2)), "crossentropy", r"must be class numbers.*shape \(2, 2, 2\)"),
    ],
)
def test_labels_are_checked(labels, loss, message):
    with pytest.raises(ValueError, match=message):
        baseline_loss(labels, loss)


def test_huber_agrees_with_the_best_of_many_constants():
    constants = np.linspace(TARGETS.min(), TARGETS.max(), 4001)
    errors = np.abs(TARGETS[:, :, None] - constants)
    losses = np.where(errors <= 1, errors**2 / 2, errors - 0.5).mean(axis=0)
    assert baseline_loss(TARGETS, "huber") == pytest.approx(losses.min(axis=1).mean(), rel=1e-5)
    assert baseline_loss([3.0, 3.0], "huber") == 0.0
    assert baseline_loss([0.0, 0.5], "huber") == pytest.approx(baseline_loss([0.0, 0.5], "mse") / 2)


def test_columns_of_several_labels_agree_with_keras():
    labels = RNG.uniform(size=(40, 3)).round()
    constant = np.tile(labels.mean(axis=0), (40, 1))
    expected = keras.losses.BinaryCrossentropy()(labels, constant)
    assert baseline_loss(labels, "binary_crossentropy") == pytest.approx(float(expected), rel=1e-5)


WEIGHTS = RNG.integers(1, 5, 50)


@pytest.mark.parametrize(
    ("labels", "loss"),
    [
        (CLASSES, "crossentropy"),
        (np.eye(3)[CLASSES], "crossentropy"),
        (CLASSES == 0, "binary_crossentropy"),
        (TARGETS, "mse"),
        (TARGETS, "mae"),
        (TARGETS, "huber"),
    ],
)
def test_a_weight_is_worth_as_many_samples(labels, loss):
    repeated = baseline_loss(np.repeat(labels, WEIGHTS, axis=0), loss)
    for weights in (WEIGHTS, WEIGHTS[:, None]):
        weighted = baseline_loss(labels, loss, sample_weight=weights)
        assert weighted == pytest.approx(WEIGHTS.mean() * repeated)


def test_weights_that_balance_two_classes():
    labels, weights = [1] + 3 * [0], [3.0, 1.0, 1.0, 1.0]
    assert baseline_loss(labels, sample_weight=weights) == pytest.approx(1.5 * np.log(2))


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [[1.0, 1.0], [1.0, 1.0]]])
def test_weights_are_checked(weights):
    with pytest.raises(ValueError, match=r"must be a weight >= 0 for each of .* samples"):
        baseline_loss([0, 1], sample_weight=weights)


def test_labels_of_any_form():
    pandas = pytest.importorskip("pandas")
    for form in (pandas.Series, keras.ops.convert_to_tensor, list):
        assert baseline_loss(form(CLASSES)) == baseline_loss(CLASSES)
    assert baseline_loss(pandas.DataFrame(TARGETS), "mse") == baseline_loss(TARGETS, "mse")
