"""Models of all kinds, and checks of their copies."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers, ops


@keras.saving.register_keras_serializable(package="tests")
class Mixing(layers.Layer):
    """A user-defined layer with a kernel and a complete config."""

    def __init__(self, units, kernel_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape):
        shape = (input_shape[-1], self.units)
        self.kernel = self.add_weight(
            name="kernel", shape=shape, regularizer=self.kernel_regularizer
        )

    def call(self, inputs):
        return inputs @ self.kernel

    def get_config(self):
        penalty = keras.regularizers.serialize(self.kernel_regularizer)
        return {**super().get_config(), "units": self.units, "kernel_regularizer": penalty}


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    """A model whose calls are unknown, but whose config takes a penalty."""

    def __init__(self, kernel_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.mixing = Mixing(3, self.kernel_regularizer, name="mixing")

    def build(self, input_shape):
        self.mixing.build(input_shape)

    def call(self, inputs):
        return self.mixing(inputs)

    def get_config(self):
        penalty = keras.regularizers.serialize(self.kernel_regularizer)
        return {**super().get_config(), "kernel_regularizer": penalty}


def sequential():
    return keras.Sequential(
        [
            keras.Input((6,), name="x"),
            layers.Dense(5, activation="relu", name="hidden"),
            layers.Dense(3, name="logits"),
        ],
        name="sequential",
    )


def convolutional():
    x = inputs = keras.Input((8, 8, 3), name="x")
    x = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    x = layers.ReLU(name="stem_relu")(layers.BatchNormalization(name="stem_norm")(x))
    branch = layers.SeparableConv2D(4, 3, padding="same", activation="relu", name="separable")(x)
    branch = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(branch)
    x = layers.Add(name="sum")([x, branch])
    x = layers.Conv2DTranspose(3, 2, strides=2, activation="relu", name="up")(x)
    x = ops.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (0, 1)))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x))


def nested():
    x = inner_input = keras.Input((6,), name="inner_x")
    x = layers.Dense(5, activation="relu", name="conv1")(x)
    backbone = keras.Model(inner_input, x + layers.Dense(5, name="conv2")(x), name="backbone")
    head = keras.Sequential(
        [keras.Input((5,)), layers.Dense(4, "relu", name="fc"), layers.Dense(3, name="logits")],
        name="head",
    )
    inputs = keras.Input((6,), name="x")
    return keras.Model(inputs, head(backbone(inputs)), name="whole")


def shared():
    """A layer and an inner model, each called twice."""
    dense = layers.Dense(5, activation="tanh", name="shared")
    inner_input = keras.Input((5,), name="inner_x")
    x = layers.Dense(5, activation="relu", name="dense")(inner_input)
    inner = keras.Model(inner_input, x * 2.0, name="inner")
    one, other = keras.Input((5,), name="one"), keras.Input((5,), name="other")
    both = layers.Concatenate()([dense(inner(one)), inner(dense(other))])
    return keras.Model([one, other], layers.Dense(3, name="head")(both))


def several():
    """Two inputs of two types, two named outputs."""
    image, tokens = keras.Input((6, 6, 1), name="image"), keras.Input((4,), dtype="int32", name="t")
    x = layers.Flatten()(layers.Conv2D(2, 3, activation="relu", name="conv")(image))
    e = layers.Flatten()(layers.Embedding(7, 3, name="embedding")(tokens))
    x = layers.Concatenate()([x, e])
    outputs = {
        "label": layers.Dense(3, name="label")(x),
        "value": layers.Dense(1, activation="sigmoid", name="value")(x),
    }
    return keras.Model({"image": image, "t": tokens}, outputs)


def recurrent():
    """Masks, wrappers and cells."""
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    x = layers.Embedding(9, 4, mask_zero=True, name="embedding")(tokens)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True, name="lstm"), name="both")(x)
    x = layers.TimeDistributed(layers.Dense(4, activation="relu", name="dense"), name="each")(x)
    cells = [layers.GRUCell(3, name="one"), layers.LSTMCell(4, name="two")]
    x = layers.RNN(layers.StackedRNNCells(cells, name="cells"), name="stack")(x)
    return keras.Model(tokens, layers.Dense(3, name="head")(x))


def attention():
    inputs = keras.Input((5, 6), name="x")
    attended, scores = layers.MultiHeadAttention(2, 3, dropout=0.1, name="mha")(
        query=inputs, value=inputs, return_attention_scores=True
    )
    x = layers.LayerNormalization(name="norm")(layers.Add(name="add")([inputs, attended]))
    x = layers.Dense(6, activation="gelu", name="dense")(x)
    x = layers.Concatenate()([layers.Flatten()(x), layers.Flatten()(scores)])
    return keras.Model(inputs, layers.Dense(3, name="head")(x))


def own():
    """A user-defined layer, and a frozen one."""
    x = inputs = keras.Input((6,), name="x")
    x = Mixing(4, name="mixing")(x)
    x = layers.Dense(4, activation="relu", name="frozen", trainable=False)(x)
    return keras.Model(inputs, layers.Dense(3, name="head")(x))


def half():
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    x = inputs = keras.Input((8, 8, 2), name="x")
    x = layers.Conv2D(4, 3, activation="relu", dtype=policy, name="conv")(x)
    x = layers.GlobalMaxPooling2D(dtype=policy, name="pool")(x)
    return keras.Model(inputs, layers.Dense(3, dtype="float32", name="head")(x))


def subclassed():
    model = Subclassed(name="net")
    model.build((None, 6))
    return model


KINDS = {
    make.__name__: make
    for make in (
        *(sequential, convolutional, nested, shared, several, recurrent, attention, own, half),
        subclassed,
    )
}


def example(model):
    """Inputs of a model, in its structure."""
    if isinstance(model, Subclassed):
        return np.random.default_rng(0).normal(size=(2, 6)).astype("float32")

    def draw(tensor):
        rng = np.random.default_rng(0)
        shape = (2, *tensor.shape[1:])
        if "int" in tensor.dtype:
            return rng.integers(0, 7, shape).astype(tensor.dtype)
        return rng.normal(size=shape).astype("float32")

    spec = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    return keras.tree.map_structure(draw, spec)


def values(weights):
    return [np.array(ops.convert_to_numpy(weight)) for weight in weights]


def outputs(model, x):
    return values(keras.tree.flatten(model(x, training=False)))


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def without_rates(weights):
    """The weights without the rates of new layers."""
    return [weight for weight in weights if tuple(weight.shape) != ()]


def assert_copy(model, copy, x=None):
    """The copy has the weights and the outputs of the model, bit by bit, and shares nothing."""
    assert_same(values(without_rates(copy.weights)), values(model.weights))
    assert not {id(w) for w in model.variables} & {id(w) for w in copy.variables}
    x = example(model) if x is None else x
    assert_same(outputs(copy, x), outputs(model, x))


def sum_of_squares(model):
    """The sum over all trainable kernels, each once."""
    kernels = [w for w in model.trainable_weights if w.name.endswith("kernel")]
    assert len({id(w) for w in kernels}) == len(kernels)
    return float(sum((value.astype("float64") ** 2).sum() for value in values(kernels)))


def total(model):
    return float(sum(map(float, model.losses)))


def assert_attributes_agree(model):
    """The regularizer of the variable is the attribute of the layer, which is saved."""
    for layer in model._flatten_layers():
        for weight in layer._trainable_variables:
            name = weight.name.removesuffix("_kernel")
            if name == "kernel" and isinstance(layer, layers.DepthwiseConv2D):
                name = "depthwise"
            if name not in ("bias", "gamma", "beta", "embeddings"):
                assert weight.regularizer is getattr(layer, f"{name}_regularizer")
                assert weight.regularizer is not None


@pytest.fixture(scope="session")
def models():
    """The functions that make the models, by name, and the classes in them."""
    return SimpleNamespace(**KINDS, Mixing=Mixing, Subclassed=Subclassed)


@pytest.fixture(scope="session")
def check():
    """Checks and helpers."""
    functions = (
        *(assert_copy, assert_same, assert_attributes_agree, example, outputs, values),
        *(without_rates, sum_of_squares, total),
    )
    return SimpleNamespace(**{function.__name__: function for function in functions})


@pytest.fixture(autouse=True)
def repeatable():
    """Reset automatic names and seeds."""
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)


@pytest.fixture(params=KINDS)
def model(request):
    return KINDS[request.param]()
