import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from occam import exports


def data(classes, scale, n=400):
    generator = np.random.default_rng(classes)
    logits = generator.normal(size=(n, classes))
    labels = np.array([generator.choice(classes, p=np.exp(log_softmax(z))) for z in logits])
    return scale * logits + 1000, labels  # a constant changes nothing


@pytest.mark.parametrize(("classes", "scale"), [(2, 0.2), (3, 1.0), (10, 7.0)])
def test_it_minimizes_the_negative_log_likelihood(classes, scale):
    logits, labels = data(classes, scale)
    rows = np.arange(len(labels))
    found = minimize_scalar(
        lambda t: -log_softmax(logits / t, axis=-1)[rows, labels].mean(),
        bounds=(0.01, 100),
        method="bounded",
        options={"xatol": 1e-9},
    )
    temperature = exports.fit_temperature(logits, labels)
    assert temperature == pytest.approx(found.x, rel=1e-5)
    assert temperature == pytest.approx(scale, rel=0.3)


@pytest.mark.parametrize(
    ("labels", "end"), [([0, 0, 0], "0.01"), ([1, 1, 1], "100"), ([0, 1, 1], "100")]
)
def test_data_without_a_best_temperature_is_refused(labels, end):
    with pytest.raises(ValueError, match=f"the 3 samples is largest at {end} or beyond"):
        exports.fit_temperature([[2.0, 0.0]] * 3, labels)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([1.0, 2.0], [0, 1], r"finite numbers of shape \(n, classes\).*Received: shape \(2,\)"),
        ([[1.0, np.nan]], [0], "`logits` must be finite"),
        ([[1.0, 2.0]], [0, 1], r"`labels` must be .* \(1,\)\. Received: int64 of shape \(2,\)"),
        ([[1.0, 2.0]], [0.0], "Received: float64"),
        ([[1.0, 2.0]], [2], "`labels` must be from 0 to 1. Received: 2 to 2"),
    ],
)
def test_wrong_arguments_are_named(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        exports.fit_temperature(logits, labels)


def test_it_is_the_sum_over_bins_of_the_definition():
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(4), size=300)
    labels = generator.integers(0, 4, 300)
    confidence, guess = probabilities.max(axis=-1), probabilities.argmax(axis=-1)
    expected = 0.0
    for m in range(1, 16):
        inside = (confidence > (m - 1) / 15) & (confidence <= m / 15)
        if inside.any():
            gap = np.mean(guess[inside] == labels[inside]) - confidence[inside].mean()
            expected += inside.sum() / 300 * abs(gap)
    assert exports.expected_calibration_error(probabilities, labels) == pytest.approx(expected)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    rows = [[0.5, 0.5], [0.75, 0.25]]
    # One bin (0, 0.5] with a gap of 0.5, one (0.5, 1] with a gap of -0.75.
    assert exports.expected_calibration_error(rows, [0, 1], bins=2) == pytest.approx(0.625)


def test_bins_are_one_or_more():
    with pytest.raises(ValueError, match=r"`bins` must be an integer >= 1\. Received: bins=0"):
        exports.expected_calibration_error(np.eye(3), [0, 1, 2], bins=0)
