"""`Weights`: values that were read do not change when training changes the variables."""

import keras
import numpy as np
import pytest

from occam.callbacks.variables import Weights, copies, copy_of

DTYPES = ["float32", "float16", "bfloat16", "int32", "uint32", "bool"]
if keras.backend.backend() != "jax":  # has no 64-bit types by default
    DTYPES += ["float64", "int64"]


def variables():
    value = np.arange(6).reshape(2, 3)
    made = [keras.Variable(value.astype("float32"), dtype=d, trainable=False) for d in DTYPES]
    return [*made, keras.Variable(2.5), keras.Variable(np.zeros((0, 3), "float32"))]


@pytest.mark.parametrize("read", ["snapshot", "arrays"])
def test_every_dtype_and_shape_is_restored_exactly(read):
    weights = Weights(variables())
    before = getattr(weights, read)()
    expected = copies(weights.variables)
    weights.assign([np.zeros(v.shape) for v in weights.variables])
    assert not any(np.any(np.asarray(value).astype("float64")) for value in weights.arrays())
    weights.assign(before)
    for variable, value, known in zip(weights.variables, weights.arrays(), expected, strict=True):
        np.testing.assert_array_equal(value, known)
        assert keras.backend.standardize_dtype(variable.dtype) == value.dtype.name


@pytest.mark.parametrize("jit_compile", [False, True])
def test_training_does_not_change_values_that_were_read(jit_compile):
    # Values share the memory of the variables until their next update.
    words = keras.Input((3,), dtype="int32")
    hidden = keras.layers.Dense(8)(keras.layers.Flatten()(keras.layers.Embedding(9, 4)(words)))
    model = keras.Model(words, keras.layers.Dense(1)(keras.layers.BatchNormalization()(hidden)))
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, "mse", jit_compile=jit_compile)
    x = np.random.default_rng(0).integers(0, 9, size=(32, 3))
    model.fit(x, x.sum(1) / 9, verbose=0)
    weights = Weights([*model.variables, *optimizer.variables])
    snapshot, arrays = weights.snapshot(), weights.arrays()
    known = [np.array(array) for array in arrays]
    model.fit(x, x.sum(1) / 9, epochs=2, verbose=0)
    for array, at_first in zip(arrays, known, strict=True):
        np.testing.assert_array_equal(array, at_first)
    # And once more, with a snapshot as the memory of the variables.
    weights.assign(snapshot)
    model.fit(x, x.sum(1) / 9, epochs=2, verbose=0)
    assert any(np.any(now != then) for now, then in zip(weights.arrays(), known, strict=True))
    weights.assign(snapshot)
    for now, then in zip(weights.arrays(), known, strict=True):
        np.testing.assert_array_equal(now, then)


def test_variables_do_not_share_the_memory_of_arrays_given():
    weights = Weights([keras.Variable(np.zeros(16, "float32"))])
    given = np.ones(16, "float32")
    weights.assign([given])
    given[:] = 7
    assert weights.arrays()[0].tolist() == [1.0] * 16
    weights.variables[0].assign(np.full(16, 3.0))
    assert given.tolist() == [7.0] * 16
    assert copy_of(weights.variables[0]).tolist() == [3.0] * 16
