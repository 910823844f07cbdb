"""OCC101 to OCC106: penalties that are inactive, misplaced or of the wrong kind."""

import keras
import numpy as np
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


@pytest.mark.parametrize("penalty", ["l2", keras.regularizers.L2(0.5)])
def test_names_and_regularizers_in_nested_models(paths, penalty):
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="dense")], name="backbone")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2)(inner(inputs)))
    inner.layers[0].kernel_regularizer = penalty
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
    """A regularizer that cannot be saved: the `get_config` of the base class raises."""

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


@pytest.mark.parametrize(
    ("layer", "variable"),
    [
        (layers.Dense(3, bias_regularizer="l2", name="x"), "bias"),
        (layers.BatchNormalization(gamma_regularizer="l2", name="x"), "gamma"),
        (layers.LayerNormalization(beta_regularizer="l1", name="x"), "beta"),
        (layers.GroupNormalization(2, gamma_regularizer="l1", name="x"), "gamma"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_penalties_on_biases_and_normalization(paths, layer, variable):
    model = sequential(layer)
    assert paths("OCC103", model) == ["x"]
    assert f"`{variable}`" in zoo.lint(model)[0].why


def test_a_layer_of_another_make_is_normalization_by_its_name_unless_it_has_a_kernel(paths):
    class ScaleNorm(layers.Layer):
        def build(self, input_shape):
            self.g = self.add_weight(shape=self.shape(input_shape), regularizer="l2", name="g")

        def shape(self, input_shape):
            return ()

        def call(self, inputs):
            return inputs

    class ConvNormAct(ScaleNorm):
        def shape(self, input_shape):
            return (input_shape[-1], 3)

    assert paths("OCC103", sequential(ScaleNorm(name="scale"))) == ["scale"]
    assert paths("OCC103", sequential(ConvNormAct())) == []


def test_penalties_on_kernels_are_none_of_it(paths):
    dense = layers.Dense(3, kernel_regularizer="l2")
    model = sequential(dense, layers.BatchNormalization(), layers.PReLU(alpha_regularizer="l2"))
    assert paths("OCC103", model) == []


def test_within_a_recurrent_layer(paths):
    lstm = layers.LSTM(2, bias_regularizer="l2", name="lstm")
    model = keras.Sequential([keras.Input((5, 3)), lstm])
    assert paths("OCC103", model) == ["lstm/lstm_cell"]


def test_a_penalty_on_a_frozen_layer_is_not_in_the_loss(paths):
    frozen = layers.Dense(3, kernel_regularizer="l2", bias_regularizer="l2", name="frozen")
    model = sequential(frozen, layers.Dense(2, kernel_regularizer="l2"))
    frozen.trainable = False
    assert len(model.losses) == 1  # the harm: that of the other layer
    assert paths("OCC104", model) == ["frozen"]
    assert "`kernel` and `bias`" in zoo.lint(model)[0].why
    assert paths("OCC103", model) == []  # it does not act
    frozen.trainable = True
    assert paths("OCC104", model) == []


def test_a_frozen_model_and_a_frozen_variable(paths):
    dense = layers.Dense(3, kernel_regularizer="l2", name="dense")
    model = sequential(dense)
    dense.kernel.trainable = False
    assert model.losses == []
    assert paths("OCC104", model) == ["dense"]
    dense.kernel.trainable = True
    assert paths("OCC104", model) == []
    model.trainable = False
    assert model.losses == []
    assert paths("OCC104", model) == ["dense"]


def logits(activation=None, penalty="l2"):
    return layers.Dense(3, activation, activity_regularizer=penalty, name="logits")


@pytest.mark.parametrize(
    "loss",
    [
        "categorical_crossentropy",
        keras.losses.BinaryCrossentropy(from_logits=True),
        keras.losses.CategoricalFocalCrossentropy(from_logits=True),
        zoo.losses.CategoricalCrossentropy(),
    ],
    ids=lambda loss: loss if isinstance(loss, str) else type(loss).__name__,
)
def test_activity_regularizers_on_logits_by_the_loss(paths, loss):
    model = sequential(layers.Dense(5, "relu", activity_regularizer="l2"), logits())
    model.compile("sgd", loss)
    assert paths("OCC105", model) == ["logits"]
    assert paths("OCC105", model, compiled=False) == []  # nothing says that they are logits


def test_activity_regularizers_on_logits_by_what_follows(paths):
    assert paths("OCC105", sequential(logits(), layers.Softmax())) == ["logits"]
    model = sequential(logits(), layers.Dropout(0.1), layers.Activation("sigmoid"))
    assert paths("OCC105", model) == ["logits"]
    inputs = keras.Input((4,))
    nested = keras.Model(inputs, sequential(logits(), layers.Softmax())(inputs))
    assert paths("OCC105", nested) == ["sequential_2/logits"]


def test_activity_regularizers_on_logits_before_an_operation(paths):
    inputs = keras.Input((4,))
    assert paths("OCC105", keras.Model(inputs, keras.ops.softmax(logits()(inputs)))) == ["logits"]
    assert paths("OCC105", keras.Model(inputs, keras.ops.tanh(logits()(inputs)))) == []


def test_activity_regularizers_elsewhere(paths):
    regression = sequential(logits())
    regression.compile("sgd", "mse")
    assert paths("OCC105", regression) == []
    hidden = sequential(layers.Dense(5, activity_regularizer="l2"), layers.Dense(3))
    hidden.compile("sgd", "categorical_crossentropy")
    assert paths("OCC105", hidden) == []
    assert paths("OCC105", sequential(logits("softmax"))) == []  # probabilities


def test_activity_regularizers_of_several_outputs(paths):
    inputs = keras.Input((4,))
    outputs = {
        name: layers.Dense(2, activity_regularizer="l2", name=name)(inputs) for name in ("a", "b")
    }
    model = keras.Model(inputs, outputs)
    model.compile("sgd", {"a": "mse", "b": "categorical_crossentropy"})
    assert paths("OCC105", model) == ["b"]
    one = sequential(logits())  # without names of outputs
    one.compile("sgd", {"logits": "categorical_crossentropy"})
    assert paths("OCC105", one) == ["logits"]


L1 = [
    keras.regularizers.L1(0.1),
    keras.regularizers.L1L2(0.1, 0.0),
    regularizers.L1(0.1),
    regularizers.GroupLasso(0.1),
    regularizers.Sum([regularizers.L2(0.1), regularizers.L1L2(l1=0.1)]),
]


@pytest.mark.parametrize("penalty", L1, ids=lambda penalty: type(penalty).__name__)
def test_l1_where_zeros_are_expected(paths, penalty):
    model = sequential(layers.Dense(3, kernel_regularizer=penalty, name="dense"))
    assert paths("OCC106", model, expect_zeros=True) == ["dense"]
    assert paths("OCC106", model) == []


def test_l1_by_gradient_makes_no_zero_and_a_proximal_step_does(paths, fit):
    class ProximalStep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kernel = np.asarray(self.model.layers[0].kernel)
            shrunk = np.sign(kernel) * np.maximum(np.abs(kernel) - 0.05, 0)
            self.model.layers[0].kernel.assign(shrunk)

    def model():
        model = sequential(layers.Dense(3, kernel_regularizer=keras.regularizers.L1(0.5)))
        model.compile(keras.optimizers.SGD(0.1), "mse")
        return model

    def zeros(model):
        return int((model.get_weights()[0] == 0).sum())

    plain, proximal = model(), model()
    fit(plain, steps=30)
    fit(proximal, steps=30, callbacks=[ProximalStep()])
    assert zeros(plain) == 0  # the harm
    assert zeros(proximal) > 0
    assert paths("OCC106", plain, expect_zeros=True) == ["dense"]
    assert paths("OCC106", proximal, expect_zeros=True, callbacks=[ProximalStep()]) == []


def test_an_optimizer_with_a_proximal_step(paths):
    model = sequential(layers.Dense(3, kernel_regularizer="l1"))
    model.compile(keras.optimizers.Ftrl(l1_regularization_strength=0.1), "mse")
    assert paths("OCC106", model, expect_zeros=True) == []
    model.compile(keras.optimizers.Ftrl(), "mse")
    assert paths("OCC106", model, expect_zeros=True) == ["dense"]


@pytest.mark.parametrize("penalty", ["l2", keras.regularizers.L1L2(0.0, 0.1), regularizers.L1(0.0)])
def test_no_l1_no_finding(paths, penalty):
    model = sequential(layers.Dense(3, kernel_regularizer=penalty))
    assert paths("OCC106", model, expect_zeros=True) == []
