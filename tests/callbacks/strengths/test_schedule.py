import copy

import keras
import numpy as np
import pytest
from keras import layers

from occam.callbacks import BackupAndRestore, LossLedger, Schedule, schedules
from occam.callbacks.strengths.live import LiveWeightDecay
from occam.zoo.augmentation import LabelSmoothing, augment
from occam.zoo.layers import Dropout
from occam.zoo.optimizers import AdamW
from occam.zoo.regularizers import L1L2

JAX = keras.backend.backend() == "jax"
X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = X @ np.ones((4, 1), "float32")


class Scale(layers.Layer):
    """Multiplies by a live rate, and counts how often it is traced in training."""

    def __init__(self, rate=1.0, **kwargs):
        super().__init__(**kwargs)
        self._rate = self.add_weight(
            name="rate", shape=(), initializer=keras.initializers.Constant(rate), trainable=False
        )
        self.traces = 0

    @property
    def rate(self):
        return float(keras.ops.convert_to_numpy(self._rate))

    @rate.setter
    def rate(self, value):
        if value < 0:
            raise ValueError(f"rate must be >= 0. Received: rate={value}")
        self._rate.assign(value)

    def call(self, inputs, training=False):
        self.traces += bool(training)
        return inputs * self._rate


def compiled(*parts, optimizer=None, loss="mse", **arguments):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(optimizer or keras.optimizers.SGD(0.0), loss, **arguments)
    return model


def nothing(y_true, y_pred):
    """A loss that leaves all to the weight decay."""
    return 0.0 * y_pred


def train(model, *callbacks, epochs=3, **arguments):
    arguments = {"batch_size": 4, "verbose": 0, "shuffle": False, **arguments}
    return model.fit(X, Y, callbacks=list(callbacks), epochs=epochs, **arguments).history


def constant(value):
    return layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(value))


def test_a_rate_by_epoch_takes_effect_and_traces_nothing_again():
    scale = Scale()
    model = compiled(scale, constant(1.0))
    train(model, epochs=1)
    traces = scale.traces
    history = train(model, Schedule(scale, lambda epoch: 0.5 * epoch))
    assert history["rates/rate"] == [0.0, 0.5, 1.0]
    expected = [np.mean((rate * Y - Y) ** 2) for rate in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5, atol=1e-6)
    assert scale.traces == traces
    assert scale.rate == 1.0


@pytest.mark.parametrize("steps_per_execution", [1, 3])
def test_a_rate_by_step(steps_per_execution):
    scale = Scale()
    model = compiled(scale, constant(1.0), steps_per_execution=steps_per_execution)
    history = train(model, Schedule(scale, lambda step: 0.1 * step, by="step"), epochs=2)
    steps = range(6) if steps_per_execution == 1 else (0, 0, 0, 3, 3, 3)
    batches = [Y[:4], Y[4:8], Y[8:]] * 2
    losses = [np.mean((0.1 * s * y - y) ** 2) for s, y in zip(steps, batches, strict=True)]
    expected = np.mean(np.reshape(losses, (2, 3)), axis=1)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(history["rates/rate"], [0.1 * steps[2], 0.1 * steps[5]])


def test_steps_go_on_where_a_resumed_training_was(tmp_path):
    def run(epochs, callbacks=(), **arguments):
        schedule = Schedule(scale := Scale(), lambda step: 0.1 * step, by="step")
        backup = [BackupAndRestore(tmp_path, delete_checkpoint=False, callbacks=[schedule])]
        found = train(compiled(scale, constant(1.0)), schedule, *backup, epochs=epochs, **arguments)
        return found["rates/rate"]

    run(2)
    np.testing.assert_allclose(run(3), [0.2, 0.5, 0.8])
    (tmp_path / "state.npz").unlink()
    np.testing.assert_allclose(run(3, initial_epoch=2), [0.8])


def test_an_initial_epoch_of_unknown_length_is_refused():
    schedule = Schedule(Scale(), lambda step: step, by="step")
    schedule.set_params({"steps": None})
    schedule._step = None
    with pytest.raises(ValueError, match=r"`steps_per_epoch` must .* Received: initial_epoch=2"):
        schedule.on_epoch_begin(2)


