import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def fresh_session():
    """The layers' automatic names and the traces of one test do not reach the next."""
    keras.backend.clear_session(free_memory=False)
    yield
    keras.backend.clear_session(free_memory=False)


@pytest.fixture
def small_model():
    """A trained-looking classifier of 4 features and 3 classes, with what training leaves in it."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,), name="flower"),
            keras.layers.GaussianNoise(0.5),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3),
        ]
    )
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if weight.dtype == "float32":
            weight.assign(generator.uniform(0.1, 1.0, weight.shape))
    return model


@pytest.fixture
def flowers():
    """Five rows for `small_model`."""
    return np.random.default_rng(1).normal(size=(5, 4)).astype("float32")
