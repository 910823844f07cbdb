import os

import keras
import numpy as np
import pytest

from occam import exports

NAMES = ["ant", "bee", "cat"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": ({}, [0.5])}, r"labels of dtype float64 and shape \(1,\)"),
        ({"data": ({}, [[1]])}, r"labels of dtype int64 and shape \(1, 1\)"),
        ({"allowed_drop": -0.1}, "allowed_drop=-0.1"),
        ({"latency_ratio": 0}, "latency_ratio=0"),
        ({"least_agreement": 1.1}, "least_agreement=1.1"),
        ({"allowed_rise": -0.1}, "allowed_rise=-0.1"),
    ],
)
def test_arguments_are_validated(arguments, message):
    with pytest.raises(ValueError, match=message):
        exports.Checks(**arguments)


def test_a_worse_model_does_not_take_the_place_of_the_live_one(tmp_path):
    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    features = {"x": np.random.default_rng(0).normal(size=(50, 2)).astype("float32")}
    labels = np.array(NAMES)[model.predict(features["x"], verbose=0).argmax(axis=-1)]
    checks = exports.Checks(data=(features, labels))
    exports.export(model, tmp_path, class_names=NAMES, checks=checks)
    with pytest.raises(exports.ExportError, match=r"gate metric: .* that of the live less 0\.01"):
        exports.export(model, tmp_path, class_names=["bee", "cat", "ant"], checks=checks)
    assert os.listdir(tmp_path) == ["1"]
    allowed = exports.Checks(data=(features, labels), allowed_drop=1.0)
    assert exports.export(model, tmp_path, class_names=NAMES[::-1], checks=allowed).version == 2
