import numpy as np
import pytest
import tensorflow as tf

from occam.exports import LiteRT

SPECS = {"x": tf.TensorSpec((None, 2), tf.float32, "x")}


@pytest.mark.parametrize(
    ("quantization", "calibration", "message"),
    [
        ("int4", None, "one of 'float32', .* Received: quantization='int4'"),
        ("int8", None, "quantization='int8' without `calibration`"),
        ("float16", {"x": np.zeros((1, 2))}, "quantization='float16' with `calibration`"),
    ],
)
def test_invalid_arguments_are_refused(quantization, calibration, message):
    with pytest.raises(ValueError, match=message):
        LiteRT(quantization, calibration=calibration)


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        ({"y": np.zeros((1, 2))}, r"the keys \['x'\]\. Received: \['y'\]"),
        ({"x": np.zeros((1, 3))}, r"must have the shape \(None, 2\)"),
        ({"x": np.zeros((0, 2))}, "at least one row"),
    ],
)
def test_calibration_must_fit_the_inputs(calibration, message):
    with pytest.raises(ValueError, match=message):
        LiteRT("int8", calibration=calibration).check(SPECS)


def test_half_the_bits_take_half_the_bytes(tmp_path):
    module = tf.Module()
    module.kernel = tf.Variable(np.random.default_rng(0).normal(size=(64, 64)).astype("float32"))
    spec = tf.TensorSpec((None, 64), tf.float32, "x")
    function = tf.function(lambda x: {"y": x @ module.kernel}, input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path / "saved"), {"serving_default": function})
    sizes = []
    for quantization in ("float32", "float16", "dynamic"):
        directory = tmp_path / quantization
        directory.mkdir()
        LiteRT(quantization).write(tmp_path / "saved", directory)
        sizes.append((directory / "model.tflite").stat().st_size)
    weights = 64 * 64 * 4
    assert weights < sizes[0] < weights + 3000
    assert weights / 2 < sizes[1] < weights / 2 + 3000
    assert weights / 4 < sizes[2] < weights / 4 + 3000
