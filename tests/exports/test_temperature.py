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
    ("labels", "side"), [([0, 0, 0], "small"), ([1, 1, 1], "large"), ([0, 1, 1], "large")]
)
def test_data_that_decides_nothing_is_refused(labels, side):
    logits = [[2.0, 0.0]] * 3
    message = rf"from 0\.01 to 100\. Received: 3 samples for which no temperature is too {side}"
    with pytest.raises(ValueError, match=message):
        exports.fit_temperature(logits, labels)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([1.0, 2.0], [0, 1], r"finite logits of shape \(n, classes\).*Received: the shape \(2,\)"),
        ([[1.0, np.nan]], [0], "finite logits"),
        ([[1.0, 2.0]], [0, 1], r"labels of shape \(1,\), integer .* Received: int64 \(2,\)"),
        ([[1.0, 2.0]], [0.0], "Received: float64"),
        ([[1.0, 2.0]], [2], "labels from 0 to 1. Received: 2 to 2"),
    ],
)
def test_wrong_arguments_are_named(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        exports.fit_temperature(logits, labels)
