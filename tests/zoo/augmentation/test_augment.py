import keras
import numpy as np
import pytest

from occam.zoo.augmentation import FeatureNoise, Mix, MixUp, augment


def batches(count=20):
    import tensorflow as tf

    x = np.arange(4 * count * 6, dtype="float32").reshape(4 * count, 6, 1)
    return tf.data.Dataset.from_tensor_slices((x, np.arange(4 * count) % 3)).batch(4)


def arrays(dataset):
    return [np.concatenate(parts) for parts in zip(*dataset.as_numpy_iterator(), strict=True)]


@pytest.mark.parametrize("layer", [FeatureNoise(1.0), Mix(3, per="element")])
def test_parallel_calls_are_repeatable(layer):
    first, *others = (arrays(augment(batches(), layer, seed=5)) for _ in range(3))
    for other in others:
        for one, two in zip(first, other, strict=True):
            np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[0], arrays(augment(batches(), layer, seed=6))[0])


def test_batches_and_epochs_differ_and_can_be_resumed():
    layer = FeatureNoise(1.0)
    x, y = arrays(augment(batches(5).repeat(2), layer, seed=5))
    noise = (x - arrays(batches(5).repeat(2))[0]).reshape(10, -1)
    correlations = np.corrcoef(noise)[~np.eye(10, dtype=bool)]
    assert np.abs(correlations).max() < 0.95
    np.testing.assert_array_equal(y, np.tile(np.arange(20) % 3, 2))
    resumed, _ = arrays(augment(batches(5), layer, seed=5, start=5))
    np.testing.assert_array_equal(resumed, x[20:])


def test_a_changed_strength_reaches_the_next_pass():
    layer = FeatureNoise(0.0)
    noisy = augment(batches(), layer, seed=1)
    np.testing.assert_array_equal(arrays(noisy)[0], arrays(batches())[0])
    layer.stddev = 1.0
    assert not np.array_equal(arrays(noisy)[0], arrays(batches())[0])


def test_cardinality_and_partial_batches_stay():
    import tensorflow as tf

    x, y = np.zeros((12, 6, 1), "float32"), np.arange(12) % 3
    short = tf.data.Dataset.from_tensor_slices((x, y)).batch(5)
    augmented = augment(short, Mix(3, per="element"), seed=1)
    assert len(augmented) == 3
    assert [len(y) for _, y in augmented] == [5, 5, 2]
    assert augment(short.repeat(), Mix(3), seed=1).cardinality() == tf.data.INFINITE_CARDINALITY


def test_sample_weights_are_kept():
    triples = batches(1).map(lambda x, y: (x, y, 2 * y))
    for _, y, weights in augment(triples, FeatureNoise(1.0), seed=1):
        np.testing.assert_array_equal(weights, 2 * np.asarray(y))


def test_only_samples_with_labels():
    samples = batches(1).map(lambda x, y: x)
    with pytest.raises(ValueError, match=r"batches \(x, y\) or \(x, y, sample_weight\). Received"):
        augment(samples, FeatureNoise(1.0), seed=1)


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(RuntimeError, match=r"TensorFlow or JAX, but KERAS_BACKEND is 'torch'"):
        augment(None, FeatureNoise(1.0), seed=1)


def test_samples_that_the_layer_cannot_take():
    import tensorflow as tf

    named = batches(1).map(lambda x, y: ({"x": x}, y))
    with pytest.raises(
        ValueError, match=r"of FeatureNoise must be one numeric tensor.*keys \['x'\]"
    ):
        augment(named, FeatureNoise(0.1), seed=0)
    texts = batches(1).map(lambda x, y: (tf.strings.as_string(x), y))
    with pytest.raises(ValueError, match=r"of MixUp must be a pair \(x, y\) of numeric.*string"):
        augment(texts, MixUp(3), seed=0)
