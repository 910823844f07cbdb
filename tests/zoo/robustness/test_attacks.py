"""Properties of every attack, and linear models, where the optimal attack has a closed form."""

import functools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occam.zoo.robustness import apgd, auto_attack, fab, fgsm, pgd, square
from occam.zoo.robustness.classifier import Classifier

from .conftest import linear_model

GRADIENT = {
    "fgsm": fgsm,
    "pgd": functools.partial(pgd, steps=10, step_size=0.3),
    "apgd-ce": functools.partial(apgd, steps=15),
}
ALL = {
    **GRADIENT,
    "fab": functools.partial(fab, steps=10),
    "fab-t": functools.partial(fab, steps=10, targeted=True),
    "square": functools.partial(square, queries=30),
}
DUAL = {"linf": 1, "l2": 2}


def distances(weights, bias, x, y, norm):
    """The distance of each sample to the nearest boundary of a linear model, by hand."""
    z = x @ weights + bias
    rows = []
    for xi_z, label in zip(z, y, strict=True):
        others = [k for k in range(len(bias)) if k != label]
        rows.append(
            min(
                (xi_z[label] - xi_z[k])
                / np.linalg.norm(weights[:, label] - weights[:, k], DUAL[norm])
                for k in others
            )
        )
    return np.array(rows)


@pytest.fixture(scope="module")
def linear():
    """A linear model of 5 features and 4 classes, with samples that it gets right."""
    generator = np.random.default_rng(0)
    weights, bias = generator.normal(size=(5, 4)), generator.normal(size=4)
    x = generator.normal(size=(30, 5))
    return weights, bias, x, (x @ weights + bias).argmax(axis=1)


@pytest.fixture(scope="module")
def binary():
    """A linear model of 6 features and 2 classes, with samples that it gets right."""
    generator = np.random.default_rng(1)
    weights, bias = generator.normal(size=(6, 2)), np.array([0.3, -0.2])
    x = generator.normal(size=(30, 6))
    return weights, bias, x, (x @ weights + bias).argmax(axis=1)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("targeted", [False, True])
def test_fab_finds_the_distance_to_the_boundary_of_a_linear_model(linear, norm, targeted):
    weights, bias, x, y = linear
    model = linear_model(weights, bias)
    found = fab(model, x, y, norm=norm, targeted=targeted, steps=20)
    expected = distances(weights, bias, x, y, norm)
    assert found.fooled.all()
    np.testing.assert_allclose(found.distances, expected, rtol=2e-3)
    assert (found.distances >= expected * (1 - 1e-5)).all()


def test_fab_returns_samples_beyond_epsilon_unchanged(linear):
    weights, bias, x, y = linear
    far = distances(weights, bias, x, y, "linf") > 0.3
    found = fab(linear_model(weights, bias), x, y, 0.3, steps=20)
    assert 0 < far.sum() < len(x)
    np.testing.assert_array_equal(found.fooled, ~far)
    np.testing.assert_array_equal(found.x[far], x[far].astype("float32"))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("attack", GRADIENT)
def test_attacks_by_gradient_are_optimal_on_a_linear_model_of_two_classes(binary, norm, attack):
    weights, bias, x, y = binary
    epsilon = 0.25
    found = GRADIENT[attack](linear_model(weights, bias), x, y, epsilon, norm=norm)
    sign = np.where(y == 1, 1.0, -1.0)
    slope = weights[:, 1] - weights[:, 0]
    margins = [sign * (points @ slope + bias[1] - bias[0]) for points in (x, found.x)]
    steepest = np.linalg.norm(slope, DUAL[norm])
    np.testing.assert_allclose(margins[1], margins[0] - epsilon * steepest, atol=2e-4)
    np.testing.assert_array_equal(found.fooled, margins[0] < epsilon * steepest)


def test_square_fools_what_can_be_fooled_on_a_small_linear_model(binary):
    weights, bias, x, y = binary
    reach = distances(weights, bias, x, y, "linf")
    found = square(linear_model(weights, bias), x, y, 0.3, queries=500)
    np.testing.assert_array_equal(found.fooled, reach < 0.3)


@pytest.fixture(scope="module")
def classifiers(mlp, series_model, image_model):
    """By rank of the samples: a classifier, compiled once, and its samples."""
    models = {"table": mlp, "series": series_model, "image": image_model}
    return {name: (Classifier(m.model), m.x[:12], m.y[:12]) for name, m in models.items()}


