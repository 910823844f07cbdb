import copy
import pickle
import threading
import types
from typing import Any

import keras
import numpy as np
import pytest
import scipy.sparse
from keras import layers, losses

from occam import zoo
from occam.callbacks import LossLedger, weight_penalty
from occam.callbacks.penalty import LayerPenalties
from occam.zoo.training.engine import compile_model, fit

from ..conftest import Crash

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(50, 4)).astype("float32")
LABELS = np.arange(50) % 3
Y = np.eye(3, dtype="float32")[LABELS]
WEIGHTS = RANDOM.uniform(0.1, 2.0, 50).astype("float32")
PENALTIES = {"kernel_regularizer": "l2", "activity_regularizer": "l1"}


def body(**penalties):
    return [
        layers.Dense(8, "relu", **penalties),
        layers.Dropout(0.3, seed=1),
        layers.Dense(3, kernel_regularizer="l1", activation="softmax"),
    ]


def sequential():
    return keras.Sequential([keras.Input((4,)), *body(**PENALTIES)])


def functional():
    inputs = keras.Input((4,))
    shared = layers.Dense(4, kernel_regularizer="l2")  # counted once
    inner = keras.Sequential([keras.Input((4,)), *body(**PENALTIES)], name="inner")
    return keras.Model(inputs, inner(shared(shared(inputs))))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.parts = body(**PENALTIES)

    def call(self, inputs, training=False):
        for layer in self.parts:
            inputs = layer(inputs, training=training) if "drop" in layer.name else layer(inputs)
        return inputs


