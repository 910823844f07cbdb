import copy
import pickle
import re

import keras
import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.linear_model import Lasso, LinearRegression, MultiTaskLasso

from occam.callbacks import BackupAndRestore, ProximalPenalty, Schedule
from occam.zoo.regularizers import GroupLasso

from ..conftest import Crash

RANDOM = np.random.default_rng(0)
SAMPLES, FEATURES = 60, 8
X = RANDOM.normal(size=(SAMPLES, FEATURES)).astype("float32")
W = np.array([3, -2, 1, 0.3, 0, 0, 0, 0], "float32")
Y = (X @ W + 0.5 * RANDOM.normal(size=SAMPLES) + 2).astype("float32")[:, None]
DOUBLE = X.astype("float64"), Y[:, 0].astype("float64")


def linear(optimizer=None, units=1, steps=1, **kwargs):
    """A linear model; its kernel begins at one."""
    dense = keras.layers.Dense(units, kernel_initializer="ones", name="dense", **kwargs)
    model = keras.Sequential([keras.Input((FEATURES,)), dense], name="linear")
    optimizer = keras.optimizers.SGD(0.1) if optimizer is None else optimizer
    model.compile(optimizer, "mse", steps_per_execution=steps)
    return model


def solve(model, y, *callbacks, epochs=15):
    """Full-batch descent, a hundred steps an epoch."""
    many = [np.tile(a, (100, 1)) for a in (X, y)]
    model.fit(
        *many,
        batch_size=SAMPLES,
        shuffle=False,
        epochs=epochs,
        verbose=0,
        callbacks=list(callbacks),
    )


def kernel(model):
    return model.get_weights()[0]


def fit(model, *callbacks, epochs=3, batch_size=15, **kwargs):
    return model.fit(
        X,
        Y,
        batch_size=batch_size,
        shuffle=False,
        epochs=epochs,
        verbose=0,
        callbacks=list(callbacks),
        **kwargs,
    )


@pytest.mark.parametrize("alpha", [0.05, 0.4, 2.0])
@pytest.mark.parametrize("steps", [1, 100])
def test_lasso_as_in_scikit_learn(alpha, steps):
    # scikit-learn halves the mean squared error, Keras does not.
    model = linear(steps=steps)
    solve(model, Y, ProximalPenalty(l1=2 * alpha))
    expected = Lasso(alpha, tol=1e-8).fit(*DOUBLE).coef_
    np.testing.assert_array_equal(kernel(model)[:, 0] != 0, expected != 0)
    np.testing.assert_allclose(kernel(model)[:, 0], expected, atol=1e-3)
    assert 0 < np.count_nonzero(expected) < FEATURES


def outputs(units=3):
    w = np.stack([W, W[::-1], 0.1 * W], 1)[:, :units]
    return (X @ w + 0.5 * np.random.default_rng(1).normal(size=(SAMPLES, units))).astype("float32")


def test_groups_of_inputs_as_in_scikit_learn():
    y, strength = outputs(2), 0.4
    model = linear(units=2, steps=100)
    solve(model, y, ProximalPenalty(group_lasso=strength, groups="inputs"))
    # Keras' mean is over the outputs, too, and a group has two weights.
    expected = (
        MultiTaskLasso(strength * 2**1.5 / 2, tol=1e-8).fit(DOUBLE[0], y.astype("float64")).coef_.T
    )
    dead = (expected == 0).all(1)
    np.testing.assert_array_equal((kernel(model) == 0).all(1), dead)
    np.testing.assert_allclose(kernel(model), expected, atol=1e-3)
    assert 0 < dead.sum() < FEATURES


def group_lasso_of_one_unit(x, y, strength):
    """argmin of  |xw - y|^2 * a + strength * |w|,  by the root of |w(r)| = r."""
    gram, target = x.T @ x, x.T @ y
    if np.linalg.norm(target) <= strength:
        return np.zeros(len(gram))

    def solution(length):
        return np.linalg.solve(gram + strength / length * np.eye(len(gram)), target)

    length = brentq(lambda r: np.linalg.norm(solution(r)) - r, 1e-9, 100)
    return solution(length)


def test_groups_of_outputs_are_whole_dead_units():
    y, strength = outputs(), 0.15
    model = linear(units=3, steps=100, use_bias=False)
    solve(model, y, ProximalPenalty(group_lasso=strength))
    scale = np.sqrt(2 / y.size)  # mean squared error as half a sum of squares
    x64, y64 = scale * X.astype("float64"), scale * y.astype("float64")
    expected = np.stack(
        [group_lasso_of_one_unit(x64, y64[:, i], strength * np.sqrt(FEATURES)) for i in range(3)], 1
    )
    np.testing.assert_array_equal((kernel(model) == 0).all(0), (expected == 0).all(0))
    np.testing.assert_allclose(kernel(model), expected, atol=1e-3)
    assert (expected == 0).all(0).sum() == 1


