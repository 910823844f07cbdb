import keras
import numpy as np
import pytest

from occam.zoo.augmentation import LabelSmoothing, MixUp, Pipeline, RandomShift1D
from occam.zoo.augmentation.label_smoothing import soft_labels

X = np.arange(24, dtype="float32").reshape(4, 6, 1)
Y = np.array([0, 2, 1, 2])


@pytest.mark.parametrize("labels", [Y, Y[:, None], np.eye(3)[Y]])
def test_equals_label_smoothing_in_keras_losses(labels):
    x, y = LabelSmoothing(3, 0.3)((X, labels), training=True)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_allclose(y, np.eye(3)[Y] * 0.7 + 0.1, rtol=1e-6)
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    theirs = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.3)
    plain = keras.losses.CategoricalCrossentropy(from_logits=True)
    expected = float(theirs(np.eye(3)[Y], logits))
    assert float(plain(y, logits)) == pytest.approx(expected, rel=1e-6)


def test_acts_in_training_only_and_is_live():
    layer = LabelSmoothing(3, 0.3)
    np.testing.assert_array_equal(layer((X, Y))[1], np.eye(3)[Y])
    layer.epsilon = 0.0
    np.testing.assert_array_equal(layer((X, Y), training=True)[1], np.eye(3)[Y])


def test_symbolic_and_real_outputs_agree():
    x, y = keras.Input((6, 1), dtype="uint8"), keras.Input((), dtype="int32")
    for layer in (LabelSmoothing(3), MixUp(3), Pipeline([RandomShift1D(2), MixUp(3)])):
        samples, labels = layer((x, y))
        assert (samples.shape, samples.dtype) == ((None, 6, 1), "uint8")
        assert (labels.shape, labels.dtype) == ((None, 3), "float32")
        model = keras.Model([x, y], [samples, labels])
        real = model([X.astype("uint8"), Y])
        assert [tuple(part.shape) for part in real] == [(4, 6, 1), (4, 3)]


def test_in_a_pipeline_with_layers_that_take_samples_only():
    pipeline = Pipeline([RandomShift1D(2), MixUp(3), LabelSmoothing(3, 0.3)], seed=1)
    assert pipeline.takes_labels
    x, y = pipeline((X, Y), training=True)
    assert not np.array_equal(x, X)
    np.testing.assert_allclose(np.sum(y, axis=1), 1, rtol=1e-6)
    assert np.min(y) >= 0.1 - 1e-6
    x, y = pipeline((X, Y))
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, np.eye(3)[Y])
    assert str(pipeline).splitlines()[1:] == [
        "MixUp(per='batch', alpha=0.2)",
        "LabelSmoothing(epsilon=0.3)",
    ]
    again = Pipeline.from_config(pipeline.get_config())
    assert again.get_config() == pipeline.get_config()


MULTI_HOT = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0]])


@pytest.mark.parametrize("dtype", ["int32", "float32", "bool"])
def test_multi_hot_labels_are_smoothed_as_by_binary_crossentropy(dtype):
    layer = LabelSmoothing(3, 0.3, multi_label=True)
    _, y = layer((X[:3], MULTI_HOT.astype(dtype)), training=True)
    np.testing.assert_allclose(y[0], [0.85, 0.85, 0.15], rtol=1e-6)
    p = np.random.default_rng(0).uniform(0.1, 0.9, size=(3, 3)).astype("float32")
    theirs = keras.losses.BinaryCrossentropy(label_smoothing=0.3)
    expected = float(theirs(MULTI_HOT.astype("float32"), p))
    assert float(keras.losses.BinaryCrossentropy()(y, p)) == pytest.approx(expected, rel=1e-6)
    assert LabelSmoothing.from_config(layer.get_config()).multi_label


@pytest.mark.parametrize("labels", [[0, 1, 1], [[0.0], [1.0], [1.0]]])
def test_labels_of_one_sigmoid_unit(labels):
    _, y = LabelSmoothing(1, 0.2, multi_label=True)((X[:3], np.array(labels)), training=True)
    np.testing.assert_allclose(y, [[0.1], [0.9], [0.9]], rtol=1e-6)


def test_rows_that_do_not_sum_to_one_are_an_error_unless_multi_label():
    message = r"must sum to one .*`multi_label=True`. Received: \[1.0, 1.0, 0.0\]"
    with pytest.raises(ValueError, match=message):
        LabelSmoothing(3, 0.3)((X[:3], MULTI_HOT), training=True)


