"""`Weights`: what is read stays as it was, whatever training then does to the variables."""

import keras
import numpy as np
import pytest

from occam.callbacks.weight_copies import Weights, copies, copy_of

DTYPES = ["float32", "float16", "bfloat16", "float64", "int32", "int64", "uint32", "bool"]


def variables():
    value = np.arange(6).reshape(2, 3)
    made = [keras.Variable(value.astype("float32"), dtype=d, trainable=False) for d in DTYPES]
    return [*made, keras.Variable(2.5), keras.Variable(np.zeros((0, 3), "float32"))]


@pytest.mark.parametrize("read", ["snapshot", "copies"])
def test_every_dtype_and_shape_comes_back_to_the_bit(read):
    weights = Weights(variables())
    before = getattr(weights, read)()
    expected = copies(weights.variables)
    weights.assign([np.zeros(v.shape) for v in weights.variables])
    assert not any(np.any(np.asarray(value).astype("float64")) for value in weights.copies())
    weights.assign(before)
    for variable, value, known in zip(weights.variables, weights.copies(), expected, strict=True):
        np.testing.assert_array_equal(value, known)
        assert keras.backend.standardize_dtype(variable.dtype) == value.dtype.name


@pytest.mark.parametrize("jit_compile", [False, True])
def test_training_does_not_reach_what_was_read(jit_compile):
    # Values share the memory of the variables, until an update of these.
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(64), keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, "mse", jit_compile=jit_compile)
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    model.fit(x, x.sum(1), verbose=0)
    weights = Weights([*model.variables, *optimizer.variables])
    snapshot, arrays = weights.snapshot(), weights.copies()
    known = [np.array(array) for array in arrays]
    model.fit(x, x.sum(1), epochs=2, verbose=0)
    for array, at_first in zip(arrays, known, strict=True):
        np.testing.assert_array_equal(array, at_first)
    # And once more, with a snapshot as the memory of the variables.
    weights.assign(snapshot)
    model.fit(x, x.sum(1), epochs=2, verbose=0)
    assert any(np.any(now != then) for now, then in zip(weights.copies(), known, strict=True))
    weights.assign(snapshot)
    for now, then in zip(weights.copies(), known, strict=True):
        np.testing.assert_array_equal(now, then)


def test_variables_do_not_share_the_memory_of_arrays_given():
    weights = Weights([keras.Variable(np.zeros(16, "float32"))])
    given = np.ones(16, "float32")
    weights.assign([given])
    given[:] = 7
    assert weights.copies()[0].tolist() == [1.0] * 16
    weights.variables[0].assign(np.full(16, 3.0))
    assert given.tolist() == [7.0] * 16
    assert copy_of(weights.variables[0]).tolist() == [3.0] * 16
