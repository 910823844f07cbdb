import keras
import numpy as np
import pytest

from occam.callbacks.averaging.batch_norm_statistics import check_data, reestimate_batch_norm

layers = keras.layers
X = np.random.default_rng(0).normal(2, 3, size=(23, 6, 4)).astype("float32")


def model(*inside):
    return keras.Sequential([keras.Input((6, 4)), *inside])


def norm(**kwargs):
    return layers.BatchNormalization(name="norm", **kwargs)


def moments(layer):
    return [
        np.array(keras.ops.convert_to_numpy(v)) for v in (layer.moving_mean, layer.moving_variance)
    ]


def expect(layer, inputs, axes=(0, 1)):
    mean, variance = moments(layer)
    np.testing.assert_allclose(mean, inputs.astype("float64").mean(axes), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(variance, inputs.astype("float64").var(axes), rtol=1e-5)


class Sequence(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[8 * index : 8 * index + 8], np.zeros(8)


@pytest.mark.parametrize(
    "data",
    [
        X,
        keras.ops.convert_to_tensor(X),
        (X, np.zeros(23)),
        [X[:3], X[3:22], X[22:]],
        [(X[:9], None), (X[9:], None)],
        Sequence(),
    ],
    ids=["array", "tensor", "array with labels", "batches", "pairs", "PyDataset"],
)
def test_exactly_the_moments_of_the_data_however_batched(data):
    layer = norm(momentum=0.5)
    reestimate_batch_norm(model(layer), data, batch_size=10)
    expect(layer, X)
    assert layer.momentum == 0.5


def test_tables_of_pandas():
    pandas = pytest.importorskip("pandas")
    a, b = keras.Input((4,), name="a"), keras.Input((1,), name="b")
    layer = norm()
    both = keras.Model({"a": a, "b": b}, layer(layers.Concatenate()([a, b])))
    table = {"a": pandas.DataFrame(X[:, 0]), "b": pandas.Series(X[:, 1, 0])}
    reestimate_batch_norm(both, table, batch_size=10)
    expect(layer, np.concatenate([X[:, 0], X[:, 1, :1]], axis=1), axes=0)


def test_another_axis():
    layer = norm(axis=1)
    reestimate_batch_norm(model(layer), X, batch_size=10)
    expect(layer, X, axes=(0, 2))


def test_layers_before_it_are_in_inference_mode_and_itself_is_not():
    layer, second = norm(), layers.BatchNormalization()
    reestimate_batch_norm(model(layers.Dropout(0.5), layer, layers.Dropout(0.5), second), X)
    expect(layer, X)
    mean, variance = moments(second)
    np.testing.assert_allclose(mean, 0, atol=1e-5)
    np.testing.assert_allclose(variance, 1, atol=1e-3)


def test_masked_steps_do_not_count():
    layer = norm()
    x = X.copy()
    x[:5, 3:] = 0
    x[7, 1:] = 0
    reestimate_batch_norm(model(layers.Masking(0.0), layer), x, batch_size=6)
    expect(layer, x[(x != 0).any(-1)], axes=0)


def test_in_nested_models_and_with_several_calls():
    layer = norm()
    inner = keras.Sequential([keras.Input((6, 4)), layer])
    a, b = keras.Input((6, 4)), keras.Input((6, 4))
    both = keras.Model([a, b], layers.Add()([inner(a), inner(b)]))
    reestimate_batch_norm(both, [((X[:10], X[10:20]), None)])
    expect(layer, X[:20])


def test_frozen_layers_keep_theirs():
    layer = norm(trainable=False)
    reestimate_batch_norm(model(layer), X)
    np.testing.assert_array_equal(moments(layer), [np.zeros(4), np.ones(4)])


def test_an_exception_leaves_the_layer_as_it_was():
    layer = norm()
    before = layer.call
    with pytest.raises((ValueError, TypeError)):
        reestimate_batch_norm(model(layer), [X[:, :, :3]])
    assert layer.call == before
    assert layer.momentum == 0.99


def test_no_data_is_an_error():
    with pytest.raises(ValueError, match="must contain at least one batch"):
        reestimate_batch_norm(model(norm()), [])


def test_a_data_set_without_end_is_an_error():
    tf = pytest.importorskip("tensorflow")
    data = tf.data.Dataset.from_tensor_slices(X).batch(5)
    assert check_data(data) is data
    with pytest.raises(ValueError, match="must be a finite dataset, such as `dataset"):
        check_data(data.repeat())
