import keras
import numpy as np
import pytest

from occam import exports


@pytest.fixture(autouse=True)
def fresh_session():
    """Keep the automatic names and the traces of one test from the next."""
    keras.backend.clear_session(free_memory=False)
    yield
    keras.backend.clear_session(free_memory=False)


def build_small_model():
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
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.fixture
def small_model():
    """A classifier of 4 features and 3 classes, with noise, dropout and batch normalization."""
    return build_small_model()


@pytest.fixture(scope="session")
def small_export(tmp_path_factory):
    """A directory with an export of `small_model`. Tests must not change it."""
    directory = tmp_path_factory.mktemp("small_export")
    exports.export(build_small_model(), directory, class_names=["iris", "rose", "Mädesüß"])
    return directory


@pytest.fixture
def flowers():
    """Five rows for `small_model`."""
    return np.random.default_rng(1).normal(size=(5, 4)).astype("float32")
