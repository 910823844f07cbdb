import functools
import warnings

import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def repeatable():
    """Automatic names start again, and what has no seed draws the same, whatever ran before."""
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)


@pytest.fixture
def check_layer(tmp_path):
    """The contract of every layer: shapes, config, save and load, precision, a training step."""

    def check(layer, inputs, shape=None):
        single = not isinstance(inputs, list)
        arrays = [inputs] if single else inputs
        expected = shape or arrays[0].shape
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
        clone = keras.models.clone_model(model)
        clone.set_weights(model.get_weights())
        np.testing.assert_array_equal(
            clone.predict(arrays, verbose=0), model.predict(arrays, verbose=0)
        )
        for policy in ("mixed_float16", "mixed_bfloat16"):
            half = type(layer).from_config({**layer.get_config(), "dtype": policy})
            compute = keras.backend.standardize_dtype(half.compute_dtype)
            for training in (False, True):
                halves = [keras.ops.cast(a, compute) for a in arrays]
                result = half(halves[0] if single else halves, training=training)
                assert keras.backend.standardize_dtype(result.dtype) == compute

    return check


@pytest.fixture
def check_live():
    """A strength that is assigned acts at once inside `fit`, and nothing is traced again.

    The layer must be the identity (or `reference`) while its strength is 0.
    """

    def check(layer, strength, value, inputs, reference=None):
        traces = []
        call = layer.call

        @functools.wraps(call)
        def counted(*args, **kwargs):
            traces.append(1)
            return call(*args, **kwargs)

        layer.call = counted
        arrays = inputs if isinstance(inputs, list) else [inputs]
        symbols = [keras.Input(a.shape[1:]) for a in arrays]
        model = keras.Model(symbols, layer(symbols if isinstance(inputs, list) else symbols[0]))
        model.trainable = False  # there may be nothing to train
        model.compile(loss="mse")
        target = inputs if reference is None else np.asarray(reference(inputs))

        class Change(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                setattr(layer, strength, [0.0, value, 0.0][epoch])

        def fit(epochs):
            return model.fit(arrays, target, epochs=epochs, verbose=0, callbacks=[Change()])

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The model does not have any trainable weights")
            fit(1)
            once = len(traces)
            losses = fit(3).history["loss"]
        assert losses[0] == losses[2] == pytest.approx(0, abs=1e-10)
        assert losses[1] > 1e-3
        assert len(traces) == once

    return check
