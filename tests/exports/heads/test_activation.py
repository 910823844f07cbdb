import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from occam import exports
from occam.exports.classifier import Classifier
from occam.exports.head import means_logits, output_units, probabilities
from occam.zoo.layers import ConcreteDropout, DropConnect


def model_with(*last):
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, activation="relu", name="hidden"), *last]
    )


@pytest.mark.parametrize(
    ("last", "units", "expected"),
    [
        ([layers.Dense(3)], 3, True),
        ([layers.Dense(3, activation="softmax")], 3, False),
        ([layers.Dense(3), layers.Softmax()], 3, False),
        ([layers.Dense(3), layers.Activation("softmax", dtype="float32")], 3, False),
        ([layers.Dense(3, activation="softmax"), layers.Activation("linear")], 3, False),
        ([layers.Dense(3), layers.Activation("linear", dtype="float32")], 3, True),
        ([layers.Dense(1, activation="sigmoid")], 1, False),
        ([layers.Dense(1)], 1, True),
    ],
)
def test_the_last_activation_tells_logits_from_probabilities(last, units, expected):
    assert means_logits(model_with(*last), units) is expected


class Softened(layers.Wrapper):
    """A wrapper that changes the output of its layer."""

    def call(self, inputs):
        return keras.ops.softmax(self.layer(inputs))


