"""The arguments `seed` and `data_format`, which the random layers share."""

import keras
import numpy as np
import pytest

from occam import zoo
from occam.zoo import augmentation, layers


@pytest.fixture
def channels_first():
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("shape", [(64, 12, 5), (64, 12, 10, 5)])
@pytest.mark.parametrize("name", ["SpatialDropout", "DropBlock"])
def test_channels_first_is_the_transposed_result_of_channels_last(name, shape):
    kind = getattr(layers, name)
    x = np.ones(shape, "float32")
    last = kind(0.3, seed=1, name="drop")(x, training=True)
    keras.config.set_image_data_format("channels_first")
    try:
        layer = kind(0.3, seed=1, name="drop")
    finally:
        keras.config.set_image_data_format("channels_last")
    first = layer(np.moveaxis(x, -1, 1), training=True)  # it keeps the setting it was made under
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), last)
    copy = kind.from_config(layer.get_config())
    assert copy.data_format == "channels_first"
    assert 0 < np.mean(np.asarray(last) == 0) < 1


def test_another_word_is_refused():
    with pytest.raises(ValueError, match=r"`data_format` must be one of .*='first'"):
        layers.SpatialDropout(0.1, data_format="first")


def test_concrete_dropout_drops_the_channels_of_its_convolution():
    convolution = keras.layers.Conv2D(1, 1, data_format="channels_first")
    layer = layers.ConcreteDropout(convolution, initial_rate=0.5)
    layer.build((None, 3, 8, 8))
    assert layer._inputs == 3
    gate = np.asarray(layer._gate((4, 3, 8, 8)))
    assert gate.shape == (4, 3, 1, 1)


# Those that do the same to each value or sample, wherever the channels are.
OF_NO_LAYOUT = {
    *("ConcreteDropout", "DropConnect", "Dropout", "GaussianNoise", "ResidualBranch"),
    *("StochasticDepth", "FeatureNoise", "LabelSmoothing", "MixUp", "Penalized", "Pipeline"),
    *("EnsembleMean", "MemberScale", "PeriodicEmbedding"),  # of tables
}
FOLLOW = {"DropBlock", "SpatialDropout"}
REFUSE = {
    "CutMix": {"num_classes": 3},
    "Mix": {"num_classes": 3},
    "RandAugment": {},
    "RandomErasing": {},
    "RandomScale1D": {"factor": 0.1},
    "RandomShift1D": {"max_shift": 1},
    "TimeWarp": {"stddev": 0.1},
    "TrivialAugment": {},
}


def test_each_layer_follows_the_setting_or_refuses():
    public = {
        name
        for package in (layers, augmentation)
        for name in package.__all__
        if isinstance(getattr(package, name), type)
        and issubclass(getattr(package, name), keras.layers.Layer)
    }
    assert public == OF_NO_LAYOUT | FOLLOW | set(REFUSE)


@pytest.mark.parametrize("name", REFUSE)
def test_layers_refuse_channels_first_by_name(name, channels_first):
    package = layers if hasattr(layers, name) else augmentation
    with pytest.raises(ValueError, match=f"^{name} needs channels last, .*'channels_first'"):
        getattr(package, name)(**REFUSE[name])


def test_models_refuse_channels_first_by_name(channels_first):
    shapes = {1: (8,), 2: (32, 1), 3: (32, 32, 3)}
    for name in zoo.list_models():
        ranks = zoo.models.get_architecture(name).ranks
        if max(ranks) > 1:
            with pytest.raises(ValueError, match=f"^Model '{name}' needs .*'channels_first'"):
                zoo.create_model(name, input_shape=shapes[max(ranks)], num_classes=2)
    table = zoo.create_model("mlp", input_shape=(8,), num_classes=2)
    assert table.output_shape == (None, 2)


X = np.ones((32, 12, 8), "float32")
MAKERS = {
    "Dropout": lambda **kw: layers.Dropout(0.5, **kw),
    "SpatialDropout": lambda **kw: layers.SpatialDropout(0.5, **kw),
    "DropBlock": lambda **kw: layers.DropBlock(0.5, 3, **kw),
    "GaussianNoise": lambda **kw: layers.GaussianNoise(1.0, **kw),
    "DropConnect": lambda **kw: layers.DropConnect(dense(), 0.5, **kw),
    "ConcreteDropout": lambda **kw: layers.ConcreteDropout(dense(), 0.5, **kw),
    "ResidualBranch": lambda **kw: layers.ResidualBranch([dense()], 0.5, "sample", **kw),
}
every_layer = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def dense():
    return keras.layers.Dense(8, kernel_initializer="ones")


def draw(layer):
    return np.asarray(layer(X, training=True))


@every_layer
def test_two_layers_with_one_seed_draw_differently(make):
    assert not np.array_equal(draw(make(seed=1)), draw(make(seed=1)))


@every_layer
def test_one_seed_and_one_name_draw_the_same(make):
    layer = make(seed=1, name="first")
    copy = type(layer).from_config(layer.get_config())
    first = draw(layer)
    np.testing.assert_array_equal(first, draw(copy))
    np.testing.assert_array_equal(first, draw(make(seed=1, name="first")))
    assert not np.array_equal(first, draw(make(seed=2, name="first")))


def test_cleared_names_make_automatic_ones_repeatable():
    draws = []
    for _ in range(2):
        keras.backend.clear_session()
        draws.append(draw(layers.Dropout(0.5, seed=1)))
    np.testing.assert_array_equal(*draws)


def test_without_a_seed_set_random_seed_makes_it_repeatable():
    draws = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        draws.append(draw(layers.Dropout(0.5)))
    np.testing.assert_array_equal(*draws)


@every_layer
@pytest.mark.parametrize("seed", [1.5, "1", True])
def test_a_seed_that_is_no_integer_is_refused(make, seed):
    with pytest.raises(ValueError, match=r"`seed` must be an integer or None. Received: seed="):
        make(seed=seed)
