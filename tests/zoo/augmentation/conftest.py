import keras
import numpy as np
import pytest

needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf.data and tf.function"
)

PRECISIONS = {"float16": "mixed_float16", "bfloat16": "mixed_bfloat16", "float32": "mixed_float16"}


def pytest_configure(config):
    config.addinivalue_line("markers", "tensorflow: uses tf.data or tf.function")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("tensorflow"):
            item.add_marker(needs_tensorflow)


@pytest.fixture
def check_augmentation(tmp_path):
    """The contract of a layer that augments samples: all but what it does to them."""

    def check(layer, x):
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()
        assert again.get_config()["seed"] is not None, "give the layer a seed"
        np.testing.assert_array_equal(layer(x), x)
        np.testing.assert_array_equal(layer(x, training=False), x)

        first, second = (np.asarray(layer(x, training=True)) for _ in range(2))
        assert first.shape == x.shape
        assert not np.array_equal(first, second), "each call draws anew"
        np.testing.assert_array_equal(np.asarray(again(x, training=True)), first)
        given = [np.asarray(layer(x, training=True, seed=seed)) for seed in (7, 7, 8)]
        np.testing.assert_array_equal(given[0], given[1])
        assert not np.array_equal(given[0], given[2])
        assert np.asarray(layer(x[:1], training=True)).shape == (1, *x.shape[1:])

        for dtype, policy in PRECISIONS.items():
            mixed = type(layer).from_config({**layer.get_config(), "dtype": policy})
            result = mixed(keras.ops.cast(x, dtype), training=True)
            assert keras.backend.standardize_dtype(result.dtype) == dtype
        check_in_model(layer, x, tmp_path / "model.keras")

    return check


def check_in_model(layer, x, path):
    inputs = keras.Input(x.shape[1:])
    outputs = keras.layers.Dense(1)(keras.layers.Flatten()(layer(inputs)))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((len(x), 1)), batch_size=3, verbose=0)
    model.save(path)
    loaded = keras.saving.load_model(path)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    np.testing.assert_array_equal(model.layers[1](x), x)
