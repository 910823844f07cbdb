import keras
import numpy as np
import pytest

from occam import zoo
from occam.zoo import layers, mc_predict

X = np.random.default_rng(0).normal(size=(6, 8, 4)).astype("float32")


def model_of(*inner, units=3):
    head = [keras.layers.Flatten(), keras.layers.Dense(units)]
    return keras.Sequential([keras.Input((8, 4)), *inner, *head])


def residual():
    x = keras.Input((8, 4))
    y = layers.StochasticDepth(0.5)([x, keras.layers.Dense(4)(x)])
    return keras.Model(x, keras.layers.Dense(3)(keras.layers.Flatten()(y)))


def attention():
    x = keras.Input((8, 4))
    y = keras.layers.MultiHeadAttention(2, 2, dropout=0.5)(x, x)
    return keras.Model(x, keras.layers.Dense(3)(keras.layers.Flatten()(y)))


RANDOM_LAYERS = {
    "dropout": lambda: model_of(keras.layers.Dropout(0.5)),
    "spatial dropout": lambda: model_of(keras.layers.SpatialDropout1D(0.5)),
    "gaussian dropout": lambda: model_of(keras.layers.GaussianDropout(0.5)),
    "gaussian noise": lambda: model_of(keras.layers.GaussianNoise(0.5)),
    "recurrent dropout": lambda: model_of(keras.layers.LSTM(4, recurrent_dropout=0.5)),
    "bidirectional": lambda: model_of(keras.layers.Bidirectional(keras.layers.GRU(4, dropout=0.5))),
    "attention dropout": attention,
    "our dropout": lambda: model_of(layers.Dropout(0.5)),
    "our spatial dropout": lambda: model_of(layers.SpatialDropout(0.5)),
    "our noise": lambda: model_of(layers.GaussianNoise(0.5)),
    "drop block": lambda: model_of(layers.DropBlock(0.5, block_size=2)),
    "drop connect": lambda: model_of(layers.DropConnect(keras.layers.Dense(4), rate=0.5)),
    "concrete dropout": lambda: model_of(layers.ConcreteDropout(keras.layers.Dense(4))),
    "stochastic depth": residual,
}


@pytest.mark.parametrize("name", RANDOM_LAYERS)
def test_each_random_layer_is_on(name):
    found = mc_predict(RANDOM_LAYERS[name](), X, samples=8, task="regression")
    assert (found.standard_deviation.max(axis=1) > 0).any()


@pytest.fixture(scope="module")
def everything():
    """BatchNorm with averages that are not 0 and 1, dropout and recurrent dropout."""
    x = keras.Input((8, 4))
    y = keras.layers.BatchNormalization(momentum=0.5)(x)
    y = keras.layers.Dropout(0.5)(y)
    y = keras.layers.GRU(4, dropout=0.2)(y)
    model = keras.Model(x, keras.layers.Dense(3, activation="softmax")(y))
    model(X, training=True)
    return model


def test_nothing_of_the_model_changes(everything):
    before = [np.array(v) for v in everything.variables]
    mc_predict(everything, X, samples=3)
    for variable, value in zip(everything.variables, before, strict=True):
        np.testing.assert_array_equal(np.array(variable), value, err_msg=variable.path)
    inference = everything.predict_on_batch(X)
    mc_predict(everything, X, samples=3)
    np.testing.assert_array_equal(everything.predict_on_batch(X), inference)


def test_equal_seeds_give_equal_passes_and_passes_differ(everything):
    first, second, other = (mc_predict(everything, X, samples=3, seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.passes, second.passes)
    assert (first.passes != other.passes).any()
    assert (first.passes[0] != first.passes[1]).any()
    batched = mc_predict(everything, X, samples=3, seed=5, batch_size=4)
    assert batched.passes.shape == first.passes.shape


def test_the_moments_are_those_of_the_passes(everything):
    found = mc_predict(everything, X, samples=5)
    p = found.passes.astype("float64")
    mean = p.mean(axis=0)
    entropy = -(mean * np.log(mean)).sum(axis=1)
    expected = -(p * np.log(p)).sum(axis=2).mean(axis=0)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-5)
    np.testing.assert_allclose(found.standard_deviation, p.std(axis=0), atol=1e-6)
    assert found.predictive_entropy == pytest.approx(entropy, rel=1e-5)
    assert found.mutual_information == pytest.approx(entropy - expected, abs=1e-6)


