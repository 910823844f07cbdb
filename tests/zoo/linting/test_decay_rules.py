"""OCC201 and OCC202, and `decay_of`: weight decay in the optimizer."""

import keras
import numpy as np
import pytest
from keras import layers, optimizers

from occam import zoo
from occam.zoo import regularizers
from occam.zoo.linting.decay_rules import decay_of


def model_with(optimizer, penalty="l2"):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, kernel_regularizer=penalty, name="dense"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(2, name="head"),
        ]
    )
    model.compile(optimizer, "mse")
    return model


DECAYING = [
    optimizers.AdamW(weight_decay=0.1),
    optimizers.SGD(weight_decay=0.1),
    optimizers.Lion(weight_decay=0.1),
    optimizers.LossScaleOptimizer(optimizers.AdamW(weight_decay=0.1)),
    optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.AdamW(weight_decay=0.1))),
]


@pytest.mark.parametrize("optimizer", DECAYING, ids=lambda optimizer: type(optimizer).__name__)
def test_two_shrinkages_and_decay_on_normalization(paths, optimizer):
    model = model_with(optimizer)
    assert paths("OCC201", model) == ["dense"]
    assert paths("OCC202", model) == ["norm"]
    assert zoo.lint(model, compiled=False) == []


@pytest.mark.parametrize("optimizer", [optimizers.AdamW(weight_decay=0.0), optimizers.Adam(), None])
def test_no_decay_no_finding(paths, optimizer):
    model = model_with(optimizer or "rmsprop")
    assert paths("OCC201", model) == []
    assert paths("OCC202", model) == []


def test_a_model_that_is_not_compiled():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, kernel_regularizer="l2")])
    assert zoo.lint(model) == []


@pytest.mark.parametrize(
    ("penalty", "found"),
    [
        (regularizers.L2(0.1), True),
        (regularizers.Sum(["l1", "l2"]), True),
        (keras.regularizers.L1L2(0.1, 0.1), True),
        (regularizers.L2(0.0), False),
        (keras.regularizers.L1(0.1), False),
        (None, False),
    ],
)
def test_only_l2_is_shrinkage_twice(paths, penalty, found):
    model = model_with(zoo.optimizers.AdamW(weight_decay=0.1), penalty)
    assert paths("OCC201", model) == ["dense"] * found


def test_ours_leaves_normalization_alone(paths):
    model = model_with(zoo.optimizers.AdamW(weight_decay=0.1), penalty=None)
    assert zoo.lint(model) == []
    everything = zoo.optimizers.AdamW(weight_decay=0.1, decay_min_rank=0, no_decay=())
    assert paths("OCC202", model_with(everything, penalty=None)) == ["norm"]


def test_excluded_variables_until_the_model_is_saved(paths, tmp_path):
    optimizer = optimizers.AdamW(weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta"])
    model = model_with(optimizer, penalty=None)
    assert paths("OCC202", model) == []
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")  # which forgets them
    assert paths("OCC202", loaded) == ["norm"]


def test_what_is_frozen_does_not_decay(paths):
    model = model_with(optimizers.AdamW(weight_decay=0.1))
    model.trainable = False
    assert paths("OCC202", model) == []
    assert paths("OCC201", model) == []


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.5, weight_decay=0.1),
        optimizers.SGD(0.5),
        optimizers.AdamW(0.5, weight_decay=0.1),
        optimizers.Muon(0.5, weight_decay=0.2, adam_weight_decay=0.1),
        optimizers.MultiOptimizer(lambda v: _SGD[v.path.endswith("kernel")]),
        zoo.optimizers.AdamW(0.5, weight_decay=0.1),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_decay_is_what_an_update_without_gradient_takes_away(optimizer):
    variables = [
        keras.Variable(np.ones((2, 3), "float32"), name="kernel"),
        keras.Variable([1.0], name="bias"),
    ]
    expected = [decay_of(optimizer, v) for v in variables]
    optimizer.build(variables)
    optimizer.apply([keras.ops.zeros(v.shape) for v in variables])
    taken = [1 - float(np.asarray(v).ravel()[0]) for v in variables]
    np.testing.assert_allclose(taken, [0.5 * decay for decay in expected], atol=1e-6)


_SGD = {True: optimizers.SGD(0.5, weight_decay=0.3), False: optimizers.SGD(0.5)}