@pytest.mark.parametrize("kind", ["table", "series", "image"])
@pytest.mark.parametrize("attack", ALL)
@settings(max_examples=6, deadline=None)
@given(
    epsilon=st.floats(1e-3, 10),
    norm=st.sampled_from(["linf", "l2"]),
    seed=st.integers(0, 99),
    slack=st.sampled_from([None, 0.0, 0.3]),
)
def test_no_attack_leaves_the_ball_or_the_bounds(
    classifiers, kind, attack, epsilon, norm, seed, slack
):
    classifier, x, y = classifiers[kind]
    axes = tuple(range(x.ndim - 1))
    bounds = None if slack is None else (x.min(axis=axes) - slack, x.max(axis=axes) + slack)
    found = ALL[attack](classifier, x, y, epsilon, norm=norm, bounds=bounds, seed=seed)
    change = (found.x.astype("float64") - x).reshape(len(x), -1)
    if norm == "linf":
        assert np.abs(change).max() <= epsilon
    else:
        # Rounding a feature to float32 moves it by at most half a unit in the last place.
        rounding = np.linalg.norm(np.spacing(np.abs(found.x).reshape(len(x), -1)), axis=1)
        assert (np.linalg.norm(change, axis=1) <= epsilon * (1 + 1e-9) + rounding).all()
    if bounds is not None:
        low, high = (bound.astype("float32") for bound in bounds)
        assert (found.x >= low).all()
        assert (found.x <= high).all()
    again = classifier.logits(found.x).argmax(axis=1) != y
    np.testing.assert_array_equal(found.fooled, again)
    was_wrong = ~classifier.is_right(x, y)
    np.testing.assert_array_equal(found.x[was_wrong], x[was_wrong])


@pytest.mark.parametrize("attack", ALL)
def test_a_feature_whose_bounds_are_equal_stays(classifiers, attack):
    classifier, x, y = classifiers["table"]
    low, high = np.full(12, -9.0), np.full(12, 9.0)
    x = x.copy()
    x[:, 3] = low[3] = high[3] = 0.25
    found = ALL[attack](classifier, x, y, 0.5, bounds=(low, high)).x
    assert (found[:, 3] == 0.25).all()
    assert not np.array_equal(found, x)


@pytest.mark.parametrize("kind", ["table", "series", "image"])
def test_attacks_fool_a_trained_model_of_each_rank(classifiers, kind):
    classifier, x, y = classifiers[kind]
    for name, attack in ALL.items():
        found = attack(classifier, x, y, 2.0)
        assert found.accuracies["clean"] > 0.8
        assert found.accuracy <= 0.5, name


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("attack", ["pgd", "apgd-ce", "square"])
def test_the_seed_decides_the_result(classifiers, attack, norm):
    classifier, x, y = classifiers["image"]
    results = [ALL[attack](classifier, x, y, 0.3, norm=norm, seed=s).x for s in (1, 1, 2)]
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_the_model_runs_in_inference_mode_and_is_not_changed(series_model):
    model, x, y = series_model.model, series_model.x[:20], series_model.y[:20]
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in model.variables]
    found = auto_attack(model, x, y, 0.2, steps=10, queries=20)
    after = [np.array(keras.ops.convert_to_numpy(v)) for v in model.variables]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    predicted = model.predict(found.x, verbose=0).argmax(axis=1)
    np.testing.assert_array_equal(predicted != y, found.fooled)


class Counted(keras.layers.Layer):
    """Counts how often it is traced; a call of a compiled function does not reach Python."""

    traces = 0

    def call(self, inputs):
        self.traces += 1
        return inputs


def test_each_loss_is_traced_once_for_all_batches_radii_and_targets():
    counted = Counted()
    model = keras.Sequential([keras.Input((3,)), counted, keras.layers.Dense(5)])
    x = np.random.default_rng(0).normal(size=(30, 3))
    y = model.predict(x, verbose=0).argmax(axis=1)
    classifier, counted.traces = Classifier(model), 0
    for n, epsilon in ((7, 0.01), (30, 0.1)):
        auto_attack(classifier, x[:n], y[:n], epsilon, steps=5, queries=5)
        pgd(classifier, x[:n], y[:n], epsilon, steps=2, norm="l2")
    assert counted.traces == 4  # logits, cross-entropy, targeted DLR, difference of two logits


def test_the_result_does_not_depend_on_the_batch_size(mlp, monkeypatch):
    results = []
    for size in (512, 7):
        monkeypatch.setattr("occam.zoo.robustness.classifier._BATCH", size)
        results.append(apgd(mlp.model, mlp.x[:20], mlp.y[:20], 0.3, steps=10, seed=3))
    np.testing.assert_allclose(results[0].x, results[1].x, atol=1e-3)


def dense(units, activation=None):
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, activation)])


def softmax_layer():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Softmax()])


