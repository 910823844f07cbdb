import copy
import pickle

import keras
import numpy as np
import pytest

from occam.callbacks import BackupAndRestore, EarlyStopping, ProximalPenalty, WeightAverage

from ..conftest import Crash

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(24, 3)).astype("float32") + 1
Y = (X @ np.array([1, -2, 0.5], "float32") + 0.1 * RANDOM.normal(size=24)).astype("float32")[
    :, None
]
RATE = 0.05


def linear(optimizer=None, **kwargs):
    """A model without a bias whose updates are simulated below."""
    dense = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False, name="dense")
    model = keras.Sequential([keras.Input((3,)), dense], name="linear")
    model.compile(optimizer or keras.optimizers.SGD(RATE), "mse", **kwargs)
    return model


def normalized():
    """A model with BatchNorm, dropout and Adam."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Dense(4),
        keras.layers.BatchNormalization(momentum=0.9),
        keras.layers.Dropout(0.2, seed=1),
        keras.layers.Dense(1),
    ]
    model = keras.Sequential([keras.Input((3,)), *layers], name="normalized")
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def fit(model, *callbacks, epochs=3, validate=True, **kwargs):
    return model.fit(
        X,
        Y,
        batch_size=4,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
        validation_data=(X, Y) if validate else None,
        **kwargs,
    )


def raw_weights(every=1, epochs=3):
    """The weights after each update of SGD, in float64."""
    w, gradients, weights = np.ones((3, 1)), [], []
    for _ in range(epochs):
        for start in range(0, 24, 4):
            x, y = X[start : start + 4], Y[start : start + 4]
            gradients.append(2 * x.T @ (x @ w - y) / 4)
            if len(gradients) == every:
                w = w - RATE * np.mean(gradients, 0)
                weights.append(w)
                gradients = []
    return weights


@pytest.mark.parametrize(
    ("steps", "every", "warmup", "start"),
    [(1, None, True, 1), (1, None, False, 0), (4, None, True, 0), (4, 2, True, 0)],
)
def test_ema_by_hand(steps, every, warmup, start):
    """The average of all updates, also within executions and with accumulated gradients."""
    optimizer = keras.optimizers.SGD(RATE, gradient_accumulation_steps=every)
    model = linear(optimizer, steps_per_execution=steps)
    average = WeightAverage(decay=0.7, warmup=warmup, start_epoch=start)
    logs = fit(model, average).history
    weights = raw_weights(every or 1)
    updates = len(weights) // 3  # in an epoch
    expected = weights[updates - 1] if start else np.ones((3, 1))
    for t, w in enumerate(weights[updates * start :]):
        d = min(0.7, (1 + t) / (10 + t)) if warmup else 0.7
        expected = d * expected + (1 - d) * w
    np.testing.assert_allclose(model.get_weights()[0], expected, atol=2e-6)
    assert logs["average/count"] == [updates * (epoch - start) for epoch in (1, 2, 3)]
    assert all(type(value) is float for value in logs["average/count"])
    average.swap_out()
    np.testing.assert_allclose(model.get_weights()[0], weights[-1], atol=2e-6)


class Recorder(keras.callbacks.Callback):
    """Record the weights at the end and at the beginning of epochs."""

    def on_train_begin(self, logs=None):
        self.ends, self.begins = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.begins.append(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(self.model.get_weights())


def assert_equal(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("validate", [True, False])
def test_swa_is_the_mean_of_the_epochs_exactly(validate):
    """The mean of all weights and of the statistics of BatchNorm."""
    plain, model, recorder = normalized(), normalized(), Recorder()
    fit(plain, recorder, epochs=5, validate=validate)
    average = WeightAverage("swa", start_epoch=2)
    fit(model, average, epochs=5, validate=validate)
    epochs = recorder.ends[2:]
    expected = [np.mean([np.float64(a) for a in w], 0) for w in zip(*epochs, strict=True)]
    assert_equal(model.get_weights(), [e.astype("float32") for e in expected])
    assert average.count == 3


@pytest.mark.parametrize(("method", "data"), [("ema", None), ("ema", X), ("swa", X)])
def test_training_goes_on_from_the_raw_weights_to_the_bit(method, data):
    plain, model = normalized(), normalized()
    fit(plain)
    average = WeightAverage(method, data=data)
    fit(model, average)
    averaged = model.get_weights()
    average.swap_out()
    assert_equal(model.get_weights(), plain.get_weights())
    assert_equal(model.optimizer.variables, plain.optimizer.variables)
    average.swap_in()
    assert_equal(model.get_weights(), averaged)
    assert all((a != b).any() for a, b in zip(averaged, plain.get_weights(), strict=True))


@pytest.mark.parametrize("method", ["ema", "swa"])
def test_later_callbacks_see_the_validated_weights(method, tmp_path):
    model, recorder = normalized(), Recorder()
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    logs = fit(model, WeightAverage(method), recorder, checkpoint).history
    for epoch in range(3):
        saved = keras.models.load_model(tmp_path / f"{epoch + 1}.keras")
        assert_equal(saved.get_weights(), recorder.ends[epoch])
        loss = saved.evaluate(X, Y, verbose=0)
        np.testing.assert_allclose(loss, logs["val_loss"][epoch], rtol=1e-5)
    assert_equal(model.get_weights(), recorder.ends[-1])
    assert (recorder.begins[2][0] != recorder.ends[1][0]).any()


def test_without_validation_later_callbacks_see_the_average_too():
    model, recorder = linear(), Recorder()
    fit(model, WeightAverage(decay=0.7), recorder, validate=False)
    assert_equal(recorder.ends[-1], model.get_weights())
    np.testing.assert_allclose(recorder.begins[2][0], raw_weights(epochs=2)[-1], atol=2e-6)


class Stop(keras.callbacks.Callback):
    """Stop after an epoch, or within it."""

    def __init__(self, epoch, batch=None):
        super().__init__()
        self.epoch, self.batch = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training |= (self.now, batch) == (self.epoch, self.batch)

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training |= epoch == self.epoch


@pytest.mark.parametrize(("batch", "validate"), [(None, True), (2, True), (2, False)])
def test_an_early_stop_ends_with_the_averaged_weights(batch, validate):
    model, recorder = linear(), Recorder()
    average = WeightAverage(decay=0.7)
    fit(model, Stop(1, batch), average, recorder, epochs=9, validate=validate)
    assert len(recorder.ends) == 2
    assert_equal(model.get_weights(), recorder.ends[-1])
    updates = 6 + (6 if batch is None else 3)
    assert average.count == updates
    average.swap_out()
    np.testing.assert_allclose(model.get_weights()[0], raw_weights()[updates - 1], atol=2e-6)


def test_early_stopping_restores_the_best_averaged_weights():
    model, recorder = linear(keras.optimizers.SGD(0.3)), Recorder()  # diverges
    stopping = EarlyStopping(monitor="val_loss", mode="max", patience=9)
    logs = fit(model, WeightAverage("swa"), recorder, stopping, epochs=4).history
    best = int(np.argmax(logs["val_loss"]))
    assert_equal(model.get_weights(), recorder.ends[best])


def test_predict_and_evaluate_change_no_weights():
    model, average = normalized(), WeightAverage()
    fit(model, average)
    before = model.get_weights()
    model.predict(X, verbose=0, callbacks=[average])
    model.evaluate(X, Y, verbose=0, callbacks=[average])
    assert_equal(model.get_weights(), before)
    average.swap_out()
    raw = model.get_weights()
    model.predict(X, verbose=0, callbacks=[average])
    model.evaluate(X, Y, verbose=0, callbacks=[average])
    assert_equal(model.get_weights(), raw)


@pytest.mark.parametrize(
    ("method", "hook", "swapped"),
    [
        ("ema", "on_train_batch_end", False),
        ("ema", "on_test_batch_end", True),
        ("ema", "on_epoch_end", True),
        ("swa", "on_epoch_end", True),
    ],
)
def test_after_an_exception_the_model_holds_one_set_of_weights(method, hook, swapped):
    model, average = linear(), WeightAverage(method)
    with pytest.raises(RuntimeError, match="crash"):
        fit(model, average, Crash(1, hook))
    assert average.swapped is swapped
    updates = 7 if hook == "on_train_batch_end" else 12
    held = model.get_weights()
    model.evaluate(X, Y, verbose=0, callbacks=[average])
    model.predict(X, verbose=0, callbacks=[average])
    assert_equal(model.get_weights(), held)
    average.swap_out()
    np.testing.assert_allclose(model.get_weights()[0], raw_weights()[updates - 1], atol=2e-6)
    plain = linear()
    for each in (plain, model):
        each.set_weights([np.ones((3, 1))])
        fit(each)
    assert_equal(plain.get_weights(), model.get_weights())  # the average has no effect any more


class Once:
    """Data that fails after the first batch of the second time."""

    def __init__(self):
        self.times = 0

    def __iter__(self):
        self.times += 1
        yield X[:5]
        if self.times > 1:
            raise RuntimeError("no data")


def test_an_exception_within_the_swap_leaves_the_raw_weights():
    plain, model = normalized(), normalized()
    fit(plain, epochs=2)
    average = WeightAverage(data=Once())
    with pytest.raises(RuntimeError, match="no data"):
        fit(model, average)
    assert not average.swapped
    assert_equal(model.get_weights(), plain.get_weights())


@pytest.mark.parametrize("method", ["ema", "swa"])
def test_statistics_of_batch_norm_are_those_of_the_averaged_weights(method):
    model = normalized()
    fit(model, WeightAverage(method, data=X, batch_size=7))
    kernel, bias, _, _, mean, variance = model.get_weights()[:6]
    inputs = X.astype("float64") @ kernel + bias
    np.testing.assert_allclose(mean, inputs.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(variance, inputs.var(0), rtol=1e-4)


def test_statistics_are_averaged_each_update_without_data():
    model, statistics = normalized(), []
    recorder = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: statistics.append(_synced(model).get_weights()[4])
    )
    plain = model.get_weights()[4]
    fit(model, WeightAverage(decay=0.5, warmup=False), recorder)
    expected = plain
    for value in statistics:
        expected = 0.5 * expected + 0.5 * value
    np.testing.assert_allclose(model.get_weights()[4], expected, rtol=1e-5)


def _synced(model):
    if keras.backend.backend() == "jax":
        model.jax_state_sync()
    return model


@pytest.mark.parametrize(("method", "validate"), [("ema", True), ("swa", False)])
def test_a_resumed_training_is_the_whole_one(tmp_path, method, validate):
    def callbacks(*others):
        average = WeightAverage(method, start_epoch=1, data=X)
        stopping = EarlyStopping(monitor="loss", patience=9)
        saved = BackupAndRestore(tmp_path, delete_checkpoint=False, callbacks=[average, stopping])
        return [*others, average, stopping, saved]

    whole, killed, resumed = (normalized() for _ in range(3))
    ours = callbacks()
    expected = fit(whole, *ours[:-1], epochs=5, validate=validate).history
    with pytest.raises(RuntimeError, match="crash"):
        fit(killed, *callbacks(Crash(3)), epochs=5, validate=validate)
    again = callbacks()
    assert fit(resumed, *again, epochs=5, validate=validate).history == expected
    assert_equal(resumed.get_weights(), whole.get_weights())
    ours[0].swap_out()
    again[0].swap_out()
    assert_equal(resumed.get_weights(), whole.get_weights())


def test_can_be_used_again_and_copied_and_pickled():
    average = WeightAverage(decay=0.9, data=[X[:12], (X[12:], Y[12:])])
    unused = pickle.loads(pickle.dumps(average))
    models = [normalized() for _ in range(4)]
    fit(models[0], average)
    used = copy.deepcopy(average)
    assert (used.count, used.swapped) == (0, False)
    for model, each in zip(models[1:], (average, unused, used), strict=True):
        fit(model, each)
        assert_equal(model.get_weights(), models[0].get_weights())


def test_a_data_set_is_copied_with_it():
    tf = pytest.importorskip("tensorflow")
    average = copy.deepcopy(WeightAverage(data=tf.data.Dataset.from_tensor_slices(X).batch(5)))
    model, other = normalized(), normalized()
    fit(model, average, epochs=1)
    fit(other, WeightAverage(data=X), epochs=1)
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_each_epoch_false_swaps_at_the_end_only():
    plain, model, recorder = linear(), linear(), Recorder()
    fit(plain, raw := Recorder())
    logs = fit(model, WeightAverage("swa", each_epoch=False), recorder).history
    assert_equal([w for (w,) in recorder.ends], [w for (w,) in raw.ends])
    assert logs["val_loss"] == plain.history.history["val_loss"]
    expected = np.mean([np.float64(w) for (w,) in raw.ends], 0).astype("float32")
    assert_equal(model.get_weights(), [expected])


def test_half_precision_is_averaged_in_float32():
    """A step of 0.001 of the difference would vanish in bfloat16."""
    dense = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False, dtype="bfloat16")
    model = keras.Sequential([keras.Input((3,)), dense])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    average = WeightAverage(decay=0.999, warmup=False)
    fit(model, average, epochs=50, validate=False)
    moved = average.get_state()["averages"][0]
    assert moved.dtype == "float32"
    assert (moved != 1).all()
    assert average.get_state()["raw"][0].dtype.name == "bfloat16"
    assert model.get_weights()[0].dtype.name == "bfloat16"


def test_an_average_that_begins_with_debiasing_keeps_the_zeros():
    model = linear()
    penalty = ProximalPenalty(l1=1.0, debias_from=2)
    average = WeightAverage(start_epoch=2)
    for order in ([penalty, average], [average, penalty]):
        model.set_weights([np.ones((3, 1))])
        logs = fit(model, *order, epochs=4).history
        assert 0 < logs["sparsity"][-1] < 1
        assert float(np.mean(model.get_weights()[0] == 0)) == logs["sparsity"][-1]
        support = model.get_weights()[0] != 0
        average.swap_out()
        np.testing.assert_array_equal(model.get_weights()[0] != 0, support)


def test_a_warning_if_training_ends_before_start_epoch():
    model, plain = linear(), linear()
    fit(plain)
    with pytest.warns(UserWarning, match="training ended before start_epoch=7"):
        fit(model, WeightAverage(start_epoch=7))
    assert_equal(model.get_weights(), plain.get_weights())


@pytest.mark.parametrize("wrap", [lambda o: o, keras.optimizers.LossScaleOptimizer])
def test_an_optimizer_that_averages_too_is_refused(wrap):
    model = linear(wrap(keras.optimizers.SGD(0.1, use_ema=True)))
    with pytest.raises(ValueError, match=r"`use_ema` must be False .* Received: use_ema=True"):
        fit(model, WeightAverage())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "mean"}, "must be one of 'ema', 'swa'. Received: method='mean'"),
        ({"batch_size": 0}, "`batch_size` must be an integer >= 1. Received: batch_size=0"),
        ({"decay": 1}, r"must be a number in \[0, 1\). Received: decay=1"),
        ({"start_epoch": -1}, "must be an integer >= 0. Received: start_epoch=-1"),
        ({"data": iter([X])}, "a pass in every epoch. Received: data=<list"),
    ],
)
def test_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        WeightAverage(**arguments)


def test_a_model_that_is_not_built_is_an_error():
    average = WeightAverage()
    average.set_model(keras.Sequential([keras.layers.Dense(1)]))
    with pytest.raises(ValueError, match=r"needs a built model. Give it a keras\.Input"):
        average.on_train_begin()
