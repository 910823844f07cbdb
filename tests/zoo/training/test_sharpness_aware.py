"""SAM and ASAM: golden steps by hand, and what must not change beside them."""

import contextlib
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from occam.callbacks import BackupAndRestore, EarlyStopping
from occam.zoo.regularizers import L1, L2
from occam.zoo.training import SharpnessAware
from occam.zoo.training.sharpness_aware import uphill

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 3)).astype("float32")
Y = RNG.normal(size=(16, 1)).astype("float32")
LEARNING_RATE, RHO, STRENGTH = 0.1, 0.3, 0.05
ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


def linear():
    keras.utils.set_random_seed(1)
    dense = keras.layers.Dense(
        1, use_bias=False, kernel_regularizer=keras.regularizers.L2(STRENGTH)
    )
    return keras.Sequential([keras.Input((3,)), dense])


def network(rate=0.5):
    """Everything with a state: BatchNorm, dropout, an activity penalty."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((3,))
    x = keras.layers.Dense(8, activity_regularizer=L2(0.01), kernel_regularizer=L1(0.01))(inputs)
    x = keras.layers.Dropout(rate, seed=3)(keras.layers.BatchNormalization()(x))
    return keras.Model(inputs, keras.layers.Dense(1)(x))


@keras.saving.register_keras_serializable("test_sharpness_aware")
class Subclassed(keras.Model):
    """Takes a dictionary of which a part may be missing, and no argument `training`."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.normalization = keras.layers.BatchNormalization()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(self.normalization(inputs["x"]))


def subclassed():
    keras.utils.set_random_seed(5)
    model = Subclassed(name="by_hand")
    model({"x": X[:4]})
    return model


def two_outputs():
    keras.utils.set_random_seed(4)
    inputs = keras.Input((3,))
    return keras.Model(inputs, [keras.layers.Dense(1, name=name)(inputs) for name in "ab"])


def embedding():
    keras.utils.set_random_seed(6)
    layers = [keras.layers.Embedding(10, 2, mask_zero=True), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input((4,), dtype="int32"), *layers])


def stateful():
    """Recurrent layers that go on from batch to batch, with states that are no `variables`."""
    keras.utils.set_random_seed(8)
    recurrent = keras.layers.Bidirectional(keras.layers.SimpleRNN(2, stateful=True, unroll=True))
    return keras.Sequential([keras.Input((3, 2), batch_size=4), recurrent, keras.layers.Dense(1)])


@contextlib.contextmanager
def half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


def large_inputs():
    """Inputs too large for half precision, scaled down in full precision."""
    keras.utils.set_random_seed(7)
    scale = keras.layers.Rescaling(1e-5, dtype="float32")
    with half_precision():
        dense = keras.layers.Dense(1)
        return keras.Sequential([keras.Input((3,)), scale, dense])


def fit(trainer, optimizer=None, x=X, y=Y, **arguments):
    settings = {"jit_compile": False, "loss": "mse", **arguments}
    trainer.compile(optimizer or keras.optimizers.SGD(LEARNING_RATE), **settings)
    return trainer.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)


def values(variables):
    return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]


def assign(variables, arrays):
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def assert_equal(ours, theirs):
    for our, their in zip(values(ours), values(theirs), strict=True):
        np.testing.assert_array_equal(our, their)


def gradient(w):
    """Return the gradient of the mean squared error plus the penalty."""
    return 2 * X.T @ (X @ w - Y) / len(X) + 2 * STRENGTH * w


@pytest.mark.parametrize("eta", [None, 0.01])
def test_a_step_equals_the_equation(eta):
    model = linear()
    w = np.asarray(model.trainable_variables[0])
    g = gradient(w)
    t = np.ones_like(w) if eta is None else np.abs(w) + eta
    point = w + RHO * t**2 * g / np.linalg.norm(t * g)
    expected = w - LEARNING_RATE * gradient(point)
    trainer = SharpnessAware(model, RHO, adaptive=eta is not None, eta=eta or 0.01)
    trainer.compile(keras.optimizers.SGD(LEARNING_RATE), "mse")
    logs = trainer.train_on_batch(X, Y, return_dict=True)
    np.testing.assert_allclose(model.trainable_variables[0], expected, rtol=1e-4)
    at_w = np.mean((X @ w - Y) ** 2) + STRENGTH * np.sum(w**2)
    assert float(logs["loss"]) == pytest.approx(at_w, rel=1e-5)


