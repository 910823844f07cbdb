import keras
import numpy as np
import pytest
from keras import ops

from occam.zoo.layers import Dropout, ResidualBranch


def twice():
    return keras.layers.Dense(3, kernel_initializer=keras.initializers.Identity(2.0))


@keras.saving.register_keras_serializable(package="occam_tests")
class Counter(keras.layers.Layer):
    """Counts in a variable how often it is computed."""

    def build(self, input_shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs):
        self.count.assign(self.count + 1)
        return inputs


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 2, 3)])
@pytest.mark.parametrize("rate", [0.0, 0.2, 0.9])
def test_per_sample_drops_whole_branches_at_the_rate_and_keeps_the_mean(shape, rate):
    x = np.ones((20_000, *shape), "float32")
    outputs = np.asarray(ResidualBranch([twice()], rate, "sample", seed=2)(x, training=True))
    check_gates((outputs.reshape(len(x), -1) - 1) / 2, rate)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.9])
def test_per_batch_drops_the_branch_of_a_step_at_the_rate_and_keeps_the_mean(rate):
    block = ResidualBranch([twice()], rate, seed=3, name="block")
    outputs = steps(block, np.ones((2, 3), "float32"), 400)
    check_gates((outputs.reshape(len(outputs), -1) - 1) / 2, rate)


def check_gates(gates, rate):
    np.testing.assert_array_equal(gates, np.broadcast_to(gates[:, :1], gates.shape))
    dropped = gates[:, 0] == 0
    assert abs(dropped.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / len(gates))
    np.testing.assert_allclose(gates[~dropped], 1 / (1 - rate), rtol=1e-5)


def steps(block, x, count):
    """The outputs of `count` training steps, taken from inside `fit`."""
    model = keras.Sequential([keras.Input(x.shape[1:]), block])
    seen = []
    model.compile(keras.optimizers.SGD(0.0), lambda y, z: ops.mean(z))

    class Take(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs["loss"])

    data = np.tile(x, (count, *(1,) * (x.ndim - 1)))
    # a step's loss is the running mean of the steps so far
    model.fit(data, data, batch_size=len(x), shuffle=False, verbose=0, callbacks=[Take()])
    totals = np.asarray(seen, "float64") * np.arange(1, count + 1)
    return np.round(np.diff(totals, prepend=0.0), 2)


def test_a_skipped_branch_is_not_computed_and_its_statistics_do_not_move():
    counter, norm = Counter(), keras.layers.BatchNormalization(momentum=0.5)
    inner = Dropout(0.5, seed=4)
    block = ResidualBranch([counter, norm, inner], 0.5, seed=4, name="block")
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32") + 5
    block(x)
    before, drawn = float(counter.count), np.asarray(inner.seed_generator.state)
    model = keras.Sequential([keras.Input((3,)), block])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    changes, computed = [], []
    for _ in range(20):
        old, count = np.asarray(norm.moving_mean).copy(), float(counter.count)
        model.fit(x, x, batch_size=8, verbose=0)
        changes.append(not np.array_equal(norm.moving_mean, old))
        computed.append(float(counter.count) == count + 1)
    assert changes == computed
    assert 0 < sum(computed) < 20
    assert float(counter.count) == before + sum(computed)
    assert not np.array_equal(np.asarray(inner.seed_generator.state), drawn)


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_the_branch_learns(per):
    model = keras.Sequential([keras.Input((3,)), ResidualBranch([twice()], 0.3, per, seed=5)])
    model.compile(keras.optimizers.SGD(0.05), "mse")
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    model.fit(x, x, batch_size=8, epochs=10, verbose=0)  # the branch has to become nothing
    assert abs(model.predict(x, verbose=0) - x).max() < 0.3


@pytest.mark.parametrize("jit_compile", ["auto", True])
def test_skipping_works_in_half_precision_and_compiled(jit_compile):
    norm = keras.layers.BatchNormalization(dtype="mixed_bfloat16")
    dense = keras.layers.Dense(3, dtype="mixed_bfloat16")
    block = ResidualBranch([dense, norm], 0.5, dtype="mixed_bfloat16", seed=7, name="block")
    model = keras.Sequential([keras.Input((3,)), block])
    model.compile("sgd", "mse", jit_compile=jit_compile)
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    before = model.evaluate(x, -x, verbose=0)
    model.fit(x, -x, batch_size=8, epochs=10, verbose=0)
    assert model.evaluate(x, -x, verbose=0) < 0.7 * before
    assert np.isfinite(np.asarray(norm.moving_variance)).all()


def test_weight_penalties_count_once_and_activity_penalties_when_computed():
    dense = keras.layers.Dense(
        3,
        kernel_initializer="ones",
        kernel_regularizer=keras.regularizers.L2(1.0),
        activity_regularizer=keras.regularizers.L1(1.0),
    )
    block = ResidualBranch([dense], 0.5, seed=6, name="block")
    model = keras.Sequential([keras.Input((3,)), block])
    model.compile(keras.optimizers.SGD(0.0), lambda y, z: 0 * z)
    x = np.ones((4, 3), "float32")
    losses = {model.fit(x, x, verbose=0).history["loss"][0] for _ in range(20)}
    assert losses == {9.0, 18.0}  # sum of squares 9; each sample's activations sum to 9