class Beside(layers.Layer):
    """A layer that returns the output of its inner layer, but is no `Wrapper`."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, inputs):
        return self.layer(inputs)


def softmax(units=3):
    return layers.Dense(units, activation="softmax")


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ([layers.SpectralNormalization(layers.Dense(3))], True),
        ([layers.SpectralNormalization(softmax())], False),
        ([DropConnect(softmax(), 0.5)], False),
        ([keras.Sequential([keras.Input((5,)), softmax()])], False),
        ([ConcreteDropout(layers.Dense(3))], True),
        ([DropConnect(layers.Dense(3), 0.5), layers.Softmax()], False),
        ([Beside(layers.SpectralNormalization(softmax()))], False),
        ([Beside(keras.Sequential([layers.Dense(4), layers.Dense(3)]))], True),
        ([softmax(), layers.GaussianNoise(0.1), layers.ActivityRegularization(0.1)], False),
        ([layers.Reshape((1, 5)), layers.TimeDistributed(softmax()), layers.Flatten()], False),
        (
            [
                layers.Reshape((5, 1)),
                layers.TimeDistributed(DropConnect(layers.Dense(3), 0.5)),
                layers.GlobalAveragePooling1D(),
            ],
            True,
        ),
        (
            [
                layers.Reshape((5, 1)),
                layers.TimeDistributed(keras.Sequential([layers.Dense(4), softmax()])),
                layers.GlobalAveragePooling1D(),
            ],
            False,
        ),
        ([layers.Reshape((5, 1, 1)), layers.Conv2D(3, 1), layers.GlobalAveragePooling2D()], True),
    ],
)
def test_a_wrapped_nested_or_pooled_last_layer_is_found(last, expected):
    assert means_logits(model_with(*last), 3) is expected


def test_the_last_operation_counts_like_a_layer():
    inputs = keras.Input((4, 3))
    steps = layers.TimeDistributed(softmax())(inputs)
    assert means_logits(keras.Model(inputs, steps[:, -1]), 3) is False
    logits = layers.Dense(3)(layers.Flatten()(inputs))
    assert means_logits(keras.Model(inputs, keras.ops.softmax(logits)), 3) is False


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ([Softened(layers.Dense(3))], "Received: Softened"),
        ([layers.Reshape((5, 1)), layers.Bidirectional(layers.GRU(3))], "Received: Bidirectional"),
        ([layers.Reshape((5, 1)), softmax(), layers.GlobalMaxPooling1D()], "GlobalMaxPooling1D"),
        ([DropConnect(layers.Dense(3, activation="tanh"), 0.5)], "Received: Dense .* with tanh"),
        ([layers.Dense(3, activation="tanh")], "softmax .* Received: Dense '.*' with tanh"),
        ([layers.Dense(3, activation="sigmoid")], "output of 3 unit.* with sigmoid"),
        ([layers.Dense(1, activation="softmax")], "sigmoid .* with softmax"),
        ([layers.ReLU()], "Received: ReLU 're_lu' with no activation. If .* from_logits=True"),
    ],
)
def test_another_activation_or_a_wrapper_that_hides_it_asks_for_from_logits(last, message):
    model = model_with(*last)
    with pytest.raises(exports.ExportError, match=message):
        means_logits(model, model.output_shape[-1])


def test_trying_a_wrapper_changes_no_weight():
    model = model_with(layers.SpectralNormalization(layers.Dense(3)))
    before = [weight.numpy() for weight in model.weights]
    means_logits(model, 3)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


@pytest.mark.parametrize("wrapper", [layers.SpectralNormalization, lambda d: DropConnect(d, 0.5)])
def test_a_wrapped_last_layer_is_served(wrapper, tmp_path):
    model = model_with(wrapper(softmax()))
    exports.export(model, tmp_path, warmup=())
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    answer = exports.load(tmp_path).predict(x)["probabilities"]
    np.testing.assert_allclose(answer, model.predict(x, verbose=0), atol=1e-6)


def test_from_logits_overrules_the_activation(tmp_path):
    model = model_with(layers.Dense(3), layers.ReLU())
    exports.export(model, tmp_path, from_logits=True)
    answer = exports.load(tmp_path).predict(np.ones((1, 4)))
    np.testing.assert_allclose(answer["probabilities"].sum(), 1, atol=1e-6)


def test_labels_that_do_not_exclude_each_other_are_refused(tmp_path):
    model = model_with(layers.Dense(3, activation="sigmoid"))
    with pytest.raises(exports.ExportError, match="return probabilities of exclusive classes"):
        exports.export(model, tmp_path, from_logits=False)


def test_one_unit_stands_for_two_classes(tmp_path):
    model = model_with(layers.Dense(1, activation="sigmoid"))
    exports.export(model, tmp_path, class_names=["benign", "malignant"])
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    answer = exports.load(tmp_path).predict(x)
    second = model.predict(x)[:, 0]
    np.testing.assert_allclose(answer["probabilities"][:, 1], second, atol=1e-6)
    np.testing.assert_array_equal(answer["label"] == "malignant", second > 0.5)


def test_large_logits_of_one_unit_lose_nothing():
    small, large = np.array(probabilities(tf.constant([[-50.0]]), from_logits=True))[0]
    assert small == 1
    assert large == pytest.approx(np.exp(-50), rel=1e-5)


@pytest.mark.parametrize(
    ("outputs", "received"),
    [
        (lambda x: [layers.Dense(3)(x), layers.Dense(2)(x)], r"\[\(None, 3\), \(None, 2\)\]"),
        (lambda x: {"a": layers.Dense(3)(x)}, r"{'a': \(None, 3\)}"),
        (lambda x: layers.Reshape((2, 2))(x), r"\(None, 2, 2\)"),
    ],
)
def test_other_outputs_are_refused(outputs, received):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, outputs(inputs))
    message = (
        rf"one output of shape \(batch, classes\). Received: 'functional.*' with .* {received}"
    )
    with pytest.raises(exports.ExportError, match=message):
        output_units(model, inputs)


def compiled(loss, units=3, activation=None):
    model = model_with(layers.Dense(units, activation=activation, name="last"))
    model.compile("sgd", loss)
    return model


def test_a_regression_is_not_published_as_a_classifier(tmp_path):
    message = (
        r"classifier of exclusive classes\. Received: 'sequential.*', compiled with "
        r"mean_squared_error, a loss for regression\. If it is a classifier of 2 classes"
    )
    with pytest.raises(exports.ExportError, match=message):
        exports.export(compiled("mse", 1), tmp_path / "new", class_names=["price"])
    assert not (tmp_path / "new").exists()


class HalfSquare(keras.losses.MeanSquaredError):
    """A subclass of a Keras loss."""


REGRESSION = "a loss for regression"
MARGINS = "a loss for margins, not probabilities"


@pytest.mark.parametrize(
    ("loss", "why"),
    [
        ("mse", REGRESSION),
        ("MeanAbsoluteError", REGRESSION),
        ("mape", REGRESSION),
        ("msle", REGRESSION),
        ("cosine_similarity", REGRESSION),
        (keras.losses.mean_squared_error, REGRESSION),
        (keras.metrics.mean_squared_error, REGRESSION),
        (functools.partial(keras.losses.huber, delta=2.0), REGRESSION),
        (keras.losses.Huber(), REGRESSION),
        (keras.losses.LogCosh, REGRESSION),
        (HalfSquare(), REGRESSION),
        ("poisson", "regression of counts"),
        (["mse"], REGRESSION),
        ({"last": keras.losses.MeanSquaredError()}, REGRESSION),
        ("hinge", MARGINS),
        (keras.losses.SquaredHinge(), MARGINS),
        ("categorical_hinge", MARGINS),
        (keras.losses.Circle(), "embeddings"),
        (keras.losses.CTC(), "sequences"),
        ("binary_crossentropy", "a loss for 3 independent labels"),
        (keras.losses.BinaryFocalCrossentropy(from_logits=True), "a loss for 3 independent labels"),
    ],
)
@pytest.mark.parametrize("activation", ["softmax", "linear", "sigmoid"])
def test_the_loss_of_another_task_is_refused_whatever_the_head(loss, why, activation):
    for from_logits in (None, True, False):
        with pytest.raises(exports.ExportError, match=f"compiled with .*{why}.* 3 class"):
            Classifier(compiled(loss, activation=activation), None, from_logits)


def test_one_unit_of_a_cross_entropy_over_classes_is_refused():
    model = compiled("sparse_categorical_crossentropy", 1, "sigmoid")
    with pytest.raises(exports.ExportError, match="constant for a single output"):
        Classifier(model, None, None)


def test_the_loss_is_known_after_saving_and_loading(tmp_path):
    for loss in ("mae", keras.losses.MeanSquaredError(), keras.losses.log_cosh):
        compiled(loss).save(tmp_path / "model.keras")
        with pytest.raises(exports.ExportError, match=REGRESSION):
            Classifier(keras.saving.load_model(tmp_path / "model.keras"), None, None)


def own_loss(y, y_pred):
    return keras.ops.mean(keras.ops.square(y - y_pred))


CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy
BINARY = keras.losses.BinaryCrossentropy


@pytest.mark.parametrize(
    ("loss", "units", "activation", "from_logits"),
    [
        (CROSS_ENTROPY(from_logits=True), 3, "linear", True),
        ("sparse_categorical_crossentropy", 3, "softmax", False),
        (keras.losses.CategoricalCrossentropy(True, label_smoothing=0.1), 3, "linear", True),
        (keras.losses.CategoricalFocalCrossentropy(), 3, "softmax", False),
        (keras.losses.CategoricalGeneralizedCrossEntropy(), 3, "softmax", False),
        ("kl_divergence", 3, "softmax", False),
        ("dice", 3, "softmax", False),
        (BINARY(from_logits=True), 1, "linear", True),
        ("binary_crossentropy", 1, "sigmoid", False),
        (functools.partial(keras.losses.binary_crossentropy, from_logits=True), 1, "linear", True),
        ([CROSS_ENTROPY(from_logits=True)], 3, "linear", True),
        (own_loss, 3, "linear", True),
        ("no_loss_of_keras", 3, "softmax", False),
    ],
)
def test_a_loss_that_agrees_or_is_not_known_is_accepted(loss, units, activation, from_logits):
    model = compiled(loss, units, activation)
    assert Classifier(model, None, None).from_logits is from_logits
    assert Classifier(model, None, from_logits).from_logits is from_logits


@pytest.mark.parametrize(
    ("loss", "units", "activation", "from_logits", "message"),
    [
        (
            "sparse_categorical_crossentropy",
            3,
            "linear",
            None,
            r"probabilities, .* sparse_categorical_crossentropy\(from_logits=False\), "
            "while the last activation gives logits. End the model with",
        ),
        (BINARY(), 1, "linear", None, "the last activation gives logits"),
        ("dice", 3, "linear", None, "probabilities, .* gives logits"),
        (
            CROSS_ENTROPY(from_logits=True),
            3,
            "softmax",
            None,
            "logits, .* gives probabilities. Compile it with from_logits=False",
        ),
        (BINARY(from_logits=True), 1, "sigmoid", None, "logits, .* gives probabilities"),
        (
            "categorical_crossentropy",
            3,
            "softmax",
            True,
            "from_logits=True means logits. Pass from_logits=False",
        ),
        (
            CROSS_ENTROPY(from_logits=True),
            3,
            "tanh",
            False,
            "from_logits=False means probabilities. Pass from_logits=True",
        ),
    ],
)
def test_outputs_are_served_as_the_loss_takes_them(loss, units, activation, from_logits, message):
    with pytest.raises(exports.ExportError, match=f"`model` must return .*{message}"):
        Classifier(compiled(loss, units, activation), None, from_logits)


@pytest.mark.parametrize("loss", [None, own_loss])
def test_one_linear_output_without_a_loss_of_keras_needs_from_logits(loss):
    model = compiled(loss, 1)
    with pytest.raises(exports.ExportError, match=r"one linear output is.* pass from_logits=True"):
        Classifier(model, None, None)
    assert Classifier(model, None, True).class_names == ("0", "1")


def test_a_binary_classifier_of_logits_can_be_made_smaller(tmp_path):
    model = compiled(BINARY(from_logits=True), 1)
    exports.export(model, tmp_path, remove_dead_units=True, fold=True, warmup=())
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    answer = exports.load(tmp_path).predict(x)["probabilities"][:, 1]
    logit = model.predict(x, verbose=0)[:, 0]
    np.testing.assert_allclose(answer, 1 / (1 + np.exp(-logit)), atol=1e-6)