@pytest.mark.parametrize("where", ["regularizer", "path", "pattern", "function"])
def test_the_strength_of_a_penalty(where):
    regularizer = L1L2(l2=0.0)
    dense = layers.Dense(1, kernel_initializer="ones", kernel_regularizer=regularizer, name="head")
    targets = {
        "regularizer": (regularizer, "l2"),
        "path": (dense, "kernel_regularizer.l2"),
        "pattern": ("*head", "kernel_regularizer.l2"),
        "function": (lambda model: [layer.kernel_regularizer for layer in model.layers], "l2"),
    }
    target, attribute = targets[where]
    schedule = Schedule(target, [(0, 0.0), (2, 0.5)], attribute=attribute, name="l2")
    history = train(compiled(dense), LossLedger(), schedule)
    assert history["rates/l2"] == [0.0, 0.25, 0.5]
    np.testing.assert_allclose(history["penalty"], [0.0, 1.0, 2.0])


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras.optimizers.AdamW, AdamW])
def test_the_weight_decay_of_an_optimizer(optimizer, tmp_path):
    instance = optimizer(learning_rate=1e-3, weight_decay=0.0)
    model = compiled(layers.Dense(1, use_bias=False), optimizer=instance, loss=nothing)
    before = model.get_weights()[0]
    train(model, epochs=1)  # both are traced with a decay that is baked in
    train(model, LossLedger(), epochs=1)
    decays = Schedule(
        lambda model: model.optimizer, [(0, 100.0), (2, 0.0)], attribute="weight_decay"
    )
    history = train(model, LossLedger(), decays, batch_size=12)
    assert history["rates/weight_decay"] == [100.0, 50.0, 0.0]
    np.testing.assert_allclose(model.get_weights()[0], before * 0.9 * 0.95, rtol=1e-5)
    assert instance.get_config()["weight_decay"] == 0.0
    model.compile(instance, "mse")
    model.save(tmp_path / "model.keras")
    keras.models.load_model(tmp_path / "model.keras")


def test_the_weight_decay_inside_of_a_loss_scale_optimizer():
    inner = keras.optimizers.SGD(1e-3, weight_decay=0.0)
    outer = keras.optimizers.LossScaleOptimizer(inner)
    schedule = Schedule(outer, [(0, 100.0)], attribute="weight_decay")
    model = compiled(layers.Dense(1, use_bias=False), optimizer=outer, loss=nothing)
    before = model.get_weights()[0]
    train(model, schedule, epochs=1, batch_size=12)
    np.testing.assert_allclose(model.get_weights()[0], before * 0.9, rtol=1e-5)


def test_a_decay_assigned_by_hand_is_baked_in_as_ever():
    optimizer = keras.optimizers.SGD(1e-3, weight_decay=0.0)
    model = compiled(layers.Dense(1, use_bias=False), optimizer=optimizer, loss=nothing)
    train(model, Schedule(optimizer, [(0, 0.0)], attribute="weight_decay"), epochs=1)
    optimizer.weight_decay = 100.0
    model.compile(optimizer, nothing)
    before = model.get_weights()[0]
    train(model, epochs=1, batch_size=12)
    np.testing.assert_allclose(model.get_weights()[0], before * 0.9, rtol=1e-5)
    train(
        model, Schedule(optimizer, [(0, 50.0)], attribute="weight_decay"), epochs=1, batch_size=12
    )
    np.testing.assert_allclose(model.get_weights()[0], before * 0.9 * 0.95, rtol=1e-5)


def test_a_negative_decay_is_refused():
    decay = LiveWeightDecay(keras.optimizers.SGD(weight_decay=0.1))
    with pytest.raises(ValueError, match=r"a number in \[0, inf\)\. Received: weight_decay=-1"):
        decay.weight_decay = -1


def test_the_learning_rate():
    model = compiled(layers.Dense(1))
    schedule = Schedule(model.optimizer, schedules.step(0.1, {1: 0.0}), attribute="learning_rate")
    train(model, schedule, epochs=1)
    before = model.get_weights()[0]
    train(model, schedule, initial_epoch=1)
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_label_smoothing_in_the_data_pipeline():
    import tensorflow as tf

    smoothing = LabelSmoothing(2, 0.0)
    data = tf.data.Dataset.from_tensor_slices((X, np.zeros(12, "int32"))).batch(12)
    data = augment(data, smoothing, seed=0)
    model = compiled(layers.Dense(2, kernel_initializer="zeros"))
    schedule = Schedule(smoothing, [(0, 0.0), (1, 0.5)])
    history = model.fit(data, epochs=2, callbacks=[schedule], shuffle=False, verbose=0).history
    assert history["rates/epsilon"] == [0.0, 0.5]
    expected = [0.5, (0.75**2 + 0.25**2) / 2]  # squares of the labels
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)


