import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from occam import exports, zoo
from occam.exports.heads.classification import moments
from occam.exports.served_model import ServedModel
from occam.exports.signatures import Uncertainty
from occam.exports.signatures.monte_carlo import sample

ROWS = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")


@pytest.fixture(scope="module")
def model():
    """A model with dropout among layers that must not be random, and adapted normalization."""
    keras.utils.set_random_seed(0)
    batch_norm = layers.BatchNormalization(name="norm")
    model = keras.Sequential(
        [
            keras.Input((4,), name="flower"),
            layers.GaussianNoise(1.0),
            layers.Dense(8, activation="relu", name="trunk"),
            batch_norm,
            layers.Dropout(0.4, name="drop"),
            layers.Dense(6, activation="tanh", name="hidden"),
            layers.Dropout(0.3),
            layers.Dense(3, name="head"),
        ]
    )
    batch_norm.moving_mean.assign(np.linspace(-1, 1, 8))
    batch_norm.moving_variance.assign(np.linspace(0.2, 2, 8))
    return model


@pytest.fixture(scope="module")
def traced(model):
    """The signature with 500 samples, as a graph."""
    served = ServedModel(model, task="classification")
    signature = Uncertainty(samples=500)
    function = tf.function(
        lambda features: signature.answer(served, features),
        input_signature=[dict(signature.inputs(served))],
        autograph=False,
    )
    return function.get_concrete_function()


def ask(traced, rows, seeds):
    answer = traced(flower=tf.constant(rows), seed=tf.constant(seeds, tf.int64))
    return {name: tensor.numpy() for name, tensor in answer.items()}


def passes_of_keras(model, rows, samples):
    """Return `(n, samples, classes)` probabilities, by the layers in a loop with dropout on."""
    noise, *trunk, drop, hidden, drop_too, head = model.layers
    assert (noise.name, drop.name) == ("gaussian_noise", "drop")
    for layer in trunk:
        rows = layer(rows)
    passes = [
        tf.nn.softmax(head(drop_too(hidden(drop(rows, training=True)), training=True)))
        for _ in range(samples)
    ]
    return np.stack(passes, axis=1)


def test_mean_and_spread_are_those_of_a_loop_in_keras(model, traced):
    answer = ask(traced, ROWS, [1, 2, 3])
    passes = passes_of_keras(model, ROWS, 500)
    spread = passes.std(axis=1)
    # Both means are of 500 draws: their difference has the standard deviation sqrt(2 / 500) s, and
    # five of those are exceeded in 1 of 2 million cases. A standard deviation estimated from 500
    # draws of values in [0, 1] has itself one below s sqrt((kurtosis - 1) / (4 * 500)), where a
    # kurtosis of up to 9 is allowed.
    assert np.all(np.abs(answer["mean"] - passes.mean(axis=1)) < 5 * np.sqrt(2 / 500) * spread)
    bound = 5 * np.sqrt(2) * np.sqrt(8 / (4 * 500)) * spread
    assert np.all(np.abs(answer["standard_deviation"] - spread) < bound)
    expected = {name: value.numpy() for name, value in moments(tf.constant(passes)).items()}
    for name in ("predictive_entropy", "mutual_information"):
        np.testing.assert_allclose(answer[name], expected[name], atol=0.1)
    assert np.all(answer["mutual_information"] > 0.01)


def test_the_moments_are_those_of_the_definition():
    passes = np.random.default_rng(0).dirichlet([0.5, 1, 2], size=(4, 10))
    passes[0, :] = [1, 0, 0]
    answer = moments(tf.constant(passes, tf.float32))
    mean = passes.mean(axis=1)
    logs = np.log(np.where(passes > 0, passes, 1))
    entropy = -np.sum(mean * np.log(np.where(mean > 0, mean, 1)), axis=-1)
    information = entropy + np.sum(passes * logs, axis=-1).mean(axis=1)
    np.testing.assert_allclose(answer["mean"], mean, atol=1e-6)
    np.testing.assert_allclose(answer["standard_deviation"], passes.std(axis=1), atol=1e-5)
    np.testing.assert_allclose(answer["predictive_entropy"], entropy, atol=1e-5)
    np.testing.assert_allclose(answer["mutual_information"], information, atol=1e-5)
    assert answer["mutual_information"][0] == 0


def test_a_row_depends_on_its_features_and_its_seed_alone(traced):
    rows = np.stack([ROWS[0], ROWS[1], ROWS[0], ROWS[0]])
    answer = ask(traced, rows, [7, 7, 7, -8])
    again, alone = ask(traced, rows, [7, 7, 7, -8]), ask(traced, ROWS[:1], [7])
    for name, values in answer.items():
        np.testing.assert_array_equal(again[name], values)
        np.testing.assert_allclose(alone[name], values[:1], atol=1e-6)
        np.testing.assert_allclose(values[2], values[0], atol=1e-6)
        assert not np.allclose(values[3], values[0], atol=1e-6), name


