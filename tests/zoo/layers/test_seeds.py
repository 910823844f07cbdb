import keras
import numpy as np
import pytest

from occam.zoo import layers

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
