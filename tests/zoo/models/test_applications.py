"""The models of `keras.applications` under the names of the zoo."""

import json
import random

import keras
import numpy as np
import pytest

from occam import zoo
from occam.callbacks import weight_penalty
from occam.core.model_graph import ModelGraph
from occam.zoo.models import get_architecture
from occam.zoo.models.card import COUNTS, count_params
from occam.zoo.surgery.places import residual_sums

SHAPE = (32, 32, 3)
# One of each module that can be built in a moment; the others have more blocks.
SMALLEST = [
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "VGG19",
    "Xception",
]


def build(name="MobileNetV2", regularization=None, **kwargs):
    options = {"alpha": 0.35} if name == "MobileNetV2" else {}
    arguments = {"input_shape": SHAPE, "num_classes": 5, "seed": 0, **options, **kwargs}
    return zoo.create_model(f"applications/{name}", regularization=regularization, **arguments)


@pytest.fixture(scope="module")
def medium():
    return build(regularization="medium")


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (4, *SHAPE)).astype("float32")


def test_all_models_of_keras_have_a_reference_and_tiers():
    names = zoo.list_models("applications/*")
    assert len(names) >= 40
    for name in names:
        architecture = get_architecture(name)
        assert "https://arxiv.org/abs/" in architecture.reference
        amounts = [preset.amount() for preset in architecture.presets.values()]
        assert amounts == sorted(set(amounts))
    assert zoo.list_models("applications/VGG*") == ("applications/VGG16", "applications/VGG19")
    assert not any("applications" in name for name in zoo.list_models())


@pytest.mark.parametrize("name", SMALLEST)
def test_stochastic_depth_is_supported_where_surgery_finds_residual_sums(name):
    architecture = get_architecture(f"applications/{name}")
    side = architecture.min_size
    with keras.StatelessScope():  # weights without values are enough
        backbone = architecture.build(weights=None, include_top=False, input_shape=(side, side, 3))
    found = any(True for _ in residual_sums(ModelGraph(backbone)))
    assert ("stochastic_depth" in architecture.supports) == found


def test_the_penalty_is_on_each_kernel(medium):
    kernels = [w for w in medium.trainable_weights if w.path.endswith("kernel")]
    by_hand = 1e-4 * sum(float((np.asarray(k) ** 2).sum()) for k in kernels)
    assert len(medium.losses) == len(kernels) == 53
    assert float(weight_penalty(medium)) == pytest.approx(by_hand, rel=1e-4)
    assert [la.rate for la in medium.layers if isinstance(la, zoo.layers.Dropout)] == [0.3]


def test_the_seed_determines_the_weights_and_leaves_random_alone(medium):
    state = random.getstate()
    again, other = build(regularization="medium"), build(regularization="medium", seed=1)
    assert random.getstate() == state
    for a, b in zip(medium.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(medium.get_weights()[0], other.get_weights()[0])


def test_stochastic_depth_of_keras_is_replaced():
    deep = build("EfficientNetB0", zoo.Regularization(stochastic_depth=0.2))
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in deep.layers)
    rates = [la.rate for la in deep.layers if isinstance(la, zoo.layers.StochasticDepth)]
    np.testing.assert_allclose(rates, np.linspace(0, 0.2, 9), atol=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "MobileNetV2",
        pytest.param("ResNet50", marks=pytest.mark.exhaustive),
        pytest.param("EfficientNetV2B0", marks=pytest.mark.exhaustive),
    ],
)
def test_the_backbone_computes_the_same_as_that_of_keras(name, pixels, tmp_path):
    options = {"alpha": 0.35} if name == "MobileNetV2" else {}
    make = getattr(keras.applications, name)
    theirs = make(include_top=False, pooling="avg", weights=None, input_shape=SHAPE, **options)
    path = tmp_path / "backbone.weights.h5"
    theirs.save_weights(path)
    ours = build(name, "medium", weights=str(path), pixels=True)
    features = keras.Model(ours.input, ours.get_layer("logits_dropout").input)
    module = __import__(make.__module__, fromlist=["preprocess_input"])
    expected = theirs(module.preprocess_input(pixels.copy()), training=False)
    np.testing.assert_allclose(features(pixels), expected, rtol=1e-4, atol=1e-4)


def test_standardized_inputs_and_pixels_give_the_same_output(pixels):
    mean, stddev = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    of_pixels, of_standardized = build(pixels=True), build()
    standardized = (pixels - np.float32(mean)) / np.float32(stddev)
    np.testing.assert_allclose(
        of_standardized(standardized.astype("float32")), of_pixels(pixels), rtol=1e-3, atol=1e-4
    )


def test_saved_trained_and_loaded(tmp_path):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 20)
    x = rng.normal(size=(60, *SHAPE)) + y[:, None, None, None]
    np.savez(tmp_path / "images.npz", x=x.astype("float32"), y=y)
    data = zoo.load_data(str(tmp_path / "images.npz"), batch_size=20)
    model = build("MobileNet", "strong", alpha=0.25, num_classes=3)  # tracing takes the time
    run = zoo.train(model, data, epochs=1, log_dir=tmp_path / "run", verbose=0)
    again = zoo.Run.load(tmp_path / "run").load_model()
    np.testing.assert_array_equal(again.predict(x[:3], verbose=0), model.predict(x[:3], verbose=0))
    assert np.isfinite(run.result["train"]["data_loss"])


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("ResNet51", {}, r"No model 'applications/ResNet51'. Did you mean 'applications/ResNet"),
        ("VGG16", {"input_shape": (32, 32, 1)}, r"must be \(height, width, 3\) .*\(32, 32, 1\)"),
        ("VGG16", {"input_shape": (16, 16, 3)}, r"must be at least 32 steps or pixels"),
        ("VGG16", {"alpha": 0.5}, r"has no option alpha. Its options: pixels"),
        (
            "VGG16",
            {"regularization": zoo.Regularization(stochastic_depth=0.1)},
            r"'applications/VGG16' does not support stochastic_depth. It supports: l1,",
        ),
    ],
)
def test_errors(name, change, message):
    with pytest.raises(ValueError, match=message):
        build(name, **change)


def test_the_data_format_is_an_error_before_the_size():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match=r"set_image_data_format\('channels_last'\)"):
            zoo.create_model("applications/VGG16", input_shape=(3, 64, 64), num_classes=2)
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("name", [*zoo.list_models(), "applications/MobileNetV3Small"])
def test_the_stored_parameter_counts_are_right(name):
    assert json.loads(COUNTS.read_text())[name] == count_params(get_architecture(name))
