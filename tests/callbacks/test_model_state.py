"""Models with optimizers and state besides those of `compile`: GANs, two learning rates."""

import keras
import numpy as np
import pytest

from occam.callbacks import BackupAndRestore, ProximalPenalty, WeightAverage
from occam.callbacks.model_state import ModelState, optimizers_of

from .conftest import Crash

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the training steps are TensorFlow's"
)
X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")


class Unreset(keras.metrics.Mean):
    def reset_state(self):
        pass


class GAN(keras.Model):
    """Two optimizers in a dict, and state in all kinds of attributes."""

    def __init__(self, rate=0.02):
        super().__init__()
        import tensorflow as tf

        self.critic = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="d")])
        self.maker = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4, name="g")])
        scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01), 4.0)
        self.own = {"critic": keras.optimizers.Adam(rate), "maker": [scaled]}
        self.seeds = [keras.random.SeedGenerator(1)]
        self.steps = keras.Variable(0.0, trainable=False)
        self.native = tf.Variable(0.0)
        self.generator = tf.random.Generator.from_seed(1)
        self.seen = Unreset()
        self.built = True

    @property
    def metrics(self):
        return []  # nobody resets `seen`

    def call(self, inputs):
        return self.critic(inputs)

    def train_step(self, data):
        import tensorflow as tf

        z = keras.random.normal((16, 2), seed=self.seeds[0]) + self.generator.normal((16, 2))
        self.steps.assign_add(1.0)
        self.native.assign_add(2.0)
        with tf.GradientTape(persistent=True) as tape:
            fake = tf.reduce_mean(self.critic(self.maker(z)))
            loss = fake**2 - tf.reduce_mean(self.critic(data)) + self.steps * self.native * 1e-3
            scaled = self.own["maker"][0].scale_loss(fake)
        pairs = (self.critic, loss, self.own["critic"]), (self.maker, scaled, self.own["maker"][0])
        for model, value, optimizer in pairs:
            weights = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(value, weights), weights, strict=True))
        self.seen.update_state(loss)
        return {"loss": self.seen.result()}


def build(kind=GAN, **compiled):
    keras.utils.set_random_seed(0)
    model = kind()
    model.compile(**compiled)
    return model


def fit(model, *callbacks, epochs=4):
    options = {"epochs": epochs, "shuffle": False, "verbose": 0, "batch_size": 16}
    return model.fit(X, **options, callbacks=[*callbacks]).history


def test_a_model_with_several_optimizers_is_resumed(tmp_path):
    history = fit(whole := build())
    with pytest.raises(RuntimeError, match="crash"):
        fit(build(), Crash(2, "on_epoch_end"), BackupAndRestore(tmp_path))
    resumed = build()
    assert fit(resumed, BackupAndRestore(tmp_path)) == history
    assert list(optimizers_of(whole)) == ["optimizer", "own/critic", "own/maker/0"]
    pairs = zip(ModelState(whole).variables, ModelState(resumed).variables, strict=True)
    for theirs, ours in pairs:
        np.testing.assert_array_equal(ours, theirs)
    assert float(resumed.native) == 8.0
    assert int(resumed.own["maker"][0].inner_optimizer.iterations) == 4


def test_shared_optimizers_are_counted_once():
    fit(model := build(optimizer=keras.optimizers.Adam()), epochs=1)
    model.again = [model.optimizer, model.own["maker"][0].inner_optimizer]
    state = ModelState(model)
    assert len({id(v) for v in state.variables}) == len(state.variables)
    assert list(state.optimizers) == ["optimizer", "own/critic", "own/maker/0"]
    assert {id(v) for v in state.variables} >= {id(v) for v in model.variables}


def test_other_optimizers_are_refused(tmp_path):
    fit(build(), BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=1)
    model = build()
    model.third = keras.optimizers.SGD()
    message = r"the optimizers \['opt.* instead of \['optimizer', .*, 'third'\]"
    with pytest.raises(ValueError, match=message):
        fit(model, BackupAndRestore(tmp_path))


def test_an_optimizer_of_other_variables_is_refused_before_training(tmp_path):
    model, elsewhere = build(), keras.Variable([1.0], name="elsewhere")
    model.own["critic"].build([elsewhere])
    message = r"optimizer `own/critic` must update only .* Received: elsewhere"
    with pytest.raises(ValueError, match=message):
        fit(model, BackupAndRestore(tmp_path))


class TwoScales(keras.Model):
    """The head has the compiled optimizer, and the body one in an attribute."""

    def __init__(self):
        super().__init__()
        self.body, self.head = keras.layers.Dense(3, use_bias=False), keras.layers.Dense(1)
        self.slow = keras.optimizers.SGD(0.001)
        self(X)

    def call(self, inputs):
        return self.head(self.body(inputs))

    def train_step(self, data):
        import tensorflow as tf

        with tf.GradientTape(persistent=True) as tape:
            loss = tf.reduce_mean((self(data) - 1.0) ** 2)
        for layer, optimizer in ((self.body, self.slow), (self.head, self.optimizer)):
            weights = layer.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return {"loss": loss}


def test_an_average_counts_the_updates_of_all_optimizers():
    average = WeightAverage(decay=0.5, warmup=False)
    raw = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: raw.append(model.critic.get_weights()[0])
    )
    fit(model := build(), note, average, epochs=3)
    assert average.count == 3
    keras.utils.set_random_seed(0)
    expected = GAN().critic.get_weights()[0]
    for weights in raw:
        expected = 0.5 * expected + 0.5 * weights
    np.testing.assert_allclose(model.critic.get_weights()[0], expected, rtol=1e-5)


def test_a_warning_if_no_optimizer_made_an_update():
    class ByHand(GAN):
        def train_step(self, data):
            weight = self.critic.trainable_variables[0]
            weight.assign_add(0.1 * keras.ops.ones_like(weight))
            return {"loss": keras.ops.sum(weight)}

    with pytest.warns(UserWarning, match="no optimizer of the model has made an update"):
        fit(build(ByHand), WeightAverage())


def test_a_proximal_step_has_the_learning_rate_of_the_optimizer_that_updates():
    model = build(TwoScales, optimizer=keras.optimizers.SGD(0.1))
    twin = build(TwoScales, optimizer=keras.optimizers.SGD(0.1))
    fit(model, ProximalPenalty(l1=1.0), epochs=1)
    fit(twin, epochs=1)
    for ours, theirs, rate in ((model.body, twin.body, 0.001), (model.head, twin.head, 0.1)):
        moved = theirs.get_weights()[0]
        expected = np.sign(moved) * np.maximum(np.abs(moved) - rate, 0.0)
        np.testing.assert_allclose(ours.get_weights()[0], expected, rtol=1e-4, atol=1e-6)


def test_after_an_exception_no_hook_is_left():
    model = build()
    with pytest.raises(RuntimeError, match="crash"):
        fit(model, WeightAverage(), Crash(2, "on_epoch_end"))
    assert "make_train_function" not in vars(model)
    assert model.train_function is None