def test_dropout_before_a_linear_layer_has_the_known_mean_and_variance():
    """With weights 1 and a rate of 1/2, the sum of 4 inputs x_i has the variance sum x_i^2."""
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), dense])
    row, draws = np.array([1.0, 2.0, -1.0, 0.5], "float32"), 1500
    found = mc_predict(model, np.tile(row, (draws // 3, 1)), samples=3, task="regression")
    variance = float(np.square(row).sum())
    assert found.passes.mean() == pytest.approx(2.5, abs=4 * np.sqrt(variance / draws))
    # The sum takes 16 values, with a kurtosis below 3: the relative error of a standard deviation
    # is below 1 / sqrt(2 * 1500) = 1.8%.
    assert found.passes.std() == pytest.approx(np.sqrt(variance), rel=0.08)
    assert found.predictive_entropy is None
    assert found.mutual_information is None


def test_batch_norm_uses_its_averages_and_augmentation_stays_off():
    x = keras.Input((8, 8, 1))
    dropped = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x))
    shifted = keras.layers.RandomTranslation(0.4, 0.4)(x)
    shifted = keras.layers.BatchNormalization()(keras.layers.RandomBrightness(0.5)(shifted))
    model = keras.Model(x, keras.layers.Concatenate()([dropped, keras.layers.Flatten()(shifted)]))
    pixels = np.random.default_rng(0).uniform(size=(3, 8, 8, 1)).astype("float32")
    outputs = mc_predict(model, pixels, samples=4, task="regression").passes
    expected = model.predict_on_batch(pixels)
    assert outputs[:, :, :64].std(axis=0).max() > 0
    for each in outputs:
        np.testing.assert_allclose(each[:, 64:], expected[:, 64:], rtol=1e-5, atol=1e-6)


def test_a_model_of_the_zoo_tells_its_task():
    regularization = zoo.Regularization(dropout=0.3, stochastic_depth=0.3)
    model = zoo.create_model(
        "resnet1d",
        input_shape=(8, 4),
        num_classes=3,
        regularization=regularization,
        seed=0,
        width=4,
    )
    found = mc_predict(model, X, samples=3)
    np.testing.assert_allclose(found.passes.sum(axis=2), 1)
    assert found.mutual_information.shape == (6,)


def test_independent_labels_have_an_entropy_each():
    model = model_of(keras.layers.Dropout(0.5), units=2)
    found = mc_predict(model, X, samples=3, task=zoo.tasks.Multilabel(("red", "blue")))
    assert found.predictive_entropy.shape == found.mutual_information.shape == (6, 2)


@pytest.mark.parametrize(
    "inner", [[], [keras.layers.Dropout(0.0)], [keras.layers.GaussianNoise(0.0)]]
)
def test_a_model_without_a_random_layer_that_is_on_is_refused(inner):
    with pytest.raises(ValueError, match="`model` must have a layer that is random in training"):
        mc_predict(model_of(*inner), X)


def test_augmentation_alone_is_no_uncertainty():
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.RandomFlip(), keras.layers.Flatten()]
    )
    with pytest.raises(ValueError, match="must have a layer that is random"):
        mc_predict(model, np.zeros((2, 8, 8, 1)))


def test_outputs_that_could_mean_two_things_and_wrong_arguments_are_refused():
    model = model_of(keras.layers.Dropout(0.5))
    with pytest.raises(ValueError, match="`task` must be one of"):
        mc_predict(model, X)
    with pytest.raises(ValueError, match="`samples` must be an integer >= 2"):
        mc_predict(model, X, samples=1)
    with pytest.raises(ValueError, match="`task` must be one of 'classification'"):
        mc_predict(model, X, task="ranking")
    with pytest.raises(ValueError, match="outputs for the 2 names of its task"):
        mc_predict(model, X, task=zoo.tasks.Multilabel(("red", "blue")))


@pytest.mark.parametrize(
    ("x", "received"),
    [
        (np.ones((0, 4)), r"`x` must have at least one row\. Received: shape \(0, 4\)"),
        (None, r"`x` must have at least one row\. Received: shape \(\)"),
        (np.full((2, 4), np.nan), r"`x` must be finite numbers\. Received: NaN"),
    ],
)
def test_inputs_without_numbers_are_an_error(x, received):
    layers = [keras.layers.Dropout(0.5), keras.layers.Dense(3, activation="softmax")]
    with pytest.raises(ValueError, match=received):
        mc_predict(keras.Sequential([keras.Input((4,)), *layers]), x)