class Rate(keras.callbacks.Callback):
    """Another learning rate each epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.1 / (epoch + 1)


def by_hand(strength, rates, every=1, batch_size=15, epochs=3):
    """Proximal gradient descent in float64; an update each `every` batches."""
    w, b = np.ones(FEATURES), 0.0
    gradients, step = [], 0
    for _ in range(epochs):
        for start in range(0, SAMPLES, batch_size):
            x, y = X[start : start + batch_size], Y[start : start + batch_size, 0]
            error = x @ w + b - y
            gradients.append((2 * x.T @ error / len(y), 2 * error.mean()))
            if len(gradients) == every:
                rate = rates(step)
                w = w - rate * np.mean([g for g, _ in gradients], 0)
                b = b - rate * np.mean([g for _, g in gradients])
                w = np.sign(w) * np.maximum(np.abs(w) - rate * strength, 0)
                gradients = []
            step += 1
    return w


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("every", [None, 2])
@pytest.mark.parametrize("schedule", [True, False])
def test_each_update_by_hand(steps, every, schedule):
    """With the rate of the moment, scheduled or assigned, and one threshold an update."""
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.9)
    rate = decay if schedule else 0.1
    model = linear(keras.optimizers.SGD(rate, gradient_accumulation_steps=every), steps=steps)
    fit(model, ProximalPenalty(l1=2.0), *([] if schedule else [Rate()]))
    rates = (lambda t: 0.1 * 0.9**t) if schedule else (lambda t: 0.1 / (t // 4 + 1))
    expected = by_hand(2.0, rates, every or 1)
    np.testing.assert_allclose(kernel(model)[:, 0], expected, atol=1e-5)


@keras.saving.register_keras_serializable(package="tests")
class Traced(keras.layers.Layer):
    """Counts how often it is traced in training."""

    traces = 0

    def call(self, inputs, training=False):
        Traced.traces += bool(training)
        return inputs


class Strengths(keras.callbacks.Callback):
    def __init__(self, penalty, values):
        super().__init__()
        self.penalty, self.values = penalty, values

    def on_epoch_begin(self, epoch, logs=None):
        self.penalty.l1 = self.values[epoch]


def test_a_scheduled_strength_is_live_and_traces_nothing_again():
    model = keras.Sequential(
        [keras.Input((FEATURES,)), Traced(), keras.layers.Dense(1, kernel_initializer="ones")]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse")
    penalty = ProximalPenalty(l1=0.0)
    Traced.traces = 0
    seen = []
    history = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda e, logs: seen.append(Traced.traces)
    )
    schedule = Schedule(penalty, [0.0, 100.0, 0.0].__getitem__, attribute="l1")
    logs = fit(model, schedule, penalty, history).history
    assert [s == 1 for s in logs["sparsity"]] == [False, True, False]
    assert logs["rates/l1"] == [0.0, 100.0, 0.0]
    assert seen[0] == seen[1] == seen[2]


def test_a_strength_that_changes_by_steps_traces_nothing_again():
    model = linear()
    penalty, sums = ProximalPenalty(l1=0.0), []
    look = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: sums.append(abs(kernel(look.model)).sum())
    )
    schedule = Schedule(penalty, lambda step: 100.0 * (step == 1), attribute="l1", by="step")
    fit(model, schedule, penalty, look, epochs=1)
    assert [total == 0 for total in sums] == [False, True, False, False]


def test_a_constraint_is_kept_and_holds():
    model = linear(kernel_constraint=keras.constraints.NonNeg())
    constraint, count = model.layers[0].kernel.constraint, len(model.optimizer.variables)
    seen = []
    look = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: seen.append((model.layers[0].kernel.constraint, count))
    )
    solve(model, Y, ProximalPenalty(l1=0.8), look)
    expected = Lasso(0.4, positive=True, tol=1e-8).fit(*DOUBLE).coef_
    np.testing.assert_allclose(kernel(model)[:, 0], expected, atol=1e-3)
    assert model.layers[0].kernel.constraint is constraint
    assert all(one is constraint for one, _ in seen)  # out of sight, also during `fit`


def assert_trains_without_penalty(penalized, how="fit"):
    baseline = linear()
    for model in (baseline, penalized):
        model.set_weights([np.ones((FEATURES, 1)), np.zeros(1)])
        if how == "compile":
            model.compile(keras.optimizers.SGD(0.1), "mse")
        _ = fit(model) if how == "fit" else model.train_on_batch(X, Y)
    np.testing.assert_array_equal(kernel(baseline), kernel(penalized))


def test_nothing_is_left_behind():
    penalized = linear()
    fit(penalized, ProximalPenalty(l1=1.0))
    assert (kernel(penalized) == 0).any()
    assert len(penalized.optimizer.variables) == 2
    assert_trains_without_penalty(penalized)


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end"])
@pytest.mark.parametrize("how", ["fit", "train_on_batch", "compile"])
def test_an_exception_leaves_no_penalty_in_the_next_training(hook, how):
    penalized = linear()
    with pytest.raises(RuntimeError, match="crash"):
        fit(penalized, ProximalPenalty(l1=1.0), Crash(1, hook))
    assert_trains_without_penalty(penalized, how)


class Remakes(keras.callbacks.Callback):
    """Makes the training function anew, and puts the old one back at the end."""

    def on_train_begin(self, logs=None):
        self.found = self.model.train_function
        self.model.train_function = None
        self.model.make_train_function()

    def on_train_end(self, logs=None):
        self.model.train_function = self.found


@pytest.mark.parametrize("first", [True, False])
def test_other_callbacks_may_make_the_training_function_anew(first):
    penalized = linear()
    ours = [Remakes(), ProximalPenalty(l1=1.0)]
    fit(penalized, *(ours if first else ours[::-1]))
    assert (kernel(penalized) == 0).any()
    assert_trains_without_penalty(penalized)


def test_a_checkpoint_from_the_middle_loads_without_the_callback(tmp_path):
    path = tmp_path / "{epoch}.keras"
    saved = keras.callbacks.ModelCheckpoint(path, save_freq=2)
    model = linear(keras.optimizers.Adam(0.01))
    fit(model, ProximalPenalty(l1=1.0), saved)
    loaded = keras.models.load_model(tmp_path / "2.keras")  # a warning would be an error
    assert int(loaded.optimizer.iterations) == 8


def test_it_can_be_used_again_copied_and_pickled():
    penalty = ProximalPenalty(l1=0.5, exclude=["nothing"])
    before = copy.deepcopy(penalty)
    first, second, third, fourth = (linear() for _ in range(4))
    fit(first, penalty)
    fit(second, penalty)
    fit(third, copy.deepcopy(penalty))
    fit(fourth, pickle.loads(pickle.dumps(before)))
    for model in (second, third, fourth):
        np.testing.assert_array_equal(kernel(model), kernel(first))


def test_sparsity_is_logged_in_floats():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="inner")], name="nest")
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(4, name="outer"),
            keras.layers.BatchNormalization(),
            inner,
            keras.layers.Dense(1, name="head"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.05), "mse")
    logs = fit(model, ProximalPenalty(l1=0.5, exclude=["head"])).history
    kernels = [model.layers[0].kernel, inner.layers[0].kernel]
    layers = [model.layers[0].path, inner.layers[0].path]
    zeros = [float((np.asarray(k.value) == 0).mean()) for k in kernels]
    assert {name for name in logs if name.startswith("sparsity")} == {
        "sparsity",
        *(f"sparsity/{path}" for path in layers),
    }
    assert [logs[f"sparsity/{path}"][-1] for path in layers] == zeros
    assert logs["sparsity"][-1] == (32 * zeros[0] + 8 * zeros[1]) / 40
    assert all(type(value) is float for value in logs["sparsity"])
    assert 0 < logs["sparsity"][-1] < 1


def test_debiasing_trains_on_the_support_that_was_found():
    model = linear(steps=100)
    penalty = ProximalPenalty(l1=0.8, debias_from=10)
    solve(model, Y, penalty, epochs=20)
    support = Lasso(0.4).fit(*DOUBLE).coef_ != 0
    np.testing.assert_array_equal(kernel(model)[:, 0] != 0, support)
    unbiased = LinearRegression().fit(X[:, support], Y[:, 0]).coef_
    np.testing.assert_allclose(kernel(model)[support, 0], unbiased, atol=1e-3)
    assert penalty.debiasing
    fit(model, penalty, epochs=1)
    assert not penalty.debiasing


@pytest.mark.parametrize("crash", [1, 3])
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, crash):
    def callbacks(*others):
        penalty = ProximalPenalty(l1=0.0, debias_from=3)
        ours = [Strengths(penalty, [2.0] * 2 + [0.5] * 4), penalty]
        backup = BackupAndRestore(tmp_path, delete_checkpoint=False, callbacks=ours)
        return [*ours, *others, backup]

    whole, killed, resumed = (linear(keras.optimizers.Adam(0.05)) for _ in range(3))
    expected = fit(whole, *callbacks()[:-1], epochs=6).history
    with pytest.raises(RuntimeError, match="crash"):
        fit(killed, *callbacks(Crash(crash, "on_train_batch_end")), epochs=6)
    assert fit(resumed, *callbacks(), epochs=6).history == expected
    np.testing.assert_array_equal(kernel(resumed), kernel(whole))


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_adaptive_optimizers_make_exact_zeros(name):
    optimizer = getattr(keras.optimizers, name)(0.02)
    model = linear(optimizer, steps=10)
    solve(model, Y, ProximalPenalty(l1=0.5), epochs=4)
    zeros = kernel(model)[:, 0] == 0
    assert zeros.any()
    assert not zeros[:3].any()


def test_half_precision_keeps_its_dtype_and_has_zeros():
    model = linear(dtype="bfloat16")
    fit(model, ProximalPenalty(l1=2.0))
    assert model.layers[0].kernel.dtype == "bfloat16"
    assert (kernel(model) == 0).any()


def test_an_update_that_loss_scaling_skips_has_no_threshold():
    def trained(x):
        scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=2.0)
        model = linear(scaled)
        penalty = ProximalPenalty(l1=100.0)
        model.fit(x, Y, batch_size=15, shuffle=False, verbose=0, callbacks=[penalty])
        return kernel(model)

    assert (trained(X) == 0).all()
    assert (trained(X * np.nan) == 1).all()


def test_each_part_of_a_multi_optimizer_has_its_own_rate():
    model = keras.Sequential(
        [keras.Input((FEATURES,)), *(keras.layers.Dense(FEATURES, name=n) for n in ("a", "b"))]
    )
    parts = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.001))
    parts[".*a/.*"] = keras.optimizers.SGD(1e-6)
    model.compile(keras.optimizers.MultiOptimizer(parts), "mse")
    y = np.zeros((SAMPLES, FEATURES), "float32")
    model.fit(X, y, verbose=0, callbacks=[ProximalPenalty(l1=1000.0)])
    a, _, b, _ = model.get_weights()
    assert (b == 0).all()
    assert (a == 0).mean() < 0.1


@pytest.mark.parametrize(
    "regularizer",
    ["l1", keras.regularizers.L1L2(1e-4, 0.1), GroupLasso(0.1)],
    ids=["l1", "L1L2", "GroupLasso"],
)
def test_a_kernel_with_an_l1_or_group_lasso_regularizer_is_refused(regularizer):
    model = linear(kernel_regularizer=regularizer)
    with pytest.raises(ValueError, match=r"would count twice.* Received: .*dense/kernel"):
        fit(model, ProximalPenalty(l1=0.1))


def test_an_l2_regularizer_is_accepted():
    # As in scikit-learn's elastic net. The L1 here has strength 0.
    model = linear(kernel_regularizer=keras.regularizers.L1L2(0.0, 0.1), steps=100)
    fit(model, ProximalPenalty(l1=0.1))


def test_group_lasso_refuses_layers_with_unknown_units():
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.GRU(2), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    penalty = ProximalPenalty(group_lasso=0.1)
    x, y = np.zeros((2, 4, 2)), np.zeros((2, 1))
    with pytest.raises(ValueError, match=r"kernels with known units.* \S+gru_cell/kernel"):
        model.fit(x, y, verbose=0, callbacks=[penalty])
    model.fit(x, y, verbose=0, callbacks=[ProximalPenalty(group_lasso=0.1, exclude=["gru*"])])
    model.fit(x, y, verbose=0, callbacks=[ProximalPenalty(l1=0.1)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "`l1` or `group_lasso` must be given"),
        ({"l1": -1}, "must be a number in [0, inf). Received: l1=-1"),
        ({"group_lasso": float("nan")}, "Received: group_lasso=nan"),
        ({"l1": 1, "groups": "units"}, "one of 'outputs', 'inputs'. Received: groups='units'"),
        ({"l1": 1, "debias_from": -1}, "must be an integer >= 0 or None. Received: debias_from=-1"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ProximalPenalty(**arguments)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("l1", "much", "Received: l1='much'"),
        ("l1", None, r"must be a number in \[0, inf\)\. Received: l1=None"),
        ("group_lasso", 0.1, "must be given at the start.* Received: group_lasso=0.1"),
    ],
)
def test_an_assigned_strength_is_checked(name, value, message):
    penalty = ProximalPenalty(l1=0.1)
    with pytest.raises(ValueError, match=message):
        setattr(penalty, name, value)
    assert (penalty.l1, penalty.group_lasso) == (0.1, None)
    assert copy.deepcopy(penalty).group_lasso is None


def test_both_strengths_can_be_assigned_in_a_copy():
    both = copy.deepcopy(ProximalPenalty(l1=0, group_lasso=0))
    both.l1, both.group_lasso = 0.1, 0.2
    assert (both.l1, both.group_lasso) == (0.1, 0.2)
