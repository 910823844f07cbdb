"""The loss after temperature scaling, against a search over a grid of temperatures."""

import keras
import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from occam import zoo
from occam.exports import fit_temperature
from occam.zoo.training.refined_loss import RefinedLoss, refined_losses


def noisy_logits(samples=200, scale=1.0):
    """Classes, and logits that say more or less of them than is true."""
    random = np.random.default_rng(0)
    y = random.integers(0, 3, samples)
    return y, scale * (random.normal(size=(samples, 3)) + 2 * np.eye(3)[y])


@pytest.mark.parametrize("scale", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_temperature_is_the_best_under_its_prior(scale, weighted):
    y, logits = noisy_logits(50, scale)
    weights = np.linspace(0.5, 1.5, len(y)) if weighted else None  # their mean is 1

    def loss(t):
        return log_loss(y, softmax(logits / t, axis=1), sample_weight=weights)

    grid = np.exp(np.linspace(-4.6, 4.6, 4_000))
    best = min(grid, key=lambda t: len(y) * loss(t) + np.log(t) ** 2 / 2)
    losses = refined_losses(y, logits, weights)
    assert np.average(losses, weights=weights) == pytest.approx(loss(best), rel=1e-4)
    if weighted:
        np.testing.assert_array_equal(losses, refined_losses(y, logits, weights * 4))


def test_of_many_samples_the_temperature_is_that_of_an_export():
    y, logits = noisy_logits(20_000, scale=3.0)
    exported = log_loss(y, softmax(logits / fit_temperature(logits, y), axis=1))
    assert refined_losses(y, logits).mean() == pytest.approx(exported, rel=1e-5)


def test_margins_count_where_all_samples_are_right():
    y = np.array([0, 1] * 5)
    wide, narrow = (refined_losses(y, scale * np.eye(2)[y]).mean() for scale in (4.0, 0.5))
    assert 0.001 < wide < narrow


def test_logits_that_are_not_finite_have_no_loss():
    assert np.isnan(refined_losses(np.array([0, 1]), np.array([[0.0, 1.0], [np.nan, 0.0]]))).all()


def test_the_loss_of_each_epoch_is_logged():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(60, 4)).astype("float32"), np.arange(60) % 3
    data = zoo.load_data(
        (x[:40], y[:40]), validation=(x[40:], y[40:]), test=False, standardize=False, batch_size=8
    )
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    found = []
    after = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: found.append(refined_losses(y[40:], model.predict(x[40:])).mean())
    )
    history = model.fit(x, y, epochs=2, verbose=0, callbacks=[RefinedLoss(data), after]).history
    assert history["val_refined_loss"] == pytest.approx(found, rel=1e-5)
