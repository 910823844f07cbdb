"""`strip` removes all regularization, and changes nothing else."""

import inspect
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from occam import zoo
from occam.zoo import layers as ours
from occam.zoo.surgery.strip import is_training_only

R = zoo.Regularization


def assert_stripped(model):
    assert model.losses == []
    attention = [la for la in model._flatten_layers() if isinstance(la, layers.MultiHeadAttention)]
    inside = [one for layer in attention for one in layer._flatten_layers()]
    for layer in model._flatten_layers():
        assert not is_training_only(layer) or layer in inside
        assert layer.activity_regularizer is None
    for weight in model.weights:
        assert weight.regularizer is None
        assert weight.constraint is None


def test_it_is_the_inverse(model, check):
    regularized, _ = zoo.regularize(model, rules={"*": "l2"})
    assert len(regularized.losses) > 0
    stripped = zoo.strip(regularized)
    assert_stripped(stripped)
    check.assert_copy(model, stripped)
    config = model.get_config(), stripped.get_config()
    assert str(config[0]) == str(config[1])


def test_all_that_is_inserted_is_taken_out(models, check):
    everything = R(
        dropout=0.3,
        spatial_dropout=0.1,
        drop_block=0.1,
        drop_connect=0.1,
        stochastic_depth=0.2,
        noise=0.1,
        augmentation="light",
        l1=0.1,
        activity_l2=0.1,
        max_norm=1.0,
    )
    model = models.convolutional()
    regularized, _ = zoo.regularize(model, everything, value_range=(0, 1))
    stripped = zoo.strip(regularized)
    assert_stripped(stripped)
    check.assert_copy(model, stripped)
    names = [[(layer.name, type(layer)) for layer in m.layers] for m in (model, stripped)]
    assert names[0] == names[1]


def test_layers_of_keras(check):
    x = inputs = keras.Input((8, 8, 3), name="x")
    front = [layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomContrast(0.1)]
    x = keras.Sequential([keras.Input((8, 8, 3)), *front], name="augmentation")(x)
    x = layers.Pipeline([layers.RandomZoom(0.1)], name="zoom")(x)
    x = layers.GaussianNoise(0.1)(x)
    x = layers.Conv2D(4, 3, kernel_regularizer="l2", kernel_constraint="max_norm", name="conv")(x)
    x = layers.SpatialDropout2D(0.1)(layers.AlphaDropout(0.1)(layers.GaussianDropout(0.1)(x)))
    x = layers.ActivityRegularization(l1=0.1)(layers.Flatten(name="flat")(x))
    x = layers.Dense(2, activity_regularizer="l1", bias_regularizer="l2", name="head")(x)
    model = keras.Model(inputs, layers.Dropout(0.1)(x))
    stripped = zoo.strip(model)
    assert_stripped(stripped)
    assert [layer.name for layer in stripped.layers] == ["x", "conv", "flat", "head"]
    check.assert_copy(model, stripped)


def test_an_augmentation_that_makes_floats_of_integers(check):
    inputs = keras.Input((6, 6, 3), dtype="uint8", name="x")
    x = layers.RandomFlip(name="flip")(inputs)
    model = keras.Model(inputs, layers.Conv2D(2, 3)(x))
    stripped = zoo.strip(model)
    assert isinstance(stripped.get_layer("flip"), layers.Rescaling)
    check.assert_copy(model, stripped)


