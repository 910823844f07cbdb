from collections import Counter
from typing import Any

import keras
import pytest
from keras import layers
from keras.src.ops import core, nn, numpy

from occam.core import layer_kinds
from occam.core.layer_kinds import Kind, kind_of
from occam.core.model_graph import call_of
from occam.zoo import augmentation
from occam.zoo import layers as ours

NAMES = [name for kind in Kind for name in kind.value]
BASES = {"Layer"}  # of all layers, and so of no kind


def classes(module):
    found = [getattr(module, name) for name in dir(module)]
    return {c for c in found if isinstance(c, type) and issubclass(c, layers.Layer)}


def test_every_layer_of_keras_is_in_one_row():
    """A new release with new layers fails here: put each into a row of `Kind`."""
    assert {c.__name__ for c in classes(layers)} - set(NAMES) == BASES
    assert [name for name, count in Counter(NAMES).items() if count > 1] == []


def test_every_name_of_the_table_exists():
    public = {c.__name__ for c in classes(layers)}
    operations = {f"ops.{name}" for module in (core, nn, numpy) for name in vars(module)}
    zoo = {f"occam.{c.__name__}" for c in classes(ours) | set(augmentation.MixUp.__mro__)}
    assert set(NAMES) - public - operations - zoo == {"ConvLSTMCell"}
    assert kind_of(layers.ConvLSTM1D(2, 3).cell) is Kind.RECURRENT_CELL


def test_every_layer_of_occam_has_a_kind():
    assert {c.__name__ for c in classes(ours) if f"occam.{c.__name__}" not in NAMES} == {
        "Penalized"
    }
    for layer in (augmentation.MixUp(3), augmentation.RandomErasing(), augmentation.Pipeline([])):
        assert kind_of(layer) is Kind.AUGMENTATION


def test_every_activation_of_keras_is_known():
    functions = {n for n, f in vars(keras.activations).items() if callable(f)}
    functions -= {"deserialize", "get", "serialize", "hard_swish", "swish"}  # these two are aliases
    mixing_channels = ("glu", "log_softmax", "softmax", "sparsemax")
    known = (*layer_kinds._ELEMENTWISE, *mixing_channels)
    assert functions == set(known)


class Mine(layers.Dense):
    pass


class MyNorm(layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=input_shape[-1:])


def test_a_subclass_counts_as_its_base_unless_the_kind_must_be_exact():
    assert kind_of(Mine(3)) is Kind.DENSE
    assert kind_of(Mine(3), exact=True) is None
    assert kind_of(layers.Layer()) is None


def test_operations_on_symbolic_tensors_have_kinds():
    x: Any = keras.Input((3,))
    made: list[Any] = [keras.ops.relu(x), x + x, keras.ops.softmax(x)]
    kinds = [kind_of(call_of(y).operation) for y in made]
    assert kinds == [Kind.ACTIVATION, Kind.MERGE, Kind.SOFTMAX]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.BatchNormalization(), True),
        (layers.UnitNormalization(), True),
        (MyNorm(), True),
        (layers.Normalization(), False),
        (layers.SpectralNormalization(layers.Dense(3)), False),
        (layers.Dense(3), False),
    ],
)
def test_normalization_layers(layer, expected):
    layer.build((2, 4))
    assert layer_kinds.is_normalization(layer) is expected


@pytest.mark.parametrize(
    ("layer", "ends_in_one", "is_one"),
    [
        (layers.ReLU(), True, True),
        (layers.Activation("tanh"), True, True),
        (layers.Activation("softmax"), False, False),
        (layers.Dense(3, "relu"), True, False),
        (layers.Dense(3), False, False),
        (layers.RNN(layers.GRUCell(3)), True, False),
        (layers.Softmax(), False, False),
    ],
)
def test_activations(layer, ends_in_one, is_one):
    assert layer_kinds.has_activation(layer) is ends_in_one
    assert layer_kinds.is_activation(layer) is is_one