@pytest.mark.tensorflow
def test_in_a_graph_rows_that_do_not_sum_to_one_are_nan():
    import tensorflow as tf

    layer = LabelSmoothing(3, 0.3)
    smooth = tf.function(lambda x, y: layer((x, y), training=True)[1])
    rows = smooth(X[:3], MULTI_HOT).numpy()
    assert np.isnan(rows[:2]).all()
    np.testing.assert_allclose(rows[2], [0.1, 0.8, 0.1], rtol=1e-6)


@pytest.mark.parametrize("layer", [MixUp(3, seed=1), MixUp(3, seed=1, multi_label=True)])
def test_multi_hot_labels_are_mixed_like_their_samples(layer):
    x, y = layer((MULTI_HOT.astype("float32"), MULTI_HOT), training=True)
    np.testing.assert_allclose(x, y, rtol=1e-6)


def test_labels_of_one_sigmoid_unit_are_mixed_like_their_samples():
    x = np.array([[0.0], [1.0], [1.0]], "float32")
    mixed, y = MixUp(1, seed=1, multi_label=True)((x, x[:, 0].astype("int32")), training=True)
    np.testing.assert_allclose(mixed, y, rtol=1e-6)


@pytest.mark.parametrize("layer", [MixUp(3), LabelSmoothing(3), Pipeline([MixUp(3)])])
@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((X, Y, np.ones(4)), r"without sample weights.*Received: tuple of 3"),
        ({"x": X, "y": Y}, r"must be a pair \(x, y\).*Received: dict with keys \['x', 'y'\]"),
        (X, r"must be a pair \(x, y\).*Received: float32 of shape \(4, 6, 1\)"),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_inputs_must_be_a_pair(layer, inputs, message, training):
    with pytest.raises(ValueError, match=f"{type(layer).__name__} .*{message}"):
        layer(inputs, training=training)


@pytest.mark.parametrize("inputs", [(X, Y), {"x": X}])
def test_layers_of_samples_take_one_tensor(inputs):
    with pytest.raises(ValueError, match=r"of RandomShift1D must be one numeric tensor. Received"):
        RandomShift1D(2)(inputs, training=True)


def test_mixing_takes_one_tensor_of_samples_and_smoothing_any():
    with pytest.raises(ValueError, match=r"of MixUp must be a pair.*dict with keys \['a'\]"):
        MixUp(3)(({"a": X}, Y), training=True)
    for layer in (LabelSmoothing(3), Pipeline([LabelSmoothing(3)])):
        x, _ = layer(({"a": X}, Y), training=True)
        np.testing.assert_array_equal(x["a"], X)


ROWS = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    "labels",
    [
        np.array([2, 0]),
        np.array([[2], [0]], "uint8"),
        np.array(ROWS),
        np.array(ROWS, "int64"),
    ],
)
def test_soft_labels_of_every_usual_form(labels):
    rows = np.asarray(soft_labels(labels, 3))
    assert rows.dtype == "float32"
    np.testing.assert_array_equal(rows, ROWS)


def test_soft_labels_stay():
    soft = np.array([[0.2, 0.3, 0.5]], "float32")
    np.testing.assert_array_equal(soft_labels(soft, 3), soft)


@pytest.mark.parametrize(
    ("labels", "received"),
    [
        (np.array([0.0, 1.0], "float32"), r"float32 of shape \(2,\)"),
        (np.zeros((2, 4), "int32"), r"int32 of shape \(2, 4\)"),
        (np.zeros((2, 1, 3), "float32"), r"float32 of shape \(2, 1, 3\)"),
    ],
)
def test_labels_of_another_form_are_refused(labels, received):
    with pytest.raises(
        ValueError, match=r"soft labels of shape \(batch, 3\). Received: " + received
    ):
        soft_labels(labels, 3)


@pytest.mark.parametrize("wrong", [-1, 3])
def test_an_integer_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=rf"must be in \[0, 3\). Received: {wrong}"):
        soft_labels(np.array([0, wrong]), 3)


@pytest.mark.tensorflow
def test_an_integer_out_of_range_is_nan_in_a_graph():
    import tensorflow as tf

    rows = tf.function(lambda labels: soft_labels(labels, 3))(tf.constant([2, 3]))
    np.testing.assert_array_equal(rows[0], ROWS[0])
    assert np.isnan(rows[1]).all()
