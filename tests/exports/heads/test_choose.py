import functools

import keras
import numpy as np
import pytest
from keras import layers

from occam import exports, zoo
from occam.exports.heads.choose import output_names
from occam.exports.served_model import ServedModel
from occam.zoo.layers import DropConnect

CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy
BINARY = keras.losses.BinaryCrossentropy
CHOICES = "one of 'classification', 'multilabel', 'regression', 'outputs'"


def model_with(*last):
    return keras.Sequential([keras.Input((4,)), layers.Dense(5, activation="relu"), *last])


def compiled(loss, units=3, activation=None):
    model = model_with(layers.Dense(units, activation=activation, name="last"))
    model.compile("sgd", loss)
    return model


def own_loss(y, y_pred):
    return keras.ops.mean(keras.ops.square(y - y_pred))


class HalfSquare(keras.losses.MeanSquaredError):
    """A subclass of a Keras loss."""


@pytest.mark.parametrize(
    ("loss", "units", "activation", "task"),
    [
        ("mse", 1, "linear", "regression"),
        ("mae", 3, "linear", "regression"),
        ("mse", 3, "relu", "regression"),
        (keras.losses.Huber(), 2, "linear", "regression"),
        (functools.partial(keras.losses.huber, delta=2.0), 1, "linear", "regression"),
        (HalfSquare(), 1, "linear", "regression"),
        ("poisson", 1, "exponential", "regression"),
        (["mse"], 1, "linear", "regression"),
        ({"last": keras.losses.MeanSquaredError()}, 1, "linear", "regression"),
        (zoo.losses.StandardizedSquaredError([1.0]), 1, "linear", "regression"),
        (zoo.losses.CategoricalCrossentropy(), 3, "linear", "classification"),
        (CROSS_ENTROPY(from_logits=True), 3, "linear", "classification"),
        ("sparse_categorical_crossentropy", 3, "softmax", "classification"),
        ("kl_divergence", 3, "softmax", "classification"),
        (BINARY(from_logits=True), 1, "linear", "classification"),
        (BINARY(from_logits=True), 3, "linear", "multilabel"),
        ("binary_crossentropy", 3, "sigmoid", "multilabel"),
        ("binary_crossentropy", 1, "sigmoid", "classification"),
        (None, 3, "softmax", "classification"),
        (None, 3, "sigmoid", "multilabel"),
        (None, 1, "sigmoid", "classification"),
        (own_loss, 3, "softmax", "classification"),
        ("no_loss_of_keras", 3, "softmax", "classification"),
    ],
)
def test_the_loss_or_the_last_activation_tells_the_task(loss, units, activation, task):
    assert ServedModel(compiled(loss, units, activation)).head.task == task


def test_the_loss_is_known_after_saving_and_loading(tmp_path):
    for loss in ("mae", keras.losses.MeanSquaredError(), keras.losses.log_cosh):
        compiled(loss).save(tmp_path / "model.keras")
        head = ServedModel(keras.saving.load_model(tmp_path / "model.keras")).head
        assert head.task == "regression"


@pytest.mark.parametrize("loss", [None, own_loss])
@pytest.mark.parametrize(("units", "logit"), [(1, "logit of the second of two"), (3, "logits of")])
def test_a_linear_output_without_a_known_loss_is_refused_with_the_choices(
    loss, units, logit, tmp_path
):
    message = f"`task` must be {CHOICES}, .* with {units} unit.*Pass task='classification' for "
    with pytest.raises(exports.ExportError, match=f"{message}the {logit}"):
        exports.export(compiled(loss, units), tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("units", "told", "task"),
    [
        (1, {"task": "regression"}, "regression"),
        (1, {"task": "classification"}, "classification"),
        (1, {"task": "multilabel"}, "multilabel"),
        (3, {"task": "outputs"}, "outputs"),
        (3, {"class_names": ["a", "b", "c"]}, "classification"),
        (1, {"from_logits": True}, "classification"),
        (3, {"from_logits": True}, "classification"),
        (1, {"target_names": ["price"]}, "regression"),
        (3, {"thresholds": [0.5, 0.4, 0.3]}, "multilabel"),
    ],
)
def test_a_linear_output_means_what_is_told(units, told, task):
    assert ServedModel(compiled(None, units), **told).head.task == task


def test_one_unit_is_not_classified_by_its_names():
    with pytest.raises(exports.ExportError, match=CHOICES):
        ServedModel(compiled(None, 1), class_names=["no", "yes"])


