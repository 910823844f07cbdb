from types import SimpleNamespace

import keras
import numpy as np
import pytest

from occam import exports

CLASSES = ("ant", "bee", "cat")


@pytest.fixture(autouse=True, scope="module")
def fresh_session():
    """Clear the session once per module: garbage collection takes longer than most tests."""
    keras.backend.clear_session()


def near_to(centers):
    """Build a nearest-center classifier that contains batch normalization."""
    model = keras.Sequential(
        [
            keras.Input((4,), name="flower"),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.BatchNormalization(center=False, scale=False, epsilon=0.0),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3),
        ]
    )
    means, variances = np.array([0.5, 0.4, 0.3, 0.2]), np.array([2.0, 1.0, 0.5, 1.0])
    scaled = (centers - means) / np.sqrt(variances)
    head = (2 * scaled.T, -np.square(scaled).sum(axis=-1))
    model.set_weights([np.eye(4), np.zeros(4), means, variances, *head])
    return model


@pytest.fixture(scope="session")
def flowers():
    """Separable rows, their classes, and the centers of the classes."""
    generator = np.random.default_rng(0)
    centers = generator.uniform(0, 2, size=(3, 4))
    classes = generator.integers(0, 3, size=200)
    x = np.abs(centers[classes] + generator.normal(scale=0.2, size=(200, 4)))
    return SimpleNamespace(x=x.astype("float32"), classes=classes, centers=centers)


@pytest.fixture
def model(flowers):
    return near_to(flowers.centers)


@pytest.fixture(scope="session")
def published(flowers, tmp_path_factory):
    """A version in every format, shared by all tests."""
    directory = tmp_path_factory.mktemp("published")
    calibrated = exports.LiteRT("int8", calibration={"flower": flowers.x[:50]})
    names = ("litert", "onnx", "openvino", "litert_float16", "litert_dynamic")
    return exports.export(
        near_to(flowers.centers),
        directory,
        class_names=CLASSES,
        formats=(*names, calibrated),
        warmup=(),
        checks=exports.Checks(data=({"flower": flowers.x}, flowers.classes)),
    )


@pytest.fixture(scope="session")
def pictures():
    """Rows for `two_inputs`."""
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, size=(7, 8, 8, 1), dtype="uint8")
    return {"image": image, "size": generator.normal(size=(7, 2)).astype("float32")}


@pytest.fixture(scope="session")
def two_inputs(tmp_path_factory):
    """A convolutional model with preprocessing, and its version in the exact formats."""
    layers = keras.layers
    image, size = keras.Input((8, 8, 1), name="image"), keras.Input((2,), name="size")
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(image))
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    model = keras.Model([image, size], layers.Dense(3)(layers.Concatenate()([x, size])))
    raw = [keras.Input((8, 8, 1), name="image", dtype="uint8"), keras.Input((2,), name="size")]
    scaled = layers.Normalization(mean=0.4, variance=0.1)(layers.Rescaling(1 / 255)(raw[0]))
    preprocessing = keras.Model(raw, [scaled, raw[1]])
    published = exports.export(
        model,
        tmp_path_factory.mktemp("two_inputs"),
        task="classification",
        preprocessing=preprocessing,
        formats=("litert", "onnx", "openvino"),
        warmup=(),
    )
    return published, keras.Model(raw, model(preprocessing(raw)))
