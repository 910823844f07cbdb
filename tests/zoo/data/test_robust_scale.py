import json
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.preprocessing import RobustScaler

from occam import exports
from occam.zoo import create_model, load_data
from occam.zoo.data import DataError
from occam.zoo.data.robust_scale import RobustScale, fit_robust_scale
from occam.zoo.data.split import ArraySplit


def fit(features):
    return fit_robust_scale(ArraySplit(np.asarray(features), np.zeros(len(features))), "here")


def test_golden_values():
    # The quartiles of 0 1 2 3 100 are 1, 2, 3, so z = (x - 2) / 2, and y = z / sqrt(1 + (z/3)^2).
    # The quartiles of 5 5 5 5 9 are equal: z = (x - 5) 2 / (9 - 5). A constant becomes 0.
    x = np.array([[0, 5, 7], [1, 5, 7], [2, 5, 7], [3, 5, 7], [100, 9, 7]], "float32")
    layer = fit(x)
    assert layer.center == [2, 5, 7]
    assert layer.scale == [0.5, 0.5, 0]
    y = np.asarray(layer(x))
    bounded = [0.5 / (37 / 36) ** 0.5, 1 / (10 / 9) ** 0.5, 49 / (1 + (49 / 3) ** 2) ** 0.5]
    expected = [-bounded[1], -bounded[0], 0, bounded[0], bounded[2]]
    np.testing.assert_allclose(y[:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(y[:, 1], [0, 0, 0, 0, 2 / (13 / 9) ** 0.5], rtol=1e-6)
    assert not y[:, 2].any()


@pytest.mark.parametrize("shape", [(301, 4), (20, 15, 2), (5, 6, 7, 3)])
def test_the_linear_part_is_that_of_scikit_learn(shape):
    x = np.random.default_rng(0).standard_t(2, shape).astype("float32") * 7 + 3
    layer = fit(x)
    rows = x.reshape(-1, shape[-1])
    expected = RobustScaler().fit_transform(rows)
    np.testing.assert_allclose((rows - layer.center) * layer.scale, expected, rtol=1e-4, atol=1e-6)
    bounded = expected / np.sqrt(1 + (expected / 3) ** 2)
    np.testing.assert_allclose(layer(x), bounded.reshape(shape), rtol=1e-4, atol=1e-5)


def test_outliers_are_bounded_and_missing_values_stay_missing():
    y = RobustScale([0.0], [1e3])(np.array([[3e38], [-3e38], [np.inf], [np.nan]], "float32"))
    np.testing.assert_array_equal(np.asarray(y), [[3], [-3], [3], [np.nan]])
    assert float(RobustScale([0.0], [1.0], clip=2)(np.array([[1e30]]))[0, 0]) == 2
    with pytest.raises(ValueError, match=r"`clip` must be a number in \(0, inf\). Received: cl"):
        RobustScale([0.0], [1.0], clip=0)


def test_rounding_errors_of_a_constant_are_not_scaled_up():
    x = np.array([0.1, np.nextafter(np.float32(0.1), 1), 0.1, 0.1], "float32")[:, None]
    assert fit(x).scale == [0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite(bad):
    with pytest.raises(DataError, match=r"here: features must be finite float32\. Received"):
        fit(np.array([[1.0], [bad]]))


def test_quartiles_beyond_float32():
    with pytest.raises(DataError, match=r"must be from 1e-38 to 1e38. Received: 4e\+38 for featu"):
        fit(np.array([[0.0, -2e38], [1.0, 2e38], [0.0, -2e38], [1.0, 2e38]]))


X = np.random.default_rng(0).normal(5, 2, (60, 3)).astype("float32")
Y = np.arange(60) % 2


def test_load_data_scales_by_the_training_part_and_again_in_json():
    data = load_data((X, Y), standardize="robust")
    layer = data.preprocessing
    assert isinstance(layer, RobustScale)
    features = data.raw_splits["train"].features
    np.testing.assert_allclose(layer.center, np.median(features, axis=0), rtol=1e-6)
    batch, _ = next(iter(data.test))
    np.testing.assert_array_equal(batch, layer(next(iter(data.raw("test")))[0]))
    assert "scaled by quartiles and bounded over the last axis" in data.describe()
    assert data.arguments["standardize"] == "robust"
    config = json.loads(json.dumps(data.to_dict()["preprocessing"]))
    again = keras.saving.deserialize_keras_object(config)
    np.testing.assert_array_equal(again(X), layer(X))


def test_the_numbers_of_a_table_are_scaled_and_missing_ones_become_the_median():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": X[:, 0], "town": ["ulm", "bonn"] * 30, "y": Y})
    frame.loc[::7, "a"] = np.nan
    data = load_data(frame, target="y", standardize="robust")
    raw, _ = next(iter(data.raw("train")))
    numbers, indicator, *_ = np.asarray(data.preprocessing(raw)).T
    split: Any = data.raw_splits["train"]
    present = split.features["a"]
    present = present[~np.isnan(present)].astype("float64")
    scaler: Any = RobustScaler().fit(present[:, None])
    scaled = scaler.transform(np.asarray(raw["a"])[:, None])[:, 0]
    expected = np.nan_to_num(scaled / np.sqrt(1 + (scaled / 3) ** 2))
    np.testing.assert_allclose(numbers, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(indicator, np.isnan(raw["a"]))
    assert "scaled by quartiles and bounded numbers and one-hot categories" in data.describe()


def test_several_inputs_are_scaled_by_name():
    data = load_data(({"a": X, "b": 2 * X}, Y), standardize="robust")
    batch, _ = next(iter(data.train))
    np.testing.assert_allclose(batch["a"], batch["b"], rtol=1e-4, atol=1e-5)
    assert "each scaled by quartiles" in data.describe()


def test_the_range_of_images_is_that_after_scaling():
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 3)).astype("uint8")
    data = load_data((images, Y), standardize="robust")
    low, high = data.standardized_range
    values = np.concatenate([np.asarray(x).reshape(-1, 3) for x, _ in data.train])
    assert np.all(low <= values.min(axis=0) + 1e-6)
    assert np.all(values.max(axis=0) <= np.array(high) + 1e-6)
    assert -3 < low[0] < -0.5
    assert 0.5 < high[0] < 3


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("tags of texts", "True or False for texts"),
        ("dataset", "True or False for .*, which does not fit in memory or is a dataset"),
    ],
)
def test_what_cannot_be_scaled_is_refused(source, expected):
    if source == "dataset":
        dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(10)
        arguments = {"source": dataset, "validation": dataset, "test": False}
    else:
        arguments = {"source": (np.array(["a b", "c d"] * 30), Y)}
    with pytest.raises(ValueError, match=f"`standardize` must be {expected}"):
        load_data(**arguments, standardize="robust")


def test_another_word_is_refused():
    words = "'robust', 'summaries', 'minirocket'"
    with pytest.raises(ValueError, match=f"one of True, False, {words}. Received"):
        load_data((X, Y), standardize="quantile")


def test_an_export_contains_it(tmp_path):
    data = load_data((X, Y), standardize="robust")
    model = create_model("mlp", data=data, units=(4,), seed=0)
    exports.export(model, tmp_path, task="classification", preprocessing=data.preprocessing)
    x = np.vstack([X[:5], np.full((1, 3), 1e9, "float32")])
    expected = np.asarray(keras.ops.softmax(model(data.preprocessing(x))))
    answers = exports.load(tmp_path).predict(x)["probabilities"]
    np.testing.assert_allclose(answers, expected, rtol=1e-4, atol=1e-6)