def test_no_rows_give_no_answers(traced):
    answer = ask(traced, np.zeros((0, 4), "float32"), np.zeros(0))
    assert answer["mean"].shape == (0, 3)


def test_passes_and_layers_and_rows_draw_differently():
    inputs = keras.Input((40,), name="x")
    dropped = layers.Dropout(0.5, seed=1)(inputs)
    dropped = layers.Concatenate()([dropped, layers.Dropout(0.5, seed=1)(inputs)])
    model = keras.Model(inputs, dropped)
    ones, seeds = tf.ones((2, 40)), tf.constant([1, 2], tf.int64)
    masks = sample(model, ones, seeds, 3, 80).numpy().reshape(-1, 40) > 0
    assert len({mask.tobytes() for mask in masks}) == 2 * 3 * 2
    assert 0.4 < masks.mean() < 0.6


def test_nothing_is_assigned_and_the_trunk_runs_once(model, traced):
    before = [np.array(v.value) for v in model.variables]
    calls = {layer: layer.call for layer in model.layers}
    ask(traced, ROWS, [1, 2, 3])
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, variable.value)
    assert {layer: layer.call for layer in model.layers} == calls
    graph = traced.graph.as_graph_def()
    inside = [node.op for function in graph.library.function for node in function.node_def]
    outside = [node.op for node in graph.node]
    assert outside.count("MatMul") == 1
    assert inside.count("MatMul") == 2
    random = {op for op in (*inside, *outside) if "Random" in op}
    assert random
    assert all(op.startswith("StatelessRandom") for op in random)
    assert not [op for op in (*inside, *outside) if "Assign" in op]


class Opaque(keras.Model):
    """A subclassed model, whose layers are hidden."""

    def __init__(self, rate):
        super().__init__()
        self.parts = [
            layers.GaussianNoise(1.0),
            layers.Dense(6, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(rate),
            layers.Dense(3),
        ]

    def call(self, x, training=False):
        for part in self.parts:
            x = part(x, training=training)
        return x


def opaque(rate):
    model = Opaque(rate)
    model(ROWS)
    return model


def recurrent(rate):
    inputs = keras.Input((6,), name="tokens", dtype="int32")
    x = layers.Embedding(5, 4, mask_zero=True)(inputs)
    x = layers.GRU(4, return_sequences=True)(x)
    x = layers.Bidirectional(layers.GRU(4, dropout=rate, recurrent_dropout=rate))(x)
    return keras.Model(inputs, layers.Dense(3)(x))


def attention(rate):
    inputs = keras.Input((5, 4), name="x")
    x = layers.RandomErasing(1.0)(layers.Reshape((5, 4, 1))(inputs))
    x = layers.Reshape((5, 4))(x)
    x = layers.MultiHeadAttention(2, 3, dropout=rate)(x, x)
    x = keras.Sequential([layers.SpatialDropout1D(rate), layers.LayerNormalization()])(x)
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))


def half(rate):
    parts = [layers.Dense(6, activation="relu"), layers.Dropout(rate), layers.Dense(3)]
    for part in parts:
        part.dtype_policy = keras.DTypePolicy("mixed_bfloat16")
    return keras.Sequential([keras.Input((4,), name="x"), *parts])


@pytest.mark.parametrize("build", [opaque, recurrent, attention, half])
def test_a_rate_near_zero_gives_the_prediction(build):
    keras.utils.set_random_seed(0)
    served = ServedModel(build(1e-9), from_logits=True)
    ((name, spec),) = served.inputs.specs.items()
    x = np.random.default_rng(0).integers(1, 4, size=[2, *map(int, spec.shape[1:])])
    x[1, -1:] = 0  # which is masked, where numbers are tokens
    features = {name: tf.cast(x, spec.dtype), "seed": tf.constant([1, 2], tf.int64)}
    answer = answer_of(served, features)
    expected = served.predict({name: features[name].numpy()})["probabilities"]
    np.testing.assert_allclose(answer["mean"], expected, atol=1e-5)
    assert np.max(answer["standard_deviation"]) < 1e-5
    varied = answer_of(ServedModel(build(0.5), from_logits=True), features)
    assert np.max(varied["standard_deviation"]) > 1e-3


@tf.function(autograph=False)
def answer_of(served, features):
    return Uncertainty(samples=4).answer(served, features)


@pytest.mark.parametrize("dropout", [[], [layers.Dropout(0.0)]])
def test_a_model_without_dropout_is_refused(dropout):
    dense = [layers.GaussianNoise(0.5), layers.Dense(3)]
    model = keras.Sequential([keras.Input((4,)), *dropout, *dense], name="sure")
    message = r"needs a model with dropout at a rate above 0\. Received: 'sure' without any"
    with pytest.raises(exports.ExportError, match=message):
        Uncertainty().inputs(ServedModel(model, task="classification"))


