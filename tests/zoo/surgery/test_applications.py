"""Copies of large models of `keras.applications` and of every model of the zoo."""

import keras
import numpy as np
import pytest

from occam import zoo
from occam.zoo.layers import Dropout, StochasticDepth

L2, DEPTH = 1e-4, 0.2
# Residual sums: those with a shortcut, projected in the first block of a stage of ResNet.
SUMS = {
    "mobilenetv2_1.00_32": 10,
    "resnet50v2": 16,
    "efficientnetv2-b0": 15,
    "convnext_tiny": 18,
}


OTHERS = ["ResNet50V2", "EfficientNetV2B0", "ConvNeXtTiny"]


@pytest.fixture(
    scope="module",
    params=["MobileNetV2", *(pytest.param(name, marks=pytest.mark.exhaustive) for name in OTHERS)],
)
def surgery(request):
    """The original, its copy and the report."""
    make = getattr(keras.applications, request.param)
    model = make(weights=None, input_shape=(32, 32, 3), classes=4)
    regularization = zoo.Regularization(l2=L2, dropout=0.3, stochastic_depth=DEPTH)
    return model, *zoo.regularize(model, regularization, seed=0)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")


def kernels(model):
    ends = ("/kernel", "/depthwise_kernel", "/pointwise_kernel")
    return [w for w in model.trainable_weights if w.path.endswith(ends)]


def by_hand(model):
    return L2 * sum(float((np.asarray(w.value, "float64") ** 2).sum()) for w in kernels(model))


def test_weights_and_outputs(surgery, images, check):
    model, regularized, report = surgery
    assert report.refused == ()
    check.assert_copy(model, regularized, images)
    assert model.losses == []


def test_each_kernel_is_penalized_once(surgery, check):
    model, regularized, report = surgery
    assert len(regularized.losses) == len(kernels(model)) == len(report.penalties)
    assert check.total(regularized) == pytest.approx(by_hand(model), rel=1e-4)


def test_stochastic_depth_on_all_residual_sums(surgery):
    model, regularized, _ = surgery
    rates = [
        layer.rate
        for layer in regularized.layers
        if isinstance(layer, StochasticDepth) or getattr(layer, "noise_shape", None)
    ]
    assert rates == pytest.approx(np.linspace(0, DEPTH, SUMS[model.name]))
    assert rates[-1] == DEPTH
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in regularized.layers)


def test_dropout_before_the_head(surgery):
    _, regularized, _ = surgery
    *_, dropout = [layer for layer in regularized.layers if isinstance(layer, Dropout)]
    assert dropout.rate == 0.3
    assert regularized.layers[-2] is dropout


def test_names_stay(surgery):
    model, regularized, _ = surgery
    names = {layer.name for layer in model.layers}
    assert names <= {layer.name for layer in regularized.layers}
    new = {layer.name for layer in regularized.layers} - names
    assert all(name.endswith("_dropout") or name.startswith("add") for name in new)


def test_strip(surgery, images, check):
    model, regularized, _ = surgery
    stripped = zoo.strip(regularized)
    assert stripped.losses == []
    check.assert_copy(model, stripped, images)


@pytest.mark.slow
def test_save_and_load_and_clone(surgery, images, check, tmp_path):
    _, regularized, _ = surgery
    regularized.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    check.assert_same(check.values(loaded.weights), check.values(regularized.weights))
    check.assert_same(check.outputs(loaded, images), check.outputs(regularized, images))
    assert check.total(loaded) == pytest.approx(check.total(regularized), rel=1e-5)
    clone = keras.models.clone_model(regularized)
    assert check.total(clone) == pytest.approx(by_hand(clone), rel=1e-4)


SHALLOW = {
    "mixer_s16": {"depth": 2, "width": 64},
    "text_cnn": {"vocabulary": 1},  # all words are 0 below
    "vit_tiny": {"depth": 2},
}
# These have the blocks of another, and more or wider ones.
ALIKE = ("convnext_tiny", "resnet32", "resnet56", "resnet110", "wide_resnet28_10")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.exhaustive if name in ALIKE else ())
        for name in zoo.list_models()
    ],
)
def test_every_model_of_the_zoo(name, check):
    architecture = zoo.models.get_architecture(name)
    shape = {1: (30,), 2: (40, 1), 3: (32, 32, 3)}[architecture.ranks[-1]]
    options = {"input_shape": shape, "num_classes": 4, "seed": 0, **SHALLOW.get(name, {})}
    model = zoo.create_model(name, **options)
    noise = 0.0 if name == "text_cnn" else 0.1  # which takes integers
    regularized, report = zoo.regularize(
        model, zoo.Regularization(l2=L2, max_norm=2.0, dropout=0.1, noise=noise), seed=0
    )
    assert report.refused == ()
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    if name == "text_cnn":
        x = np.zeros_like(x)
    check.assert_copy(model, regularized, x)
    assert check.total(regularized) == pytest.approx(L2 * check.sum_of_squares(model), rel=1e-4)
    check.assert_copy(model, zoo.strip(regularized), x)