def test_a_variable():
    rate = keras.Variable(0.0, name="amount")

    class Times(layers.Layer):
        def call(self, inputs):
            return inputs * rate

    schedule = Schedule(rate, [(0, 0.0), (2, 1.0)])
    history = train(compiled(Times(), constant(1.0)), schedule)
    assert history["rates/amount"] == [0.0, 0.5, 1.0]
    expected = [np.mean((rate * Y - Y) ** 2) for rate in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(not JAX, reason="a limit of JAX")
def test_what_jax_would_compile_at_each_step_is_refused():
    dense = layers.Dense(1, kernel_regularizer=L1L2(l2=0.1))
    schedule = Schedule(dense.kernel_regularizer, [(0, 0.1)], attribute="l2", by="step")
    with pytest.raises(ValueError, match=r"must be 'epoch' on JAX .* Received: by='step' for `l2`"):
        train(compiled(dense), schedule)


def test_several_layers_and_a_second_fit():
    first, second = Dropout(0.5), Dropout(0.5)
    schedule = Schedule("*dropout*", schedules.late_dropout(0.4, 1), attribute="rate")
    model = compiled(first, layers.Dense(4), second, layers.Dense(1))
    for _ in range(2):
        assert train(model, schedule, epochs=2)["rates/rate"] == [0.0, 0.4]
        assert first.rate == second.rate == 0.4
    other = Dropout(0.1, name="another_dropout")
    train(compiled(other, layers.Dense(1)), copy.deepcopy(schedule), epochs=1)
    assert other.rate == 0.0


def test_a_copy_has_the_same_targets():
    scale = Scale()
    schedule = copy.deepcopy(Schedule(scale, [(0, 0.25)]))
    train(compiled(scale, constant(1.0)), schedule, epochs=1)
    assert scale.rate == 0.25
    assert copy.deepcopy(schedule).model is None


@pytest.mark.parametrize(
    ("target", "arguments", "message"),
    [
        (layers.Dropout(0.5), {"attribute": "rate"}, "is not live: .* Received: rate=0.5"),
        (layers.Dropout(0.5), {}, "live attributes are: none. Received: attribute=None"),
        (keras.regularizers.L2(0.1), {"attribute": "l2"}, "is not live"),
        (
            keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
            {"attribute": "label_smoothing"},
            "is not live",
        ),
        (
            keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 9)),
            {"attribute": "learning_rate"},
            "is not live",
        ),
        (keras.optimizers.Adam(), {"attribute": "weight_decay"}, "Received: weight_decay=None"),
        (L1L2(), {}, "live attributes are: l1, l2. Received: attribute=None"),
        (Scale(), {"attribute": "speed"}, "Scale 'scale.*' has no `speed`"),
        (
            [Scale(), layers.Dropout(0.5)],
            {"attribute": "rate"},
            "of Dropout 'dropout.*' is not live",
        ),
        (Scale(), {"by": "batch"}, "`by` must be one of 'epoch', 'step'. Received: by='batch'"),
    ],
)
def test_refused_targets(target, arguments, message):
    with pytest.raises(ValueError, match=message):
        Schedule(target, [(0, 0.0)], **arguments)


def test_refused_when_training_begins():
    model = compiled(layers.Dropout(0.5), layers.Dense(1))
    with pytest.raises(ValueError, match=r"No layer's path matches 'conv\*'. The paths: .*dropout"):
        train(model, Schedule("conv*", [(0, 0.0)]))
    with pytest.raises(ValueError, match="is not live"):
        train(model, Schedule("*dropout*", [(0, 0.0)], attribute="rate"))


@pytest.mark.parametrize("value", [None, float("nan"), "0.1"])
def test_a_value_that_is_no_number(value):
    scale = Scale()
    with pytest.raises(ValueError, match=r"must return a finite number. Received: .* for epoch 0"):
        train(compiled(scale, constant(1.0)), Schedule(scale, lambda epoch: value))


def test_the_object_refuses_a_value():
    scale = Scale()
    with pytest.raises(ValueError, match=r"rate must be >= 0. Received: rate=-1\.0"):
        train(compiled(scale, constant(1.0)), Schedule(scale, [(0, -1.0)]))


def test_an_object_that_ignores_a_value():
    class Deaf(Scale):
        @property
        def rate(self):
            return 1.0

        @rate.setter
        def rate(self, value):
            pass

    deaf = Deaf()
    with pytest.raises(ValueError, match=r"does not reach its variable. Received: rate=0\.5"):
        train(compiled(deaf, constant(1.0)), Schedule(deaf, [(0, 0.5)]))


def test_two_schedules_of_one_name():
    scales = Scale(), Scale()
    model = compiled(*scales, constant(1.0))
    with pytest.raises(ValueError, match=r"`name` must differ .* rates/rate is logged already"):
        train(model, *(Schedule(scale, [(0, 0.5)]) for scale in scales))
    named = [Schedule(scale, [(0, 0.5)], name=n) for scale, n in zip(scales, "ab", strict=True)]
    history = train(model, *named, epochs=1)
    assert history["rates/a"] == history["rates/b"] == [0.5]


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (schedules.points, [[]], r"points \(time, value\) with increasing times. Received: pairs="),
        (schedules.points, [[(0, 1.0), (0, 2.0)]], "Received: pairs="),
        (schedules.points, [[(2, 1.0), (1, 2.0)]], "Received: pairs="),
        (schedules.linear, [0.0, 1.0, 1], "`count` must be an integer >= 2. Received: count=1"),
        (schedules.cosine, [0.0, 1.0, 1], "Received: count=1"),
    ],
)
def test_wrong_arguments_of_schedules(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(*arguments)


def test_cosine_is_that_of_keras():
    ours = schedules.cosine(0.3, 0.0, 11)
    keras_own = keras.optimizers.schedules.CosineDecay(0.3, 10)
    for time in range(13):
        np.testing.assert_allclose(ours(time), float(keras_own(time)), atol=1e-7)
