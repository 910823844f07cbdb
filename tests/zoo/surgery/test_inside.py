"""Weights and drop rates inside user-defined composite layers."""

import keras
import numpy as np
import pytest
from keras import layers

from occam import zoo
from occam.zoo.layers import Penalized
from occam.zoo.regularizers import L1, L2

STRENGTH, RATE = 0.01, 0.3


@keras.saving.register_keras_serializable(package="tests")
class Block(layers.Layer):
    """A list of layers without names, a weight and a rate."""

    def __init__(self, units, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        self.units, self.dropout = units, dropout
        self.inner = [layers.Dense(units, activation="relu"), layers.Dense(units)]
        self.drop = layers.Dropout(dropout) if dropout else layers.Identity()

    def build(self, input_shape):
        self.w = self.add_weight(name="w", shape=(input_shape[-1], self.units))
        self.token = self.add_weight(name="class_token", shape=(2, self.units))
        for layer in self.inner:
            layer.build((*input_shape[:-1], self.units))

    def call(self, inputs):
        return self.drop(self.inner[1](self.inner[0](inputs @ self.w))) + self.token[0]

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="tests")
class Lazy(layers.Layer):
    """A layer that builds its inner layers in the first call, with a config by Keras."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.layers = {
            "first": layers.Dense(units),
            "block": Block(units, dropout=0, name="inside"),
        }

    def call(self, inputs):
        return self.layers["block"](self.layers["first"](inputs))


@keras.saving.register_keras_serializable(package="tests")
class Holder(layers.Layer):
    """A layer with two inner layers, of which one is an argument."""

    def __init__(self, held, **kwargs):
        super().__init__(**kwargs)
        self.held, self.mine = held, layers.Dense(4)

    def build(self, input_shape):
        self.mine.build(input_shape)
        if not self.held.built:
            self.held.build((*input_shape[:-1], 4))

    def call(self, inputs):
        return self.held(self.mine(inputs))

    def get_config(self):
        held = keras.saving.serialize_keras_object(self.held)
        return {**super().get_config(), "held": held}

    @classmethod
    def from_config(cls, config):
        held = keras.saving.deserialize_keras_object(config.pop("held"))
        return cls(held, **config)


@keras.saving.register_keras_serializable(package="tests")
class Whole(keras.Model):
    """A subclassed model."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.block, self.head = Block(4, dropout=0), layers.Dense(2)

    def build(self, input_shape):
        self.block.build(input_shape)
        self.head.build((None, 4))

    def call(self, inputs):
        return self.head(self.block(inputs))


def composite():
    x = inputs = keras.Input((5, 4), name="x")
    block = Block(4, name="block")
    x = block(block(x))  # shared: penalized once
    x = Lazy(name="lazy")(x)
    x = Holder(layers.Dense(4, name="held"), name="holder")(x)
    x = layers.TimeDistributed(Block(4, name="step"), name="each")(x)
    x = layers.Bidirectional(layers.LSTM(2, return_sequences=True), name="both")(x)
    frozen = Block(6, name="frozen")
    x = frozen(x)
    frozen.trainable = False
    return keras.Model(inputs, layers.Dense(2, name="head")(x), name="composite")


def sum_by_hand(check, model):
    """Return the sum of squares of the trained kernels, without biases and tokens."""
    kernels = {id(w): w for w in model.trainable_weights if "kernel" in w.name or w.name == "w"}
    return sum(float((v.astype("float64") ** 2).sum()) for v in check.values(kernels.values()))


@pytest.fixture(scope="module")
def regularized():
    keras.utils.set_random_seed(0)
    model = composite()
    return model, *zoo.regularize(model, zoo.Regularization(l2=STRENGTH, dropout=RATE))


# Keras says so of any model with such a layer that is loaded.
pytestmark = pytest.mark.filterwarnings("ignore:`build\\(\\)` was called on layer 'lazy'")


def saved(model, tmp_path):
    model.save(tmp_path / "model.keras")
    return keras.saving.load_model(tmp_path / "model.keras")


def cloned(model, _):
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    return clone


@pytest.mark.parametrize("copied", [lambda model, _: model, saved, cloned])
def test_kernels_and_rates_inside(regularized, copied, check, tmp_path):
    model, made, _ = regularized
    copy = copied(made, tmp_path)
    x = check.example(model)
    check.assert_same(check.outputs(copy, x), check.outputs(model, x))
    assert check.total(copy) == pytest.approx(STRENGTH * sum_by_hand(check, model), rel=1e-5)
    kernels = [w for w in copy.trainable_weights if "kernel" in w.name or w.name == "w"]
    assert len(copy.losses) == len(kernels) == 3 + 4 + 2 + 3 + 4 + 1
    each = copy.get_layer("each").layer
    assert [copy.get_layer("block").drop.rate, each.drop.rate] == [RATE, RATE]
    assert copy.get_layer("block").token.regularizer is None
    assert isinstance(copy.get_layer("block"), Block)


