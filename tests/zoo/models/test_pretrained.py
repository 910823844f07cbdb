"""The weights in the package: their stated accuracy, and models that do not fit."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from occam import zoo
from occam.zoo.models import pretrained

WEIGHTS = zoo.list_weights()


@pytest.fixture(scope="module")
def test_part(data_dir):
    """The test data of a data set."""

    def arrays(name):
        batches = zoo.load_data(name, data_dir=data_dir).test.as_numpy_iterator()
        return tuple(map(np.concatenate, zip(*batches, strict=True)))

    return arrays


def create(weights, **changes):
    arguments = {
        "input_shape": weights.input_shape,
        "num_classes": weights.num_classes,
        "data": weights.data,
        **weights.options,
        **changes,
    }
    data = arguments.pop("data")
    return zoo.create_model(weights.model, weights=data, **arguments)


def test_at_least_three_models_ship_with_small_weights():
    assert len({weights.model for weights in WEIGHTS}) >= 3
    assert sum(weights.file.stat().st_size for weights in WEIGHTS) < 1e6
    for weights in WEIGHTS:
        assert json.dumps(dataclasses.asdict(weights))


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda w: f"{w.model}-{w.data}")
def test_they_reproduce_their_accuracy(weights, test_part):
    x, y = test_part(weights.data)
    model = create(weights, regularization="medium", seed=5)
    accuracy = (keras.ops.convert_to_numpy(model(x)).argmax(axis=1) == y).mean()
    assert accuracy == pytest.approx(weights.accuracy, abs=1.5 / len(y))  # a sample may tip over


def test_saved_and_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "DIRECTORY", tmp_path / "weights")
    model = zoo.create_model("mlp", input_shape=(4,), num_classes=3, units=(5,), seed=1)
    saved = zoo.models.save_weights(model, "mine", accuracy=0.51234, recipe="none.py")
    assert zoo.list_weights("mlp") == (saved,)
    assert saved.accuracy == 0.5123
    again = create(saved, units=(5,))
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    saved.file.write_bytes(saved.file.read_bytes() + b"!")
    with pytest.raises(ValueError, match=r"Could not load .*: its SHA-256 is not "):
        create(saved, units=(5,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"data": "imagenet"},
            "the data set of weights of model 'cnn1d': mnist1d. Received: .*'imagenet'",
        ),
        (
            {"num_classes": 3},
            "`num_classes` must be 10 for the weights 'mnist1d' of .*'cnn1d'. Received: .*=3",
        ),
        ({"input_shape": (50, 1)}, r"`input_shape` must be \(40, 1\) for .* Received: .*\(50, 1\)"),
        ({"width": 10}, r"`options` must be \{'width': 25\} .* Received: options=\{'width': 10\}"),
    ],
)
def test_weights_that_do_not_fit_are_errors(changes, message):
    (weights,) = zoo.list_weights("cnn1d")
    with pytest.raises(ValueError, match=message):
        create(weights, **changes)


@pytest.mark.parametrize("name", ["resnet20", "wide_resnet16_4", "gru", "convnext_tiny"])
def test_weights_load_under_any_regularization(name, tmp_path, monkeypatch):
    """Random layers between the others change the order of layers in the model."""
    monkeypatch.setattr(pretrained, "DIRECTORY", tmp_path)
    small = {"convnext_tiny": {"depths": (1, 1, 1, 1), "widths": (4, 4, 8, 8), "patch_size": 2}}
    options = {"gru": {"units": 3}, **small}.get(name, {"width": 4})
    shape = (40, 1) if name == "gru" else (16, 16, 3)
    arguments = {"input_shape": shape, "num_classes": 3, **options}
    model = zoo.create_model(name, **arguments, seed=1)
    zoo.models.save_weights(model, "mine", accuracy=0.5, recipe="none.py")
    full = {"dropout": 0.1, "noise": 0.1, "l2": 1e-3}
    if name != "gru":
        full |= {"stochastic_depth": 0.2, "drop_connect": 0.1, "spatial_dropout": 0.1}
    regularization = zoo.Regularization(**full)
    again = zoo.create_model(
        name, **arguments, regularization=regularization, weights="mine", seed=2
    )
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    np.testing.assert_array_equal(again(x), model(x))


def test_the_blueprint_knows_the_weights():
    (weights,) = zoo.list_weights("cnn1d")
    model = create(weights, width=25)
    assert model.blueprint.weights == "mnist1d"
    assert type(model.blueprint).from_dict(model.blueprint.to_dict()) == model.blueprint
    assert zoo.create_model("cnn1d", input_shape=(40, 1), num_classes=10).blueprint.weights is None