@pytest.mark.parametrize(
    ("layer", "name", "rank", "units", "channels"),
    [
        (layers.Dense(3), "kernel", 2, (1,), (0,)),
        (layers.Conv2D(3, 3), "kernel", 4, (3,), (2,)),
        (layers.Conv1DTranspose(3, 3), "kernel", 3, (1,), (2,)),
        (layers.DepthwiseConv2D(3), "kernel", 4, (2, 3), (2,)),
        (layers.SeparableConv2D(3, 3), "depthwise_kernel", 4, (2, 3), (2,)),
        (layers.SeparableConv2D(3, 3), "pointwise_kernel", 4, (3,), (2,)),
        (layers.EinsumDense("abc,cde->abde", (None, 2, 3)), "kernel", 3, (1, 2), (0,)),
        (layers.LSTM(3), "recurrent", 2, (1,), (0,)),
    ],
)
def test_axes_of_kernels(layer, name, rank, units, channels):
    assert layer_kinds.kernel_axes(layer, name, rank) == (units, channels)
    assert layer_kinds.kernel_axes(MyNorm(), "kernel", rank) is None


class MyDropout(layers.Layer):
    def __init__(self, rate):
        super().__init__()
        self.rate, self.seed_generator = rate, keras.random.SeedGenerator(1)


@pytest.mark.parametrize(
    ("layer", "rates"),
    [
        (layers.Dropout(0.5), {"rate": 0.5}),
        (layers.Dropout(0.0), {"rate": 0.0}),
        (ours.StochasticDepth(0.2), {"rate": 0.2}),
        (ours.DropConnect(layers.Dense(3), 0.2), {"rate": 0.2}),
        (layers.GRUCell(3, dropout=0.1), {"dropout": 0.1, "recurrent_dropout": 0.0}),
        (layers.LSTM(3, dropout=0.1), {}),  # its cell drops
        (layers.MultiHeadAttention(2, 3, dropout=0.1), {}),  # a layer inside drops
        (layers.GaussianNoise(0.5), {}),
        (layers.RandomFlip(), {}),
        (MyDropout(0.4), {"rate": 0.4}),
        (MyDropout(16000), {}),
    ],
)
def test_drop_rates(layer, rates):
    assert layer_kinds.drop_rates(layer) == pytest.approx(rates)


def test_a_cell_that_drops_nothing_draws_nothing():
    assert not list(layer_kinds.seed_generators(layers.GRUCell(3)))
    assert list(layer_kinds.seed_generators(layers.GRUCell(3, dropout=0.1)))
    assert list(layer_kinds.seed_generators(layers.GaussianNoise(0.1)))


def test_kinds_of_dropout():
    samples = layers.Dropout(0.5, noise_shape=(None, 1, 1))
    assert layer_kinds.drops_samples(samples)
    assert not layer_kinds.drops_single_values(samples)
    assert layer_kinds.drops_single_values(ours.Dropout(0.5))
    assert not layer_kinds.drops_single_values(layers.SpatialDropout1D(0.5))
    assert not layer_kinds.drops_samples(ours.StochasticDepth(0.5))


def test_layers_that_keep_channels_apart():
    apart = (layers.Add(), layers.MaxPooling2D(), layers.Activation("relu"), layers.PReLU())
    mixed = (layers.Dense(3), layers.Activation("softmax"), layers.Concatenate(), Mine(3))
    assert all(map(layer_kinds.keeps_channels_apart, apart))
    assert not any(map(layer_kinds.keeps_channels_apart, mixed))
    assert not layer_kinds.keeps_channels_apart(layers.MaxPooling2D(data_format="channels_first"))


def test_wrappers_are_taken_off():
    inner = layers.Dense(3)
    assert layer_kinds.unwrap(layers.TimeDistributed(layers.SpectralNormalization(inner))) is inner
    assert isinstance(layer_kinds.unwrap(layers.Bidirectional(layers.LSTM(2))), layers.LSTM)


def test_layers_that_take_training_and_modules_of_keras_and_occam():
    assert layer_kinds.takes_training(layers.Dropout(0.5))
    assert not layer_kinds.takes_training(layers.Flatten())
    assert layer_kinds.in_keras_or_occam(layers.Dense.__module__)
    assert layer_kinds.in_keras_or_occam(ours.Dropout.__module__)
    assert not layer_kinds.in_keras_or_occam("keras_hub.layers")