class Own(Subclassed):
    """A model with a custom `compute_loss`, as in Keras' documentation."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(keras.ops.square(y_pred - y)) + sum(self.losses)


def predict(model: Any, x=X) -> Any:
    """Outputs in inference mode; quicker than `model.predict`, which is traced first."""
    return keras.tree.map_structure(keras.ops.convert_to_numpy, model(x, training=False))


def cross_entropy(model, x=X, y=Y, weights=1.0):
    """The mean over samples, in inference mode."""
    return float(np.mean(weights * -np.log(np.sum(predict(model, x) * y, axis=1))))


def compiled(make=sequential, loss="categorical_crossentropy", **arguments):
    keras.utils.set_random_seed(0)
    model = make()
    model.compile(arguments.pop("optimizer", "adam"), loss, **arguments)
    return model


def train(model, *callbacks, epochs=2, y=Y, **arguments):
    arguments = {"validation_data": (X, y), "epochs": epochs, "verbose": 0, **arguments}
    return model.fit(X, y, callbacks=list(callbacks), shuffle=False, **arguments).history


def assert_balanced(history, tolerance=1e-6):
    get = {name: np.array(values) for name, values in history.items()}
    np.testing.assert_allclose(get["loss"], get["data_loss"] + get["penalty"], rtol=tolerance)
    smoothing = get.get("val_smoothing", 0.0)
    parts = get["val_data_loss"] + get["val_penalty"] + smoothing
    np.testing.assert_allclose(get["val_loss"], parts, rtol=tolerance)


@pytest.mark.parametrize("make", [sequential, functional, Subclassed])
def test_the_parts_add_up_and_nothing_else_changes(make):
    plain = train(compiled(make))
    model = compiled(make)
    history = train(model, LossLedger())
    assert_balanced(history)
    assert min(history["penalty"]) > 0.1
    for name in plain:
        assert history[name] == plain[name]  # to the bit
    assert set(model.evaluate(X, Y, verbose=0, return_dict=True)) == {"loss"}


def test_the_validation_data_loss_is_the_cross_entropy_alone():
    model = compiled()
    history = train(model, LossLedger())
    np.testing.assert_allclose(history["val_data_loss"][-1], cross_entropy(model), rtol=1e-5)
    activity = 0.01 * np.abs(model.layers[0](X)).sum(axis=1)
    sizes = np.diff([0, 32, 50])  # Keras divides an activity penalty by the size of the batch
    batches = [part.mean() for part in np.split(activity, [32])]
    expected = float(weight_penalty(model)) + np.average(batches, weights=sizes)
    np.testing.assert_allclose(history["val_penalty"][-1], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"steps_per_execution": 3},
        {"run_eagerly": True},
        {"optimizer": keras.optimizers.Adam(gradient_accumulation_steps=2)},
        {"jit_compile": True},
    ],
    ids=["several steps an execution", "eager", "gradient accumulation", "XLA"],
)
def test_ways_to_run(arguments):
    if "optimizer" in arguments:
        arguments = {"optimizer": type(o := arguments["optimizer"]).from_config(o.get_config())}
    assert_balanced(train(compiled(**arguments), LossLedger()))


def test_sample_weights():
    model = compiled()
    history = train(
        model, LossLedger(), sample_weight=WEIGHTS, validation_data=(X, Y, WEIGHTS), batch_size=7
    )
    assert_balanced(history)
    own = cross_entropy(model, weights=WEIGHTS)
    np.testing.assert_allclose(history["val_data_loss"][-1], own, rtol=1e-5)


CLASS_WEIGHT = {0: 0.5, 2: 4.0}  # and 1 for the other
OF_CLASS = np.array([0.5, 1.0, 4.0])[LABELS]


@pytest.mark.parametrize(
    ("form", "smoothing"),
    [("one-hot", 0.3), ("numbers", 0.0), ("dataset", 0.0), ("validation_split", 0.0)],
)
def test_class_weights_hold_for_train_eval_and_validation_samples(form, smoothing):
    numbers = form == "numbers"
    loss = losses.CategoricalCrossentropy(label_smoothing=smoothing)
    model = compiled(loss="sparse_categorical_crossentropy" if numbers else loss)
    data, arguments = (X, LABELS if numbers else Y), {}
    train_on, validation = data, data
    if form == "dataset":
        import tensorflow as tf

        data = tf.data.Dataset.from_tensor_slices(data).batch(20)
        train_on, validation = (data,), data
    train_eval = data
    if form == "validation_split":
        train_eval, validation, arguments = 1.0, None, {"validation_split": 0.2}
    history = model.fit(
        *train_on,
        class_weight=CLASS_WEIGHT,
        validation_data=validation,
        **arguments,
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=[LossLedger(train_eval)],
    ).history
    parts = ["val_data_loss", "val_penalty", "val_weighting"]
    parts += ["val_smoothing"] if smoothing else []
    total = np.sum([history[part] for part in parts], axis=0)
    np.testing.assert_allclose(history["val_loss"], total, rtol=1e-5)
    np.testing.assert_allclose(
        history["loss"], np.add(history["data_loss"], history["penalty"]), rtol=1e-5
    )
    trained, held = slice(None), slice(None)
    if form == "validation_split":
        trained, held = slice(40), slice(40, None)
    for name, part in (("train_eval_loss", trained), ("val_data_loss", held)):
        own = cross_entropy(model, X[part], Y[part], OF_CLASS[part])
        np.testing.assert_allclose(history[name][-1], own, rtol=1e-5)
    gap = np.subtract(history["val_data_loss"], history["train_eval_loss"])
    np.testing.assert_allclose(history["gap_loss"], gap)
    if not smoothing:
        plain = cross_entropy(model, X[held], Y[held])
        unweighted = history["val_data_loss"][-1] + history["val_weighting"][-1]
        np.testing.assert_allclose(unweighted, plain, rtol=1e-5)


def test_class_weights_of_one_fit_are_not_those_of_the_next():
    model = compiled()
    for class_weight in (CLASS_WEIGHT, {0: 3.0}, None, CLASS_WEIGHT):
        history = train(model, LossLedger(1.0), class_weight=class_weight, epochs=1)
        weights = np.array([(class_weight or {}).get(k, 1.0) for k in LABELS])  # pyright: ignore[reportCallIssue]
        own = cross_entropy(model, weights=weights)
        np.testing.assert_allclose(history["train_eval_loss"][-1], own, rtol=1e-5)
        np.testing.assert_allclose(history["val_data_loss"][-1], own, rtol=1e-5)
        assert ("val_weighting" in history) == bool(class_weight)


def test_sample_weights_of_validation_replace_class_weights():
    model = compiled()
    history = train(
        model, LossLedger(1.0), class_weight=CLASS_WEIGHT, validation_data=(X, Y, WEIGHTS)
    )
    own = cross_entropy(model, weights=WEIGHTS)
    np.testing.assert_allclose(history["val_data_loss"][-1], own, rtol=1e-5)
    assert "val_weighting" not in history


@pytest.mark.parametrize("frequency", [1, 2])
def test_train_eval_and_validation_must_both_have_weights(frequency):
    often = {"validation_freq": frequency}
    message = "Received: train_eval with weights, validation without weights"
    with pytest.raises(ValueError, match=message):
        train(compiled(), LossLedger(0.5), sample_weight=WEIGHTS, **often)
    message = "Received: train_eval without weights, validation with weights"
    with pytest.raises(ValueError, match=message):
        train(compiled(), LossLedger(0.5), validation_data=(X, Y, WEIGHTS), **often)
    history = train(compiled(), LossLedger((X, Y)), sample_weight=WEIGHTS, **often)
    assert "gap_loss" in history  # both without
    assert "val_data_loss" in train(compiled(), LossLedger(), sample_weight=WEIGHTS)


def test_mixed_precision_with_a_scaled_loss():
    def half():
        inputs = keras.Input((4,))
        hidden = layers.Dense(8, kernel_regularizer="l2", dtype="mixed_float16")(inputs)
        return keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden))

    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    assert_balanced(train(compiled(half, optimizer=scaled), LossLedger()))


def two_outputs():
    inputs = keras.Input((4,))
    hidden = layers.Dense(8, kernel_regularizer="l2")(inputs)
    a = layers.Dense(3, "softmax", name="a")(hidden)
    b = layers.Dense(1, name="b", kernel_regularizer="l1")(hidden)
    return keras.Model(inputs, {"a": a, "b": b})


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_several_outputs(smoothing):
    loss = {"a": losses.CategoricalCrossentropy(label_smoothing=smoothing), "b": "mse"}
    weights = {"a": 0.5, "b": 2.0}
    y = {"a": Y, "b": X[:, :1]}
    plain = train(compiled(two_outputs, loss, loss_weights=weights), y=y)
    model = compiled(two_outputs, loss, loss_weights=weights)
    history = train(model, LossLedger(), y=y)
    assert_balanced(history)
    assert {name: history[name] for name in plain} == plain  # also the losses of each output
    outputs = predict(model)
    a = -np.mean(np.log(np.sum(outputs["a"] * Y, axis=1)))
    b = np.mean((outputs["b"] - y["b"]) ** 2)
    np.testing.assert_allclose(history["val_data_loss"][-1], 0.5 * a + 2.0 * b, rtol=1e-5)
    assert ("val_smoothing" in history) == bool(smoothing)


def test_label_smoothing_is_kept_out_of_validation_and_train_eval_losses():
    model = compiled(loss=losses.CategoricalCrossentropy(label_smoothing=0.3))
    history = train(model, LossLedger((X, Y)))
    assert_balanced(history)
    assert "smoothing" not in history
    own = cross_entropy(model)
    np.testing.assert_allclose(history["val_data_loss"][-1], own, rtol=1e-5)
    np.testing.assert_allclose(history["train_eval_loss"][-1], own, rtol=1e-5)
    assert abs(history["val_smoothing"][-1]) > 1e-3


def test_a_custom_compute_loss():
    model = compiled(Own)
    history = train(model, LossLedger())
    assert_balanced(history)
    own = np.mean((predict(model) - Y) ** 2)
    np.testing.assert_allclose(history["val_data_loss"][-1], own, rtol=1e-4)


def test_losses_by_add_loss_alone():
    class Penalized(layers.Layer):
        def call(self, inputs):
            self.add_loss(0.5 * keras.ops.mean(inputs**2))
            return inputs

    inputs = keras.Input((4,))
    model = keras.Model(inputs, Penalized()(layers.Dense(2)(inputs)))
    model.compile("sgd")
    history = model.fit(X, epochs=1, callbacks=[LossLedger()], verbose=0).history
    assert history["data_loss"] == [0.0]
    assert history["penalty"] == history["loss"]


def test_sharpness_aware_training():
    model = sequential()
    trainer = zoo.SharpnessAware(model, rho=0.05)
    trainer.compile("adam", "categorical_crossentropy", steps_per_execution=2)
    history = train(trainer, LossLedger())
    assert_balanced(history)
    assert all(f"penalty/{path}" in history for path in LayerPenalties(model)())


def test_a_metric_of_the_same_name_is_not_logged_twice():
    def data_loss(y_true, y_pred):
        return keras.losses.categorical_crossentropy(y_true, y_pred)

    history = train(compiled(metrics=[data_loss, "accuracy"]), LossLedger())
    assert_balanced(history)
    names = {"loss", "data_loss", "penalty", "accuracy"}
    assert {n for n in history if "/" not in n} == names | {f"val_{n}" for n in names}


@pytest.fixture(scope="module")
def mnist1d(data_dir):
    return zoo.load_data("mnist1d", data_dir=data_dir)


def test_the_parts_add_up_on_mnist1d(mnist1d):
    regularization = zoo.Regularization(l2=1e-4, l1=1e-5, dropout=0.2, activity_l2=1e-4)
    model = zoo.create_model(
        "mlp",
        input_shape=mnist1d.input_shape,
        num_classes=mnist1d.num_classes,
        regularization=regularization,
    )
    compile_model(model, mnist1d, regularization, epochs=3, learning_rate=1e-3)
    ledger = LossLedger(mnist1d.epochs(seed=0).take(mnist1d.steps_per_epoch), fraction=0.25)
    history = fit(model, mnist1d, regularization, epochs=3, seed=0, callbacks=[ledger])
    assert_balanced(history)
    assert len(history["loss"]) == 3
    assert min(history["penalty"]) > 1e-3
    gap = np.subtract(history["val_data_loss"], history["train_eval_loss"])
    np.testing.assert_allclose(history["gap_loss"], gap)
    np.testing.assert_allclose(
        history["gap_accuracy"],
        np.subtract(history["train_eval_accuracy"], history["val_accuracy"]),
    )


def test_the_gap_of_a_metric_is_positive_if_validation_samples_are_worse():
    """The training targets are those of the initial model; the validation targets are noisy."""
    model = compiled(
        lambda: keras.Sequential([keras.Input((4,)), layers.Dense(2)]),
        "mse",
        optimizer=keras.optimizers.SGD(0.0),
        metrics=["mae", keras.metrics.RootMeanSquaredError(), keras.metrics.R2Score()],
        weighted_metrics=["mape", lambda y, outputs: 0.0 * outputs],
    )
    y = predict(model)
    worse = y + RANDOM.normal(size=y.shape)
    ledger = LossLedger(train_eval=(X, y))
    history = model.fit(X, y, validation_data=(X, worse), callbacks=[ledger], verbose=0).history
    names = {name.removeprefix("gap_") for name in history if name.startswith("gap_")}
    assert names == {"loss", "mae", "root_mean_squared_error", "r2_score", "mape"}
    for name in names - {"loss"}:
        difference = history[f"val_{name}"][0] - history[f"train_eval_{name}"][0]
        assert history[f"gap_{name}"][0] == pytest.approx(abs(difference))
        assert abs(difference) > 0.1


def test_gaps_of_several_outputs_and_of_a_value_for_each_label():
    metrics = {"a": [keras.metrics.F1Score(), keras.metrics.AUC()], "b": "mse"}
    model = compiled(two_outputs, {"a": "categorical_crossentropy", "b": "mae"}, metrics=metrics)
    y = {"a": Y, "b": X[:, :1]}
    data = (X[:40], keras.tree.map_structure(lambda part: part[:40], y))
    history = train(model, LossLedger(train_eval=data), y=y)
    signs = {"a_f1_score": 1, "a_auc": 1, "b_mse": -1}
    assert {n for n in history if n.startswith("gap_")} == {
        "gap_loss",
        *(f"gap_{n}" for n in signs),
    }
    for name, sign in signs.items():
        lead = np.subtract(history[f"train_eval_{name}"], history[f"val_{name}"])
        np.testing.assert_allclose(history[f"gap_{name}"], sign * lead)
    assert np.shape(history["gap_a_f1_score"]) == (2, 3)


def test_penalties_of_layers():
    model = compiled(functional)
    history = train(model, LossLedger(), epochs=1)
    costs = {n: v[0] for n, v in history.items() if n.startswith("penalty/")}
    assert set(costs) == {f"penalty/{layer.path}" for layer in penalized(model)}
    assert len(costs) == 3
    np.testing.assert_allclose(sum(costs.values()), float(weight_penalty(model)), rtol=1e-6)


def penalized(model):
    found = [layer for layer in model._flatten_layers() if isinstance(layer, layers.Dense)]
    return [layer for layer in found if layer.kernel_regularizer is not None]


def test_a_frozen_layer_has_no_penalty():
    model = sequential()
    model.layers[0].trainable = False
    assert set(LayerPenalties(model)()) == {model.layers[2].path}


def test_train_eval_is_inference_on_a_fraction_of_the_samples():
    model = compiled(metrics=["accuracy"])
    history = train(model, LossLedger((X, Y), fraction=0.3, batch_size=5))
    part = np.arange(15) * 50 // 15
    own = cross_entropy(model, X[part], Y[part])
    np.testing.assert_allclose(history["train_eval_loss"][-1], own, rtol=1e-5)
    right = predict(model, X[part]).argmax(1) == LABELS[part]
    np.testing.assert_allclose(history["train_eval_accuracy"][-1], np.mean(right))


def test_train_eval_as_a_number_is_a_fraction_of_the_training_data():
    model = compiled()
    arguments = {"validation_data": None, "validation_split": 0.2}
    history = train(model, LossLedger(1.0), sample_weight=WEIGHTS, **arguments)
    own = cross_entropy(model, X[:40], Y[:40], WEIGHTS[:40])
    np.testing.assert_allclose(history["train_eval_loss"][-1], own, rtol=1e-5)
    np.testing.assert_allclose(
        history["gap_loss"], np.subtract(history["val_data_loss"], history["train_eval_loss"])
    )


def as_pandas(x, y, w):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(x), pandas.Series(y), pandas.Series(w)


def as_tensors(*arrays):
    return tuple(map(keras.ops.convert_to_tensor, arrays))


def as_sparse(x, y, w):
    return scipy.sparse.csr_matrix(x), y, w


@pytest.mark.parametrize("form", [as_pandas, as_tensors, as_sparse])
def test_every_form_of_data_gives_the_history_of_arrays(form):
    def history(data, validation):
        model = compiled(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        x, y, weights = data
        callbacks, settings = [LossLedger(0.5)], {"epochs": 2, "shuffle": False, "verbose": 0}
        logs = model.fit(
            x, y, sample_weight=weights, validation_data=validation, callbacks=callbacks, **settings
        ).history
        return np.array([values for name, values in sorted(logs.items()) if "/" not in name])

    arrays = (X, LABELS, WEIGHTS)
    expected, data = history(arrays, arrays), form(*arrays)
    for validation in (data, arrays):  # a pandas Series becomes a column in Keras
        np.testing.assert_allclose(history(data, validation), expected, rtol=1e-5)


def test_without_validation_there_is_no_gap():
    history = train(compiled(), LossLedger(0.5), validation_data=None)
    assert {n for n in history if "/" not in n} == {
        "loss",
        "data_loss",
        "penalty",
        "train_eval_loss",
    }


def test_fits_with_and_without_a_ledger_in_turn():
    model = compiled()
    plain = set(train(model))
    ledger = LossLedger()
    assert_balanced(train(model, ledger))
    assert set(train(model)) == plain
    assert_balanced(train(model, ledger))


class Traced(layers.Layer):
    """Count the traces in training."""

    traces = 0

    def call(self, inputs, training=False):
        self.traces += bool(training)
        return inputs


def test_steps_are_traced_once_for_all_fits_with_a_ledger():
    traced = Traced()
    model = compiled(lambda: keras.Sequential([keras.Input((4,)), traced, *body(**PENALTIES)]))
    train(model, LossLedger(), batch_size=25)
    before = traced.traces
    train(model, LossLedger(), batch_size=25)
    assert traced.traces == before
    train(model, batch_size=25)
    train(model, LossLedger(), batch_size=25)
    assert traced.traces == before + 1  # the step without a ledger
    model.compile("sgd", "mse")
    history = train(model, LossLedger(), batch_size=25)
    own = np.mean((predict(model) - Y) ** 2)
    np.testing.assert_allclose(history["val_data_loss"][-1], own, rtol=1e-5)


@pytest.mark.parametrize("recompile", [False, True])
def test_after_an_exception(recompile):
    model, ledger = compiled(), LossLedger()
    with pytest.raises(RuntimeError, match="crash"):
        train(model, ledger, Crash(0, "on_epoch_end"))
    if recompile:
        model.compile("adam", "categorical_crossentropy")
    assert_balanced(train(model, LossLedger()))  # another ledger repairs the model
    with pytest.raises(RuntimeError, match="crash"):
        train(model, ledger, Crash(0, "on_epoch_end"))
    ledger.close()
    ledger.close()
    assert "compute_loss" not in vars(model)
    assert set(model.evaluate(X, Y, verbose=0, return_dict=True)) == {"loss"}
    assert set(train(model)) == {"loss", "val_loss"}


class Raise(keras.callbacks.Callback):
    """Raise in one of the methods of a callback."""

    def __init__(self, method, error):
        super().__init__()
        self.error = error
        setattr(self, method, self._raise)

    def _raise(self, *arguments, **options):
        raise self.error


def interrupted(model, method, error):
    """End a `fit` with a ledger by an error; return the error with its traceback."""

    def batches():
        yield X[:10], Y[:10]
        raise error

    options = {"epochs": 1, "steps_per_epoch": 5, "verbose": 0, "shuffle": False}
    try:
        if method == "data":
            model.fit(batches(), **options, callbacks=[LossLedger()])
        else:
            train(model, LossLedger(), Raise(method, error), epochs=1)
    except (KeyboardInterrupt, Exception) as caught:
        assert "stop" in str(caught)  # noqa: PT017, TensorFlow has its own errors for data
        return caught
    raise AssertionError("it did not raise")


@pytest.mark.parametrize("kept", [True, False])
def test_nothing_of_the_ledger_is_left_however_fit_ends(kept):
    ends: dict[str, BaseException] = {
        "data": ValueError("stop"),
        "on_train_begin": ValueError("stop"),
        "on_train_batch_end": KeyboardInterrupt("stop"),
        "on_test_begin": ValueError("stop"),
        "on_epoch_end": KeyboardInterrupt("stop"),
    }
    model = compiled()
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    names = model.metrics_names
    for method, error in ends.items():
        caught = interrupted(model, method, error)
        if not kept:  # its traceback holds the frame of `fit`
            caught.__traceback__ = error.__traceback__ = None
            assert "compute_loss" not in vars(model)
            assert type(model._metrics) is list
        assert model.metrics_names == names
        loss, accuracy = model.evaluate(X, Y, verbose=0)
        np.testing.assert_allclose(model.test_on_batch(X, Y), [loss, accuracy], rtol=1e-4)
        history = train(model, epochs=1)
        assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
        assert "compute_loss" not in vars(model)
    assert_balanced(train(model, LossLedger()))


def test_fits_of_two_models_in_one_another_and_in_a_thread():
    inner, outer = compiled(), compiled()
    inside = []

    def fit_inner(epoch, logs):
        inside.append(train(inner, LossLedger()))

    nested = keras.callbacks.LambdaCallback(on_epoch_end=fit_inner)
    thread = threading.Thread(
        target=lambda: inside.append(train(outer, LossLedger(), nested, epochs=2))
    )
    thread.start()
    thread.join()
    assert len(inside) == 3
    for history in inside:
        assert_balanced(history)
    assert inner.metrics_names == outer.metrics_names == ["loss"]


def test_a_custom_training_loop_ends_the_ledger():
    model, ledger = compiled(), LossLedger()
    callbacks = keras.callbacks.CallbackList(
        [ledger], model=model, epochs=1, steps=1, verbose=0, add_history=True
    )
    callbacks.on_train_begin()
    assert set(model.train_on_batch(X, Y, return_dict=True)) == {"loss", "data_loss", "penalty"}
    callbacks.on_train_end()
    assert set(model.train_on_batch(X, Y, return_dict=True)) == {"loss"}


def test_two_ledgers_in_one_fit():
    model = compiled()
    assert_balanced(train(model, LossLedger(), LossLedger()))
    assert set(train(model)) == {"loss", "val_loss"}


def test_models_can_be_saved_loaded_and_copied(tmp_path):
    model = compiled(functional)
    within = tmp_path / "within.keras"
    checkpoint = keras.callbacks.ModelCheckpoint(within, save_freq="epoch")
    train(model, LossLedger(), checkpoint)
    model.save(tmp_path / "after.keras")
    again = [keras.models.load_model(path) for path in (within, tmp_path / "after.keras")]
    again += [
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        keras.models.clone_model(model),
    ]
    again[-1].set_weights(model.get_weights())
    expected = predict(model)
    for each in again:
        np.testing.assert_allclose(predict(each), expected, rtol=1e-5)
    assert set(train(again[0])) == {"loss", "val_loss"}


def test_a_copy_shares_the_data_and_not_the_model():
    ledger = LossLedger((X, Y))
    history = train(compiled(), ledger)
    twin = copy.deepcopy(ledger)
    assert twin.model is None
    assert twin.train_eval[0] is X
    assert train(compiled(), twin)["gap_loss"] == history["gap_loss"]


def test_the_progress_bar_is_readable(capsys):
    train(compiled(functional, metrics=["accuracy"]), LossLedger(0.5), verbose=2, epochs=1)
    line = capsys.readouterr().out
    assert line.count(" loss: ") == 1
    for name in ("data_loss", "penalty", "val_data_loss", "val_penalty", "gap_loss"):
        assert line.count(f" {name}: ") == 1
    assert "/dense" not in line
    assert "train_eval" not in line
    train(compiled(), LossLedger(), epochs=1)
    assert capsys.readouterr().out == ""


def test_later_callbacks_see_the_values():
    seen = {}

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.update(logs or {})

    history = train(compiled(), LossLedger(0.5), Look(), epochs=1)
    assert seen == {name: values[-1] for name, values in history.items()}
    assert all(type(value) is float for value in seen.values())


def test_a_training_step_that_bypasses_the_loss():
    class Bypass(keras.Model):
        def train_step(self, *arguments):
            logs = {"loss": keras.ops.ones(())}
            return (logs, arguments[0]) if len(arguments) > 1 else logs

    inputs = keras.Input((4,))
    model = Bypass(inputs, layers.Dense(3)(inputs))
    model.compile("sgd", "mse")
    message = "do not add up to `loss`.* Received: a Bypass with loss=1.0, data_loss=None"
    with pytest.raises(RuntimeError, match=message):
        train(model, LossLedger())


def test_replicas_are_refused():
    ledger = LossLedger()
    strategy = types.SimpleNamespace(num_replicas_in_sync=2)
    ledger.set_model(types.SimpleNamespace(distribute_strategy=strategy))
    with pytest.raises(RuntimeError, match="Received: a strategy with 2 replicas"):
        ledger.on_train_begin()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"train_eval": 0.0},
            r"must be a number in \(0, 1\]. Received: train_eval=0.0",
        ),
        ({"train_eval": True}, "Received: train_eval=True"),
        (
            {"train_eval": "train"},
            r"must be training data, as \(x, y\) .* Received: train_eval='train'",
        ),
        ({"train_eval": (X, Y), "fraction": 1.5}, r"`fraction` must be a number in \(0, 1\]"),
        (
            {"fraction": 0.5},
            r"must be 1 unless `train_eval` is data, .* Received: fraction=0.5",
        ),
        ({"train_eval": 0.5, "fraction": 0.5}, "Received: fraction=0.5, train_eval=0.5"),
        ({"train_eval": object(), "fraction": 0.5}, "known, finite size .* Received: fraction=0.5"),
    ],
)
def test_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        LossLedger(**arguments)


def test_a_fraction_needs_finite_data():
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(10)
    with pytest.raises(ValueError, match="known, finite size"):
        LossLedger(data.repeat(), fraction=0.5)
    with pytest.raises(ValueError, match=r"is given arrays.* Received: train_eval=0\.5"):
        compiled().fit(data, callbacks=[LossLedger(0.5)], shuffle=False, verbose=0)


class OwnStep(keras.Model):
    """A training step as in Keras' guide, which updates every metric with labels."""

    def __init__(self):
        super().__init__()
        self.head = layers.Dense(3, kernel_regularizer="l2", activation="softmax")

    def call(self, inputs):
        return self.head(inputs)

    def train_step(self, data):
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss: Any = self.compute_loss(x=x, y=y, y_pred=y_pred)
        weights: Any = self.trainable_weights
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the step is TensorFlow's")
def test_a_custom_train_step_may_update_every_metric():
    model = OwnStep()
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    logs = model.fit(X, Y, epochs=2, batch_size=25, verbose=0, callbacks=[LossLedger()]).history
    parts = np.add(logs["data_loss"], logs["penalty"])
    np.testing.assert_allclose(parts, logs["loss"], rtol=1e-5)
    assert len(logs["accuracy"]) == 2
    (path,) = [name for name in logs if name.startswith("penalty/")]
    np.testing.assert_allclose(logs[path][-1], float(weight_penalty(model)), rtol=1e-6)
