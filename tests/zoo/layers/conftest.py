import keras
import numpy as np
import pytest


@pytest.fixture
def check_layer(tmp_path):
    """The contract of every layer: shapes, config, save and load, precision, a training step."""

    def check(layer, inputs):
        single = not isinstance(inputs, list)
        arrays = [inputs] if single else inputs
        expected = arrays[0].shape
        symbols = [keras.Input(a.shape[1:]) for a in arrays]

        def apply(layer, values):
            return layer(values[0] if single else values)

        outputs = apply(layer, symbols)
        assert tuple(outputs.shape) == (None, *expected[1:])
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()

        model = keras.Model(symbols, keras.layers.Dense(1)(keras.layers.Flatten()(outputs)))
        model.compile("sgd", "mse")
        model.fit(arrays, np.zeros((len(arrays[0]), 1)), verbose=0)
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(
            loaded.predict(arrays, verbose=0), model.predict(arrays, verbose=0)
        )
        assert [v.path.split("/")[-1] for v in loaded.weights] == [
            v.path.split("/")[-1] for v in model.weights
        ]
        for policy in ("mixed_float16", "mixed_bfloat16"):
            half = type(layer).from_config({**layer.get_config(), "dtype": policy})
            compute = keras.backend.standardize_dtype(half.compute_dtype)
            for training in (False, True):
                halves = [keras.ops.cast(a, compute) for a in arrays]
                result = half(halves[0] if single else halves, training=training)
                assert keras.backend.standardize_dtype(result.dtype) == compute

    return check
