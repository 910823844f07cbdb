import keras
import ml_dtypes
import numpy as np
import pytest

from occam.callbacks.stopping.best_weights import BestWeights, are_finite


def build(optimizer):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((2,)), *layers])
    model.compile(optimizer, "mse", jit_compile=False)
    return model


def step(model):
    model.train_on_batch(np.ones((4, 2)), np.ones((4, 1)))


def same(model, weights):
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_kept_weights_are_restored_exactly():
    model = build("sgd")
    kept = BestWeights()
    expected = [w.copy() for w in model.get_weights()]
    assert kept.keep(model)
    step(model)
    assert not np.array_equal(model.get_weights()[-1], expected[-1])
    kept.restore(model)
    same(model, expected)
    step(model)  # the kept weights are copies
    same_again = kept.weights
    kept.restore(model)
    same(model, same_again)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_not_kept(bad):
    model = build("sgd")
    kept = BestWeights()
    kept.keep(model)
    good = kept.weights
    model.set_weights([np.full_like(w, bad) for w in good])
    assert not kept.keep(model)
    kept.restore(model)
    same(model, good)


def test_finite():
    assert are_finite([np.zeros(2), np.ones(3, "int32")])
    assert not are_finite([np.zeros(2), np.array([1.0, -np.inf])])
    assert not are_finite([np.array([np.nan], ml_dtypes.bfloat16)])


OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    ),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_averages_of_the_optimizer_are_restored(optimizer):
    model = build(OPTIMIZERS[optimizer]())
    kept = BestWeights()
    for _ in range(3):
        step(model)
    kept.keep(model)
    raw = model.get_weights()
    kept.end_epoch(model)
    assert kept.undecided
    kept.begin_epoch(model)  # the model still has the raw weights: nobody swaps
    assert kept.swapped is False
    model.optimizer.finalize_variable_values(model.trainable_variables)
    expected = model.get_weights()
    assert not np.array_equal(expected[-1], raw[-1])
    step(model)
    kept.restore(model)
    same(model, expected)


def test_averages_that_were_swapped_into_the_model():
    model = build(OPTIMIZERS["sgd"]())
    for _ in range(3):
        step(model)
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(model)
    swap._swap_variables()
    kept = BestWeights()
    kept.keep(model)
    expected = model.get_weights()
    kept.end_epoch(model)
    swap._swap_variables()
    kept.begin_epoch(model)
    assert kept.swapped is True
    assert not kept.undecided
    kept.restore(model)
    same(model, expected)


def test_state_moves_to_another_instance():
    model = build(OPTIMIZERS["sgd"]())
    for _ in range(2):
        step(model)
    kept, other = BestWeights(), BestWeights()
    kept.keep(model)
    other.set_state(kept.get_state())
    step(model)
    kept.restore(model)
    expected = model.get_weights()
    step(model)
    other.restore(model)
    same(model, expected)
