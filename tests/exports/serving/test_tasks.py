"""Answers of each task over REST."""

import keras
import numpy as np
import pytest
import requests
from keras import layers

from occam import exports

from .conftest import serving

X = np.random.default_rng(0).normal(size=(20, 2)).astype("float32")


def ask(directory, instances):
    with serving(directory, blessed=True) as server:
        response = requests.post(f"{server.url}:predict", json={"instances": instances}, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()["predictions"]


def test_values_and_intervals_are_served(tmp_path):
    model = keras.Sequential([keras.Input((2,), name="x"), layers.Dense(2)])
    model.compile("sgd", "mse")
    values = model.predict(X, verbose=0)
    intervals = exports.Intervals(0.9, data=({"x": X}, values + np.linspace(-1, 1, 20)[:, None]))
    exports.export(model, tmp_path / "price", intervals=intervals)
    answers = ask(tmp_path / "price", X[:3].tolist())
    for answer, expected in zip(answers, values, strict=False):
        assert answer["values"] == pytest.approx(expected.tolist(), rel=1e-5)
        lower, upper = np.transpose(answer["intervals"])
        # ceil(21 * 0.9) = 19, and the residuals come in pairs: 1, 1, 17/19, ...
        np.testing.assert_allclose(upper - lower, 2, rtol=1e-5)


def test_prediction_sets_are_served(tmp_path):
    model = keras.Sequential([keras.Input((2,), name="x"), layers.Dense(2, activation="softmax")])
    model.set_weights([np.eye(2), np.zeros(2)])
    # The smallest probability of the true class is sigmoid(-1), that of the last row.
    known = np.zeros((9, 2))
    known[-1] = [1.0, 0.0]
    sets = exports.PredictionSets(0.9, data=({"x": known}, [1] * 9))
    exports.export(model, tmp_path / "tags", class_names=["red", "blue"], prediction_sets=sets)
    answers = ask(tmp_path / "tags", [[0, 0], [0, 2], [2, 0]])
    found = [(answer["prediction_set"], answer["set_size"]) for answer in answers]
    assert found == [(["red", "blue"], 2), (["blue", ""], 1), (["red", ""], 1)]


def test_a_single_target_is_not_named_as_in_tensorflow_serving(tmp_path):
    model = keras.Sequential([keras.Input((2,), name="x"), layers.Dense(1)])
    model.compile("sgd", "mse")
    exports.export(model, tmp_path / "price")
    (answer,) = ask(tmp_path / "price", X[:1].tolist())
    assert answer == pytest.approx(model.predict(X[:1], verbose=0)[0].tolist(), rel=1e-5)


def test_labels_are_served(tmp_path):
    model = keras.Sequential([keras.Input((2,), name="x"), layers.Dense(2, activation="sigmoid")])
    model.set_weights([np.eye(2), np.zeros(2)])
    exports.export(model, tmp_path / "tags", class_names=["red", "blue"])
    answers = ask(tmp_path / "tags", [[1, 1], [-1, 1], [-1, -1]])
    found = [(answer["labels"], answer["count"]) for answer in answers]
    assert found == [(["red", "blue"], 2), (["blue", ""], 1), (["", ""], 0)]


def test_a_row_with_gaps_is_served(tmp_path):
    rooms = keras.Input((1,), name="rooms")
    town = keras.Input((1,), name="town", dtype="string")
    known = keras.ops.where(keras.ops.isnan(rooms), 2.0, rooms)
    lookup = layers.StringLookup(vocabulary=["Rome"], num_oov_indices=1, output_mode="one_hot")
    price = layers.Dense(1, kernel_initializer="ones")
    model = keras.Model([rooms, town], price(layers.Concatenate()([known, lookup(town)])))
    exports.export(model, tmp_path / "houses", task="regression")
    rows = [{"rooms": [3], "town": ["Rome"]}, {"rooms": [None], "town": [None]}]
    assert ask(tmp_path / "houses", rows) == [[4.0], [3.0]]


def test_several_heads_are_served(tmp_path):
    x = keras.Input((2,), name="x")
    model = keras.Model(x, {"a": layers.Dense(1)(x), "grid": layers.Reshape((1, 2))(x)})
    exports.export(model, tmp_path / "heads")
    (answer,) = ask(tmp_path / "heads", [[1.0, 2.0]])
    assert answer["grid"] == [[1.0, 2.0]]
    assert answer["a"] == pytest.approx(model.predict(np.array([[1.0, 2.0]]), verbose=0)["a"][0])