@pytest.mark.parametrize(
    ("loss", "units", "activation", "told", "why"),
    [
        ("mse", 3, "softmax", {}, "loss mean_squared_error means regression; .* softmax means cla"),
        ("mse", 1, "sigmoid", {}, "means regression; the activation sigmoid means classification"),
        ("mse", 3, "linear", {"from_logits": True}, "`from_logits` means classification"),
        ("mse", 3, "linear", {"class_names": "abc"}, "`class_names` means classification"),
        ("binary_crossentropy", 3, "softmax", {}, "means multilabel; .* softmax means class"),
        (CROSS_ENTROPY(), 3, "sigmoid", {}, "means classification; .* sigmoid means multilabel"),
        (CROSS_ENTROPY(), 3, "softmax", {"target_names": "abc"}, "`target_names` or `intervals`"),
        ("hinge", 3, "linear", {}, "compiled with hinge, a loss for margins, not probabilities"),
        ("hinge", 3, "softmax", {}, "compiled with hinge"),
        (keras.losses.Circle(), 3, "linear", {}, "a loss for embeddings"),
        (keras.losses.CTC(), 3, "linear", {}, "a loss for sequences"),
        ("dice", 3, "softmax", {}, "a loss for masks"),
        ("cosine_similarity", 3, "linear", {}, "a loss for directions"),
        (CROSS_ENTROPY(), 1, "linear", {}, "constant for a single output"),
        (None, 3, "tanh", {}, "not compiled, ending in Dense 'last' with tanh"),
    ],
)
def test_a_head_that_could_mean_two_things_is_refused(loss, units, activation, told, why):
    with pytest.raises(exports.ExportError, match=f"`task` must be {CHOICES}, .*{why}"):
        ServedModel(compiled(loss, units, activation), **told)


@pytest.mark.parametrize(
    ("loss", "activation", "task", "why"),
    [
        ("mse", "linear", "classification", "mean_squared_error, a loss for regression"),
        ("binary_crossentropy", "sigmoid", "regression", "a loss for multilabel"),
        ("mse", "linear", "multilabel", "mean_squared_error, a loss for regression"),
        ("hinge", "linear", "classification", "hinge, a loss for margins"),
        ("binary_crossentropy", "linear", "classification", "a loss for multilabel"),
        (CROSS_ENTROPY(from_logits=True), "linear", "multilabel", "a loss for classification"),
    ],
)
def test_a_task_that_contradicts_the_loss_is_refused(loss, activation, task, why):
    message = f"`task` must fit the loss .* task='{task}' .*compiled with .*{why}"
    with pytest.raises(exports.ExportError, match=message):
        ServedModel(compiled(loss, 3, activation), task=task)


def test_values_and_outputs_can_always_be_told():
    for loss in (CROSS_ENTROPY(from_logits=True), "hinge", None):
        assert ServedModel(compiled(loss), task="outputs").head.task == "outputs"
    for loss in (own_loss, "hinge", None):
        assert ServedModel(compiled(loss), task="regression").head.task == "regression"
    assert ServedModel(compiled("mse", 3, "softmax"), task="classification").head.names[2] == "2"


@pytest.mark.parametrize(
    ("loss", "units", "activation", "from_logits"),
    [
        (CROSS_ENTROPY(from_logits=True), 3, "linear", True),
        ("sparse_categorical_crossentropy", 3, "softmax", False),
        (keras.losses.CategoricalCrossentropy(True, label_smoothing=0.1), 3, "linear", True),
        (keras.losses.CategoricalFocalCrossentropy(), 3, "softmax", False),
        (keras.losses.CategoricalGeneralizedCrossEntropy(), 3, "softmax", False),
        (BINARY(from_logits=True), 1, "linear", True),
        (BINARY(from_logits=True), 3, "linear", True),
        ("binary_crossentropy", 3, "sigmoid", False),
        (functools.partial(keras.losses.binary_crossentropy, from_logits=True), 1, "linear", True),
        ([CROSS_ENTROPY(from_logits=True)], 3, "linear", True),
    ],
)
def test_a_loss_that_agrees_is_accepted(loss, units, activation, from_logits):
    model = compiled(loss, units, activation)
    assert ServedModel(model).head.from_logits is from_logits
    assert ServedModel(model, from_logits=from_logits).head.from_logits is from_logits


