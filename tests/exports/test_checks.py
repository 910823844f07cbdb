import os

import keras
import numpy as np
import pytest

from occam import exports

NAMES = ["ant", "bee", "cat"]
ROWS = np.zeros((2, 2), "float32")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": ({"x": ROWS}, [0, 1, 2])}, r"Received: 3 targets and rows {'x': 2}"),
        ({"data": ({"x": ROWS, "y": ROWS[:1]}, [0, 1])}, r"2 targets and rows {'x': 2, 'y': 1}"),
        ({"data": (ROWS, [0, 1, 2])}, r"3 targets and rows {'x': 2}"),
        ({"data": (ROWS, {"a": [0], "b": [0]})}, r"leave `data` out. .* of \['a', 'b'\]"),
        ({"data": ({"x": 3}, [0])}, r"1 targets and rows {'x': 0}"),
        ({"data": ({}, [0])}, "1 targets and rows {}"),
        ({"data": ({"x": ROWS[:0]}, [])}, "at least one. Received: 0 targets"),
        ({"max_accuracy_drop": -0.1}, "max_accuracy_drop=-0.1"),
        ({"max_r2_drop": -0.1}, "max_r2_drop=-0.1"),
        ({"latency_ratio": 0}, "latency_ratio=0"),
        ({"min_agreement": 1.1}, "min_agreement=1.1"),
        ({"max_nll_increase": -0.1}, "max_nll_increase=-0.1"),
    ],
)
def test_arguments_are_validated(arguments, message):
    with pytest.raises(ValueError, match=message):
        exports.Checks(**arguments)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (3, "`data` must be a pair of features, by input name .* and targets, such as .* data=3"),
        ((ROWS,), r"data=\(array"),
    ],
)
def test_data_is_features_and_targets(data, message):
    with pytest.raises(TypeError, match=message):
        exports.Checks(data=data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (({"x": ROWS}, [0, 9]), r"`data` must have labels from 0 to 2\. Received: \[9\]"),
        (({"x": ROWS}, [0.5, 1.0]), r"labels of dtype float64 and shape \(2,\)"),
        (({"x": ROWS}, [[1], [0]]), r"labels of dtype int64 and shape \(2, 1\)"),
        (({"x": ROWS}, [-1, 2]), r"Received: \[-1\]"),
        (({"x": ROWS}, ["ant", "dog"]), r"labels among \['ant', .* Received: \['dog'\]"),
        ((ROWS[:, :1], [0, 1]), r"`x` must have the shape \(None, 2\)"),
        (({"z": ROWS}, [0, 1]), r"keys \['x'\]\. Received: \['z'\] in the data of checks"),
        (({"x": ROWS[:, :1]}, [0, 1]), r"`x` must have the shape \(None, 2\)"),
    ],
)
def test_data_of_another_model_is_refused_before_anything_is_written(data, message, tmp_path):
    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    directory = tmp_path / "exports"
    with pytest.raises(ValueError, match=message):
        exports.export(model, directory, class_names=NAMES, checks=exports.Checks(data=data))
    assert not directory.exists()


def test_a_worse_model_does_not_take_the_place_of_the_live_one(tmp_path):
    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    features = {"x": np.random.default_rng(0).normal(size=(50, 2)).astype("float32")}
    labels = np.array(NAMES)[model.predict(features["x"], verbose=0).argmax(axis=-1)]
    checks = exports.Checks(data=(features, labels))
    exports.export(model, tmp_path, class_names=NAMES, checks=checks)
    with pytest.raises(exports.ExportError, match=r"gate metric: .* 0\.01 below the live version"):
        exports.export(model, tmp_path, class_names=["bee", "cat", "ant"], checks=checks)
    assert os.listdir(tmp_path) == ["1"]
    allowed = exports.Checks(data=(features, labels), max_accuracy_drop=1.0)
    assert exports.export(model, tmp_path, class_names=NAMES[::-1], checks=allowed).version == 2