def there_and_back(model, rho, eta):
    """A step with SGD, by plain steps between which the weights are moved by hand."""
    weights, others = model.trainable_variables, model.non_trainable_variables

    def gradients():
        start = values(weights)
        model.train_on_batch(X, Y)
        return [w - after for w, after in zip(start, values(weights), strict=True)]

    w, before = values(weights), values(others)
    g = gradients()
    after = values(others)
    t = [np.ones_like(each) if eta is None else np.abs(each) + eta for each in w]
    norm = np.sqrt(sum(np.sum((a * b) ** 2) for a, b in zip(t, g, strict=True)))
    moved = [a + rho * b**2 * c / norm for a, b, c in zip(w, t, g, strict=True)]
    assign(weights, moved)
    assign(others, before)
    g = gradients()
    assign(weights, [a - LEARNING_RATE * b for a, b in zip(w, g, strict=True)])
    assign(others, after)


@pytest.mark.parametrize("eta", [None, 0.01])
def test_steps_equal_those_of_moving_the_weights(eta):
    plain, model = network(), network()
    plain.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=False)
    trainer = SharpnessAware(model, RHO, adaptive=eta is not None, eta=eta or 0.01)
    trainer.compile(keras.optimizers.SGD(LEARNING_RATE), "mse", jit_compile=False)
    for _ in range(3):
        there_and_back(plain, RHO, eta)
        trainer.train_on_batch(X, Y)
    for ours, theirs in zip(values(model.variables), values(plain.variables), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize(
    ("build", "x", "y"),
    [
        (network, X, Y),
        (two_outputs, X, [Y, Y]),
        (subclassed, {"absent": None, "x": X}, Y),
        (embedding, RNG.integers(0, 10, (16, 4)), RNG.normal(size=(16, 4, 1))),
        (large_inputs, 1e5 * X, Y),
        (stateful, RNG.normal(size=(16, 3, 2)), Y),
    ],
)
def test_with_rho_0_a_step_is_the_ordinary_one_to_the_bit(build, x, y):
    plain, model = build(), build()
    histories = [
        fit(each, keras.optimizers.Adam(), x, y).history
        for each in (plain, SharpnessAware(model, 0.0))
    ]
    assert histories[0] == histories[1]
    assert np.isfinite(histories[0]["loss"]).all()
    assert_equal(model.variables, plain.variables)


def test_a_step_moves_only_the_embeddings_in_its_batch():
    model = embedding()
    before = model.get_weights()[0]
    trainer = SharpnessAware(model, 0.5)
    trainer.compile("sgd", "mse")
    trainer.train_on_batch(np.array([[3, 5, 5, 3]]), np.ones((1, 4, 1)))
    moved = (model.get_weights()[0] != before).any(axis=1)
    assert [*np.flatnonzero(moved)] == [3, 5]


def test_the_second_pass_leaves_statistics_and_random_states_alone():
    plain, model = network(), network()
    for each in (plain, SharpnessAware(model, 0.5)):
        each.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=False)
        each.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    assert len(model.non_trainable_variables) == 3  # two statistics and the dropout's state
    assert_equal(model.variables, plain.variables)


def test_both_passes_draw_the_same_masks():
    """A mask drawn anew would let through a gradient to another input."""

    class Drop(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.generator = keras.random.SeedGenerator(5)

        def call(self, inputs, training=False):
            kept = keras.random.uniform(ops.shape(inputs), seed=self.generator) < 0.5
            return inputs * ops.cast(kept, inputs.dtype)

    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((64,)), Drop(), dense])
    trainer = SharpnessAware(model, 0.0)
    trainer.compile(keras.optimizers.SGD(1.0), lambda y, z: z, jit_compile=False)
    trainer.rho = 1e3
    trainer.train_on_batch(np.ones((1, 64)), np.ones((1, 1)))
    # The loss is linear, so its gradient is the mask, wherever it is taken.
    mask = -np.asarray(dense.kernel).ravel()
    assert set(mask) == {0.0, 1.0}
    fresh = keras.random.SeedGenerator(5)
    np.testing.assert_array_equal(mask, keras.random.uniform((1, 64), seed=fresh)[0] < 0.5)


def test_rho_is_live_and_not_a_weight_of_the_model():
    traced = []

    class Count(keras.layers.Layer):
        def call(self, inputs):
            traced.append(1)
            return inputs

    model = keras.Sequential([linear(), Count()])
    trainer = SharpnessAware(model, 0.0)
    trainer.compile(keras.optimizers.SGD(LEARNING_RATE), "mse")
    trainer.train_on_batch(X, Y)
    traced_once = len(traced)
    initial = model.get_weights()
    assert len(initial) == 1
    after = []
    for rho in (0.0, RHO):
        model.set_weights(initial)
        trainer.rho = rho
        trainer.train_on_batch(X, Y)
        after.append(np.asarray(model.trainable_variables[0]))
    assert trainer.rho == RHO
    assert not np.array_equal(*after)
    assert len(traced) == traced_once