def test_an_input_called_seed_is_refused():
    parts = [layers.Dropout(0.5), layers.Dense(3)]
    model = keras.Sequential([keras.Input((4,), name="seed"), *parts])
    with pytest.raises(exports.ExportError, match="adds an input 'seed'"):
        Uncertainty().inputs(ServedModel(model, task="classification"))


def test_samples_are_two_or_more():
    with pytest.raises(ValueError, match=r"integer >= 2\. Received: samples=1"):
        Uncertainty(samples=1)


@pytest.mark.parametrize(
    ("name", "shape", "regularization"),
    [
        ("mlp", (4,), zoo.Regularization(dropout=0.4)),
        ("gru", (6, 1), zoo.Regularization(dropout=0.4)),
        pytest.param(
            "tcn",
            (6, 1),
            zoo.Regularization(spatial_dropout=0.4, drop_connect=0.2),
            marks=pytest.mark.slow,
        ),
        ("resnet1d", (16, 1), zoo.Regularization(drop_block=0.3, stochastic_depth=0.4)),
    ],
)
def test_models_of_the_zoo_are_exported_with_it(name, shape, regularization, tmp_path):
    model = zoo.create_model(
        name, input_shape=shape, num_classes=3, regularization=regularization, seed=0
    )
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype("float32")
    exports.export(model, tmp_path, signatures=["uncertainty"], task="classification")
    predictor = exports.load(tmp_path)
    features = dict.fromkeys(predictor.inputs, x)
    first, again, other = (
        predictor.call("uncertainty", **features, seed=np.full(3, seed)) for seed in (1, 1, 2)
    )
    for key, values in first.items():
        np.testing.assert_array_equal(again[key], values)
        assert not np.allclose(other[key], values), key


def test_a_rate_that_is_learned_counts(tmp_path):
    concrete = zoo.layers.ConcreteDropout(layers.Dense(3), initial_rate=0.4)
    model = keras.Sequential([keras.Input((4,), name="flower"), concrete])
    exports.export(model, tmp_path, from_logits=True, signatures=["uncertainty"])
    answer = exports.load(tmp_path).call("uncertainty", flower=ROWS, seed=[1, 2, 3])
    assert np.all(answer["standard_deviation"] > 0)


def test_values_have_a_mean_and_a_standard_deviation(tmp_path):
    keras.utils.set_random_seed(0)
    parts = [layers.Dense(30, activation="relu"), layers.Dropout(0.4), layers.Dense(2)]
    model = keras.Sequential([keras.Input((4,), name="flower"), *parts])
    model.compile("sgd", "mse")
    exports.export(model, tmp_path, signatures=[Uncertainty(samples=500)], warmup=())
    answer = exports.load(tmp_path).call("uncertainty", flower=ROWS, seed=[1, 2, 3])
    assert set(answer) == {"mean", "standard_deviation"}
    # The head is linear: with kept units scaled by 1 / 0.6, the mean is the prediction, and the
    # variance is the sum of those of the units, (w h)^2 0.4 / 0.6.
    hidden = parts[0](ROWS).numpy()
    variance = (hidden[:, :, None] * parts[2].kernel.numpy()) ** 2 * 0.4 / 0.6
    spread = np.sqrt(variance.sum(axis=1))
    expected = model.predict(ROWS, verbose=0)
    assert np.all(np.abs(answer["mean"] - expected) < 5 * spread / np.sqrt(500))
    np.testing.assert_allclose(answer["standard_deviation"], spread, rtol=0.2)


def test_labels_have_moments_of_their_own(tmp_path):
    keras.utils.set_random_seed(0)
    parts = [layers.Dense(6), layers.Dropout(0.4), layers.Dense(3, activation="sigmoid")]
    model = keras.Sequential([keras.Input((4,), name="flower"), *parts])
    served = ServedModel(model)
    features = {"flower": tf.constant(ROWS), "seed": tf.constant([1, 2, 3], tf.int64)}
    answer = answer_of(served, features)
    assert {name: tuple(x.shape) for name, x in answer.items()} == dict.fromkeys(answer, (3, 3))
    passes = sample(model, ROWS, features["seed"], 4, 3).numpy().reshape(3, 4, 3)
    np.testing.assert_allclose(answer["mean"], passes.mean(axis=1), atol=1e-5)
    p = passes.mean(axis=1)
    entropy = -p * np.log(p) - (1 - p) * np.log(1 - p)
    np.testing.assert_allclose(answer["predictive_entropy"], entropy, atol=1e-5)