@pytest.mark.parametrize(
    ("loss", "units", "activation", "told", "message"),
    [
        (
            "sparse_categorical_crossentropy",
            3,
            "linear",
            {},
            r"probabilities, .* sparse_categorical_crossentropy\(from_logits=False\), "
            "while the last activation gives logits. End the model with",
        ),
        (BINARY(), 1, "linear", {}, "the last activation gives logits"),
        (BINARY(), 3, "linear", {}, "the last activation gives logits"),
        (
            CROSS_ENTROPY(from_logits=True),
            3,
            "softmax",
            {},
            "logits, .* gives probabilities. Compile it with from_logits=False",
        ),
        (BINARY(from_logits=True), 1, "sigmoid", {}, "logits, .* gives probabilities"),
        (
            "categorical_crossentropy",
            3,
            "softmax",
            {"from_logits": True},
            "from_logits=True means logits. Pass from_logits=False",
        ),
        (
            CROSS_ENTROPY(from_logits=True),
            3,
            "tanh",
            {"from_logits": False},
            "from_logits=False means probabilities. Pass from_logits=True",
        ),
        (
            "dice",
            3,
            "softmax",
            {"from_logits": True, "task": "classification"},
            r"dice\(from_logits=False\)",
        ),
    ],
)
def test_outputs_are_served_as_the_loss_takes_them(loss, units, activation, told, message):
    with pytest.raises(exports.ExportError, match=f"`model` must return .*{message}"):
        ServedModel(compiled(loss, units, activation), **told)


@pytest.mark.parametrize(
    ("loss", "told", "message"),
    [
        ("mse", {"temperature": 2.0}, "`temperature` must be 1.0 for the task 'regression', since"),
        (BINARY(True), {"temperature": 2.0}, "1.0 for the task 'multilabel'"),
        ("mse", {"thresholds": [0.5] * 3, "task": "regression"}, "`thresholds` must be None for"),
        ("mse", {"class_names": "abc", "task": "regression"}, "only for classification and mult"),
        (BINARY(True), {"target_names": "abc", "task": "multilabel"}, "only for regression"),
        ("mse", {"target_names": ["a", "b"]}, "`target_names` must be a list of 3 names"),
        ("mse", {"target_names": ["a", "b", "a"]}, r"`target_names` must differ. .*\['a'\]"),
        (BINARY(True), {"thresholds": [0.5]}, r"`thresholds` must be 3 numbers in \[0, 1\)"),
        (BINARY(True), {"thresholds": [0.5, 1.0, 0.1]}, r"`thresholds` must be 3 numbers"),
        (BINARY(True), {"thresholds": "many"}, r"`thresholds` must be 3 numbers"),
        ("mse", {"task": "ranking"}, f"`task` must be {CHOICES}"),
    ],
)
def test_an_argument_of_another_task_is_refused(loss, told, message):
    with pytest.raises(ValueError, match=message):
        ServedModel(compiled(loss), **told)


def test_a_model_of_two_outputs_is_no_classifier():
    x = keras.Input((4,))
    model = keras.Model(x, [layers.Dense(3)(x), layers.Dense(2)(x)])
    message = r"one output of shape \(batch, units\) for the task 'classification'\. .*None, 3"
    with pytest.raises(exports.ExportError, match=message):
        ServedModel(model, task="classification")


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        (lambda x: [layers.Dense(3, name="a")(x), layers.Dense(2)(x)], ("a", "outputs_1")),
        (lambda x: {"b": layers.Dense(3)(x), "a": layers.Dense(1)(x)}, ("a", "b")),
        (lambda x: {"a": [layers.Dense(3)(x), layers.Dense(1)(x)]}, ("a_0", "a_1")),
        (lambda x: layers.Reshape((2, 2))(x), ("outputs",)),
        (lambda x: layers.Reshape((2, 2), name="grid")(x), ("grid",)),
        (lambda x: keras.ops.reshape(x, (-1, 2, 2)), ("outputs",)),
        (lambda x: layers.GRU(2, return_sequences=True)(layers.Reshape((2, 2))(x)), ("outputs",)),
    ],
)
def test_outputs_have_the_names_that_they_were_given(outputs, names):
    x = keras.Input((4,))
    model = keras.Model(x, outputs(x))
    assert output_names(model.output) == names
    assert ServedModel(model).head.names == names


def test_output_names_must_be_ascii():
    x = keras.Input((4,))
    model = keras.Model(x, {"größe": layers.Dense(3)(x)})
    with pytest.raises(exports.ExportError, match=r"output names of ASCII .*\['größe'\]"):
        ServedModel(model)


@pytest.mark.parametrize("wrapper", [layers.SpectralNormalization, lambda d: DropConnect(d, 0.5)])
def test_a_wrapped_last_layer_is_served(wrapper, tmp_path):
    model = model_with(wrapper(layers.Dense(3, activation="softmax")))
    exports.export(model, tmp_path, warmup=())
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    answer = exports.load(tmp_path).predict(x)["probabilities"]
    np.testing.assert_allclose(answer, model.predict(x, verbose=0), atol=1e-6)


def test_from_logits_overrules_the_activation(tmp_path):
    model = model_with(layers.Dense(3), layers.ReLU())
    exports.export(model, tmp_path, from_logits=True)
    answer = exports.load(tmp_path).predict(np.ones((1, 4)))
    np.testing.assert_allclose(answer["probabilities"].sum(), 1, atol=1e-6)
