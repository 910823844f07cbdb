"""OCC101 and OCC102: a regularizer in the attribute, and one in the variable."""

import keras
import pytest
from keras import layers

from occam import zoo
from occam.zoo import regularizers


def sequential(*inner):
    return keras.Sequential([keras.Input((4,)), *inner])


def test_a_regularizer_set_on_a_built_layer_does_nothing(paths):
    dense = layers.Dense(3, name="dense")
    model = sequential(dense)
    dense.kernel_regularizer = keras.regularizers.L2(0.5)
    assert model.losses == []  # the harm
    assert paths("OCC101", model) == ["dense"]
    (finding,) = zoo.lint(model)
    assert "`kernel_regularizer` is L2(l2=0.5)" in finding.why
    assert "`kernel`, built before, has no penalty" in finding.why


@pytest.mark.parametrize("penalty", ["l2", keras.regularizers.L1L2(0.1, 0.2), regularizers.L1(0.1)])
def test_a_regularizer_given_when_the_layer_is_made_is_active(paths, penalty):
    model = sequential(layers.Dense(3, kernel_regularizer=penalty))
    assert len(model.losses) == 1
    assert paths("OCC101", model) == []
    assert zoo.lint(model) == []


@pytest.mark.parametrize(
    "layer",
    [
        layers.SeparableConv1D(2, 2, depthwise_regularizer="l2", pointwise_regularizer="l1"),
        layers.DepthwiseConv1D(2, depthwise_regularizer="l2"),
        layers.LSTM(2, kernel_regularizer="l2", recurrent_regularizer="l1"),
        layers.Bidirectional(layers.GRU(2, kernel_regularizer="l2", recurrent_regularizer="l1")),
        layers.TimeDistributed(layers.Dense(2, kernel_regularizer="l2")),
        zoo.layers.DropConnect(layers.Dense(2, kernel_regularizer="l2"), 0.1),
        zoo.layers.ConcreteDropout(layers.Dense(2)),
        layers.EinsumDense("abc,cd->abd", (None, 2), kernel_regularizer="l2"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_that_name_or_hold_their_kernels_otherwise(layer):
    model = keras.Sequential([keras.Input((5, 3)), layer])
    assert model.losses
    assert zoo.lint(model) == []


def test_attention_hands_its_penalty_on(paths):
    inputs = keras.Input((5, 4))
    attention = layers.MultiHeadAttention(2, 2, kernel_regularizer="l2", name="mha")
    model = keras.Model(inputs, attention(inputs, inputs))
    assert len(model.losses) == 4
    assert zoo.lint(model) == []
    attention.kernel_regularizer = keras.regularizers.L1(0.1)  # which it does not hand on
    assert len(model.losses) == 4
    assert paths("OCC101", model) == ["mha"]


def test_a_kernel_of_another_name(paths):
    layer = layers.DepthwiseConv1D(2)
    model = keras.Sequential([keras.Input((5, 3)), layer])
    layer.depthwise_regularizer = keras.regularizers.L2(0.5)
    assert paths("OCC101", model) == [layer.name]
    assert "`kernel`, built before, has no penalty" in zoo.lint(model)[0].why


def test_activity_regularizers_are_read_at_each_call(paths):
    dense = layers.Dense(3)
    model = sequential(dense, layers.Dense(2))
    dense.activity_regularizer = keras.regularizers.L2(0.5)
    model(keras.ops.ones((1, 4)))
    assert len(model.losses) == 1
    assert paths("OCC101", model) == []


def test_another_penalty_than_the_variable_has(paths):
    dense = layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.5), name="dense")
    model = sequential(dense)
    dense.kernel_regularizer = keras.regularizers.L2(0.5)  # another object, the same penalty
    assert zoo.lint(model) == []
    dense.kernel_regularizer = keras.regularizers.L2(0.1)
    assert paths("OCC101", model) == ["dense"]
    assert "has L2(l2=0.5)" in zoo.lint(model)[0].why


def test_a_penalty_on_a_bias_that_is_not_there(paths):
    model = sequential(layers.Dense(3, use_bias=False, bias_regularizer="l2", name="dense"))
    assert model.losses == []
    assert paths("OCC101", model) == ["dense"]
    assert "the layer has no `bias` to penalize" in zoo.lint(model)[0].why


def test_a_name_in_place_of_a_regularizer(paths):
    dense = layers.Dense(3)
    model = sequential(dense)
    dense.kernel_regularizer = "l2"
    assert paths("OCC101", model) == [dense.name]


def test_within_nested_models(paths):
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="dense")], name="backbone")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2)(inner(inputs)))
    inner.layers[0].kernel_regularizer = keras.regularizers.L2(0.5)
    assert paths("OCC101", model) == ["backbone/dense"]


def test_after_saving_it_is_active(paths, tmp_path):
    dense = layers.Dense(3, name="dense")
    model = sequential(dense)
    dense.kernel_regularizer = keras.regularizers.L2(0.5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert len(loaded.losses) == 1
    assert zoo.lint(loaded) == []


def test_lora_and_quantized_kernels(paths):
    dense = layers.Dense(3, kernel_regularizer="l2")
    model = sequential(dense)
    dense.enable_lora(2)
    assert len(model.losses) == 2  # of A and B
    assert zoo.lint(model) == []
    dense = layers.Dense(3, kernel_regularizer="l2")
    model = sequential(dense)
    dense.quantize("int8")
    assert zoo.lint(model) == []  # its kernel cannot be trained, let alone penalized


def test_a_layer_of_another_make_that_adds_its_own_loss():
    class Own(layers.Layer):
        def __init__(self):
            super().__init__()
            self.kernel_regularizer = keras.regularizers.L2(0.5)

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], 2))

        def call(self, inputs):
            self.add_loss(self.kernel_regularizer(self.kernel))
            return inputs @ self.kernel

    assert zoo.lint(sequential(Own())) == []


def test_a_penalty_that_saving_loses(paths, tmp_path):
    dense = layers.Dense(3, name="dense")
    model = sequential(dense)
    dense.kernel.regularizer = keras.regularizers.L2(0.5)
    assert len(model.losses) == 1
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").losses == []  # the harm
    assert paths("OCC102", model) == ["dense"]
    dense.kernel_regularizer = dense.kernel.regularizer
    assert paths("OCC102", model) == []


class NoConfig(keras.regularizers.Regularizer):
    """Cannot be saved: its config is that of the base class, which raises."""

    def __call__(self, x):
        return keras.ops.sum(keras.ops.square(x))


@pytest.mark.parametrize(
    ("penalty", "text"), [(NoConfig(), "NoConfig(...)"), (lambda w: w[0, 0], "<lambda>")]
)
def test_penalties_without_a_config_are_named(paths, penalty, text):
    dense = layers.Dense(3, name="dense", kernel_regularizer=penalty)
    model = sequential(dense)
    assert paths("OCC101", model) == []
    dense.kernel_regularizer = None
    (finding,) = zoo.lint(model)
    assert finding.code == "OCC102"
    assert text in finding.why
