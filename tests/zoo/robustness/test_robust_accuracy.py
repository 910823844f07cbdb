"""Accuracy against the strength of an attack."""

import functools

import numpy as np
import pytest
from matplotlib.image import imread

from occam import zoo
from occam.zoo.robustness import pgd, robust_accuracy, square

from .conftest import linear_model

X, Y = np.array([[0.5], [2.0], [-1.0], [3.0]]), np.array([1, 1, 0, 0])  # the last one is wrong


@pytest.fixture(scope="module")
def model():
    return linear_model([[0.0, 2.0]], [0.0, 0.0])  # the distance to the boundary is |x|


@pytest.mark.parametrize("attack", ["fgsm", "pgd", "apgd", "fab", "square"])
def test_the_curve_of_a_linear_model_is_that_of_its_distances(model, attack):
    function = functools.partial(square, queries=20) if attack == "square" else attack
    curve = robust_accuracy(model, X, Y, epsilons=[0, 0.4, 0.6, 1.5, 2.5], attack=function)
    assert curve.attack == attack
    assert curve.epsilons.tolist() == [0, 0.4, 0.6, 1.5, 2.5]
    assert curve.accuracies.tolist() == [0.75, 0.75, 0.5, 0.25, 0.0]
    np.testing.assert_allclose(curve.errors[0], np.sqrt(0.75 * 0.25 / 4))
    area = (0.4 * 0.75 + 0.2 * 0.625 + 0.9 * 0.375 + 1.0 * 0.125) / 2.5
    np.testing.assert_allclose(curve.mean_accuracy, area)


def test_auto_attack_and_functions_with_arguments_are_attacks_too(mlp):
    rows = slice(0, 20)
    given = {"epsilons": [0.1, 0.4], "norm": "l2"}
    attack = functools.partial(zoo.robustness.auto_attack, steps=5, queries=5)
    strong = robust_accuracy(mlp.model, mlp.x[rows], mlp.y[rows], attack=attack, **given)
    attack = functools.partial(pgd, steps=1)
    weak = robust_accuracy(mlp.model, mlp.x[rows], mlp.y[rows], attack=attack, **given)
    assert (strong.attack, weak.attack) == ("auto_attack", "pgd")
    assert (strong.accuracies <= weak.accuracies).all()
    assert (np.diff(strong.accuracies) <= 0).all()


def test_the_picture_and_the_table_show_each_radius(model, tmp_path):
    curve = robust_accuracy(model, X, Y, epsilons=[0.6, 2.5], attack="fgsm")
    curve.plot(tmp_path / "curve.png")
    assert imread(tmp_path / "curve.png").std() > 0.01
    assert [line.split()[:2] for line in str(curve).splitlines()[1:]] == [
        ["0", "0.750"],
        ["0.6", "0.500"],
        ["2.5", "0.000"],
    ]


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"epsilons": []}, ValueError, "`epsilons` must be radii above 0 in increasing order"),
        ({"epsilons": [0.2, 0.1]}, ValueError, "in increasing order"),
        ({"epsilons": [-1.0]}, ValueError, r"`epsilons` must be a number in \[0, inf\)"),
        ({"attack": "deepfool"}, ValueError, "`attack` must be one of 'fgsm', 'pgd'"),
        ({"attack": 3}, TypeError, "or such a function"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(model, changes, error, match):
    with pytest.raises(error, match=match):
        robust_accuracy(model, X, Y, **{"epsilons": [0.1], **changes})
