"""SAM and ASAM: golden steps by hand, and what must not change beside them."""

import keras
import numpy as np
import pytest
from keras import ops

from occam.callbacks import EarlyStopping
from occam.zoo.regularizers import L1, L2
from occam.zoo.training import SharpnessAware
from occam.zoo.training.sharpness_aware import uphill

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 3)).astype("float32")
Y = RNG.normal(size=(16, 1)).astype("float32")
LEARNING_RATE, RHO, STRENGTH = 0.1, 0.3, 0.05


def linear(**arguments):
    keras.utils.set_random_seed(1)
    dense = keras.layers.Dense(
        1, use_bias=False, kernel_regularizer=keras.regularizers.L2(STRENGTH)
    )
    return keras.Sequential([keras.Input((3,)), dense])


def network():
    """Everything with a state: BatchNorm, dropout, an activity penalty."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((3,))
    x = keras.layers.Dense(8, activity_regularizer=L2(0.01), kernel_regularizer=L1(0.01))(inputs)
    x = keras.layers.Dropout(0.5, seed=3)(keras.layers.BatchNormalization()(x))
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def fit(trainer, optimizer=None, **arguments):
    settings = {"jit_compile": False, **arguments}
    trainer.compile(optimizer or keras.optimizers.SGD(LEARNING_RATE), "mse", **settings)
    return trainer.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)


def gradient(w):
    """Of the mean squared error plus the penalty."""
    return 2 * X.T @ (X @ w - Y) / len(X) + 2 * STRENGTH * w


@pytest.mark.parametrize("eta", [None, 0.01])
def test_a_step_is_the_one_by_hand(eta):
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


def test_a_distance_of_0_is_the_plain_step_to_the_bit():
    plain, model = network(), network()
    expected = fit(plain, keras.optimizers.Adam()).history
    assert fit(SharpnessAware(model, 0.0), keras.optimizers.Adam()).history == expected
    for ours, theirs in zip(model.variables, plain.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_statistics_and_random_states_are_those_of_a_single_pass():
    plain, model = network(), network()
    for each in (plain, SharpnessAware(model, 0.5)):
        each.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=False)
        each.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    assert len(model.non_trainable_variables) == 3  # two statistics and the dropout's state
    for ours, theirs in zip(model.variables, plain.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


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


def test_rho_is_live_and_no_weight_of_the_model():
    model = linear()
    trainer = SharpnessAware(model, 0.0)
    trainer.compile(keras.optimizers.SGD(LEARNING_RATE), "mse")
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


@pytest.mark.parametrize(
    "settings",
    [
        {"steps_per_execution": 2},
        {"jit_compile": True},
        {"optimizer": {"gradient_accumulation_steps": 2}},
        {"optimizer": {"use_ema": True}},
    ],
)
def test_settings_of_compile(settings):
    settings = dict(settings)
    optimizer = keras.optimizers.SGD(LEARNING_RATE, **settings.pop("optimizer", {}))
    assert np.isfinite(fit(SharpnessAware(network()), optimizer, **settings).history["loss"]).all()


def test_half_precision_with_loss_scaling():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = network()
    finally:
        keras.config.set_dtype_policy("float32")
    trainer = SharpnessAware(model, 0.1)
    before = model.get_weights()[0]
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=2**9)
    assert np.isfinite(fit(trainer, optimizer).history["loss"]).all()
    assert not np.array_equal(model.get_weights()[0], before)


def test_two_outputs_and_sample_weights():
    inputs = keras.Input((3,))
    outputs = {name: keras.layers.Dense(1, name=name)(inputs) for name in "ab"}
    trainer = SharpnessAware(keras.Model(inputs, outputs))
    trainer.compile("sgd", {"a": "mse", "b": "mae"}, loss_weights={"a": 1.0, "b": 0.5})
    targets, weights = {"a": Y, "b": Y}, {"a": np.ones(16), "b": np.zeros(16)}
    before = trainer.model.get_layer("b").get_weights()[0]
    trainer.fit(X, targets, sample_weight=weights, verbose=0)
    np.testing.assert_array_equal(trainer.model.get_layer("b").get_weights()[0], before)


def test_callbacks_checkpoint_and_restore(tmp_path):
    trainer = SharpnessAware(network(), 0.1)
    trainer.compile(keras.optimizers.SGD(10.0), "mse", jit_compile=False)
    callbacks = [
        keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="loss"),
        EarlyStopping("loss", patience=1),
    ]
    trainer.fit(X, Y, epochs=20, callbacks=callbacks, verbose=0)
    loaded = keras.saving.load_model(tmp_path / "best.keras")
    assert (loaded.rho, loaded.adaptive, loaded.eta) == (0.1, False, 0.01)
    assert loaded.predict(X, verbose=0).shape == (16, 1)
    assert np.isfinite(trainer.predict(X, verbose=0)).all()
    np.testing.assert_allclose(
        trainer.predict(X, verbose=0), trainer.model.predict(X, verbose=0), rtol=1e-5
    )


def test_where_there_is_no_slope_there_is_no_step():
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"rho": -0.1},
            r"SharpnessAware: `rho` must be a number in \[0, inf\). Received: rho=-0.1",
        ),
        ({"eta": -1}, r"SharpnessAware: `eta` must be a number >= 0. Received: eta=-1"),
        ({"model": OwnStep(name="own")}, r"OwnStep defines its own `train_step`.*model='own'"),
        ({"model": keras.layers.Dense(1)}, r"`model` must be a keras.Model. Received: <Dense"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        SharpnessAware(**{"model": linear(), **arguments})


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(RuntimeError, match=r"one for JAX. Received: KERAS_BACKEND=torch"):
        SharpnessAware(linear())
