import keras
import numpy as np
import pytest

from occam.zoo.layers import PeriodicEmbedding


def with_weights(layer, **values):
    layer.build((None, 1))
    for name, value in values.items():
        getattr(layer, name).assign(np.array(value, "float32"))
    return layer


def test_pbld_by_hand():
    # f = 1/4, b = 0 and pi/2: at x = 1 the angles are pi/2 and pi, so the waves are 0 and -1.
    layer = with_weights(
        PeriodicEmbedding(width=3, frequencies=2),
        frequency=[[0.25, 0.25]],
        phase=[[0, np.pi / 2]],
        matrix=[[[5, 6], [7, 8]]],
        offset=[[0.5, 1.0]],
    )
    np.testing.assert_allclose(layer(np.ones((1, 1))), [[[1, -6.5, -7]]], atol=1e-5)


def test_plr_by_hand():
    # At x = 1/3 and f = 1/2 the angle is pi/3: cos 1/2, sin sqrt(3)/2. The second unit is cut.
    layer = with_weights(
        PeriodicEmbedding(width=2, frequencies=1, kind="plr"),
        frequency=[[0.5]],
        matrix=[[[2, -1], [0, 0]]],
        offset=[[0.25, 0]],
    )
    np.testing.assert_allclose(layer(np.full((1, 1), 1 / 3)), [[[1.25, 0]]], atol=1e-6)
    layer.matrix.assign([[[0, 0], [2, 2]]])
    np.testing.assert_allclose(layer(np.full((1, 1), 1 / 3))[0, 0, 1], 3**0.5, atol=1e-6)


@pytest.mark.parametrize(("kind", "count"), [("pbld", 16 + 16 + 48 + 3), ("plr", 16 + 128 + 4)])
def test_each_feature_has_weights_of_its_own(kind, count):
    layer = PeriodicEmbedding(kind=kind, seed=1)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    before = np.asarray(layer(x))
    assert layer.count_params() == 3 * count
    x[:, 1] += 1
    changed = (np.asarray(layer(x)) != before).any(axis=(0, 2))
    np.testing.assert_array_equal(changed, [False, True, False])
    drawn = np.asarray(layer.frequency)
    assert len(np.unique(drawn)) == drawn.size


def test_the_initial_weights_have_the_stated_distributions():
    layer = PeriodicEmbedding(frequencies=4, sigma=0.5, seed=0)
    layer.build((None, 2000))
    frequency, phase, matrix, offset = map(np.asarray, layer.weights)
    assert frequency.std() == pytest.approx(0.5, rel=0.05)
    for weight, bound in [(phase, np.pi), (matrix, 0.5), (offset, 0.5)]:
        assert 0.95 * bound < np.abs(weight).max() <= bound
        assert weight.std() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_the_seed_determines_the_weights():
    first, again, other = (PeriodicEmbedding(seed=seed) for seed in (1, 1, 2))
    for layer in (first, again, other):
        layer.build((None, 2))
    for a, b, c in zip(first.weights, again.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


@pytest.mark.parametrize("kind", ["pbld", "plr"])
def test_a_gradient_reaches_every_weight(kind):
    layer = PeriodicEmbedding(kind=kind, seed=0)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Flatten()(layer(inputs)))
    model.compile("sgd", "mse")
    before = [np.asarray(w) for w in model.trainable_weights]
    x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    model.fit(x, np.ones((16, 12)), verbose=0)
    after = model.trainable_weights
    assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 1}, "`width` must be an integer >= 2. Received: width=1"),
        ({"width": 0, "kind": "plr"}, "`width` must be an integer >= 1. Received: width=0"),
        ({"frequencies": 0}, "`frequencies` must be an integer >= 1. Received: frequencies=0"),
        ({"sigma": 0}, r"`sigma` must be a number in \(0, inf\). Received: sigma=0"),
        ({"kind": "pl"}, "`kind` must be one of 'pbld', 'plr'. Received: kind='pl'"),
        ({"seed": 0.5}, "`seed` must be an integer or None. Received: seed=0.5"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        PeriodicEmbedding(**arguments)