def test_each_random_augmentation_of_keras_is_the_identity_at_inference():
    """`strip` relies on it: check new layers of Keras."""
    x = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("float32")
    count = 0
    for name in sorted(dir(layers)):
        kind: Any = getattr(layers, name)
        module = getattr(kind, "__module__", "")
        if not isinstance(kind, type) or "image_preprocessing" not in module:
            continue
        needed = [
            parameter.name
            for parameter in inspect.signature(kind.__init__).parameters.values()
            if parameter.default is parameter.empty and parameter.name not in ("self", "kwargs")
        ]
        sizes = {"height": 4, "width": 4, "max_number": 4}
        sizes |= {"factor": 4} if "Posterization" in name else {}
        layer: Any = kind(**{one: sizes.get(one, 0.2) for one in needed})
        if is_training_only(layer):
            np.testing.assert_array_equal(np.asarray(layer(x, training=False)), x)
            count += 1
    assert count >= 20
    assert not is_training_only(layers.RandomCrop(4, 4))
    assert not is_training_only(layers.Resizing(4, 4))
    assert not is_training_only(layers.Pipeline([layers.RandomFlip(), layers.Resizing(4, 4)]))


def test_rates_inside_of_recurrent_and_attention_layers_stay(check):
    """With a rate of 0, Keras computes in another order, and the last bits differ."""
    x = inputs = keras.Input((5, 4), name="x")
    x = layers.LSTM(3, dropout=0.1, recurrent_dropout=0.2, return_sequences=True, name="lstm")(x)
    x = layers.MultiHeadAttention(2, 2, dropout=0.3, kernel_regularizer="l2", name="mha")(x, x)
    model = keras.Model(inputs, x)
    stripped = zoo.strip(model)
    assert stripped.get_layer("lstm").recurrent_dropout == 0.2
    assert stripped.get_layer("mha").dropout == 0.3
    assert stripped.losses == []
    check.assert_copy(model, stripped)


def test_wrappers_and_branches_of_the_zoo(check):
    x = inputs = keras.Input((4,), name="x")
    x = ours.DropConnect(layers.Dense(4, name="one", kernel_regularizer="l2"), 0.1, name="w1")(x)
    x = ours.ConcreteDropout(layers.Dense(4, name="two"), name="w2")(x)
    branch = [layers.Dense(4, "relu", kernel_regularizer="l1", name="a"), layers.Dense(4, name="b")]
    x = ours.ResidualBranch(branch, 0.3, name="block")(x)
    model = keras.Model(inputs, ours.StochasticDepth(0.1, name="sum")([x, layers.Dense(4)(x)]))
    stripped = zoo.strip(model)
    assert_stripped(stripped)
    names = [layer.name for layer in stripped.layers]
    assert names[:6] == ["x", "one", "two", "block_a", "block_b", "block"]
    assert isinstance(stripped.get_layer("sum"), layers.Add)
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    check.assert_same(check.outputs(stripped, x), check.outputs(model, x))


def test_a_sequential_model_with_a_branch(check):
    branch = ours.ResidualBranch([layers.Dense(4)], 0.3, name="block")
    model = keras.Sequential([keras.Input((4,)), branch, layers.Dense(2, name="head")])
    stripped = zoo.strip(model)
    assert [layer.name for layer in stripped.layers][-2:] == ["block", "head"]
    x = np.ones((2, 4), "float32")
    check.assert_same(check.outputs(stripped, x), check.outputs(model, x))


def test_what_is_inside_of_a_layer_of_ones_own_is_named():
    class Hidden(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.drop = layers.Dropout(0.5, name="drop")

        def call(self, inputs):
            return self.drop(inputs)

        def build(self, input_shape):
            self.drop.build(input_shape)

    inputs = keras.Input((4,))
    model = keras.Model(inputs, Hidden(name="hidden")(inputs))
    with pytest.raises(
        ValueError, match="drop' cannot be stripped of Dropout, because the config of"
    ):
        zoo.strip(model)


def test_a_stripped_model_of_the_zoo_is_loaded_without_occam(tmp_path):
    model = zoo.create_model("mlp", input_shape=(4,), num_classes=3, regularization="medium")
    stripped = zoo.strip(model)
    assert zoo.models.blueprint_of(stripped) is None
    stripped.save(tmp_path / "model.keras")
    code = (
        "import keras, sys; model = keras.saving.load_model(sys.argv[1]); "
        "print(model.output_shape, 'occam' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model.keras")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(None, 3) False"
