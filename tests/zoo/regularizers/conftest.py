import keras
import numpy as np
import pytest
from keras import ops


@pytest.fixture
def check_regularizer(tmp_path):
    """The contract of every penalty: config, refusals, precision, and a life inside a model."""

    def check(make, strength):
        penalty = make(0.1)
        assert penalty.get_config()[strength] == 0.1
        assert type(penalty).from_config(penalty.get_config()).get_config() == penalty.get_config()
        check_refusals(make, strength)
        check_precision(make)
        check_strength_is_live_in_fit(make, strength)
        check_save_load_and_clone(make, tmp_path / "model.keras")

    return check


def check_refusals(make, strength):
    for wrong in (-0.1, float("nan"), float("inf"), "0.1", None, True):
        with pytest.raises(ValueError, match=rf"`{strength}` must be a number in \[0, inf\)"):
            make(wrong)
    penalty = make(0.5)
    with pytest.raises(ValueError, match=rf"Received: {strength}=-1"):
        setattr(penalty, strength, -1)
    assert getattr(penalty, strength) == 0.5


def check_precision(make):
    kernel = np.random.default_rng(0).normal(size=(64, 32)) * 30  # squares sum to 1.8e6
    exact = float(make(0.1)(ops.convert_to_tensor(kernel, "float32")))
    if not is_jax():  # which has no float64 unless it is switched on
        double = make(0.1)(ops.convert_to_tensor(kernel, "float64"))
        assert keras.backend.standardize_dtype(double.dtype) == "float64"
        assert float(double) == pytest.approx(exact, rel=1e-5)
    for dtype, tolerance in (("float16", 5e-3), ("bfloat16", 2e-2)):
        result = make(0.1)(ops.convert_to_tensor(kernel, dtype))
        assert keras.backend.standardize_dtype(result.dtype) == "float32"
        assert float(result) == pytest.approx(exact, rel=tolerance)


def is_jax():
    return keras.backend.backend() == "jax"


def check_strength_is_live_in_fit(make, strength):
    """On each backend; on TensorFlow nothing is traced again."""
    penalty = make(1.0)
    traces = []

    def traced(x):
        traces.append(1)
        return penalty(x)

    dense = keras.layers.Dense(3, kernel_regularizer=traced)
    model = keras.Sequential([keras.Input((4,)), dense])
    model.compile(keras.optimizers.SGD(0.0), lambda y, z: 0 * z)
    data = np.ones((6, 4), "float32"), np.ones((6, 3), "float32")
    model.fit(*data, verbose=0)
    once = len(traces)

    class Change(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            setattr(penalty, strength, [1.0, 3.0, 0.0][epoch])

    losses = model.fit(*data, epochs=3, verbose=0, callbacks=[Change()]).history["loss"]
    expected = float(make(1.0)(dense.kernel))
    np.testing.assert_allclose(losses, [expected, 3 * expected, 0], rtol=1e-5)
    assert is_jax() or len(traces) == once


def check_save_load_and_clone(make, path):
    penalty = make(0.7)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, kernel_regularizer=penalty)])
    model.save(path)
    for copy in (keras.saving.load_model(path), keras.models.clone_model(model)):
        copied = copy.layers[0].kernel_regularizer
        assert type(copied) is type(penalty)
        assert copied.get_config() == penalty.get_config()
        assert copied is not penalty
