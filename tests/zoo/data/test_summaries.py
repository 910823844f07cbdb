"""The spectrum and the quantiles of series: by NumPy, and in front of a model."""

import keras
import numpy as np
import pytest
from keras import ops

from occam import exports, zoo
from occam.zoo.data.split import ArraySplit
from occam.zoo.data.summaries import LogSpectrum, SortedValues, fit_summaries

SERIES = np.random.default_rng(0).normal(size=(12, 7, 2)).astype("float32")


@pytest.mark.parametrize("steps", [6, 7])
def test_the_spectrum_is_the_logarithm_of_numpys_magnitudes(steps):
    x = SERIES[:, :steps]
    expected = np.log(0.1 + np.abs(np.fft.rfft(x, axis=1)) / np.sqrt(steps))
    layer = LogSpectrum.from_config(LogSpectrum(epsilon=0.1).get_config())
    np.testing.assert_allclose(np.asarray(layer(x)), expected, rtol=1e-4, atol=1e-5)
    assert layer.compute_output_shape(x.shape) == expected.shape


def test_a_silent_series_has_a_finite_spectrum_and_gradient():
    inputs = keras.Input((8,))
    x = LogSpectrum()(ops.reshape(keras.layers.Dense(8)(inputs), (-1, 8, 1)))
    model = keras.Model(inputs, ops.sum(x, axis=(1, 2)))
    model.compile("sgd", "mse")
    model.train_on_batch(np.zeros((2, 8)), np.zeros(2))
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.parametrize("differences", [False, True])
def test_sorted_values_are_those_of_numpy(differences):
    expected = np.sort(np.diff(SERIES, axis=1) if differences else SERIES, axis=1)
    layer = SortedValues.from_config(SortedValues(differences).get_config())
    np.testing.assert_array_equal(np.asarray(layer(SERIES)), expected)
    assert layer.compute_output_shape(SERIES.shape) == expected.shape


def test_arguments_and_inputs_are_checked():
    with pytest.raises(ValueError, match=r"`epsilon` must be .* Received: epsilon=0"):
        LogSpectrum(0)
    with pytest.raises(TypeError, match=r"`differences` must be .* Received: differences=1"):
        SortedValues(1)
    message = r"`inputs` must be of shape \(batch, steps, channels\)"
    for layer in (LogSpectrum(), SortedValues()):
        with pytest.raises(ValueError, match=message):
            layer(SERIES[:, 0])


def test_the_training_part_has_standardized_features():
    rows = np.concatenate([SERIES, SERIES[:1]])
    rows[..., 1] = 3.0  # a constant channel
    features = fit_summaries(ArraySplit(rows, np.zeros(13)), "data")
    values = np.asarray(features(rows))
    assert values.shape == (13, 2 * (7 + 4 + 7 + 6))
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(values[:, ::2].std(axis=0), 1, atol=1e-3)
    np.testing.assert_array_equal(values[:, 1::2], 0)
    rows[..., 1] = 4.0  # which changes when the model serves
    assert np.abs(np.asarray(features(rows))).max() < 10


def shifted_patterns(rows):
    """Two peaks each, 5 or 9 steps apart, at a random place."""
    random = np.random.default_rng(0)
    y = np.arange(rows) % 2
    x = random.normal(scale=0.1, size=(rows, 32, 1)).astype("float32")
    for series, first, label in zip(x, random.integers(0, 32, rows), y, strict=True):
        series[[first, (first + 5 + 4 * label) % 32]] += 1
    return x, y


def test_a_model_recognizes_shifted_patterns_and_is_served(tmp_path):
    x, y = shifted_patterns(300)
    accuracy = {}
    for standardize in (True, "summaries"):
        parts = {"test": (x[40:], y[40:]), "batch_size": 36}
        data = zoo.load_data((x[:40], y[:40]), standardize=standardize, **parts)
        model = zoo.create_model("mlp", data=data, seed=0, units=(16,))
        run = zoo.train(model, data, steps=90, verbose=0, log_dir=tmp_path / str(standardize))
        accuracy[standardize] = run.result["test"]["accuracy"]
    assert accuracy["summaries"] > accuracy[True] + 0.1  # one standard error is at most 0.035 each
    assert f"{32 + 17 + 32 + 31} standardized values and summaries" in data.describe()
    run.export(tmp_path / "export", formats=["onnx", "litert"])
    served = exports.load(tmp_path / "export").predict(x[40:50])["probabilities"]
    expected = ops.softmax(model(data.preprocessing(x[40:50])))
    np.testing.assert_allclose(served, np.asarray(expected), atol=1e-5)


def test_what_is_no_series_is_refused():
    message = (
        r"series \(steps, channels\) of at least 2 steps, in memory. "
        r"Received: standardize='summaries' for arrays, features of shape \(14,\)"
    )
    with pytest.raises(ValueError, match=message):
        zoo.load_data((np.zeros((60, 14)), np.arange(60) % 2), standardize="summaries")
