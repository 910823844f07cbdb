"""OCC301 to OCC303: a missing or unintended argument `training`."""

import keras
import numpy as np
import pytest
from keras import layers

from occam import zoo
from occam.zoo import layers as ours

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="needs the TensorFlow backend"
)


def spying(base):
    """A layer that records the `training` of each call."""

    class Spy(base):
        def call(self, inputs, training=None):
            self.seen = [*getattr(self, "seen", []), training]
            return super().call(inputs, training=training)

    return Spy


class Block(layers.Layer):
    """A layer around BatchNorm whose `call` takes no `training`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.BatchNormalization(momentum=0.0, name="norm")

    def build(self, input_shape):
        self.norm.build(input_shape)

    def call(self, inputs):
        return self.norm(inputs)


class Without(keras.Model):
    def __init__(self, *inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = list(inner)

    def call(self, inputs):
        for layer in self.inner:
            inputs = layer(inputs)
        return inputs


class With(Without):
    def call(self, inputs, training=None):
        for layer in self.inner:
            inputs = layer(inputs, training=training)
        return inputs


class Forgets(Without):
    def call(self, inputs, training=None):
        return super().call(inputs)


class AnyArguments(Without):
    def call(self, inputs, **arguments):
        return super().call(inputs)


class OwnStep(Without):
    def train_step(self, data):
        self(data[0], training=True)
        return {}


def built(model):
    model(np.zeros((2, 4), "float32"))
    return model


def learns_a_mean(model, norm):
    """Whether a step of `fit` changes the moving mean of a BatchNorm in the model."""
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 4)), np.zeros((8, 4)), verbose=0)
    return bool(np.asarray(norm.moving_mean).any())


@pytest.mark.parametrize("make", [Without, AnyArguments])
def test_a_model_whose_call_takes_no_training(paths, make):
    model = built(make(layers.Dense(4, bias_initializer="ones"), Block(), name="mine"))
    assert paths("OCC301", model) == ["mine"]
    assert "`block/norm`" in zoo.lint(model)[0].why
    assert not learns_a_mean(model, model.inner[1].norm)  # the harm


def test_a_model_that_does_not_hand_training_on(paths):
    model = built(Forgets(Block(), name="mine"))
    on_jax = keras.backend.backend() == "jax"
    assert paths("OCC301", model) == ["mine"] * on_jax
    assert learns_a_mean(model, model.inner[0].norm) != on_jax  # the harm


@pytest.mark.parametrize("responding", [layers.Dropout(0.5), ours.GaussianNoise(0.1)])
def test_it_needs_something_that_responds(paths, responding):
    assert paths("OCC301", built(Without(layers.Dense(4), responding, name="m"))) == ["m"]
    frozen = layers.BatchNormalization(trainable=False)
    for none in (layers.Dense(4), layers.LayerNormalization(), layers.Dropout(0.0), frozen):
        assert paths("OCC301", built(Without(none))) == []


def test_a_layer_whose_call_takes_no_training_gets_it_all_the_same(paths):
    block, inputs = Block(), keras.Input((4,))
    functional = keras.Model(inputs, block(inputs))
    subclassed = built(With(Block()))
    assert zoo.lint(functional) == []
    assert zoo.lint(subclassed) == []
    assert learns_a_mean(functional, block.norm)  # no harm
    assert learns_a_mean(subclassed, subclassed.inner[0].norm)


def test_a_model_within_a_model_gets_it_all_the_same(paths):
    inner, inputs = built(Without(Block())), keras.Input((4,))
    model = keras.Model(inputs, inner(inputs))
    assert zoo.lint(model) == []
    assert learns_a_mean(model, inner.inner[0].norm)


def test_a_training_step_of_ones_own_may_pass_it(paths):
    assert paths("OCC301", built(OwnStep(layers.Dropout(0.5)))) == []


def explicit(layer, training, after=None):
    inputs = keras.Input((4,))
    outputs = layer(inputs, training=training)
    return keras.Model(inputs, after(outputs) if after else outputs)


def test_training_false_is_overridden_in_fit(paths, fit):
    layer = spying(layers.BatchNormalization)(name="norm")
    model = explicit(layer, False)
    assert paths("OCC302", model) == ["norm"]
    model.compile("sgd", "mse")
    layer.seen = []
    fit(model)
    assert True in layer.seen  # the harm
    assert np.asarray(layer.moving_mean).any()


def test_training_true_is_overridden_in_predict_and_obeyed_by_a_bare_call(paths):
    layer, after = spying(layers.Dropout)(0.5, name="mc"), spying(layers.BatchNormalization)()
    model = explicit(layer, True, after)
    assert paths("OCC302", model) == ["mc"]
    layer.seen, after.seen = [], []
    model.predict(np.ones((4, 4)), verbose=0)
    assert set(layer.seen) == {False}  # the harm
    model(np.ones((4, 4), "float32"))
    assert (layer.seen[-1], after.seen[-1]) == (True, True)  # and that of the layer behind it


def test_the_backbone_of_the_transfer_learning_guides(paths):
    backbone = keras.Sequential([keras.Input((4,)), layers.BatchNormalization()], name="backbone")
    model = explicit(backbone, False, layers.Dense(4))
    backbone.trainable = False
    assert paths("OCC302", model) == []  # frozen, BatchNorm does what was meant
    assert not learns_a_mean(model, backbone.layers[0])
    backbone.trainable = True  # to fine-tune
    assert paths("OCC302", model) == ["backbone"]
    assert learns_a_mean(model, backbone.layers[0])  # the harm


def test_within_a_nested_model(paths):
    nested = explicit(layers.Dropout(0.5, name="mc"), True)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2)(nested(inputs)))
    assert paths("OCC302", model) == [f"{nested.name}/mc"]


def test_it_survives_saving(paths, tmp_path):
    explicit(layers.Dropout(0.5, name="mc"), True).save(tmp_path / "model.keras")
    assert paths("OCC302", keras.saving.load_model(tmp_path / "model.keras")) == ["mc"]


def test_what_was_not_given_or_does_not_matter(paths):
    inputs = keras.Input((8, 8, 1))
    x = layers.RandomFlip()(inputs)  # Keras records training=True, its default
    x = layers.BatchNormalization()(layers.Dropout(0.5)(layers.Conv2D(2, 3)(x)))
    x = layers.LSTM(3)(layers.Reshape((-1, 2))(x), training=True)  # it drops nothing
    x = keras.Sequential([layers.Dense(3), layers.LayerNormalization()])(x, training=False)
    assert paths("OCC302", keras.Model(inputs, keras.ops.relu(x))) == []


def with_augmentation(first, *, norm=True):
    tail = [layers.BatchNormalization(name="norm")] if norm else []
    return keras.Sequential([keras.Input((8, 8, 1)), first, layers.Conv2D(2, 3), *tail])


def test_augmentation_in_a_model_for_export(paths):
    model = with_augmentation(layers.RandomFlip(name="flip"), norm=False)
    assert paths("OCC303", model, for_export=True) == ["flip"]
    assert paths("OCC303", model) == []
    augmenter = keras.Sequential([layers.RandomZoom(0.2), layers.RandomFlip()], name="augmenter")
    nested = with_augmentation(augmenter, norm=False)
    expected = [f"augmenter/{layer.name}" for layer in augmenter.layers]
    assert paths("OCC303", nested, for_export=True) == expected
    composite = with_augmentation(layers.RandAugment(name="augment"))
    assert paths("OCC303", composite, for_export=True) == ["augment"]  # and nothing within it


def test_what_only_resizes_switches_what_follows_to_training(paths):
    assert paths("OCC303", with_augmentation(layers.Resizing(8, 8)), for_export=True) == [
        "resizing"
    ]
    harmless = with_augmentation(layers.Resizing(8, 8), norm=False)
    assert paths("OCC303", harmless, for_export=True) == []


def test_ours_and_ordinary_layers_may_be_exported(paths):
    inner = [ours.Dropout(0.1), layers.Dropout(0.1), layers.Rescaling(1 / 255)]
    inner += [zoo.augmentation.RandomErasing()]
    for layer in inner:
        assert paths("OCC303", with_augmentation(layer), for_export=True) == []


@on_tensorflow
def test_what_export_does_to_them(tmp_path):
    import tensorflow as tf

    def served(first):
        model = with_augmentation(first, norm=False)
        model.export(tmp_path / "exported", verbose=False)
        x = np.arange(64, dtype="float32").reshape(1, 8, 8, 1)
        loaded = tf.saved_model.load(str(tmp_path / "exported"))
        answers = {loaded.serve(x).numpy().tobytes() for _ in range(20)}
        return len(answers)

    assert served(layers.RandomFlip()) > 1  # the harm
    assert served(zoo.augmentation.RandomErasing()) == 1
