import keras
import numpy as np
import pytest

from occam.zoo.augmentation import LabelSmoothing, MixUp, Pipeline, RandomShift1D

X = np.arange(24, dtype="float32").reshape(4, 6, 1)
Y = np.array([0, 2, 1, 2])


@pytest.mark.parametrize("labels", [Y, Y[:, None], np.eye(3)[Y]])
def test_equals_what_keras_losses_do(labels):
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


def test_symbolic_outputs_are_what_comes_out():
    x, y = keras.Input((6, 1), dtype="uint8"), keras.Input((), dtype="int32")
    for layer in (LabelSmoothing(3), MixUp(3), Pipeline([RandomShift1D(2), MixUp(3)])):
        samples, labels = layer((x, y))
        assert (samples.shape, samples.dtype) == ((None, 6, 1), "uint8")
        assert (labels.shape, labels.dtype) == ((None, 3), "float32")
        model = keras.Model([x, y], [samples, labels])
        real = model([X.astype("uint8"), Y])
        assert [tuple(part.shape) for part in real] == [(4, 6, 1), (4, 3)]


def test_comes_back_from_its_config():
    layer = LabelSmoothing(3, 0.3)
    assert LabelSmoothing.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1,), "LabelSmoothing: `num_classes` must be an integer of at least 2. Received: .*=1"),
        ((3, 1.0), r"`epsilon` must be a number in \[0, 1\). Received: epsilon=1.0"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        LabelSmoothing(*arguments)


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
