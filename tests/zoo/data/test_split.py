"""Both representations of a split keep one contract."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from occam.zoo.data.split import ArraySplit, StreamSplit, endless

SIZE, BATCH, STEPS = 103, 10, 11
FEATURES = np.arange(SIZE * 6, dtype="uint16").reshape(SIZE, 3, 2)
LABELS = (np.arange(SIZE) % 4).astype("int32")


def array_split():
    return ArraySplit(FEATURES, LABELS)


def stream_split():
    stored = tf.data.Dataset.range(SIZE)
    return StreamSplit(stored, LABELS, (3, 2), lambda row: tf.gather(FEATURES, row), SIZE)


def test_targets_and_weights_must_have_the_length_of_the_features():
    for name in ("targets", "weights"):
        arrays = {"targets": LABELS, "weights": LABELS, name: LABELS[1:]}
        message = (
            rf"`{name}` must have 103 rows, like the features\. Received: {name}\.shape=\(102,\)"
        )
        with pytest.raises(ValueError, match=message):
            ArraySplit(FEATURES, **arrays)


@pytest.fixture(params=[array_split, stream_split])
def split(request):
    return request.param()


def epochs(split, first_epoch, count, seed=3):
    stream = endless(lambda number: split.epoch(number, BATCH, seed=seed), first_epoch)
    batches = list(stream.take(count * STEPS).as_numpy_iterator())
    return np.concatenate([features[:, 0, 0] for features, _ in batches]).reshape(count, SIZE)


def test_batches_are_float32_and_in_order(split, collect):
    features, labels = collect(split.batches(BATCH))
    assert (features.dtype, labels.dtype) == (np.float32, np.int32)
    np.testing.assert_array_equal(features, FEATURES)
    np.testing.assert_array_equal(labels, LABELS)
    assert split.batches(BATCH).element_spec[0].shape.as_list() == [None, 3, 2]


def test_subsets_of_subsets(split, collect):
    even, rest = np.arange(SIZE) % 2 == 0, np.arange(52) > 9
    chosen = split.subset(even).subset(rest)
    features, labels = collect(chosen.batches(BATCH))
    assert chosen.size == 42
    np.testing.assert_array_equal(features, FEATURES[even][rest])
    np.testing.assert_array_equal(labels, LABELS[even][rest])


def test_standardized_is_the_layer_to_the_bit(split, collect):
    layer = keras.layers.Normalization(mean=[3.7, 211.3], variance=[7.1, 0.3])
    layer.build((None, 3, 2))
    features, _ = collect(split.standardized(layer).batches(BATCH))
    expected = keras.ops.convert_to_numpy(layer(FEATURES.astype("float32")))
    np.testing.assert_array_equal(features, expected)


def test_each_epoch_has_its_own_order_of_all_examples(split):
    orders = epochs(split, 0, 3)
    for order in orders:
        assert sorted(order) == FEATURES[:, 0, 0].tolist()
    assert len({tuple(order) for order in orders}) == 3
    # No example prefers a place: the mean place of the first tenth is that of all.
    assert abs(np.mean([np.argsort(order)[:10].mean() for order in epochs(split, 0, 40)]) - 51) < 6


def test_an_order_depends_on_seed_and_epoch_alone(split):
    tf.random.set_seed(1)
    whole = epochs(split, 0, 5)
    tf.random.set_seed(2)
    np.testing.assert_array_equal(epochs(split, 3, 2), whole[3:])
    assert not np.array_equal(epochs(split, 0, 1, seed=4), whole[:1])


def test_labels_stay_with_their_examples(split):
    for features, labels in split.epoch(tf.constant(0, tf.int64), BATCH, seed=0):
        np.testing.assert_array_equal(labels, features[:, 0, 0].numpy() // 6 % 4)
