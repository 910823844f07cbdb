"""The features of MiniRocket: by their definition, and in front of a model."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from occam import exports, zoo
from occam.zoo.data import load_data
from occam.zoo.data.minirocket import MiniRocket, fit_minirocket
from occam.zoo.data.split import ArraySplit

RANDOM = np.random.default_rng(0)
SERIES = RANDOM.normal(size=(12, 24, 2)).astype("float32")


def by_definition(x, thresholds, channels):
    """Return the features of one series, with a sum for each step, kernel and threshold."""
    features = []
    for number, dilation in enumerate(thresholds):
        padded = np.pad(x.astype("float64"), ((4 * dilation, 4 * dilation), (0, 0)))
        kernels = [*enumerate(combinations(range(9), 3))]
        for k, twos in kernels[number % 2 :: 2] + kernels[1 - number % 2 :: 2]:
            kernel = [2 if j in twos else -1 for j in range(9)]
            read = padded @ channels[dilation][k]
            response = np.array(
                [sum(kernel[j] * read[t + dilation * j] for j in range(9)) for t in range(len(x))]
            )
            if (k + number) % 2:
                response = response[4 * dilation : len(x) - 4 * dilation]
            features += [(response > b).mean() for b in thresholds[dilation][k]]
    return np.array(features)


@pytest.mark.parametrize("differences", [False, True])
def test_features_are_the_shares_of_time_above_the_thresholds(differences):
    thresholds = {d: RANDOM.normal(0, 3, (84, d + 1)) for d in (1, 2)}
    channels = {d: RANDOM.integers(0, 2, (84, 2)) for d in (1, 2)}
    layer = MiniRocket(thresholds, channels, differences)
    for x, features in zip(SERIES[:3], np.asarray(layer(SERIES[:3])), strict=True):
        x = np.diff(x, axis=0) if differences else x
        np.testing.assert_allclose(features, by_definition(x, thresholds, channels), atol=1e-6)


def test_a_series_has_the_same_features_in_any_batch():
    features = fit_minirocket(ArraySplit(SERIES, np.zeros(12)), "data", features=200)
    together = np.asarray(features(SERIES))
    alone = np.concatenate([np.asarray(features(SERIES[i : i + 1])) for i in range(12)])
    np.testing.assert_array_equal(together, alone)


def test_series_with_few_values_have_the_same_features_in_a_graph():
    """TensorFlow's graphs divide by constants otherwise, in the last digit, before thresholds."""
    levels = np.repeat(RANDOM.integers(0, 3, (30, 12, 1)), 3, axis=1).astype("float32")
    features = fit_minirocket(ArraySplit(levels, np.zeros(30)), "data", features=2000)
    graph = tf.function(features)(tf.constant(levels))
    np.testing.assert_allclose(graph, features(levels), atol=1e-5)


def test_the_training_part_has_standardized_features_of_mean_square_norm_one():
    rows = np.concatenate([SERIES, np.zeros((1, 24, 2), "float32")])
    features = fit_minirocket(ArraySplit(rows, np.zeros(13)), "data", features=500)
    values = np.asarray(features(rows))
    assert values.shape == (13, 2 * 420)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-6)
    deviations = values.std(axis=0) * np.sqrt(values.shape[1])
    changing = deviations > 1e-3
    np.testing.assert_allclose(deviations[changing], 1, atol=1e-3)
    assert changing.mean() > 0.9


def test_a_feature_that_is_constant_in_training_is_not_blown_up():
    rows = np.zeros((4, 24, 1), "float32")
    rows[:, 12] = 1.0
    features = fit_minirocket(ArraySplit(rows, np.zeros(4)), "data", features=84)
    assert np.abs(np.asarray(features(10 * SERIES[:, :, :1]))).max() <= 1.0


def test_the_config_gives_the_same_layer():
    layer = MiniRocket({"3": np.ones((84, 1))}, {"3": np.ones((84, 2))}, True, name="rocket")
    copy = MiniRocket.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    np.testing.assert_array_equal(copy(SERIES), layer(SERIES))
    assert layer.compute_output_shape((None, 24, 2)) == (None, 84)


def waves(rows):
    """Return series with a burst anywhere, of one of two frequencies."""
    y = np.arange(rows) % 2
    t = np.arange(10)
    x = RANDOM.normal(0, 0.1, (rows, 60, 1))
    for row, label in enumerate(y):
        start = RANDOM.integers(0, 50)
        x[row, start : start + 10, 0] += np.sin(2 * np.pi * t / (5 if label else 3))
    return x.astype("float32"), np.array(["slow", "fast"])[1 - y]


def test_a_linear_model_finds_what_the_series_hide_from_it_and_is_served(tmp_path):
    train, test = waves(60), waves(100)
    data = load_data(train, test=test, standardize="minirocket")
    assert data.input_shape == (9912,)
    assert "9912 standardized features of MiniRocket" in data.describe()
    model = zoo.create_model("mlp", data=data, regularization="medium", units=(), seed=0)
    run = zoo.train(model, data, steps=200, log_dir=tmp_path / "run", verbose=0)
    flat = [x.reshape(len(x), -1) for x in (train[0], test[0])]
    raw = LogisticRegression(max_iter=1000).fit(flat[0], train[1]).score(flat[1], test[1])
    assert run.result["test"]["accuracy"] > 0.95 > 0.75 > raw
    # The run and the export take series as they are.
    rows = test[0][:4]
    np.testing.assert_array_equal(run.load_preprocessing()(rows), data.preprocessing(rows))
    run.export(tmp_path / "served")
    answer = exports.load(tmp_path / "served").predict(rows)
    logits: Any = model(data.preprocessing(rows))
    expected = softmax(np.asarray(logits), axis=1)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)


def test_the_seed_of_the_data_draws_the_thresholds():
    rows = waves(20)
    first, again, other = (
        load_data(rows, test=False, standardize="minirocket", seed=seed) for seed in (3, 3, 4)
    )
    thresholds = [
        each.preprocessing.get_layer("minirocket").thresholds[1] for each in (first, again, other)
    ]
    np.testing.assert_array_equal(thresholds[0], thresholds[1])
    assert not np.array_equal(thresholds[0], thresholds[2])


def test_folds_are_fitted_to_their_own_rows():
    data = load_data(waves(20), test=False, validation="cv:2", standardize="minirocket")
    first, second = data.folds()
    values = [fold.preprocessing.get_layer("minirocket").thresholds[1] for fold in (first, second)]
    assert not np.array_equal(*values)


@pytest.mark.parametrize(
    "x",
    [np.zeros((20, 8)), np.zeros((20, 9, 1)), {"a": np.zeros((20, 20, 1))}],
    ids=("a table", "too short", "inputs by name"),
)
def test_what_is_no_series_is_refused(x):
    y = np.repeat((0, 1), 10)
    with pytest.raises(ValueError, match=r"`standardize` must be True, False or 'robust' unless"):
        load_data((x, y), test=False, standardize="minirocket")


@pytest.mark.parametrize(
    ("thresholds", "channels"),
    [
        ({}, {}),
        ({0: np.ones((84, 1))}, {0: np.ones((84, 1))}),
        ({1: np.ones((83, 1))}, {1: np.ones((84, 1))}),
        ({1: np.ones((84, 1))}, {2: np.ones((84, 1))}),
    ],
)
def test_arrays_that_do_not_fit_are_refused(thresholds, channels):
    with pytest.raises(ValueError, match=r"must be an array \(84, number\) for each dilation"):
        MiniRocket(thresholds, channels)
