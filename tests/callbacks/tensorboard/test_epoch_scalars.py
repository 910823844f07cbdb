"""The logged learning rates are those of Keras' callback."""

import keras
import numpy as np
import pytest

from occam.callbacks import TensorBoard
from occam.callbacks.tensorboard.epoch_scalars import LearningRates

X = np.ones((8, 2), "float32")


def compiled(optimizer, **options):
    layers = [keras.layers.Dense(3, name="first"), keras.layers.Dense(1, name="second")]
    model = keras.Sequential([keras.Input((2,)), *layers])
    model.compile(optimizer, "mse", **options)
    return model


def decayed():
    schedule = keras.optimizers.schedules.CosineDecay(0.5, 20, warmup_target=1.0, warmup_steps=3)
    return keras.optimizers.SGD(schedule)


def several():
    slow, fast = keras.optimizers.SGD(0.25, name="slow"), decayed()
    return keras.optimizers.MultiOptimizer(lambda v: slow if "first" in v.path else fast)


@pytest.mark.parametrize("eager", [False, True])
def test_a_schedule_is_followed_also_when_it_has_become_a_graph(eager):
    model = compiled(decayed(), run_eagerly=eager)
    rates, expected = LearningRates(model), []

    def compare(epoch, logs):
        expected.append(float(model.optimizer.learning_rate))
        assert rates() == {"learning_rate": expected[-1]}

    compare_each = keras.callbacks.LambdaCallback(on_epoch_end=compare)
    model.fit(X, X[:, :1], epochs=10, verbose=0, callbacks=[compare_each])
    assert len(set(expected)) == 10


def test_an_assigned_rate_is_logged():
    model = compiled(keras.optimizers.SGD(0.5))
    rates = LearningRates(model)
    seen = []
    for power in range(8):
        model.optimizer.learning_rate = 2.0**-power
        seen.append(rates()["learning_rate"])
    assert seen == [2.0**-power for power in range(8)]


class OfTheUser(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that cannot be traced."""

    def __call__(self, step):
        return 1.0 / (1 + int(step))


def test_a_user_defined_schedule_is_called_each_time():
    state = {"rate": 0.0}
    for given in (OfTheUser(), lambda: state["rate"]):
        model = compiled("sgd")
        model.optimizer._learning_rate = given
        rates = LearningRates(model)
        for step in range(8):
            model.optimizer._iterations.assign(step)
            state["rate"] = 1.0 / (1 + step)
            assert rates()["learning_rate"] == pytest.approx(1.0 / (1 + step))


def test_a_new_schedule_is_followed():
    model = compiled(decayed())
    rates = LearningRates(model)
    for _ in range(7):
        rates()
    constant = keras.optimizers.schedules.PiecewiseConstantDecay([100], [7.0, 1.0])
    model.optimizer.learning_rate = constant
    assert rates() == {"learning_rate": 7.0}


def test_the_optimizer_inside_a_loss_scale_optimizer_counts():
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.25))
    assert LearningRates(compiled(scaled))() == {"learning_rate": 0.25}


@pytest.mark.parametrize("optimizer", [decayed, several])
def test_the_names_are_those_of_keras(tmp_path, optimizer):
    model = compiled(optimizer())
    model.optimizer.build(model.trainable_variables)
    ours, theirs = (
        TensorBoard(tmp_path / "a"),
        keras.callbacks.TensorBoard(tmp_path / "b", write_graph=False),
    )
    for callback in (ours, theirs):
        callback.set_model(model)
    expected = theirs._collect_learning_rate({"loss": 1.0})
    assert len(expected) == 2 + (optimizer is several)
    assert ours._collect_learning_rate({"loss": 1.0}) == expected
