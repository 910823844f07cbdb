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
        ([0, 1], "hinge", "`loss` must be 'crossentropy', 'mse' or 'mae'. Received: loss='hinge'"),
        ([], "mse", "at least one. Received: 0 labels"),
        ([1.0, np.nan], "mse", "Received: 2 labels, 1 of them not finite"),
        ([[0.5, 0.9]], "crossentropy", r"must be probabilities.*rows that sum to 1\.4"),
        ([0.5, 1.0], "crossentropy", r"must be class numbers.*Received: shape \(2,\), first 0\.5"),
        (np.zeros((2, 2, 2)), "crossentropy", r"must be class numbers.*shape \(2, 2, 2\)"),
    ],
)
def test_labels_are_checked(labels, loss, message):
    with pytest.raises(ValueError, match=message):
        baseline_loss(labels, loss)