@pytest.fixture(scope="module")
def trained():
    model = network()
    fit(SharpnessAware(model, RHO))
    return values(model.variables)


@pytest.mark.parametrize("settings", [{"steps_per_execution": 2}, {"run_eagerly": True}])
def test_the_mode_of_execution_does_not_change_the_result(trained, settings):
    model = network()
    fit(SharpnessAware(model, RHO), **settings)
    for ours, theirs in zip(values(model.variables), trained, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def test_xla_computes_the_same_step():
    models = [network(rate=0.0) for _ in range(2)]  # on TensorFlow, XLA draws other masks
    for model, jit_compile in zip(models, (False, True), strict=True):
        fit(SharpnessAware(model, RHO), jit_compile=jit_compile)
    for ours, theirs in zip(*(values(model.variables) for model in models), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "settings", [{"gradient_accumulation_steps": 2}, {"use_ema": True, "ema_momentum": 0.5}]
)
def test_the_settings_of_the_optimizer_apply(trained, settings):
    """Each does to a step what it does to a plain one, and leaves it sharpness-aware."""
    plain, model = network(), network()
    for each in (plain, SharpnessAware(model, 0.0)):
        fit(each, keras.optimizers.SGD(LEARNING_RATE, **settings))
    assert_equal(model.variables, plain.variables)
    model = network()
    fit(SharpnessAware(model, RHO), keras.optimizers.SGD(LEARNING_RATE, **settings))
    assert not np.allclose(model.get_weights()[0], trained[0], rtol=1e-3)
    assert not np.allclose(model.get_weights()[0], plain.get_weights()[0], rtol=1e-3)


def test_half_precision_with_loss_scaling():
    with half_precision():
        model = network()
    trainer = SharpnessAware(model, 0.1)
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=2**30)
    trainer.compile(optimizer, "mse", jit_compile=False)
    before = model.get_weights()[0]
    trainer.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_weights()[0], before)  # it overflowed: no step
    assert float(optimizer.dynamic_scale) == 2**29
    fit(trainer, keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), 2**9))
    assert np.isfinite(model.get_weights()[0]).all()
    assert not np.array_equal(model.get_weights()[0], before)


def test_two_outputs_and_sample_weights():
    trainer = SharpnessAware(two_outputs())
    trainer.compile("sgd", {"a": "mse", "b": "mae"}, loss_weights={"a": 1.0, "b": 0.5})
    targets, weights = [Y, Y], [np.ones(16), np.zeros(16)]
    before = trainer.model.get_layer("b").get_weights()[0]
    trainer.fit(X, targets, sample_weight=weights, verbose=0)
    np.testing.assert_array_equal(trainer.model.get_layer("b").get_weights()[0], before)


def test_early_stopping_restores_the_best_weights():
    class Remember(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept.append(values(self.model.trainable_variables))

    kept = []
    model = network()
    trainer = SharpnessAware(model, 0.1)
    trainer.compile(keras.optimizers.SGD(10.0), "mse", jit_compile=False)
    stopping = EarlyStopping("loss", patience=1)
    trainer.fit(X, Y, epochs=20, callbacks=[Remember(), stopping], verbose=0)
    assert stopping.best_epoch == len(kept) - 2 < 18  # it diverges
    for ours, best in zip(values(model.trainable_variables), kept[-2], strict=True):
        np.testing.assert_array_equal(ours, best)


def test_a_resumed_training_ends_with_the_same_weights(tmp_path):
    def train(epochs, path):
        model = network()
        trainer = SharpnessAware(model, RHO, adaptive=True)
        trainer.compile(keras.optimizers.SGD(LEARNING_RATE, momentum=0.9), "mse", jit_compile=False)
        backup = [BackupAndRestore(path)]
        trainer.fit(X, Y, batch_size=4, epochs=epochs, shuffle=False, callbacks=backup, verbose=0)
        return model.variables

    straight = train(4, tmp_path / "straight.npz")
    train(2, tmp_path / "resumed.npz")
    assert_equal(train(4, tmp_path / "resumed.npz"), straight)


@pytest.mark.parametrize(("build", "x"), [(network, X), (subclassed, {"x": X})])
def test_a_model_checkpoint_continues_the_training(tmp_path, build, x):
    trainer = SharpnessAware(build(), 0.1, adaptive=True, eta=0.02)
    trainer.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse", jit_compile=False)
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "last.keras")
    trainer.fit(x, Y, callbacks=[checkpoint], verbose=0)
    loaded = keras.saving.load_model(tmp_path / "last.keras")
    assert (loaded.rho, loaded.adaptive, loaded.eta) == (0.1, True, 0.02)
    assert_equal(loaded.weights, trainer.weights)
    expected = trainer.predict(x, verbose=0)
    np.testing.assert_allclose(loaded.model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)
    states = [v for v in trainer.model.variables if v.path.endswith("seed_generator_state")]
    mine = [v for v in loaded.model.variables if v.path.endswith("seed_generator_state")]
    assign(mine, values(states))  # which `.keras` files do not keep
    for each in (trainer, loaded):
        each.fit(x, Y, shuffle=False, verbose=0)
    assert_equal(loaded.weights, trainer.weights)