def hidden_softmax():
    inputs = keras.Input((3,))
    z = keras.ops.exp(keras.layers.Dense(4)(inputs))
    return keras.Model(inputs, z / keras.ops.sum(z, axis=1, keepdims=True))


def two_inputs():
    inputs = [keras.Input((3,)), keras.Input((3,))]
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Add()(inputs)))


def of_integers():
    inputs = keras.Input((3,), dtype="int32")
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Embedding(5, 2)(inputs)[:, 0]))


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: dense(4, "softmax"), "must return logits.*Dense '.*' with softmax.*linear"),
        (softmax_layer, "must return logits.*Softmax"),
        (hidden_softmax, "must return logits.*rows that sum to 1"),
        (lambda: dense(4, "sigmoid"), "must return logits.*sigmoid"),
        (lambda: dense(1), "at least 2 classes"),
        (two_inputs, "one input and one output"),
        (of_integers, "float features"),
    ],
)
def test_a_model_that_cannot_be_attacked_is_refused(build, match):
    with pytest.raises(ValueError, match=f"`model` must .*{match}|{match}"):
        fgsm(build(), np.zeros((2, 3)), [0, 0], 0.1)


def test_the_softmax_can_be_removed_as_the_message_says():
    model = dense(4, "softmax")
    model.layers[-1].activation = keras.activations.linear
    assert fgsm(model, np.ones((2, 3)), [0, 1], 0.1).x.shape == (2, 3)


def test_logits_that_sum_to_one_by_chance_are_not_taken_for_probabilities():
    model = linear_model([[0.0, 2.0]], [0.0, 0.0])
    assert fgsm(model, [[0.5]], [1], 1.0).fooled.tolist() == [True]  # its logits are 0 and 1


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"x": np.zeros((2, 4))}, r"`x` must be at least one sample of the shape \(3,\)"),
        ({"x": np.zeros((0, 3)), "y": []}, "at least one sample"),
        ({"x": [[0, 0, np.nan]] * 2}, "`x` must be finite"),
        ({"y": [0, 4]}, "`y` must be class ids from 0 to 3"),
        ({"y": [0.0, 1.0]}, "`y` must be integer class ids"),
        ({"y": [[1, 0, 0, 0]] * 2}, "`y` must be integer class ids"),
        ({"epsilon": 0}, r"`epsilon` must be a number in \(0, inf\)"),
        ({"epsilon": np.inf}, r"`epsilon` must be a number in \(0, inf\)"),
        ({"norm": "l1"}, "`norm` must be one of 'linf', 'l2'"),
        ({"bounds": (1, 0)}, "`bounds` must be None or .low, high."),
        ({"bounds": 3}, "`bounds` must be"),
        ({"bounds": (np.zeros(2), np.ones(2))}, r"broadcast to \(3,\)"),
        ({"bounds": (0.5, 1)}, "`x` must be within bounds"),
        ({"seed": -1}, "`seed` must be an integer >= 0"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(changes, match):
    arguments = {"x": np.zeros((2, 3)), "y": [0, 1], "epsilon": 0.1}
    with pytest.raises(ValueError, match=match):
        pgd(dense(4), **{**arguments, **changes})


def test_a_loss_that_needs_more_classes_is_refused():
    x, y = np.ones((2, 3)), [0, 1]
    with pytest.raises(ValueError, match=r"`loss` must be 'ce' for a model of 2 classes.*needs 3"):
        apgd(dense(2), x, y, 0.1, loss="dlr")
    with pytest.raises(ValueError, match=r"`loss` must be 'ce' for a model of 3 classes.*needs 4"):
        apgd(dense(3), x, y, 0.1, loss="dlr-targeted")


def test_the_dlr_loss_is_that_of_the_paper():
    model = linear_model(np.eye(4), np.zeros(4))
    z = np.array([[4.0, 1.0, 3.0, 0.0], [0.0, 5.0, 1.0, 3.0]])
    classifier, y = Classifier(model), np.array([0, 2], "int32")
    _, losses, gradient = classifier.gradient("dlr", z.astype("float32"), y)
    np.testing.assert_allclose(losses, [-(4 - 3) / (4 - 1), -(1 - 5) / (5 - 1)], rtol=1e-6)
    # d/dz_3 of -(z_1 - z_3) / (z_1 - z_2) is 1 / 3
    np.testing.assert_allclose(gradient[0, 2], 1 / 3, rtol=1e-6)
    target = np.array([3, 1], "int32")
    losses = classifier.gradient("dlr-targeted", z.astype("float32"), y, target)[1]
    np.testing.assert_allclose(losses, [-(4 - 0) / (4 - 0.5), -(1 - 5) / (5 - 0.5)], rtol=1e-6)
