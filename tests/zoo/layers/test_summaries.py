import keras
import numpy as np
import pytest
from keras import ops

from occam import zoo
from occam.zoo.layers import LogSpectrum, SortedValues


@pytest.mark.parametrize("steps", [7, 8])
def test_it_is_the_logarithm_of_numpys_magnitudes(steps):
    x = np.random.default_rng(0).normal(size=(3, steps, 2)).astype("float32")
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


def test_epsilon_is_checked():
    with pytest.raises(ValueError, match=r"`epsilon` must be .* Received: epsilon=0"):
        LogSpectrum(0)


def test_sorted_values_are_those_of_numpy():
    x = np.random.default_rng(0).normal(size=(3, 7, 2)).astype("float32")
    layer = SortedValues.from_config(SortedValues().get_config())
    np.testing.assert_array_equal(np.asarray(layer(x)), np.sort(x, axis=1))
    assert layer.compute_output_shape(x.shape) == x.shape


def test_sorted_values_of_other_data_are_an_error():
    message = r"`inputs` must be of shape \(batch, steps, channels\)"
    with pytest.raises(ValueError, match=message):
        SortedValues()(np.zeros((2, 3), "float32"))


def test_the_mlp_of_summaries_recognizes_shifted_patterns():
    random = np.random.default_rng(0)
    y = np.arange(300) % 2
    x = random.normal(scale=0.1, size=(300, 32, 1))
    for series, first, label in zip(x, random.integers(0, 32, 300), y, strict=True):
        series[[first, (first + 5 + 4 * label) % 32]] += 1  # two peaks, 5 or 9 steps apart
    data = zoo.load_data((x[:40], y[:40]), test=(x[40:], y[40:]), batch_size=36)
    accuracy = {}
    for summaries in (False, True):
        options = {"units": (16,), "summaries": summaries}
        model = zoo.create_model("mlp", data=data, seed=0, **options)
        run = zoo.train(model, data, steps=90, verbose=0)
        accuracy[summaries] = run.result["test"]["accuracy"]
    assert accuracy[True] > accuracy[False] + 0.1  # one standard error is at most 0.035 each


def test_summaries_of_other_data_are_an_error():
    message = r"`summaries` needs series \(steps, channels\). Received: input_shape=\(30,\)"
    with pytest.raises(ValueError, match=message):
        zoo.create_model("mlp", input_shape=(30,), num_classes=2, summaries=True)