def test_saved_weights_load_into_another_wrapper(tmp_path):
    trainer, other = SharpnessAware(network(), 0.1), SharpnessAware(network(), 0.2)
    trainer.model.set_weights([w + 1 for w in trainer.model.get_weights()])
    trainer.save_weights(tmp_path / "last.weights.h5")
    other.load_weights(tmp_path / "last.weights.h5")
    assert other.rho == 0.1
    assert_equal(other.model.weights, trainer.model.weights)


def test_callbacks_find_the_layers_of_the_model():
    model = two_outputs()
    trainer = SharpnessAware(model)
    assert trainer.layers == model.layers
    assert trainer.get_layer("b") is model.get_layer("b")
    assert (trainer.inputs, trainer.outputs) == (model.inputs, model.outputs)
    assert (trainer.input_shape, trainer.output_shape) == (model.input_shape, model.output_shape)


def test_a_frozen_model_is_not_trained():
    model = network()
    model.trainable = False
    before = model.get_weights()
    warns = pytest.warns(UserWarning, match="any trainable weights")
    with warns if ON_TENSORFLOW else contextlib.nullcontext():  # as the plain step
        fit(SharpnessAware(model))
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_without_a_gradient_the_weights_stay():
    weights = [np.ones((2, 2), "float32"), np.ones(3, "float32")]
    for gradients in ([np.zeros((2, 2), "float32"), None], [None, None]):
        for point, weight in zip(uphill(weights, gradients, 0.5), weights, strict=True):
            np.testing.assert_array_equal(point, weight)


def test_distance_is_rho_over_all_weights_also_in_half_precision():
    weights = [np.zeros((100, 100), "float16"), np.zeros(10, "float16")]
    gradients = [np.full_like(w, 300.0) for w in weights]  # squares overflow float16
    points = uphill(weights, gradients, 0.5)
    total = sum(np.square(np.asarray(p, "float64")).sum() for p in points)
    assert np.sqrt(total) == pytest.approx(0.5, rel=1e-2)


class OwnStep(keras.Model):
    def call(self, inputs):
        return inputs

    def train_step(self, *arguments):
        return {}


RHO_ERROR = r"`rho` must be a number in \[0, inf\). Received: rho="
ETA_ERROR = r"`eta` must be a number in \[0, inf\). Received: eta="


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rho": -0.1}, RHO_ERROR + "-0.1"),
        ({"rho": float("nan")}, RHO_ERROR + "nan"),
        ({"rho": float("inf")}, RHO_ERROR + "inf"),
        ({"eta": -1}, ETA_ERROR + "-1"),
        ({"eta": float("nan")}, ETA_ERROR + "nan"),
        ({"eta": True}, ETA_ERROR + "True"),
        ({"adaptive": "no"}, r"`adaptive` must be True or False. Received: adaptive='no'"),
        ({"model": OwnStep(name="own")}, r"must be built.*a keras.Input. Received: model='own'"),
        (
            {"model": keras.layers.Dense(1)},
            r"`model` must be a keras.Model. Received: model=<Dense",
        ),
    ],
)
def test_errors(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        SharpnessAware(**{"model": linear(), **arguments})


def test_a_custom_training_step_is_an_error():
    model = OwnStep(name="own")
    model(X)
    with pytest.raises(ValueError, match=r"`train_step`, but OwnStep defines another.*model='own'"):
        SharpnessAware(model)
    with pytest.raises(ValueError, match=r"`train_step`, but SharpnessAware defines another"):
        SharpnessAware(SharpnessAware(linear()))


def test_rho_is_checked_when_it_is_assigned():
    with pytest.raises(ValueError, match=RHO_ERROR + "-1"):
        SharpnessAware(linear()).rho = -1


@pytest.mark.skipif(not ON_TENSORFLOW, reason="strategies are TensorFlow's")
def test_several_replicas_are_an_error(monkeypatch):
    strategy = SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(SharpnessAware, "distribute_strategy", strategy)
    with pytest.raises(RuntimeError, match=r"Received: a strategy with 2 replicas"):
        SharpnessAware(linear()).train_step((X, Y))


def test_another_backend_is_an_error(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(RuntimeError, match=r"and JAX. Received: KERAS_BACKEND=torch"):
        SharpnessAware(linear())