def test_the_report_names_what_was_done_inside(regularized):
    _, made, report = regularized
    assert len(report.inactive) == 3  # the frozen block
    assert [str(change) for change in report.refused] == []
    rates = [(c.layer, c.what) for c in report.applied if c.asked == ("dropout",)]
    assert rates == [
        ("head_dropout", "before head"),
        ("block", "dropout, instead of 0.1"),
        ("each/step", "dropout, instead of 0.1"),
        ("frozen", "dropout, instead of 0.1"),
    ]
    frozen = made.get_layer("frozen")
    frozen.trainable = True
    assert len(made.losses) == 17 + 3
    frozen.trainable = False


def test_a_frozen_layer_is_loaded_frozen_inside_as_well(regularized, tmp_path):
    _, made, _ = regularized
    assert len(saved(made, tmp_path).trainable_weights) == len(made.trainable_weights)


def test_strip_and_regularize_again(regularized, check):
    model, made, _ = regularized
    stripped = zoo.strip(made)
    assert not stripped.losses
    assert not any(isinstance(layer, Penalized) for layer in stripped.layers)
    check.assert_copy(model, stripped)
    again, report = zoo.regularize(made, rules={"block": {"w": L1(0.1)}})
    assert type(again.get_layer("block").w.regularizer).__name__ == "L1"
    assert type(again.get_layer("block").inner[0].kernel.regularizer).__name__ == "L1L2"
    assert [penalty.new for penalty in report.penalties].count(True) == 1


def test_rules_and_constraints_inside(check):
    rules = {"holder/*": {"kernel": L1(0.1)}, "block": None, "lazy": L2(0.2)}
    made, report = zoo.regularize(composite(), zoo.Regularization(max_norm=0.5), rules=rules)
    assert made.get_layer("block").inner[0].kernel.constraint is None
    assert {(p.layer, p.name.rpartition("/")[2]) for p in report.penalties} == {
        *(("holder", "kernel"), ("lazy", "kernel"), ("lazy", "w")),
        ("lazy", "class_token"),  # a penalty for a layer is one for all of its weights
    }
    made.compile(keras.optimizers.SGD(1e-3), "mse")
    made.fit(check.example(made), np.zeros((2, 5, 2)), verbose=0)
    kernel = check.values([made.get_layer("lazy").layers["first"].kernel])[0]
    assert np.sqrt((kernel**2).sum(0)).max() <= 0.5 + 1e-5
    refused = {(c.layer, c.what) for c in report.refused}
    assert ("each/step", "w") in refused  # its axes are unknown


def test_a_subclassed_model(check, tmp_path):
    model = Whole(name="whole")
    model.build((None, 4))
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    made, _ = zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    for copy in (made, saved(made, tmp_path)):
        check.assert_same(check.outputs(copy, x), check.outputs(model, x))
        assert len(copy.losses) == 4
        assert check.total(copy) == pytest.approx(STRENGTH * sum_by_hand(check, model), rel=1e-5)
        assert isinstance(copy, Whole)
    assert not zoo.strip(made).losses


def test_what_is_refused():
    class Unsaid(layers.Layer):
        def __init__(self, layer, **kwargs):
            super().__init__(**kwargs)
            self.dense = layer

        def call(self, inputs):
            return self.dense(inputs)

        get_config = None  # pyright: ignore[reportAssignmentType]

    @keras.saving.register_keras_serializable(package="tests")
    class Fixed(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense, self.drop = layers.Dense(2), layers.Dropout(0.1)

        def build(self, input_shape):
            self.dense.build(input_shape)

        def call(self, inputs):
            return self.drop(self.dense(inputs))

    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Dense(2, name="head")(Fixed(name="fixed")(inputs)))
    _, report = zoo.regularize(model, zoo.Regularization(l2=STRENGTH, dropout=RATE))
    (refused,) = report.refused
    assert str(refused).endswith("dropout: Fixed takes no rate for the dropout inside it")
    inner = Unsaid(layers.Dense(2), name="unsaid")
    model = keras.Model(inputs, layers.Dense(2, name="head")(inner(inputs)))
    with pytest.raises(ValueError, match=r"'unsaid' \(Unsaid\) cannot be copied.* a get_config"):
        zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
