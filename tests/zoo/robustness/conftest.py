import keras
import numpy as np
import pytest

from occam import zoo


def linear_model(weights, bias):
    """A linear classifier with the logits `weights.T @ x + bias`."""
    weights, bias = np.asarray(weights, "float32"), np.asarray(bias, "float32")
    model = keras.Sequential([keras.Input(weights.shape[:1]), keras.layers.Dense(len(bias))])
    model.layers[0].set_weights([weights, bias])
    return model


class Trained:
    """A model trained on tiny data, always in the same way, and its samples."""

    def __init__(self, model, x, y, epochs=30):
        self.model, self.x, self.y = model, x.astype("float32"), y.astype("int32")
        generator = np.random.default_rng(0)
        for kernel in model.trainable_variables:
            if len(kernel.shape) > 1:
                fan_in = np.prod(kernel.shape[:-1])
                kernel.assign(generator.normal(size=kernel.shape) / np.sqrt(fan_in))
        model.compile(keras.optimizers.Adam(0.01), zoo.losses.CategoricalCrossentropy())
        model.fit(self.x, self.y, batch_size=32, epochs=epochs, shuffle=False, verbose=0)


def clusters(shape, classes, seed, n=96, distance=1.5):
    """Gaussian clusters around smooth centers, `(n, *shape)`."""
    generator = np.random.default_rng(seed)
    centers = generator.normal(size=(classes, *shape))
    for axis in range(1, len(shape)):  # all but the channels
        centers = centers + np.roll(centers, 1, axis)
    y = generator.integers(classes, size=n)
    noise = generator.normal(size=(n, *shape))
    return distance * centers[y] / np.std(centers) / np.sqrt(np.prod(shape)) * 3 + noise, y


@pytest.fixture(scope="session")
def mlp():
    """An mlp of 8 units on tables of 12 columns and 5 classes."""
    x, y = clusters((12,), 5, seed=0)
    model = zoo.create_model(
        "mlp", input_shape=(12,), num_classes=5, regularization="none", seed=0, units=(8,)
    )
    return Trained(model, x, y)


@pytest.fixture(scope="session")
def series_model():
    """A convolution on series of 20 steps, 2 channels and 4 classes, with batch normalization."""
    x, y = clusters((20, 2), 4, seed=1, distance=3)
    layers = [
        keras.Input((20, 2)),
        keras.layers.Conv1D(6, 5),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
        keras.layers.Dropout(0.2, seed=0),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(4),
    ]
    return Trained(keras.Sequential(layers), x, y)


@pytest.fixture(scope="session")
def image_model():
    """A convolution on images of 8 x 8, 1 channel and 3 classes."""
    x, y = clusters((8, 8, 1), 3, seed=2)
    layers = [
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(6, 3, strides=2, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(3),
    ]
    return Trained(keras.Sequential(layers), x, y)
